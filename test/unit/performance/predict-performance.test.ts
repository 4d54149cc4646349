/** Performance where a task never ran: against fleets whose truth is known, and against measured programs with and without a co-runner. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { PerformanceModel, type ResourceView, type TaskView } from '../../../src/domain/performance/predict-performance.ts';
import { normal } from '../../support/wearing-units.ts';

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const idle = () => ({ load: 0, contention: 0 });

/** Three kinds of eight resources; tasks do differently on each kind, and each resource is a little off its nominal speed. */
function drawFleet(seed: number) {
  const rng = createRng(seed);
  const kinds = ['cpu', 'gpu', 'fpga'];
  const resources = Array.from({ length: 24 }, (_, r) => {
    const kind = kinds[r % 3] as string;
    const view: ResourceView = { id: `r${r}`, kind, nominalSpeed: [1, 1.5, 2][rng.below(3)] as number, loadAt: idle };
    return { view, log: 0.15 * normal(rng) - Math.log(view.nominalSpeed) + ({ cpu: 0, gpu: -1, fpga: -0.5 }[kind] ?? 0) };
  });
  const tasks = Array.from({ length: 40 }, (_, t) => {
    const view: TaskView = { id: `t${t}`, family: `t${t}`, size: 1, jobsPerS: 10 };
    const onKind = new Map(kinds.map((kind) => [kind, 0.4 * normal(rng)]));
    return { view, log: 7 + 1.2 * normal(rng), onKind };
  });
  type Task = (typeof tasks)[number];
  type Resource = (typeof resources)[number];
  const trueUs = (task: Task, resource: Resource): number =>
    Math.exp(task.log + resource.log + (task.onKind.get(resource.view.kind) ?? 0));
  return { rng, resources, tasks, trueUs };
}

describe('a fleet of which one pair in ten was measured', () => {
  const { rng, resources, tasks, trueUs } = drawFleet(1);
  const model = new PerformanceModel();
  const seen = new Set<string>();
  const meanOf = new Map<string, number[]>();
  for (const task of tasks) {
    for (const resource of resources) {
      if (rng.unit() > 0.1) continue;
      seen.add(`${task.view.id} ${resource.view.id}`);
      for (let job = 0; job < 20; job++) {
        const executionUs = trueUs(task, resource) * Math.exp(0.08 * normal(rng));
        const measured = meanOf.get(task.view.id) ?? [];
        meanOf.set(task.view.id, [...measured, Math.log(executionUs)]);
        model.observe(resource.view, task.view, { executionUs, responseUs: executionUs, load: 0, contention: 0 });
      }
    }
  }
  const unseen = tasks.flatMap((task) =>
    resources.flatMap((resource) => (seen.has(`${task.view.id} ${resource.view.id}`) ? [] : [{ task, resource }])),
  );

  test('the others are told far better than by what the task takes on average', () => {
    const wrong = unseen.map(({ task, resource }) => {
      const said = Math.log(model.predictPerformance(resource.view, task.view, 10).executionUs.expected);
      const logs = meanOf.get(task.view.id) ?? [7];
      const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
      const truth = Math.log(trueUs(task, resource));
      return { ours: Math.abs(said - truth), mean: Math.abs(mean - truth) };
    });
    expect(median(wrong.map(({ ours }) => ours))).toBeLessThan(0.6 * median(wrong.map(({ mean }) => mean)));
  });

  test('the better of two candidates is found nine times in ten where they differ by a half', () => {
    let [right, asked] = [0, 0];
    for (const task of tasks) {
      for (let r = 0; r + 1 < resources.length; r += 2) {
        const [one, two] = [resources[r], resources[r + 1]];
        if (one === undefined || two === undefined) continue;
        const [a, b] = [trueUs(task, one), trueUs(task, two)];
        if (Math.max(a, b) < 1.5 * Math.min(a, b)) continue;
        asked++;
        const said = (view: ResourceView): number => model.predictPerformance(view, task.view, 10).executionUs.expected;
        if (said(one.view) < said(two.view) === a < b) right++;
      }
    }
    expect(asked).toBeGreaterThan(200);
    expect(right / asked).toBeGreaterThan(0.85);
  });

  test('the band holds about four in five, and what rests on less says that it is less sure', () => {
    const inside = unseen.filter(({ task, resource }) => {
      const { low, high } = model.predictPerformance(resource.view, task.view, 10).executionUs;
      const us = trueUs(task, resource) * Math.exp(0.08 * normal(rng));
      return us >= low && us <= high;
    });
    expect(inside.length / unseen.length).toBeGreaterThan(0.7);
    expect(inside.length / unseen.length).toBeLessThan(0.95);
    const errors = new Map(
      unseen.map(({ task, resource }) => {
        const { basis, error } = model.predictPerformance(resource.view, task.view, 10);
        return [basis as string, error];
      }),
    );
    expect(errors.get('kind')).toBeLessThan(errors.get('task') as number);
  });

  test('a pair that was measured answers for itself, with a small error', () => {
    const [id] = seen;
    const [task, resource] = (id ?? '')
      .split(' ')
      .map((name) => [...tasks, ...resources].find(({ view }) => view.id === name)) as [
      (typeof tasks)[number],
      (typeof resources)[number],
    ];
    const { executionUs, basis, samples, error } = model.predictPerformance(resource.view, task.view, 10);
    expect(Math.abs(Math.log(executionUs.expected / trueUs(task, resource)))).toBeLessThan(0.08);
    expect({ basis, samples }).toEqual({ basis: 'measured', samples: 20 });
    expect(error).toBeLessThan(0.25);
  });
});

describe('one task', () => {
  const task: TaskView = { id: 'pid', family: 'pid', size: 1, jobsPerS: 100 };
  const at = (load: number, more: Partial<ResourceView> = {}): ResourceView => ({
    ...{ id: 'a', kind: 'cpu', nominalSpeed: 1 },
    loadAt: () => ({ load, contention: 0 }),
    ...more,
  });
  const measured = (): PerformanceModel => {
    const model = new PerformanceModel();
    for (let job = 0; job < 50; job++) {
      const executionUs = 1000 + 10 * (job % 5);
      model.observe(at(0), task, { executionUs, responseUs: executionUs / 0.5, load: 0.5, contention: 0 });
    }
    return model;
  };

  test('the load that is forecast for the horizon lengthens the latency, not the execution, and takes throughput', () => {
    const model = measured();
    const rising = at(0, { loadAt: (horizonS) => ({ load: horizonS / 100, contention: 0 }) });
    const [soon, late] = [model.predictPerformance(rising, task, 10), model.predictPerformance(rising, task, 90)];
    expect(soon.executionUs).toEqual(late.executionUs);
    expect(soon.latencyUs.expected).toBeCloseTo(1020 / 0.9, -2);
    expect(late.latencyUs.expected).toBeGreaterThan(8 * soon.executionUs.expected);
    expect(soon.jobsPerS.expected).toBe(100);
    expect(late.jobsPerS.expected).toBeCloseTo(98, 0);
    expect(soon.latencyUs.low).toBeGreaterThanOrEqual(soon.executionUs.low);
  });

  test('twice the work takes twice as long, twice the nominal speed half', () => {
    const model = measured();
    const base = model.predictPerformance(at(0), task, 1).executionUs.expected;
    expect(model.predictPerformance(at(0), { ...task, size: 2 }, 1).executionUs.expected / base).toBeCloseTo(2, 6);
    const faster = model.predictPerformance(at(0, { id: 'b', nominalSpeed: 2 }), task, 1);
    expect(faster.executionUs.expected / base).toBeCloseTo(0.5, 1);
    expect(faster.basis).toBe('kind');
    expect(model.predictPerformance(at(0, { id: 'g', kind: 'gpu' }), task, 1).basis).toBe('task');
    expect(model.predictPerformance(at(0), { ...task, id: 'other', family: 'other' }, 1).basis).toBe('resource');
    expect(model.predictPerformance(at(0, { id: 'z' }), { ...task, id: 'x', family: 'x' }, 1).basis).toBe('nothing');
  });

  test('nonsense is not learned, what is gone is forgotten, and knowing nothing is said', () => {
    const model = measured();
    const before = model.predictPerformance(at(0), task, 1);
    for (const executionUs of [Number.NaN, -1, 0])
      model.observe(at(0), task, { executionUs, responseUs: 1, load: 0, contention: 0 });
    expect(model.predictPerformance(at(0), task, 1)).toEqual(before);
    model.forget({ task: 'pid' });
    const { basis, error } = model.predictPerformance(at(0), task, 1);
    expect(basis).toBe('nothing');
    expect(error).toBeGreaterThan(5);
    expect(new PerformanceModel().predictPerformance(at(Number.NaN), task, 1).latencyUs.expected).toBeGreaterThan(0);
  });
});

const TRACES = new URL('../../../../shared/data/ecu_exec/', import.meta.url);

describe.skipIf(!existsSync(TRACES))('measured programs (skipped where ../shared/data is not beside the repository)', () => {
  const readTrace = (program: string, coRunner: 'on' | 'off'): { node: string; ticks: number }[] =>
    readFileSync(new URL(`${program}_c0-${coRunner}.csv`, TRACES), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [from, to, ticks] = line.split(',');
        return { node: `${from}-${to}`, ticks: Number(ticks) };
      });

  test('a node that never ran beside a co-runner is told from the other nodes of its program', () => {
    const model = new PerformanceModel();
    const beside = (contention: number): ResourceView => ({
      ...{ id: 'core', kind: 'cpu', nominalSpeed: 1 },
      loadAt: () => ({ load: 0, contention }),
    });
    const asked: { view: TaskView; alone: number; truth: number }[] = [];
    for (const program of ['G', 'H']) {
      const alone = readTrace(program, 'off');
      const together = readTrace(program, 'on');
      for (const [n, node] of [...new Set(alone.map((one) => one.node))].entries()) {
        const view: TaskView = { id: `${program} ${node}`, family: program, size: 1, jobsPerS: undefined };
        const ticksOf = (trace: typeof alone): number[] => trace.filter((one) => one.node === node).map(({ ticks }) => ticks);
        const learn = (ticks: number, contention: number): void =>
          model.observe(beside(contention), view, { executionUs: ticks / 5, responseUs: ticks / 5, load: 0, contention });
        for (const ticks of ticksOf(alone)) learn(ticks, 0);
        if (n % 3 === 0) for (const ticks of ticksOf(together)) learn(ticks, 1);
        else asked.push({ view, alone: median(ticksOf(alone)) / 5, truth: median(ticksOf(together)) / 5 });
      }
    }
    const errors = asked.map(({ view, truth }) => {
      const { executionUs } = model.predictPerformance(beside(1), view, 1);
      return Math.abs(executionUs.expected / truth - 1);
    });
    // Whoever does not know of the co-runner is wrong by more than half.
    expect(median(asked.map(({ alone, truth }) => Math.abs(alone / truth - 1)))).toBeGreaterThan(0.6);
    expect(median(errors)).toBeLessThan(0.08);
    expect(Math.max(...errors)).toBeLessThan(0.3);
  });
});

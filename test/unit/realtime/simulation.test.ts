/** The simulator by hand: what happens in one moment and in which order, what overheads cost, what is refused. */
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import {
  PLATFORM_DEFAULTS,
  type SimulatedPlatform,
  type SimulatedTask,
} from '../../../src/domain/realtime/simulation/platform.ts';
import { type Simulation, type SimulationOptions, simulate } from '../../../src/domain/realtime/simulation/simulate.ts';

const task = (wcetUs: number, periodUs: number, priority: number, more: Partial<SimulatedTask> = {}): SimulatedTask => ({
  wcetUs,
  periodUs,
  deadlineUs: periodUs,
  priority,
  ...more,
});

function run(
  tasks: readonly SimulatedTask[],
  durationUs: number,
  platform: Partial<SimulatedPlatform> = {},
  more: Partial<SimulationOptions> = {},
): Simulation {
  const result = simulate({
    tasks,
    durationUs,
    platform: { ...PLATFORM_DEFAULTS, ...platform },
    trace: { segmentsMax: 1000, jobsMax: 1000 },
    ...more,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** `core:task.number start-end` */
const story = ({ trace }: Simulation): string[] =>
  [...(trace?.segments() ?? [])].map(
    ({ core, task: of, number, startUs, endUs }) => `${core}:${of}.${number} ${startUs}-${endUs}`,
  );

describe('one core', () => {
  it('fixed priorities: preempts, resumes, counts responses from the release', () => {
    const simulation = run([task(2, 5, 2), task(4, 10, 1)], 10);
    expect(story(simulation)).toEqual(['0:0.0 0-2', '0:1.0 2-5', '0:0.1 5-7', '0:1.0 7-8']);
    expect(simulation.tasks[1]).toEqual({
      released: 2,
      completed: 1,
      maxResponseUs: 8,
      minResponseUs: 8,
      sumResponseUs: 8,
      preemptions: 1,
      migrations: 0,
      missedCompleted: 0,
      missedPending: 0,
      executedUs: 4,
      overheadUs: 0,
      core: undefined,
    });
    expect(simulation.coreBusyUs).toEqual([8]);
  });

  it('a job that ends when a more urgent one is released was not preempted', () => {
    const simulation = run([task(1, 10, 2, { offsetUs: 4 }), task(4, 20, 1)], 8);
    expect(story(simulation)).toEqual(['0:1.0 0-4', '0:0.0 4-5']);
    expect(simulation.tasks[1]?.preemptions).toBe(0);
  });

  it('EDF: the earlier absolute deadline; a running job is not preempted by an equal one', () => {
    const simulation = run([task(3, 12, 0, { offsetUs: 2 }), task(5, 14, 0, { deadlineUs: 14 })], 9, { scheduler: 'edf' });
    expect(story(simulation)).toEqual(['0:1.0 0-5', '0:0.0 5-8']);
    const earlier = run([task(3, 11, 0, { offsetUs: 2 }), task(5, 14, 0)], 9, { scheduler: 'edf' });
    expect(story(earlier)).toEqual(['0:1.0 0-2', '0:0.0 2-5', '0:1.0 5-8']);
  });

  it('not preemptive: what runs is finished first', () => {
    const simulation = run([task(1, 10, 2, { offsetUs: 1 }), task(4, 20, 1)], 8, { preemptive: false });
    expect(story(simulation)).toEqual(['0:1.0 0-4', '0:0.0 4-5']);
    expect(simulation.tasks[0]?.maxResponseUs).toBe(4);
  });

  it('round robin: slices in turn, a job released at the end of a slice goes before the one that had it', () => {
    const simulation = run([task(5, 100, 0), task(3, 100, 0, { offsetUs: 2 })], 20, { scheduler: 'rr', sliceUs: 2 });
    expect(story(simulation)).toEqual(['0:0.0 0-2', '0:1.0 2-4', '0:0.0 4-6', '0:1.0 6-7', '0:0.0 7-8']);
  });

  it('round robin alone keeps its core, and without preemption is first come, first served', () => {
    expect(story(run([task(5, 100, 0)], 20, { scheduler: 'rr', sliceUs: 2 }))).toEqual(['0:0.0 0-5']);
    const served = run([task(5, 100, 0), task(3, 100, 9, { offsetUs: 2 })], 20, {
      scheduler: 'rr',
      sliceUs: 2,
      preemptive: false,
    });
    expect(story(served)).toEqual(['0:0.0 0-5', '0:1.0 5-8']);
  });

  it('an overloaded task works off its jobs in order, and late ones are counted, done or not', () => {
    const { tasks, firstMiss } = run([task(7, 5, 1)], 20);
    expect(tasks[0]).toMatchObject({ released: 5, completed: 2, missedCompleted: 2, missedPending: 2, maxResponseUs: 9 });
    expect(firstMiss).toEqual({ task: 0, number: 0, deadlineUs: 5, finishUs: 7 });
    expect(run([task(7, 5, 1)], 20, {}, { stopAtMiss: true })).toMatchObject({
      endUs: 7,
      tasks: [{ completed: 1, executedUs: 7 }],
    });
  });
});

describe('more cores', () => {
  it('global: the least urgent running job gives way and goes on elsewhere, which is a migration', () => {
    const simulation = run([task(4, 20, 3, { offsetUs: 1 }), task(3, 20, 2), task(6, 20, 1)], 20, { cores: 2 });
    expect(story(simulation)).toEqual(['1:2.0 0-1', '0:1.0 0-3', '1:0.0 1-5', '0:2.0 3-8']);
    expect(simulation.tasks[2]).toMatchObject({ preemptions: 0, migrations: 1 });
  });

  it('partitioned: cores do not help each other; tasks are packed when they are bound to none', () => {
    const simulation = run([task(6, 10, 1), task(6, 10, 2), task(4, 10, 3)], 10, { cores: 2, placement: 'partitioned' });
    expect(simulation.tasks.map(({ core }) => core)).toEqual([0, 1, 0]);
    const bound = run([task(3, 10, 1, { core: 1 }), task(3, 10, 2, { core: 1 })], 10, { cores: 2, placement: 'partitioned' });
    expect(bound.coreBusyUs).toEqual([0, 6]);
  });
});

describe('what costs more', () => {
  it('resuming after a preemption costs on the same core, moving costs elsewhere', () => {
    const here = run([task(2, 100, 2, { offsetUs: 1 }), task(4, 100, 1)], 50, { preemptionUs: 3 });
    expect(here.tasks[1]).toMatchObject({ maxResponseUs: 9, executedUs: 4, overheadUs: 3 });
    const moved = run([task(4, 20, 3, { offsetUs: 1 }), task(3, 20, 2), task(6, 20, 1)], 20, {
      cores: 2,
      preemptionUs: 1,
      migrationUs: 5,
    });
    expect(moved.tasks[2]).toMatchObject({ maxResponseUs: 13, overheadUs: 5 });
  });

  it('a checkpoint is taken by the first job and then whenever its interval has passed', () => {
    const { trace } = run([task(2, 10, 1, { checkpoint: { costUs: 3, intervalUs: 25 } })], 69);
    expect([...(trace?.jobs() ?? [])].map(({ releaseUs, finishUs = 0 }) => finishUs - releaseUs)).toEqual([
      5, 2, 2, 5, 2, 2, 5,
    ]);
  });

  it('jitter delays a release, never its deadline, and jobs keep their order', () => {
    const { trace } = run([task(1, 10, 1, { jitterUs: 35 })], 2000);
    const jobs = [...(trace?.jobs() ?? [])].filter(({ finishUs }) => finishUs !== undefined);
    expect(jobs.length).toBeGreaterThan(150);
    expect(jobs.every(({ number, arrivalUs, deadlineUs }) => arrivalUs === number * 10 && deadlineUs === arrivalUs + 10)).toBe(
      true,
    );
    expect(jobs.every(({ arrivalUs, releaseUs }) => releaseUs >= arrivalUs && releaseUs <= arrivalUs + 35)).toBe(true);
    expect(jobs.every(({ releaseUs }, at) => at === 0 || releaseUs >= (jobs[at - 1]?.releaseUs ?? 0))).toBe(true);
  });
});

describe('chance', () => {
  const set = [
    task(50, 100, 2, { execution: { kind: 'uniform', minUs: 10, maxUs: 50 } }),
    task(90, 300, 1, { execution: { kind: 'normal', meanUs: 60, deviationUs: 10 }, jitterUs: 20 }),
  ];
  const facts = (seed: number, tasks = set, scheduler: SimulatedPlatform['scheduler'] = 'fp') => {
    const simulation = run(tasks, 30_000, { scheduler }, { rng: createRng(seed) });
    return { simulation, jobs: [...(simulation.trace?.jobs() ?? [])] };
  };

  it('one seed gives one life, another seed another', () => {
    expect(facts(7).simulation.tasks).toEqual(facts(7).simulation.tasks);
    expect(facts(7).jobs).toEqual(facts(7).jobs);
    expect(facts(8).jobs).not.toEqual(facts(7).jobs);
  });

  it('a job takes as long under one scheduler as under another, and beside other tasks', () => {
    const executed = (simulation: Simulation) => simulation.tasks[1]?.executedUs;
    const [fp, edf] = [facts(7).simulation, facts(7, set, 'edf').simulation];
    expect(fp.tasks[1]?.completed).toBe(edf.tasks[1]?.completed);
    expect(executed(fp)).toBe(executed(edf));
    expect(executed(facts(7, [...set, task(1, 50, 3)]).simulation)).toBe(executed(fp));
  });
});

describe('what is refused', () => {
  const refusal = (tasks: readonly SimulatedTask[], platform: Partial<SimulatedPlatform> = {}, durationUs = 1000) => {
    const result = simulate({ tasks, durationUs, platform: { ...PLATFORM_DEFAULTS, ...platform } });
    return result.ok ? 'accepted' : result.error;
  };

  it('an empty set', () => expect(refusal([])).toEqual({ kind: 'no-tasks' }));

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])('a WCET of %d', (wcetUs) => {
    expect(refusal([task(1, 10, 1), task(wcetUs, 10, 1)])).toMatchObject({ kind: 'bad-field', task: 1, field: 'wcetUs' });
  });

  it.each(['periodUs', 'deadlineUs', 'offsetUs', 'jitterUs', 'priority'] as const)('a fraction as %s', (field) => {
    expect(refusal([{ ...task(1, 10, 1), [field]: 2.5 }])).toMatchObject({ kind: 'bad-field', task: 0, field });
  });

  it('cores and durations beyond reason', () => {
    expect(refusal([task(1, 10, 1)], { cores: 0 })).toMatchObject({ field: 'cores' });
    expect(refusal([task(1, 10, 1)], { cores: 1e9 })).toMatchObject({ field: 'cores' });
    expect(refusal([task(1, 10, 1)], {}, 2 ** 53)).toMatchObject({ field: 'durationUs' });
    expect(refusal([task(1, 1, 1)], {}, 2 ** 41)).toMatchObject({ kind: 'too-much-work', steps: 2 ** 41 + 1 });
    expect(refusal([task(1, 2 ** 41, 1)], { scheduler: 'rr', sliceUs: 1 }, 2 ** 41)).toMatchObject({ kind: 'too-much-work' });
  });

  it('too many tasks, a set that does not pack, one bound task among others, a distribution beyond the WCET', () => {
    expect(refusal(Array.from({ length: 1025 }, () => task(1, 1e6, 1)))).toMatchObject({ kind: 'too-many-tasks' });
    const packed = { placement: 'partitioned', cores: 2 } as const;
    expect(refusal([task(6, 10, 1), task(6, 10, 1), task(6, 10, 1)], packed)).toEqual({
      kind: 'does-not-pack',
      task: 2,
      cores: 2,
    });
    expect(refusal([task(1, 10, 1, { core: 1 }), task(1, 10, 1)], packed)).toEqual({ kind: 'half-bound', task: 1 });
    expect(refusal([task(5, 10, 1, { execution: { kind: 'uniform', minUs: 1, maxUs: 6 } })])).toMatchObject({
      kind: 'bad-execution',
    });
  });
});

/** What a twin of traces learns from, draws and is judged by; without a trainer, which has its own test (`learn-tensorflow.test.ts`). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDataset, decodeTraces, encodeDataset } from '../../../infra/arrow/dataset-file.ts';
import { simulatedTraces } from '../../../src/app/learn/simulated-label.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { learnScale } from '../../../src/domain/learn/examples.ts';
import { crps, scoreTraces } from '../../../src/domain/learn/trace-score.ts';
import {
  bootstrapSource,
  drawTrace,
  poolOf,
  scaleConditions,
  TASK_CONDITIONS,
  traceExamples,
  traceScaleOf,
  writeConditions,
} from '../../../src/domain/learn/trace-twin.ts';
import { jobsByTask, responsesOf, type TracedSets } from '../../../src/domain/learn/traces.ts';
import { drawSets } from '../../support/learn-sets.ts';

const JOBS = 14;

/** Sets that were simulated without pre-emption, as a file and as it is read back. */
function simulated(seed: number, count: number): { readonly bytes: Uint8Array; readonly traced: TracedSets } {
  const rng = createRng(seed, 'traces');
  const rows = drawSets(seed, count).map((tasks, s) => ({
    tasks,
    ...simulatedTraces(tasks, { policy: 'npfp', cores: 1, traces: JOBS }, rng.stream(`set ${s}`)),
  }));
  const bytes = encodeDataset(rows, { firstSet: 0, spec: '{}', more: { 'drover.label': 'simulation' } });
  return { bytes, traced: decodeTraces(bytes, 'it') };
}

const { bytes, traced } = simulated(1, 30);
const scaled = (from: TracedSets) => {
  const conditions = writeConditions(from.sets);
  const rowCounts = new Uint16Array(conditions.length / TASK_CONDITIONS).fill(1);
  scaleConditions(conditions, learnScale({ values: conditions, width: TASK_CONDITIONS, rowsPerExample: 1, rowCounts }));
  return conditions;
};
const conditions = scaled(traced);
const scale = traceScaleOf(traced);
const pool = poolOf(traced, conditions, scale);

describe('simulated traces', () => {
  it('hold so many jobs of each task, none shorter than half of its WCET or longer than it, none done before it ran', () => {
    const { sets, jobs } = traced;
    for (let s = 0; s < sets.count; s++) {
      for (const [k, own] of jobsByTask(sets, jobs, s).entries()) {
        expect(own).toHaveLength(JOBS);
        const c = sets.wcetUs[(sets.starts[s] as number) + k] as number;
        for (const j of own) {
          const [execution, stop] = [jobs.executionUs[j] as number, jobs.stopUs[j] as number];
          expect(execution).toBeLessThanOrEqual(c);
          if (stop === 0) continue;
          expect(execution).toBeGreaterThanOrEqual(c / 2);
          expect(stop - (jobs.releaseUs[j] as number)).toBeGreaterThanOrEqual(execution);
        }
      }
    }
  });

  it('are labelled by these jobs, and read like any other data set', () => {
    const { sets, jobs } = traced;
    expect(decodeDataset(bytes, 'it')).toMatchObject({ hasJobs: true, sets });
    let late = 0;
    for (let s = 0; s < sets.count; s++) {
      const isLate = jobsByTask(sets, jobs, s).some((own, k) =>
        own.some((j) => {
          const stop = jobs.stopUs[j] as number;
          const d = sets.deadlineUs[(sets.starts[s] as number) + k] as number;
          return stop === 0 || stop - (jobs.releaseUs[j] as number) > d;
        }),
      );
      expect(sets.schedulable[s]).toBe(isLate ? 0 : 1);
      if (isLate) late++;
    }
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThan(sets.count);
  });

  it('are the same again, from the same seed', () => {
    expect(simulated(1, 30).bytes).toEqual(bytes);
    expect(simulated(2, 30).bytes).not.toEqual(bytes);
  });

  it('are refused where they contradict themselves, or are not there', () => {
    const tasks = [{ wcetUs: 2, periodUs: 10, deadlineUs: 10, priority: 1 }];
    const job = { task: 0, releaseUs: 5, startUs: 5, stopUs: 7, executionUs: 2, onTime: true };
    const file = (jobs: readonly (typeof job)[]) =>
      encodeDataset([{ tasks, responsesUs: [2], jobs }], { firstSet: 0, spec: '' });
    expect(decodeTraces(file([job]), 'it').jobs.stopUs).toEqual(Float64Array.of(7));
    expect(() => decodeTraces(file([{ ...job, task: 1 }]), 'it')).toThrow('it: row 0 has a job of a task that it has not');
    expect(() => decodeTraces(file([{ ...job, stopUs: 4 }]), 'it')).toThrow('it: row 0 has a job that was done before');
    const none = encodeDataset([{ tasks, responsesUs: [2] }], { firstSet: 0, spec: '' });
    expect(() => decodeTraces(none, 'it')).toThrow(/it: holds no jobs: traces come from/);
  });
});

describe('the bootstrap', () => {
  it('that may take only the most similar task gives each task its own jobs back', () => {
    const { sets, jobs } = traced;
    const source = bootstrapSource(pool, 1);
    for (const s of [0, 7, 29]) {
      const own = jobsByTask(sets, jobs, s);
      const trace = drawTrace(source, scale, { sets, s, conditions, jobsOf: () => JOBS }, createRng(3));
      expect(trace.map(({ releaseUs }) => releaseUs)).toEqual(trace.map(({ releaseUs }) => releaseUs).sort((a, b) => a - b));
      for (const [task, seen] of own.entries()) {
        const c = sets.wcetUs[(sets.starts[s] as number) + task] as number;
        const drawn = trace.filter((job) => job.task === task).map(({ executionUs }) => executionUs);
        for (const [at, j] of seen.entries()) {
          const execution = jobs.executionUs[j] as number;
          // A job that never began counts as one of its WCET; numbers are floats.
          expect(Math.abs((drawn[at] as number) - (execution > 0 ? execution : c))).toBeLessThanOrEqual(1 + c * 1e-3);
        }
      }
    }
  });

  it('among similar tasks foretells other sets better than among all', () => {
    const others = simulated(9, 15).traced;
    const rows = writeConditions(others.sets);
    const all = writeConditions(traced.sets);
    const rowCounts = new Uint16Array(all.length / TASK_CONDITIONS).fill(1);
    scaleConditions(rows, learnScale({ values: all, width: TASK_CONDITIONS, rowsPerExample: 1, rowCounts }));
    const score = (nearest: number) =>
      scoreTraces(bootstrapSource(pool, nearest), scale, { traced: others, conditions: rows }, createRng(1)).response;
    expect(score(20)).toBeLessThan(0.95 * score(Number.POSITIVE_INFINITY));
  });
});

it('examples are blocks of jobs, the next one following from the last job of the one before', () => {
  const { real, used, conditions: said, conditionCount } = traceExamples(pool);
  const tasks = pool.starts.length - 1;
  expect(used.length).toBe(2 * tasks);
  expect([...used].slice(0, 4)).toEqual([24, 4, 24, 4]);
  expect(real.length).toBe(used.length * 24);
  const chainOf = (example: number) => [...said.subarray((example + 1) * conditionCount - 3, (example + 1) * conditionCount)];
  expect(chainOf(0)).toEqual([0, 0, 0]);
  expect(chainOf(1)).toEqual([1, pool.jobs[22], pool.jobs[23]]);
});

it('the longest response of a task is 0 where a job of it was late', () => {
  const job = { task: 0, releaseUs: 0, startUs: 0, stopUs: 3, executionUs: 3, onTime: true };
  const late = { ...job, task: 1, stopUs: 9, onTime: false };
  expect(responsesOf(3, [job, { ...job, stopUs: 5 }, { ...late, onTime: true }, late])).toEqual([5, 0, 0]);
});

it('CRPS is what its definition says, and least for whoever draws from the truth', () => {
  const value = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { minLength: 2, maxLength: 12 }), value, (draws, seen) => {
      const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
      const pairs = draws.flatMap((a, i) => draws.flatMap((b, j) => (i === j ? [] : [Math.abs(a - b)])));
      const expected = mean(draws.map((x) => Math.abs(x - seen))) - mean(pairs) / 2;
      expect(crps(Float64Array.from(draws), seen)).toBeCloseTo(expected, 9);
    }),
  );
  const rng = createRng(4);
  const scoreOf = (spread: number): number => {
    let sum = 0;
    for (let k = 0; k < 400; k++) {
      const draws = Float64Array.from({ length: 24 }, () => 0.5 + spread * (rng.unit() - 0.5));
      sum += crps(draws, rng.unit());
    }
    return sum / 400;
  };
  expect(scoreOf(1)).toBeLessThan(scoreOf(0.2));
  expect(scoreOf(1)).toBeLessThan(scoreOf(4));
});

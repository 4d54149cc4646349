/** What must hold for every task set: the analyses against a dumb twin, against each other, and against themselves. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from '../../src/domain/realtime/analyse.ts';
import { EDF_FITS, edfVerdict } from '../../src/domain/realtime/edf-demand.ts';
import { edfResponses } from '../../src/domain/realtime/edf-response-time.ts';
import { ALL_MEET, fixedPriorityMiss, fixedPriorityResponses } from '../../src/domain/realtime/fixed-priority.ts';
import { nonPreemptiveEdfResponses, nonPreemptiveEdfVerdict } from '../../src/domain/realtime/nonpreemptive-edf.ts';
import type { Platform } from '../../src/domain/realtime/platform.ts';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';
import { responseTimesUs, responseTimeUs } from '../../src/domain/realtime/response-time.ts';
import { largestWcetUs, smallestCheckpointIntervalUs } from '../../src/domain/realtime/sensitivity.ts';
import { tableOf } from '../../src/domain/realtime/task-table.ts';
import {
  compareLoad,
  isRateMonotonic,
  withinHyperbolic,
  withinLiuLayland,
} from '../../src/domain/realtime/utilisation-bounds.ts';
import { type Arrival, type TwinPlatform, worstObservedUs } from '../support/tick-scheduler.ts';

interface Shape {
  readonly tasksMax?: number;
  readonly periodMax?: number;
  readonly jitter?: boolean;
  readonly blocking?: boolean;
  /** Deadlines up to so many periods. */
  readonly deadlinePeriods?: number;
}

/** Small numbers, so that everything collides. The first task is the most urgent. */
function smallSet({ tasksMax = 4, periodMax = 14, jitter = false, blocking = false, deadlinePeriods = 1 }: Shape = {}) {
  const task = fc.integer({ min: 2, max: periodMax }).chain((periodUs) =>
    fc.record({
      periodUs: fc.constant(periodUs),
      wcetUs: fc.integer({ min: 1, max: Math.max(1, Math.floor(periodUs / 2)) }),
      deadlineUs: fc.integer({ min: 1, max: periodUs * deadlinePeriods }),
      jitterUs: jitter ? fc.integer({ min: 0, max: periodUs }) : fc.constant(0),
      blockingUs: blocking ? fc.integer({ min: 0, max: 5 }) : fc.constant(0),
    }),
  );
  return fc
    .array(task, { minLength: 1, maxLength: tasksMax })
    .map((tasks): RealtimeTask[] => tasks.map((one, index) => ({ ...one, priority: -index })));
}

const HORIZON_US = 160;

/** Arrivals no denser than the periods: together at the start or spread, with jitter at its most, its least, or drawn. */
function arrivalsOf(tasks: readonly RealtimeTask[], draw: fc.GeneratorValue): Arrival[] {
  const style = draw(fc.constantFrom, 'together', 'spread', 'loose');
  return tasks.flatMap(({ periodUs, jitterUs = 0 }, task) => {
    const all: Arrival[] = [];
    let arrivalUs = style === 'together' ? -jitterUs : draw(fc.integer, { min: -jitterUs, max: 12 });
    while (arrivalUs < HORIZON_US / 2) {
      const earliest = Math.max(0, arrivalUs);
      const releaseUs =
        style === 'together' ? earliest : draw(fc.integer, { min: earliest, max: Math.max(earliest, arrivalUs + jitterUs) });
      all.push({ task, arrivalUs, releaseUs });
      arrivalUs += periodUs + (style === 'loose' ? draw(fc.integer, { min: 0, max: 3 }) : 0);
    }
    return all;
  });
}

const PLATFORMS: readonly (Platform & TwinPlatform)[] = [
  { cores: 1, scheduler: 'fp', preemptive: true, placement: 'partitioned' },
  { cores: 1, scheduler: 'fp', preemptive: false, placement: 'partitioned' },
  { cores: 1, scheduler: 'edf', preemptive: true, placement: 'partitioned' },
  { cores: 1, scheduler: 'edf', preemptive: false, placement: 'partitioned' },
  { cores: 2, scheduler: 'fp', preemptive: true, placement: 'global' },
  { cores: 3, scheduler: 'fp', preemptive: true, placement: 'global' },
  { cores: 2, scheduler: 'edf', preemptive: true, placement: 'global' },
  { cores: 3, scheduler: 'edf', preemptive: true, placement: 'global' },
];
const named = PLATFORMS.map(
  (platform) =>
    [`${platform.cores} core(s), ${platform.preemptive ? '' : 'non-pre-emptive '}${platform.scheduler}`, platform] as const,
);

describe('against the dumb twin', () => {
  test.each(named)('%s: what is said to meet its deadline does, and no response is above its bound', (_, platform) => {
    const shape = { jitter: true, tasksMax: platform.cores * 2 + 2, ...(platform.cores === 1 ? { deadlinePeriods: 2 } : {}) };
    fc.assert(
      fc.property(smallSet(shape), fc.gen(), (tasks, draw) => {
        const { schedulable, tasks: verdicts } = analyse(tasks, platform);
        if (verdicts.every(({ responseUs }) => responseUs === undefined) && schedulable !== true) return;
        // Under EDF a bound rests on all deadlines being met or not alike; under global EDF on all being met.
        if (platform.placement === 'global' && schedulable !== true) return;
        const observed = worstObservedUs(tasks, arrivalsOf(tasks, draw), platform, HORIZON_US);
        verdicts.forEach(({ meets, responseUs }, index) => {
          const { deadlineUs } = tasks[index] as RealtimeTask;
          if (meets === true) expect(observed[index]).toBeLessThanOrEqual(responseUs ?? deadlineUs);
        });
      }),
      { numRuns: 120 },
    );
  });

  test('fixed priorities: together at time 0 the twin shows exactly the worst response', () => {
    fc.assert(
      fc.property(smallSet(), (tasks) => {
        fc.pre(responseTimesUs(tasks).ok);
        const together = tasks.flatMap(({ periodUs }, task) =>
          Array.from({ length: Math.ceil(HORIZON_US / 2 / periodUs) }, (_, k) => ({
            task,
            arrivalUs: k * periodUs,
            releaseUs: k * periodUs,
          })),
        );
        const observed = worstObservedUs(tasks, together, { cores: 1, scheduler: 'fp', preemptive: true }, HORIZON_US);
        expect(responseTimesUs(tasks)).toEqual({ ok: true, value: observed });
      }),
      { numRuns: 100 },
    );
  });
});

describe('against each other', () => {
  test('the quick forms of fixed priorities say what the full one says', () => {
    fc.assert(
      fc.property(smallSet({ tasksMax: 7, periodMax: 60, jitter: true, blocking: true }), (tasks) => {
        const table = tableOf(tasks);
        const n = tasks.length;
        const full = tasks.map((_, index) => responseTimeUs(tasks, index));
        const schedulable = full.every((response) => response.ok);
        const responseUs = new Float64Array(n);
        expect(fixedPriorityMiss(table, 0, n) === ALL_MEET).toBe(schedulable);
        expect(fixedPriorityResponses(table, 0, n, responseUs)).toBe(full.findIndex((response) => !response.ok));
        full.forEach((response, index) => {
          if (response.ok) expect(responseUs[index]).toBe(response.value);
          else expect(responseUs[index]).toBeGreaterThan((tasks[index] as RealtimeTask).deadlineUs);
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['pre-emptive', true],
    ['non-pre-emptive', false],
  ])('EDF, %s: the demand says yes exactly when every response is in time', (_, preemptive) => {
    fc.assert(
      fc.property(smallSet({ tasksMax: 5, periodMax: 20, jitter: true, deadlinePeriods: 2 }), (tasks) => {
        fc.pre(compareLoad(tasks, 1) < 0);
        const responseOf = preemptive ? edfResponses(tasks) : nonPreemptiveEdfResponses(tasks);
        const verdict = preemptive ? edfVerdict(tableOf(tasks), 0, tasks.length) : nonPreemptiveEdfVerdict(tasks);
        expect(verdict === EDF_FITS).toBe(tasks.every((__, index) => responseOf(index).ok));
      }),
      { numRuns: 1_000 },
    );
  });

  test('the utilisation bounds accept nothing that the exact test refuses', () => {
    fc.assert(
      fc.property(smallSet({ tasksMax: 6, periodMax: 40 }), (drawn) => {
        const tasks = drawn
          .map((task) => ({ ...task, deadlineUs: task.periodUs }))
          .sort((a, b) => a.periodUs - b.periodUs)
          .map((task, index) => ({ ...task, priority: -index }));
        expect(isRateMonotonic(tasks)).toBe(true);
        if (withinLiuLayland(tasks)) expect(withinHyperbolic(tasks)).toBe(true);
        if (withinHyperbolic(tasks)) expect(responseTimesUs(tasks).ok).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('against themselves', () => {
  const oneCore: (readonly [string, Platform])[] = named.filter(([, { cores }]) => cores === 1);
  const roundRobin: Platform = { cores: 1, scheduler: 'rr', preemptive: true, placement: 'partitioned', sliceUs: 2 };

  test.each([...oneCore, ['round robin', roundRobin] as const])('%s: a task removed never hurts the others', (_, platform) => {
    fc.assert(
      fc.property(smallSet({ tasksMax: 5, jitter: true, deadlinePeriods: 2 }), fc.nat(), (tasks, pick) => {
        fc.pre(compareLoad(tasks, 1) < 0);
        const before = analyse(tasks, platform);
        const gone = pick % tasks.length;
        const rest = tasks.filter((__, index) => index !== gone);
        fc.pre(rest.length > 0 && before.schedulable === true);
        const after = analyse(rest, platform);
        expect(after.schedulable).toBe(true);
        const kept = before.tasks.filter((__, index) => index !== gone);
        // Less to wait for; a gap in the load may only bring a job's successors closer, never its own response up.
        after.tasks.forEach(({ responseUs }, index) => {
          expect(responseUs).toBeLessThanOrEqual(kept[index]?.responseUs as number);
        });
      }),
      { numRuns: 300 },
    );
  });

  test('packing: every core of a packing passes the test by itself', () => {
    fc.assert(
      fc.property(smallSet({ tasksMax: 8 }), fc.constantFrom('fp', 'edf'), (tasks, scheduler) => {
        const platform: Platform = { cores: 3, scheduler, preemptive: true, placement: 'partitioned' };
        const { schedulable, tasks: verdicts } = analyse(tasks, platform);
        fc.pre(schedulable === true);
        for (let core = 0; core < 3; core++) {
          const members = tasks.filter((_, index) => verdicts[index]?.core === core);
          if (members.length > 0) expect(analyse(members, { ...platform, cores: 1 }).schedulable).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  test.each(oneCore)('%s: the largest WCET fits and one more does not', (_, platform) => {
    fc.assert(
      fc.property(smallSet({ deadlinePeriods: 2, periodMax: 40 }), fc.nat(), (tasks, pick) => {
        const index = pick % tasks.length;
        const withWcet = (wcetUs: number) => tasks.map((task, at) => (at === index ? { ...task, wcetUs } : task));
        const fits = (wcetUs: number) => analyse(withWcet(wcetUs), platform).schedulable === true;
        const largest = largestWcetUs(tasks, index, platform);
        if (largest === undefined) expect(fits(1)).toBe(false);
        else expect([fits(largest), fits(largest + 1)]).toEqual([true, false]);
      }),
      { numRuns: 100 },
    );
  });

  test.each(['fp', 'edf'] as const)('%s: no checkpoint interval smaller than the smallest fits', (scheduler) => {
    let found = 0;
    fc.assert(
      fc.property(
        smallSet({ tasksMax: 3, periodMax: 60 }),
        fc.record({ costUs: fc.integer({ min: 0, max: 3 }), rollbackUs: fc.integer({ min: 0, max: 2 }) }),
        fc.option(fc.integer({ min: 20, max: 400 }), { nil: undefined }),
        (tasks, { costUs, rollbackUs }, everyUs) => {
          const platformWith = (intervalUs: number): Platform => ({
            cores: 1,
            scheduler,
            preemptive: true,
            placement: 'partitioned',
            overheads: {
              checkpoint: { intervalUs, costUs },
              ...(everyUs === undefined ? {} : { faults: { everyUs, rollbackUs } }),
            },
          });
          const fits = (intervalUs: number) => analyse(tasks, platformWith(intervalUs)).schedulable === true;
          const smallest = smallestCheckpointIntervalUs(tasks, platformWith(1));
          const longest = Math.max(...tasks.map(({ wcetUs }) => wcetUs));
          const byTrying = Array.from({ length: longest }, (_, at) => at + 1).find(fits);
          expect(smallest).toBe(byTrying);
          if (smallest !== undefined && smallest > 1) found++;
        },
      ),
      { numRuns: 150, seed: 5 },
    );
    expect(found).toBeGreaterThan(10);
  });
});

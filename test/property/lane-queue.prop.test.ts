/** What the test of admission promises of a core that does not interrupt jobs, a core that goes by the lane's queue keeps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LaneOrder, LaneQueue } from '../../src/domain/instance/lane-queue.ts';
import { analyse } from '../../src/domain/realtime/analyse.ts';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';

const UNTIL_US = 400;

/** The longest response of each task, from a schedule that the queue alone decides. */
function observedUs(tasks: readonly RealtimeTask[], order: LaneOrder, offsets: readonly number[]): number[] {
  const queue = new LaneQueue<number>(order);
  const arrivals = tasks.flatMap(({ periodUs }, task) =>
    Array.from({ length: Math.ceil(UNTIL_US / periodUs) }, (_, job) => ({ task, atUs: (offsets[task] ?? 0) + job * periodUs })),
  );
  arrivals.sort((a, b) => a.atUs - b.atUs || a.task - b.task);
  const worst = tasks.map(() => 0);
  let nowUs = 0;
  for (;;) {
    for (; (arrivals[0]?.atUs ?? Number.POSITIVE_INFINITY) <= nowUs; arrivals.shift()) {
      const { task, atUs } = arrivals[0] as { task: number; atUs: number };
      const { priority, periodUs, deadlineUs } = tasks[task] as RealtimeTask;
      const urgency = { priority, periodUs, deadlineUs };
      queue.add({ program: task, kind: 'jobs', urgency, arrivedUs: atUs, queuedUs: atUs, work: task });
    }
    const entry = queue.next(nowUs);
    if (entry === undefined) {
      const [next] = arrivals;
      if (next === undefined) return worst;
      nowUs = next.atUs;
      continue;
    }
    queue.remove(entry);
    nowUs += (tasks[entry.work] as RealtimeTask).wcetUs;
    worst[entry.work] = Math.max(worst[entry.work] as number, nowUs - entry.arrivedUs);
  }
}

const task = fc
  .record({
    periodUs: fc.integer({ min: 4, max: 40 }),
    share: fc.integer({ min: 1, max: 12 }),
    priority: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ periodUs, share, priority }) => {
    const wcetUs = Math.max(1, Math.floor(periodUs / share));
    return fc.integer({ min: wcetUs, max: 2 * periodUs }).map((deadlineUs) => ({ wcetUs, periodUs, deadlineUs, priority }));
  });

test.each(['fp', 'edf'] as const)('%s: no response is longer than the analysis says', (order) => {
  let schedulable = 0;
  fc.assert(
    fc.property(
      fc.array(task, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat({ max: 40 }), { minLength: 5, maxLength: 5 }),
      (tasks, offsets) => {
        const platform = { cores: 1, scheduler: order, preemptive: false, placement: 'partitioned' } as const;
        const analysis = analyse(tasks, platform);
        if (analysis.schedulable !== true) return;
        schedulable++;
        for (const [at, us] of observedUs(tasks, order, offsets).entries())
          expect(us).toBeLessThanOrEqual(analysis.tasks[at]?.responseUs as number);
      },
    ),
    { numRuns: 300 },
  );
  expect(schedulable).toBeGreaterThan(20);
});

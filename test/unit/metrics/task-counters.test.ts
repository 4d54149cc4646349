/** What is counted of an instance: sums that only grow, and worst cases of their own interval. */
import { expect, it } from 'vitest';
import { TaskCounters } from '../../../src/domain/metrics/task-counters.ts';

const of = { task: 'pid', epoch: 3, inputsBehind: 4 } as const;
const job = (executionUs: number, responseUs?: number) => ({ executionUs, fuelUsed: 10, responseUs, deadlineUs: 1_000 });

it('sums, and counts as missed what answered later than its deadline', () => {
  const counters = new TaskCounters();
  for (const each of [job(100, 900), job(300, 1_000), job(200, 1_001), { ...job(50, 5_000), deadlineUs: 0 }])
    counters.jobDone(each);
  counters.captured({ captureUs: 70, dirtyPages: 9, pages: 256 });
  counters.captured({ captureUs: 30, dirtyPages: 2, pages: 256 });
  expect(counters.sample(of, 'flying')).toEqual({
    ...of,
    jobs: 4,
    executionUs: 650,
    executionUsMax: 300,
    responses: 4,
    responseUs: 7_901,
    responseUsMax: 5_000,
    misses: 1,
    fuel: 40,
    outputs: 0,
    captures: 2,
    captureUs: 100,
    dirtyPages: 2,
    pages: 256,
  });
});

it('a job of the time before it had caught up took its time, and answered nobody late', () => {
  const counters = new TaskCounters();
  counters.jobDone(job(400));
  expect(counters.sample(of, 'flying')).toMatchObject({
    jobs: 1,
    executionUs: 400,
    executionUsMax: 400,
    responses: 0,
    misses: 0,
  });
});

it('worst cases are of the time since the sample before of the same sort', () => {
  const counters = new TaskCounters();
  const worst = (sort: 'flying' | 'kept'): number => counters.sample(of, sort).executionUsMax;
  counters.jobDone(job(500));
  expect(worst('flying')).toBe(500);
  counters.jobDone(job(200));
  expect([worst('flying'), worst('flying')]).toEqual([200, 0]);
  expect([worst('kept'), worst('kept')]).toEqual([500, 0]);
});

/** The bench runs, and does the same work for the same seed. Nothing here is timed. */
import { expect, it } from 'vitest';
import { benchSchedule } from '../../../src/app/bench/schedule.ts';

it('the bench of the schedule simulator does the same for the same seed', () => {
  const work = (seed: number) =>
    benchSchedule({ rounds: 1, simulatedUs: 100_000, seed, drawn: true }).figures.map(({ jobs, responsesUs }) => ({
      jobs,
      responsesUs,
    }));
  expect(work(1)).toEqual(work(1));
  expect(work(2)).not.toEqual(work(1));
  expect(work(1).every(({ jobs }) => jobs > 500)).toBe(true);
});

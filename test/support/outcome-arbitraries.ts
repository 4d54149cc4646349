/** Generators of what bridges report of the sets on their lanes. */
import fc from 'fast-check';
import {
  OUTCOME_TASKS_MAX,
  type OutcomeReport,
  type OutcomeRow,
  SCHEDULING_KINDS,
} from '../../src/domain/learn/fleet/outcome.ts';
import { count, mac } from './arbitraries.ts';

/** Mostly such as tasks have. */
const timeUs = (): fc.Arbitrary<number> =>
  fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 1_000_000 }) }, fc.integer({ min: 1, max: 2 ** 50 }));
const positive = (): fc.Arbitrary<number> => count().map((number) => number || 1);

export const outcomeRow = (): fc.Arbitrary<OutcomeRow> =>
  fc.record({
    lane: fc.nat({ max: 2 ** 32 - 1 }),
    tasks: fc.array(fc.record({ wcetUs: timeUs(), periodUs: timeUs(), deadlineUs: timeUs(), isMeasured: fc.boolean() }), {
      minLength: 1,
      maxLength: OUTCOME_TASKS_MAX,
    }),
    outcome: fc.constantFrom('met', 'missed'),
    exact: fc.constantFrom('yes', 'no', 'unknown'),
    windows: positive(),
    jobs: count(),
    misses: count(),
    observedUs: count(),
  });

export const outcomeReport = (): fc.Arbitrary<OutcomeReport> =>
  fc.record({
    mac: mac(),
    incarnation: count(),
    sequence: positive(),
    scheduling: fc.constantFrom(...SCHEDULING_KINDS),
    windowUs: positive(),
    rows: fc.array(outcomeRow(), { maxLength: 4 }),
    learner: fc.record({
      version: count(),
      learned: count(),
      rightAsCame: count(),
      rightLearning: count(),
      stateBytes: count(),
      updateUsMax: count(),
    }),
  });

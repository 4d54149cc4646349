/** Proposals are told afterwards what they were worth, and who proposes what does not pay must see more. */
import { describe, expect, test } from 'vitest';
import type { Proposal } from '../../../src/domain/proposal/proposal.ts';
import {
  afterScore,
  type Credit,
  FULL_CREDIT,
  missesAbove,
  type Outcome,
  scoreProposal,
} from '../../../src/domain/proposal/score.ts';

const proposal: Proposal = {
  ...{ id: 't.3.1', task: 't', epoch: 3, from: 'a', cause: 'failure', evidence: [], probability: 0.9, horizonS: 30 },
  ...{ loadQuantiles: [0.1, 0.2, 0.3], staying: 18, benefit: 17, candidates: [], madeAtUs: 1e6, deadlineUs: 19e6 },
};
const usual = { ofFailure: 20, ofMove: 1 };
const score = (outcome: Partial<Outcome>) =>
  scoreProposal(proposal, { cameAtUs: undefined, movedAtUs: undefined, withoutMove: 0, lateJobs: 0, ...outcome }, usual);

describe('afterwards', () => {
  test.each([
    [
      'moved, and then it came',
      { cameAtUs: 15e6, movedAtUs: 4e6, lateJobs: 1 },
      { regretNothing: -19, regretOracle: 0, paid: true, leadUs: 14e6 },
    ],
    [
      'moved for nothing',
      { movedAtUs: 4e6, lateJobs: 1 },
      { regretNothing: 1, regretOracle: 1, paid: false, leadUs: undefined },
    ],
    [
      'moved, and it calmed because of that',
      { movedAtUs: 4e6, withoutMove: 0.75, lateJobs: 1 },
      { regretNothing: -14, regretOracle: 0, paid: true, came: false, wouldHaveCome: 0.75, leadUs: undefined },
    ],
    [
      'moved dearly, and it calmed because of that',
      { movedAtUs: 4e6, withoutMove: 0.5, lateJobs: 12 },
      { regretNothing: 2, regretOracle: 2, paid: false, wouldHaveCome: 0.5 },
    ],
    ['not moved: nothing calmed because of it', { withoutMove: 0.75 }, { regretNothing: 0, paid: false, wouldHaveCome: 0 }],
    ['moved at no cost for nothing', { movedAtUs: 4e6 }, { regretNothing: 0, regretOracle: 0, paid: true, leadUs: undefined }],
    [
      'moved, dearer than the failure',
      { cameAtUs: 9e6, movedAtUs: 4e6, lateJobs: 25 },
      { regretNothing: 5, regretOracle: 5, paid: false },
    ],
    [
      'not moved, and it came',
      { cameAtUs: 9e6, lateJobs: 22 },
      { regretNothing: 0, regretOracle: 21, paid: true, wasDone: false },
    ],
    ['moved too late', { cameAtUs: 9e6, movedAtUs: 10e6, lateJobs: 22 }, { regretOracle: 21, wasDone: false, paid: true }],
    ['not moved, and nothing came', {}, { regretNothing: 0, regretOracle: 0, paid: false, came: false }],
  ])('%s', (_, outcome, expected) => {
    expect(score(outcome)).toMatchObject(expected);
  });

  test('hindsight is never worse than what was done', () => {
    for (const cameAtUs of [undefined, 5e6]) {
      for (const movedAtUs of [undefined, 3e6, 7e6]) {
        for (const lateJobs of [0, 1, 19, 50]) {
          expect(score({ cameAtUs, movedAtUs, lateJobs }).regretOracle).toBeGreaterThanOrEqual(0);
        }
      }
    }
  });
});

test('what does not pay doubles what is demanded, what pays halves it, within bounds', () => {
  const after = (credit: Credit, outcome: Partial<Outcome>, times: number): Credit =>
    Array.from({ length: times }).reduce<Credit>((one) => afterScore(one, score(outcome)), credit);
  const inVain = { movedAtUs: 4e6, lateJobs: 1 };
  const saved = { cameAtUs: 15e6, movedAtUs: 4e6, lateJobs: 1 };
  const worse = after(FULL_CREDIT, inVain, 3);
  expect(worse).toMatchObject({ proposals: 3, paid: 0, came: 0, regretNothing: 3, regretOracle: 3, demands: 8 });
  expect(after(worse, inVain, 20).demands).toBe(64);
  expect(after(worse, saved, 2)).toMatchObject({ proposals: 5, paid: 2, came: 2, regretNothing: -35, demands: 2 });
  expect(after(worse, saved, 9).demands).toBe(1);
});

test('what the machine makes late anyway is nobody’s doing', () => {
  expect([missesAbove(7, 0), missesAbove(150, 100), missesAbove(169, 100), missesAbove(180, 100), missesAbove(0, 10)]).toEqual([
    7, 0, 0, 10, 0,
  ]);
});

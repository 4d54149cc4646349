/** Proposals in words: what two managers said together is one line, and the sum says what came of all. */
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { PROPOSAL_HEAD, proposalCells, summaryOf, together } from '../../../src/app/proposals/proposals-told.ts';
import type { ProposalNotice } from '../../../src/domain/proposal/proposal-notice.ts';

const [ECU1, ECU2, ECU3] = ['02aa00000001', '02aa00000002', '02aa00000003'] as const;
const nameOf = (mac: string): string => `ecu${mac.at(-1)}`;

const notice = (more: Partial<ProposalNotice>): ProposalNotice => ({
  ...{ manager: 'm1', id: 'p', task: 't', epoch: 1, from: ECU1, cause: 'overload', probability: 0.87, horizonS: 30 },
  ...{ loadQuantiles: [0, 0, 0], staying: 5, benefit: 4.25, madeAtUs: 1_763_683_200_000_000, deadlineUs: 0 },
  candidates: [ECU2, ECU3].map((mac) => ({ mac, incarnation: 1, moving: 0.1, benefit: 4 })),
  evidence: [
    {
      ...{ cause: 'overload', level: 'memory', deadly: true, probability: 0.87, now: 0.71, limit: 0.96 },
      ...{ quantiles: [0.9, 0.98, 1], inS: 24.6 },
    },
  ],
  ...{ temperature: 40, temperatureLimit: 80, failsInS: 24.6, score: undefined },
  ...more,
});
const score = (more: Partial<NonNullable<ProposalNotice['score']>> = {}): NonNullable<ProposalNotice['score']> => ({
  ...{ leadUs: 20_500_000, wasDone: true, came: true, wouldHaveCome: 1, regretNothing: -4, regretOracle: 0, paid: true },
  ...more,
});
const cells = (one: ProposalNotice): Record<string, string> =>
  Object.fromEntries(proposalCells(one, nameOf).map((cell, at) => [PROPOSAL_HEAD[at], stripVTControlCharacters(cell)]));

test('a proposal says why, by what it was seen, where to, and what came of it', () => {
  expect(cells(notice({}))).toEqual({
    ...{ MADE: '00:00:00', TASK: 't', FROM: 'ecu1', WHY: 'overload', 'SEEN BY': 'memory 71 of 96 %', CHANCE: '87 %' },
    ...{ IN: '25 s', TO: 'ecu2 or 1 more', SAVES: '4.3 late jobs', BY: 'm1', OUTCOME: 'open' },
  });
  const outcomes = [
    score(),
    score({ came: false, leadUs: undefined, wouldHaveCome: 0.87 }),
    score({ came: false, leadUs: undefined, wouldHaveCome: 0, paid: false }),
    score({ wasDone: false }),
  ].map((one) => cells(notice({ score: one }))['OUTCOME']);
  expect(outcomes).toEqual([
    'moved, it came 20.5 s later: paid',
    'moved, it calmed down because of that (87 % without): paid',
    'moved, it did not come: did not pay',
    'not moved, it came 20.5 s later: paid',
  ]);
  expect(cells(notice({ evidence: [], candidates: [] }))).toMatchObject({ 'SEEN BY': 'temperature 40.0 of 80.0 °C', TO: '-' });
});

test('what several managers said of one task is one line, and its outcome is that somebody moved it', () => {
  const said = [
    notice({ manager: 'm2' }),
    notice({ task: 'other', score: score({ came: false, wouldHaveCome: 0, paid: false }) }),
    notice({ id: 'q', score: score() }),
    notice({ manager: 'm2', epoch: 2, score: score({ wasDone: false, came: false, paid: false }) }),
  ];
  const lines = together(said);
  expect(lines.map(({ task, epoch, manager }) => `${task} ${epoch} ${manager}`)).toEqual([
    't 1 m1, m2',
    'other 1 m1',
    't 2 m2',
  ]);
  expect(lines[0]?.score?.wasDone).toBe(true);
  expect(summaryOf(lines)).toBe('3 proposals: 2 moved, 1 of them before it came, 1 for nothing; 1 paid');
  expect(summaryOf([notice({})])).toBe('1 proposal: 0 moved, 0 of them before it came, 0 for nothing; 0 paid, 1 still open');
});

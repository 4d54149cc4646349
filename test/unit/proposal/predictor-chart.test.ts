/** The predictor's chart: P1–P4, stepped as the loop steps it, each snapshot through its stored form. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Chart,
  type ChartRequest,
  initialStep,
  persistSnapshot,
  restoreSnapshot,
  stateName,
  stepChart,
} from '../../../actors/chart.ts';
import type { Proposal } from '../../../src/domain/proposal/proposal.ts';
import type { Review } from '../../../src/domain/proposal/review.ts';
import type { ProposalScore } from '../../../src/domain/proposal/score.ts';
import { type PredictorContext, predictorMachine } from '../../../statecharts/predictor.machine.ts';

const CHART: Chart = { kind: 'predictor', version: 1, machine: predictorMachine };

const proposal = (id: string): Proposal => ({
  ...{
    id,
    task: 't',
    epoch: 1,
    from: 'a',
    cause: 'failure',
    evidence: [],
    probability: 0.9,
    horizonS: 30,
    loadQuantiles: [0, 0, 0],
  },
  ...{ staying: 10, benefit: 9, candidates: [], madeAtUs: 0, deadlineUs: 1 },
});
const score = (id: string, paid: boolean): ProposalScore => ({
  ...{ proposal: id, leadUs: undefined, wasDone: true, came: paid, wouldHaveCome: paid ? 1 : 0, paid },
  ...{ regretNothing: paid ? -9 : 1, regretOracle: paid ? 0 : 1 },
});
const reviewed = (state: Review['state'], blind: readonly string[] = []) => ({ type: 'REVIEWED', state, blind });
const proposed = (id: string) => ({ type: 'PROPOSED', proposal: proposal(id) });
const published = (id: string) => ({ type: 'PROPOSAL.PUBLISHED', proposal: proposal(id) });
const scored = (id: string, paid: boolean) => ({ type: 'PROPOSAL.SCORED', score: score(id, paid) });

interface Told {
  readonly state: string;
  readonly context: PredictorContext;
  readonly opened: readonly string[];
  readonly requests: readonly ChartRequest[];
}

function play(events: readonly { readonly type: string }[]): Told {
  let { snapshot, requests } = initialStep(CHART, 'm1');
  const all = [...requests];
  for (const [index, event] of events.entries()) {
    ({ snapshot, requests } = stepChart(CHART, restoreSnapshot(CHART, persistSnapshot(CHART, snapshot)), {
      ...event,
      id: `${index}`,
    }));
    all.push(...requests);
  }
  return {
    state: stateName(snapshot.value),
    context: snapshot.context as PredictorContext,
    opened: all.flatMap((request) => (request.kind === 'open' ? [request.key] : [])),
    requests: all,
  };
}

/** The event with which the timer of retraining comes due. */
function retrainDue(): { type: string } {
  const arm = play([reviewed('forecasting')]).requests.find((request) => request.kind === 'arm');
  return { type: arm?.kind === 'arm' ? arm.eventType : 'none' };
}

test('warm, proposes, is told that it was published, judged, and pays: the credit stays whole', () => {
  const { state, context, opened } = play([reviewed('forecasting'), proposed('p'), published('p'), scored('p', true)]);
  expect({ state, opened }).toEqual({ state: 'forecasting', opened: ['publish/p', 'judge/p'] });
  expect(context).toMatchObject({ manager: 'm1', awaited: [], credit: { proposals: 1, paid: 1, demands: 1 } });
});

test.each(['warming', 'degraded'] as const)('P1: nothing is published while %s', (state) => {
  const told = play([reviewed('forecasting'), reviewed(state, ['a', 'b']), proposed('p')]);
  expect(told).toMatchObject({ state, opened: [], context: { blind: ['a', 'b'] } });
  expect(play([reviewed('forecasting'), reviewed(state), reviewed('forecasting'), proposed('q')]).opened).toEqual([
    'publish/q',
  ]);
});

describe('P2: retraining', () => {
  test('goes on beside forecasting, and ends with it', () => {
    const during = play([reviewed('forecasting'), retrainDue(), proposed('p'), reviewed('forecasting', ['a'])]);
    expect(during).toMatchObject({ state: 'retraining', opened: ['retrain', 'publish/p'], context: { blind: ['a'] } });
    expect(play([reviewed('forecasting'), retrainDue(), { type: 'RETRAINED' }]).state).toBe('forecasting');
  });

  test('that fails leaves its reason until the next that does not', () => {
    const failed = [reviewed('forecasting'), retrainDue(), { type: 'RETRAIN.FAILED', reason: 'no memory' }];
    expect(play(failed)).toMatchObject({ state: 'forecasting', context: { reason: 'no memory' } });
    expect(play([...failed, retrainDue(), { type: 'RETRAINED' }]).context.reason).toBeUndefined();
  });

  test('is dropped when the data stops', () => {
    const told = play([reviewed('forecasting'), retrainDue(), reviewed('degraded')]);
    expect(told.requests.at(-1)).toEqual({ kind: 'close', key: 'retrain' });
    expect(told.state).toBe('degraded');
  });
});

test('P3: a score counts once, only for what was published, also while degraded', () => {
  const told = play([
    reviewed('forecasting'),
    proposed('p'),
    published('p'),
    reviewed('degraded'),
    scored('p', false),
    scored('p', false),
  ]);
  expect(told.context.credit).toMatchObject({ proposals: 1, paid: 0, demands: 2 });
  expect(play([reviewed('forecasting'), scored('never', false)]).context.credit.proposals).toBe(0);
});

test('whatever comes in whatever order: all that was published is judged, all that is awaited was published', () => {
  const event = fc.oneof(
    fc.constantFrom<Review['state']>('warming', 'forecasting', 'degraded').map((state) => reviewed(state)),
    fc
      .constantFrom('p', 'q', 'r')
      .chain((id) => fc.constantFrom(proposed(id), published(id), scored(id, true), scored(id, false))),
    fc.constantFrom(retrainDue(), { type: 'RETRAINED' }, { type: 'RETRAIN.FAILED', reason: 'x' }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 25 }), (events) => {
      const { context, opened } = play(events);
      for (const id of context.awaited) expect(opened).toContain(`judge/${id}`);
      expect(new Set(context.awaited).size).toBe(context.awaited.length);
      expect(context.credit.demands).toBeGreaterThanOrEqual(1);
      expect(context.credit.paid).toBeLessThanOrEqual(context.credit.proposals);
    }),
    { numRuns: 60 },
  );
});

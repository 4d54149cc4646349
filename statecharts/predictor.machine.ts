/**
 * Seeing failures coming, as one manager does it for the ECUs of its share (DESIGN 3, Predictor; 7). Local.
 *
 *   warming → forecasting ⇄ retraining        degraded: the data stopped, nothing is proposed
 *
 * What is foreseen is worked out by `src/domain/proposal/review.ts`, many times a minute and in memory; the chart hears of it when its state
 * changed (`REVIEWED`) or something is proposed (`PROPOSED`), and keeps what must survive a crash: proposals under way, and its credit.
 *
 * P1. While warming or degraded nothing new is published: a proposal that comes then was made of what is no longer seen, and is dropped.
 * P2. Retraining goes on beside forecasting and is never waited for: when it fails, the models stay as they were.
 * P3. Every published proposal is judged, whatever happens meanwhile; its score moves the credit, once.
 * P4. A proposal is published under its own id: again after a crash, the same message.
 */
import { assign, setup } from 'xstate';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { Proposal } from '../src/domain/proposal/proposal.ts';
import type { Review } from '../src/domain/proposal/review.ts';
import { afterScore, type Credit, FULL_CREDIT, type ProposalScore } from '../src/domain/proposal/score.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface PredictorContext {
  readonly manager: string;
  readonly credit: Credit;
  readonly blind: readonly Mac[];
  /** Ids of proposals that are published and not judged yet. */
  readonly awaited: readonly string[];
  /** Why the last retraining failed. */
  readonly reason?: string | undefined;
}

export type PredictorEvent = ActorEvent &
  (
    | { readonly type: 'REVIEWED'; readonly state: Review['state']; readonly blind: readonly Mac[] }
    | { readonly type: 'PROPOSED'; readonly proposal: Proposal }
    | { readonly type: 'PROPOSAL.PUBLISHED'; readonly proposal: Proposal }
    | { readonly type: 'PROPOSAL.SCORED'; readonly score: ProposalScore }
    | { readonly type: 'RETRAINED' }
    | { readonly type: 'RETRAIN.FAILED'; readonly reason: string }
  );

export type PredictorEffect =
  | { readonly kind: 'publishProposal'; readonly proposal: Proposal }
  /** Answers when the proposal's horizon is over. */
  | { readonly kind: 'judgeProposal'; readonly proposal: Proposal }
  | { readonly kind: 'retrain' };

const RETRAIN_MS = 300_000;

const isAwaited = ({ context, event }: { context: PredictorContext; event: PredictorEvent }): boolean =>
  event.type === 'PROPOSAL.SCORED' && context.awaited.includes(event.score.proposal);

const saw =
  (state: Review['state']) =>
  ({ event }: { event: PredictorEvent }): boolean =>
    event.type === 'REVIEWED' && event.state === state;

const reviewed = [
  { guard: 'sawWarming', target: 'warming', actions: 'noteBlind' },
  { guard: 'sawDegraded', target: 'degraded', actions: 'noteBlind' },
  { guard: 'sawForecasting', target: 'forecasting', actions: 'noteBlind' },
] as const;

const publish = {
  type: OPEN,
  params: ({ event }: { event: PredictorEvent }) => {
    const { proposal } = event as Extract<PredictorEvent, { type: 'PROPOSED' }>;
    return { key: `publish/${proposal.id}`, effect: { kind: 'publishProposal', proposal } satisfies PredictorEffect };
  },
} as const;

const judge = {
  type: OPEN,
  params: ({ event }: { event: PredictorEvent }) => {
    const { proposal } = event as Extract<PredictorEvent, { type: 'PROPOSAL.PUBLISHED' }>;
    return { key: `judge/${proposal.id}`, effect: { kind: 'judgeProposal', proposal } satisfies PredictorEffect };
  },
} as const;

export const predictorMachine = setup({
  types: { context: {} as PredictorContext, events: {} as PredictorEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<PredictorEffect>(),
    noteBlind: assign(({ event }) => (event.type === 'REVIEWED' ? { blind: event.blind } : {})),
    notePublished: assign(({ context, event }) =>
      event.type === 'PROPOSAL.PUBLISHED'
        ? { awaited: [...context.awaited.filter((id) => id !== event.proposal.id), event.proposal.id] }
        : {},
    ),
    noteScore: assign(({ context, event }) =>
      event.type === 'PROPOSAL.SCORED'
        ? {
            credit: afterScore(context.credit, event.score),
            awaited: context.awaited.filter((id) => id !== event.score.proposal),
          }
        : {},
    ),
    noteRetrained: assign({ reason: undefined }),
    noteRetrainFailure: assign(({ event }) => (event.type === 'RETRAIN.FAILED' ? { reason: event.reason } : {})),
  },
  guards: {
    isAwaited,
    sawWarming: saw('warming'),
    sawForecasting: saw('forecasting'),
    sawDegraded: saw('degraded'),
  },
}).createMachine({
  id: 'predictor',
  initial: 'warming',
  context: ({ input }) => ({ manager: input.id, credit: FULL_CREDIT, blind: [], awaited: [] }),
  on: {
    PROPOSED: {},
    'PROPOSAL.PUBLISHED': { actions: ['notePublished', judge] },
    'PROPOSAL.SCORED': [{ guard: 'isAwaited', actions: 'noteScore' }, {}],
    RETRAINED: {},
    'RETRAIN.FAILED': {},
  },
  states: {
    warming: { on: { REVIEWED: [...reviewed] } },
    forecasting: {
      after: { [RETRAIN_MS]: 'retraining' },
      on: { REVIEWED: [{ guard: 'sawForecasting', actions: 'noteBlind' }, ...reviewed], PROPOSED: { actions: publish } },
    },
    retraining: {
      entry: { type: OPEN, params: { key: 'retrain', effect: { kind: 'retrain' } } },
      exit: { type: CLOSE, params: { key: 'retrain' } },
      on: {
        REVIEWED: [{ guard: 'sawForecasting', actions: 'noteBlind' }, ...reviewed],
        PROPOSED: { actions: publish },
        RETRAINED: { target: 'forecasting', actions: 'noteRetrained' },
        'RETRAIN.FAILED': { target: 'forecasting', actions: 'noteRetrainFailure' },
      },
    },
    degraded: { on: { REVIEWED: [...reviewed] } },
  },
});

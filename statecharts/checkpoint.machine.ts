/**
 * The newest checkpoint of one task as one manager receives it (DESIGN 3, Checkpoint; 5). Local, one per task.
 *
 *   idle → pulling → stored → durable        corrupt: the ECU's pages did not have the digests they should have
 *
 * K1. An announcement below the placement's epoch, or not newer than what is held, changes nothing.
 *     What an answer brings may be newer than what was announced: one effect goes on with the increments that follow.
 * K2. A newer announcement while pulling supersedes: the manager pulls at its own pace and may skip increments, because the
 *     ECU can always serve a full image.
 * K3. *Stored* is this manager's word that it can rebuild the whole state. *Durable*: a quorum of managers said so.
 */
import { assign, setup } from 'xstate';
import type { CheckpointOrder } from '../src/domain/model/checkpoint.ts';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface AnnouncedCheckpoint extends CheckpointOrder {
  readonly source: Incarnation;
  readonly programId: number;
}

export interface CheckpointContext {
  readonly task: TaskName;
  readonly announced?: AnnouncedCheckpoint | undefined;
  readonly stored?: CheckpointOrder | undefined;
  readonly durable?: CheckpointOrder | undefined;
  readonly reason?: string | undefined;
}

export type CheckpointEvent = ActorEvent &
  (
    | {
        readonly type: 'CHECKPOINT.ANNOUNCED';
        readonly checkpoint: AnnouncedCheckpoint;
        /** What has become durable since the last one, so that it takes no step of its own. */
        readonly durable?: CheckpointOrder;
      }
    | { readonly type: 'CHECKPOINT.PULLED'; readonly checkpoint: CheckpointOrder; readonly durable?: CheckpointOrder }
    | { readonly type: 'PULL.FAILED'; readonly checkpoint: CheckpointOrder; readonly reason: string; readonly damaged: boolean }
    | { readonly type: 'CHECKPOINT.DURABLE'; readonly checkpoint: CheckpointOrder }
  );

export interface CheckpointEffect {
  readonly kind: 'pullCheckpoint';
  readonly task: TaskName;
  readonly checkpoint: AnnouncedCheckpoint;
}

const later = (a: CheckpointOrder, b: CheckpointOrder | undefined): boolean =>
  b === undefined || a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);

/** What an event says to be durable. */
const durableOf = (event: CheckpointEvent): CheckpointOrder | undefined => {
  if (event.type === 'CHECKPOINT.DURABLE') return event.checkpoint;
  return event.type === 'PULL.FAILED' ? undefined : event.durable;
};

const saysLaterDurable = (context: CheckpointContext, event: CheckpointEvent): boolean => {
  const durable = durableOf(event);
  return durable !== undefined && later(durable, context.durable);
};

export const checkpointMachine = setup({
  types: { context: {} as CheckpointContext, events: {} as CheckpointEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<CheckpointEffect>(),
    noteAnnounced: assign(({ event }) => (event.type === 'CHECKPOINT.ANNOUNCED' ? { announced: event.checkpoint } : {})),
    noteStored: assign(({ event }) =>
      event.type === 'CHECKPOINT.PULLED' ? { stored: event.checkpoint, reason: undefined } : {},
    ),
    noteDurable: assign(({ context, event }) => (saysLaterDurable(context, event) ? { durable: durableOf(event) } : {})),
    noteFailure: assign(({ event }) => (event.type === 'PULL.FAILED' ? { reason: event.reason } : {})),
  },
  guards: {
    isNews: ({ context, event }) =>
      event.type === 'CHECKPOINT.ANNOUNCED' &&
      later(event.checkpoint, context.announced) &&
      later(event.checkpoint, context.stored),
    isLaterDurable: ({ context, event }) => saysLaterDurable(context, event),
    isDamaged: ({ event }) => event.type === 'PULL.FAILED' && event.damaged,
  },
}).createMachine({
  id: 'checkpoint',
  initial: 'idle',
  context: ({ input }) => ({ task: input.id }),
  on: {
    'CHECKPOINT.ANNOUNCED': [
      { guard: 'isNews', target: '.pulling', reenter: true, actions: ['noteAnnounced', 'noteDurable'] },
      { guard: 'isLaterDurable', actions: 'noteDurable' },
      {},
    ],
    'CHECKPOINT.PULLED': {},
    'PULL.FAILED': {},
    'CHECKPOINT.DURABLE': [{ guard: 'isLaterDurable', actions: 'noteDurable' }, {}],
  },
  states: {
    idle: {},
    pulling: {
      entry: {
        type: OPEN,
        params: ({ context }) => ({
          key: 'pull',
          effect: { kind: 'pullCheckpoint', task: context.task, checkpoint: context.announced as AnnouncedCheckpoint },
        }),
      },
      exit: { type: CLOSE, params: { key: 'pull' } },
      on: {
        'CHECKPOINT.PULLED': { target: 'stored', actions: ['noteStored', 'noteDurable'] },
        'PULL.FAILED': [
          { guard: 'isDamaged', target: 'corrupt', actions: 'noteFailure' },
          { target: 'idle', actions: 'noteFailure' },
        ],
      },
    },
    stored: { on: { 'CHECKPOINT.DURABLE': [{ guard: 'isLaterDurable', target: 'durable', actions: 'noteDurable' }, {}] } },
    durable: {},
    corrupt: {},
  },
});

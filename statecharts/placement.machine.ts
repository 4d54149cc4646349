/**
 * Where one task runs: the only authority on its epoch and its owner (DESIGN 3, Placement). Replicated, one per task.
 *
 *   undeclared → unplaced → assigned → owned ⇄ moving → … | lost | shed | crashed | removing → removed
 *
 * P1. Whoever deploys first takes a new epoch here. A request that expects another epoch than the present one changes
 *     nothing; `takenBy` tells the loser who has it.
 * P2. The epoch only grows, also over removal and redeclaration, because the fence on the task's outputs outlives both.
 * P3. While the task is `unplaced` or `lost`, a restore request for (task, epoch) is open.
 * P4. A task that failed by itself (it trapped, ran out of fuel, lost an input) would fail again wherever it is restored: it
 *     is `crashed`, with its reason, until somebody redeploys it.
 * P5. The trim mark only rises, only on a checkpoint of the present epoch, and only while `owned` or `moving`.
 * P6. A migration takes its epoch only out of `moving`, which it entered itself. `moving` is left once: by that epoch, by its abort, or by
 *     what befalls the task. A migration that was aborted can neither enter it nor commit any more, however late its word arrives.
 */
import { assign, setup } from 'xstate';
import type { InputCursor } from '../src/domain/model/checkpoint.ts';
import type { Incarnation, TaskOwner } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface PlacementContext {
  readonly task: TaskName;
  readonly spec?: TaskSpec | undefined;
  readonly epoch: number;
  readonly owner?: TaskOwner | undefined;
  /** The actor that took the present epoch, and the outbox entry of its attempt. */
  readonly takenBy?: ActorKey | undefined;
  readonly takeId?: string | undefined;
  readonly nonce?: string | undefined;
  /** INPUTS below this may be gone. */
  readonly trim?: InputCursor | undefined;
  /** Why it is lost or shed. */
  readonly reason?: string | undefined;
  /** The migration that is about to take the next epoch; only while `moving`. */
  readonly mover?: ActorKey | undefined;
  /** Migrations from this epoch, by their number, up to which all are aborted. */
  readonly movesOver?: { readonly epoch: number; readonly attempt: number } | undefined;
}

export type PlacementEvent = ActorEvent &
  (
    | { readonly type: 'TASK.DECLARED'; readonly spec: TaskSpec }
    | {
        readonly type: 'EPOCH.REQUESTED';
        readonly expectedEpoch: number;
        readonly by: ActorKey;
        readonly takeId: string;
        readonly target: Incarnation;
      }
    | { readonly type: 'INSTANCE.RAN'; readonly epoch: number; readonly owner: TaskOwner; readonly nonce: string }
    | { readonly type: 'INSTANCE.ENDED'; readonly epoch: number; readonly reason: string; readonly byItself: boolean }
    | { readonly type: 'TASK.SHED'; readonly epoch: number; readonly reason: string }
    | { readonly type: 'INPUTS.TRIMMABLE'; readonly epoch: number; readonly cursor: InputCursor }
    | { readonly type: 'TASK.REMOVED' }
    | { readonly type: 'INSTANCE.STOPPED'; readonly epoch: number }
    | { readonly type: 'MOVE.BEGUN'; readonly epoch: number; readonly by: ActorKey; readonly attempt: number }
    | { readonly type: 'MOVE.ABORTED'; readonly epoch: number; readonly by: ActorKey; readonly attempt: number }
  );

export type PlacementEffect =
  | { readonly kind: 'raiseRestore'; readonly task: TaskName; readonly epoch: number }
  | { readonly kind: 'stopTask'; readonly task: TaskName; readonly epoch: number; readonly owner: Incarnation | undefined };

const MIGRATION = 'migration/';

/** The number of the last migration from the present epoch that was aborted. */
const lastAborted = ({ epoch, movesOver }: PlacementContext): number => (movesOver?.epoch === epoch ? movesOver.attempt : -1);

const raiseRestore = ({ context }: { context: PlacementContext }) => ({
  key: 'restore',
  effect: { kind: 'raiseRestore', task: context.task, epoch: context.epoch } satisfies PlacementEffect,
});

const stopTask = ({ context }: { context: PlacementContext }) => ({
  key: 'stop',
  effect: { kind: 'stopTask', task: context.task, epoch: context.epoch, owner: context.owner } satisfies PlacementEffect,
});

export const placementMachine = setup({
  types: { context: {} as PlacementContext, events: {} as PlacementEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<PlacementEffect>(),
    declare: assign(({ event }) => (event.type === 'TASK.DECLARED' ? { spec: event.spec, reason: undefined } : {})),
    take: assign(({ context, event }) =>
      event.type === 'EPOCH.REQUESTED'
        ? {
            epoch: context.epoch + 1,
            owner: event.target,
            takenBy: event.by,
            takeId: event.takeId,
            nonce: undefined,
            reason: undefined,
          }
        : {},
    ),
    own: assign(({ event }) => (event.type === 'INSTANCE.RAN' ? { owner: event.owner, nonce: event.nonce } : {})),
    trim: assign(({ event }) => (event.type === 'INPUTS.TRIMMABLE' ? { trim: event.cursor } : {})),
    noteReason: assign(({ event }) =>
      event.type === 'INSTANCE.ENDED' || event.type === 'TASK.SHED' ? { reason: event.reason } : {},
    ),
    disown: assign({ owner: undefined, nonce: undefined }),
    beginMove: assign(({ event }) => (event.type === 'MOVE.BEGUN' ? { mover: event.by } : {})),
    forgetMover: assign({ mover: undefined }),
    noteAborted: assign(({ context, event }) => {
      if (event.type !== 'MOVE.ABORTED') return {};
      return { movesOver: { epoch: event.epoch, attempt: Math.max(event.attempt, lastAborted(context)) } };
    }),
    // The last epoch of a removed task is nobody's: it fences whoever still runs.
    close: assign(({ context, event }) => ({ epoch: context.epoch + 1, takenBy: undefined, takeId: event.id })),
  },
  guards: {
    // P6: for a migration that it has let in, or for whoever is none.
    expectsThisEpoch: ({ context, event }) =>
      event.type === 'EPOCH.REQUESTED' &&
      event.expectedEpoch === context.epoch &&
      (event.by === context.mover || !event.by.startsWith(MIGRATION)),
    mayMove: ({ context, event }) =>
      event.type === 'MOVE.BEGUN' && event.epoch === context.epoch && event.attempt > lastAborted(context),
    isMover: ({ context, event }) =>
      event.type === 'MOVE.ABORTED' && event.epoch === context.epoch && event.by === context.mover,
    isThisEpoch: ({ context, event }) => 'epoch' in event && event.epoch === context.epoch,
    failedByItself: ({ context, event }) => event.type === 'INSTANCE.ENDED' && event.epoch === context.epoch && event.byItself,
    raisesTrim: ({ context, event }) =>
      event.type === 'INPUTS.TRIMMABLE' &&
      event.epoch === context.epoch &&
      event.cursor.sequence > (context.trim?.sequence ?? 0),
  },
}).createMachine({
  id: 'placement',
  initial: 'undeclared',
  context: ({ input }) => ({ task: input.id, epoch: 0 }),
  // What the present state has no better answer to is taken and changes nothing: the journal shows it.
  on: {
    'TASK.DECLARED': {},
    'EPOCH.REQUESTED': {},
    'INSTANCE.RAN': {},
    'INSTANCE.ENDED': {},
    'TASK.SHED': {},
    'INPUTS.TRIMMABLE': {},
    'TASK.REMOVED': {},
    'INSTANCE.STOPPED': {},
    'MOVE.BEGUN': {},
    'MOVE.ABORTED': [{ guard: 'isThisEpoch', actions: 'noteAborted' }, {}],
  },
  states: {
    undeclared: { on: { 'TASK.DECLARED': { target: 'unplaced', actions: 'declare' } } },
    unplaced: {
      entry: { type: OPEN, params: raiseRestore },
      exit: { type: CLOSE, params: { key: 'restore' } },
      on: {
        'EPOCH.REQUESTED': { guard: 'expectsThisEpoch', target: 'assigned', actions: 'take' },
        'TASK.SHED': { guard: 'isThisEpoch', target: 'shed', actions: 'noteReason' },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    assigned: {
      on: {
        'EPOCH.REQUESTED': { guard: 'expectsThisEpoch', target: 'assigned', reenter: true, actions: 'take' },
        'INSTANCE.RAN': { guard: 'isThisEpoch', target: 'owned', actions: 'own' },
        'INSTANCE.ENDED': [
          { guard: 'failedByItself', target: 'crashed', actions: 'noteReason' },
          { guard: 'isThisEpoch', target: 'lost', actions: 'noteReason' },
        ],
        'TASK.SHED': { guard: 'isThisEpoch', target: 'shed', actions: ['noteReason', 'disown'] },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    owned: {
      on: {
        'MOVE.BEGUN': { guard: 'mayMove', target: 'moving', actions: 'beginMove' },
        'EPOCH.REQUESTED': { guard: 'expectsThisEpoch', target: 'assigned', actions: 'take' },
        'INSTANCE.ENDED': [
          { guard: 'failedByItself', target: 'crashed', actions: 'noteReason' },
          { guard: 'isThisEpoch', target: 'lost', actions: 'noteReason' },
        ],
        'TASK.SHED': { guard: 'isThisEpoch', target: 'shed', actions: ['noteReason', 'disown'] },
        'INPUTS.TRIMMABLE': { guard: 'raisesTrim', actions: 'trim' },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    moving: {
      exit: 'forgetMover',
      on: {
        'MOVE.ABORTED': [
          { guard: 'isMover', target: 'owned', actions: 'noteAborted' },
          { guard: 'isThisEpoch', actions: 'noteAborted' },
        ],
        'EPOCH.REQUESTED': { guard: 'expectsThisEpoch', target: 'assigned', actions: 'take' },
        'INSTANCE.ENDED': [
          { guard: 'failedByItself', target: 'crashed', actions: 'noteReason' },
          { guard: 'isThisEpoch', target: 'lost', actions: 'noteReason' },
        ],
        'TASK.SHED': { guard: 'isThisEpoch', target: 'shed', actions: ['noteReason', 'disown'] },
        'INPUTS.TRIMMABLE': { guard: 'raisesTrim', actions: 'trim' },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    lost: {
      entry: { type: OPEN, params: raiseRestore },
      exit: { type: CLOSE, params: { key: 'restore' } },
      on: {
        'EPOCH.REQUESTED': { guard: 'expectsThisEpoch', target: 'assigned', actions: 'take' },
        'TASK.SHED': { guard: 'isThisEpoch', target: 'shed', actions: ['noteReason', 'disown'] },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    shed: {
      on: {
        'EPOCH.REQUESTED': { guard: 'expectsThisEpoch', target: 'assigned', actions: 'take' },
        'TASK.SHED': { guard: 'isThisEpoch', actions: 'noteReason' },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    crashed: {
      on: {
        'TASK.DECLARED': { target: 'unplaced', actions: ['declare', 'disown'] },
        'TASK.REMOVED': { target: 'removing', actions: 'close' },
      },
    },
    removing: {
      entry: { type: OPEN, params: stopTask },
      exit: { type: CLOSE, params: { key: 'stop' } },
      on: { 'INSTANCE.STOPPED': { target: 'removed', actions: 'disown' } },
    },
    removed: { on: { 'TASK.DECLARED': { target: 'unplaced', actions: 'declare' } } },
  },
});

/**
 * An ECU that is to be emptied, or is not any more (DESIGN 3, Ecu `draining`). Replicated, one per ECU that was ever drained: its record is
 * how all managers know. Moving its tasks away is the duty of whoever keeps it (`actors/drain-duty.ts`), which looks again as long as this
 * says `draining`.
 *
 *   serving ⇄ draining
 *
 * N1. While `draining` the bridge is told again and again to take no newcomers: its own admission has the last word, and it forgets with
 *     every start.
 */
import { assign, setup } from 'xstate';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface DrainContext {
  readonly mac: Mac;
  readonly reason?: string | undefined;
}

export type DrainEvent = ActorEvent &
  (
    | { readonly type: 'DRAIN.ASKED'; readonly reason: string }
    | { readonly type: 'DRAIN.UNDONE' }
    | { readonly type: 'BRIDGE.TOLD' }
  );

export interface DrainEffect {
  readonly kind: 'tellBridge';
  readonly mac: Mac;
  readonly undo: boolean;
}

const tell = (undo: boolean) =>
  ({
    type: OPEN,
    params: ({ context }: { context: DrainContext }) => ({
      key: 'tell',
      effect: { kind: 'tellBridge', mac: context.mac, undo } satisfies DrainEffect,
    }),
  }) as const;

export const drainMachine = setup({
  types: { context: {} as DrainContext, events: {} as DrainEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<DrainEffect>(),
    noteReason: assign(({ event }) => (event.type === 'DRAIN.ASKED' ? { reason: event.reason } : {})),
  },
}).createMachine({
  id: 'drain',
  initial: 'serving',
  context: ({ input }) => ({ mac: input.id }),
  on: { 'DRAIN.ASKED': {}, 'DRAIN.UNDONE': {}, 'BRIDGE.TOLD': {} },
  states: {
    serving: { on: { 'DRAIN.ASKED': { target: 'draining', actions: 'noteReason' } } },
    draining: {
      entry: tell(false),
      exit: { type: CLOSE, params: { key: 'tell' } },
      on: { 'DRAIN.UNDONE': { target: 'serving', actions: tell(true) } },
    },
  },
});

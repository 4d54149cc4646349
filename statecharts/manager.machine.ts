/**
 * A checkpoint manager's own life. Local; its record is where the incarnation number comes from.
 *
 *   idle → watching ⇄ blind → left         blind: its own connection is down, so its detectors say nothing of others
 */
import { assign, setup } from 'xstate';
import type { ActorEvent } from '../src/domain/model/events.ts';

export interface ManagerContext {
  readonly manager: string;
  readonly incarnation: number;
  readonly reason?: string | undefined;
}

export type ManagerEvent = ActorEvent &
  (
    | { readonly type: 'MANAGER.STARTED'; readonly incarnation: number }
    | { readonly type: 'CONNECTION.LOST' }
    | { readonly type: 'CONNECTION.RESTORED' }
    | { readonly type: 'BROKER.SUSPECTED'; readonly reason: string }
    /** It was the broker, or nothing; the connection itself may never have been lost. */
    | { readonly type: 'BROKER.TRUSTED' }
    | { readonly type: 'MANAGER.LEFT'; readonly reason: string }
  );

export const managerMachine = setup({
  types: { context: {} as ManagerContext, events: {} as ManagerEvent, input: {} as { id: string } },
  actions: {
    begin: assign(({ event }) =>
      event.type === 'MANAGER.STARTED' ? { incarnation: event.incarnation, reason: undefined } : {},
    ),
    noteReason: assign(({ event }) => ('reason' in event ? { reason: String(event.reason) } : {})),
  },
}).createMachine({
  id: 'manager',
  initial: 'idle',
  context: ({ input }) => ({ manager: input.id, incarnation: 0 }),
  on: {
    'MANAGER.STARTED': { target: '.watching', actions: 'begin' },
    'MANAGER.LEFT': { target: '.left', actions: 'noteReason' },
    'CONNECTION.LOST': {},
    'CONNECTION.RESTORED': {},
    'BROKER.SUSPECTED': {},
    'BROKER.TRUSTED': {},
  },
  states: {
    idle: {},
    watching: { on: { 'CONNECTION.LOST': 'blind', 'BROKER.SUSPECTED': { target: 'blind', actions: 'noteReason' } } },
    blind: { on: { 'CONNECTION.RESTORED': 'watching', 'BROKER.TRUSTED': 'watching' } },
    left: {},
  },
});

/**
 * A bridge's own life. Local to the ECU; its record is where the incarnation number comes from.
 *
 *   idle → serving ⇄ cutOff → left
 */
import { assign, setup } from 'xstate';
import type { ActorEvent } from '../src/domain/model/events.ts';

export interface BridgeContext {
  readonly mac: string;
  readonly incarnation: number;
  readonly reason?: string | undefined;
}

export type BridgeEvent = ActorEvent &
  (
    | { readonly type: 'BRIDGE.STARTED'; readonly incarnation: number }
    | { readonly type: 'CONNECTION.LOST' }
    | { readonly type: 'CONNECTION.RESTORED' }
    | { readonly type: 'BRIDGE.LEFT'; readonly reason: string }
  );

export const bridgeMachine = setup({
  types: { context: {} as BridgeContext, events: {} as BridgeEvent, input: {} as { id: string } },
  actions: {
    begin: assign(({ event }) =>
      event.type === 'BRIDGE.STARTED' ? { incarnation: event.incarnation, reason: undefined } : {},
    ),
    noteReason: assign(({ event }) => (event.type === 'BRIDGE.LEFT' ? { reason: event.reason } : {})),
  },
}).createMachine({
  id: 'bridge',
  initial: 'idle',
  context: ({ input }) => ({ mac: input.id, incarnation: 0 }),
  on: {
    'BRIDGE.STARTED': { target: '.serving', actions: 'begin' },
    'BRIDGE.LEFT': { target: '.left', actions: 'noteReason' },
    'CONNECTION.LOST': {},
    'CONNECTION.RESTORED': {},
  },
  states: {
    idle: {},
    serving: { on: { 'CONNECTION.LOST': 'cutOff' } },
    cutOff: { on: { 'CONNECTION.RESTORED': 'serving' } },
    left: {},
  },
});

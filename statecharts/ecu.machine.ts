/**
 * One ECU as one manager sees it (DESIGN 3, Ecu; 6). Local: every manager has its own view, only the arbiter is shared.
 *
 *   joining → alive → suspect → failed → rejoining → alive        bridgeDown: the supervisor still answers
 *
 * D1. A disconnect or a high phi is a *suspicion*. It is confirmed where that is cheap; a sign of life of the same
 *     incarnation cancels it; without either, the grace period of the ECU's class decides.
 * D2. A goodbye, a higher incarnation and a process that is seen to be gone need no confirmation: that incarnation is gone.
 * D3. Every incarnation that is gone is reported to its arbiter, whatever happens to this view afterwards: each report is
 *     open under its own key until it is answered. Only a sign of life of that incarnation takes it back.
 * D4. A wrong verdict costs a needless move, never two writers: the fence is on the outputs.
 */
import { assign, setup } from 'xstate';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface EcuContext {
  readonly mac: Mac;
  readonly incarnation: number;
  /** The incarnation found gone and not yet reported; set while `failed` and `rejoining`. */
  readonly gone?: number | undefined;
  readonly reason?: string | undefined;
  /** Grace in milliseconds, from the thresholds of the ECU's class. */
  readonly graceMs: number;
  readonly sameMachine: boolean;
}

export type EcuEvent = ActorEvent &
  (
    | { readonly type: 'ECU.APPEARED'; readonly incarnation: number; readonly graceMs: number }
    | { readonly type: 'ECU.SUSPECTED'; readonly incarnation: number; readonly reason: string }
    | { readonly type: 'ECU.SHOWED_LIFE'; readonly incarnation: number }
    | { readonly type: 'ECU.SAID_GOODBYE'; readonly incarnation: number; readonly reason: string }
    | { readonly type: 'DEATH.CONFIRMED'; readonly incarnation: number; readonly reason: string }
    | { readonly type: 'DEATH.DENIED'; readonly incarnation: number }
    | { readonly type: 'BRIDGE.DIED'; readonly incarnation: number; readonly reason: string }
    | { readonly type: 'FAILURE.RAISED'; readonly incarnation: number }
  );

export type EcuEffect =
  /** Also asked while `bridgeDown`: whether the supervisor is gone, too. */
  | { readonly kind: 'confirmDeath'; readonly owner: Incarnation; readonly bridgeDown: boolean }
  | {
      readonly kind: 'raiseFailure';
      readonly owner: Incarnation;
      readonly preferSameMachine: boolean;
      readonly reason: string;
    };

/** How long a bridge may take to come back on its own machine before its tasks go elsewhere. */
const SAME_MACHINE_MS = 2_500;

const confirm =
  (bridgeDown: boolean) =>
  ({ context }: { context: EcuContext }) => ({
    key: 'confirm',
    effect: {
      kind: 'confirmDeath',
      owner: { mac: context.mac, incarnation: context.incarnation },
      bridgeDown,
    } satisfies EcuEffect,
  });

const raiseKey = ({ context }: { context: EcuContext }) => ({ key: `raise/${context.gone ?? context.incarnation}` });

const raise = ({ context }: { context: EcuContext }) => ({
  ...raiseKey({ context }),
  effect: {
    kind: 'raiseFailure',
    owner: { mac: context.mac, incarnation: context.gone ?? context.incarnation },
    preferSameMachine: context.sameMachine,
    reason: context.reason ?? 'a later incarnation appeared',
  } satisfies EcuEffect,
});

export const ecuMachine = setup({
  types: { context: {} as EcuContext, events: {} as EcuEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<EcuEffect>(),
    appear: assign(({ event }) =>
      event.type === 'ECU.APPEARED'
        ? { incarnation: event.incarnation, graceMs: event.graceMs, reason: undefined, gone: undefined, sameMachine: false }
        : {},
    ),
    appearAfterDeath: assign(({ context, event }) =>
      event.type === 'ECU.APPEARED'
        ? // Whoever comes back has its local checkpoints with it.
          { incarnation: event.incarnation, graceMs: event.graceMs, gone: context.incarnation, sameMachine: true }
        : {},
    ),
    noteReason: assign(({ event }) => ('reason' in event ? { reason: String(event.reason) } : {})),
    noteGone: assign(({ context }) => ({ gone: context.incarnation })),
    preferSameMachine: assign({ sameMachine: true }),
    elsewhere: assign({ sameMachine: false }),
    forgetDeath: assign({ gone: undefined, reason: undefined, sameMachine: false }),
  },
  guards: {
    isLater: ({ context, event }) => Number(event['incarnation']) > context.incarnation,
    isGone: ({ context, event }) => event['incarnation'] === context.gone,
    isThis: ({ context, event }) => event['incarnation'] === context.incarnation,
  },
  delays: { grace: ({ context }) => context.graceMs, sameMachine: SAME_MACHINE_MS },
}).createMachine({
  id: 'ecu',
  initial: 'joining',
  context: ({ input }) => ({ mac: input.id, incarnation: 0, graceMs: 0, sameMachine: false }),
  on: {
    'ECU.APPEARED': {},
    'ECU.SUSPECTED': {},
    'ECU.SHOWED_LIFE': {},
    'ECU.SAID_GOODBYE': {},
    'DEATH.CONFIRMED': {},
    'DEATH.DENIED': {},
    'BRIDGE.DIED': {},
    'FAILURE.RAISED': {},
  },
  states: {
    joining: { on: { 'ECU.APPEARED': { target: 'alive', actions: 'appear' } } },
    alive: {
      on: {
        'ECU.APPEARED': { guard: 'isLater', target: 'rejoining', actions: 'appearAfterDeath' },
        'ECU.SUSPECTED': { guard: 'isThis', target: 'suspect', actions: 'noteReason' },
        'ECU.SAID_GOODBYE': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'noteGone'] },
        'DEATH.CONFIRMED': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'noteGone'] },
      },
    },
    suspect: {
      entry: {
        type: OPEN,
        params: confirm(false),
      },
      exit: { type: CLOSE, params: { key: 'confirm' } },
      after: { grace: { target: 'failed', actions: 'noteGone' } },
      on: {
        'ECU.APPEARED': { guard: 'isLater', target: 'rejoining', actions: 'appearAfterDeath' },
        'ECU.SHOWED_LIFE': { guard: 'isThis', target: 'alive', actions: 'forgetDeath' },
        'ECU.SAID_GOODBYE': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'noteGone'] },
        'DEATH.CONFIRMED': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'noteGone'] },
        'DEATH.DENIED': { guard: 'isThis', target: 'alive', actions: 'forgetDeath' },
        'BRIDGE.DIED': { guard: 'isThis', target: 'bridgeDown', actions: ['noteReason', 'noteGone', 'preferSameMachine'] },
      },
    },
    bridgeDown: {
      entry: { type: OPEN, params: confirm(true) },
      exit: { type: CLOSE, params: { key: 'confirm' } },
      after: { sameMachine: { target: 'failed', actions: 'elsewhere' } },
      on: {
        'ECU.APPEARED': { guard: 'isLater', target: 'rejoining', actions: 'appearAfterDeath' },
        'ECU.SHOWED_LIFE': { guard: 'isThis', target: 'alive', actions: 'forgetDeath' },
        'DEATH.CONFIRMED': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'elsewhere'] },
      },
    },
    failed: {
      entry: { type: OPEN, params: raise },
      on: {
        'ECU.APPEARED': { guard: 'isLater', target: 'rejoining', actions: 'appearAfterDeath' },
        // A frozen ECU that wakes: its instances find themselves fenced, and it may be given new ones.
        'ECU.SHOWED_LIFE': { guard: 'isThis', target: 'alive', actions: [{ type: CLOSE, params: raiseKey }, 'forgetDeath'] },
      },
    },
    rejoining: {
      entry: { type: OPEN, params: raise },
      on: {
        'ECU.APPEARED': { guard: 'isLater', target: 'rejoining', reenter: true, actions: 'appearAfterDeath' },
        'ECU.SUSPECTED': { guard: 'isThis', target: 'suspect', actions: 'noteReason' },
        'ECU.SAID_GOODBYE': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'noteGone'] },
        'DEATH.CONFIRMED': { guard: 'isThis', target: 'failed', actions: ['noteReason', 'noteGone'] },
        'FAILURE.RAISED': { guard: 'isGone', target: 'alive', actions: 'forgetDeath' },
      },
    },
  },
});

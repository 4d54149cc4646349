/**
 * Whether an ECU is to be awake (docs/POWER.md). Replicated, one per ECU that can sleep; its record is how all managers know that silence
 * is sleep and not death. Who decides is `actors/power-manager.ts`; this keeps what was decided, tells the bridge, and counts.
 *
 *   awake → emptying → falling → asleep → waking → awake
 *
 * V1. From `emptying` on the ECU gets nothing new; in `falling` its bridge has the last word: one that holds a task does not sleep.
 * V2. Whoever is not sure that it sleeps wakes it: a bridge that did not answer in `falling`, one that was heard though it should sleep.
 * V3. `waking` ends with the bridge's own word that it is awake. One that gives none is given back to the Ecu chart, which finds out.
 * V4. Sleep is counted by the events' times: from the bridge's word that it sleeps to the word that wakes it.
 */
import { assign, setup } from 'xstate';
import type { SleepState } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface PowerContext {
  readonly mac: Mac;
  /** The start of its bridge that was told to sleep. */
  readonly incarnation: number;
  /** The state that it is in or goes into. */
  readonly sleep?: SleepState | undefined;
  /** Why it is in this state. */
  readonly reason?: string | undefined;
  /** When it came into this state, by the managers' clocks. */
  readonly sinceUs: number;
  /** When this record began. */
  readonly managedSinceUs: number;
  readonly sleeps: number;
  /** In full, but for a sleep that lasts. */
  readonly asleepUs: number;
  /** Taken while asleep, and for falling asleep and waking. */
  readonly sleptJoules: number;
  readonly wakeJoules: number;
  /** When it last could not be emptied or would not sleep. */
  readonly refusedAtUs?: number | undefined;
}

export type PowerEvent = ActorEvent &
  (
    | { readonly type: 'POWER.MANAGED' }
    | { readonly type: 'EMPTY.ASKED'; readonly incarnation: number; readonly sleep: SleepState; readonly reason: string }
    | { readonly type: 'ECU.EMPTIED' }
    | { readonly type: 'ECU.SLEPT' }
    | { readonly type: 'SLEEP.REFUSED'; readonly reason: string }
    | { readonly type: 'WAKE.ASKED'; readonly reason: string }
    | { readonly type: 'ECU.WOKE' }
    /** Its bridge is gone, or has started anew; or it was heard though it should sleep. */
    | { readonly type: 'ECU.GONE'; readonly reason: string }
  );

export type PowerEffect =
  | { readonly kind: 'tellSleep'; readonly mac: Mac; readonly sleep: SleepState }
  | { readonly kind: 'tellWake'; readonly mac: Mac };

const EMPTYING_MS = 120_000;
const FALLING_MS = 5_000;
/** Besides what the state says that it takes. */
const WAKING_MS = 10_000;

const NO_STATE: SleepState = { name: '', watts: 0, wakeUs: 0, wakeJoules: 0 };

type From = { readonly context: PowerContext };
const told = (effect: (context: PowerContext) => PowerEffect) => ({
  entry: { type: OPEN, params: ({ context }: From) => ({ key: 'tell', effect: effect(context) }) } as const,
  exit: { type: CLOSE, params: { key: 'tell' } } as const,
});

const atUsOf = (event: PowerEvent, { sinceUs }: PowerContext): number => Math.max(sinceUs, event.atUs ?? 0);

export const powerMachine = setup({
  types: { context: {} as PowerContext, events: {} as PowerEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<PowerEffect>(),
    begin: assign(({ context, event }) => (context.managedSinceUs > 0 ? {} : { managedSinceUs: atUsOf(event, context) })),
    note: assign(({ context, event }) => ({
      sinceUs: atUsOf(event, context),
      reason: 'reason' in event ? String(event.reason) : context.reason,
    })),
    noteSleep: assign(({ event }) =>
      event.type === 'EMPTY.ASKED' ? { incarnation: event.incarnation, sleep: event.sleep } : {},
    ),
    countSleep: assign(({ context, event }) => {
      const us = atUsOf(event, context) - context.sinceUs;
      const { watts, wakeJoules } = context.sleep ?? NO_STATE;
      return {
        sleeps: context.sleeps + 1,
        asleepUs: context.asleepUs + us,
        sleptJoules: context.sleptJoules + (us / 1e6) * watts,
        wakeJoules: context.wakeJoules + wakeJoules,
      };
    }),
    noteRefused: assign(({ context, event }) => ({ refusedAtUs: atUsOf(event, context) })),
    noteNotEmpty: assign({ reason: 'it could not be emptied in time' }),
    noteSilence: assign({ reason: 'its bridge did not answer' }),
  },
  delays: { waking: ({ context }) => WAKING_MS + Math.ceil((context.sleep?.wakeUs ?? 0) / 1000) },
}).createMachine({
  id: 'power',
  initial: 'awake',
  context: ({ input }) => ({
    ...{ mac: input.id, incarnation: 0, sinceUs: 0, managedSinceUs: 0 },
    ...{ sleeps: 0, asleepUs: 0, sleptJoules: 0, wakeJoules: 0 },
  }),
  // Said twice, or too late: taken, and changes nothing.
  on: {
    'POWER.MANAGED': { actions: 'begin' },
    'EMPTY.ASKED': {},
    'ECU.EMPTIED': {},
    'ECU.SLEPT': {},
    'SLEEP.REFUSED': {},
    'WAKE.ASKED': {},
    'ECU.WOKE': {},
    'ECU.GONE': {},
  },
  states: {
    awake: { on: { 'EMPTY.ASKED': { target: 'emptying', actions: ['begin', 'noteSleep', 'note'] } } },
    emptying: {
      after: { [EMPTYING_MS]: { target: 'awake', actions: ['note', 'noteRefused', 'noteNotEmpty'] } },
      on: {
        'ECU.EMPTIED': { target: 'falling', actions: 'note' },
        'WAKE.ASKED': { target: 'awake', actions: ['note', 'noteRefused'] },
        'ECU.GONE': { target: 'awake', actions: 'note' },
      },
    },
    falling: {
      ...told(({ mac, sleep = NO_STATE }) => ({ kind: 'tellSleep', mac, sleep })),
      after: { [FALLING_MS]: { target: 'waking', actions: ['note', 'noteRefused', 'noteSilence'] } },
      on: {
        'ECU.SLEPT': { target: 'asleep', actions: 'note' },
        'SLEEP.REFUSED': { target: 'awake', actions: ['note', 'noteRefused'] },
        'WAKE.ASKED': { target: 'waking', actions: 'note' },
        'ECU.GONE': { target: 'awake', actions: 'note' },
      },
    },
    asleep: {
      on: {
        'WAKE.ASKED': { target: 'waking', actions: ['countSleep', 'note'] },
        'ECU.GONE': { target: 'waking', actions: ['countSleep', 'note'] },
      },
    },
    waking: {
      ...told(({ mac }) => ({ kind: 'tellWake', mac })),
      after: { waking: { target: 'awake', actions: ['note', 'noteSilence'] } },
      on: {
        'ECU.WOKE': { target: 'awake', actions: 'note' },
        'ECU.GONE': { target: 'awake', actions: 'note' },
      },
    },
  },
});

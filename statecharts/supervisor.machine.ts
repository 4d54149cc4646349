/**
 * The supervisor of one ECU's bridge: starts it, starts it again when it dies, and answers for it when it is dead.
 *
 *   idle → starting → watching → waiting → starting …      givenUp: it died too often in too short a time, or of
 *                                                          something that a new start does not mend
 *
 * V1. The wait before a new start doubles with each death in a row, up to a bound; a bridge that has lived long enough
 *     clears the count.
 */
import { assign, setup } from 'xstate';
import type { ActorEvent } from '../src/domain/model/events.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface SupervisorContext {
  readonly mac: string;
  /** Of the supervisor itself. */
  readonly incarnation: number;
  readonly deathsInARow: number;
  readonly reason?: string | undefined;
}

export type SupervisorEvent = ActorEvent &
  (
    | { readonly type: 'SUPERVISOR.STARTED'; readonly incarnation: number }
    | { readonly type: 'BRIDGE.SPAWNED'; readonly pid: number }
    | { readonly type: 'BRIDGE.EXITED'; readonly reason: string; readonly clean: boolean; readonly forGood: boolean }
    | { readonly type: 'SUPERVISOR.LEFT' }
  );

export interface SupervisorEffect {
  readonly kind: 'spawnBridge';
}

/** Milliseconds. The first restart is at once: a task's silence counts every one of them. */
const WAIT_MS_MIN = 1;
const WAIT_MS_MAX = 10_000;
const LIVED_LONG_MS = 10_000;
const DEATHS_MAX = 10;

const waitMs = (deaths: number): number => (deaths <= 1 ? WAIT_MS_MIN : Math.min(WAIT_MS_MAX, 50 * 2 ** (deaths - 2)));

export const supervisorMachine = setup({
  types: { context: {} as SupervisorContext, events: {} as SupervisorEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<SupervisorEffect>(),
    countDeath: assign(({ context, event }) =>
      event.type === 'BRIDGE.EXITED' ? { deathsInARow: context.deathsInARow + 1, reason: event.reason } : {},
    ),
    forgetDeaths: assign({ deathsInARow: 0 }),
    begin: assign(({ event }) =>
      event.type === 'SUPERVISOR.STARTED' ? { incarnation: event.incarnation, deathsInARow: 0 } : {},
    ),
  },
  guards: {
    isHopeless: ({ context, event }) => context.deathsInARow + 1 >= DEATHS_MAX || event['forGood'] === true,
    wasClean: ({ event }) => event.type === 'BRIDGE.EXITED' && event.clean,
  },
  delays: { wait: ({ context }) => waitMs(context.deathsInARow), livedLong: LIVED_LONG_MS },
}).createMachine({
  id: 'supervisor',
  initial: 'idle',
  context: ({ input }) => ({ mac: input.id, incarnation: 0, deathsInARow: 0 }),
  on: {
    'SUPERVISOR.STARTED': { target: '.starting', actions: 'begin' },
    'SUPERVISOR.LEFT': '.left',
    'BRIDGE.SPAWNED': {},
    'BRIDGE.EXITED': {},
  },
  states: {
    idle: {},
    starting: {
      entry: { type: OPEN, params: { key: 'spawn', effect: { kind: 'spawnBridge' } } },
      exit: { type: CLOSE, params: { key: 'spawn' } },
      on: {
        'BRIDGE.SPAWNED': 'watching',
        'BRIDGE.EXITED': [
          { guard: 'isHopeless', target: 'givenUp', actions: 'countDeath' },
          { target: 'waiting', actions: 'countDeath' },
        ],
      },
    },
    watching: {
      after: { livedLong: { actions: 'forgetDeaths' } },
      on: {
        'BRIDGE.EXITED': [
          { guard: 'wasClean', target: 'left' },
          { guard: 'isHopeless', target: 'givenUp', actions: 'countDeath' },
          { target: 'waiting', actions: 'countDeath' },
        ],
      },
    },
    waiting: { after: { wait: 'starting' } },
    givenUp: {},
    left: {},
  },
});

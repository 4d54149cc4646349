/**
 * Moves the tasks of a chain to one ECU together, or none (docs/CHAINS.md): all of it, or those that leave one ECU. Replicated. Each member is
 * an ordinary migration (`migration.machine.ts`) that waits for this record: with its state copied, before its target keeps up with it; where
 * that cannot be, before it stands still; and before it takes its epoch.
 *
 *   idle → gathering → following [→ pausing] → committed → done        gathering, following, pausing → aborting → aborted
 *
 * Z1. `committed` is the one decision for all: no member takes its epoch before it stands here, and none gives up by itself after. It stands
 *     here only when each member's state is named: its target keeps up with it, or it stands still.
 * Z2. Whatever fails before it, of any member, leads to `aborting`: every member rolls back, and its source runs on as if nothing had been. The
 *     source of one that is kept up with has never stood still.
 * Z3. What fails after it fails for one task, as after the commit of any migration: a restore answers for it.
 * Z4. Members' records are read and answer by event; nothing is acted upon that was not recorded.
 * Z5. Only those that no target keeps up with stand still, and not before all the others are kept up with (`pausing`): so nobody's silence
 *     waits for a copy, a start or a catching up of another.
 * Z6. Nothing here rests on a follower: it has no effect (`follower-core.ts`, F1), so single-writer is the marker's as ever; inputs of a task
 *     that is `moving` are not trimmed, so that whoever starts in the new epoch without it computes the same from where it began; and a route
 *     hands on accepted outputs by their numbers, whoever appended them. If one ends after it was counted, its task is silent for longer.
 */
import { assign, setup } from 'xstate';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey, Mac, TaskName } from '../src/domain/model/ids.ts';
import type { ProposalNamed } from '../src/domain/proposal/proposal.ts';
import type { RestoreOpcode } from '../src/domain/protocol/messages.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface ChainMember {
  readonly task: TaskName;
  /** That it leaves, and where it runs. */
  readonly epoch: number;
  readonly attempt: number;
  readonly source: Incarnation;
  /** What was foreseen of it; absent: nothing, somebody asked. */
  readonly proposal?: ProposalNamed | undefined;
}

export interface ChainCause {
  readonly members: readonly ChainMember[];
  readonly target: Mac;
  readonly reason: string;
  /** Who asks; absent: a person. */
  readonly opcode?: RestoreOpcode | undefined;
}

export interface ChainContext {
  readonly id: string;
  readonly cause?: ChainCause | undefined;
  /** Why it was given up. */
  readonly reason?: string | undefined;
}

export type ChainEvent = ActorEvent &
  (
    | { readonly type: 'CHAIN.PROPOSED'; readonly cause: ChainCause }
    | { readonly type: 'MEMBERS.COPIED' }
    /** Some of them keep up; the others wait to stand still. */
    | { readonly type: 'MEMBERS.FOLLOWED' }
    /** Each is kept up with, or stands still. */
    | { readonly type: 'MEMBERS.READY' }
    | { readonly type: 'MEMBER.FAILED'; readonly task: TaskName; readonly reason: string }
    | { readonly type: 'MEMBERS.OVER' }
  );

export type ChainStep = 'copied' | 'followed' | 'ready' | 'over';

export type ChainEffect =
  | (ChainCause & { readonly kind: 'beginMembers'; readonly chain: ActorKey })
  | {
      readonly kind: 'watchMembers';
      readonly chain: ActorKey;
      readonly members: readonly ChainMember[];
      readonly step: ChainStep;
    };

/** Milliseconds. Copying may take each member its own bound; keeping up lasts as long as a follower waits, standing still is to be short. */
const GATHER_MS = 60_000;
const FOLLOW_MS = 3_000;
const PAUSE_MS = 3_000;

const NOTHING: ChainCause = { members: [], target: '', reason: '' };

export const chainKey = (id: string): ActorKey => `chain/${id}`;
export const migrationOfMember = ({ task, epoch, attempt }: ChainMember): ActorKey => `migration/${task}.${epoch}.${attempt}`;

type From = { readonly context: ChainContext };

const opens = (key: string, effect: (context: ChainContext) => ChainEffect) =>
  ({ type: OPEN, params: ({ context }: From) => ({ key, effect: effect(context) }) }) as const;

const watch = (step: ChainStep) =>
  opens('watch', ({ id, cause = NOTHING }) => ({ kind: 'watchMembers', chain: chainKey(id), members: cause.members, step }));

const begin = opens('begin', ({ id, cause = NOTHING }) => ({ kind: 'beginMembers', chain: chainKey(id), ...cause }));

const closes = (key: string) => ({ type: CLOSE, params: { key } }) as const;

export const chainMachine = setup({
  types: { context: {} as ChainContext, events: {} as ChainEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<ChainEffect>(),
    noteCause: assign(({ event }) => (event.type === 'CHAIN.PROPOSED' ? { cause: event.cause } : {})),
    noteFailure: assign(({ event }) => (event.type === 'MEMBER.FAILED' ? { reason: `${event.task}: ${event.reason}` } : {})),
    noteSlow: assign({ reason: 'not every task was ready in time' }),
  },
}).createMachine({
  id: 'chain',
  initial: 'idle',
  context: ({ input }) => ({ id: input.id }),
  // Said twice: taken, and changes nothing.
  on: { 'CHAIN.PROPOSED': {} },
  states: {
    idle: { on: { 'CHAIN.PROPOSED': { target: 'gathering', actions: 'noteCause' } } },
    gathering: {
      entry: [begin, watch('copied')],
      exit: [closes('begin'), closes('watch')],
      after: { [GATHER_MS]: { target: 'aborting', actions: 'noteSlow' } },
      on: { 'MEMBERS.COPIED': 'following', 'MEMBER.FAILED': { target: 'aborting', actions: 'noteFailure' } },
    },
    following: {
      entry: watch('followed'),
      exit: closes('watch'),
      after: { [FOLLOW_MS]: { target: 'aborting', actions: 'noteSlow' } },
      on: {
        'MEMBERS.READY': 'committed',
        'MEMBERS.FOLLOWED': 'pausing',
        'MEMBER.FAILED': { target: 'aborting', actions: 'noteFailure' },
      },
    },
    pausing: {
      entry: watch('ready'),
      exit: closes('watch'),
      after: { [PAUSE_MS]: { target: 'aborting', actions: 'noteSlow' } },
      on: { 'MEMBERS.READY': 'committed', 'MEMBER.FAILED': { target: 'aborting', actions: 'noteFailure' } },
    },
    committed: { entry: watch('over'), exit: closes('watch'), on: { 'MEMBERS.OVER': 'done' } },
    // What was not begun is begun all the same and told to give up: so nobody has to know how far `begin` came.
    aborting: {
      entry: [begin, watch('over')],
      exit: [closes('begin'), closes('watch')],
      on: { 'MEMBERS.OVER': 'aborted' },
    },
    aborted: { type: 'final' },
    done: { type: 'final' },
  },
});

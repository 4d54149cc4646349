/**
 * One task on one ECU (DESIGN 3, Task). Local to the bridge; its record is the ECU's final admission and its memory of what
 * it answered.
 *
 *   idle → deploying → running ⇄ paused → stopped | fenced | crashed
 *
 * T1. A deploy of an epoch not above the accepted one changes nothing; the remembered answer is given again.
 * T2. An answer belongs to an incarnation. After a restart of the bridge nothing of an earlier incarnation runs: the record
 *     says `crashed` with ERR_COMMAND_DIED.
 * T3. How an instance ended is reported to the managers until one of them has taken it.
 */
import { assign, setup } from 'xstate';
import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import type { CheckpointReference, InputCursor } from '../src/domain/model/checkpoint.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface TaskContext {
  readonly task: TaskName;
  readonly epoch: number;
  readonly incarnation: number;
  readonly effectId?: string | undefined;
  readonly nonce?: string | undefined;
  readonly programId?: number | undefined;
  readonly spec?: TaskSpec | undefined;
  readonly checkpoint?: CheckpointReference | undefined;
  /** Inputs up to here may be gone: nothing starts from a cursor below it. */
  readonly trimmed?: InputCursor | undefined;
  /** Where it stands still with this state. */
  readonly source?: Mac | undefined;
  /** The core it was admitted to; absent where the ECU does not bind its tasks. */
  readonly core?: number | undefined;
  readonly ended?: { readonly code: ErrorCode; readonly sentence: string } | undefined;
}

export type TaskEvent = ActorEvent &
  (
    | {
        readonly type: 'DEPLOY.COMMANDED';
        readonly epoch: number;
        readonly effectId: string;
        readonly incarnation: number;
        readonly nonce: string;
        readonly programId: number;
        readonly spec: TaskSpec;
        readonly checkpoint: CheckpointReference | undefined;
        readonly trimmed?: InputCursor | undefined;
        readonly source?: Mac | undefined;
        readonly core?: number | undefined;
      }
    | { readonly type: 'INSTANCE.STARTED'; readonly epoch: number }
    | { readonly type: 'INSTANCE.ENDED'; readonly epoch: number; readonly code: ErrorCode; readonly sentence: string }
    | { readonly type: 'INSTANCE.CAUGHT_UP'; readonly epoch: number }
    | { readonly type: 'STOP.COMMANDED'; readonly epoch: number }
    | { readonly type: 'PAUSE.COMMANDED'; readonly epoch: number }
    | { readonly type: 'RESUME.COMMANDED'; readonly epoch: number }
    | { readonly type: 'BRIDGE.STARTED'; readonly incarnation: number }
  );

export type TaskEffect =
  | {
      readonly kind: 'startInstance';
      readonly task: TaskName;
      readonly epoch: number;
      readonly nonce: string;
      readonly programId: number;
      readonly spec: TaskSpec;
      readonly checkpoint: CheckpointReference | undefined;
      readonly trimmed?: InputCursor | undefined;
      readonly source?: Mac | undefined;
      readonly core?: number | undefined;
    }
  | {
      readonly kind: 'reportInstance';
      readonly what: 'caught-up' | 'ended';
      readonly task: TaskName;
      readonly epoch: number;
      readonly incarnation: number;
      readonly nonce: string;
      readonly code: ErrorCode | undefined;
      readonly sentence: string;
    };

const report =
  (what: 'caught-up' | 'ended') =>
  ({ context }: { context: TaskContext }) => ({
    key: 'report',
    effect: {
      kind: 'reportInstance',
      what,
      task: context.task,
      epoch: context.epoch,
      incarnation: context.incarnation,
      nonce: context.nonce ?? '',
      code: context.ended?.code,
      sentence: context.ended?.sentence ?? '',
    } satisfies TaskEffect,
  });

const start = ({ context }: { context: TaskContext }) => ({
  key: 'start',
  effect: {
    kind: 'startInstance',
    task: context.task,
    epoch: context.epoch,
    nonce: context.nonce ?? '',
    programId: context.programId ?? 0,
    spec: context.spec as TaskSpec,
    checkpoint: context.checkpoint,
    ...(context.trimmed === undefined ? {} : { trimmed: context.trimmed }),
    ...(context.source === undefined ? {} : { source: context.source }),
    ...(context.core === undefined ? {} : { core: context.core }),
  } satisfies TaskEffect,
});

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<TaskEffect>(),
    accept: assign(({ event }) =>
      event.type === 'DEPLOY.COMMANDED'
        ? {
            epoch: event.epoch,
            effectId: event.effectId,
            incarnation: event.incarnation,
            nonce: event.nonce,
            programId: event.programId,
            spec: event.spec,
            checkpoint: event.checkpoint,
            trimmed: event.trimmed,
            source: event.source,
            core: event.core,
            ended: undefined,
          }
        : {},
    ),
    noteEnd: assign(({ event }) =>
      event.type === 'INSTANCE.ENDED' ? { ended: { code: event.code, sentence: event.sentence } } : {},
    ),
    noteStop: assign(({ event }) => (event.type === 'STOP.COMMANDED' ? { epoch: event.epoch } : {})),
    noteDied: assign({ ended: { code: 'ERR_COMMAND_DIED', sentence: 'the bridge that ran it was restarted' } as const }),
  },
  guards: {
    isNewerEpoch: ({ context, event }) => Number(event['epoch']) > context.epoch,
    isThisEpoch: ({ context, event }) => event['epoch'] === context.epoch,
    isThisOrNewer: ({ context, event }) => Number(event['epoch']) >= context.epoch,
    isFenced: ({ context, event }) => event['epoch'] === context.epoch && event['code'] === 'ERR_FENCED',
  },
}).createMachine({
  id: 'task',
  initial: 'idle',
  context: ({ input }) => ({ task: input.id, epoch: 0, incarnation: 0 }),
  on: {
    'DEPLOY.COMMANDED': [{ guard: 'isNewerEpoch', target: '.deploying', reenter: true, actions: 'accept' }, {}],
    'STOP.COMMANDED': [{ guard: 'isThisOrNewer', target: '.stopped', actions: 'noteStop' }, {}],
    'INSTANCE.STARTED': {},
    'INSTANCE.ENDED': {},
    'INSTANCE.CAUGHT_UP': {},
    'PAUSE.COMMANDED': {},
    'RESUME.COMMANDED': {},
    'BRIDGE.STARTED': {},
  },
  states: {
    idle: {},
    deploying: {
      entry: { type: OPEN, params: start },
      exit: { type: CLOSE, params: { key: 'start' } },
      on: {
        'INSTANCE.STARTED': [{ guard: 'isThisEpoch', target: 'running' }, {}],
        // Nothing to replay: its word overtakes the start's answer, and says as much.
        'INSTANCE.CAUGHT_UP': [
          { guard: 'isThisEpoch', target: 'running', actions: { type: OPEN, params: report('caught-up') } },
          {},
        ],
        'INSTANCE.ENDED': [
          { guard: 'isFenced', target: 'fenced', actions: 'noteEnd' },
          { guard: 'isThisEpoch', target: 'crashed', actions: 'noteEnd' },
          {},
        ],
        'BRIDGE.STARTED': { target: 'crashed', actions: 'noteDied' },
      },
    },
    running: {
      on: {
        'INSTANCE.CAUGHT_UP': [{ guard: 'isThisEpoch', actions: { type: OPEN, params: report('caught-up') } }, {}],
        'INSTANCE.ENDED': [
          { guard: 'isFenced', target: 'fenced', actions: 'noteEnd' },
          { guard: 'isThisEpoch', target: 'crashed', actions: 'noteEnd' },
          {},
        ],
        'PAUSE.COMMANDED': [{ guard: 'isThisEpoch', target: 'paused' }, {}],
        'BRIDGE.STARTED': { target: 'crashed', actions: 'noteDied' },
      },
    },
    paused: {
      on: {
        'INSTANCE.ENDED': [
          { guard: 'isFenced', target: 'fenced', actions: 'noteEnd' },
          { guard: 'isThisEpoch', target: 'crashed', actions: 'noteEnd' },
          {},
        ],
        'RESUME.COMMANDED': [{ guard: 'isThisEpoch', target: 'running' }, {}],
        'BRIDGE.STARTED': { target: 'crashed', actions: 'noteDied' },
      },
    },
    stopped: {},
    fenced: { entry: { type: OPEN, params: report('ended') } },
    crashed: { entry: { type: OPEN, params: report('ended') } },
  },
});

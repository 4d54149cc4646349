/**
 * Moves one running task to another ECU, without a gap (DESIGN 3 and 7, Migration). Replicated; one per attempt, named after the task and
 * the epoch that it leaves.
 *
 *   proposed → costed → admitted → duplicating{full, delta} → switching{following | pausing, committing, starting} → decommissioning → done
 *              rejected            rollingBack{aborting, resuming} → aborted                       superseding → decommissioning → superseded
 *
 * M1. Until the commit everything is preparation: the source runs, and whatever fails leads to `rollingBack`. After it the target's epoch
 *     is taken and nothing leads back; who fails there is `superseded` by a restore.
 * M2. Commit and abort race on the placement record. It lets `moving` be left only once: by this migration's epoch, by its abort, or by
 *     another's epoch. Which of them it was decides here, whatever this actor wanted.
 * M3. The source is told to resume only when the abort is on the placement's record. One whose epoch was taken is never resumed.
 * M4. The source stands still with its state until the target's epoch has a durable checkpoint, or has had long enough to get one.
 * M5. An effect that asks the world answers with what it heard; the chart goes on by that answer and by its timers.
 * M7. One that moves with its chain (`chain.machine.ts`) waits for the chain's word: `gathered`, with its state copied; `waiting`, before it
 *     stands still, if it has to; and `agreeing`, before it takes its epoch. With that last word it does not give up by itself any more.
 * M8. Where the target can keep up with the source (`following`), the source does not stand still before the commit: the target computes what
 *     it computes, and goes on from there. The marker ends what the source may append, and M4 holds from then on. A target that has kept up
 *     saves time and decides nothing: if it falls behind, ends or dies before the marker, the deploy begins from `reference`, where it began.
 * M9. Where standing still would break deadlines or cost too much (`mustFollow`) and the target does not keep up, it is given up: the source
 *     never stood still.
 * M6. It is done only when the placement has heard that the target runs the task: whoever took an epoch answers for it until then.
 */
import { assign, enqueueActions, setup } from 'xstate';
import {
  type MigrationEstimate,
  type MigrationMode,
  ROUNDS_MAX,
  SMALL_BYTES,
  silenceToAdmit,
} from '../src/domain/migration/estimate.ts';
import type { CheckpointReference } from '../src/domain/model/checkpoint.ts';
import type { Incarnation, TaskOwner } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey, Mac, TaskName } from '../src/domain/model/ids.ts';
import type { ProposalNamed } from '../src/domain/proposal/proposal.ts';
import type { RestoreOpcode } from '../src/domain/protocol/messages.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface MigrationCause {
  readonly task: TaskName;
  /** The epoch of the instance that runs, and where. */
  readonly epoch: number;
  /** Of the migrations from this epoch, from 0. */
  readonly attempt: number;
  readonly source: Incarnation;
  /** Undefined: where it is best. */
  readonly target?: Mac | undefined;
  readonly opcode: RestoreOpcode;
  readonly mode?: MigrationMode | undefined;
  /** In late jobs; undefined: whatever it costs. */
  readonly costMax?: number | undefined;
  readonly reason: string;
  /** What was foreseen; absent: nothing, somebody asked. */
  readonly proposal?: ProposalNamed | undefined;
  /** That it moves with (M7). */
  readonly chain?: ActorKey | undefined;
}

export interface CopyRound {
  readonly sequence: number;
  readonly bytes: number;
  readonly tookUs: number;
}

export interface MigrationContext {
  readonly id: string;
  readonly cause?: MigrationCause | undefined;
  readonly target?: Incarnation | undefined;
  readonly mode?: MigrationMode | undefined;
  /** By the estimate, where the deadlines at the target bear it. */
  readonly blackoutUs?: number | undefined;
  /** By the estimate: it is not to stand still. */
  readonly mustFollow?: boolean | undefined;
  /** Targets that refused. */
  readonly excluded: readonly Mac[];
  readonly rounds: readonly CopyRound[];
  /** The state to go on from. */
  readonly reference?: CheckpointReference | undefined;
  /** M8: the target keeps up with the source from there on. */
  readonly following?: boolean | undefined;
  /** M8: why it does not, where that was tried or would have been. */
  readonly standsStillFor?: string | undefined;
  /** Taken by the commit. */
  readonly epoch?: number | undefined;
  readonly nonce?: string | undefined;
  /** The placement has heard that the target runs it. */
  readonly confirmed: boolean;
  /** The target has said so; or why it will not. */
  readonly superseded: boolean;
  readonly reason?: string | undefined;
}

export type MigrationEvent = ActorEvent &
  (
    | { readonly type: 'MIGRATION.PROPOSED'; readonly cause: MigrationCause }
    | { readonly type: 'MIGRATION.COSTED'; readonly estimate: MigrationEstimate }
    | { readonly type: 'TARGET.ADMITTED' }
    /** `unable`: its bridge is of a build that cannot prepare; it can only be deployed to. */
    | { readonly type: 'TARGET.REFUSED'; readonly reason: string; readonly unable: boolean }
    | { readonly type: 'STATE.COPIED'; readonly round: CopyRound }
    | { readonly type: 'COPY.FAILED'; readonly reason: string }
    | { readonly type: 'PLACEMENT.CLAIMED' }
    | { readonly type: 'PLACEMENT.REFUSED'; readonly reason: string }
    | {
        readonly type: 'STATE.HANDED_OVER';
        readonly reference: CheckpointReference;
        readonly pauseUs: number;
        readonly copyUs: number;
        readonly following?: boolean;
      }
    /** The target does not keep up with it: it has to stand still. */
    | { readonly type: 'FOLLOWING.REFUSED'; readonly reason: string }
    /** `unable`: its bridge cannot name the state at which it stands still. */
    | { readonly type: 'HANDOVER.FAILED'; readonly reason: string; readonly unable: boolean }
    | { readonly type: 'SWITCH.COMMITTED'; readonly epoch: number }
    /** The abort stands on the placement's record. */
    | { readonly type: 'SWITCH.ABORTED' }
    /** Neither: the placement has gone to another. */
    | { readonly type: 'SWITCH.LOST'; readonly epoch: number; readonly by: ActorKey | undefined }
    | { readonly type: 'INSTANCE.RAN'; readonly epoch: number; readonly nonce: string; readonly owner: TaskOwner }
    | { readonly type: 'DEPLOY.REFUSED'; readonly epoch: number; readonly reason: string }
    | { readonly type: 'PLACEMENT.CONFIRMED'; readonly epoch: number }
    /** The target's instance has consumed what waited; told by its bridge to whoever took its epoch. */
    | { readonly type: 'INSTANCE.CAUGHT_UP'; readonly task: TaskName; readonly epoch: number }
    | { readonly type: 'RESTORE.RAISED' }
    | { readonly type: 'TARGET.DURABLE'; readonly reason: string }
    | { readonly type: 'CHAIN.WENT_ON' }
    | { readonly type: 'CHAIN.GAVE_UP'; readonly reason: string }
    | { readonly type: 'SOURCE.RESUMED' }
    | { readonly type: 'SOURCE.STOPPED' }
  );

/** How far its chain has to have come (M7): all copied; all that can keep up do; all may switch. */
export type MemberStep = 'copied' | 'followed' | 'ready';

interface Between {
  readonly task: TaskName;
  readonly expectedEpoch: number;
  readonly attempt: number;
  readonly source: Incarnation;
  readonly target: Incarnation;
}

export type MigrationEffect =
  | { readonly kind: 'estimate'; readonly cause: MigrationCause; readonly excluded: readonly Mac[] }
  /** `blackoutUs`: no deadline may be broken by so much silence; absent: whoever asked takes that upon itself. */
  | (Between & { readonly kind: 'reserve'; readonly blackoutUs?: number | undefined })
  | (Between & { readonly kind: 'copyState'; readonly round: number })
  | (Between & { readonly kind: 'claimPlacement' })
  | (Between & { readonly kind: 'awaitChain'; readonly chain: ActorKey; readonly step: MemberStep })
  /** From the checkpoint of that sequence, which is at the target. */
  | (Between & { readonly kind: 'followSource'; readonly sequence: number })
  | (Between & { readonly kind: 'handOver'; readonly mode: MigrationMode })
  | (Between & { readonly kind: 'commitSwitch'; readonly mode: MigrationMode; readonly reference: CheckpointReference })
  | (Between & {
      readonly kind: 'deployTarget';
      readonly epoch: number;
      readonly mode: MigrationMode;
      readonly reference: CheckpointReference;
      readonly following?: boolean | undefined;
    })
  | (Between & {
      readonly kind: 'confirmPlacement';
      readonly epoch: number;
      readonly nonce: string;
      readonly core?: number | undefined;
    })
  | (Between & { readonly kind: 'abortSwitch'; readonly reason: string })
  | (Between & { readonly kind: 'resumeSource' })
  | (Between & { readonly kind: 'raiseRestore'; readonly epoch: number; readonly reason: string })
  | (Between & { readonly kind: 'awaitDurable'; readonly epoch: number })
  /** `release`: the target, which it will not come to, is told so. */
  | (Between & { readonly kind: 'stopSource'; readonly release: boolean });

/** Milliseconds, as XState's delays are. Bounds for one that lives and says nothing: a source that stands still must not do so for long. */
const RESERVE_MS = 3_000;
const COPY_MS = 30_000;
const CLAIM_MS = 2_000;
const FOLLOW_MS = 2_000;
const PAUSE_MS = 2_000;
const COMMIT_MS = 2_000;
const START_MS = 5_000;
/** M4: as long as an instance that stands still keeps its state (`instance-core.ts`, I9). */
const KEPT_MS = 8_000;

const NOWHERE: Incarnation = { mac: '', incarnation: 0 };

/** A rejection that ends it: nobody is left to be asked. */
const isFinal = ({ cause }: MigrationContext): boolean => cause?.target !== undefined;

function between({ cause, target = NOWHERE }: MigrationContext): Between {
  const { task = '', epoch: expectedEpoch = 0, attempt = 0, source = NOWHERE } = cause ?? {};
  return { task, expectedEpoch, attempt, source, target };
}

type From = { readonly context: MigrationContext };
const opened = (key: string, effect: (context: MigrationContext) => MigrationEffect) => ({
  entry: { type: OPEN, params: ({ context }: From) => ({ key, effect: effect(context) }) } as const,
  exit: { type: CLOSE, params: { key } } as const,
});

const awaitsChain = (step: MemberStep) =>
  opened('chain', (context) => ({ kind: 'awaitChain', ...between(context), chain: context.cause?.chain ?? '', step }));

const isSmallOrNever = ({ context, event }: { readonly context: MigrationContext; readonly event: MigrationEvent }): boolean =>
  event.type === 'STATE.COPIED' && (event.round.bytes <= SMALL_BYTES || context.rounds.length + 1 >= ROUNDS_MAX);

const isInChain = ({ cause }: MigrationContext): boolean => cause?.chain !== undefined;

const modeOf = ({ mode }: MigrationContext): MigrationMode => mode ?? 'cold';
const reasonOf = (event: MigrationEvent): string | undefined => ('reason' in event ? String(event.reason) : undefined);

export const migrationMachine = setup({
  types: { context: {} as MigrationContext, events: {} as MigrationEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<MigrationEffect>(),
    noteCause: assign(({ event }) => (event.type === 'MIGRATION.PROPOSED' ? { cause: event.cause } : {})),
    openEstimate: enqueueActions(({ context, enqueue }) => {
      if (context.cause === undefined) return;
      const effect: MigrationEffect = { kind: 'estimate', cause: context.cause, excluded: context.excluded };
      enqueue({ type: OPEN, params: { key: 'estimate', effect } });
    }),
    noteChosen: assign(({ event }) => {
      if (event.type !== 'MIGRATION.COSTED' || event.estimate.chosen === undefined) return {};
      const { mac, incarnation, mode, mustFollow } = event.estimate.chosen;
      const blackoutUs = silenceToAdmit(event.estimate.chosen);
      return { target: { mac, incarnation }, mode, blackoutUs, mustFollow, reason: undefined };
    }),
    noteStay: assign(({ event }) =>
      event.type === 'MIGRATION.COSTED' ? { reason: event.estimate.reason ?? 'no other ECU can take it' } : {},
    ),
    excludeTarget: assign(({ context, event }) => ({
      excluded: context.target === undefined ? context.excluded : [...context.excluded, context.target.mac],
      reason: reasonOf(event),
    })),
    goCold: assign(({ event }) => ({ mode: 'cold' as const, reason: reasonOf(event) })),
    noteReason: assign(({ event }) => ({ reason: reasonOf(event) })),
    noteRound: assign(({ context, event }) =>
      event.type === 'STATE.COPIED' ? { rounds: [...context.rounds, event.round] } : {},
    ),
    noteRefused: assign(({ event }) => ({ standsStillFor: reasonOf(event) })),
    noteReference: assign(({ event }) => {
      if (event.type !== 'STATE.HANDED_OVER') return {};
      const { reference, following } = event;
      return following === true ? { reference, following } : { reference };
    }),
    noteEpoch: assign(({ event }) => (event.type === 'SWITCH.COMMITTED' ? { epoch: event.epoch } : {})),
    noteLost: assign(({ event }) =>
      event.type === 'SWITCH.LOST' ? { reason: `epoch ${event.epoch} was taken by ${event.by ?? 'nobody'}` } : {},
    ),
    noteRan: assign(({ event }) => (event.type === 'INSTANCE.RAN' ? { nonce: event.nonce } : {})),
    openConfirm: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'INSTANCE.RAN') return;
      const { epoch, nonce, owner } = event;
      const on = owner.core === undefined ? {} : { core: owner.core };
      const effect: MigrationEffect = { kind: 'confirmPlacement', ...between(context), epoch, nonce, ...on };
      enqueue({ type: OPEN, params: { key: 'confirm', effect } });
    }),
    noteConfirmed: assign({ confirmed: true }),
    noteSuperseded: assign(({ event }) => ({ superseded: true, reason: reasonOf(event) })),
    noteStays: assign(({ event }) => ({
      reason: `its target does not keep up with it, and it is not to stand still for this move: ${reasonOf(event)}`,
    })),
    noteSilence: assign({ reason: 'the other side did not answer in time' }),
    noteSilentTarget: assign({ superseded: true, reason: 'the target did not answer in time' }),
  },
  guards: {
    isMyEpoch: ({ context, event }) => 'epoch' in event && event.epoch === context.epoch,
    isChosen: ({ event }) => event.type === 'MIGRATION.COSTED' && event.estimate.chosen !== undefined,
    isUnable: ({ event }) => (event.type === 'TARGET.REFUSED' || event.type === 'HANDOVER.FAILED') && event.unable,
    isLastTarget: ({ context }) => isFinal(context),
    isLive: ({ context }) => context.mode === 'live',
    isSmallOrNever,
    isGathered: (from) => isInChain(from.context) && isSmallOrNever(from),
    isInChain: ({ context }) => isInChain(context),
    wasSuperseded: ({ context }) => context.superseded,
    isConfirmed: ({ context }) => context.confirmed,
    mustFollow: ({ context }) => context.mustFollow === true,
    hasReference: ({ context }) => context.reference !== undefined,
  },
}).createMachine({
  id: 'migration',
  initial: 'proposed',
  context: ({ input }) => ({ id: input.id, excluded: [], rounds: [], confirmed: false, superseded: false }),
  // Said twice, or too late: taken, and changes nothing.
  on: {
    'MIGRATION.PROPOSED': {},
    'PLACEMENT.CONFIRMED': { actions: 'noteConfirmed' },
    'INSTANCE.CAUGHT_UP': {},
  },
  states: {
    proposed: {
      exit: { type: CLOSE, params: { key: 'estimate' } },
      on: {
        'MIGRATION.PROPOSED': { actions: ['noteCause', 'openEstimate'] },
        'MIGRATION.COSTED': [
          { guard: 'isChosen', target: 'costed', actions: 'noteChosen' },
          { target: 'rejected', actions: 'noteStay' },
        ],
      },
    },
    costed: {
      ...opened('reserve', (context) => {
        const { blackoutUs } = context;
        return { kind: 'reserve', ...between(context), ...(blackoutUs === undefined ? {} : { blackoutUs }) };
      }),
      after: {
        [RESERVE_MS]: [
          { guard: 'isLastTarget', target: 'rejected', actions: 'noteSilence' },
          { target: 'proposed', actions: ['excludeTarget', 'openEstimate'] },
        ],
      },
      on: {
        'TARGET.ADMITTED': 'admitted',
        'TARGET.REFUSED': [
          { guard: 'isUnable', target: 'admitted', actions: 'goCold' },
          { guard: 'isLastTarget', target: 'rejected', actions: 'noteReason' },
          { target: 'proposed', actions: ['excludeTarget', 'openEstimate'] },
        ],
      },
    },
    admitted: {
      ...opened('claim', (context) => ({ kind: 'claimPlacement', ...between(context) })),
      after: { [CLAIM_MS]: { target: 'rollingBack', actions: 'noteSilence' } },
      on: {
        'PLACEMENT.CLAIMED': [
          { guard: 'isLive', target: 'duplicating' },
          { guard: 'isInChain', target: 'gathered' },
          { target: 'switching' },
        ],
        'PLACEMENT.REFUSED': { target: 'rollingBack', actions: 'noteReason' },
      },
    },
    duplicating: {
      initial: 'full',
      after: { [COPY_MS]: { target: 'rollingBack', actions: 'noteSilence' } },
      on: {
        'COPY.FAILED': { target: 'rollingBack', actions: 'noteReason' },
        'STATE.COPIED': [
          { guard: 'isGathered', target: 'gathered', actions: 'noteRound' },
          { guard: 'isSmallOrNever', target: 'switching.following', actions: 'noteRound' },
          { target: 'duplicating.delta', reenter: true, actions: 'noteRound' },
        ],
      },
      states: {
        full: opened('copy', (context) => ({ kind: 'copyState', ...between(context), round: 0 })),
        delta: opened('copy', (context) => ({ kind: 'copyState', ...between(context), round: context.rounds.length })),
      },
    },
    gathered: {
      ...awaitsChain('copied'),
      on: {
        'CHAIN.WENT_ON': [{ guard: 'isLive', target: 'switching.following' }, { target: 'switching.waiting' }],
        'CHAIN.GAVE_UP': { target: 'rollingBack', actions: 'noteReason' },
      },
    },
    switching: {
      initial: 'pausing',
      states: {
        following: {
          ...opened('follow', (context) => ({
            kind: 'followSource',
            ...between(context),
            sequence: context.rounds[context.rounds.length - 1]?.sequence ?? 0,
          })),
          after: { [FOLLOW_MS]: { target: '#migration.rollingBack', actions: 'noteSilence' } },
          on: {
            'STATE.HANDED_OVER': [
              { guard: 'isInChain', target: 'agreeing', actions: 'noteReference' },
              { target: 'committing', actions: 'noteReference' },
            ],
            'FOLLOWING.REFUSED': [
              { guard: 'mustFollow', target: '#migration.rollingBack', actions: ['noteRefused', 'noteStays'] },
              { guard: 'isInChain', target: 'waiting', actions: 'noteRefused' },
              { target: 'pausing', actions: 'noteRefused' },
            ],
            'HANDOVER.FAILED': { target: '#migration.rollingBack', actions: 'noteReason' },
          },
        },
        waiting: {
          ...awaitsChain('followed'),
          on: { 'CHAIN.WENT_ON': 'pausing', 'CHAIN.GAVE_UP': { target: '#migration.rollingBack', actions: 'noteReason' } },
        },
        pausing: {
          ...opened('handOver', (context) => ({ kind: 'handOver', ...between(context), mode: modeOf(context) })),
          after: { [PAUSE_MS]: { target: '#migration.rollingBack', actions: 'noteSilence' } },
          on: {
            'STATE.HANDED_OVER': [
              { guard: 'isInChain', target: 'agreeing', actions: 'noteReference' },
              { target: 'committing', actions: 'noteReference' },
            ],
            'HANDOVER.FAILED': [
              { guard: 'isUnable', target: 'pausing', reenter: true, actions: 'goCold' },
              { target: '#migration.rollingBack', actions: 'noteReason' },
            ],
          },
        },
        agreeing: {
          ...awaitsChain('ready'),
          on: { 'CHAIN.WENT_ON': 'committing', 'CHAIN.GAVE_UP': { target: '#migration.rollingBack', actions: 'noteReason' } },
        },
        committing: {
          ...opened('commit', (context) => ({
            kind: 'commitSwitch',
            ...between(context),
            mode: modeOf(context),
            reference: context.reference as CheckpointReference,
          })),
          after: {
            [COMMIT_MS]: [
              { guard: 'isInChain', target: 'committing', reenter: true },
              { target: '#migration.rollingBack', actions: 'noteSilence' },
            ],
          },
          on: {
            'SWITCH.COMMITTED': { target: 'starting', actions: 'noteEpoch' },
            'SWITCH.LOST': { target: '#migration.rollingBack', actions: 'noteLost' },
          },
        },
        starting: {
          ...opened('deploy', (context) => ({
            kind: 'deployTarget',
            ...between(context),
            epoch: context.epoch ?? 0,
            mode: modeOf(context),
            reference: context.reference as CheckpointReference,
            ...(context.following === true ? { following: true } : {}),
          })),
          after: { [START_MS]: { target: '#migration.superseding', actions: 'noteSilentTarget' } },
          on: {
            'INSTANCE.RAN': [
              { guard: 'isMyEpoch', target: '#migration.decommissioning', actions: ['noteRan', 'openConfirm'] },
              {},
            ],
            'DEPLOY.REFUSED': { target: '#migration.superseding', actions: 'noteSuperseded' },
          },
        },
      },
    },
    rollingBack: {
      initial: 'aborting',
      states: {
        aborting: {
          ...opened('abort', (context) => ({
            kind: 'abortSwitch',
            ...between(context),
            reason: context.reason ?? 'it was given up',
          })),
          on: {
            'SWITCH.ABORTED': 'resuming',
            // The commit was under way and came first: nothing leads back.
            'SWITCH.COMMITTED': [
              { guard: 'hasReference', target: '#migration.switching.starting', actions: 'noteEpoch' },
              { target: '#migration.superseding', actions: ['noteEpoch', 'noteSuperseded'] },
            ],
            'SWITCH.LOST': { target: 'giving', actions: 'noteLost' },
          },
        },
        resuming: {
          ...opened('resume', (context) => ({ kind: 'resumeSource', ...between(context) })),
          on: { 'SOURCE.RESUMED': '#migration.aborted' },
        },
        // The source's epoch is over, by another's hand: it is stopped, as whoever took it would find out.
        giving: {
          ...opened('stop', (context) => ({ kind: 'stopSource', ...between(context), release: true })),
          on: { 'SOURCE.STOPPED': '#migration.aborted' },
        },
      },
    },
    superseding: {
      ...opened('restore', (context) => ({
        kind: 'raiseRestore',
        ...between(context),
        epoch: context.epoch ?? 0,
        reason: context.reason ?? 'the target did not take it',
      })),
      on: { 'RESTORE.RAISED': 'decommissioning' },
    },
    decommissioning: {
      initial: 'keeping',
      states: {
        keeping: {
          ...opened('durable', (context) => ({ kind: 'awaitDurable', ...between(context), epoch: context.epoch ?? 0 })),
          after: { [KEPT_MS]: { target: 'stopping' } },
          on: { 'TARGET.DURABLE': 'stopping' },
        },
        stopping: {
          ...opened('stop', (context) => ({ kind: 'stopSource', ...between(context), release: context.superseded })),
          on: {
            'SOURCE.STOPPED': [
              { guard: 'wasSuperseded', target: '#migration.superseded' },
              { guard: 'isConfirmed', target: '#migration.done' },
              { target: 'confirming' },
            ],
          },
        },
        // Whoever took an epoch answers for it until its task is owned.
        confirming: { on: { 'PLACEMENT.CONFIRMED': { target: '#migration.done', actions: 'noteConfirmed' } } },
      },
    },
    rejected: { type: 'final' },
    aborted: { type: 'final' },
    superseded: { type: 'final' },
    done: { type: 'final' },
  },
});

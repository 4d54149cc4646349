/**
 * The messages of the wire as the rest of drover sees them: plain values, validated by the decoders beside this file.
 * The schema is `proto/drover/v1/*.proto`; requests and core messages travel in an `Envelope`.
 */

import type { Verdict } from '../checkpoint/proof.ts';
import type { ForecastView } from '../forecast/forecast-view.ts';
import type { ErrorCode } from '../kernel/error-codes.ts';
import type { MigrationEstimate, MigrationMode } from '../migration/estimate.ts';
import type { CheckpointManifest, CheckpointOrder, CheckpointReference, InputCursor } from '../model/checkpoint.ts';
import type { EcuDescription, EcuLoad, SleepState } from '../model/ecu.ts';
import type { ActorKey, HostId, Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import type { PowerState } from '../power/power-view.ts';
import type { EcuForesight, ForesightQuery } from '../proposal/foresight.ts';
import type { PredictionPolicy } from '../proposal/prediction-policy.ts';
import type { Booking } from '../reservation/booking.ts';
import type { BookingDraft } from '../reservation/booking-draft.ts';

/** The version of the envelope this build writes; it reads this one alone. */
export const WIRE_VERSION = 1;

export interface Envelope<Body> {
  readonly id: string;
  readonly sender: HostId;
  /** W3C traceparent, or empty. */
  readonly trace: string;
  /** The sender's wall clock: for people only. */
  readonly sentAtUs: number;
  readonly body: Body;
}

// ——— core messages ———

export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly mac: Mac;
  readonly incarnation: number;
  readonly sequence: number;
  readonly uptimeUs: number;
}

export interface Goodbye {
  readonly kind: 'goodbye';
  readonly mac: Mac;
  readonly incarnation: number;
  readonly reason: string;
}

export interface ManagerHeartbeat {
  readonly kind: 'manager-heartbeat';
  readonly manager: string;
  readonly incarnation: number;
  readonly sequence: number;
}

// ——— commands to a bridge: idempotent by (task, epoch, effectId) ———

export interface CommandHeader {
  readonly task: TaskName;
  readonly epoch: number;
  readonly effectId: string;
  /** The actor that commands, and its revision: a bridge refuses what is below the highest it has handled. */
  readonly actor: ActorKey;
  readonly actorRevision: number;
}

export type Command =
  | (CommandHeader & {
      readonly kind: 'deploy';
      readonly spec: TaskSpec;
      /** The incarnation the deployer planned with; another one refuses with ERR_COMMAND_DIED. */
      readonly incarnation: number;
      /** The state to restore; undefined: from the first input. */
      readonly checkpoint: CheckpointReference | undefined;
      /** Inputs up to here may be gone: the placement's trim mark. */
      readonly trimmed?: InputCursor | undefined;
      /** The ECU where the task stands still with this very state: asked first where no copy is at hand. */
      readonly source?: Mac | undefined;
    })
  /** `save`: it is about to move; the answer names a last checkpoint of this boundary. */
  | (CommandHeader & { readonly kind: 'pause'; readonly save?: boolean })
  | (CommandHeader & { readonly kind: 'resume' })
  | (CommandHeader & { readonly kind: 'stop'; readonly reason: string })
  /** `first`: only where this instance has taken none yet. */
  | (CommandHeader & { readonly kind: 'checkpoint'; readonly mode: 'full' | 'delta'; readonly first?: boolean })
  | PrepareCommand
  | { readonly kind: 'query-load' }
  /** Take no newcomers any more, or take them again; answered as `query-load` is. */
  | { readonly kind: 'drain'; readonly undo: boolean }
  /** Fall asleep, or (undefined) wake up. */
  | { readonly kind: 'power'; readonly sleep: SleepState | undefined };

/** Keep room for a task that runs elsewhere, and bring its state here as far as `sequence` of the header's epoch. */
export interface PrepareCommand extends CommandHeader {
  readonly kind: 'prepare';
  readonly spec: TaskSpec;
  readonly incarnation: number;
  /** Undefined: only keep room. */
  readonly source: Mac | undefined;
  readonly sequence: number;
  /** The source stands still with it: the program may be started ahead. */
  readonly standsStill?: boolean;
  /** The source runs on: the program may be started from it and keep up with it, without a word. */
  readonly follow?: boolean;
  /** No deadline may be broken by its running nowhere for so long; absent: whoever moves it takes that upon itself. */
  readonly blackoutUs?: number;
}

export type Answer =
  | {
      readonly kind: 'running';
      readonly task: TaskName;
      readonly epoch: number;
      readonly incarnation: number;
      readonly nonce: string;
      readonly programId: number;
      readonly core?: number | undefined;
    }
  | { readonly kind: 'stopped'; readonly task: TaskName; readonly epoch: number }
  | {
      readonly kind: 'paused';
      readonly task: TaskName;
      readonly epoch: number;
      readonly state?: CheckpointReference | undefined;
    }
  | { readonly kind: 'resumed'; readonly task: TaskName; readonly epoch: number }
  | {
      readonly kind: 'checkpointed';
      readonly task: TaskName;
      readonly epoch: number;
      readonly sequence: number;
      /** The newest that a quorum has stored; 0 or absent: none of this epoch. */
      readonly durableSequence?: number;
    }
  | PreparedAnswer
  | PowerAnswer
  | { readonly kind: 'load'; readonly load: EcuLoad }
  | {
      readonly kind: 'refused';
      readonly task: TaskName;
      readonly epoch: number;
      readonly code: ErrorCode;
      readonly sentence: string;
    };

export interface PowerAnswer {
  readonly kind: 'power';
  readonly state: 'awake' | 'asleep' | 'waking';
  /** While it wakes. */
  readonly readyInUs: number;
  /** Why it does not sleep though it was told to. */
  readonly reason: string;
}

export interface PreparedAnswer {
  readonly kind: 'prepared';
  readonly task: TaskName;
  readonly epoch: number;
  /** The checkpoint that is here now; 0: none. */
  readonly sequence: number;
  /** Fetched for it, and of the whole state. */
  readonly bytes: number;
  readonly stateBytes: number;
  readonly tookUs: number;
  /** Asked to follow: the state that its program was started from; it has consumed every input that was there. Absent: it does not follow. */
  readonly state?: CheckpointReference | undefined;
}

// ——— commands to a supervisor ———

export type SupervisorCommand = { readonly kind: 'query-bridge' };
export type SupervisorAnswer = {
  readonly kind: 'bridge-state';
  readonly mac: Mac;
  /** The incarnation last started, and whether its process lives. */
  readonly incarnation: number;
  readonly alive: boolean;
  /** Whether the supervisor is going to start it again. */
  readonly restarting: boolean;
};

// ——— checkpoints ———

export type CheckpointNotice =
  | { readonly kind: 'announced'; readonly manifest: CheckpointManifest; readonly standbys: readonly Mac[] }
  | {
      readonly kind: 'stored';
      readonly manager: string;
      readonly task: TaskName;
      readonly mac: Mac;
      readonly programId: number;
      readonly epoch: number;
      readonly sequence: number;
      readonly reference: CheckpointReference;
    }
  | {
      readonly kind: 'freed';
      readonly task: TaskName;
      readonly mac: Mac;
      readonly programId: number;
      readonly epoch: number;
      readonly sequence: number;
    };

/** Pages of one checkpoint by their index in memory, from an ECU as from a manager. */
export interface PageRequest {
  readonly kind: 'pages';
  readonly task: TaskName;
  readonly epoch: number;
  readonly sequence: number;
  /** Page indexes in memory. */
  readonly positions: Uint32Array;
  /** Encodings the pages may come in, the preferred one first; absent: as they are. */
  readonly accepts?: readonly PageEncoding[];
}

/** How pages are packed on their way. */
export type PageEncoding = 'deflate' | 'brotli';

export type PageAnswer =
  | { readonly kind: 'pages'; readonly pages: Uint8Array; readonly encoding?: PageEncoding }
  /** A newer checkpoint replaced it here; pull that one. */
  | { readonly kind: 'superseded'; readonly epoch: number; readonly sequence: number }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly sentence: string };

/** Pages of a checkpoint sent ahead of its announcement, which names their digests. */
export interface PagesPushed {
  readonly kind: 'pushed';
  readonly task: TaskName;
  readonly epoch: number;
  readonly sequence: number;
  readonly pages: Uint8Array;
}

/** A restore target asks a manager for a whole state's manifest: every page of the memory, no base. */
export interface ManifestRequest {
  readonly kind: 'manifest';
  readonly task: TaskName;
  readonly epoch: number;
  readonly sequence: number;
}
export type ManifestAnswer =
  | { readonly kind: 'manifest'; readonly manifest: CheckpointManifest }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly sentence: string };

// ——— calls to any manager ———

export type ManagerCall =
  | { readonly kind: 'declare-task'; readonly spec: TaskSpec }
  | { readonly kind: 'remove-task'; readonly task: TaskName }
  /** A bridge's word that an instance ended, caught up, or was fenced. Repeated until it is answered. */
  | InstanceReport
  | RestoreRequest
  | MigrateCall
  | MigrateChainCall
  | { readonly kind: 'drain-ecu'; readonly mac: Mac; readonly undo: boolean; readonly reason: string }
  | { readonly kind: 'reserve'; readonly booking: BookingDraft }
  | { readonly kind: 'cancel-reservation'; readonly id: string }
  | ForecastQuery
  | { readonly kind: 'query-fleet' }
  /** Of another manager, which does not follow these ECUs. */
  | ({ readonly kind: 'query-foresight' } & ForesightQuery)
  /** Of another manager, which did not follow where these tasks ran. */
  | { readonly kind: 'query-checkpoints'; readonly tasks: readonly TaskName[] };

/** What is forecast of an ECU, or of a task wherever it runs: one of the two is given. */
export interface ForecastQuery {
  readonly kind: 'query-forecast';
  readonly mac: Mac | undefined;
  readonly task: TaskName | undefined;
  /** None: all that are followed. */
  readonly metrics: readonly string[];
  /** Seconds; none: those that are usual. */
  readonly horizonsS: readonly number[];
}

/** Why a running task is to go elsewhere. */
export type RestoreOpcode = 'load-balance' | 'operator' | 'drain' | 'forecast';

/** Move a task, by its name, while its ECU lives; or only say what that would cost. */
export interface MigrateCall {
  readonly kind: 'migrate-task';
  readonly task: TaskName;
  /** Undefined: the best one. */
  readonly target: Mac | undefined;
  readonly dryRun: boolean;
  readonly opcode: RestoreOpcode;
  /** Undefined: whichever the deadline allows. */
  readonly mode: MigrationMode | undefined;
  /** In late jobs; undefined: whatever it costs. */
  readonly costMax: number | undefined;
  readonly reason: string;
}

/** Move a task and all that it is joined to by feeding to one ECU, together or not at all (docs/CHAINS.md). */
export interface MigrateChainCall {
  readonly kind: 'migrate-chain';
  /** Any of them. */
  readonly task: TaskName;
  /** Undefined: the best one that can take all. */
  readonly target: Mac | undefined;
  readonly dryRun: boolean;
  readonly reason: string;
}

/** Where a chain can go. JSON on the wire, as a fleet's view. */
export interface ChainPlan {
  /** Those before before those after. */
  readonly chain: readonly TaskName[];
  /** Undefined: it stays. */
  readonly target: Mac | undefined;
  /** Those that do not run there already. */
  readonly members: readonly {
    readonly task: TaskName;
    readonly from: Mac;
    readonly epoch: number;
    /** Why the target would not keep up with it; absent: it would. */
    readonly standsStillFor?: string | undefined;
  }[];
  readonly candidates: readonly {
    readonly mac: Mac;
    /** Of those that would have to move; undefined: not all of them can. */
    readonly score: number | undefined;
    readonly reason: string | undefined;
  }[];
  /** The record of the move, where one was begun. */
  readonly actor: ActorKey | undefined;
}

/** Move a task while its ECU lives. It is known by where it runs, as its checkpoints are. */
export interface RestoreRequest {
  readonly kind: 'request-restore';
  readonly opcode: RestoreOpcode;
  readonly mac: Mac;
  readonly programId: number;
  /** Undefined: the best one. */
  readonly target: Mac | undefined;
  readonly reason: string;
}

export interface InstanceReport {
  readonly kind: 'instance-report';
  readonly task: TaskName;
  readonly epoch: number;
  readonly mac: Mac;
  readonly incarnation: number;
  readonly nonce: string;
  readonly what: 'caught-up' | 'ended';
  readonly code: ErrorCode | undefined;
  readonly sentence: string;
}

export type ManagerAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly sentence: string }
  | { readonly kind: 'fleet'; readonly fleet: FleetView }
  /** To a dry run. */
  | { readonly kind: 'estimate'; readonly estimate: MigrationEstimate }
  | { readonly kind: 'reserved'; readonly booking: Booking }
  | { readonly kind: 'forecast'; readonly forecast: ForecastView }
  /** To `migrate-chain`. */
  | { readonly kind: 'chain'; readonly plan: ChainPlan }
  /** Of those that were asked about, the ones that the manager sees. */
  | { readonly kind: 'foresight'; readonly ecus: readonly EcuForesight[] }
  | { readonly kind: 'checkpoints'; readonly references: readonly CheckpointReference[] };

/** What `status` shows; JSON on the wire, because it is for people and scripts and grows with every issue. */
export interface FleetView {
  readonly manager: string;
  readonly ecus: readonly FleetEcu[];
  readonly tasks: readonly FleetTask[];
  readonly managers: readonly { readonly id: string; readonly alive: boolean }[];
  readonly counters: Readonly<Record<string, number>>;
  /** The fleet's receiving strategy, as the answering manager has read it. */
  readonly receive?: string;
  /** By what the answering manager foresees and moves; absent: it does not. */
  readonly policy?: PredictionPolicy;
  /** What of its capacity is booked, by the beginning of the windows. */
  readonly reservations?: readonly FleetReservation[];
  /** How full the answering manager's store is, and what waits in it to be repaired. */
  readonly store?: {
    readonly bytes: number;
    readonly bytesMax: number;
    readonly damagedPages: number;
    readonly damagedManifests: number;
  };
  /** Whose advice counts in the answering manager's plans; absent: it asks no model. */
  readonly learning?: LearningView;
}

/** What a manager says of the model that it asks, and of its learning. */
export interface LearningView {
  /** A version of the fleet's model, or the file that the manager was given; absent: none yet. */
  readonly advisedBy?: string;
  /** Why a newer version is not taken. */
  readonly refused?: string;
  /** Only where it learns. */
  readonly learner?: {
    readonly training: boolean;
    /** Different sets that it knows reports of, and how many are needed. */
    readonly sets: number;
    readonly setsLeast: number;
    /** Managers that are to train before it. */
    readonly rank: number;
  };
}

export interface FleetReservation extends Booking {
  /** Why it could not be kept as things are now: what runs there leaves too little. Absent: it is kept. */
  readonly broken?: string;
}

export interface FleetEcu {
  readonly mac: Mac;
  readonly name: string;
  readonly incarnation: number;
  readonly state: string;
  /** It is to be empty and gets nothing new. */
  readonly draining?: boolean;
  /** Of one that can sleep, once somebody manages that. */
  readonly power?: {
    readonly state: PowerState;
    readonly reason?: string | undefined;
    readonly sleep?: SleepState | undefined;
    readonly sinceUs: number;
    readonly managedSinceUs: number;
    readonly sleeps: number;
    readonly asleepUs: number;
    readonly sleptJoules: number;
    readonly wakeJoules: number;
  };
  readonly description: EcuDescription | undefined;
  readonly tasks: readonly TaskName[];
}

export interface FleetTask {
  readonly task: TaskName;
  readonly state: string;
  readonly epoch: number;
  readonly owner: Mac | undefined;
  /** On its owner, once a checkpoint of it was announced there. */
  readonly programId?: number | undefined;
  readonly reason: string | undefined;
  /** Where its data are another task's outputs: whose, how that goes, and which host routes them (docs/CHAINS.md). */
  readonly fed?:
    | {
        readonly from: TaskName;
        readonly state: string;
        readonly by: HostId | undefined;
        readonly reason: string | undefined;
      }
    | undefined;
  /** The newest checkpoint that as many living managers hold as the task asks for; failing that, the newest that one holds. */
  readonly checkpoint:
    | {
        readonly epoch: number;
        readonly sequence: number;
        readonly holders: readonly string[];
        /** Since it was first stored, by the managers' clocks. */
        readonly ageUs?: number | undefined;
      }
    | undefined;
  /** The newest checkpoint of which a trial in a sandbox showed that the task goes on from it as it did (docs/PROVING.md). */
  readonly proven?:
    | {
        readonly epoch: number;
        readonly sequence: number;
        /** Since that checkpoint was first stored, by the managers' clocks. */
        readonly ageUs: number;
        readonly jobs: number;
        readonly outputs: number;
        readonly by: string;
      }
    | undefined;
  /** The newest refuted checkpoint, where it is newer than the proven one. */
  readonly refuted?: CheckpointOrder | undefined;
  /** The last trial, whatever came of it. */
  readonly tried?:
    | {
        readonly epoch: number;
        readonly sequence: number;
        readonly agoUs: number;
        readonly verdict: Verdict;
        readonly why: string | undefined;
        readonly by: string;
      }
    | undefined;
  /** `degraded`: fewer living managers than the task asks for hold any checkpoint that can be restored. */
  readonly durability: 'durable' | 'degraded' | 'none';
}

import type { RuntimeOffer } from './compatibility.ts';
import type { Mac } from './ids.ts';
import type { ResourceKind, RuntimeKind } from './task.ts';

/** One start of a bridge: numbers rise by one with every start of that MAC's bridge, durably. */
export interface Incarnation {
  readonly mac: Mac;
  readonly incarnation: number;
}

/** What an ECU offers; published to the inventory at each start of its bridge. */
export interface EcuDescription extends Incarnation {
  /** For people; defaults to the MAC. */
  readonly name: string;
  /** Detection thresholds are kept per class. */
  readonly ecuClass: string;
  readonly resourceKind: ResourceKind;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly runtimes: readonly RuntimeKind[];
  readonly bridge: ProcessIdentity;
  readonly supervisor: ProcessIdentity | undefined;
  readonly heartbeatIntervalUs: number;
  readonly version: string;
  /** What each runtime is able to; absent: version 1 of each. */
  readonly offers?: readonly RuntimeOffer[];
  /** Subjects that instances here may use, with `*` and `>`; absent: all. */
  readonly subjects?: readonly string[];
  /** How its cores are shared; absent: by fixed priorities, pre-emptive or not, every task on one core (`placement/platform-of.ts`). */
  readonly scheduling?: EcuScheduling;
  /** Which samples of its metrics it publishes; absent: none. */
  readonly metrics?: MetricsPlan;
  /** What it takes, and how it can sleep; absent: nobody has said, and it never sleeps. */
  readonly power?: EcuPower;
  /** Its admission counts the fleet's reservations; absent: only managers count them. */
  readonly followsReservations?: true;
}

export interface EcuPower {
  /** Awake, with nothing to do. */
  readonly idleWatts: number;
  readonly busyWatts: number;
  /** Empty: it cannot. */
  readonly sleep: readonly SleepState[];
}

export interface SleepState {
  readonly name: string;
  readonly watts: number;
  /** From the word that wakes it until it takes tasks. */
  readonly wakeUs: number;
  /** Of falling asleep and waking together, above being idle as long. */
  readonly wakeJoules: number;
}

/** How often an ECU says how it is. */
export interface MetricsPlan {
  readonly everyUs: number;
  /** Between two samples that the stream METRICS keeps; 0: none are kept. */
  readonly keptEveryUs: number;
  /** °C at which it switches itself off; absent: nobody has said. */
  readonly temperatureLimit?: number;
  /** Share of its memory in use at which its processes die; absent: nobody has said. */
  readonly memoryLimit?: number;
  /** Share of its load above which its tasks are late; absent: nobody has said. */
  readonly loadLimit?: number;
  /** Wear at which it is used up; absent: nobody has said. */
  readonly wearLimit?: number;
}

/** What an ECU dies of or suffers from when it gets there. */
export type MetricLimits = Pick<MetricsPlan, 'temperatureLimit' | 'memoryLimit' | 'loadLimit' | 'wearLimit'>;

/** What of an ECU decides when a job runs. Everything absent is 0, false or fixed priorities. */
export interface EcuScheduling {
  /** `other`: one that this build does not know, so that no hard deadline can be promised there. */
  readonly scheduler: 'fp' | 'edf' | 'rr' | 'other';
  readonly nonPreemptive?: boolean;
  /** A job may run on any core. */
  readonly global?: boolean;
  /** A task stays on the core that it was accepted for, which the ECU names in its load and in its answer; absent: nobody knows which. */
  readonly bound?: boolean;
  /** Round robin only. */
  readonly sliceUs?: number;
  /** A checkpoint holds its task's job up for so long at most. */
  readonly checkpointCostUs?: number;
  readonly contextSwitchUs?: number;
  /** Bringing in a task holds all others up for so long at most … */
  readonly blackoutUs?: number;
  /** … and happens no more often than that. */
  readonly blackoutEveryUs?: number;
}

/** Who runs a task, and on which core where the ECU has said so. */
export interface TaskOwner extends Incarnation {
  readonly core?: number | undefined;
}

export const ownerOf = (
  mac: Mac,
  { incarnation, core }: { readonly incarnation: number; readonly core?: number | undefined },
): TaskOwner => (core === undefined ? { mac, incarnation } : { mac, incarnation, core });

/**
 * A process as its own host knows it. A manager on the same boot of the same host can look it up in the process table and
 * so confirm a death without waiting.
 */
export interface ProcessIdentity {
  /** Random at every boot of the host. */
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks since boot at which the process started: guards against a reused pid. */
  readonly startTicks: number;
}

/** What a bridge answers when asked for its load: its own record of what it has accepted. */
export interface EcuLoad extends Incarnation {
  readonly draining: boolean;
  /** It takes nothing only because it sleeps. */
  readonly asleep?: boolean;
  readonly tasks: readonly AcceptedTask[];
  /** What it has counted since it started, for people; absent where the bridge does not say. */
  readonly counters?: Readonly<Record<string, number>>;
}

/** One task in a bridge's admission: enough to repeat the schedulability and memory tests elsewhere. */
export interface AcceptedTask {
  readonly task: string;
  readonly epoch: number;
  readonly periodUs: number;
  readonly wcetUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  readonly memoryBytesMax: number;
  /** Whether the deadline must never be missed; absent counts as yes where it can be tested, the safe reading. */
  readonly hardDeadline?: boolean;
  /** CPU kept free for it by its reservation; 0 when absent. */
  readonly cpuPpm?: number;
  /** The core it is bound to, from 0; absent: not known, or none. */
  readonly core?: number;
  /** Tasks that it is to be kept apart from; absent: none, or not known. */
  readonly apart?: readonly string[];
  /** It is on its way here and runs nowhere for so long: what arrives meanwhile is released that much later. Not on the wire. */
  readonly blackoutUs?: number;
  /** Room that is kept, and no task yet: it has no job that could delay another's; whoever takes it is tested then. Not on the wire. */
  readonly room?: boolean;
}

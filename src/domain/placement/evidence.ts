/**
 * What a placement decision was made of, as plain JSON: who was considered, who was refused and by which numbers, how the
 * rest scored, what the schedulability test found. Kept with the decision, so that `explain` needs to guess nothing.
 * Bounded: every refusal is counted, but only so many candidates are written out (assign.ts, EVIDENCE_MAX).
 */
import type { ErrorCode } from '../kernel/error-codes.ts';
import type { CheckpointNeeds } from '../model/compatibility.ts';
import type { AcceptedTask, EcuDescription } from '../model/ecu.ts';
import type { Mac, TaskName } from '../model/ids.ts';
import type { ResourceKind, RuntimeKind, TaskSpec } from '../model/task.ts';
import type { Booking } from '../reservation/booking.ts';

/** An ECU as the planner knows it now. */
export interface Candidate {
  readonly mac: Mac;
  readonly incarnation: number;
  readonly description: EcuDescription;
  /** What its bridge has accepted, by its own last answer. */
  readonly accepted: readonly AcceptedTask[];
  readonly alive: boolean;
  readonly draining: boolean;
  /** It sleeps, or is on its way down or up (docs/POWER.md). */
  readonly asleep?: boolean;
  /** The pages of every checkpoint are here already (a manager runs on this ECU). */
  readonly holdsPages?: boolean;
  /** Of its capacity, those that are not over; absent: none. */
  readonly booked?: readonly Booking[];
}

/** A task that needs a place. */
export interface Newcomer {
  readonly spec: TaskSpec;
  /** ECUs not to try: the one that failed, those that refused it. */
  readonly excluded?: readonly Mac[];
  /** ECUs that hold this task's newest checkpoint. */
  readonly dataAt?: readonly Mac[];
  /** What the checkpoint it goes on from needs. */
  readonly needs?: CheckpointNeeds;
}

export type Refusal =
  | { readonly kind: 'excluded' }
  | { readonly kind: 'not-alive' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'asleep' }
  | { readonly kind: 'resource-kind'; readonly wanted: ResourceKind; readonly offered: ResourceKind }
  | { readonly kind: 'runtime'; readonly wanted: RuntimeKind; readonly offered: readonly RuntimeKind[] }
  | { readonly kind: 'capability'; readonly missing: readonly string[] }
  /** It tests no schedule, and takes only what asks for that (`measuring.ts`). */
  | { readonly kind: 'measuring' }
  /** The checkpoint needs what the ECU does not offer; each in words. */
  | { readonly kind: 'needs'; readonly ecu: string; readonly lacks: readonly string[] }
  | { readonly kind: 'required-ecu'; readonly wanted: readonly Mac[] }
  | { readonly kind: 'required-label'; readonly label: string; readonly wanted: string; readonly offered: string | undefined }
  | { readonly kind: 'apart'; readonly from: TaskName }
  | { readonly kind: 'together'; readonly partner: TaskName; readonly partnerMac: Mac }
  | { readonly kind: 'memory'; readonly neededBytes: number; readonly freeBytes: number; readonly capacityBytes: number }
  | { readonly kind: 'utilisation'; readonly neededPpm: number; readonly freePpm: number; readonly capacityPpm: number }
  /** A hard deadline without a period or an execution time cannot be tested, so it is not promised. */
  | { readonly kind: 'untestable'; readonly task: TaskName }
  | {
      readonly kind: 'schedule';
      /** The task that would miss; `newcomer` or one accepted before. */
      readonly task: TaskName;
      readonly responseUsMin: number;
      readonly deadlineUs: number;
      readonly cores: number;
      /** What could not be packed on any core. */
      readonly unpacked: TaskName;
    }
  /** No test shows that the hard deadline holds: a sufficient test that does not accept, or none that speaks about this scheduler. */
  | {
      readonly kind: 'not-proven';
      readonly task: TaskName;
      /** A bound that the test could prove, above the deadline. */
      readonly responseUs?: number;
      readonly deadlineUs: number;
      readonly cores: number;
      readonly unpacked: TaskName;
      readonly why: string;
    }
  /** It fits now, and not beside what is booked there; `why` is what the same test says of that. */
  | {
      readonly kind: 'reserved';
      readonly bookings: readonly string[];
      readonly fromUs: number;
      readonly untilUs: number;
      readonly why: string;
    };

export type RefusalKind = Refusal['kind'];

export const errorCodeOf = (refusal: Refusal): ErrorCode => {
  switch (refusal.kind) {
    case 'memory':
      return 'ERR_ADMIT_MEMORY';
    case 'utilisation':
    case 'untestable':
    case 'schedule':
    case 'not-proven':
      return 'ERR_ADMIT_SCHEDULE';
    case 'reserved':
      return 'ERR_ADMIT_RESERVED';
    case 'draining':
      return 'ERR_ADMIT_DRAINING';
    case 'asleep':
      return 'ERR_ECU_ASLEEP';
    case 'runtime':
      return 'ERR_RUNTIME_UNKNOWN';
    case 'resource-kind':
    case 'capability':
    case 'measuring':
    case 'needs':
      return 'ERR_ADMIT_CAPABILITY';
    default:
      return 'ERR_NO_PLACE';
  }
};

/** The core that a task has by this evidence, if it is to stay there. */
export function boundCoreOf(
  { scheduling }: Pick<EcuDescription, 'scheduling'>,
  { cores }: Pick<AdmissionEvidence, 'cores'>,
  task: TaskName,
): number | undefined {
  if (scheduling?.bound !== true) return undefined;
  const at = cores.findIndex(({ tasks }) => tasks.some((one) => one.task === task));
  return at < 0 ? undefined : at;
}

/** One clause for people: "needs 64 MiB, 12 MiB of 256 MiB are free". */
export function sentenceOf(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'excluded':
      return 'was excluded for this attempt';
    case 'not-alive':
      return 'is not alive';
    case 'draining':
      return 'is draining';
    case 'asleep':
      return 'is asleep, or about to be';
    case 'resource-kind':
      return `is of kind ${refusal.offered}, wanted is ${refusal.wanted}`;
    case 'runtime':
      return `has no runtime ${refusal.wanted} (it has ${refusal.offered.join(', ') || 'none'})`;
    case 'capability':
      return `lacks ${refusal.missing.join(', ')}`;
    case 'measuring':
      return 'measures: it takes only soft tasks that ask for the capability measuring';
    case 'needs':
      return `${refusal.ecu} lacks: ${refusal.lacks.join(', ')}`;
    case 'required-ecu':
      return `is not among the required ECUs ${refusal.wanted.join(', ')}`;
    case 'required-label':
      return `has label ${refusal.label}=${refusal.offered ?? '(none)'}, required is ${refusal.wanted}`;
    case 'apart':
      return `runs ${refusal.from}, which must be kept apart`;
    case 'together':
      return `does not run ${refusal.partner}, which is on ${refusal.partnerMac}`;
    case 'memory':
      return `has ${refusal.freeBytes} of ${refusal.capacityBytes} bytes free, needed are ${refusal.neededBytes}`;
    case 'utilisation':
      return `has ${refusal.freePpm} of ${refusal.capacityPpm} ppm CPU free, needed are ${refusal.neededPpm}`;
    case 'untestable':
      return `cannot promise the hard deadline of ${refusal.task}, which has no period or no execution time: give it a period and a wcet, or say hard: false`;
    case 'schedule':
      return `${refusal.task} would answer after ${refusal.responseUsMin} µs or more, its deadline is ${refusal.deadlineUs} µs`;
    case 'not-proven': {
      const bound = refusal.responseUs === undefined ? '' : `, only an answer after ${refusal.responseUs} µs`;
      return `${refusal.task} is not proven to meet its deadline of ${refusal.deadlineUs} µs${bound}: ${refusal.why}`;
    }
    case 'reserved':
      return `has room now, but ${refusal.bookings.join(' and ')} is reserved there, and beside that: ${refusal.why}`;
  }
}

/** What the admission test found. */
export interface AdmissionEvidence {
  readonly memoryBeforeBytes: number;
  readonly memoryUsedBytes: number;
  readonly memoryCapacityBytes: number;
  readonly utilisationBeforePpm: number;
  readonly utilisationPpm: number;
  /** Which test said so. */
  readonly test: string;
  readonly cores: readonly CoreEvidence[];
  /** The newcomers. */
  readonly joining: readonly TaskEvidence[];
  /** The hard task nearest its deadline: smallest (deadline − response) / deadline. Undefined: no hard task. */
  readonly tightest: { readonly task: TaskName; readonly responseUs: number; readonly deadlineUs: number } | undefined;
  /** With what is booked there, at the fullest moment; absent: nothing that counts. */
  readonly reserved?: {
    readonly bookings: readonly string[];
    readonly utilisationPpm: number;
    readonly memoryUsedBytes: number;
  };
}

export interface TaskEvidence {
  readonly task: TaskName;
  /** At most so long; the deadline itself where only that is proven. Undefined: not hard. */
  readonly responseUs: number | undefined;
  readonly deadlineUs: number;
}

export interface CoreEvidence {
  /** Charges of all tasks on the core, rounded up. */
  readonly utilisationPpm: number;
  readonly tasks: readonly TaskEvidence[];
}

/** Each term 0 … 1, more is better; `total` is their weighted sum (score.ts). */
export interface Score {
  readonly total: number;
  readonly headroom: number;
  readonly slack: number;
  readonly data: number;
  readonly preferred: number;
  readonly spread: number;
  /** Only where the task names others that it is to be near. */
  readonly near?: number;
  /** Only where the request has an adviser. */
  readonly advice?: number;
}

export type CandidateEvidence =
  | { readonly mac: Mac; readonly incarnation: number; readonly verdict: 'refused'; readonly refusal: Refusal }
  | {
      readonly mac: Mac;
      readonly incarnation: number;
      readonly verdict: 'feasible';
      readonly score: Score;
      readonly admission: Omit<AdmissionEvidence, 'cores'>;
    };

export interface Decision {
  readonly task: TaskName;
  readonly criticality: number;
  /** The place in which it was decided, 0 first. */
  readonly order: number;
  readonly candidateCount: number;
  readonly refusedByKind: Readonly<Partial<Record<RefusalKind, number>>>;
  /** Feasible by everything but the exact test, and not needed to find a good place. */
  readonly untested: number;
  /** `together` is a wish: true when it had to be given up. */
  readonly gaveUpTogether: boolean;
  /** Whose the term `advice` is; undefined: nobody advised. */
  readonly advisedBy?: string;
  /** The best first, then refused ones by MAC; the rest is only counted. */
  readonly candidates: readonly CandidateEvidence[];
}

export interface Assignment {
  readonly task: TaskName;
  readonly mac: Mac;
  readonly incarnation: number;
  readonly score: Score;
  /** The whole test of the target at that moment: what it had, this task, and those of the plan placed there before. */
  readonly admission: AdmissionEvidence;
}

export interface Unplaced {
  readonly task: TaskName;
  readonly criticality: number;
  readonly sentence: string;
  readonly refusedByKind: Readonly<Partial<Record<RefusalKind, number>>>;
  /** Tasks of lower criticality without which it would find its place; undefined: none such. */
  readonly roomBy: { readonly mac: Mac; readonly tasks: readonly TaskName[] } | undefined;
}

export interface Plan {
  readonly assignments: readonly Assignment[];
  readonly unplaced: readonly Unplaced[];
  readonly decisions: readonly Decision[];
}

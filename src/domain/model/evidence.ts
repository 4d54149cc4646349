import type { ActorKey, Mac, TaskName } from './ids.ts';

/** Why a task was placed where it was placed: enough to explain the decision later without asking anybody. */
export interface DecisionEvidence {
  readonly decision: string;
  readonly task: TaskName;
  /** The epoch that the decision led to, or would have led to. */
  readonly epoch: number;
  readonly actor: ActorKey;
  /** µs since 1970 by the decider's clock. */
  readonly decidedAtUs: number;
  /** Every ECU that was looked at. */
  readonly candidates: readonly Candidate[];
  /** undefined: none was feasible. */
  readonly chosen: Mac | undefined;
  readonly sentence: string;
}

export interface Candidate {
  readonly mac: Mac;
  /** In the order they ran; the first that failed ends the list. */
  readonly filters: readonly FilterVerdict[];
  /** The score is Σ value · weight. */
  readonly scores: readonly ScoreTerm[];
  /** Exact tests over the ECU's tasks plus the newcomer. */
  readonly tests: readonly TestVerdict[];
}

export interface FilterVerdict {
  readonly filter: string;
  readonly passed: boolean;
  /** What was needed and what there was, in `unit`. */
  readonly needed: number;
  readonly available: number;
  /** Empty for a plain yes or no. */
  readonly unit: string;
  readonly detail: string;
}

export interface ScoreTerm {
  readonly term: string;
  /** Normally 0 to 1; more is better. */
  readonly value: number;
  readonly weight: number;
}

export interface TestVerdict {
  readonly test: string;
  /** The task it was made for: the newcomer or one that runs there. */
  readonly task: TaskName;
  readonly passed: boolean;
  readonly value: number;
  readonly limit: number;
  readonly unit: string;
}

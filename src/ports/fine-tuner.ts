import type { SchedulingKind } from '../domain/learn/fleet/outcome.ts';
import type { Digest } from '../domain/model/ids.ts';

/**
 * Fine-tunes the fleet's model on what the fleet reported, beside everything else this process does: in a thread of its own, with less of the
 * processor where the system has a say in that.
 */
export interface FineTuner {
  /** One at a time. Fails with ERR_LEARN_BACKEND, ERR_MODEL_FILE (the parent), or ERR_LEARN_WORKER where the thread died or took too long. */
  tune(request: TuneRequest): Promise<Tuned>;
  close(): Promise<void>;
}

export interface TuneRequest {
  /** `OutcomeReport`s as they came, not yet decoded. */
  readonly reports: readonly Uint8Array[];
  /** The file to go on from; undefined: a network that learns from drawn sets first. */
  readonly parent: Uint8Array | undefined;
  /** Fewer different sets than this, and nothing is learned. */
  readonly setsLeast: number;
  readonly seed: number;
}

export type Tuned =
  | { readonly kind: 'too-few'; readonly scheduling: SchedulingKind; readonly rows: number; readonly sets: number }
  | {
      readonly kind: 'tuned';
      readonly file: Uint8Array;
      readonly digest: Digest;
      readonly scheduling: SchedulingKind;
      readonly backend: string;
      readonly rows: number;
      readonly sets: number;
      readonly heldBack: number;
      readonly drawn: number;
      readonly accuracy: number;
      readonly parentAccuracy: number | undefined;
      readonly tookUs: number;
    };

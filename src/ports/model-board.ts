import type { ModelHead, ModelVersion } from '../domain/learn/fleet/model-head.ts';
import type { Model } from '../domain/learn/model.ts';
import type { Cancel } from './clock.ts';

/**
 * KV `learned`: the versions of the fleet's model. What `follow` gives was read whole: its digest is the entry's, its header and its numbers hold
 * together (ERR_MODEL_FILE otherwise), and bridges can go on from it. What cannot be taken is told of by a sentence, once a version.
 */
export interface ModelBoard {
  /** The head and its position, for a compare-and-set. Fails with ERR_MODEL_FILE where it cannot be read. */
  read(): Promise<{ readonly head: ModelHead; readonly position: number }>;
  /** The file of a version. Fails with ERR_MODEL_FILE or ERR_STORE_MISSING. */
  bytesOf(version: ModelVersion): Promise<Uint8Array>;
  /** The newest version, then each that follows it. */
  follow(handlers: {
    readonly onVersion: (version: ModelVersion, model: Model) => void;
    readonly onRefused: (sentence: string) => void;
  }): Promise<Cancel>;
  /** Puts a file where this manager's files lie, under a key that no version of `head` names. */
  put(manager: string, head: ModelHead, bytes: Uint8Array): Promise<string>;
  /** `lost`: somebody else has written since `position` was read, or nobody knows. */
  replace(head: ModelHead, position: number): Promise<'replaced' | 'lost'>;
}

import type { Proof } from '../domain/checkpoint/proof.ts';
import type { Cancel } from './clock.ts';

/**
 * KV `proofs`: what the trials of each task's checkpoints have shown, so that every manager shows and heeds what one of them found,
 * also after a restart. It advises: a restore prefers what was not refuted, and goes on without this board.
 */
export interface ProofBoard {
  put(proof: Proof): Promise<void>;
  /** What is there, then every change. An entry that cannot be read is left out. */
  follow(handler: (proof: Proof) => void): Promise<Cancel>;
}

import type { Json } from '../kernel/json.ts';

/** What a checker reports: which promise of DESIGN 2 was broken, in a sentence, with the facts. */
export interface Violation {
  readonly invariant: InvariantName;
  readonly sentence: string;
  readonly details: { readonly [key: string]: Json | undefined };
}

export type InvariantName =
  | 'single-writer'
  | 'one-restore'
  | 'no-lost-work'
  | 'ticks-increase'
  | 'durable-before-free'
  | 'restore-or-say-why'
  | 'schedulable'
  | 'atomic-migration'
  | 'routed-once'
  | 'moves-as-one'
  | 'kept-reservations'
  | 'replayable'
  | 'conservation';

/** What the study of width and depth found, as its parts, its page and its pictures share it. */
import type { DrawSpec } from '../../domain/realtime/draw/task-sets.ts';
import type { Trainer } from '../../ports/trainer.ts';
import type { Machine } from '../bench/machine.ts';

export interface StudyResult {
  readonly network: string;
  readonly width: number;
  readonly depth: number;
  readonly parameters: number;
  readonly accuracy: number;
  readonly auc: number;
  /** One set on typed arrays, features included. */
  readonly answerUs: number;
  readonly backends: readonly {
    readonly backend: string;
    /** One set, in a batch of BATCH, features not included. */
    readonly answerUs: number;
    /** A thousand sets, once. */
    readonly trainMsPerThousand: number;
  }[];
}

export interface Study {
  readonly machine: Machine;
  readonly draw: DrawSpec;
  readonly sets: number;
  readonly testSets: number;
  readonly epochs: number;
  readonly seed: number;
  readonly majorityRate: number;
  /** Backends that were asked for and do not work here, and why. */
  readonly notRun: readonly { readonly backend: string; readonly why: string }[];
  readonly results: readonly StudyResult[];
}

/** All but which network it was. */
export type Studied = Omit<StudyResult, 'network' | 'width' | 'depth'>;

/** Backends that work here, the one that accuracy is measured on first. Started again before each use. */
export type Ready = readonly { readonly backend: string; readonly start: () => Promise<Trainer> }[];

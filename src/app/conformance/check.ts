/**
 * What a check is: a name, one sentence of what is promised, and a function that looks. It passes when it returns; what it
 * found wanting it throws as `NotAsPromised`, with what was expected and what came instead. `NotHere` means that this bridge
 * or this place gives nothing to look at: the check is skipped, and says why.
 */
import type { Bench } from './bench.ts';

export const GROUPS = [
  'presence',
  'wire',
  'commands',
  'admission',
  'scheduling',
  'outputs',
  'ticks',
  'fencing',
  'checkpoints',
  'restore',
  'life',
  'sleep',
  'leaving',
] as const;
export type Group = (typeof GROUPS)[number];

export interface Check {
  readonly group: Group;
  readonly name: string;
  /** What a bridge promises, in one sentence; `docs/PROTOCOL.md` has the long version. */
  readonly promise: string;
  readonly look: (bench: Bench) => Promise<void>;
}

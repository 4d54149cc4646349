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
  'outputs',
  'ticks',
  'fencing',
  'checkpoints',
  'restore',
  'life',
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

export class NotAsPromised extends Error {
  override readonly name = 'NotAsPromised';
}

export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** Throws unless `holds`. */
export function promised(holds: boolean, expected: string, got: unknown): asserts holds {
  if (!holds) throw new NotAsPromised(`expected ${expected}; got ${shown(got)}`);
}

export function same<T>(got: T, expected: T, what: string): void {
  if (!Object.is(got, expected)) throw new NotAsPromised(`expected ${what} to be ${shown(expected)}; got ${shown(got)}`);
}

export function shown(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? `${part.length} bytes` : part));
  return text === undefined ? 'nothing' : text.length > 400 ? `${text.slice(0, 399)}…` : text;
}

/**
 * Damages a manager's store of checkpoints as a bad disk does: what was written is there, and is not what it was. Pages and
 * manifests are changed where they lie, through LMDB, so that its own trees stay whole (they have no checksums; damage there is
 * LMDB's to notice). LMDB lets several processes write in turn, so the manager may be running or dead.
 */
import { openEnvironment, type Table } from '../../../infra/lmdb/environment.ts';
import type { Rng } from '../../domain/kernel/rng.ts';

export const STORE_TABLES = ['pages', 'tails', 'manifests'] as const;
export type StoreTable = (typeof STORE_TABLES)[number];

export interface RecordDamage {
  readonly table: StoreTable;
  readonly how: 'flip' | 'truncate' | 'drop';
  /** Which record: the first one from this key on. */
  readonly from: Uint8Array;
  /** Where in it: this share of its length. */
  readonly share: number;
  readonly bit: number;
}

const SIZE_BYTES_MAX = 4 * 1024 ** 3;
const FROM_BYTES = 32;
/** Of ten: pages are what a store is made of, and the first that a disk loses. */
const TABLE_OF_TEN: readonly StoreTable[] = [
  'pages',
  'pages',
  'pages',
  'pages',
  'pages',
  'pages',
  'tails',
  'tails',
  'manifests',
  'manifests',
];
const HOW_OF_FOUR = ['flip', 'flip', 'truncate', 'drop'] as const;

export function drawDamage(rng: Rng): RecordDamage {
  const from = Uint8Array.from({ length: FROM_BYTES }, () => rng.below(256));
  const table = TABLE_OF_TEN[rng.below(TABLE_OF_TEN.length)] ?? 'pages';
  // Keys of manifests begin with a task's name.
  if (table === 'manifests') from[0] = 'a'.charCodeAt(0) + rng.below(26);
  return { table, how: HOW_OF_FOUR[rng.below(HOW_OF_FOUR.length)] ?? 'flip', from, share: rng.unit(), bit: rng.below(8) };
}

/** Answers how many records were damaged: an empty table has none. */
export async function damageStore(path: string, damages: readonly RecordDamage[]): Promise<number> {
  const environment = openEnvironment({ path, sizeBytesMax: SIZE_BYTES_MAX, durability: 'sync' });
  try {
    return await environment.transact(() => {
      let done = 0;
      for (const damage of damages) if (damageRecord(environment.table(damage.table), damage)) done += 1;
      return done;
    });
  } finally {
    await environment.close();
  }
}

function damageRecord(table: Table, { how, from, share, bit }: RecordDamage): boolean {
  const key = keyFrom(table, from) ?? keyFrom(table, Uint8Array.of(0));
  const value = key === undefined ? undefined : table.getBinary(key);
  if (key === undefined || value === undefined || value.length === 0) return false;
  const at = Math.min(value.length - 1, Math.floor(share * value.length));
  if (how === 'drop') table.remove(key);
  else if (how === 'truncate') table.put(key, value.slice(0, at));
  else {
    const flipped = Uint8Array.from(value);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    table.put(key, flipped);
  }
  return true;
}

const keyFrom = (table: Table, start: Uint8Array): Uint8Array | undefined => {
  const [key] = [...table.getKeys({ start, limit: 1 })];
  return key === undefined ? undefined : Uint8Array.from(key);
};

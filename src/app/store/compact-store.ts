/**
 * Gives the room inside a store's file back to the disk: LMDB reuses what was freed, and never makes its file smaller. A copy
 * without that room is written beside the file, read from end to end, and takes its place in one step; whatever happens before
 * that step leaves the store as it was.
 */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openLmdbCheckpointStore } from '../../../infra/lmdb/checkpoint-store.ts';
import { StoreReader } from '../../../infra/lmdb/store-reader.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { checkStore } from './check-store.ts';

export interface CompactResult {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Counts of references that were wrong, and are right now. */
  readonly referencesMended: number;
}

export async function compactStore(path: string, onProgress?: (sentence: string) => void): Promise<CompactResult> {
  const file = join(path, 'data.mdb');
  const folder = join(path, 'compacting');
  const bytesBefore = (await stat(file)).size;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  try {
    onProgress?.('counting references');
    const store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable: true });
    let referencesMended: number;
    try {
      referencesMended = await store.recount();
      onProgress?.('copying what is in use');
      await store.copyTo(folder);
    } finally {
      await store.close();
    }
    onProgress?.('reading the copy');
    await assertSame(path, folder);
    const copy = join(folder, 'data.mdb');
    const handle = await open(copy, 'r+');
    await handle.sync();
    const bytesAfter = (await handle.stat()).size;
    await handle.close();
    await rename(copy, file);
    return { bytesBefore, bytesAfter, referencesMended };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What was damaged before is damaged in the copy, too; nothing else may differ. */
async function assertSame(path: string, copy: string): Promise<void> {
  const [before, after] = [await judge(path), await judge(copy)];
  if (before !== after)
    throw new DroverError('ERR_STORE_IO', `the copy of the store in ${path} is not what was copied; the store is as it was`);
}

async function judge(path: string): Promise<string> {
  const reader = new StoreReader(path, systemHasher);
  try {
    return JSON.stringify(await checkStore(reader));
  } finally {
    await reader.close();
  }
}

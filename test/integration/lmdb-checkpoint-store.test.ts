import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LmdbCheckpointStore, LmdbCheckpointStoreOptions } from '../../infra/lmdb/checkpoint-store.ts';
import { openLmdbCheckpointStore } from '../../infra/lmdb/checkpoint-store.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import type { TakenCheckpoint } from '../support/checkpoints.ts';
import { ChangingTask, pagesAt } from '../support/checkpoints.ts';

describe('LMDB checkpoint store, beside its contract', () => {
  let path: string;
  let stores: LmdbCheckpointStore[];
  const open = (options: Partial<LmdbCheckpointStoreOptions> = {}): LmdbCheckpointStore => {
    const store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable: false, ...options });
    stores.push(store);
    return store;
  };
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'drover-checkpoints-'));
    stores = [];
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
    await rm(path, { recursive: true });
  });
  const bring = (store: LmdbCheckpointStore, taken: TakenCheckpoint) =>
    store.put(taken.manifest, pagesAt(taken, store.missing(taken.manifest)));

  test('at its bound a put is ERR_STORE_FULL and changes nothing; retain makes room again', async () => {
    const store = open({ sizeBytesMax: 2 * 1024 ** 2 });
    const rng = createRng(1);
    const task = new ChangingTask('a', 64);
    const stored: TakenCheckpoint[] = [];
    let refused: TakenCheckpoint | undefined;
    for (let n = 0; n < 100 && refused === undefined; n++) {
      task.scribble(rng, 40);
      const taken = task.take(n === 0 ? 'full' : 'delta');
      try {
        await bring(store, taken);
        stored.push(taken);
      } catch (error) {
        expect(error).toMatchObject({ name: 'DroverError', code: 'ERR_STORE_FULL' });
        refused = taken;
      }
    }
    const last = stored.at(-1);
    if (refused === undefined || last === undefined) throw new Error('the store never was full');
    expect(stored.length).toBeGreaterThan(3);
    expect(store.usage().bytes).toBeLessThanOrEqual(2 * 1024 ** 2);
    expect(store.find('a', 1, refused.manifest.sequence)).toBeUndefined();
    for (const one of stored)
      expect(Buffer.compare((await store.rebuild('a', 1, one.manifest.sequence)).memory, one.memory)).toBe(0);
    expect(await store.recount()).toBe(0);
    expect(await store.retain('a', last.manifest)).toBeGreaterThan(0);
    expect(await bring(store, refused)).toEqual({ stored: true });
    expect(Buffer.compare((await store.rebuild('a', 1, refused.manifest.sequence)).memory, refused.memory)).toBe(0);
  });

  test('a full checkpoint takes the place of the same state’s increment whose base never came', async () => {
    const store = open();
    const task = new ChangingTask('a', 16);
    task.scribble(createRng(1), 20);
    task.take('full');
    task.scribble(createRng(2), 3);
    const increment = task.take('delta');
    expect(await bring(store, increment)).toEqual({ stored: false });
    // What another manager answers when it is asked for the whole state: the same checkpoint, folded.
    const other = new ChangingTask('a', 16);
    other.memory = task.memory.slice();
    const whole = other.take('full');
    const folded = {
      ...whole,
      manifest: {
        ...increment.manifest,
        baseSequence: undefined,
        pageIndexes: whole.manifest.pageIndexes,
        pageDigests: whole.manifest.pageDigests,
      },
    };
    expect(await bring(store, folded)).toEqual({ stored: true });
    expect(Buffer.compare((await store.rebuild('a', 1, 2)).memory, task.memory)).toBe(0);
    // The increment, repeated, does not undo it.
    expect(await bring(store, increment)).toEqual({ stored: true });
    expect(store.newest('a')?.baseSequence).toBeUndefined();
    expect(await store.recount()).toBe(0);
  });

  test('a second checkpoint of the same number with another state is refused', async () => {
    const store = open();
    const one = new ChangingTask('a', 16).take('full');
    const other = new ChangingTask('a', 16);
    other.scribble(createRng(9), 4);
    await bring(store, one);
    const taken = other.take('full');
    await expect(bring(store, taken)).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    expect(Buffer.compare((await store.rebuild('a', 1, 1)).memory, one.memory)).toBe(0);
    expect(await store.recount()).toBe(0);
  });

  test('a closed store says ERR_STORE_CLOSED', async () => {
    const store = open();
    await store.close();
    await store.close();
    expect(() => store.newest('a')).toThrow(expect.objectContaining({ code: 'ERR_STORE_CLOSED' }));
    await expect(store.rebuild('a', 1, 1)).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
  });

  test('many puts at once, to one task and to several, are all stored', async () => {
    const store = open({ durable: true });
    const rng = createRng(3);
    const all = ['a', 'b', 'c'].flatMap((name) => {
      const task = new ChangingTask(name, 32);
      return Array.from({ length: 8 }, (_, n) => {
        task.scribble(rng, 5);
        return task.take(n === 0 ? 'full' : 'delta');
      });
    });
    // All ask what is missing before any has been put, so pages they share are brought more than once.
    await Promise.all(all.map((taken) => bring(store, taken)));
    for (const one of all)
      expect(Buffer.compare((await store.rebuild(one.manifest.task, 1, one.manifest.sequence)).memory, one.memory)).toBe(0);
    expect(await store.recount()).toBe(0);
  });
});

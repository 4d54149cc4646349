/** How a manager's store stays within its bound (R1–R3 of actors/store-room.ts), on a real store that is small. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Host } from '../../../actors/host.ts';
import { StoreRoom } from '../../../actors/store-room.ts';
import { type LmdbCheckpointStore, openLmdbCheckpointStore } from '../../../infra/lmdb/checkpoint-store.ts';
import { createCounters } from '../../../infra/log/counters.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { ChangingTask, pagesAt, type TakenCheckpoint } from '../../support/checkpoints.ts';

const BOUND = 2 * 1024 ** 2;
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

describe('a store with little room', () => {
  let path: string;
  let store: LmdbCheckpointStore;
  let room: StoreRoom;
  const counters = createCounters();
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'drover-room-'));
    store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable: false, sizeBytesMax: BOUND });
    room = new StoreRoom({ host: { counters, log: quiet } as unknown as Host, store });
  });
  afterEach(async () => {
    await store.close();
    rmSync(path, { recursive: true });
  });
  const put = (taken: TakenCheckpoint) => room.put(taken.manifest, pagesAt(taken, store.missing(taken.manifest)));

  test('R2, R3: takes far more than fits, drops the middle for it, and keeps the newest durable and the newest', async () => {
    const task = new ChangingTask('a', 32);
    const rng = createRng(1);
    const taken: TakenCheckpoint[] = [];
    let durable: TakenCheckpoint | undefined;
    for (let n = 0; n < 150; n++) {
      task.scribble(rng, 30);
      const next = task.take(n === 0 ? 'full' : 'delta');
      taken.push(next);
      expect(await put(next)).toEqual({ stored: true });
      if (n === 20) {
        durable = next;
        room.noteDurable('a', next.manifest);
      }
    }
    expect(store.usage().bytes).toBeLessThanOrEqual(BOUND);
    expect(counters.read()['store.full']).toBeGreaterThan(1);
    for (const kept of [durable, ...taken.slice(-2)]) {
      if (kept === undefined) throw new Error('no checkpoint was taken');
      const { memory } = await store.rebuild('a', 1, kept.manifest.sequence);
      expect(Buffer.compare(memory, kept.memory)).toBe(0);
    }
    expect(await store.recount()).toBe(0);
  });

  test('R1: without anybody who confirms, a handful is kept: the oldest ones and the newest', async () => {
    const task = new ChangingTask('a', 16);
    const rng = createRng(2);
    let count = 0;
    for (let n = 0; n < 60; n++) {
      task.scribble(rng, 1);
      await put(task.take(n === 0 ? 'full' : 'delta'));
      count += 1;
      const kept = await room.bound('a', count);
      if (kept !== undefined) count = kept.length;
      expect(store.orders('a')).toHaveLength(count);
    }
    const sequences = store.orders('a').map(({ sequence }) => sequence);
    expect(sequences.slice(0, 11)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(sequences.at(-1)).toBe(60);
    expect(sequences.length).toBeLessThanOrEqual(25);
    expect(Buffer.compare((await store.rebuild('a', 1, 60)).memory, task.memory)).toBe(0);
  });

  test('what does not fit even then is ERR_STORE_FULL, and nothing that was stored goes', async () => {
    const small = new ChangingTask('a', 16);
    small.scribble(createRng(3), 40);
    const kept = small.take('full');
    await put(kept);
    const large = new ChangingTask('b', 1024);
    const rng = createRng(4);
    for (let n = 0; n < 3000; n++) large.scribble(rng, 1);
    await expect(put(large.take('full'))).rejects.toMatchObject({ code: 'ERR_STORE_FULL' });
    expect(store.tasks()).toEqual(['a']);
    expect(Buffer.compare((await store.rebuild('a', 1, 1)).memory, kept.memory)).toBe(0);
  });
});

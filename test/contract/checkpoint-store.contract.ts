/** What every checkpoint store promises (`src/ports/checkpoint-store.ts`, S1–S3), asked of the port alone. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRng } from '../../src/domain/kernel/rng.ts';
import type { CheckpointStore } from '../../src/ports/checkpoint-store.ts';
import type { TakenCheckpoint } from '../support/checkpoints.ts';
import { ChangingTask, pagesAt } from '../support/checkpoints.ts';

export interface CheckpointStoreFixture {
  readonly store: CheckpointStore;
  /** Closes the store and opens the same data again. */
  reopen(): Promise<CheckpointStore>;
  close(): Promise<void>;
}

export function describeCheckpointStore(name: string, options: { open(): Promise<CheckpointStoreFixture> }): void {
  describe(`checkpoint store: ${name}`, () => {
    let fixture: CheckpointStoreFixture;
    let store: CheckpointStore;
    beforeEach(async () => {
      fixture = await options.open();
      store = fixture.store;
    });
    afterEach(async () => fixture.close());

    const bring = (to: CheckpointStore, taken: TakenCheckpoint) =>
      to.put(taken.manifest, pagesAt(taken, to.missing(taken.manifest)));
    const expectRebuilt = async (from: CheckpointStore, taken: TakenCheckpoint): Promise<void> => {
      const { task, epoch, sequence, globals } = taken.manifest;
      const rebuilt = await from.rebuild(task, epoch, sequence);
      expect(Buffer.compare(rebuilt.memory, taken.memory)).toBe(0);
      expect(rebuilt.globals).toEqual(globals);
      expect({ ...rebuilt.manifest.input, output: rebuilt.manifest.outputNumber }).toEqual({
        ...taken.manifest.input,
        output: taken.manifest.outputNumber,
      });
    };
    /** A full checkpoint and `increments` on it. */
    const run = (task: ChangingTask, increments: number, seed = 1): TakenCheckpoint[] => {
      const rng = createRng(seed);
      const taken: TakenCheckpoint[] = [];
      for (let i = 0; i <= increments; i++) {
        task.scribble(rng, i === 0 ? 40 : 3);
        taken.push(task.take(i === 0 ? 'full' : 'delta'));
      }
      return taken;
    };

    test('S3: a full checkpoint and every increment on it rebuild exactly, also after a reopen', async () => {
      const taken = run(new ChangingTask('filter', 32), 6);
      for (const one of taken) expect(await bring(store, one)).toEqual({ stored: true });
      for (const one of taken) await expectRebuilt(store, one);
      const again = await fixture.reopen();
      for (const one of taken) await expectRebuilt(again, one);
      expect(again.newest('filter')).toEqual(taken.at(-1)?.manifest);
      expect(again.tasks()).toEqual(['filter']);
    });

    test('S1: a page that has none of the digests named is refused and nothing is kept', async () => {
      const [full] = run(new ChangingTask('filter', 16), 0);
      if (full === undefined) throw new Error('no checkpoint was taken');
      const pages = pagesAt(full, store.missing(full.manifest));
      pages[4096 + 17] = (pages[4096 + 17] ?? 0) ^ 1;
      await expect(store.put(full.manifest, pages)).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
      await expect(store.put(full.manifest, pages.subarray(0, 5000))).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
      expect(store.newest('filter')).toBeUndefined();
      expect(store.tasks()).toEqual([]);
      expect(store.missing(full.manifest).length).toBeGreaterThan(0);
    });

    test('S1: a put without a page that is not here is refused and nothing is kept', async () => {
      const [full] = run(new ChangingTask('filter', 16), 0);
      if (full === undefined) throw new Error('no checkpoint was taken');
      const before = store.missing(full.manifest);
      await expect(store.put(full.manifest, pagesAt(full, before.subarray(1)))).rejects.toMatchObject({
        code: 'ERR_STORE_MISSING',
      });
      expect(store.find('filter', 1, 1)).toBeUndefined();
      expect(store.missing(full.manifest)).toEqual(before);
    });

    test('S1: a manifest that is not sound is refused by name', async () => {
      const [full, increment] = run(new ChangingTask('filter', 16), 1);
      if (full === undefined || increment === undefined) throw new Error('no checkpoint was taken');
      await bring(store, full);
      const unsound = [
        { ...increment.manifest, pageIndexes: Uint32Array.from(increment.manifest.pageIndexes, () => 1) },
        { ...increment.manifest, pageCount: 17 },
        { ...increment.manifest, baseSequence: 2 },
        { ...full.manifest, pageDigests: full.manifest.pageDigests.subarray(32) },
        { ...full.manifest, task: '../x' },
      ];
      for (const manifest of unsound)
        await expect(store.put(manifest, new Uint8Array(0))).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    });

    test('S2: an increment is stored once its whole chain is here, in whatever order it comes', async () => {
      const [full, one, two] = run(new ChangingTask('filter', 16), 2);
      if (full === undefined || one === undefined || two === undefined) throw new Error('no checkpoint was taken');
      expect(await bring(store, two)).toEqual({ stored: false });
      expect(store.newest('filter')).toBeUndefined();
      await expect(store.rebuild('filter', 1, 3)).rejects.toMatchObject({ code: 'ERR_STORE_MISSING' });
      expect(await bring(store, full)).toEqual({ stored: true });
      expect(store.newest('filter')).toEqual(full.manifest);
      expect(await bring(store, one)).toEqual({ stored: true });
      expect(store.newest('filter')).toEqual(two.manifest);
      await expectRebuilt(store, two);
    });

    test('S2: a manifest whose state digest is another state’s is refused', async () => {
      const [full, one] = run(new ChangingTask('filter', 16), 1);
      if (full === undefined || one === undefined) throw new Error('no checkpoint was taken');
      await bring(store, full);
      const lying = { ...one.manifest, outputNumber: one.manifest.outputNumber + 1 };
      await expect(store.put(lying, pagesAt(one, store.missing(lying)))).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
      expect(store.find('filter', 1, 2)).toBeUndefined();
      expect(await bring(store, one)).toEqual({ stored: true });
    });

    test('pages are shared: between tasks, checkpoints, and places in one memory', async () => {
      const [a] = run(new ChangingTask('a', 16), 0);
      const [b] = run(new ChangingTask('b', 16), 0);
      const blank = new ChangingTask('blank', 256).take('full');
      if (a === undefined || b === undefined) throw new Error('no checkpoint was taken');
      expect(Buffer.compare(a.memory, b.memory)).toBe(0);
      await bring(store, a);
      expect(store.missing(b.manifest)).toHaveLength(0);
      expect(await store.put(b.manifest, new Uint8Array(0))).toEqual({ stored: true });
      expect(store.missing(blank.manifest).length).toBeLessThanOrEqual(1);
      await bring(store, blank);
      await expectRebuilt(store, blank);
      expect(store.tasks()).toEqual(['a', 'b', 'blank']);
      await store.retain('a', { epoch: 9, sequence: 9 });
      await expectRebuilt(store, b);
    });

    test('a put that is repeated changes nothing', async () => {
      const [full] = run(new ChangingTask('filter', 16), 0);
      if (full === undefined) throw new Error('no checkpoint was taken');
      for (let i = 0; i < 3; i++) expect(await bring(store, full)).toEqual({ stored: true });
      await store.put(full.manifest, full.pages);
      await expectRebuilt(store, full);
    });

    test('a memory that grew rebuilds, and the newest is the highest (epoch, sequence)', async () => {
      const task = new ChangingTask('filter', 16);
      const rng = createRng(4);
      await bring(store, task.take('full'));
      task.grow(2);
      task.scribble(rng, 5);
      const grown = task.take('delta');
      expect(await bring(store, grown)).toEqual({ stored: true });
      await expectRebuilt(store, grown);
      task.epoch = 2;
      task.sequence = 0;
      const restarted = task.take('full');
      await bring(store, restarted);
      expect(store.newest('filter')).toMatchObject({ epoch: 2, sequence: 1 });
      expect(store.find('filter', 1, 2)).toEqual(grown.manifest);
      expect(store.find('filter', 1, 3)).toBeUndefined();
    });

    test('retain drops what is older and frees its pages; what stood on it still rebuilds', async () => {
      const taken = run(new ChangingTask('filter', 32), 8);
      for (const one of taken) await bring(store, one);
      const freed = await store.retain('filter', { epoch: 1, sequence: 6 });
      expect(freed).toBeGreaterThan(0);
      for (const gone of taken.slice(0, 5)) expect(store.find('filter', 1, gone.manifest.sequence)).toBeUndefined();
      for (const kept of taken.slice(5)) await expectRebuilt(store, kept);
      expect(await store.retain('filter', { epoch: 1, sequence: 6 })).toBe(0);
      const again = await fixture.reopen();
      for (const kept of taken.slice(5)) await expectRebuilt(again, kept);
      // The chain goes on from a folded base.
      expect(again.newest('filter')).toEqual(taken.at(-1)?.manifest);
    });

    test('retain never drops the newest state that can be rebuilt, whatever it is asked', async () => {
      const taken = run(new ChangingTask('filter', 16), 3);
      for (const one of taken) await bring(store, one);
      await store.retain('filter', { epoch: 7, sequence: 0 });
      const last = taken.at(-1);
      if (last === undefined) throw new Error('no checkpoint was taken');
      await expectRebuilt(store, last);
      expect(store.newest('filter')?.sequence).toBe(4);
      expect(store.find('filter', 1, 1)).toBeUndefined();
    });

    test('keepOnly drops from the middle too: both ends still rebuild, and nothing between them is left', async () => {
      const taken = run(new ChangingTask('filter', 16), 7);
      for (const one of taken) await bring(store, one);
      expect(store.orders('filter').map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      const [, second, , , fifth] = taken;
      const last = taken.at(-1);
      if (second === undefined || fifth === undefined || last === undefined) throw new Error('no checkpoint was taken');
      const orders = [second, fifth, last].map(({ manifest: { epoch, sequence } }) => ({ epoch, sequence }));
      expect(await store.keepOnly('filter', orders)).toBeGreaterThan(0);
      expect(store.orders('filter')).toEqual(orders);
      const again = await fixture.reopen();
      for (const kept of [second, fifth, last]) await expectRebuilt(again, kept);
      // Whatever it is asked: the newest that can be rebuilt stays.
      await again.keepOnly('filter', []);
      expect(again.orders('filter')).toEqual(orders.slice(-1));
      await expectRebuilt(again, last);
      expect(again.orders('nobody')).toEqual([]);
    });

    test('the bytes given to put may be changed right after the call', async () => {
      const [full] = run(new ChangingTask('filter', 16), 0);
      if (full === undefined) throw new Error('no checkpoint was taken');
      const pages = pagesAt(full, store.missing(full.manifest));
      const putting = store.put(full.manifest, pages);
      pages.fill(0xee);
      await putting;
      await expectRebuilt(store, full);
    });

    test('what nobody brought is ERR_STORE_MISSING', async () => {
      await expect(store.rebuild('nobody', 1, 1)).rejects.toMatchObject({ code: 'ERR_STORE_MISSING' });
      expect(store.newest('nobody')).toBeUndefined();
      expect(await store.retain('nobody', { epoch: 1, sequence: 1 })).toBe(0);
    });
  });
}

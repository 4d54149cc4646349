/**
 * Any record of a store may be flipped, cut short or gone: what it gives is the right bytes or a named error, never wrong
 * bytes. What another store holds makes it whole again. Forged manifests are refused by name.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyOf } from '../../infra/lmdb/checkpoint-keys.ts';
import { type LmdbCheckpointStore, openLmdbCheckpointStore } from '../../infra/lmdb/checkpoint-store.ts';
import { openEnvironment } from '../../infra/lmdb/environment.ts';
import { encodeManifest } from '../../infra/lmdb/manifest-format.ts';
import { StoreReader } from '../../infra/lmdb/store-reader.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { damageStore, type RecordDamage } from '../../src/app/chaos/store-damager.ts';
import { checkStore } from '../../src/app/store/check-store.ts';
import { foldManifest } from '../../src/domain/checkpoint/manifest.ts';
import { allPages } from '../../src/domain/checkpoint/pages.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import { ChangingTask, digestsOf, pagesAt, type TakenCheckpoint } from '../support/checkpoints.ts';

const MIB = 1024 ** 2;
// As a manager opens it, so that the damager in this process may share its environment.
const openStore = (path: string): LmdbCheckpointStore =>
  openLmdbCheckpointStore({ path, hasher: systemHasher, durable: true, sizeBytesMax: 64 * MIB, tableCacheBytesMax: 3000 });

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'drover-records-prop-'));
  try {
    await run(path);
  } finally {
    await rm(path, { recursive: true });
  }
}

const bring = (store: LmdbCheckpointStore, taken: TakenCheckpoint) =>
  store.put(taken.manifest, pagesAt(taken, store.missing(taken.manifest)));

/** The same checkpoint as another manager gives it: whole. */
async function bringWhole(store: LmdbCheckpointStore, { manifest, memory }: TakenCheckpoint) {
  const whole = foldManifest(manifest, digestsOf(memory));
  const positions = store.missing(whole);
  const pages = Buffer.concat([...positions].map((at) => memory.subarray(at * 4096, (at + 1) * 4096)));
  return store.put(whole, pages);
}

async function checked(path: string) {
  const reader = new StoreReader(path, systemHasher);
  return checkStore(reader).finally(() => reader.close());
}

const damage: fc.Arbitrary<RecordDamage> = fc.record({
  table: fc.constantFrom('pages', 'pages', 'tails', 'manifests'),
  how: fc.constantFrom('flip', 'truncate', 'drop'),
  from: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  bit: fc.nat({ max: 7 }),
});

test('after damage to any records: right bytes or a named error; scrubbing finds it; another store’s copies mend it', {
  timeout: 240_000,
}, async () => {
  let noticed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(damage, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      async (seed, damages, whileOpen, scrubFirst) =>
        inFolder(async (path) => {
          const rng = createRng(seed);
          const tasks = [new ChangingTask('a', 16), new ChangingTask('b', 16)];
          const taken: TakenCheckpoint[] = [];
          let store = openStore(path);
          for (let i = 0; i < 4; i++) {
            for (const task of tasks) {
              task.scribble(rng, i === 0 ? 60 : 4);
              taken.push(task.take(i === 0 ? 'full' : 'delta'));
              for (const one of taken.slice(-1)) await bring(store, one);
            }
          }
          if (!whileOpen) await store.close();
          await damageStore(path, damages);
          if (!whileOpen) store = openStore(path);
          if (scrubFirst) while (!(await store.scrub(16)).wrapped);
          for (const one of taken) {
            const { task, epoch, sequence } = one.manifest;
            const outcome = await store.rebuild(task, epoch, sequence).then(
              (rebuilt) => (Buffer.compare(rebuilt.memory, one.memory) === 0 ? 'right' : 'WRONG'),
              (error: { readonly code: string }) => error.code,
            );
            expect(['right', 'ERR_STORE_CORRUPT', 'ERR_STORE_MISSING']).toContain(outcome);
            if (outcome !== 'right') noticed += 1;
          }
          const newest = store.newest('a');
          if (newest !== undefined) expect(taken.map(({ manifest }) => manifest.stateDigest)).toContain(newest.stateDigest);
          // After a whole round nothing that is damaged is left where it could be served, or is not known to be damaged.
          while (!(await store.scrub(16)).wrapped);
          while (!(await store.scrub(16)).wrapped);
          const { damagedPages, damagedManifests } = await (async () => {
            await store.close();
            const found = await checked(path);
            store = openStore(path);
            return found;
          })();
          expect({ damagedPages, damagedManifests }).toEqual({ damagedPages: 0, damagedManifests: 0 });
          // As a repair does it, for all that is named; a second time, because a page may hide behind a manifest.
          for (let round = 0; round < 2; round++) {
            for (const one of taken) {
              await bringWhole(store, one);
              await store
                .rebuild(one.manifest.task, 1, one.manifest.sequence)
                .catch((error: { readonly code: string }) => expect(error.code).toMatch(/^ERR_STORE_(CORRUPT|MISSING)$/));
            }
          }
          for (const one of taken) {
            await bringWhole(store, one);
            const { memory } = await store.rebuild(one.manifest.task, 1, one.manifest.sequence);
            expect(Buffer.compare(memory, one.memory)).toBe(0);
          }
          expect(store.damaged()).toEqual([]);
          await store.recount();
          await store.close();
          expect(await checked(path)).toMatchObject({ ok: true, checkpoints: 8, findings: [], uncollectedPages: 0 });
        }),
    ),
    { numRuns: 40, endOnFailure: true },
  );
  expect(noticed).toBeGreaterThan(20);
});

/** Puts what a forger wrote straight into the table, with a proper digest at its end. */
async function smuggle(path: string, manifest: CheckpointManifest, key = keyOf(manifest)): Promise<void> {
  const environment = openEnvironment({ path, sizeBytesMax: 64 * MIB, durability: 'sync' });
  await environment.transact(() => void environment.table('manifests').put(key, encodeManifest(manifest, systemHasher)));
  await environment.close();
}

const forged = (real: CheckpointManifest): Record<string, CheckpointManifest> => ({
  'a base that is itself': { ...real, baseSequence: real.sequence },
  'a base that comes later': { ...real, baseSequence: real.sequence + 5 },
  'a base that nobody has': { ...real, baseSequence: 0 },
  'a memory larger than any': { ...real, pageCount: 2 ** 32 - 1 },
  'a memory of all there is, and nothing carried': {
    ...real,
    pageCount: 2 ** 20,
    pageIndexes: new Uint32Array(0),
    pageDigests: new Uint8Array(0),
  },
  'a memory that is no multiple of 64 KiB': { ...real, pageCount: real.pageCount + 1 },
  'a memory that shrank': { ...real, pageCount: 0, pageIndexes: new Uint32Array(0), pageDigests: new Uint8Array(0) },
  'pages beyond its end': { ...real, pageIndexes: real.pageIndexes.map((index) => index + 2 ** 20) },
  'pages in no order': { ...real, pageIndexes: real.pageIndexes.toReversed() },
  'a page twice': { ...real, pageIndexes: real.pageIndexes.map(() => 1) },
  'another state': { ...real, outputNumber: real.outputNumber + 1 },
  'a full one that is not': { ...real, baseSequence: undefined, pageIndexes: allPages(real.pageIndexes.length) },
});

test('forged manifests are refused by name when they are put, and never served when they are found', async () => {
  await inFolder(async (path) => {
    const task = new ChangingTask('a', 16);
    const rng = createRng(8);
    task.scribble(rng, 60);
    const full = task.take('full');
    task.scribble(rng, 4);
    const real = task.take('delta');
    for (const [what, manifest] of Object.entries(forged(real.manifest))) {
      const store = openStore(path);
      await bring(store, full);
      const outcome = await (async () => store.put(manifest, real.pages))().then(
        ({ stored }) => (stored ? 'STORED' : 'not stored'),
        (error: { readonly code?: string }) => error.code,
      );
      expect(['not stored', 'ERR_STORE_CORRUPT'], what).toContain(outcome);
      await store.forget('a');
      await bring(store, full);
      await smuggle(path, manifest);
      const found = await store.rebuild('a', 1, real.manifest.sequence).then(
        () => 'SERVED',
        (error: { readonly code?: string }) => error.code,
      );
      expect(['ERR_STORE_CORRUPT', 'ERR_STORE_MISSING'], what).toContain(found);
      expect(store.newest('a')?.sequence, what).toBe(full.manifest.sequence);
      expect(Buffer.compare((await store.rebuild('a', 1, 1)).memory, full.memory), what).toBe(0);
      // What is real takes its place, once somebody brings it.
      await store.forget('a');
      await bring(store, full);
      expect(await bring(store, real), what).toEqual({ stored: true });
      await store.forget('a');
      await store.close();
    }
  });
});

test('two manifests that stand on each other end no walk, and a key that names nothing is set aside', async () => {
  await inFolder(async (path) => {
    const store = openStore(path);
    const task = new ChangingTask('a', 16);
    const full = task.take('full');
    task.scribble(createRng(3), 4);
    const real = task.take('delta').manifest;
    await bring(store, full);
    await smuggle(path, { ...real, sequence: 7, baseSequence: 8 });
    await smuggle(path, { ...real, sequence: 8, baseSequence: 7 });
    await smuggle(path, { ...real, sequence: 9 }, Buffer.from('a', 'latin1'));
    expect(store.tasks()).toEqual(['a']);
    expect(store.newest('a')?.sequence).toBe(1);
    for (const sequence of [7, 8]) await expect(store.rebuild('a', 1, sequence)).rejects.toMatchObject({ name: 'DroverError' });
    while (!(await store.scrub(16)).wrapped);
    expect(store.damaged().map(({ sequence, what }) => ({ sequence, what }))).toContainEqual({ sequence: 7, what: 'manifest' });
    await store.close();
    expect(await checked(path)).toMatchObject({ ok: false, damagedManifests: 0 });
  });
});

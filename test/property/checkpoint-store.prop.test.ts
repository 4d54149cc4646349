import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LmdbCheckpointStore, StoreDamage } from '../../infra/lmdb/checkpoint-store.ts';
import { openLmdbCheckpointStore } from '../../infra/lmdb/checkpoint-store.ts';
import { encodeManifest } from '../../infra/lmdb/manifest-format.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { laterCheckpoint } from '../../src/domain/model/checkpoint.ts';
import type { TakenCheckpoint } from '../support/checkpoints.ts';
import { ChangingTask, pagesAt } from '../support/checkpoints.ts';

const MIB = 1024 ** 2;
const openStore = (path: string, onDamage?: (damage: StoreDamage) => void): LmdbCheckpointStore =>
  openLmdbCheckpointStore({
    path,
    hasher: systemHasher,
    durable: false,
    sizeBytesMax: 64 * MIB,
    tableCacheBytesMax: 3000,
    ...(onDamage === undefined ? {} : { onDamage }),
  });

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'drover-store-prop-'));
  try {
    await run(path);
  } finally {
    await rm(path, { recursive: true });
  }
}

const bring = (store: LmdbCheckpointStore, taken: TakenCheckpoint) =>
  store.put(taken.manifest, pagesAt(taken, store.missing(taken.manifest)));

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      task: fc.nat({ max: 2 }),
      full: fc.boolean(),
      dirty: fc.nat({ max: 6 }),
      lost: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('retain' as const), task: fc.nat({ max: 2 }), back: fc.nat({ max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), task: fc.nat({ max: 2 }), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('epoch' as const), task: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const), task: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

test('after any puts, losses, retains and reopens: what was stored and kept rebuilds as taken, and every reference is counted', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { minLength: 5, maxLength: 40 }), async (seed, steps) =>
      inFolder(async (path) => {
        const rng = createRng(seed);
        const tasks = [new ChangingTask('a', 16), new ChangingTask('b', 16), new ChangingTask('c', 32)];
        const taken: TakenCheckpoint[][] = [[], [], []];
        const stored = new Set<TakenCheckpoint>();
        let store = openStore(path);
        for (const one of steps) {
          if (one.kind === 'reopen') {
            await store.close();
            store = openStore(path);
            continue;
          }
          const [task, mine] = [tasks[one.task], taken[one.task]];
          if (task === undefined || mine === undefined) throw new Error('no such task');
          if (one.kind === 'grow') task.grow(1);
          if (one.kind === 'epoch') {
            task.epoch += 1;
            // A new instance begins with a full checkpoint.
            tasks[one.task] = Object.assign(new ChangingTask(task.name, 0), { memory: task.memory, epoch: task.epoch });
          }
          if (one.kind === 'take') {
            task.scribble(rng, one.dirty);
            const next = task.take(one.full ? 'full' : 'delta');
            mine.push(next);
            if (one.lost > 0 && (await bring(store, next)).stored) stored.add(next);
          }
          if (one.kind === 'again') {
            const again = mine[one.which % Math.max(1, mine.length)];
            if (again !== undefined && (await bring(store, again)).stored) stored.add(again);
          }
          if (one.kind === 'retain') {
            const oldest = mine[mine.length - 1 - one.back]?.manifest;
            if (oldest === undefined) continue;
            const newest = store.newest(task.name);
            await store.retain(task.name, oldest);
            for (const gone of mine) {
              if (laterCheckpoint(oldest, gone.manifest) && gone.manifest.stateDigest !== newest?.stateDigest)
                stored.delete(gone);
            }
            expect(store.newest(task.name)?.stateDigest).toBe(newest?.stateDigest);
          }
        }
        for (const one of stored) {
          const { task, epoch, sequence } = one.manifest;
          expect(Buffer.compare((await store.rebuild(task, epoch, sequence)).memory, one.memory)).toBe(0);
        }
        expect(await store.recount()).toBe(0);
        for (const { name } of tasks) await store.forget(name);
        expect(store.tasks()).toEqual([]);
        // The last reference took the last page along: only the tables' own pages are left.
        expect(store.usage().bytes).toBeLessThan(64 * 1024);
        await store.close();
      }),
    ),
    { numRuns: 40, endOnFailure: true },
  );
});

test('bytes damaged on the disk: the right state or a named error, never wrong bytes; what is named missing mends it', {
  timeout: 120_000,
}, async () => {
  let noticed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(fc.record({ target: fc.nat(), at: fc.nat(), bit: fc.nat({ max: 7 }) }), { minLength: 1, maxLength: 6 }),
      async (seed, damages) =>
        inFolder(async (path) => {
          const rng = createRng(seed);
          const task = new ChangingTask('a', 32);
          const taken: TakenCheckpoint[] = [];
          let store = openStore(path);
          for (let i = 0; i < 5; i++) {
            // Every page has content of its own, so that it can be found in the file.
            for (let n = 0; n < (i === 0 ? 200 : 6); n++) task.scribble(rng, 1);
            taken.push(task.take(i === 0 ? 'full' : 'delta'));
            for (const one of taken.slice(-1)) await bring(store, one);
          }
          await store.close();
          damageFile(join(path, 'data.mdb'), taken, damages);

          const reports: StoreDamage[] = [];
          store = openStore(path, (damage) => reports.push(damage));
          const newest = store.newest('a');
          if (newest !== undefined)
            expect(taken.some(({ manifest }) => manifest.stateDigest === newest.stateDigest)).toBe(true);
          for (const one of taken) {
            const outcome = await store.rebuild('a', 1, one.manifest.sequence).then(
              (rebuilt) =>
                Buffer.compare(rebuilt.memory, one.memory) === 0 && Buffer.compare(rebuilt.globals, one.manifest.globals) === 0
                  ? 'right'
                  : 'WRONG',
              (error: { readonly code: string }) => error.code,
            );
            expect(['right', 'ERR_STORE_CORRUPT', 'ERR_STORE_MISSING']).toContain(outcome);
            if (outcome === 'ERR_STORE_CORRUPT') noticed += 1;
          }
          const quarantined = store.usage().damagedPages;
          if (quarantined > 0) expect(reports.some(({ what }) => what === 'pages')).toBe(true);
          // A checkpoint with a page in quarantine is not the newest any more.
          const after = store.newest('a');
          if (after !== undefined) await store.rebuild('a', after.epoch, after.sequence);
          // Bringing again what is missing mends everything. A second round finds pages that a damaged manifest hid from the first.
          for (let round = 0; round < 2; round++) {
            for (const one of taken) await bring(store, one);
            for (const one of taken)
              await store
                .rebuild('a', 1, one.manifest.sequence)
                .catch((error: { readonly code: string }) => expect(error.code).toBe('ERR_STORE_CORRUPT'));
          }
          for (const one of taken) await bring(store, one);
          for (const one of taken)
            expect(Buffer.compare((await store.rebuild('a', 1, one.manifest.sequence)).memory, one.memory)).toBe(0);
          expect(store.usage().damagedPages).toBe(0);
          expect(store.newest('a')?.sequence).toBe(5);
          await store.close();
        }),
    ),
    { numRuns: 40, endOnFailure: true },
  );
  expect(noticed).toBeGreaterThan(10);
});

/** Flips bits in stored pages and manifests, found in the file by their content; leaves LMDB's own trees alone. */
function damageFile(
  file: string,
  taken: readonly TakenCheckpoint[],
  damages: readonly { readonly target: number; readonly at: number; readonly bit: number }[],
): void {
  const bytes = readFileSync(file);
  const targets = taken
    .flatMap(({ manifest, pages }) => [
      Buffer.from(encodeManifest(manifest, systemHasher)),
      ...Array.from({ length: pages.length / 4096 }, (_, i) => Buffer.from(pages.subarray(i * 4096, i * 4096 + 4072))),
      ...Array.from({ length: pages.length / 4096 }, (_, i) => Buffer.from(pages.subarray(i * 4096 + 4072, i * 4096 + 4096))),
    ])
    .filter((target) => target.some((byte) => byte !== 0));
  for (const { target, at, bit } of damages) {
    const wanted = targets[target % targets.length];
    const found = wanted === undefined ? -1 : bytes.indexOf(wanted);
    if (wanted === undefined || found < 0) continue;
    const place = found + (at % wanted.length);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
  }
  writeFileSync(file, bytes);
}

/**
 * Managers' stores in a fleet of processes: damage is found, and made good by the other manager; one that lost everything gets
 * it from the other; and `drover store` looks into them, takes out and puts in. The ECU is dead, so that nothing comes from it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyOf } from '../../infra/lmdb/checkpoint-keys.ts';
import { StoreReader } from '../../infra/lmdb/store-reader.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { damageStore } from '../../src/app/chaos/store-damager.ts';
import { queryFleet, queryManagerCounters, queryStores } from '../../src/app/fleet/fleet-calls.ts';
import { ecuMac } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { checkStore, type StoreCheck } from '../../src/app/store/check-store.ts';
import { storePathOf } from '../../src/app/store/find-stores.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';
import { runDrover as drover } from '../support/run-drover.ts';

let run: FleetRun;
/** The newest checkpoint when the ECU died, in both stores. */
let newest: CheckpointManifest;

const storeOf = (manager: string): string => storePathOf(run.folder, manager);

async function inStore<T>(path: string, read: (reader: StoreReader) => T | Promise<T>): Promise<T> {
  const reader = new StoreReader(path, systemHasher);
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

const newestIn = (manager: string): Promise<CheckpointManifest | undefined> =>
  inStore(storeOf(manager), (reader) => {
    let last: CheckpointManifest | undefined;
    for (const { manifest } of reader.manifests()) if (manifest.ok && reader.tableOf(manifest.value).ok) last = manifest.value;
    return last;
  });

const counted = async (manager: string, name: string): Promise<number> =>
  (await queryManagerCounters(run.fleet.client, [manager]))[name] ?? 0;

const json = <T>(text: string): T => JSON.parse(text) as T;

beforeAll(async () => {
  run = await startFleet({ ecus: 1, managers: 2 });
  await run.fleet.deploy(await prepareTask(exampleFolder('counter')));
  await until('a few durable checkpoints', async () => {
    const task = await run.task('counter');
    return task?.durability === 'durable' && (task.checkpoint?.sequence ?? 0) > 5;
  });
  await run.fleet.kill(ecuMac(1), 'ecu');
  await until('both managers have the same newest checkpoint', async () => {
    const [one, other] = [await newestIn('m1'), await newestIn('m2')];
    if (one === undefined || one.stateDigest !== other?.stateDigest) return false;
    newest = one;
    return true;
  });
}, 120_000);

afterAll(() => run?.end());

test('damaged pages and a damaged manifest of the newest checkpoint are found by scrubbing and fetched from the other manager', async () => {
  const table = await inStore(storeOf('m1'), (reader) => {
    const found = reader.tableOf(newest);
    if (!found.ok) throw new Error(found.error);
    return found.value;
  });
  const page = (index: number) =>
    ({ table: 'pages', from: table.slice(index * 32, (index + 1) * 32), share: 0.5, bit: 3 }) as const;
  const before = await counted('m1', 'store.repairedFromManager');
  expect(
    await damageStore(storeOf('m1'), [
      { ...page(0), how: 'flip' },
      { ...page(table.length / 32 - 1), how: 'drop' },
      { table: 'manifests', how: 'truncate', from: keyOf(newest), share: 0.7, bit: 0 },
    ]),
  ).toBe(3);
  // What is mended on the way to something else (the manifest brings its pages) need not be found first.
  await until('it is found', async () => (await counted('m1', 'store.damagedFound')) >= 1);
  await until('it is mended', async () => (await counted('m1', 'store.repairedFromManager')) > before);
  await until(
    'the store has its newest checkpoint again, whole',
    async () => (await newestIn('m1'))?.stateDigest === newest.stateDigest,
  );
  // The scrubbing may come to the flipped page long after the others were mended: only reading every byte tells the end.
  await until('nothing is left to find', async () => (await inStore(storeOf('m1'), (reader) => checkStore(reader))).ok);
  await until('nothing is left to mend', async () => {
    const stores = await queryStores(run.fleet.client, await queryFleet(run.fleet.client));
    return stores.length === 2 && stores.every(({ damagedPages, damagedManifests }) => damagedPages + damagedManifests === 0);
  });
  const check = await inStore(storeOf('m1'), (reader) => checkStore(reader));
  expect(check).toMatchObject({ ok: true, damagedPages: 0, lostPages: 0, brokenCheckpoints: 0 });
  expect(await counted('m1', 'store.repairedFromEcu')).toBe(0);
});

test('a manager whose store is gone catches up from the other one', async () => {
  await run.fleet.killManager('m2');
  rmSync(storeOf('m2'), { recursive: true });
  await run.fleet.restart('m2');
  await until('it has caught up', async () => (await counted('m2', 'store.caughtUp')) > 0);
  expect((await newestIn('m2'))?.stateDigest).toBe(newest.stateDigest);
  await until('everybody knows', async () => {
    const task = await run.task('counter');
    return task?.checkpoint?.holders.join() === 'm1,m2';
  });
});

test('drover store check and stats read a running manager’s store; compact and import say that they need it alone', async () => {
  const where = ['--data', run.folder];
  const checked = await drover('store', 'check', ...where, '--json');
  expect(checked.exitCode, checked.error).toBe(0);
  expect(json<{ readonly stores: readonly StoreCheck[] }>(checked.out).stores.map(({ ok, pages }) => ok && pages > 0)).toEqual([
    true,
    true,
  ]);
  expect(await drover('store', 'check', ...where, '--manager', 'm1')).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('whole'),
  });
  const stats = await drover('store', 'stats', ...where, '--manager', 'm1', '--json');
  expect(json(stats.out)).toMatchObject({
    store: 'm1',
    inUseBy: expect.any(Number),
    tasks: [{ task: 'counter', newest: { epoch: newest.epoch, sequence: newest.sequence } }],
  });
  for (const args of [['compact'], ['import', 'nothing.drover', '--manager', 'm1']])
    expect(await drover('store', ...args, ...where)).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('(ERR_STORE_IN_USE)'),
    });
  expect(await drover('status', ...where)).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/STORE +BYTES +BOUND[\s\S]*m1[\s\S]*4\.0 GiB/),
  });
  expect(await drover('store', 'export', 'x', ...where)).toMatchObject({
    exitCode: 2,
    error: expect.stringContaining('--manager'),
  });
  expect(await drover('store', 'check', '--store', '/nowhere')).toMatchObject({
    exitCode: 1,
    error: expect.stringContaining('(ERR_STORE_MISSING)'),
  });
});

test('what is exported is imported elsewhere, unless anything in it is wrong; check and compact do what they say', async () => {
  const where = ['--data', run.folder, '--manager', 'm1'];
  const file = join(run.folder, 'all.drover');
  const exported = await drover('store', 'export', file, ...where, '--all', '--json');
  expect(exported.exitCode, exported.error).toBe(0);
  const { checkpoints } = json<{ readonly checkpoints: readonly unknown[] }>(exported.out);
  expect(checkpoints.length).toBeGreaterThan(1);
  const target = join(run.folder, 'elsewhere');
  const imported = await drover('store', 'import', file, '--store', target, '--json');
  expect(imported.exitCode, imported.error).toBe(0);
  expect(json<{ readonly taken: readonly unknown[] }>(imported.out).taken).toHaveLength(checkpoints.length);
  expect(await drover('store', 'import', file, '--store', target)).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('0 checkpoints taken'),
  });
  expect((await drover('store', 'check', '--store', target)).exitCode).toBe(0);
  expect(await inStore(target, (reader) => reader.find(newest)?.stateDigest)).toBe(newest.stateDigest);

  const bytes = readFileSync(file);
  const spoilt: Record<string, Buffer> = {
    'cut short': bytes.subarray(0, bytes.length - 20),
    'cut short in a page': bytes.subarray(0, 3000),
    longer: Buffer.concat([bytes, Buffer.of(0)]),
    'another version': Buffer.concat([bytes.subarray(0, 8), Buffer.of(9), bytes.subarray(9)]),
    'no archive': Buffer.from('what is this?'),
  };
  for (const share of [0.2, 0.5, 0.8, 0.95, 0.999]) {
    const flipped = Buffer.from(bytes);
    const at = Math.floor(share * bytes.length);
    flipped[at] = (flipped[at] ?? 0) ^ 16;
    spoilt[`a bit flipped at ${share}`] = flipped;
  }
  for (const [what, content] of Object.entries(spoilt)) {
    const bad = join(run.folder, 'bad.drover');
    writeFileSync(bad, content);
    const fresh = join(run.folder, 'fresh');
    const refused = await drover('store', 'import', bad, '--store', fresh);
    expect(refused, what).toMatchObject({ exitCode: 1, error: expect.stringContaining('(ERR_ARCHIVE_INVALID)') });
    expect(await inStore(fresh, (reader) => [...reader.manifests()].length), what).toBe(0);
    rmSync(fresh, { recursive: true });
  }

  await damageStore(target, [{ table: 'pages', how: 'flip', from: newest.pageDigests.slice(0, 32), share: 0.1, bit: 1 }]);
  const damaged = await drover('store', 'check', '--store', target, '--json');
  expect(damaged.exitCode).toBe(1);
  expect(json(damaged.out)).toMatchObject({
    ok: false,
    damagedPages: 1,
    findings: expect.arrayContaining([expect.objectContaining({ what: 'page' })]),
  });
  // Importing it again is a repair, too, once the damage is set aside: export leaves out what is damaged.
  const partial = await drover('store', 'export', join(run.folder, 'partial.drover'), '--store', target, '--all', '--json');
  expect(json<{ readonly leftOut: readonly unknown[] }>(partial.out).leftOut.length).toBeGreaterThan(0);
  const compacted = await drover('store', 'compact', '--store', target, '--json');
  expect(compacted.exitCode, compacted.error).toBe(0);
  const { bytesBefore, bytesAfter } = json<{ readonly bytesBefore: number; readonly bytesAfter: number }>(compacted.out);
  expect(bytesAfter).toBeLessThanOrEqual(bytesBefore);
});

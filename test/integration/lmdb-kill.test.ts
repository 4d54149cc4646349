import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openLmdbCheckpointStore } from '../../infra/lmdb/checkpoint-store.ts';
import { openLmdbRecordStore } from '../../infra/lmdb/record-store.ts';
import { FAULT_VARIABLE } from '../../infra/system/fault-plan.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { damageStore, drawDamage } from '../../src/app/chaos/store-damager.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import type { TakenCheckpoint } from '../support/checkpoints.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const child = (name: string): string => join(here, 'children', name);

/** Runs a child until it has said `lines` lines, kills it with SIGKILL, and gives everything it had said. */
async function runAndKill(args: readonly string[], lines: number): Promise<readonly string[]> {
  const process_ = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  const reader = createInterface({ input: process_.stdout });
  const ended = Promise.all([once(process_, 'exit'), once(reader, 'close')]);
  reader.on('line', (line) => {
    said.push(line);
    if (said.length === lines) process_.kill('SIGKILL');
  });
  const [[, signal]] = await ended;
  expect(signal).toBe('SIGKILL');
  return said;
}

/** Runs a child that ends itself by a planned fault, and gives everything it had said. */
async function runToFault(args: readonly string[], fault: string): Promise<readonly string[]> {
  const env = { ...process.env, [FAULT_VARIABLE]: fault };
  const process_ = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'], env });
  const said: string[] = [];
  const reader = createInterface({ input: process_.stdout });
  reader.on('line', (line) => said.push(line));
  const [[, signal]] = await Promise.all([once(process_, 'exit'), once(reader, 'close')]);
  expect(signal, fault).toBe('SIGKILL');
  return said;
}

/** Everything that was acknowledged and not dropped is whole. Answers the newest sequence, 0 when there is none. */
async function expectAcknowledged(
  path: string,
  run: {
    readonly said: readonly string[];
    readonly durable: boolean;
    readonly next: number;
    readonly imageAt: (sequence: number) => Uint8Array;
  },
): Promise<number> {
  const { said, durable, next, imageAt } = run;
  const numbers = (word: string): number[] =>
    said.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]));
  const acknowledged = numbers('ack');
  const oldestKept = Math.max(0, ...numbers('retain'));
  const store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable });
  for (const sequence of acknowledged) {
    // Dropped by a retain that had begun, unless that was cut off: then it is whole too.
    if (sequence < oldestKept && store.find('killed', 1, sequence) === undefined) continue;
    const rebuilt = await store.rebuild('killed', 1, sequence);
    expect(Buffer.compare(rebuilt.memory, imageAt(sequence))).toBe(0);
  }
  const newest = store.newest('killed');
  // The newest is the last acknowledged one, or the one that was being put when the end came.
  const last = acknowledged.at(-1) ?? next - 1;
  if (last > 0) expect([last, last + 1]).toContain(newest?.sequence);
  if (newest !== undefined)
    expect(Buffer.compare((await store.rebuild('killed', 1, newest.sequence)).memory, imageAt(newest.sequence))).toBe(0);
  expect(await store.recount()).toBe(0);
  expect(store.damaged()).toEqual([]);
  await store.close();
  return newest?.sequence ?? 0;
}

describe('LMDB stores and sudden ends', () => {
  let path: string;
  let imageAt: (seed: number, sequence: number) => Uint8Array;
  let checkpointAt: (seed: number, sequence: number) => TakenCheckpoint;
  beforeAll(async () => {
    // The children run compiled code; incremental, so this is quick when nothing changed.
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const compiled = spawnSync(process.execPath, [tsc, '-p', root], { encoding: 'utf8' });
    if (!existsSync(join(root, 'dist/infra/lmdb/checkpoint-store.js')))
      throw new Error(`nothing was compiled: ${compiled.stdout}`);
    const images = (await import(pathToFileURL(child('images.mjs')).href)) as {
      imageAt: typeof imageAt;
      checkpointAt: typeof checkpointAt;
    };
    ({ imageAt, checkpointAt } = images);
  }, 120_000);
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'drover-kill-'));
  });
  afterEach(async () => rm(path, { recursive: true }));

  for (const durable of [true, false]) {
    test(`checkpoints (${durable ? 'durable' : 'local'}): after SIGKILL at random moments every acknowledged one rebuilds exactly`, {
      timeout: 120_000,
    }, async () => {
      const rng = createRng(durable ? 11 : 12);
      const seed = 5;
      let next = 1;
      for (let round = 0; round < 8; round++) {
        const said = await runAndKill(
          [child('put-checkpoints.mjs'), path, `${seed}`, durable ? '1' : '0', `${next}`],
          1 + rng.below(90),
        );
        const newest = await expectAcknowledged(path, { said, durable, next, imageAt: (sequence) => imageAt(seed, sequence) });
        next = newest + 1;
      }
      expect(next).toBeGreaterThan(20);
    });
  }

  for (const point of ['storePages', 'storeManifest', 'storeCommitted', 'storeFolded', 'storeDropped'] as const) {
    test(`checkpoints: after a death at ${point}, the first and later times, every acknowledged one rebuilds exactly`, {
      timeout: 120_000,
    }, async () => {
      const seed = 6;
      let next = 1;
      for (const count of [1, 2, 5, 9]) {
        const durable = count % 2 === 1;
        // Folding and dropping come once in eleven checkpoints.
        const times = point === 'storeFolded' || point === 'storeDropped' ? Math.min(count, 3) : count;
        const args = [child('put-checkpoints.mjs'), path, `${seed}`, durable ? '1' : '0', `${next}`];
        const said = await runToFault(args, `${point}:${times}`);
        next = (await expectAcknowledged(path, { said, durable, next, imageAt: (sequence) => imageAt(seed, sequence) })) + 1;
      }
      expect(next).toBeGreaterThan(10);
    });
  }

  test('a death while damage is set aside: it is set aside the next time, and what was damaged can be put again', {
    timeout: 120_000,
  }, async () => {
    const seed = 7;
    for (const count of [1, 2]) {
      await rm(path, { recursive: true });
      const args = [child('put-checkpoints.mjs'), path, `${seed}`, '1'];
      await runAndKill([...args, '1'], 20);
      const rng = createRng(count);
      const damages = Array.from({ length: 8 }, () => ({ ...drawDamage(rng), table: 'pages', how: 'flip' }) as const);
      expect(await damageStore(path, damages)).toBeGreaterThan(0);
      await runToFault([...args, '200'], `storeAside:${count}`);
      const store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable: true });
      for (let rounds = 0; rounds < 2; ) if ((await store.scrub(64)).wrapped) rounds += 1;
      expect(store.damaged().length).toBeGreaterThan(0);
      for (const { epoch, sequence } of store.orders('killed')) {
        const taken = checkpointAt(seed, sequence);
        const positions = store.missing(taken.manifest);
        const pages = Buffer.concat([...positions].map((at) => taken.pages.subarray(at * 4096, (at + 1) * 4096)));
        await store.put(taken.manifest, pages);
        expect(Buffer.compare((await store.rebuild('killed', epoch, sequence)).memory, imageAt(seed, sequence))).toBe(0);
      }
      expect(store.damaged()).toEqual([]);
      expect(await store.recount()).toBe(0);
      await store.close();
    }
  });

  for (const durability of ['sync', 'process'] as const) {
    test(`records (${durability}): after SIGKILL every acknowledged append is there, and nothing that was not the next one`, {
      timeout: 120_000,
    }, async () => {
      const rng = createRng(13);
      for (let round = 0; round < 5; round++) {
        const said = await runAndKill([child('append-records.mjs'), path, durability], 1 + rng.below(2000));
        const acknowledged = new Map<string, { position: number; n: number }>();
        for (const line of said) {
          const [, actor, position, n] = line.split(' ');
          if (actor !== undefined) acknowledged.set(actor, { position: Number(position), n: Number(n) });
        }
        const store = openLmdbRecordStore({ path, durability });
        for (const [actor, ack] of acknowledged) {
          const numbers: number[] = [];
          const positions: number[] = [];
          for await (const record of store.history(actor)) {
            positions.push(record.position);
            numbers.push(Number.parseInt(new TextDecoder().decode(record.bytes), 10));
          }
          expect(positions).toContain(ack.position);
          const lastNumber = numbers.at(-1) ?? 0;
          expect([ack.n, ack.n + 1]).toContain(lastNumber);
          // Kept without a hole: one number after the other.
          expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => lastNumber - numbers.length + 1 + i));
        }
        await store.close();
      }
    });
  }

  /** A real full file system where the kernel lets us mount one of our own; else, and also, a limit on the file's size. */
  const smallDisk = 'mount -t tmpfs -o size=3m tmpfs "$2" && exec "$0" "$1" "$2"';
  const canMount = spawnSync('unshare', ['-rm', 'bash', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0;
  const fills = [
    { what: 'a file system of 3 MiB', skip: !canMount, command: 'unshare', args: ['-rm', 'bash', '-c', smallDisk] },
    { what: 'a limit of 512 KiB a file', skip: false, command: 'bash', args: ['-c', 'ulimit -f 512 && exec "$0" "$@"'] },
  ];
  for (const { what, skip, command, args } of fills) {
    // Skipped only where user namespaces may not mount.
    test.skipIf(skip)(
      `a full disk (${what}) is ERR_STORE_FULL, loses nothing acknowledged, and is no end of the process`,
      { timeout: 60_000 },
      () => {
        const limited = spawnSync(command, [...args, process.execPath, child('fill-disk.mjs'), path], { encoding: 'utf8' });
        expect({ status: limited.status, signal: limited.signal }, limited.stderr).toEqual({ status: 0, signal: null });
        const outcome = JSON.parse(limited.stdout) as {
          code: string;
          acknowledged: number;
          kept: number;
          lastPosition: number;
          position: number;
          again: string;
        };
        expect(outcome).toMatchObject({
          code: 'DroverError ERR_STORE_FULL',
          lastPosition: outcome.position,
          kept: outcome.acknowledged,
        });
        expect(outcome.acknowledged).toBeGreaterThan(3);
        expect(outcome.again).toBe('ERR_STORE_FULL');
      },
    );
  }
});

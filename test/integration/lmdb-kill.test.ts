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
import { systemHasher } from '../../infra/system/hasher.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';

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

describe('LMDB stores and sudden ends', () => {
  let path: string;
  let imageAt: (seed: number, sequence: number) => Uint8Array;
  beforeAll(async () => {
    // The children run compiled code; incremental, so this is quick when nothing changed.
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const compiled = spawnSync(process.execPath, [tsc, '-p', root], { encoding: 'utf8' });
    if (!existsSync(join(root, 'dist/infra/lmdb/checkpoint-store.js')))
      throw new Error(`nothing was compiled: ${compiled.stdout}`);
    ({ imageAt } = (await import(pathToFileURL(child('images.mjs')).href)) as { imageAt: typeof imageAt });
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
        const numbers = (word: string): number[] =>
          said.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]));
        const acknowledged = numbers('ack');
        const oldestKept = Math.max(0, ...numbers('retain'));
        const store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable });
        for (const sequence of acknowledged) {
          // Dropped by a retain that had begun, unless that was cut off: then it is whole too.
          if (sequence < oldestKept && store.find('killed', 1, sequence) === undefined) continue;
          const rebuilt = await store.rebuild('killed', 1, sequence);
          expect(Buffer.compare(rebuilt.memory, imageAt(seed, sequence))).toBe(0);
        }
        const newest = store.newest('killed');
        // The newest is the last acknowledged one, or the one that was being put when the end came.
        const last = acknowledged.at(-1) ?? next - 1;
        if (last > 0) expect([last, last + 1]).toContain(newest?.sequence);
        if (newest !== undefined)
          expect(
            Buffer.compare((await store.rebuild('killed', 1, newest.sequence)).memory, imageAt(seed, newest.sequence)),
          ).toBe(0);
        expect(await store.recount()).toBe(0);
        await store.close();
        next = (newest?.sequence ?? 0) + 1;
      }
      expect(next).toBeGreaterThan(20);
    });
  }

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

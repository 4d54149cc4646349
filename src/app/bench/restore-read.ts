/**
 * What it costs a manager to read a state of 1 MiB for a restore: `rebuild` of its checkpoint store, against plain LMDB gets of the
 * same pages with a digest of each. Both in turns in one process, on the same kind of file, so that a noisy machine disturbs both.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbCheckpointStore } from '../../../infra/lmdb/checkpoint-store.ts';
import { exact, openEnvironment } from '../../../infra/lmdb/environment.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { stateDigest } from '../../domain/checkpoint/manifest.ts';
import { assert } from '../../domain/kernel/assert.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { type CheckpointManifest, DIGEST_BYTES, PAGE_BYTES } from '../../domain/model/checkpoint.ts';

export interface RestoreRead {
  readonly samples: number;
  readonly memoryBytes: number;
  /** From the call to the whole memory, every page checked by its digest. */
  readonly ms: { readonly p50: number; readonly p99: number };
  readonly plainMs: { readonly p50: number; readonly p99: number };
  /** Plain over drover, of the medians: 1 would be as quick as plain. The aim is at least 0.6, and at most 5 ms. */
  readonly share: number;
}

export async function measureRestoreRead(options: {
  memoryBytes: number;
  tasks: number;
  rounds: number;
}): Promise<RestoreRead> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-bench-read-'));
  const store = openLmdbCheckpointStore({ path: join(folder, 'store'), hasher: systemHasher, durable: false });
  const plain = openEnvironment({ path: join(folder, 'plain'), sizeBytesMax: 4 * 1024 ** 3, durability: 'process' });
  const table = plain.table('pages');
  try {
    const states = Array.from({ length: options.tasks }, (_, at) => randomState(`read-${at}`, options.memoryBytes, at + 1));
    for (const { manifest, memory } of states) {
      const { stored } = await store.put(manifest, memory);
      assert(stored, 'a full checkpoint is stored');
      await plain.transact(() => {
        for (let page = 0; page < manifest.pageCount; page++)
          table.put(digestOf(manifest, page), memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
      });
    }
    const readPlain = (manifest: CheckpointManifest): Uint8Array => {
      const memory = new Uint8Array(manifest.pageCount * PAGE_BYTES);
      const found = Buffer.alloc(DIGEST_BYTES);
      for (let page = 0; page < manifest.pageCount; page++) {
        const digest = digestOf(manifest, page);
        const bytes = table.getBinaryFast(digest);
        assert(bytes !== undefined, 'the page is there');
        const to = memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
        to.set(exact(bytes));
        systemHasher.digestInto(to, found, 0);
        assert(found.equals(digest), 'the page has its digest');
      }
      return memory;
    };
    const [ours, plains]: [number[], number[]] = [[], []];
    for (let round = -1; round < options.rounds; round++) {
      for (const { manifest, memory } of states) {
        const beganMs = performance.now();
        const plainly = readPlain(manifest);
        const betweenMs = performance.now();
        const state = await store.rebuild(manifest.task, manifest.epoch, manifest.sequence);
        const endedMs = performance.now();
        assert(Buffer.compare(state.memory, memory) === 0 && Buffer.compare(plainly, memory) === 0, 'both read the state');
        if (round < 0) continue; // warms up
        plains.push(betweenMs - beganMs);
        ours.push(endedMs - betweenMs);
      }
    }
    const [ms, plainMs] = [spreadOf(ours), spreadOf(plains)];
    return { samples: ours.length, memoryBytes: options.memoryBytes, ms, plainMs, share: round3(plainMs.p50 / ms.p50) };
  } finally {
    await store.close();
    await plain.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const digestOf = ({ pageDigests }: CheckpointManifest, page: number): Buffer =>
  Buffer.from(pageDigests.buffer, pageDigests.byteOffset + page * DIGEST_BYTES, DIGEST_BYTES);

function randomState(task: string, memoryBytes: number, seed: number): { manifest: CheckpointManifest; memory: Uint8Array } {
  const rng = createRng(seed, task);
  const memory = new Uint8Array(memoryBytes);
  const words = new DataView(memory.buffer);
  for (let at = 0; at < memoryBytes; at += 4) words.setUint32(at, rng.u32());
  const pageCount = memoryBytes / PAGE_BYTES;
  const pageDigests = new Uint8Array(pageCount * DIGEST_BYTES);
  for (let page = 0; page < pageCount; page++)
    systemHasher.digestInto(memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), pageDigests, page * DIGEST_BYTES);
  const parts = { globals: new Uint8Array(8), input: { sequence: 1, dataNumber: 0, tickNumber: 1 }, outputNumber: 1 };
  const manifest: CheckpointManifest = {
    task,
    mac: '02aa00000001',
    incarnation: 1,
    programId: seed,
    epoch: 1,
    nonce: 'bench',
    sequence: 1,
    baseSequence: undefined,
    pageCount,
    pageIndexes: Uint32Array.from({ length: pageCount }, (_, at) => at),
    pageDigests,
    stateDigest: stateDigest({ table: pageDigests, ...parts }, systemHasher.hex),
    artefact: 'ab'.repeat(32),
    ...parts,
  };
  return { manifest, memory };
}

export const round3 = (value: number): number => Math.round(value * 1000) / 1000;

function spreadOf(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => round3(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99) };
}

/** A task's memory that changes, and the checkpoints a bridge would take of it: the real digests, the real manifests. */

import { systemHasher } from '../../infra/system/hasher.ts';
import { stateDigest } from '../../src/domain/checkpoint/manifest.ts';
import { allPages, findDifferingPages, gatherPages } from '../../src/domain/checkpoint/pages.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';

export interface TakenCheckpoint {
  readonly manifest: CheckpointManifest;
  /** Every page the manifest carries, in order. */
  readonly pages: Uint8Array;
  /** The whole memory at that moment: what a rebuild has to give. */
  readonly memory: Uint8Array;
}

export function digestsOf(pages: Uint8Array): Uint8Array {
  const digests = new Uint8Array((pages.length / PAGE_BYTES) * DIGEST_BYTES);
  for (let i = 0; i * PAGE_BYTES < pages.length; i++)
    systemHasher.digestInto(pages.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES), digests, i * DIGEST_BYTES);
  return digests;
}

export class ChangingTask {
  readonly name: string;
  memory: Uint8Array;
  epoch = 1;
  sequence = 0;
  #shadow: Uint8Array | undefined;
  #outputs = 0;

  constructor(name: string, pageCount: number) {
    this.name = name;
    this.memory = new Uint8Array(pageCount * PAGE_BYTES);
  }

  /** Writes one byte or a whole page's worth into each of `count` random pages. */
  scribble(rng: Rng, count: number): void {
    for (let i = 0; i < count; i++) {
      const start = rng.below(this.memory.length / PAGE_BYTES) * PAGE_BYTES;
      if (rng.below(2) === 0) this.memory[start + rng.below(PAGE_BYTES)] = rng.below(256);
      else
        for (let at = start; at < start + PAGE_BYTES; at += 4) new DataView(this.memory.buffer).setUint32(at, rng.u32(), true);
    }
  }

  grow(wasmPages: number): void {
    const grown = new Uint8Array(this.memory.length + wasmPages * 65536);
    grown.set(this.memory);
    this.memory = grown;
  }

  take(mode: 'full' | 'delta'): TakenCheckpoint {
    const full = mode === 'full' || this.#shadow === undefined;
    const pageCount = this.memory.length / PAGE_BYTES;
    const pageIndexes = full ? allPages(pageCount) : findDifferingPages(this.memory, this.#shadow ?? this.memory);
    const pages = gatherPages(this.memory, pageIndexes);
    const baseSequence = full ? undefined : this.sequence;
    this.sequence += 1;
    this.#outputs += 3;
    const globals = Uint8Array.of(this.sequence & 255, this.epoch, 7);
    const input = { sequence: this.sequence * 10, dataNumber: this.sequence * 4, tickNumber: this.sequence * 6 };
    this.#shadow = this.memory.slice();
    const manifest: CheckpointManifest = {
      task: this.name,
      mac: '02aa00000001',
      incarnation: 3,
      programId: 5,
      epoch: this.epoch,
      sequence: this.sequence,
      nonce: 'n-1',
      baseSequence,
      pageCount,
      pageIndexes,
      pageDigests: digestsOf(pages),
      globals,
      input,
      outputNumber: this.#outputs,
      artefact: 'ab'.repeat(32),
      stateDigest: stateDigest(
        { table: digestsOf(this.memory), globals, input, outputNumber: this.#outputs },
        systemHasher.hex,
      ),
    };
    return { manifest, pages, memory: this.#shadow };
  }
}

/** The pages at the positions that a store's `missing` named. */
export function pagesAt(taken: TakenCheckpoint, positions: Uint32Array): Uint8Array {
  return gatherPages(taken.pages, positions);
}

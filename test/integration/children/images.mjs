// The memories and checkpoints of the kill test, the same in the child and in the parent.

import { systemHasher } from '../../../dist/infra/system/hasher.js';
import { stateDigest } from '../../../dist/src/domain/checkpoint/manifest.js';
import { allPages, findDifferingPages, gatherPages } from '../../../dist/src/domain/checkpoint/pages.js';
import { createRng } from '../../../dist/src/domain/kernel/rng.js';

const PAGES = 64;

/** 64 pages; page p changes at every sequence that p divides some small number of times, so increments are small. */
export function imageAt(seed, sequence) {
  const memory = new Uint8Array(PAGES * 4096);
  const words = new Uint32Array(memory.buffer);
  for (let page = 0; page < PAGES; page++) {
    const period = 1 + (page % 9);
    const rng = createRng(seed).stream(`${page}/${Math.floor(sequence / period)}`);
    for (let word = 0; word < 1024; word += 16) words[page * 1024 + word] = rng.u32();
  }
  return memory;
}

export function digests(pages) {
  const result = new Uint8Array((pages.length / 4096) * 32);
  for (let i = 0; i * 4096 < pages.length; i++)
    systemHasher.digestInto(pages.subarray(i * 4096, (i + 1) * 4096), result, i * 32);
  return result;
}

export function checkpointAt(seed, sequence, base) {
  const memory = imageAt(seed, sequence);
  const pageIndexes = base === undefined ? allPages(PAGES) : findDifferingPages(memory, base.memory);
  const pages = gatherPages(memory, pageIndexes);
  const globals = Uint8Array.of(sequence & 255);
  const input = { sequence, dataNumber: sequence, tickNumber: 0 };
  const manifest = {
    task: 'killed',
    mac: '02aa00000001',
    incarnation: 1,
    programId: 1,
    epoch: 1,
    sequence,
    nonce: 'n',
    baseSequence: base?.sequence,
    pageCount: PAGES,
    pageIndexes,
    pageDigests: digests(pages),
    globals,
    input,
    outputNumber: sequence,
    artefact: 'cd'.repeat(32),
    stateDigest: stateDigest({ table: digests(memory), globals, input, outputNumber: sequence }, systemHasher.hex),
  };
  return { manifest, pages, memory };
}

/** The bytes on disk are those `docs/FORMATS.md` shows. `UPDATE_GOLDEN=1` rewrites the page; the diff is for the reviewer. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeManifest, encodeManifest } from '../../infra/lmdb/manifest-format.ts';
import { draftEntry, readEntry, sealEntry } from '../../infra/lmdb/record-format.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { stateDigest } from '../../src/domain/checkpoint/manifest.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import { digestsOf } from '../support/checkpoints.ts';

const page = new URL('../../docs/FORMATS.md', import.meta.url);

/** Sixteen bytes a line, as every hex dump. */
const dump = (bytes: Uint8Array): string =>
  Array.from({ length: Math.ceil(bytes.length / 16) }, (_, line) =>
    Array.from(bytes.subarray(line * 16, line * 16 + 16), (byte) => byte.toString(16).padStart(2, '0')).join(' '),
  ).join('\n');

function expectShown(name: string, bytes: Uint8Array): void {
  const text = readFileSync(page, 'utf8');
  const block = new RegExp(`(\`\`\`hex ${name}\n)([^\`]*)(\`\`\`)`);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(page, text.replace(block, `$1${dump(bytes)}\n$3`));
  expect(block.exec(readFileSync(page, 'utf8'))?.[2]).toBe(`${dump(bytes)}\n`);
}

const memory = new Uint8Array(16 * 4096);
memory[2 * 4096] = 1;
const state = {
  table: digestsOf(memory),
  globals: Uint8Array.of(1, 2),
  input: { sequence: 30, dataNumber: 12, tickNumber: 18 },
  outputNumber: 9,
};
const manifest: CheckpointManifest = {
  task: 'a',
  mac: '02aa00000001',
  incarnation: 4,
  programId: 5,
  epoch: 1,
  sequence: 3,
  nonce: 'n',
  baseSequence: 2,
  pageCount: 16,
  pageIndexes: Uint32Array.of(2),
  pageDigests: state.table.slice(64, 96),
  globals: state.globals,
  stateDigest: stateDigest(state, systemHasher.hex),
  input: state.input,
  outputNumber: 9,
  artefact: 'ab'.repeat(32),
};

test('a journal entry', () => {
  const entry = draftEntry(Buffer.from('task/a'), Buffer.from('hello'));
  sealEntry(entry, { position: 7, previous: 3 });
  expectShown('entry', entry);
  expect(readEntry(entry, 7)).toEqual({
    actor: 'task/a',
    position: 7,
    previous: 3,
    record: Uint8Array.from(Buffer.from('hello')),
  });
});

test('every flipped bit of a journal entry is seen', () => {
  const entry = draftEntry(Buffer.from('task/a'), Buffer.from('hello'));
  sealEntry(entry, { position: 7, previous: 3 });
  for (let bit = 0; bit < entry.length * 8; bit++) {
    const damaged = Buffer.from(entry);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // The reserved byte is under the checksum as well.
    expect(() => readEntry(damaged, 7), `bit ${bit}`).toThrow(/record at position 7/);
  }
  for (let length = 0; length < entry.length; length++)
    expect(() => readEntry(entry.subarray(0, length), 7)).toThrow(/record at position 7/);
});

test('a manifest, and back', () => {
  const bytes = encodeManifest(manifest, systemHasher);
  expectShown('manifest', bytes);
  expect(decodeManifest(bytes, systemHasher)).toEqual(manifest);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    expect(decodeManifest(damaged, systemHasher), `byte ${at}`).toBeUndefined();
  }
  for (let length = 0; length < bytes.length; length++)
    expect(decodeManifest(bytes.subarray(0, length), systemHasher)).toBeUndefined();
});

test('a state digest', () => {
  expectShown('state-digest', Buffer.from(manifest.stateDigest, 'hex'));
});

/**
 * What makes a manifest sound by itself, and the digest that proves a whole state.
 *
 * The state digest is the SHA-256 over these bytes, numbers little-endian. It covers everything a task's future depends
 * on; it does not depend on how the state was sent, so a full checkpoint, any chain of increments and a fold of them agree.
 *
 *   ┌─────────────────────────┬──────────────┬─────────┬────────────┬─────────────┬─────────────┬───────────────┐
 *   │ digest of page 0, 1, …  │ globals len  │ globals │ input seq. │ data number │ tick number │ output number │
 *   │ 32 bytes × page count   │ u32          │ bytes   │ u64        │ u64         │ u64         │ u64           │
 *   └─────────────────────────┴──────────────┴─────────┴────────────┴─────────────┴─────────────┴───────────────┘
 */
import { assert } from '../kernel/assert.ts';
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { CheckpointManifest, InputCursor } from '../model/checkpoint.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../model/checkpoint.ts';
import type { Digest } from '../model/ids.ts';
import { isMac, isTaskName } from '../model/ids.ts';
import type { PageTable } from './delta.ts';
import { allPages, WASM_PAGE_BYTES } from './pages.ts';

/** SHA-256 as hex; supplied by the caller, because hashing is the host's. */
export type DigestOf = (bytes: Uint8Array) => Digest;

/** wasm32's own bound: 4 GiB of memory. */
export const PAGE_COUNT_MAX = 2 ** 32 / PAGE_BYTES;
export const GLOBALS_BYTES_MAX = 1024 ** 2;
const NONCE_LENGTH_MAX = 128;
const CURSORS_BYTES = 4 * 8;
const DIGEST = /^[0-9a-f]{64}$/;

export type ManifestError =
  | { readonly kind: 'field-invalid'; readonly field: string }
  | { readonly kind: 'page-count-invalid'; readonly pageCount: number }
  | { readonly kind: 'page-index-invalid'; readonly position: number; readonly pageIndex: number }
  | { readonly kind: 'digests-length-invalid'; readonly bytes: number; readonly expectedBytes: number }
  | { readonly kind: 'full-incomplete'; readonly pageCount: number; readonly carried: number }
  | { readonly kind: 'base-not-before'; readonly baseSequence: number; readonly sequence: number };

export interface StateParts {
  readonly table: PageTable;
  readonly globals: Uint8Array;
  readonly input: InputCursor;
  readonly outputNumber: number;
}

export function stateDigest(state: StateParts, digestOf: DigestOf): Digest {
  return digestOf(stateBytes(state));
}

/** The bytes under the state digest, laid out as drawn above. */
export function stateBytes({ table, globals, input, outputNumber }: StateParts): Uint8Array {
  assert(table.length % DIGEST_BYTES === 0, 'a page table is made of whole digests');
  const bytes = new Uint8Array(table.length + 4 + globals.length + CURSORS_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(table, 0);
  view.setUint32(table.length, globals.length, true);
  bytes.set(globals, table.length + 4);
  let at = table.length + 4 + globals.length;
  for (const number of [input.sequence, input.dataNumber, input.tickNumber, outputNumber]) {
    assert(Number.isSafeInteger(number) && number >= 0, 'cursors are counted exactly');
    view.setUint32(at, number >>> 0, true);
    view.setUint32(at + 4, Math.floor(number / 4294967296), true);
    at += 8;
  }
  return bytes;
}

/** Everything that can be said without the pages and without the base. */
export function checkManifest(manifest: CheckpointManifest): Result<CheckpointManifest, ManifestError> {
  const field = invalidField(manifest);
  if (field !== undefined) return err({ kind: 'field-invalid', field });
  const { pageCount, pageIndexes, pageDigests, baseSequence, sequence } = manifest;
  if (
    !Number.isInteger(pageCount) ||
    pageCount < 0 ||
    pageCount > PAGE_COUNT_MAX ||
    (pageCount * PAGE_BYTES) % WASM_PAGE_BYTES !== 0
  ) {
    return err({ kind: 'page-count-invalid', pageCount });
  }
  for (let position = 0; position < pageIndexes.length; position++) {
    const pageIndex = pageIndexes[position] ?? 0;
    if (pageIndex >= pageCount || (position > 0 && pageIndex <= (pageIndexes[position - 1] ?? 0))) {
      return err({ kind: 'page-index-invalid', position, pageIndex });
    }
  }
  const expectedBytes = pageIndexes.length * DIGEST_BYTES;
  if (pageDigests.length !== expectedBytes)
    return err({ kind: 'digests-length-invalid', bytes: pageDigests.length, expectedBytes });
  // Ascending, unique and below the count: then as many as the count are all of them.
  if (baseSequence === undefined && pageIndexes.length !== pageCount) {
    return err({ kind: 'full-incomplete', pageCount, carried: pageIndexes.length });
  }
  if (baseSequence !== undefined && baseSequence >= sequence) return err({ kind: 'base-not-before', baseSequence, sequence });
  return ok(manifest);
}

function invalidField(manifest: CheckpointManifest): string | undefined {
  if (!isTaskName(manifest.task)) return 'task';
  if (!isMac(manifest.mac)) return 'mac';
  if (manifest.nonce.length > NONCE_LENGTH_MAX) return 'nonce';
  if (!DIGEST.test(manifest.stateDigest)) return 'stateDigest';
  if (!DIGEST.test(manifest.artefact)) return 'artefact';
  if (manifest.globals.length > GLOBALS_BYTES_MAX) return 'globals';
  if (!isCount(manifest.programId) || manifest.programId > 0xffffffff) return 'programId';
  for (const name of ['epoch', 'sequence', 'incarnation', 'outputNumber'] as const) if (!isCount(manifest[name])) return name;
  for (const name of ['sequence', 'dataNumber', 'tickNumber'] as const)
    if (!isCount(manifest.input[name])) return `input.${name}`;
  return manifest.baseSequence === undefined || isCount(manifest.baseSequence) ? undefined : 'baseSequence';
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** The same checkpoint as a full one: every page of its table, no base. Its state digest is the one it had. */
export function foldManifest(manifest: CheckpointManifest, table: PageTable): CheckpointManifest {
  assert(table.length === manifest.pageCount * DIGEST_BYTES, 'a fold knows every page');
  return { ...manifest, baseSequence: undefined, pageIndexes: allPages(manifest.pageCount), pageDigests: table };
}

/** A manifest's own statement of its whole state, given its page table. */
export const stateOf = (manifest: CheckpointManifest, table: PageTable): StateParts => ({
  table,
  globals: manifest.globals,
  input: manifest.input,
  outputNumber: manifest.outputNumber,
});

/** One sentence for a log line or an error. */
export function describeManifestError(error: ManifestError): string {
  switch (error.kind) {
    case 'field-invalid':
      return `its field ${error.field} is out of range`;
    case 'page-count-invalid':
      return `a page count of ${error.pageCount} is no wasm memory`;
    case 'page-index-invalid':
      return `page index ${error.pageIndex} at position ${error.position} is not above the one before and below the page count`;
    case 'digests-length-invalid':
      return `it has ${error.bytes} bytes of digests where ${error.expectedBytes} belong`;
    case 'full-incomplete':
      return `it is full and carries ${error.carried} of ${error.pageCount} pages`;
    case 'base-not-before':
      return `it is number ${error.sequence} and names number ${error.baseSequence} as its base`;
  }
}

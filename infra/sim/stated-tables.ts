/**
 * The page table of a whole state, proven by the digest that its manifest states. A function of a manifest and of its base's
 * table; remembered, because all stores of a world are given the same manifests.
 */
import { hash } from 'node:crypto';
import { applyManifest, type PageTable } from '../../src/domain/checkpoint/delta.ts';
import { stateDigest, stateOf } from '../../src/domain/checkpoint/manifest.ts';
import { type CheckpointManifest, DIGEST_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { Digest } from '../../src/domain/model/ids.ts';

const proven = new WeakMap<CheckpointManifest, { readonly base: PageTable; readonly table: PageTable }>();
const written = new WeakMap<Uint8Array, readonly Digest[]>();

export const NO_PAGES: PageTable = new Uint8Array(0);

/** `base`: the table of what the manifest stands on. Undefined where it does not fit, or the state is not what it says. */
export function statedTable(manifest: CheckpointManifest, base: PageTable): PageTable | undefined {
  const under = manifest.baseSequence === undefined ? NO_PAGES : base;
  const known = proven.get(manifest);
  if (known !== undefined && known.base === under) return known.table;
  const table = applyManifest(under, manifest);
  if (
    !table.ok ||
    stateDigest(stateOf(manifest, table.value), (bytes) => hash('sha256', bytes, 'hex')) !== manifest.stateDigest
  )
    return undefined;
  proven.set(manifest, { base: under, table: table.value });
  noteWriting(table.value, replaced(inWriting(under), manifest));
  return table.value;
}

/** The base's digests but for those that the manifest names. */
function replaced(base: readonly Digest[], { pageIndexes, pageDigests }: CheckpointManifest): readonly Digest[] {
  const digests = [...base];
  const own = inWriting(pageDigests);
  for (let at = 0; at < own.length; at++) digests[pageIndexes[at] as number] = own[at] as Digest;
  return digests;
}

/** Whoever made these digests had them in writing. Nobody writes into `digests`. */
export function noteWriting(digests: Uint8Array, all: readonly Digest[]): void {
  written.set(digests, all);
}

/** Digests of 32 bytes, in writing. Nobody writes into `digests`. */
export function inWriting(digests: Uint8Array): readonly Digest[] {
  let all = written.get(digests);
  if (all === undefined) {
    const hex = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength).toString('hex');
    all = Array.from({ length: digests.length / DIGEST_BYTES }, (_, at) => hex.slice(64 * at, 64 * (at + 1)));
    written.set(digests, all);
  }
  return all;
}

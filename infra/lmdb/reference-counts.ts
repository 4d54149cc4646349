/** How often the pages of manifests are named, by digest, one character a byte. */
import { type CheckpointManifest, DIGEST_BYTES } from '../../src/domain/model/checkpoint.ts';
import { exact } from './environment.ts';

export function countDigests(manifest: CheckpointManifest): Map<string, number> {
  const counts = new Map<string, number>();
  count(counts, manifest, 1);
  return counts;
}

export function count(counts: Map<string, number>, manifest: CheckpointManifest, by: number): void {
  const digests = exact(manifest.pageDigests);
  for (let at = 0; at < digests.length; at += DIGEST_BYTES) {
    const text = digests.toString('latin1', at, at + DIGEST_BYTES);
    counts.set(text, (counts.get(text) ?? 0) + by);
  }
}

/** Takes away one reference for every entry of a chain that a later link replaced: what is left is its last link's whole table. */
export function countReplaced(counts: Map<string, number>, chain: readonly CheckpointManifest[]): void {
  const replaced = new Uint8Array(chain.at(-1)?.pageCount ?? 0);
  for (const { pageIndexes, pageDigests } of [...chain].reverse()) {
    const digests = exact(pageDigests);
    for (let position = 0; position < pageIndexes.length; position++) {
      const page = pageIndexes[position] ?? 0;
      if (replaced[page] === 1) {
        const text = digests.toString('latin1', position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES);
        counts.set(text, (counts.get(text) ?? 0) - 1);
      }
      replaced[page] = 1;
    }
  }
}

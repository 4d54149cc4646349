/**
 * Decoded manifests in memory, so that one that is looked at again costs a comparison of bytes and not decoding and digesting them.
 * Nothing is believed that is not on the disk: an entry counts only while the stored bytes are still those it was made of.
 */
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';

interface Entry {
  readonly encoded: Buffer;
  readonly manifest: CheckpointManifest;
}

/** The most recently used ones, up to a number of encoded bytes. */
export class ManifestCache {
  readonly #bytesMax: number;
  /** By key, one character a byte; the least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What these stored bytes decode to, when they have been decoded before. */
  get(key: Buffer, stored: Buffer): CheckpointManifest | undefined {
    const text = key.toString('latin1');
    const entry = this.#entries.get(text);
    if (entry === undefined || !entry.encoded.equals(stored)) return undefined;
    this.#entries.delete(text);
    this.#entries.set(text, entry);
    return entry.manifest;
  }

  /** `encoded` is kept: it must not change. */
  set(key: Buffer, encoded: Buffer, manifest: CheckpointManifest): void {
    const text = key.toString('latin1');
    this.#drop(text);
    this.#entries.set(text, { encoded, manifest: copyOf(manifest) });
    this.#bytes += encoded.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#drop(oldest);
    }
  }

  delete(key: Buffer): void {
    this.#drop(key.toString('latin1'));
  }

  #drop(text: string): void {
    const entry = this.#entries.get(text);
    if (entry === undefined) return;
    this.#entries.delete(text);
    this.#bytes -= entry.encoded.length;
  }
}

/** With arrays of its own: a caller's may be parts of a large message. */
const copyOf = (manifest: CheckpointManifest): CheckpointManifest => ({
  ...manifest,
  pageIndexes: manifest.pageIndexes.slice(),
  pageDigests: Uint8Array.from(manifest.pageDigests),
  globals: Uint8Array.from(manifest.globals),
});

/**
 * What is damaged in a checkpoint store: found by reading what nobody has asked for, and set aside with the reason (U1 of
 * src/ports/store-upkeep.ts).
 *
 *   aside   a manifest's key  →  why it was set aside (UTF-8), a zero byte, the bytes as they were found
 *
 * Damaged pages go to the page pool's own quarantine (page-pool.ts). Whatever is to be set aside is looked at once more inside
 * the transaction that does it: what was dropped or mended meanwhile is left alone.
 */
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { Hasher } from '../../src/ports/digest.ts';
import type { ScrubResult } from '../../src/ports/store-upkeep.ts';
import type { Environment, Table } from './environment.ts';
import { exact, peek } from './environment.ts';
import type { PagePool } from './page-pool.ts';

/** Found instead of a page: what was there (nothing, where it is lost), by digest, one character a byte. */
export type DamagedPages = Map<string, Uint8Array>;

const NOTHING = new Uint8Array(0);

export class Quarantine {
  readonly #pool: PagePool;
  readonly #hasher: Hasher;
  readonly #aside: Table;
  readonly #manifests: Table;
  readonly #scratch = new Uint8Array(PAGE_BYTES);
  readonly #found = Buffer.alloc(DIGEST_BYTES);
  #cursor: Uint8Array = Buffer.of(0);

  constructor(parts: { readonly environment: Environment; readonly pool: PagePool; readonly hasher: Hasher }) {
    this.#pool = parts.pool;
    this.#hasher = parts.hasher;
    this.#aside = parts.environment.table('aside');
    this.#manifests = parts.environment.table('manifests');
  }

  // ——— pages ———

  /** The page's bytes when they have the digest; otherwise what was found instead, empty when it is not there. */
  examine(digest: Uint8Array): { readonly whole: boolean; readonly bytes: Uint8Array } {
    if (!this.#pool.read(digest, this.#scratch, 0)) return { whole: false, bytes: NOTHING };
    this.#hasher.digestInto(this.#scratch, this.#found, 0);
    return { whole: this.#found.equals(digest), bytes: this.#scratch };
  }

  /** The next pages in the order of their digests. What is quarantined already is known. */
  scan(pagesMax: number): { readonly damaged: DamagedPages; readonly result: ScrubResult } {
    const digests = this.#pool.digestsFrom(this.#cursor, pagesMax);
    const damaged: DamagedPages = new Map();
    for (const digest of digests) {
      if (this.#pool.isQuarantined(digest)) continue;
      const { whole, bytes } = this.examine(digest);
      if (!whole) damaged.set(digest.toString('latin1'), bytes.slice());
    }
    const last = digests.at(-1);
    const wrapped = last === undefined || digests.length < pagesMax;
    this.#cursor = wrapped ? Buffer.of(0) : Buffer.concat([last, Buffer.of(0)]);
    return { damaged, result: { checked: digests.length, damaged: damaged.size, wrapped } };
  }

  /**
   * In a transaction. Answers how many it quarantined, and whether one has no count of references any more: either it was
   * dropped meanwhile, or its count is lost, which only counting anew can tell.
   */
  takePages(damaged: DamagedPages): { readonly pages: number; readonly uncounted: boolean } {
    let pages = 0;
    let uncounted = false;
    for (const text of damaged.keys()) {
      const digest = Buffer.from(text, 'latin1');
      if (this.#pool.isQuarantined(digest)) continue;
      const now = this.examine(digest);
      if (now.whole) continue;
      if (!this.#pool.isReferenced(digest)) {
        uncounted = true;
        continue;
      }
      this.#pool.quarantine(digest, now.bytes.slice());
      pages += 1;
    }
    return { pages, uncounted };
  }

  // ——— manifests ———

  /** In a transaction: moves a manifest out of the way, for `reason`. */
  takeManifest(key: Uint8Array, reason: string): void {
    const bytes = peek(this.#manifests, key);
    if (bytes === undefined) return;
    this.#aside.put(key, Buffer.concat([Buffer.from(`${reason}\u0000`, 'utf8'), bytes]));
    this.#manifests.remove(key);
  }

  /** In a transaction: its checkpoint was put again, or is not wanted any more. */
  release(key: Uint8Array): void {
    if (this.isAside(key)) this.#aside.remove(key);
  }

  isAside(key: Uint8Array): boolean {
    return this.#aside.getBinaryFast(key) !== undefined;
  }

  /** Keys and reasons of all manifests that were set aside. */
  manifests(): { readonly key: Buffer; readonly reason: string }[] {
    return [...this.#aside.getRange()].map(({ key, value }) => {
      const bytes = exact(value);
      const end = bytes.indexOf(0);
      return { key: Buffer.from(exact(key)), reason: bytes.toString('utf8', 0, end < 0 ? bytes.length : end) };
    });
  }

  manifestCount(): number {
    return (this.#aside.getStats() as { readonly entryCount?: number }).entryCount ?? 0;
  }

  /** In a transaction: nothing older than `oldest` (a key) of the same task will be asked for again. */
  forgetBefore(first: Uint8Array, oldest: Uint8Array): void {
    for (const key of [...this.#aside.getKeys({ start: first, end: oldest })].map((raw) => Buffer.from(exact(raw))))
      this.#aside.remove(key);
  }
}

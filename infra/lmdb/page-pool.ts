/**
 * Content-addressed pages, shared by all checkpoints of all tasks.
 *
 *   pages   digest  →  bytes 0 … 4071 of the page
 *   tails   digest  →  bytes 4072 … 4095, then the number of references (u32)
 *
 * Why in two: a value of 4096 bytes takes two pages of LMDB, because each begins with a header of 24 bytes; one of 4072
 * takes exactly one. The rest rides in the small entry that a reference count needs anyway. This halves the file.
 *
 * References, not mark and sweep: one reference per place in a stored manifest. Storing or dropping a checkpoint then costs
 * what that checkpoint carries; a sweep would cost all tables of all tasks, each time. The counts are kept in the same
 * transaction as the manifests, so a crash cannot part them.
 *
 * A page that does not have its digest is quarantined: its bytes move to `damaged` (for whoever asks why), its references
 * stay, and it counts as missing until someone brings it again. So is one that a manifest names and that is not there at all;
 * of that one nothing is kept but the fact.
 */
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { Environment, Table } from './environment.ts';
import { exact, LMDB_PAGE_BYTES, LMDB_PAGE_HEADER_BYTES, peek } from './environment.ts';

export const HEAD_BYTES = LMDB_PAGE_BYTES - LMDB_PAGE_HEADER_BYTES;
export const TAIL_BYTES = PAGE_BYTES - HEAD_BYTES;
export const TAIL_ENTRY_BYTES = TAIL_BYTES + 4;
/** What a new page takes: its own LMDB page, and its places in two trees that may be half empty. */
export const POOLED_PAGE_BYTES = LMDB_PAGE_BYTES + 2 * 2 * (DIGEST_BYTES + TAIL_ENTRY_BYTES);
const DAMAGED_MAX = 64;

export class PagePool {
  readonly #heads: Table;
  readonly #tails: Table;
  readonly #damaged: Table;
  /** Digests (one character a byte) of quarantined pages; nearly always empty. */
  readonly #quarantined = new Set<string>();

  constructor(environment: Environment) {
    this.#heads = environment.table('pages');
    this.#tails = environment.table('tails');
    this.#damaged = environment.table('damaged');
    this.reload();
  }

  /** After a transaction that was taken back: what is quarantined is what the table says. */
  reload(): void {
    this.#quarantined.clear();
    for (const key of this.#damaged.getKeys()) this.#quarantined.add(exact(key).toString('latin1'));
  }

  has(digest: Uint8Array): boolean {
    return this.#heads.getBinaryFast(digest) !== undefined;
  }

  /** Whether all pages of a table are here, as far as anyone has looked. */
  holdsAll(table: Uint8Array): boolean {
    if (this.#quarantined.size === 0) return true;
    const bytes = exact(table);
    for (let at = 0; at < bytes.length; at += DIGEST_BYTES) {
      if (this.#quarantined.has(bytes.toString('latin1', at, at + DIGEST_BYTES))) return false;
    }
    return true;
  }

  /** Writes the 4096 bytes at `offset`, whatever they are: the caller compares the digest. False when the page is not here. */
  read(digest: Uint8Array, into: Uint8Array, offset: number): boolean {
    const head = this.#heads.getBinaryFast(digest);
    if (head === undefined) return false;
    copy(head, into, offset, Math.min(head.length, HEAD_BYTES));
    const tail = this.#tails.getBinaryFast(digest);
    if (tail === undefined) return false;
    copy(tail, into, offset + HEAD_BYTES, Math.min(tail.length, TAIL_BYTES));
    return true;
  }

  /** In a transaction: the page and `references` to it; a page that is here already gets only the references. */
  add(digest: Uint8Array, page: Uint8Array | undefined, references: number): void {
    const entry = Buffer.alloc(TAIL_ENTRY_BYTES);
    const known = peek(this.#tails, digest);
    if (known !== undefined) known.copy(entry);
    if (page !== undefined) {
      entry.set(page.subarray(HEAD_BYTES, PAGE_BYTES));
      this.#heads.put(digest, page.subarray(0, HEAD_BYTES));
      this.#release(digest);
    }
    entry.writeUInt32LE(entry.readUInt32LE(TAIL_BYTES) + references, TAIL_BYTES);
    this.#tails.put(digest, entry);
  }

  /** In a transaction: whether a stored manifest names this page. */
  isReferenced(digest: Uint8Array): boolean {
    return this.#tails.getBinaryFast(digest) !== undefined;
  }

  /** In a transaction: takes references away, and the page with the last one. Returns the bytes freed. */
  drop(digest: Uint8Array, references: number): number {
    const known = peek(this.#tails, digest);
    if (known === undefined || known.length !== TAIL_ENTRY_BYTES) return 0;
    const left = known.readUInt32LE(TAIL_BYTES) - references;
    if (left > 0) {
      const entry = Buffer.from(known);
      entry.writeUInt32LE(left, TAIL_BYTES);
      this.#tails.put(digest, entry);
      return 0;
    }
    this.#heads.remove(digest);
    this.#tails.remove(digest);
    this.#release(digest);
    return PAGE_BYTES;
  }

  /** In a transaction: moves a page that does not have its digest out of the way; no bytes: it is not there at all. */
  quarantine(digest: Uint8Array, bytes: Uint8Array): void {
    this.#heads.remove(digest);
    // Which pages are in quarantine is always kept; what was found in them for the first few only.
    const kept = bytes.length === 0 || this.#quarantined.size < DAMAGED_MAX;
    this.#damaged.put(digest, kept ? bytes : new Uint8Array(1));
    this.#quarantined.add(exact(digest).toString('latin1'));
  }

  isQuarantined(digest: Uint8Array): boolean {
    return this.#quarantined.size > 0 && this.#quarantined.has(exact(digest).toString('latin1'));
  }

  /** How many digests of a page table are quarantined. */
  quarantinedIn(table: Uint8Array): number {
    if (this.#quarantined.size === 0) return 0;
    let found = 0;
    for (let at = 0; at < table.length; at += DIGEST_BYTES)
      if (this.isQuarantined(table.subarray(at, at + DIGEST_BYTES))) found += 1;
    return found;
  }

  /** Up to `limit` digests of pages that manifests name, from `start` on. */
  digestsFrom(start: Uint8Array, limit: number): Buffer[] {
    return [...this.#tails.getKeys({ start, limit })].map((key) => Buffer.from(exact(key)));
  }

  /** In a transaction: makes the references those of `counts` (by digest, one character a byte) and drops what has none. Returns how many were wrong. */
  recount(counts: ReadonlyMap<string, number>): number {
    const wrong: { readonly digest: Buffer; readonly references: number }[] = [];
    for (const { key, value } of this.#tails.getRange()) {
      const digest = Buffer.from(exact(key));
      const references = counts.get(digest.toString('latin1')) ?? 0;
      const tail = exact(value);
      if (tail.length !== TAIL_ENTRY_BYTES || tail.readUInt32LE(TAIL_BYTES) !== references) wrong.push({ digest, references });
    }
    // A page whose small entry is gone: its references are put down anew, and without its last bytes it is a damaged one.
    for (const [text, references] of counts) {
      const digest = Buffer.from(text, 'latin1');
      if (this.isReferenced(digest)) continue;
      wrong.push({ digest, references });
      this.quarantine(digest, new Uint8Array(0));
    }
    // And the first bytes of a page that nothing names and nothing counts.
    const orphans: Buffer[] = [];
    for (const key of this.#heads.getKeys()) {
      const digest = Buffer.from(exact(key));
      if (!counts.has(digest.toString('latin1')) && !this.isReferenced(digest)) orphans.push(digest);
    }
    for (const digest of orphans) this.#heads.remove(digest);
    for (const { digest, references } of wrong) {
      const entry = Buffer.alloc(TAIL_ENTRY_BYTES);
      peek(this.#tails, digest)?.copy(entry, 0, 0, TAIL_BYTES);
      entry.writeUInt32LE(references, TAIL_BYTES);
      this.#tails.put(digest, entry);
      if (references === 0) this.drop(digest, 0);
    }
    return wrong.length;
  }

  #release(digest: Uint8Array): void {
    if (this.#quarantined.size > 0 && this.#quarantined.delete(exact(digest).toString('latin1'))) this.#damaged.remove(digest);
  }

  /** How many pages there are, quarantined ones with them. */
  count(): number {
    return (this.#tails.getStats() as { readonly entryCount?: number }).entryCount ?? 0;
  }

  quarantinedCount(): number {
    return this.#quarantined.size;
  }
}

function copy(from: Uint8Array, into: Uint8Array, offset: number, bytes: number): void {
  into.set(new Uint8Array(from.buffer, from.byteOffset, bytes), offset);
}

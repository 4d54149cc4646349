/**
 * Digests of pages in a world that hands arrays on by reference: what a program's capture was digested for once is not digested again by
 * three stores, two managers and their scrubbing. Known by the very array: a page that was spoiled is another array.
 */
import { hash } from 'node:crypto';
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { Digest } from '../../src/domain/model/ids.ts';
import type { Hasher } from '../../src/ports/digest.ts';

/** By the buffer of captured pages, one after another from its beginning. */
const captured = new WeakMap<ArrayBufferLike, readonly Digest[]>();

/** Nobody writes into `pages` from now on; they have these digests. */
export function notePages(pages: Uint8Array, digests: readonly Digest[]): void {
  if (pages.byteOffset === 0) captured.set(pages.buffer, digests);
}

/** Whether its bytes are a capture's, that stay what they are. */
export const isCaptured = (pages: Uint8Array): boolean => captured.has(pages.buffer);

export function pageDigest(page: Uint8Array): Digest {
  if (page.length === PAGE_BYTES && page.byteOffset % PAGE_BYTES === 0) {
    const known = captured.get(page.buffer)?.[page.byteOffset / PAGE_BYTES];
    if (known !== undefined) return known;
  }
  return hash('sha256', page, 'hex');
}

/** What drover's actors hash with in the simulated world: SHA-256 as ever. */
export const simHasher: Hasher = {
  hex: pageDigest,
  digestInto: (bytes, into, offset) => writeDigest(pageDigest(bytes), into, offset),
};

export function writeDigest(digest: Digest, into: Uint8Array, offset: number): void {
  for (let at = 0; at < DIGEST_BYTES; at++)
    into[offset + at] = (nibble(digest.charCodeAt(2 * at)) << 4) | nibble(digest.charCodeAt(2 * at + 1));
}

/** Of a lower-case hex digit. */
const nibble = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57);

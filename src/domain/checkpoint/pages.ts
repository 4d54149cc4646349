/**
 * Memory as pages: how many there are, and which differ from the shadow copy of the last capture.
 *
 * A WebAssembly memory is a multiple of 64 KiB and only ever grows, so 4 KiB pages always fill it exactly: there is no
 * last partial page, and a page beyond the shadow's end is new and counts as different whatever it holds.
 */
import { assert } from '../kernel/assert.ts';
import { PAGE_BYTES } from '../model/checkpoint.ts';

/** WebAssembly's own page: the grain in which a memory grows. */
export const WASM_PAGE_BYTES = 65536;

/** Pages compared in one call before looking closer: a whole wasm page. Most of them are the same, so most calls are few. */
const PAGES_PER_BLOCK = WASM_PAGE_BYTES / PAGE_BYTES;

/** Whether both hold the same bytes in [start, end). The host's memory compare where there is one; it may be word-wise. */
export type SameBytes = (a: Uint8Array, b: Uint8Array, start: number, end: number) => boolean;

export function pageCountOf(memoryBytes: number): number {
  assert(memoryBytes % WASM_PAGE_BYTES === 0, 'a memory is a multiple of 64 KiB');
  return memoryBytes / PAGE_BYTES;
}

/**
 * Indexes of the pages of `memory` that differ from `shadow`, ascending. `shadow` may be shorter (the memory grew), never
 * longer. Cost: one comparison of what is equal, plus at most one more of each 64 KiB block that is not.
 */
export function findDifferingPages(memory: Uint8Array, shadow: Uint8Array, same: SameBytes = sameWords): Uint32Array {
  const pageCount = pageCountOf(memory.length);
  const shadowCount = pageCountOf(shadow.length);
  assert(shadowCount <= pageCount, 'a memory never shrinks');
  const found = new Uint32Array(pageCount);
  let count = 0;
  for (let block = 0; block < shadowCount; block += PAGES_PER_BLOCK) {
    const end = block + PAGES_PER_BLOCK;
    if (same(memory, shadow, block * PAGE_BYTES, end * PAGE_BYTES)) continue;
    for (let page = block; page < end; page++) {
      if (!same(memory, shadow, page * PAGE_BYTES, (page + 1) * PAGE_BYTES)) found[count++] = page;
    }
  }
  for (let page = shadowCount; page < pageCount; page++) found[count++] = page;
  return found.slice(0, count);
}

/** The bytes of the pages at `pageIndexes`, one after the other. */
export function gatherPages(memory: Uint8Array, pageIndexes: Uint32Array): Uint8Array {
  const pages = new Uint8Array(pageIndexes.length * PAGE_BYTES);
  for (let i = 0; i < pageIndexes.length; i++) {
    const start = (pageIndexes[i] ?? 0) * PAGE_BYTES;
    pages.set(memory.subarray(start, start + PAGE_BYTES), i * PAGE_BYTES);
  }
  return pages;
}

/** 0, 1, … `pageCount` − 1: what a full checkpoint carries. */
export function allPages(pageCount: number): Uint32Array {
  const indexes = new Uint32Array(pageCount);
  for (let page = 0; page < pageCount; page++) indexes[page] = page;
  return indexes;
}

/** Word-wise where both are aligned, else byte-wise. Correct everywhere; a native compare is several times faster. */
export const sameWords: SameBytes = (a, b, start, end) => {
  if (((a.byteOffset | b.byteOffset | start | end) & 3) === 0) {
    const x = new Int32Array(a.buffer, a.byteOffset + start, (end - start) >> 2);
    const y = new Int32Array(b.buffer, b.byteOffset + start, (end - start) >> 2);
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
    return true;
  }
  for (let i = start; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
};

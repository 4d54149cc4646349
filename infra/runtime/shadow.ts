/**
 * The shadow copy of a program's memory: the newest capture, and the means to find what changed since.
 *
 * Pages are compared, not hashed. Memory is first compared in blocks of 64 KiB and only a block that differs page by page:
 * one native comparison per block costs as much as the memory's bandwidth, one per 4 KiB page noticeably more, and typed
 * array loops in JavaScript two to ten times as much (measured: 64 MiB whole 12 ms, by 64 KiB 12 ms, by 4 KiB 15–17 ms,
 * BigUint64Array 25–190 ms). A WebAssembly comparison would need both memories in one instance, which Node 20 lacks.
 */
import { hash } from 'node:crypto';
import { assert } from '../../src/domain/kernel/assert.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';

const BLOCK_BYTES = 65_536;

/** What a capture carries of memory. */
export interface CapturedPages {
  readonly pageCount: number;
  readonly pageIndexes: Uint32Array;
  readonly pages: Uint8Array;
  readonly pageDigests: Uint8Array;
}

export class Shadow {
  /** Empty before the first capture. */
  #copy = Buffer.alloc(0);

  get taken(): boolean {
    return this.#copy.length > 0;
  }

  /** Takes the whole memory. */
  captureFull(memory: Uint8Array): CapturedPages {
    this.#resize(memory.length);
    this.#copy.set(memory);
    const pageCount = memory.length / PAGE_BYTES;
    const pageIndexes = Uint32Array.from({ length: pageCount }, (_, index) => index);
    const pages = memory.slice();
    return { pageCount, pageIndexes, pages, pageDigests: digestPages(pages) };
  }

  /** Takes what differs from the previous capture; pages that memory has grown by always count as different. */
  captureDelta(memory: Uint8Array): CapturedPages {
    assert(this.taken, 'the first capture is a full one');
    const pageIndexes = this.differing(memory);
    this.#resize(memory.length);
    const pages = new Uint8Array(pageIndexes.length * PAGE_BYTES);
    pageIndexes.forEach((index, position) => {
      const page = memory.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
      pages.set(page, position * PAGE_BYTES);
      this.#copy.set(page, index * PAGE_BYTES);
    });
    return { pageCount: memory.length / PAGE_BYTES, pageIndexes, pages, pageDigests: digestPages(pages) };
  }

  /** Indexes of the pages that are not as in the previous capture, ascending. */
  differing(memory: Uint8Array): Uint32Array {
    const now = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    const before = this.#copy;
    const common = Math.min(now.length, before.length);
    const found: number[] = [];
    for (let block = 0; block < common; block += BLOCK_BYTES) {
      const end = Math.min(block + BLOCK_BYTES, common);
      if (now.compare(before, block, end, block, end) === 0) continue;
      for (let page = block; page < end; page += PAGE_BYTES) {
        if (now.compare(before, page, page + PAGE_BYTES, page, page + PAGE_BYTES) !== 0) found.push(page / PAGE_BYTES);
      }
    }
    for (let page = common; page < now.length; page += PAGE_BYTES) found.push(page / PAGE_BYTES);
    return Uint32Array.from(found);
  }

  /** Pages of the newest capture, in the order asked for. */
  read(pageIndexes: Uint32Array): Uint8Array {
    const pages = new Uint8Array(pageIndexes.length * PAGE_BYTES);
    pageIndexes.forEach((index, position) => {
      assert((index + 1) * PAGE_BYTES <= this.#copy.length, `page ${index} is a page of the newest capture`);
      pages.set(this.#copy.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), position * PAGE_BYTES);
    });
    return pages;
  }

  /** WebAssembly memory only grows. */
  #resize(byteLength: number): void {
    assert(byteLength >= this.#copy.length && byteLength % PAGE_BYTES === 0, 'memory never shrinks and is whole pages');
    if (byteLength === this.#copy.length) return;
    const grown = Buffer.alloc(byteLength);
    this.#copy.copy(grown);
    this.#copy = grown;
  }
}

const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);
const ZERO_DIGEST = hash('sha256', ZERO_PAGE, 'buffer');

export const isZeroPage = (page: Uint8Array): boolean => ZERO_PAGE.equals(page);

/** SHA-256 page by page. Most of a fresh memory is zero, and comparing is much cheaper than digesting. */
function digestPages(pages: Uint8Array): Uint8Array {
  const count = pages.length / PAGE_BYTES;
  const digests = new Uint8Array(count * DIGEST_BYTES);
  for (let position = 0; position < count; position++) {
    const page = pages.subarray(position * PAGE_BYTES, (position + 1) * PAGE_BYTES);
    const digest = isZeroPage(page) ? ZERO_DIGEST : hash('sha256', page, 'buffer');
    digests.set(digest, position * DIGEST_BYTES);
  }
  return digests;
}

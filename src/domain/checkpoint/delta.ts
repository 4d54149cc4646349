/**
 * Increments applied to a base: on the bytes of a memory, and on its page table (every page's digest in order), which says
 * what a memory holds without holding it.
 *
 *   base      [p0 p1 p2 p3]            an increment carries (index, page) pairs; what it leaves out stays;
 *   increment      (1: q1) (4: q4)     where the memory grew it must carry every new page
 *   result    [p0 q1 p2 p3 q4]
 */
import { assert } from '../kernel/assert.ts';
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { CheckpointManifest } from '../model/checkpoint.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../model/checkpoint.ts';

export interface Increment {
  /** Of the whole memory after the increment. */
  readonly pageCount: number;
  readonly pageIndexes: Uint32Array;
}

/** `pageCount` digests of 32 bytes, in page order. */
export type PageTable = Uint8Array;

export type DeltaError =
  | { readonly kind: 'shrunk'; readonly basePages: number; readonly pageCount: number }
  /** The memory grew and the increment says nothing of this page. */
  | { readonly kind: 'page-left-out'; readonly pageIndex: number };

/** A memory never shrinks, and every page beyond the base's end is carried. Assumes ascending, unique indexes. */
export function checkIncrement(basePages: number, increment: Increment): Result<void, DeltaError> {
  const { pageCount, pageIndexes } = increment;
  if (pageCount < basePages) return err({ kind: 'shrunk', basePages, pageCount });
  // Ascending and unique, so the new pages are exactly the last ones.
  let at = pageIndexes.length;
  while (at > 0 && (pageIndexes[at - 1] ?? 0) >= basePages) at -= 1;
  for (let page = basePages; page < pageCount; page++, at++) {
    if (pageIndexes[at] !== page) return err({ kind: 'page-left-out', pageIndex: page });
  }
  return ok(undefined);
}

/** The memory after the increment: `base` itself, written to, unless it has to grow. */
export function applyPages(base: Uint8Array, increment: Increment, pages: Uint8Array): Result<Uint8Array, DeltaError> {
  return applySlots(base, increment, pages, PAGE_BYTES);
}

/** The page table after a manifest's increment; always a new one, so that a base's table can be kept. */
export function applyManifest(base: PageTable, manifest: CheckpointManifest): Result<PageTable, DeltaError> {
  // Before anything is made room for: a page count that lies would ask for 32 MiB.
  const checked = checkIncrement(base.length / DIGEST_BYTES, manifest);
  if (!checked.ok) return checked;
  const table = new Uint8Array(Math.max(base.length, manifest.pageCount * DIGEST_BYTES));
  table.set(base);
  scatter(table, manifest.pageIndexes, manifest.pageDigests, DIGEST_BYTES);
  return ok(table);
}

function applySlots(
  base: Uint8Array,
  increment: Increment,
  slots: Uint8Array,
  slotBytes: number,
): Result<Uint8Array, DeltaError> {
  assert(slots.length === increment.pageIndexes.length * slotBytes, 'an increment carries one page for each index');
  const checked = checkIncrement(base.length / slotBytes, increment);
  if (!checked.ok) return checked;
  let result = base;
  if (increment.pageCount * slotBytes > base.length) {
    result = new Uint8Array(increment.pageCount * slotBytes);
    result.set(base);
  }
  scatter(result, increment.pageIndexes, slots, slotBytes);
  return ok(result);
}

function scatter(into: Uint8Array, indexes: Uint32Array, slots: Uint8Array, slotBytes: number): void {
  for (let i = 0; i < indexes.length; i++) {
    into.set(slots.subarray(i * slotBytes, (i + 1) * slotBytes), (indexes[i] ?? 0) * slotBytes);
  }
}

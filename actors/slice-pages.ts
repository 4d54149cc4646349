/** Pages out of a whole memory, as a request names them: without a copy where they lie side by side. */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { PAGE_BYTES } from '../src/domain/model/checkpoint.ts';

export function slicePages(memory: Uint8Array, indexes: Uint32Array): Uint8Array {
  const [first] = indexes;
  const last = indexes[indexes.length - 1];
  if (first === undefined || last === undefined) return new Uint8Array(0);
  if (indexes.some((index) => (index + 1) * PAGE_BYTES > memory.length))
    throw new DroverError('ERR_WIRE_MALFORMED', 'a page index is beyond the memory');
  if (last - first === indexes.length - 1) return memory.subarray(first * PAGE_BYTES, (last + 1) * PAGE_BYTES);
  const pages = new Uint8Array(indexes.length * PAGE_BYTES);
  for (const [order, index] of indexes.entries())
    pages.set(memory.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), order * PAGE_BYTES);
  return pages;
}

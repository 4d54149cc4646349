/** The host's memcmp behind the domain's page comparison. */
import type { SameBytes } from '../../src/domain/checkpoint/pages.ts';

export const sameMemory: SameBytes = (a, b, start, end) => bufferOf(a).compare(bufferOf(b), start, end, start, end) === 0;

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

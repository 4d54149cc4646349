import type { Digest } from '../domain/model/ids.ts';

/** SHA-256. */
export interface Hasher {
  hex(bytes: Uint8Array): Digest;
  /** Writes the 32 bytes at `offset` of `into`. */
  digestInto(bytes: Uint8Array, into: Uint8Array, offset: number): void;
}

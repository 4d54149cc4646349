import type { PageEncoding } from '../domain/protocol/messages.ts';

/**
 * Packs pages on their way between an ECU, managers and restore targets. Digests are of pages as they are, so a packing
 * that went wrong is found where every page is compared with its digest.
 */
export interface Compression {
  readonly encoding: PageEncoding;
  /** undefined: not worth it, send them as they are. Costs little where pages do not compress. */
  pack(pages: Uint8Array): Uint8Array | undefined;
  /** Fails with ERR_WIRE_MALFORMED where `packed` is no packing of exactly `bytes` bytes; never takes more memory than those. */
  unpack(packed: Uint8Array, bytes: number): Uint8Array;
}

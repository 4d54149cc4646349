/**
 * Compression by Node's own zlib: nothing to install, the same on every machine.
 *
 * Whether pages compress at all is tried on a few of them first: packing a megabyte of noise to learn that it does not shrink
 * would cost as much as packing one that does.
 */
import { brotliCompressSync, brotliDecompressSync, constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { PageEncoding } from '../../src/domain/protocol/messages.ts';
import type { Compression } from '../../src/ports/compression.ts';

/** A packing that saves less than this share costs more at both ends than it saves between them: a choice. */
const SAVED_MIN = 1 / 8;
/** Pages tried first, spread over all. */
const TRIED_PAGES = 4;

interface Codec {
  readonly pack: (bytes: Uint8Array) => Uint8Array;
  readonly unpack: (bytes: Uint8Array, maxOutputLength: number) => Uint8Array;
}

const CODECS: Readonly<Record<PageEncoding, Codec>> = {
  deflate: {
    pack: (bytes) => deflateRawSync(bytes, { level: 1 }),
    unpack: (bytes, maxOutputLength) => inflateRawSync(bytes, { maxOutputLength }),
  },
  brotli: {
    pack: (bytes) =>
      brotliCompressSync(bytes, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
      }),
    unpack: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
  },
};

export function createCompression(encoding: PageEncoding): Compression {
  const codec = CODECS[encoding];
  return {
    encoding,
    pack(pages) {
      if (pages.length > TRIED_PAGES * PAGE_BYTES && !shrinks(samples(pages), codec)) return undefined;
      const packed = codec.pack(pages);
      return packed.length <= pages.length * (1 - SAVED_MIN) ? packed : undefined;
    },
    unpack(packed, bytes) {
      let pages: Uint8Array;
      try {
        pages = codec.unpack(packed, Math.max(1, bytes));
      } catch (cause) {
        throw new DroverError('ERR_WIRE_MALFORMED', `the pages do not unpack: ${(cause as Error).message}`, { cause });
      }
      if (pages.length !== bytes)
        throw new DroverError('ERR_WIRE_MALFORMED', `the pages unpack to ${pages.length} bytes where ${bytes} belong`);
      return pages;
    },
  };
}

const shrinks = (bytes: Uint8Array, codec: Codec): boolean => codec.pack(bytes).length <= bytes.length * (1 - SAVED_MIN);

function samples(pages: Uint8Array): Uint8Array {
  const count = pages.length / PAGE_BYTES;
  const tried = new Uint8Array(TRIED_PAGES * PAGE_BYTES);
  for (let at = 0; at < TRIED_PAGES; at++) {
    const page = Math.floor(((at + 0.5) * count) / TRIED_PAGES);
    tried.set(pages.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), at * PAGE_BYTES);
  }
  return tried;
}

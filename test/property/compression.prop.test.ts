/** What is packed is what is unpacked; noise is left as it is; garbage and lies about the size are refused by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../actors/host.ts';
import { acceptedBy, packedFor, unpackedBy } from '../../actors/page-transfer.ts';
import { createCompression } from '../../infra/system/compression.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import type { PageAnswer, PageRequest } from '../../src/domain/protocol/messages.ts';

const PAGE = 4096;

/** Some pages of few different bytes, some of noise. */
const pages = fc
  .array(fc.record({ seed: fc.nat(), kinds: fc.constantFrom(1, 3, 256) }), { minLength: 1, maxLength: 24 })
  .map((drawn) => {
    const bytes = new Uint8Array(drawn.length * PAGE);
    drawn.forEach(({ seed, kinds }, page) => {
      const rng = createRng(seed);
      for (let at = 0; at < PAGE; at++) bytes[page * PAGE + at] = rng.below(kinds);
    });
    return bytes;
  });

const hostWith = (encoding: 'deflate' | 'brotli' | undefined): { host: Host; counted: Record<string, number> } => {
  const counted: Record<string, number> = {};
  const add = (name: string, by = 1): void => {
    counted[name] = (counted[name] ?? 0) + by;
  };
  const counters = { add, read: () => counted };
  const compression = encoding === undefined ? undefined : createCompression(encoding);
  return { host: { counters, compression } as unknown as Host, counted };
};
const request = (accepts: PageRequest['accepts']): PageRequest => ({
  kind: 'pages',
  task: 'a',
  epoch: 1,
  sequence: 1,
  positions: Uint32Array.of(0),
  ...(accepts === undefined ? {} : { accepts }),
});

describe.each(['deflate', 'brotli'] as const)('packing by %s', (encoding) => {
  const compression = createCompression(encoding);

  it('gives back the pages, or leaves them as they are', () => {
    fc.assert(
      fc.property(pages, (given) => {
        const packed = compression.pack(given);
        if (packed === undefined) return;
        expect(packed.length).toBeLessThanOrEqual(given.length * 0.875);
        expect(Buffer.compare(compression.unpack(packed, given.length), given)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves noise as it is, and packs what is alike', () => {
    const rng = createRng(1);
    expect(compression.pack(Uint8Array.from({ length: 64 * PAGE }, () => rng.below(256)))).toBeUndefined();
    expect(compression.pack(new Uint8Array(64 * PAGE))?.length).toBeLessThan(PAGE);
  });

  it('refuses garbage, and a packing of more or fewer bytes than belong', () => {
    const packed = compression.pack(new Uint8Array(8 * PAGE)) as Uint8Array;
    for (const [bytes, length] of [
      [packed, 7 * PAGE],
      [packed, 9 * PAGE],
      [packed.subarray(0, packed.length - 1), 8 * PAGE],
      [Uint8Array.of(255, 254, 253, 1, 2, 3), PAGE],
    ] as const) {
      expect(() => compression.unpack(bytes, length)).toThrow(expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }));
    }
  });

  it('happens between two who agreed on it, and not otherwise', () => {
    const plain: PageAnswer = { kind: 'pages', pages: new Uint8Array(8 * PAGE) };
    const { host, counted } = hostWith(encoding);
    const sent = packedFor(host, request(acceptedBy(host).accepts), plain);
    expect(sent).toMatchObject({ kind: 'pages', encoding });
    expect(unpackedBy(host, sent, 8 * PAGE)).toMatchObject({ kind: 'pages', pages: { length: 8 * PAGE } });
    expect(counted['pages.bytesSaved']).toBeGreaterThan(7 * PAGE);
    expect(packedFor(host, request(undefined), plain)).toBe(plain);
    expect(packedFor(host, request([encoding === 'brotli' ? 'deflate' : 'brotli']), plain)).toBe(plain);
    const without = hostWith(undefined).host;
    expect(acceptedBy(without)).toEqual({});
    expect(packedFor(without, request([encoding]), plain)).toBe(plain);
    expect(() => unpackedBy(without, sent, 8 * PAGE)).toThrow(expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }));
  });
});

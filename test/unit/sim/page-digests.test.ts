import { describe, expect, it } from 'vitest';
import { isCaptured, notePages, pageDigest, simHasher, writeDigest } from '../../../infra/sim/page-digests.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';

const PAGE = 4096;
const pages = (count: number): Uint8Array =>
  Uint8Array.from({ length: count * PAGE }, (_, at) => (at * 31 + (at >> 12)) & 0xff);
const pageOf = (all: Uint8Array, at: number): Uint8Array => all.subarray(at * PAGE, (at + 1) * PAGE);

describe('digests in the simulated world', () => {
  it('are the system’s, of whatever bytes, noted or not', () => {
    const captured = pages(3);
    const digests = [0, 1, 2].map((at) => systemHasher.hex(pageOf(captured, at)));
    for (const note of [false, true]) {
      if (note) notePages(captured, digests);
      expect(isCaptured(captured)).toBe(note);
      for (let at = 0; at < 3; at++) {
        expect(pageDigest(pageOf(captured, at))).toBe(digests[at]);
        const [ours, theirs] = [new Uint8Array(40), new Uint8Array(40)];
        simHasher.digestInto(pageOf(captured, at), ours, 3);
        systemHasher.digestInto(pageOf(captured, at), theirs, 3);
        expect(ours).toEqual(theirs);
      }
      // Not pages of it: other bytes of the same array.
      for (const part of [captured.subarray(1, PAGE + 1), captured.subarray(0, PAGE - 1), captured])
        expect(simHasher.hex(part)).toBe(systemHasher.hex(part));
    }
  });

  it('see a page that was spoiled: that is another array', () => {
    const captured = pages(1);
    const digest = pageDigest(captured);
    notePages(captured, [digest]);
    const spoiled = captured.slice();
    spoiled[0] = (spoiled[0] as number) ^ 1;
    expect(pageDigest(spoiled)).not.toBe(digest);
    expect(pageDigest(captured)).toBe(digest);
  });

  it('are written as they are read', () => {
    const bytes = new Uint8Array(32);
    writeDigest('00ff10a9'.repeat(8), bytes, 0);
    expect(Buffer.from(bytes).toString('hex')).toBe('00ff10a9'.repeat(8));
  });
});

/** A stored manifest is what was put, whatever it says it needs; one of before needs were written still reads. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeManifest, encodeManifest } from '../../infra/lmdb/manifest-format.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { decodeNeeds, encodeNeeds } from '../../src/domain/protocol/codec-needs.ts';
import { checkpointManifest, checkpointNeeds } from '../support/arbitraries.ts';

test('a manifest comes back as it was, with its needs or without', () => {
  fc.assert(
    fc.property(checkpointManifest(), (manifest) => {
      expect(decodeManifest(encodeManifest(manifest, systemHasher), systemHasher)).toEqual(manifest);
      const { needs: _, ...before } = manifest;
      const bytes = encodeManifest(before, systemHasher);
      expect(bytes.readUInt32LE(92)).toBe(0);
      expect(decodeManifest(bytes, systemHasher)).toEqual(before);
    }),
  );
});

test('needs alone come back as they were, and no other bytes are taken for needs without a word', () => {
  fc.assert(
    fc.property(checkpointNeeds(), fc.nat(), (needs, cut) => {
      const bytes = encodeNeeds(needs);
      expect(decodeNeeds(bytes)).toEqual({ ok: true, value: needs });
      const damaged = decodeNeeds(bytes.subarray(0, cut % bytes.length));
      if (!damaged.ok) expect(damaged.error.code).toBe('ERR_WIRE_MALFORMED');
    }),
  );
});

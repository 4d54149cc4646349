/** What holds for every message: it comes back as it went, and no bytes make a decoder throw or hang. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeCheckpointNotice,
  encodePageAnswer,
  encodePageRequest,
  noticeCodec,
  pageAnswerCodec,
  pageRequestCodec,
} from '../../src/domain/protocol/codec-checkpoint.ts';
import { decodeHeartbeat, encodeHeartbeat, plainHeartbeatCodec } from '../../src/domain/protocol/codec-heartbeat.ts';
import { encodeEcuSample, plainEcuSampleCodec } from '../../src/domain/protocol/codec-metrics.ts';
import { WIRE_BYTES_MAX } from '../../src/domain/protocol/limits.ts';
import { checkpointNotice, envelope, heartbeat, pageAnswer, pageRequest } from '../support/arbitraries.ts';
import { ecuSample } from '../support/metrics-arbitraries.ts';
import { WIRE_CODECS } from '../support/wire-codecs.ts';

/** A field of the highest legal number, holding text; no schema will use it. */
const UNKNOWN_FIELD = [0xfa, 0xff, 0xff, 0xff, 0x0f, 3, 0x6e, 0x65, 0x77];

describe.each(WIRE_CODECS)('$name', ({ encode, decode, envelopes }) => {
  it('decodes to what was encoded', () => {
    fc.assert(fc.property(envelopes, (message) => void expect(decode(encode(message))).toEqual({ ok: true, value: message })));
  });

  it('never throws when it is cut off, and never takes a cut one for whole unless it says less', () => {
    fc.assert(
      fc.property(envelopes, (message) => {
        const bytes = encode(message);
        const step = Math.max(1, Math.floor(bytes.length / 400));
        for (let length = 0; length < bytes.length; length += step) {
          const result = decode(bytes.subarray(0, length));
          if (!result.ok) expect(result.error.sentence).not.toBe('');
        }
      }),
      { numRuns: 20 },
    );
  });

  it('never throws when bits are flipped', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(envelopes, fc.array(flips, { minLength: 20, maxLength: 20 }), (message, rounds) => {
        const bytes = encode(message);
        for (const round of rounds) {
          const damaged = bytes.slice();
          for (const [at, bit] of round) damaged[at % damaged.length] = (damaged[at % damaged.length] ?? 0) ^ (1 << bit);
          const result = decode(damaged);
          if (!result.ok) expect(['version', 'malformed']).toContain(result.error.kind);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('never throws on bytes that are anything at all', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (tail) => void expect(typeof decode(Uint8Array.of(8, 1, ...tail)).ok).toBe('boolean'),
      ),
    );
  });

  it('passes over fields that a newer writer added', () => {
    fc.assert(
      fc.property(envelopes, (message) => {
        const bytes = Uint8Array.of(...encode(message), ...UNKNOWN_FIELD);
        expect(decode(bytes)).toEqual({ ok: true, value: message });
      }),
      { numRuns: 20 },
    );
  });

  it('names both versions when the envelope is of another one', () => {
    fc.assert(
      fc.property(envelopes, fc.integer({ min: 2, max: 127 }), (message, version) => {
        const bytes = encode(message);
        expect(bytes.subarray(0, 2)).toEqual(Uint8Array.of(8, 1));
        bytes[1] = version;
        const sentence = `the envelope has version ${version}; this build reads version 1`;
        expect(decode(bytes)).toEqual({ ok: false, error: { kind: 'version', code: 'ERR_WIRE_VERSION', sentence } });
      }),
      { numRuns: 20 },
    );
  });

  it('refuses what is too long to be looked at', () => {
    const result = decode(new Uint8Array(WIRE_BYTES_MAX + 1));
    expect(result).toMatchObject({ ok: false, error: { kind: 'oversized', code: 'ERR_WIRE_OVERSIZED' } });
  });

  it('refuses every other message, by name', () => {
    for (const other of WIRE_CODECS) {
      if (other.decode === decode) continue;
      const [message] = fc.sample(other.envelopes, { numRuns: 1, seed: 1 });
      if (message === undefined) throw new Error('a generator gave nothing');
      expect(decode(other.encode(message))).toMatchObject({
        ok: false,
        error: { kind: 'malformed', sentence: expect.stringContaining('the envelope carries') },
      });
    }
  });
});

describe('the fast heartbeat codec', () => {
  it('writes what the generated code writes', () => {
    fc.assert(
      fc.property(
        envelope(heartbeat()),
        (message) => void expect(encodeHeartbeat(message)).toEqual(plainHeartbeatCodec.encode(message)),
      ),
    );
  });

  it('reads any bytes as the generated code does', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(envelope(heartbeat()), flips, (message, changes) => {
        const bytes = encodeHeartbeat(message);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        expect(decodeHeartbeat(bytes)).toEqual(plainHeartbeatCodec.decode(bytes));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('checkpoint messages written by hand', () => {
  it('have the bytes that the generated code gives', () => {
    fc.assert(
      fc.property(envelope(checkpointNotice()), envelope(pageRequest()), envelope(pageAnswer()), (notice, request, answer) => {
        expect(Buffer.compare(encodeCheckpointNotice(notice), noticeCodec.encode(notice))).toBe(0);
        expect(Buffer.compare(encodePageRequest(request), pageRequestCodec.encode(request))).toBe(0);
        expect(Buffer.compare(encodePageAnswer(answer), pageAnswerCodec.encode(answer))).toBe(0);
      }),
    );
  });
});

it('the samples written by hand are what the generated code writes', () => {
  fc.assert(
    fc.property(
      envelope(ecuSample()),
      (message) => void expect(encodeEcuSample(message)).toEqual(plainEcuSampleCodec.encode(message)),
    ),
    { numRuns: 300 },
  );
});

/** The hand-written record codec against the generated code, and against damage. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorRecord } from '../../src/domain/model/record.ts';
import { checksum, decodeRecord, encodeRecord } from '../../src/domain/protocol/codec-record.ts';
import { ActorRecordSchema } from '../../src/domain/protocol/generated/drover/v1/record_pb.ts';
import { actorRecord } from '../support/arbitraries.ts';

const toMessage = (record: ActorRecord) =>
  create(ActorRecordSchema, {
    version: 1,
    actor: record.actor,
    revision: BigInt(record.revision),
    chartVersion: BigInt(record.chartVersion),
    writer: record.writer,
    writerIncarnation: BigInt(record.writerIncarnation),
    attempt: record.attempt,
    atUs: BigInt(record.atUs),
    event: { ...record.event },
    snapshot: record.snapshot,
    timers: record.timers.map((timer) => ({ ...timer, delayUs: BigInt(timer.delayUs), armedBy: BigInt(timer.armedBy) })),
    outbox: record.outbox.map((effect) => ({ ...effect, openedBy: BigInt(effect.openedBy) })),
    seen: [...record.seen],
    trace: record.trace,
  });

/** Ends a record as its schema says: the checksum over all before it. */
function sealed(body: Uint8Array): Uint8Array {
  const sum = checksum(body, body.length);
  return Uint8Array.of(...body, 0x7d, sum & 0xff, (sum >>> 8) & 0xff, (sum >>> 16) & 0xff, sum >>> 24);
}

/** Compared as text: matchers look at long arrays element by element. */
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the record codec', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(
        actorRecord(),
        (record) => void expect(decodeRecord(encodeRecord(record))).toEqual({ ok: true, value: record }),
      ),
      { numRuns: 300 },
    );
  });

  it('writes, byte for byte, what the generated code writes, with the checksum behind it', () => {
    fc.assert(
      fc.property(
        actorRecord(),
        (record) => void expect(hex(encodeRecord(record))).toBe(hex(sealed(toBinary(ActorRecordSchema, toMessage(record))))),
      ),
      { numRuns: 300 },
    );
  });

  it('is read by the generated code', () => {
    fc.assert(
      fc.property(actorRecord(), (record) => {
        const bytes = encodeRecord(record);
        const wire = fromBinary(ActorRecordSchema, bytes);
        expect(wire.checksum).toBe(checksum(bytes, bytes.length - 5));
        expect(wire.seen.length).toBe(record.seen.length);
        expect(wire.outbox.map((effect) => Number(effect.openedBy))).toEqual(record.outbox.map((effect) => effect.openedBy));
      }),
    );
  });

  it('reads at any alignment', () => {
    fc.assert(
      fc.property(actorRecord(), fc.integer({ min: 1, max: 9 }), (record, offset) => {
        const bytes = encodeRecord(record);
        const within = new Uint8Array(bytes.length + offset + 3).fill(0xff);
        within.set(bytes, offset);
        expect(decodeRecord(within.subarray(offset, offset + bytes.length))).toEqual({ ok: true, value: record });
      }),
    );
  });

  it('refuses a record cut off anywhere', () => {
    fc.assert(
      fc.property(actorRecord(), (record) => {
        const bytes = encodeRecord(record);
        for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 500)) {
          expect(decodeRecord(bytes.subarray(0, length))).toMatchObject({ ok: false, error: { code: 'ERR_RECORD_CORRUPT' } });
        }
      }),
      { numRuns: 20 },
    );
  });

  it('refuses a record with any one bit flipped', () => {
    fc.assert(
      fc.property(actorRecord(), fc.nat(), fc.nat({ max: 7 }), (record, at, bit) => {
        const bytes = encodeRecord(record);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
        expect(decodeRecord(bytes)).toMatchObject({ ok: false, error: { kind: 'corrupt', code: 'ERR_RECORD_CORRUPT' } });
      }),
      { numRuns: 500 },
    );
  });

  it('never throws on a forged body with a right checksum', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(actorRecord(), changes, (record, forged) => {
        const body = encodeRecord(record).slice(0, -5);
        for (const [at, byte] of forged) body[2 + (at % (body.length - 2))] = byte;
        const result = decodeRecord(sealed(body));
        if (!result.ok) expect(result.error).toMatchObject({ kind: 'corrupt', code: 'ERR_RECORD_CORRUPT' });
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        (body) => void expect(typeof decodeRecord(sealed(Uint8Array.of(8, 1, ...body))).ok).toBe('boolean'),
      ),
    );
  });

  it('passes over fields that a newer writer added, and names a newer layout', () => {
    fc.assert(
      fc.property(actorRecord(), (record) => {
        const body = encodeRecord(record).slice(0, -5);
        expect(decodeRecord(sealed(Uint8Array.of(...body, 0x82, 0x01, 2, 0x61, 0x62)))).toEqual({ ok: true, value: record });
        body[1] = 2;
        const sentence = 'the record has version 2; this build reads version 1';
        expect(decodeRecord(sealed(body))).toEqual({
          ok: false,
          error: { kind: 'version', code: 'ERR_WIRE_VERSION', sentence },
        });
      }),
      { numRuns: 30 },
    );
  });
});

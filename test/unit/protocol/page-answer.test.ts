import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { decodePageAnswer, encodePageAnswer } from '../../../src/domain/protocol/codec-checkpoint.ts';
import { EnvelopeSchema } from '../../../src/domain/protocol/generated/drover/v1/envelope_pb.ts';

describe('a page answer', () => {
  it.each([0, 1, 2, 31, 32, 128, 1024])('of %i pages has the bytes that the generated code gives', (count) => {
    const pages = Uint8Array.from({ length: count * 4096 }, (_, at) => (at * 31) & 0xff);
    const common = {
      id: 'bridge.02aa00000001~3.17',
      sender: 'bridge.02aa00000001',
      trace: '',
      sentAtUs: 1_700_000_000_000_123,
    };
    const bytes = encodePageAnswer({ ...common, body: { kind: 'pages', pages } });
    const generated = toBinary(
      EnvelopeSchema,
      create(EnvelopeSchema, {
        version: 1,
        id: common.id,
        sender: common.sender,
        trace: '',
        sentAtUs: BigInt(common.sentAtUs),
        body: { case: 'pageAnswer', value: { answer: { case: 'pages', value: { pages } } } },
      }),
    );
    expect(Buffer.compare(bytes, generated)).toBe(0);
    const decoded = decodePageAnswer(bytes);
    expect(decoded.ok && decoded.value.body.kind === 'pages' && Buffer.compare(decoded.value.body.pages, pages) === 0).toBe(
      true,
    );
  });
});

/**
 * The envelope: version, id, sender, trace and one body. Every other codec hands its body to `envelopeCodec` and gets the
 * two functions the rest of drover uses: `encode` (a value made by drover; anything out of range is a bug) and `decode`
 * (bytes made by anybody; a `Result` that never throws and reads no body of another version).
 */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { DroverError, type ErrorCode } from '../kernel/error-codes.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { decodedOnce, rememberSent } from './decoded-once.ts';
import { FieldRefused, hostText, idText, safeInteger, wide } from './field-check.ts';
import { EnvelopeSchema, type Envelope as WireEnvelope } from './generated/drover/v1/envelope_pb.ts';
import { TRACEPARENT_CHARS, WIRE_BYTES_MAX } from './limits.ts';
import { type Envelope, WIRE_VERSION } from './messages.ts';

export interface WireError {
  readonly kind: 'version' | 'malformed' | 'oversized';
  readonly code: ErrorCode;
  /** Names the field and its range, or both versions. */
  readonly sentence: string;
}

type BodyInit = NonNullable<MessageInitShape<typeof EnvelopeSchema>['body']>;
export type BodyCase = NonNullable<WireEnvelope['body']['case']>;
export type BodyMessage<Case extends BodyCase> = Extract<WireEnvelope['body'], { case: Case }>['value'];
export type BodyMessageInit<Case extends BodyCase> = Extract<BodyInit, { case: Case }>['value'];

export interface EnvelopeCodec<Body> {
  /** Throws ERR_WIRE_OVERSIZED when the message would be above `WIRE_BYTES_MAX`. */
  readonly encode: (envelope: Envelope<Body>) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Result<Envelope<Body>, WireError>;
  /** Told by whoever encodes frequent messages, whose fields are given in the order of their reading: what `decode` will find. */
  readonly sent: (bytes: Uint8Array, envelope: Envelope<Body>) => void;
}

export function envelopeCodec<Case extends BodyCase, Body>(
  bodyCase: Case,
  write: (body: Body) => BodyMessageInit<Case>,
  read: (message: BodyMessage<Case>) => Body,
): EnvelopeCodec<Body> {
  const encode = (envelope: Envelope<Body>): Uint8Array => {
    const message = create(EnvelopeSchema, {
      version: WIRE_VERSION,
      id: envelope.id,
      sender: envelope.sender,
      trace: envelope.trace,
      sentAtUs: wide(envelope.sentAtUs),
      body: { case: bodyCase, value: write(envelope.body) } as BodyInit,
    });
    const bytes = toBinary(EnvelopeSchema, message);
    if (bytes.length > WIRE_BYTES_MAX) throw new DroverError('ERR_WIRE_OVERSIZED', oversizedSentence(bytes.length));
    return bytes;
  };
  const decodeAnew = (bytes: Uint8Array): Result<Envelope<Body>, WireError> => {
    const message = parseEnvelope(bytes);
    if (!message.ok) return message;
    const { id, sender, trace, sentAtUs, body } = message.value;
    if (body.case !== bodyCase) {
      return err(malformed(`the envelope carries ${body.case ?? 'nothing this build knows'} where ${bodyCase} belongs`));
    }
    return checked(() => ({
      id: idText(id, 'envelope.id'),
      sender: hostText(sender, 'envelope.sender'),
      trace: readTrace(trace),
      sentAtUs: safeInteger(sentAtUs, 'envelope.sent_at_us'),
      // The cases were compared above; the compiler cannot carry that through the type parameter.
      body: read(body.value as BodyMessage<Case>),
    }));
  };
  const sent = (bytes: Uint8Array, envelope: Envelope<Body>): void => rememberSent(decodeAnew, bytes, ok(envelope));
  return { encode, decode: (bytes) => decodedOnce(decodeAnew, bytes), sent };
}

/** Runs a decoder: a refused field becomes a `malformed` result, anything else is a bug and goes on up. */
export function checked<T>(read: () => T): Result<T, WireError> {
  try {
    return ok(read());
  } catch (failure) {
    if (failure instanceof FieldRefused) return err(malformed(failure.sentence));
    throw failure;
  }
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C Trace Context says that a malformed traceparent is ignored, not that the message is. */
export const readTrace = (trace: string): string =>
  trace.length === TRACEPARENT_CHARS && TRACEPARENT.test(trace) ? trace : '';

export const malformed = (sentence: string): WireError => ({ kind: 'malformed', code: 'ERR_WIRE_MALFORMED', sentence });

const oversizedSentence = (length: number): string => `the message has ${length} bytes; it may have ${WIRE_BYTES_MAX}`;

function parseEnvelope(bytes: Uint8Array): Result<WireEnvelope, WireError> {
  if (bytes.length > WIRE_BYTES_MAX)
    return err({ kind: 'oversized', code: 'ERR_WIRE_OVERSIZED', sentence: oversizedSentence(bytes.length) });
  try {
    const version = readVersion(bytes);
    if (version !== WIRE_VERSION) return err(otherVersion(version));
    return ok(fromBinary(EnvelopeSchema, bytes, { readUnknownFields: false }));
  } catch (failure) {
    // The parser throws plain errors for bytes that are no Protocol Buffers; it touches nothing but these bytes.
    return err(malformed(`the bytes are no envelope: ${failure instanceof Error ? failure.message : 'unreadable'}`));
  }
}

export const otherVersion = (version: number): WireError => ({
  kind: 'version',
  code: 'ERR_WIRE_VERSION',
  sentence: `the envelope has version ${version === 0 ? '0 (or none)' : version}; this build reads version ${WIRE_VERSION}`,
});

/**
 * The version, read before everything else, because nothing else is promised to keep its shape when it changes. Writers put
 * it first; a writer that does not is still understood by looking on.
 */
function readVersion(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1 && type === WireType.Varint) return reader.uint32();
    reader.skip(type, field);
  }
  return 0;
}

/**
 * Heartbeats by hand. Ten thousand ECUs at 10 Hz are 100,000 decodes a second, and the generated code takes several µs each.
 * The fast decoder reads what every writer in practice writes (version first, each field once); whatever it does not expect
 * or does not accept it leaves to the generated code, so that both give the same values and the same errors by construction.
 */
import { DroverError } from '../kernel/error-codes.ts';
import { ok, type Result } from '../kernel/result.ts';
import { envelopeCodec, readTrace, type WireError } from './codec-envelope.ts';
import { decodedOnce, rememberSent } from './decoded-once.ts';
import { FieldRefused, hostText, idText, macText, safeInteger, wide } from './field-check.ts';
import { WIRE_BYTES_MAX } from './limits.ts';
import { type Envelope, type Heartbeat, WIRE_VERSION } from './messages.ts';
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';
import { beginEnvelope, ENVELOPE } from './write-envelope.ts';

/** Field number × 8 + wire type. */
const TAG = { ...ENVELOPE, heartbeat: 0x82 } as const;
const BEAT = { mac: 0x0a, incarnation: 0x10, sequence: 0x18, uptimeUs: 0x20 } as const;

/** Above this the message is no ordinary heartbeat. */
const FAST_BYTES_MAX = 1024;
/** Any heartbeat's body fits a length of one byte: 14 for the MAC and 3 × 9 for the numbers. */
const BODY_BYTES = 48;

/** By the generated code: the yardstick of the tests, and the one that speaks when the fast one will not. */
export const plainHeartbeatCodec = envelopeCodec<'heartbeat', Heartbeat>(
  'heartbeat',
  (beat) => ({
    mac: beat.mac,
    incarnation: wide(beat.incarnation),
    sequence: wide(beat.sequence),
    uptimeUs: wide(beat.uptimeUs),
  }),
  (wire) => ({
    kind: 'heartbeat',
    mac: macText(wire.mac, 'heartbeat.mac'),
    incarnation: safeInteger(wire.incarnation, 'heartbeat.incarnation'),
    sequence: safeInteger(wire.sequence, 'heartbeat.sequence'),
    uptimeUs: safeInteger(wire.uptimeUs, 'heartbeat.uptime_us'),
  }),
);

const writer = new WireWriter();

export function encodeHeartbeat(envelope: Envelope<Heartbeat>): Uint8Array {
  const w = writer;
  const { body } = envelope;
  beginEnvelope(w, envelope);
  const start = w.open(TAG.heartbeat, BODY_BYTES);
  w.text(BEAT.mac, body.mac);
  w.integer(BEAT.incarnation, body.incarnation);
  w.integer(BEAT.sequence, body.sequence);
  w.integer(BEAT.uptimeUs, body.uptimeUs);
  w.close(start, BODY_BYTES);
  if (w.length() > WIRE_BYTES_MAX) throw new DroverError('ERR_WIRE_OVERSIZED', `a heartbeat has ${w.length()} bytes`);
  const bytes = w.finish();
  rememberSent(decodeHeartbeatAnew, bytes, ok(envelope));
  return bytes;
}

export const decodeHeartbeat = (bytes: Uint8Array): Result<Envelope<Heartbeat>, WireError> =>
  decodedOnce(decodeHeartbeatAnew, bytes);

function decodeHeartbeatAnew(bytes: Uint8Array): Result<Envelope<Heartbeat>, WireError> {
  const fast =
    bytes.length <= FAST_BYTES_MAX && bytes[0] === TAG.version && bytes[1] === WIRE_VERSION ? readFast(bytes) : undefined;
  return fast === undefined ? plainHeartbeatCodec.decode(bytes) : ok(fast);
}

/** undefined: not an ordinary heartbeat, or not a valid one. */
function readFast(bytes: Uint8Array): Envelope<Heartbeat> | undefined {
  const reader = new WireReader(bytes);
  reader.at = 2;
  let id = '';
  let sender = '';
  let trace = '';
  let sentAtUs = 0;
  let body: Heartbeat | undefined;
  try {
    while (reader.more()) {
      switch (reader.tag()) {
        case TAG.id:
          id = reader.text();
          break;
        case TAG.sender:
          sender = reader.text();
          break;
        case TAG.trace:
          trace = reader.text();
          break;
        case TAG.sentAtUs:
          sentAtUs = reader.integer();
          break;
        case TAG.heartbeat:
          // Two bodies would have to be merged.
          if (body !== undefined) return undefined;
          body = readBeat(reader);
          if (body === undefined) return undefined;
          break;
        default:
          return undefined;
      }
    }
    if (body === undefined) return undefined;
    return { id: idText(id, 'id'), sender: hostText(sender, 'sender'), trace: readTrace(trace), sentAtUs, body };
  } catch (failure) {
    if (failure instanceof FieldRefused) return undefined;
    throw failure;
  }
}

function readBeat(reader: WireReader): Heartbeat | undefined {
  const end = reader.delimited();
  let mac = '';
  let incarnation = 0;
  let sequence = 0;
  let uptimeUs = 0;
  while (reader.more(end)) {
    switch (reader.tag()) {
      case BEAT.mac:
        mac = reader.text();
        break;
      case BEAT.incarnation:
        incarnation = reader.integer();
        break;
      case BEAT.sequence:
        sequence = reader.integer();
        break;
      case BEAT.uptimeUs:
        uptimeUs = reader.integer();
        break;
      default:
        return undefined;
    }
  }
  return reader.at === end ? { kind: 'heartbeat', mac: macText(mac, 'mac'), incarnation, sequence, uptimeUs } : undefined;
}

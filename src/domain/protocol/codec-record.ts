/**
 * Actor records as bytes (`ActorRecord` in `record.proto`): what every step of every actor writes, so the hottest codec of
 * all. Written by hand over `WireWriter` and `WireReader`; a property test holds it to the generated code.
 *
 *   ┌─────────┬───────────────────────────────┬──────┬─────────────────┐
 *   │ 08 01   │ fields 2 … 14, by number      │ 7d   │ checksum, LE    │
 *   │ version │ defaults left out             │ tag  │ 4 bytes         │
 *   └─────────┴───────────────────────────────┴──────┴─────────────────┘
 *    ◄──────────── the checksum covers ──────► ◄─ always the last five ─►
 *
 * The checksum is there because Protocol Buffers cut off at a field's end are valid Protocol Buffers: a torn record would
 * read as one with fewer effects. Each round of FNV-1a is a bijection of its state, so that damage within one word is
 * always seen, and other damage but for one in 2^32.
 */
import { DroverError, type ErrorCode } from '../kernel/error-codes.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import type { ActorRecord, RecordEffect, RecordEvent, RecordTimer } from '../model/record.ts';
import { decodedOnce } from './decoded-once.ts';
import { FieldRefused, refuse } from './field-check.ts';
import { WIRE_BYTES_MAX } from './limits.ts';
import { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

export const RECORD_VERSION = 1;

export interface RecordError {
  readonly kind: 'version' | 'corrupt';
  readonly code: ErrorCode;
  readonly sentence: string;
}

/** Field number × 8 + wire type (0 varint, 2 length-delimited, 5 fixed 32 bit). */
const TAG = {
  version: 0x08,
  actor: 0x12,
  revision: 0x18,
  chartVersion: 0x20,
  writer: 0x2a,
  writerIncarnation: 0x30,
  attempt: 0x3a,
  atUs: 0x40,
  event: 0x4a,
  snapshot: 0x52,
  timers: 0x5a,
  outbox: 0x62,
  seen: 0x6a,
  trace: 0x72,
  checksum: 0x7d,
} as const;
const EVENT = { type: 0x0a, id: 0x12, json: 0x1a } as const;
const TIMER = { id: 0x0a, eventType: 0x12, delayUs: 0x18, armedBy: 0x20 } as const;
const EFFECT = { id: 0x0a, key: 0x12, effect: 0x1a, openedBy: 0x20 } as const;

const CHECKSUM_BYTES = 5;
/** Tags and lengths of a nested message with texts of ordinary length: only a guess, to place its length well. */
const NESTED_OVERHEAD = 10;

const writer = new WireWriter();

/** Throws ERR_RECORD_TOO_LARGE: an actor whose context grows without end is a fault of its chart, and seen here first. */
export function encodeRecord(record: ActorRecord): Uint8Array {
  const w = writer;
  w.start();
  w.integer(TAG.version, RECORD_VERSION);
  w.text(TAG.actor, record.actor);
  w.integer(TAG.revision, record.revision);
  w.integer(TAG.chartVersion, record.chartVersion);
  w.text(TAG.writer, record.writer);
  w.integer(TAG.writerIncarnation, record.writerIncarnation);
  w.text(TAG.attempt, record.attempt);
  w.integer(TAG.atUs, record.atUs);
  writeEvent(w, record.event);
  w.text(TAG.snapshot, record.snapshot);
  for (const timer of record.timers) writeTimer(w, timer);
  for (const effect of record.outbox) writeEffect(w, effect);
  w.entries(TAG.seen, record.seen);
  w.text(TAG.trace, record.trace);
  w.fixed32(TAG.checksum, checksum(w.written(), w.length()));
  if (w.length() > WIRE_BYTES_MAX) {
    throw new DroverError(
      'ERR_RECORD_TOO_LARGE',
      `the record of ${record.actor} has ${w.length()} bytes; it may have ${WIRE_BYTES_MAX}`,
    );
  }
  return w.finish();
}

function writeEvent(w: WireWriter, event: RecordEvent): void {
  const expected = event.type.length + event.id.length + event.json.length + NESTED_OVERHEAD;
  const body = w.open(TAG.event, expected);
  w.text(EVENT.type, event.type);
  w.text(EVENT.id, event.id);
  w.text(EVENT.json, event.json);
  w.close(body, expected);
}

function writeTimer(w: WireWriter, timer: RecordTimer): void {
  const expected = timer.id.length + timer.eventType.length + NESTED_OVERHEAD;
  const body = w.open(TAG.timers, expected);
  w.text(TIMER.id, timer.id);
  w.text(TIMER.eventType, timer.eventType);
  w.integer(TIMER.delayUs, timer.delayUs);
  w.integer(TIMER.armedBy, timer.armedBy);
  w.close(body, expected);
}

function writeEffect(w: WireWriter, effect: RecordEffect): void {
  const expected = effect.id.length + effect.key.length + effect.effect.length + NESTED_OVERHEAD;
  const body = w.open(TAG.outbox, expected);
  w.text(EFFECT.id, effect.id);
  w.text(EFFECT.key, effect.key);
  w.text(EFFECT.effect, effect.effect);
  w.integer(EFFECT.openedBy, effect.openedBy);
  w.close(body, expected);
}

export const decodeRecord = (bytes: Uint8Array): Result<ActorRecord, RecordError> => decodedOnce(decodeRecordAnew, bytes);

function decodeRecordAnew(bytes: Uint8Array): Result<ActorRecord, RecordError> {
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < 2 || bytes[end] !== TAG.checksum) return err(corrupt('the record does not end with its checksum'));
  if (readChecksum(bytes, end + 1) !== checksum(bytes, end))
    return err(corrupt('the record does not have the checksum it names'));
  const version = bytes[0] === TAG.version ? bytes[1] : 0;
  if (version !== RECORD_VERSION) {
    return err({
      kind: 'version',
      code: 'ERR_WIRE_VERSION',
      sentence: `the record has version ${version}; this build reads version ${RECORD_VERSION}`,
    });
  }
  try {
    return ok(readRecord(new WireReader(bytes, end)));
  } catch (failure) {
    if (failure instanceof FieldRefused) return err(corrupt(failure.sentence));
    throw failure;
  }
}

const corrupt = (sentence: string): RecordError => ({ kind: 'corrupt', code: 'ERR_RECORD_CORRUPT', sentence });

function readRecord(reader: WireReader): ActorRecord {
  let actor = '';
  let revision = 0;
  let chartVersion = 0;
  let writerName = '';
  let writerIncarnation = 0;
  let attempt = '';
  let atUs = 0;
  let event: RecordEvent | undefined;
  let snapshot = '';
  let trace = '';
  const timers: RecordTimer[] = [];
  const outbox: RecordEffect[] = [];
  const seen: string[] = [];
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case TAG.actor:
        actor = reader.text();
        break;
      case TAG.revision:
        revision = reader.integer();
        break;
      case TAG.chartVersion:
        chartVersion = reader.integer();
        break;
      case TAG.writer:
        writerName = reader.text();
        break;
      case TAG.writerIncarnation:
        writerIncarnation = reader.integer();
        break;
      case TAG.attempt:
        attempt = reader.text();
        break;
      case TAG.atUs:
        atUs = reader.integer();
        break;
      case TAG.event:
        event = readEvent(reader);
        break;
      case TAG.snapshot:
        snapshot = reader.text();
        break;
      case TAG.timers:
        timers.push(readTimer(reader));
        break;
      case TAG.outbox:
        outbox.push(readEffect(reader));
        break;
      case TAG.seen:
        seen.push(reader.text());
        break;
      case TAG.trace:
        trace = reader.text();
        break;
      default:
        reader.skip(tag);
    }
  }
  if (!actor.includes('/')) refuse(`record.actor is ${JSON.stringify(actor.slice(0, 80))}; it must be kind/id`);
  if (revision < 1) refuse('record.revision is 0; revisions begin at 1');
  if (event === undefined) return refuse('record.event is missing');
  return {
    actor,
    revision,
    chartVersion,
    writer: writerName,
    writerIncarnation,
    attempt,
    atUs,
    event,
    snapshot,
    timers,
    outbox,
    seen,
    trace,
  };
}

function readEvent(reader: WireReader): RecordEvent {
  const end = reader.delimited();
  let type = '';
  let id = '';
  let json = '';
  while (reader.more(end)) {
    const tag = reader.tag();
    if (tag === EVENT.type) type = reader.text();
    else if (tag === EVENT.id) id = reader.text();
    else if (tag === EVENT.json) json = reader.text();
    else reader.skip(tag);
  }
  endedAt(reader, end, 'record.event');
  return { type, id, json };
}

function readTimer(reader: WireReader): RecordTimer {
  const end = reader.delimited();
  let id = '';
  let eventType = '';
  let delayUs = 0;
  let armedBy = 0;
  while (reader.more(end)) {
    const tag = reader.tag();
    if (tag === TIMER.id) id = reader.text();
    else if (tag === TIMER.eventType) eventType = reader.text();
    else if (tag === TIMER.delayUs) delayUs = reader.integer();
    else if (tag === TIMER.armedBy) armedBy = reader.integer();
    else reader.skip(tag);
  }
  endedAt(reader, end, 'record.timers');
  return { id, eventType, delayUs, armedBy };
}

function readEffect(reader: WireReader): RecordEffect {
  const end = reader.delimited();
  let id = '';
  let key = '';
  let effect = '';
  let openedBy = 0;
  while (reader.more(end)) {
    const tag = reader.tag();
    if (tag === EFFECT.id) id = reader.text();
    else if (tag === EFFECT.key) key = reader.text();
    else if (tag === EFFECT.effect) effect = reader.text();
    else if (tag === EFFECT.openedBy) openedBy = reader.integer();
    else reader.skip(tag);
  }
  endedAt(reader, end, 'record.outbox');
  return { id, key, effect, openedBy };
}

function endedAt(reader: WireReader, end: number, field: string): void {
  if (reader.at !== end) refuse(`${field} does not end where its length says`);
}

// ——— checksum ———

const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a (Fowler, Noll, Vo) over little-endian 32-bit words, the last padded with zeros, then over the number of bytes. */
export function checksum(bytes: Uint8Array, length: number): number {
  // A DataView reads a word in one instruction, also where the bytes are not aligned.
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const whole = length & ~3;
  let hash = FNV_BASIS;
  for (let at = 0; at < whole; at += 4) hash = Math.imul(hash ^ view.getInt32(at, true), FNV_PRIME);
  if (whole < length) {
    let word = 0;
    for (let at = whole, shift = 0; at < length; at++, shift += 8) word |= view.getUint8(at) << shift;
    hash = Math.imul(hash ^ word, FNV_PRIME);
  }
  return Math.imul(hash ^ length, FNV_PRIME) >>> 0;
}

const readChecksum = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;

/**
 * The bytes of a journal entry. All numbers little-endian; `docs/FORMATS.md` has a worked example, which is a golden test.
 *
 *   0        1        2            4             8                16               24
 *   ┌────────┬────────┬────────────┬─────────────┬────────────────┬────────────────┬─────────────┬──────────────┐
 *   │version │ 0      │ actor len  │ CRC-32      │ position       │ previous       │ actor       │ record       │
 *   │ u8 = 1 │ u8     │ u16        │ u32         │ u64            │ u64, 0: none   │ UTF-8       │ bytes        │
 *   └────────┴────────┴────────────┴─────────────┴────────────────┴────────────────┴─────────────┴──────────────┘
 *
 * The checksum (CRC-32 as in ISO 3309, polynomial edb88320) covers every byte but its own four. Position and actor are
 * inside it, so an entry that turned up under another key is seen as damage too. `previous` is the position of the same
 * actor's entry before this one, which may have been trimmed.
 */
import { crc32 } from 'node:zlib';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { ActorKey } from '../../src/domain/model/ids.ts';

const ENTRY_VERSION = 1;
export const ENTRY_HEADER_BYTES = 24;
const CRC_AT = 4;

export interface JournalEntry {
  readonly actor: ActorKey;
  readonly position: number;
  readonly previous: number;
  readonly record: Uint8Array;
}

/** An entry with everything but its place and checksum, which are known only inside the transaction. */
export function draftEntry(actor: Uint8Array, record: Uint8Array): Buffer {
  const entry = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + actor.length + record.length);
  entry[0] = ENTRY_VERSION;
  entry[1] = 0;
  entry.writeUInt16LE(actor.length, 2);
  entry.set(actor, ENTRY_HEADER_BYTES);
  entry.set(record, ENTRY_HEADER_BYTES + actor.length);
  return entry;
}

export function sealEntry(entry: Buffer, place: { readonly position: number; readonly previous: number }): void {
  writeU64(entry, 8, place.position);
  writeU64(entry, 16, place.previous);
  entry.writeUInt32LE(checksumOf(entry), CRC_AT);
}

/** Reads an entry and copies what it gives out; `position` is the key it was found under. */
export function readEntry(entry: Buffer, position: number): JournalEntry {
  const actorLength = entry.length >= ENTRY_HEADER_BYTES ? entry.readUInt16LE(2) : 0;
  const recordAt = ENTRY_HEADER_BYTES + actorLength;
  if (entry.length < recordAt || entry[0] !== ENTRY_VERSION) throw corrupt(position, 'is cut off or of another version');
  if (entry.readUInt32LE(CRC_AT) !== checksumOf(entry)) throw corrupt(position, 'does not match its checksum');
  if (readU64(entry, 8) !== position) throw corrupt(position, `is the one of position ${readU64(entry, 8)}`);
  return {
    actor: entry.toString('utf8', ENTRY_HEADER_BYTES, recordAt),
    position,
    previous: readU64(entry, 16),
    record: Uint8Array.from(entry.subarray(recordAt)),
  };
}

/** Only the link to the entry before; for walking back without reading whole records. */
export function previousOf(entry: Buffer, position: number): number {
  if (entry.length < ENTRY_HEADER_BYTES || readU64(entry, 8) !== position) throw corrupt(position, 'is not an entry');
  return readU64(entry, 16);
}

export const corrupt = (position: number, what: string): DroverError =>
  new DroverError('ERR_RECORD_CORRUPT', `the record at position ${position} ${what}`);

/** Positions stay below 2^53, so a u64 is two halves of a number. */
export function writeU64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value >>> 0, at);
  into.writeUInt32LE(Math.floor(value / 4294967296), at + 4);
}

export const readU64 = (from: Buffer, at: number): number => from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 4294967296;

function checksumOf(entry: Buffer): number {
  return crc32(entry.subarray(CRC_AT + 4), crc32(entry.subarray(0, CRC_AT)));
}

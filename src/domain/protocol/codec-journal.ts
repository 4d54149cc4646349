/**
 * A message of JOURNAL: several entries of one actor's local journal, oldest first, each with its position in its host's journal.
 *
 *   position u64 LE · length u32 LE · record …   once or more
 *
 * Many in one message, because the broker syncs each message and a record is small. Positions tell a copy that was sent twice.
 */
import { err, ok, type Result } from '../kernel/result.ts';
import { malformed, type WireError } from './codec-envelope.ts';

export interface JournalEntry {
  readonly position: number;
  readonly bytes: Uint8Array;
}

const HEAD_BYTES = 12;
const HIGH = 4294967296;

export function encodeJournalEntries(entries: readonly JournalEntry[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + HEAD_BYTES + entry.bytes.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) {
    view.setUint32(at, entry.position >>> 0, true);
    view.setUint32(at + 4, Math.floor(entry.position / HIGH), true);
    view.setUint32(at + 8, entry.bytes.length, true);
    bytes.set(entry.bytes, at + HEAD_BYTES);
    at += HEAD_BYTES + entry.bytes.length;
  }
  return bytes;
}

/** The records are views of `bytes`. */
export function decodeJournalEntries(bytes: Uint8Array): Result<readonly JournalEntry[], WireError> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: JournalEntry[] = [];
  let before = 0;
  for (let at = 0; at < bytes.length; ) {
    if (at + HEAD_BYTES > bytes.length) return err(malformed('the journal entries end within a position or a length'));
    const position = view.getUint32(at + 4, true) * HIGH + view.getUint32(at, true);
    const end = at + HEAD_BYTES + view.getUint32(at + 8, true);
    if (!Number.isSafeInteger(position) || position <= before)
      return err(malformed(`journal entry ${position} follows ${before}; positions must rise`));
    if (end > bytes.length) return err(malformed(`journal entry ${position} is cut off`));
    entries.push({ position, bytes: bytes.subarray(at + HEAD_BYTES, end) });
    before = position;
    at = end;
  }
  return entries.length === 0 ? err(malformed('no journal entries')) : ok(entries);
}

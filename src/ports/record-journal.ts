import type { ActorKey } from '../domain/model/ids.ts';
import type { StoredRecord } from './record-store.ts';

/** A local record store read as one journal, for whoever mirrors it. */
export interface RecordJournal {
  /**
   * Every kept entry of every actor after `position`, in the order of the appends. Positions are consecutive: a first entry
   * later than `position + 1` means that what lay between was trimmed.
   */
  since(position: number): Iterable<{ readonly actor: ActorKey; readonly record: StoredRecord }>;
}

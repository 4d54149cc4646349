import type { ActorKey, TaskName } from '../domain/model/ids.ts';
import type { Cancel } from './clock.ts';

/**
 * Where actors' records live: an append-only journal per actor whose last entry is the record. Three implementations (a
 * JetStream stream over the bus, LMDB, and the simulated disk) and one contract suite.
 *
 * R1. An append is compared-and-set on `position`, the store's own place of the actor's last record (0: there is none).
 * R2. `appended` means durable: it survives this process and, unless the fleet chose otherwise, a power cut.
 * R3. A read that starts after an append was answered sees it.
 * R4. Positions of one actor only grow.
 */
export interface RecordStore {
  /** The last record, or undefined when there is none. */
  load(actor: ActorKey): Promise<StoredRecord | undefined>;
  append(actor: ActorKey, expectedPosition: number, record: Uint8Array, label?: RecordLabel): Promise<RecordAppend>;
  /** Every actor's last record, then every later one as it is appended by anybody. Resolves when the first part is through. */
  follow(handler: (actor: ActorKey, record: StoredRecord) => void): Promise<Cancel>;
  /** An actor's whole journal that is still kept, oldest first. */
  history(actor: ActorKey): AsyncIterable<StoredRecord>;
}

export interface StoredRecord {
  readonly position: number;
  readonly bytes: Uint8Array;
  /** As it was appended; a store that is nobody else's leaves it away. */
  readonly label?: RecordLabel;
}

/** What stands on a record's outside, so that whoever follows a shared store need not open what is not its own. */
export interface RecordLabel {
  /** By which key managers share it out (`src/domain/placement/shares.ts`); undefined: nobody has to look after it. */
  readonly key: string | undefined;
  readonly writer: string;
  /** Of a placement: the task whose outputs are this one's data. What feeds whom is everybody's to know (docs/CHAINS.md). */
  readonly from?: TaskName | undefined;
}

/** As `AppendAnswer` of the bus; `unknown` and `refused` are both answered by reading the last record. */
export type RecordAppend =
  | { readonly kind: 'appended'; readonly position: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unknown' };

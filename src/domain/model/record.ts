import type { ActorKey, HostId } from './ids.ts';

/**
 * One entry of an actor's journal; the last one is the actor's record: all that the loop needs to go on, and the event that
 * led there. Written as one append, compared-and-set (DESIGN 3, step 4). `codec-record.ts` has its bytes.
 */
export interface ActorRecord {
  readonly actor: ActorKey;
  /** This actor's own counter, from 1; not the store's position. */
  readonly revision: number;
  /** Version of the chart that wrote it; a host without that version leaves the actor alone. */
  readonly chartVersion: number;
  readonly writer: HostId;
  readonly writerIncarnation: number;
  /** Nonce of the attempt to append: after a lost answer it tells one's own record from another's. */
  readonly attempt: string;
  /** µs since 1970; never decreases within an actor. */
  readonly atUs: number;
  readonly event: RecordEvent;
  /** JSON of XState's persisted snapshot. */
  readonly snapshot: string;
  readonly timers: readonly RecordTimer[];
  /** Effects that no event has reported done or obsolete. */
  readonly outbox: readonly RecordEffect[];
  /** Ids of events already handled. */
  readonly seen: readonly string[];
  /** W3C traceparent, or empty. */
  readonly trace: string;
}

export interface RecordEvent {
  readonly type: string;
  readonly id: string;
  /** The whole event. */
  readonly json: string;
}

export interface RecordTimer {
  readonly id: string;
  readonly eventType: string;
  /** Counted by the holder's own monotonic clock from when it learned of the record. */
  readonly delayUs: number;
  /** Revision that armed it: a re-entered state arms the same id again, and the older one must not fire. */
  readonly armedBy: number;
}

export interface RecordEffect {
  readonly id: string;
  readonly key: string;
  /** JSON. */
  readonly effect: string;
  /** Revision that opened it. */
  readonly openedBy: number;
}

import type { ActorKey, HostId } from './ids.ts';

/**
 * An actor's record: everything needed to go on from here, and the journal entry of the event that led here. The log is
 * the record and the journal at once (DESIGN 3).
 */
export interface ActorRecord {
  readonly actor: ActorKey;
  /** This actor's own counter: 1 for its first record, then one more with each. */
  readonly revision: number;
  readonly chartVersion: number;
  readonly writer: HostId;
  readonly writerIncarnation: number;
  /** The nonce of the attempt that wrote this record: tells one's own append from another's. */
  readonly attempt: string;
  /** The writer's wall clock, µs since 1970; never decreases within an actor. */
  readonly atUs: number;
  readonly event: RecordedEvent;
  /** JSON of XState's persisted snapshot. */
  readonly snapshot: string;
  readonly timers: readonly ArmedTimer[];
  readonly outbox: readonly OutboxEntry[];
  /** Ids of events already taken, oldest first, bounded. */
  readonly seen: readonly string[];
  /** W3C traceparent of what caused this step, or empty. */
  readonly trace: string;
}

export interface RecordedEvent {
  readonly type: string;
  readonly id: string;
  /** The whole event as JSON. */
  readonly json: string;
}

export interface ArmedTimer {
  readonly id: string;
  readonly eventType: string;
  /** Counted by the holder's monotonic clock from when it learned of the record; never early. */
  readonly delayUs: number;
  /** The revision that armed it: a re-entered state arms the same id again. */
  readonly armedBy: number;
}

export interface OutboxEntry {
  /** `<actor>#<revision>.<index>` of the record that opened it. */
  readonly id: string;
  /** The chart's name for it: leaving the state closes what the state opened under this key. */
  readonly key: string;
  /** JSON of the effect. */
  readonly effect: string;
  readonly openedBy: number;
}

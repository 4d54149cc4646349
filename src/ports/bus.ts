import type { Cancel } from './clock.ts';

/**
 * The bus: core messages, requests, and durable streams with a compare-and-set append. Two implementations (`infra/nats`,
 * `infra/sim`) and one contract suite (`test/contract/bus.contract.ts`). Every failure is a `DroverError` with an
 * `ERR_BUS_*` code. A payload is handed over: nobody writes into one that was sent or that came. Handlers are called in arrival order; what a handler throws is logged and counted, never swallowed.
 */
export interface Bus {
  /** At most once, no answer. Dropped silently while disconnected. Fails with ERR_WIRE_OVERSIZED above the broker's limit. */
  publish(subject: string, payload: Uint8Array, headers?: Headers): void;
  /** `subject` may end in `>` or hold `*`. With a `queue`, one subscriber of that queue gets each message. */
  subscribe(subject: string, handler: (message: BusMessage) => void, options?: { readonly queue?: string }): Cancel;
  /** One answer. Fails with ERR_BUS_NO_RESPONDER at once when nobody serves it, else ERR_BUS_TIMEOUT. */
  request(subject: string, payload: Uint8Array, options: { readonly timeoutUs: number }): Promise<Uint8Array>;
  /**
   * Answers requests; discoverable as a micro service named `service`. A handler that rejects answers with that error: the
   * requester's promise fails with the same code (ERR_BUS_HANDLER where it was no `DroverError`).
   */
  serve(endpoint: Endpoint, handler: (message: BusMessage) => Promise<Uint8Array>): Promise<Cancel>;

  /**
   * Appends to the stream that takes `subject`. Without `expectedSequence` the append is unconditional.
   * Never throws for a lost answer: `unknown` says that it may or may not have been written, or may yet be (an append on
   * its way can land late), so read the last message. Fails with ERR_BUS_NO_STREAM where no stream takes the subject, with
   * ERR_WIRE_OVERSIZED above the broker's limit, with ERR_BUS_CLOSED after `close`.
   */
  append(subject: string, payload: Uint8Array, options: AppendOptions): Promise<AppendAnswer>;
  /**
   * Appends several messages to one subject, in order, with nothing of anybody else's in between: all or none where the
   * broker can and it pays, else one after the other, stopping at the first that is not `appended`. So whatever the answer is
   * but `appended`, a prefix may have been written, and reading the last message tells how long it is. At least one entry.
   */
  appendBatch(
    subject: string,
    batch: readonly BatchEntry[],
    options: { readonly expectedSequence: number; readonly timeoutUs: number },
  ): Promise<AppendAnswer>;
  /** The last message of a subject in its stream, read from the stream's leader. */
  readLast(subject: string): Promise<StreamMessage | undefined>;
  /** The first message at or after `sequence` whose subject matches `filter`. */
  readNext(stream: string, filter: string, sequence: number): Promise<StreamMessage | undefined>;
  /**
   * Delivers messages matching `filter` in stream order from `fromSequence` on, exactly once each per call, through
   * reconnects. `onCaughtUp` is called once, when everything that was there at the start has been delivered. Messages that
   * were trimmed before they were delivered are not seen: whoever must notice carries numbers of its own. Fails with
   * ERR_BUS_NO_STREAM.
   */
  consume(stream: string, options: ConsumeOptions, handler: (message: StreamMessage) => void): Promise<Cancel>;
  /**
   * Removes messages of the one subject (no wildcards) below `beforeSequence`, or all but the newest `keep` (at least 1). The
   * subject's last message always stays: it is the fence that `expectedSequence` compares with.
   */
  purge(stream: string, options: PurgeOptions): Promise<void>;
  streamState(stream: string): Promise<StreamState>;

  /** The connection as this host sees it. */
  connected(): boolean;
  onConnection(handler: (connected: boolean) => void): Cancel;
  /** Clients that the server saw leave or arrive ($SYS); `undefined` capability where there is no system account. */
  readonly clientEvents: ClientEvents | undefined;
  /** Sends what is queued, then leaves. */
  close(): Promise<void>;
}

export type Headers = Readonly<Record<string, string>>;

export interface BusMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Headers;
}

export interface StreamMessage extends BusMessage {
  readonly stream: string;
  readonly sequence: number;
  /** The server's time of the append, µs since 1970. */
  readonly atUs: number;
}

export interface Endpoint {
  /** Micro service name, `[A-Za-z0-9_-]+`. */
  readonly service: string;
  readonly subject: string;
  readonly queue?: string;
}

export interface AppendOptions {
  /** The sequence of the subject's last message; 0 when it must have none; undefined: whatever is there. */
  readonly expectedSequence?: number;
  /** Within the stream's duplicate window a second append with the same id answers `duplicate`. */
  readonly messageId?: string;
  readonly headers?: Headers;
  readonly timeoutUs: number;
}

export interface BatchEntry {
  readonly payload: Uint8Array;
  readonly headers?: Headers;
  readonly messageId?: string;
}

/**
 * - `appended`: written, as the subject's last message at that moment (for a batch: the last of it).
 * - `duplicate`: the message id was seen; whether it was one's own is for the caller to find out by reading. `sequence` is
 *   that of the message that was there, or 0 where the broker does not say (a batch).
 * - `refused`: the subject's last sequence was another one.
 * - `busy`: another append to the subject is in flight; try again.
 * - `full`: the stream is at its bound.
 * - `unknown`: no answer, or the connection was lost while it was out.
 */
export type AppendAnswer =
  | { readonly kind: 'appended'; readonly sequence: number }
  | { readonly kind: 'duplicate'; readonly sequence: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'full' }
  | { readonly kind: 'unknown' };

export interface ConsumeOptions {
  /** Or several, of which each message matches one at most. */
  readonly filter: string | readonly string[];
  /** 1 for everything; `last-per-subject` starts with the newest message of every matching subject. */
  readonly from: number | 'last-per-subject' | 'new';
  readonly onCaughtUp?: () => void;
  /** Consuming has ended for good (the stream is gone). Lost connections are not failures. */
  readonly onFailure?: (error: Error) => void;
}

export type PurgeOptions =
  | { readonly subject: string; readonly beforeSequence: number }
  | { readonly subject: string; readonly keep: number };

export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
  readonly bytesMax: number | undefined;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface ClientEvents {
  /** `name` is the client's connection name; drover names its connections `<host id>#<incarnation>`. */
  onDisconnect(handler: (client: { readonly name: string; readonly reason: string }) => void): Cancel;
  onConnect(handler: (client: { readonly name: string }) => void): Cancel;
}

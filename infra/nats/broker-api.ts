/**
 * JetStream's own calls (`$JS.API.…`): JSON out, JSON back. They are few and simple, and reading a stream's last message must
 * ask its leader (`STREAM.MSG.GET`), never a follower that may lag (`DIRECT.GET`), so drover speaks to them itself.
 *
 * A call waits for the link, and is repeated while the broker is not ready (it restarts, or elects a leader), until its time
 * is over. A leader that died answers nothing at all, and its successor has not heard the question, so an attempt is given up
 * long before the call is. All calls made here may be repeated safely.
 */

import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { StreamMessage, StreamState } from '../../src/ports/bus.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { decodeHeaderBlock, NO_HEADERS } from './headers.ts';
import type { Link } from './link.ts';
import { assertOpen } from './link.ts';
import type { Replies, Reply } from './replies.ts';

export interface BrokerApi {
  call<Answer>(name: string, body: unknown, timeoutUs?: number): Promise<Answer>;
  /** The stream that takes `subject`; ERR_BUS_NO_STREAM when there is none. */
  streamOf(subject: string, timeoutUs?: number): Promise<KnownStream>;
  /** As far as already known, without asking. */
  knownStreamOf(subject: string): KnownStream | undefined;
  /** Something answered in a way that does not fit what was known. */
  forgetStreams(): void;
  lastMessage(stream: string, subject: string): Promise<StreamMessage | undefined>;
  nextMessage(stream: string, filter: string, sequence: number): Promise<StreamMessage | undefined>;
  state(stream: string): Promise<StreamState>;
}

export interface KnownStream {
  readonly name: string;
  readonly filters: readonly (readonly string[])[];
  readonly atomicBatches: boolean;
  /** Whether the broker stages an atomic batch in files: an unreplicated stream on disk. Elsewhere it does so in memory. */
  readonly stagesOnDisk: boolean;
}

/** What JetStream said no to. `cause` of the `DroverError`s that leave this folder. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly brokerCode: number;
  constructor(brokerCode: number, description: string) {
    super(description);
    this.brokerCode = brokerCode;
  }
}

/** Error codes of nats-server (its `errors.json`) that drover acts on. */
export const brokerCode = {
  accountResourcesExceeded: 10002,
  temporarilyUnavailable: 10008,
  notEnabled: 10076,
  insufficientResources: 10023,
  memoryResourcesExceeded: 10028,
  noMessageFound: 10037,
  storageResourcesExceeded: 10047,
  messageAboveMaximum: 10054,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  storeFailed: 10077,
  fenceNotReady: 10163,
  /** "Wrong last sequence" without a number: another write to the subject is in flight, nothing was compared. */
  fenceInFlight: 10164,
  batchDisabled: 10174,
  batchIncomplete: 10176,
  batchTooLarge: 10199,
  batchDuplicate: 10201,
  batchTooManyInFlight: 10210,
  batchesTooMany: 10211,
} as const;

const CALL_TIMEOUT_US = 5_000_000;
const ATTEMPT_FIRST_US = 500_000;
const ATTEMPT_MAX_US = 1_000_000;
const RETRY_FIRST_US = 10_000;
const RETRY_MAX_US = 250_000;

const encoder = new TextEncoder();

export function createBrokerApi(link: Link, replies: Replies, clock: Clock): BrokerApi {
  let known: readonly KnownStream[] = [];
  let loading: Promise<void> | undefined;

  const askOnce = (question: { subject: string; payload: Uint8Array; timeoutUs: number }): Promise<Reply> =>
    new Promise((resolve) => {
      replies.ask(question, resolve);
    });

  const call = async <Answer>(name: string, body: unknown, timeoutUs = CALL_TIMEOUT_US): Promise<Answer> => {
    const deadlineUs = clock.monotonicUs() + timeoutUs;
    const payload = body === undefined ? new Uint8Array(0) : encoder.encode(JSON.stringify(body));
    let why = 'it did not answer';
    for (let waitUs = RETRY_FIRST_US, attemptUs = ATTEMPT_FIRST_US; ; waitUs = Math.min(2 * waitUs, RETRY_MAX_US)) {
      assertOpen(link);
      const leftUs = deadlineUs - clock.monotonicUs();
      if (leftUs <= 0)
        throw new DroverError('ERR_BUS_TIMEOUT', `The broker's ${name} did not succeed in ${timeoutUs / 1000} ms: ${why}.`, {
          retryable: true,
        });
      if (!(await link.whenUp(leftUs))) {
        assertOpen(link);
        throw new DroverError('ERR_BUS_DISCONNECTED', `The broker could not be reached for ${name}.`, { retryable: true });
      }
      const reply = await askOnce({
        subject: `$JS.API.${name}`,
        payload,
        timeoutUs: Math.max(1_000, Math.min(attemptUs, deadlineUs - clock.monotonicUs())),
      });
      if (reply.kind === 'answer') {
        const answer = reply.message.json<{ readonly error?: ApiError }>();
        if (answer.error === undefined) return answer as Answer;
        const error = new BrokerError(answer.error.err_code ?? answer.error.code, answer.error.description ?? 'no description');
        if (!isTransient(error.brokerCode)) throw error;
        why = error.message;
      } else {
        why = reply.kind === 'no-responder' ? 'JetStream does not answer' : reply.kind;
      }
      if (reply.kind === 'timeout') attemptUs = Math.min(2 * attemptUs, ATTEMPT_MAX_US);
      else if (reply.kind !== 'disconnected') await pause(clock, waitUs);
    }
  };

  const load = async (timeoutUs: number): Promise<void> => {
    const all: KnownStream[] = [];
    for (let offset = 0; ; ) {
      const page = await call<StreamListAnswer>('STREAM.LIST', { offset }, timeoutUs);
      for (const { config } of page.streams ?? []) {
        all.push({
          name: config.name,
          filters: (config.subjects ?? []).map((subject) => subject.split('.')),
          atomicBatches: config.allow_atomic === true,
          stagesOnDisk: config.storage === 'file' && config.num_replicas === 1,
        });
      }
      offset += page.streams?.length ?? 0;
      if (offset >= page.total || (page.streams?.length ?? 0) === 0) break;
    }
    known = all;
  };

  const knownStreamOf = (subject: string): KnownStream | undefined => {
    const tokens = subject.split('.');
    return known.find((stream) => stream.filters.some((filter) => matches(filter, tokens)));
  };

  const message = async (stream: string, body: unknown): Promise<StreamMessage | undefined> => {
    try {
      const answer = await call<MessageGetAnswer>(`STREAM.MSG.GET.${stream}`, body);
      return storedMessage(stream, answer.message);
    } catch (error) {
      if (error instanceof BrokerError && error.brokerCode === brokerCode.noMessageFound) return undefined;
      throw outward(error, stream);
    }
  };

  return {
    call,
    knownStreamOf,
    forgetStreams() {
      known = [];
    },
    async streamOf(subject, timeoutUs = CALL_TIMEOUT_US) {
      const present = knownStreamOf(subject);
      if (present !== undefined) return present;
      loading ??= load(timeoutUs).finally(() => {
        loading = undefined;
      });
      await loading.catch((error: unknown) => {
        throw outward(error, 'the list of streams');
      });
      const found = knownStreamOf(subject);
      if (found === undefined) throw new DroverError('ERR_BUS_NO_STREAM', `No stream takes ${subject}.`);
      return found;
    },
    lastMessage: (stream, subject) => message(stream, { last_by_subj: subject }),
    nextMessage: (stream, filter, sequence) => message(stream, { seq: Math.max(1, sequence), next_by_subj: filter }),
    async state(stream) {
      try {
        const { config, state } = await call<StreamInfoAnswer>(`STREAM.INFO.${stream}`, undefined);
        return {
          messages: state.messages,
          bytes: state.bytes,
          bytesMax: config.max_bytes !== undefined && config.max_bytes >= 0 ? config.max_bytes : undefined,
          firstSequence: state.first_seq,
          lastSequence: state.last_seq,
        };
      } catch (error) {
        throw outward(error, stream);
      }
    },
  };
}

/** What callers of the port see of a failed call. */
export function outward(error: unknown, stream: string): unknown {
  if (!(error instanceof BrokerError)) return error;
  if (error.brokerCode === brokerCode.streamNotFound)
    return new DroverError('ERR_BUS_NO_STREAM', `There is no stream ${stream}.`, { cause: error });
  return new DroverError(
    'ERR_BUS_REFUSED',
    `The broker refused a call about ${stream}: ${error.message} (${error.brokerCode}).`,
    { cause: error },
  );
}

const isTransient = (code: number): boolean =>
  code === brokerCode.temporarilyUnavailable || code === brokerCode.insufficientResources || code === brokerCode.notEnabled;

function matches(filter: readonly string[], tokens: readonly string[]): boolean {
  for (let at = 0; at < filter.length; at++) {
    if (filter[at] === '>') return tokens.length > at;
    if (at >= tokens.length || (filter[at] !== '*' && filter[at] !== tokens[at])) return false;
  }
  return filter.length === tokens.length;
}

export const pause = (clock: Clock, delayUs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayUs, resolve);
  });

function storedMessage(stream: string, stored: MessageGetAnswer['message']): StreamMessage {
  return {
    stream,
    subject: stored.subject,
    sequence: stored.seq,
    payload: stored.data === undefined ? new Uint8Array(0) : bytesOfBase64(stored.data),
    headers: stored.hdrs === undefined ? NO_HEADERS : decodeHeaderBlock(bytesOfBase64(stored.hdrs)),
    atUs: timeOfText(stored.time),
  };
}

function bytesOfBase64(text: string): Uint8Array {
  const decoded = Buffer.from(text, 'base64');
  return new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength);
}

/** RFC 3339 with up to nine fractional digits, as the broker writes it (always UTC) → µs since 1970. */
function timeOfText(text: string): number {
  const dot = text.indexOf('.');
  if (dot < 0) return Date.parse(text) * 1000;
  const seconds = Date.parse(`${text.slice(0, dot)}Z`);
  const fraction = text
    .slice(dot + 1, -1)
    .padEnd(6, '0')
    .slice(0, 6);
  return seconds * 1000 + Number(fraction);
}

interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

interface StreamListAnswer {
  readonly total: number;
  readonly streams?: readonly {
    readonly config: {
      readonly name: string;
      readonly subjects?: readonly string[];
      readonly allow_atomic?: boolean;
      readonly storage: string;
      readonly num_replicas: number;
    };
  }[];
}

interface StreamInfoAnswer {
  readonly config: { readonly max_bytes?: number };
  readonly state: { readonly messages: number; readonly bytes: number; readonly first_seq: number; readonly last_seq: number };
}

interface MessageGetAnswer {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly hdrs?: string;
    readonly data?: string;
    readonly time: string;
  };
}

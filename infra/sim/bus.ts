/**
 * One process's connection to the simulated broker: the `Bus` port. It behaves as the NATS adapter does (one contract
 * suite): publishes while disconnected are dropped, appends without an answer are `unknown`, consumers go on where they
 * were after any reconnect. Every callback reaches the process through `deliver`, so a dead process hears nothing and a
 * frozen one hears it all later. Payloads go by reference from the sender to every reader: nobody writes into one that was sent.
 */
import { assert } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type {
  AppendAnswer,
  AppendOptions,
  BatchEntry,
  Bus,
  BusMessage,
  ClientEvents,
  ConsumeOptions,
  Endpoint,
  Headers,
  PurgeOptions,
  StreamMessage,
  StreamState,
} from '../../src/ports/bus.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { Log } from '../../src/ports/log.ts';
import {
  type Client,
  type ClientEvent,
  NO_HEADERS,
  type Reply,
  type RequestAnswer,
  type Session,
  type SimBroker,
} from './broker.ts';
import type { DeathKind, Settle, SimProcess } from './host.ts';
import { drawUs, Pipe, type RangeUs, type SimLink } from './network.ts';
import { Out, type Pending } from './out.ts';
import type { Candidate, SimStream } from './stream.ts';

export interface SimBusOptions {
  /** What the broker's client events call this connection; by default the process's name. */
  readonly name?: string;
  readonly log?: Log;
  readonly counters?: Counters;
  /** Between a lost connection and the next attempt. */
  readonly reconnectUs?: RangeUs;
  readonly connectTimeoutUs?: number;
  readonly readTimeoutUs?: number;
}

/** Resolves when the connection stands for the first time. */
export function connectSim(broker: SimBroker, process: SimProcess, options: SimBusOptions = {}): Promise<SimBus> {
  return process.promise<SimBus>((settle) => {
    const bus: SimBus = new SimBus(broker, process, options, () => settle.resolve(bus));
    bus.start();
  });
}

const BATCH_MAX = 1_000;
/** What is refused here and now takes a moment all the same: a loop that tries again at once must not stop the world's time. */
const REFUSAL_US = 100;

interface LocalSubscription {
  readonly filter: string;
  readonly queue: string | undefined;
  readonly handle: (message: BusMessage, reply: Reply | undefined) => void;
}

interface LocalConsumer {
  readonly streamName: string;
  readonly options: ConsumeOptions;
  readonly handler: (message: StreamMessage) => void;
  readonly attached: () => void;
  readonly failed: (error: Error) => void;
  /** Known once the broker has taken the consumer for the first time. */
  position: { cursor: number; initial: number[]; readonly target: number } | undefined;
  caughtUp: boolean;
}

export class SimBus implements Bus, Client {
  readonly name: string;
  readonly clientEvents: ClientEvents | undefined;
  private readonly broker: SimBroker;
  private readonly process: SimProcess;
  private readonly link: SimLink;
  private readonly options: SimBusOptions;
  private readonly ready: () => void;
  private pipe: Pipe | undefined;
  /** Known once the broker's welcome has come; until then nothing is sent. */
  private session: Session | undefined;
  /** What the broker holds of this connection, welcome or not. */
  private accepted: Session | undefined;
  private closed = false;
  private ids = 0;
  private readonly subscriptions = new Map<number, LocalSubscription>();
  private readonly localConsumers = new Map<number, LocalConsumer>();
  private readonly pending: Pending = new Set();
  private readonly connectionHandlers = new Set<(connected: boolean) => void>();
  private readonly disconnectHandlers = new Set<(client: { readonly name: string; readonly reason: string }) => void>();
  private readonly connectHandlers = new Set<(client: { readonly name: string }) => void>();

  constructor(broker: SimBroker, process: SimProcess, options: SimBusOptions, ready: () => void) {
    this.broker = broker;
    this.process = process;
    this.name = options.name ?? process.name;
    this.link = broker.link(process.host.id);
    this.options = options;
    this.ready = ready;
    this.clientEvents = broker.options.systemAccount
      ? {
          onDisconnect: (handler) => this.watch(this.disconnectHandlers, handler),
          onConnect: (handler) => this.watch(this.connectHandlers, handler),
        }
      : undefined;
  }

  start(): void {
    this.process.onEnd((kind) => this.died(kind));
    this.connectNow();
  }

  publish(subject: string, payload: Uint8Array, headers: Headers = NO_HEADERS): void {
    this.limit(payload, headers);
    if (!this.connected() || !this.process.alive()) return;
    const message = { subject, payload, headers };
    this.pipe?.core('up', subject, () => this.broker.route(this.link, message));
  }

  subscribe(subject: string, handler: (message: BusMessage) => void, options: { readonly queue?: string } = {}): Cancel {
    return this.listen({
      filter: subject,
      queue: options.queue,
      handle: (message) => this.guarded(subject, () => handler(message)),
    });
  }

  request(subject: string, payload: Uint8Array, options: { readonly timeoutUs: number }): Promise<Uint8Array> {
    return this.ask<Uint8Array>(options.timeoutUs, `request on ${subject}`, (settle) => {
      this.limit(payload, NO_HEADERS);
      const message = { subject, payload, headers: NO_HEADERS };
      const answer = (given: RequestAnswer): void => {
        if (given.kind === 'answer') settle.resolve(given.payload);
        else settle.reject(given.error);
      };
      const pipe = this.pipe as Pipe;
      pipe.core('up', subject, () => {
        const interested = this.broker.route(this.link, message, (given) => pipe.core('down', subject, () => answer(given)));
        if (interested > 0) return;
        const error = new DroverError('ERR_BUS_NO_RESPONDER', `nobody serves ${subject}`, { retryable: true });
        pipe.core('down', subject, () => answer({ kind: 'error', error }));
      });
    });
  }

  serve(endpoint: Endpoint, handler: (message: BusMessage) => Promise<Uint8Array>): Promise<Cancel> {
    const { subject } = endpoint;
    const handle = (message: BusMessage, reply: Reply | undefined): void => {
      const pipe = this.pipe;
      const answer = (given: RequestAnswer): void => {
        if (reply !== undefined && this.process.alive()) pipe?.core('up', subject, () => reply(given));
      };
      // A handler that throws before its first await rejects like any other.
      void (async () => handler(message))().then(
        (payload) => answer({ kind: 'answer', payload }),
        (error: unknown) => {
          this.report(`the server of ${subject}`, error);
          answer({
            kind: 'error',
            error: error instanceof DroverError ? error : new DroverError('ERR_BUS_HANDLER', String(error)),
          });
        },
      );
    };
    return this.process.promise((settle) => {
      if (this.closed) settle.reject(closedError());
      else settle.resolve(this.listen({ filter: subject, queue: endpoint.queue, handle }));
    });
  }

  append(subject: string, payload: Uint8Array, options: AppendOptions): Promise<AppendAnswer> {
    const { headers = NO_HEADERS, messageId, expectedSequence } = options;
    return this.appendAll([{ subject, payload, headers, messageId, expectedSequence }], options.timeoutUs);
  }

  async appendBatch(
    subject: string,
    batch: readonly BatchEntry[],
    options: { readonly expectedSequence: number; readonly timeoutUs: number },
  ): Promise<AppendAnswer> {
    assert(batch.length > 0, 'a batch has at least one entry');
    const atomic = this.broker.options.atomicBatches && this.broker.streamTaking(subject).options.atomicBatches;
    const size = atomic ? BATCH_MAX : 1;
    let answer: AppendAnswer = { kind: 'unknown' };
    let expectedSequence = options.expectedSequence;
    for (let from = 0; from < batch.length; from += size) {
      const part = batch.slice(from, from + size).map(({ payload, headers = NO_HEADERS, messageId }, index) => ({
        subject,
        payload,
        headers,
        messageId,
        expectedSequence: index === 0 ? expectedSequence : undefined,
      }));
      answer = await this.appendAll(part, options.timeoutUs);
      if (answer.kind !== 'appended') return answer;
      expectedSequence = answer.sequence;
    }
    return answer;
  }

  readLast(subject: string): Promise<StreamMessage | undefined> {
    return this.read(
      subject,
      () => this.broker.streamTaking(subject),
      (stream) => stream.last(subject),
    );
  }

  readNext(stream: string, filter: string, sequence: number): Promise<StreamMessage | undefined> {
    return this.read(
      stream,
      () => this.broker.stream(stream),
      (found) => found.next(filter, sequence),
    );
  }

  consume(stream: string, options: ConsumeOptions, handler: (message: StreamMessage) => void): Promise<Cancel> {
    return this.process.promise((settle) => {
      if (this.closed) {
        settle.reject(closedError());
        return;
      }
      const id = ++this.ids;
      const cancel = (): void => {
        if (!this.localConsumers.delete(id)) return;
        this.up(stream, (session) => this.broker.detach(session, id));
      };
      const consumer: LocalConsumer = {
        streamName: stream,
        options,
        handler,
        attached: () => settle.resolve(cancel),
        failed: (error) => {
          this.localConsumers.delete(id);
          settle.reject(error);
        },
        position: undefined,
        caughtUp: false,
      };
      this.localConsumers.set(id, consumer);
      if (this.connected()) this.attach(id, consumer);
    });
  }

  purge(stream: string, options: PurgeOptions): Promise<void> {
    if ('keep' in options) assert(options.keep >= 1, 'a purge keeps at least one message');
    return this.read(
      stream,
      () => this.broker.stream(stream),
      (found) => found.purge(options),
    );
  }

  streamState(stream: string): Promise<StreamState> {
    return this.read(
      stream,
      () => this.broker.stream(stream),
      (found) => found.state(),
    );
  }

  connected(): boolean {
    return this.session !== undefined && !this.closed;
  }

  onConnection(handler: (connected: boolean) => void): Cancel {
    this.connectionHandlers.add(handler);
    return () => this.connectionHandlers.delete(handler);
  }

  close(): Promise<void> {
    return this.process.promise((settle) => {
      const { pipe, session } = this;
      if (this.closed || pipe === undefined || session === undefined) settle.resolve(undefined);
      else {
        pipe.last('up', () => {
          this.broker.disconnect(session, 'Client Closed');
          settle.resolve(undefined);
        });
      }
      this.closed = true;
      this.giveUp();
    });
  }

  // ——— called by the broker, at the moment of arrival ———

  message(subscription: number, message: BusMessage, reply: Reply | undefined): void {
    this.process.deliver(() => this.subscriptions.get(subscription)?.handle(message, reply));
  }

  consumed(id: number, message: StreamMessage): void {
    if (this.process.isFree()) this.hear(id, message);
    else this.process.deliver(() => this.hear(id, message));
  }

  private hear(id: number, message: StreamMessage): void {
    const consumer = this.localConsumers.get(id);
    const position = consumer?.position;
    if (consumer === undefined || position === undefined || this.closed) return;
    const { initial } = position;
    if (initial.length > 0) {
      // One that was trimmed on the way never comes: what comes after it passes it over.
      if (message.sequence < (initial[0] as number)) return;
      while (initial.length > 0 && (initial[0] as number) <= message.sequence) initial.shift();
    } else if (message.sequence < position.cursor) return;
    position.cursor = Math.max(position.cursor, message.sequence + 1);
    try {
      consumer.handler(message);
    } catch (error) {
      this.report(`the handler of ${message.subject}`, error);
    }
  }

  caughtUp(id: number): void {
    this.process.deliver(() => {
      const consumer = this.localConsumers.get(id);
      if (consumer === undefined || consumer.caughtUp) return;
      consumer.caughtUp = true;
      this.guarded(consumer.streamName, () => consumer.options.onCaughtUp?.());
    });
  }

  clientEvent(event: ClientEvent): void {
    this.process.deliver(() => {
      const handlers: Iterable<(client: ClientEvent) => void> =
        event.kind === 'connect' ? this.connectHandlers : this.disconnectHandlers;
      for (const handler of [...handlers]) this.guarded('$SYS', () => handler(event));
    });
  }

  lost(pipe: Pipe): void {
    this.process.deliver(() => {
      if (this.pipe !== pipe) return;
      pipe.cut();
      const { accepted, link } = this;
      if (accepted !== undefined) {
        // The broker hears of it at once where the link passes, and by its own patience where it does not.
        const { host, broker } = link.silenceUs;
        const laterUs = link.isBlocked('up') ? Math.max(0, broker - host) : 0;
        link.scheduler.after(laterUs + link.delay(), () =>
          this.broker.disconnect(accepted, laterUs > 0 ? 'Stale Connection' : 'Client Closed'),
        );
      }
      const wasConnected = this.session !== undefined;
      this.pipe = undefined;
      this.session = undefined;
      this.accepted = undefined;
      if (this.closed) return;
      this.giveUp();
      if (wasConnected) for (const handler of [...this.connectionHandlers]) this.guarded('connection', () => handler(false));
      this.process.after(drawUs(this.link.rng, this.options.reconnectUs ?? { min: 5_000, max: 50_000 }), () =>
        this.connectNow(),
      );
    });
  }

  // ——— the connection ———

  private connectNow(): void {
    if (this.closed || this.pipe !== undefined) return;
    const pipe = new Pipe(this.link);
    this.pipe = pipe;
    let accepted: Session | undefined;
    pipe.onSilent = (end) => {
      if (end === 'host') this.lost(pipe);
      else if (accepted !== undefined) this.broker.disconnect(accepted, 'Stale Connection');
    };
    pipe.reliable('up', '', () => {
      accepted = this.broker.connect(pipe, this.link, this);
      const welcomed = accepted;
      if (this.pipe === pipe) this.accepted = accepted;
      if (welcomed !== undefined) pipe.reliable('down', '', () => this.process.deliver(() => this.welcome(pipe, welcomed)));
    });
    this.process.after(this.options.connectTimeoutUs ?? 200_000, () => {
      if (this.session === undefined) this.lost(pipe);
    });
  }

  private welcome(pipe: Pipe, session: Session): void {
    if (this.pipe !== pipe || this.closed) return;
    this.session = session;
    for (const [id, { filter, queue }] of this.subscriptions)
      this.up(filter, () => this.broker.subscribe(session, { id, filter, queue }));
    for (const [id, consumer] of this.localConsumers) this.attach(id, consumer);
    if (this.disconnectHandlers.size + this.connectHandlers.size > 0) this.up('$SYS', () => (session.watching = true));
    this.ready();
    for (const handler of [...this.connectionHandlers]) this.guarded('connection', () => handler(true));
  }

  private died(kind: DeathKind): void {
    const { pipe } = this;
    this.session = undefined;
    if (pipe === undefined) return;
    // Without power nobody says that the connection is over: the broker finds out by the silence.
    const leave = (reason: string): void =>
      this.accepted === undefined ? pipe.cut() : this.broker.disconnect(this.accepted, reason);
    if (kind === 'power') this.link.scheduler.after(this.link.silenceUs.broker, () => leave('Stale Connection'));
    else pipe.last('up', () => leave('Client Closed'));
  }

  private giveUp(): void {
    for (const out of [...this.pending]) out.lost();
    this.pending.clear();
  }

  // ——— one thing out at a time, and how it ends ———

  private appendAll(batch: readonly Candidate[], timeoutUs: number): Promise<AppendAnswer> {
    return this.process.promise<AppendAnswer>((settle) => {
      const subject = (batch[0] as Candidate).subject;
      try {
        if (this.closed) throw closedError();
        for (const { payload, headers } of batch) this.limit(payload, headers);
        this.broker.streamTaking(subject);
      } catch (error) {
        settle.reject(error as Error);
        return;
      }
      const pipe = this.pipe;
      if (pipe === undefined || !this.connected()) {
        this.process.after(REFUSAL_US, () => settle.resolve({ kind: 'unknown' }));
        return;
      }
      const out = new Out<AppendAnswer>(this.process, this.pending, timeoutUs, (answer) =>
        settle.resolve(answer ?? { kind: 'unknown' }),
      );
      const fate = this.link.appendFate(subject);
      if (fate.kind === 'lost') return;
      const arrive = (): void =>
        this.broker.append(this.link, batch, (answer) => {
          if (fate.kind === 'normal') pipe.reliable('down', subject, () => out.delivered(answer));
        });
      if (fate.kind === 'late') this.link.scheduler.after(fate.lateUs, arrive);
      else pipe.reliable('up', subject, arrive);
    });
  }

  private read<T>(lane: string, find: () => SimStream, run: (stream: SimStream) => T): Promise<T> {
    return this.ask<T>(this.options.readTimeoutUs ?? 5_000_000, `read of ${lane}`, (settle) => {
      const stream = find();
      const pipe = this.pipe as Pipe;
      pipe.reliable('up', lane, () => {
        this.broker.ask(this.link, stream, () => {
          const value = run(stream);
          pipe.reliable('down', lane, () => settle.resolve(value));
        });
      });
    });
  }

  /** A question that ends in its answer, in ERR_BUS_TIMEOUT, or in ERR_BUS_DISCONNECTED. */
  private ask<T>(timeoutUs: number, what: string, send: (settle: Settle<T>) => void): Promise<T> {
    return this.process.promise<T>((settle) => {
      if (this.closed) {
        settle.reject(closedError());
        return;
      }
      if (!this.connected()) {
        this.process.after(REFUSAL_US, () =>
          settle.reject(new DroverError('ERR_BUS_DISCONNECTED', `not connected: ${what}`, { retryable: true })),
        );
        return;
      }
      const out = new Out<() => void>(this.process, this.pending, timeoutUs, (run, reason) => {
        if (run !== undefined) run();
        else if (this.closed) settle.reject(closedError());
        else if (reason === 'timeout')
          settle.reject(new DroverError('ERR_BUS_TIMEOUT', `no answer in time: ${what}`, { retryable: true }));
        else settle.reject(new DroverError('ERR_BUS_DISCONNECTED', `the connection was lost: ${what}`, { retryable: true }));
      });
      try {
        send({
          resolve: (value) => out.delivered(() => settle.resolve(value)),
          reject: (error) => out.delivered(() => settle.reject(error)),
        });
      } catch (error) {
        out.end(() => settle.reject(error as Error));
      }
    });
  }

  private attach(id: number, consumer: LocalConsumer): void {
    const lane = `consumer ${id}`;
    const { filter, from } = consumer.options;
    const arrive = (session: Session, pipe: Pipe): void => {
      let stream: SimStream;
      try {
        stream = this.broker.stream(consumer.streamName);
      } catch (error) {
        pipe.reliable('down', lane, () => this.process.deliver(() => consumer.failed(error as Error)));
        return;
      }
      const last = stream.lastSequence();
      const position = consumer.position ?? {
        initial: from === 'last-per-subject' ? stream.lastOfEach(filter) : [],
        cursor: typeof from === 'number' ? from : last + 1,
        target: from === 'new' ? 0 : last,
      };
      pipe.reliable('down', lane, () => {
        this.process.deliver(() => {
          consumer.position ??= { ...position, initial: [...position.initial] };
          consumer.attached();
        });
      });
      this.broker.attach(session, {
        id,
        stream,
        filter,
        lane,
        initial: [...position.initial],
        cursor: position.cursor,
        target: position.target,
        caughtUp: consumer.caughtUp,
      });
    };
    this.up(lane, (session, pipe) => this.broker.whenQuorum(session, () => arrive(session, pipe)));
  }

  private listen(subscription: LocalSubscription): Cancel {
    const id = ++this.ids;
    this.subscriptions.set(id, subscription);
    const { filter, queue } = subscription;
    this.up(filter, (session) => this.broker.subscribe(session, { id, filter, queue }));
    return () => {
      if (this.subscriptions.delete(id)) this.up(filter, (session) => this.broker.unsubscribe(session, id));
    };
  }

  private watch<H>(handlers: Set<H>, handler: H): Cancel {
    handlers.add(handler);
    this.up('$SYS', (session) => (session.watching = true));
    return () => handlers.delete(handler);
  }

  /** Sends a protocol message, if connected; what matters is sent again after a reconnect. */
  private up(lane: string, arrive: (session: Session, pipe: Pipe) => void): void {
    const { pipe, session } = this;
    if (pipe === undefined || session === undefined || this.closed || !this.process.alive()) return;
    pipe.reliable('up', lane, () => arrive(session, pipe));
  }

  private limit(payload: Uint8Array, headers: Headers): void {
    let bytes = payload.length;
    for (const name in headers) bytes += name.length + (headers[name] as string).length + 4;
    if (bytes > this.broker.options.payloadBytesMax) {
      throw new DroverError('ERR_WIRE_OVERSIZED', `${bytes} bytes; the broker takes ${this.broker.options.payloadBytesMax}`);
    }
  }

  private guarded(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.report(`the handler of ${what}`, error);
    }
  }

  private report(what: string, error: unknown): void {
    this.options.counters?.add('bus.handlerFailed');
    this.options.log?.error(`${what} failed`, {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

const closedError = (): DroverError => new DroverError('ERR_BUS_CLOSED', 'this bus was closed');

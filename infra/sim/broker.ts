/**
 * The simulated broker: one server as the hosts see it, with JetStream's semantics. What a host sends arrives over its pipe
 * (`network.ts`), is judged by the stream (`stream.ts`), and the answer travels back; the host's end is `bus.ts`.
 *
 * B1. What was answered as appended is in the stream, whatever dies afterwards: the broker's disk loses nothing. An append
 *     under way when the broker dies is either in or not, and nobody is told.
 * B2. A killed process is seen as a closed connection and reported on $SYS some milliseconds later; so is a clean close. A
 *     frozen one is not seen at all, a machine without power and a silent link only when the silence is too long.
 * B3. Events on $SYS come in the order in which the broker saw them. A dead broker reports nobody's leaving.
 * B4. A cluster whose brokers lose sight of one another has a side with the quorum and a side without. Clients of the side
 *     without stay connected and reach one another; nothing they ask of a stream is answered, and what they append is in no
 *     stream, ever.
 */
import { assert } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { AppendAnswer, BusMessage, Headers, StreamMessage } from '../../src/ports/bus.ts';
import { SIM_EPOCH_US, type SimScheduler } from './clock.ts';
import { chance, drawUs, type LinkOptions, type Pipe, type RangeUs, SimLink } from './network.ts';
import { type Candidate, SimStream, type SimStreamOptions } from './stream.ts';
import { SubjectTree } from './subject.ts';

export interface BrokerOptions {
  /** How long an append of a replicated stream is in flight. */
  readonly commitUs: RangeUs;
  readonly clientEventUs: RangeUs;
  /** false: no system account, so no client events. */
  readonly systemAccount: boolean;
  /** Whether `appendBatch` is all or none (nats-server ≥ 2.12). */
  readonly atomicBatches: boolean;
  readonly payloadBytesMax: number;
}

export const BROKER_DEFAULTS: BrokerOptions = {
  commitUs: { min: 150, max: 600 },
  clientEventUs: { min: 3_000, max: 4_000 },
  systemAccount: true,
  atomicBatches: true,
  payloadBytesMax: 1024 * 1024,
};

/** The client's end of a connection, as the broker needs it. */
export interface Client {
  readonly name: string;
  message(subscription: number, message: BusMessage, reply: Reply | undefined): void;
  consumed(consumer: number, message: StreamMessage): void;
  caughtUp(consumer: number): void;
  clientEvent(event: ClientEvent): void;
  /** The connection is gone; called as the world lets the host notice. */
  lost(pipe: Pipe): void;
}

export interface ClientEvent {
  readonly kind: 'connect' | 'disconnect';
  readonly name: string;
  readonly reason: string;
}

export type Reply = (answer: RequestAnswer) => void;
export type RequestAnswer =
  | { readonly kind: 'answer'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly error: DroverError };

export interface Subscription {
  readonly id: number;
  readonly filter: string;
  readonly queue: string | undefined;
}

export class SimBroker {
  readonly scheduler: SimScheduler;
  readonly rng: Rng;
  readonly options: BrokerOptions;
  private readonly streams = new Map<string, SimStream>();
  private readonly streamOfSubject = new Map<string, SimStream | undefined>();
  private readonly links = new Map<string, SimLink>();
  private readonly sessions = new Set<Session>();
  /** Every subscription of every session, by its filter. */
  private readonly interests = new SubjectTree<Route>();
  private readonly routes = new Map<string, readonly Route[]>();
  private readonly consumers = new Map<SimStream, StreamConsumers>();
  private readonly commits = new Map<SimStream, CommitQueue>();
  private readonly stalls = new Map<SimStream, Stall>();
  private readonly listeners: ((message: StreamMessage) => void)[] = [];
  private orders = 0;
  private minority: ReadonlySet<SimLink> = new Set();
  private isolations = 0;
  private readonly waitingForQuorum: { readonly session: Session; readonly run: () => void }[] = [];
  private lastEventUs = 0;
  private up = true;
  private downs = 0;

  constructor(
    options: {
      readonly scheduler: SimScheduler;
      readonly rng: Rng;
      readonly streams?: readonly SimStreamOptions[];
    } & Partial<BrokerOptions>,
  ) {
    const { scheduler, rng, streams = [], ...rest } = options;
    this.scheduler = scheduler;
    this.rng = rng.stream('broker');
    this.options = { ...BROKER_DEFAULTS, ...rest };
    for (const stream of streams) this.addStream(stream);
  }

  addStream(options: SimStreamOptions): SimStream {
    assert(!this.streams.has(options.name), `stream ${options.name} is added once`);
    const stream = new SimStream(options);
    this.streams.set(options.name, stream);
    this.streamOfSubject.clear();
    this.consumers.set(stream, new StreamConsumers());
    this.commits.set(stream, { atUs: 0, open: new Set() });
    return stream;
  }

  /** The stream itself, for checkers and scenarios: what the quorum has, without any host's view. */
  stream(name: string): SimStream {
    const stream = this.streams.get(name);
    if (stream === undefined) throw new DroverError('ERR_BUS_NO_STREAM', `there is no stream ${name}`);
    return stream;
  }

  streamTaking(subject: string): SimStream {
    let stream = this.streamOfSubject.get(subject);
    if (stream === undefined) {
      for (const candidate of this.streams.values()) if (candidate.takes(subject)) stream = candidate;
      if (stream === undefined) throw new DroverError('ERR_BUS_NO_STREAM', `no stream takes ${subject}`);
      this.streamOfSubject.set(subject, stream);
    }
    return stream;
  }

  /** Every message of every stream, as it is committed. */
  onCommit(listener: (message: StreamMessage) => void): void {
    this.listeners.push(listener);
  }

  /** The link of one host; made on first use. */
  link(host: string, options?: LinkOptions): SimLink {
    let link = this.links.get(host);
    if (link === undefined) {
      link = new SimLink(this.scheduler, this.rng.stream(`link ${host}`), options);
      this.links.set(host, link);
    } else if (options !== undefined) link.options = options;
    return link;
  }

  allLinks(): IterableIterator<SimLink> {
    return this.links.values();
  }

  isUp(): boolean {
    return this.up;
  }

  /** The server dies and comes back: connections break, streams stay, appends under way are in or not. */
  restart(downUs: number): void {
    this.up = false;
    const down = ++this.downs;
    for (const session of [...this.sessions]) {
      this.drop(session);
      this.scheduler.after(session.link.delay(), () => session.client.lost(session.pipe));
    }
    for (const [stream, queue] of this.commits) {
      for (const entry of [...queue.open]) {
        entry.cancel();
        queue.open.delete(entry);
        if (this.rng.below(2) === 0) this.commit(stream, entry.batch);
        else for (const candidate of entry.batch) stream.abandon(candidate);
      }
    }
    for (const stall of this.stalls.values()) stall.cancel();
    this.stalls.clear();
    this.scheduler.after(downUs, () => {
      if (down === this.downs) this.up = true;
    });
  }

  /**
   * The stream has no leader for a while. What comes in waits; at the end each waiting append lands with the given chance.
   * Reads wait too. Callers have given up on most of it by then.
   */
  stall(streamName: string, forUs: number, landPpm = 500_000): void {
    const stream = this.stream(streamName);
    this.stalls.get(stream)?.cancel();
    const waiting = this.stalls.get(stream)?.waiting ?? [];
    const cancel = this.scheduler.after(forUs, () => {
      this.stalls.delete(stream);
      for (const { kind, run } of waiting) if (kind === 'read' || chance(this.rng, landPpm)) run();
    });
    this.stalls.set(stream, { waiting, cancel });
  }

  /** For so long these hosts are connected to brokers without a quorum (B4); a later call replaces an earlier one. */
  isolate(hosts: readonly string[], forUs: number): void {
    this.reunite();
    this.minority = new Set(hosts.map((host) => this.link(host)));
    const isolation = ++this.isolations;
    this.scheduler.after(forUs, () => {
      if (isolation === this.isolations) this.reunite();
    });
  }

  reunite(): void {
    const rejoined = this.minority;
    this.minority = new Set();
    this.isolations++;
    for (const { session, run } of this.waitingForQuorum.splice(0)) if (this.sessions.has(session)) run();
    for (const { link, consumers } of this.sessions)
      if (rejoined.has(link)) for (const consumer of consumers.values()) this.pump(consumer);
  }

  /** Now, or when the session's broker has found a quorum again. */
  whenQuorum(session: Session, run: () => void): void {
    if (this.hasQuorum(session.link)) run();
    else this.waitingForQuorum.push({ session, run });
  }

  private hasQuorum(link: SimLink): boolean {
    return !this.minority.has(link);
  }

  // ——— what arrives over the pipes ———

  connect(pipe: Pipe, link: SimLink, client: Client): Session | undefined {
    if (!this.up) return undefined;
    const session: Session = { pipe, link, client, subscriptions: new Map(), consumers: new Map(), watching: false };
    this.sessions.add(session);
    this.report(link, { kind: 'connect', name: client.name, reason: '' });
    return session;
  }

  disconnect(session: Session, reason: string): void {
    if (!this.sessions.has(session)) return;
    this.drop(session);
    this.report(session.link, { kind: 'disconnect', name: session.client.name, reason });
    const { host, broker } = session.link.silenceUs;
    this.scheduler.after(Math.max(0, host - broker) + session.link.delay(), () => session.client.lost(session.pipe));
  }

  subscribe(session: Session, subscription: Subscription): void {
    this.unsubscribe(session, subscription.id);
    const { id, filter, queue } = subscription;
    const route: Route = { session, id, queue, order: ++this.orders };
    session.subscriptions.set(id, { ...subscription, route });
    this.interests.add(filter, route);
    this.interestChanged(filter);
  }

  unsubscribe(session: Session, id: number): void {
    const subscription = session.subscriptions.get(id);
    if (subscription === undefined) return;
    session.subscriptions.delete(id);
    this.interests.remove(subscription.filter, subscription.route);
    this.interestChanged(subscription.filter);
  }

  /** Gives a core message to everyone interested on the sender's side; of each queue to one. Returns how many. */
  route(from: SimLink, message: BusMessage, reply?: Reply): number {
    const all = this.routesOf(message.subject);
    const routes =
      this.minority.size === 0 ? all : all.filter(({ session }) => this.hasQuorum(session.link) === this.hasQuorum(from));
    let queues: Map<string, Route[]> | undefined;
    for (const route of routes) {
      if (route.queue === undefined) this.send(route, message, reply);
      else {
        queues ??= new Map();
        const members = queues.get(route.queue);
        if (members === undefined) queues.set(route.queue, [route]);
        else members.push(route);
      }
    }
    for (const members of queues?.values() ?? []) this.send(members[this.rng.below(members.length)] as Route, message, reply);
    return routes.length;
  }

  /** `answer` is called when the stream has decided; never, where the broker died or the append was lost in a stall. */
  append(from: SimLink, batch: readonly Candidate[], answer: (answer: AppendAnswer) => void): void {
    if (!this.up || !this.hasQuorum(from)) return;
    const stream = this.streamTaking((batch[0] as Candidate).subject);
    const stall = this.stalls.get(stream);
    if (stall !== undefined) {
      stall.waiting.push({ kind: 'append', run: () => this.append(from, batch, answer) });
      return;
    }
    const no = stream.check(batch, this.scheduler.nowUs());
    if (no !== undefined) {
      answer(no);
      return;
    }
    if (!stream.replicated) {
      answer({ kind: 'appended', sequence: this.commit(stream, batch) });
      return;
    }
    for (const candidate of batch) stream.begin(candidate);
    const queue = this.commits.get(stream) as CommitQueue;
    queue.atUs = Math.max(queue.atUs, this.scheduler.nowUs() + drawUs(this.rng, this.options.commitUs));
    const entry: InFlight = { batch, cancel: () => undefined };
    entry.cancel = this.scheduler.at(queue.atUs, () => {
      queue.open.delete(entry);
      answer({ kind: 'appended', sequence: this.commit(stream, batch) });
    });
    queue.open.add(entry);
  }

  /** A read or purge at the stream's leader. */
  ask(from: SimLink, stream: SimStream, run: () => void): void {
    if (!this.up || !this.hasQuorum(from)) return;
    const stall = this.stalls.get(stream);
    if (stall === undefined) run();
    else stall.waiting.push({ kind: 'read', run });
  }

  attach(session: Session, consumer: Omit<ServerConsumer, 'session' | 'order' | 'outstanding' | 'live'>): void {
    const attached: ServerConsumer = { ...consumer, session, order: ++this.orders, outstanding: 0, live: false };
    session.consumers.set(consumer.id, attached);
    this.consumersOf(consumer.stream).add(attached);
    this.pump(attached);
  }

  detach(session: Session, id: number): void {
    const consumer = session.consumers.get(id);
    if (consumer === undefined) return;
    session.consumers.delete(id);
    this.consumersOf(consumer.stream).remove(consumer);
  }

  // ——— inside ———

  private commit(stream: SimStream, batch: readonly Candidate[]): number {
    const nowUs = this.scheduler.nowUs();
    let sequence = 0;
    for (const candidate of batch) {
      if (stream.replicated) stream.abandon(candidate);
      const message = stream.commit(candidate, nowUs, SIM_EPOCH_US + nowUs);
      sequence = message.sequence;
      for (const listener of this.listeners) listener(message);
      for (const consumer of this.consumersOf(stream).interested(message.subject)) {
        if (consumer.live && consumer.outstanding < WINDOW && this.hasQuorum(consumer.session.link)) {
          consumer.cursor = message.sequence + 1;
          this.push(consumer, message);
        } else {
          consumer.live = false;
          this.pump(consumer);
        }
      }
    }
    return sequence;
  }

  private pump(consumer: ServerConsumer): void {
    if (!this.hasQuorum(consumer.session.link)) return;
    const { stream } = consumer;
    while (consumer.outstanding < WINDOW) {
      const initial = consumer.initial.shift();
      const message = initial === undefined ? stream.next(consumer.filter, consumer.cursor) : stream.at(initial);
      if (!consumer.caughtUp && initial === undefined && (message === undefined || message.sequence > consumer.target)) {
        consumer.caughtUp = true;
        consumer.session.pipe.reliable('down', consumer.lane, () => consumer.session.client.caughtUp(consumer.id));
      }
      if (message === undefined) {
        if (initial !== undefined) continue;
        consumer.cursor = stream.lastSequence() + 1;
        consumer.live = true;
        return;
      }
      consumer.cursor = Math.max(consumer.cursor, message.sequence + 1);
      this.push(consumer, message);
    }
    consumer.live = false;
  }

  private push(consumer: ServerConsumer, message: StreamMessage): void {
    consumer.outstanding++;
    const { pipe, client } = consumer.session;
    pipe.reliable('down', consumer.lane, () => {
      consumer.outstanding--;
      client.consumed(consumer.id, message);
      if (!consumer.live && consumer.session.consumers.get(consumer.id) === consumer) this.pump(consumer);
    });
  }

  private routesOf(subject: string): readonly Route[] {
    let routes = this.routes.get(subject);
    if (routes === undefined) {
      routes = this.interests.of(subject).sort((a, b) => a.order - b.order);
      this.routes.set(subject, routes);
    }
    return routes;
  }

  /** What was found for subjects that it may match is looked for anew. */
  private interestChanged(filter: string): void {
    if (filter.includes('*') || filter.includes('>')) this.routes.clear();
    else this.routes.delete(filter);
  }

  private send(route: Route, message: BusMessage, reply: Reply | undefined): void {
    route.session.pipe.core('down', message.subject, () => route.session.client.message(route.id, message, reply));
  }

  /** Nothing of the session works any more; nobody is told. */
  private drop(session: Session): void {
    session.pipe.cut();
    this.sessions.delete(session);
    for (const id of [...session.subscriptions.keys()]) this.unsubscribe(session, id);
    for (const consumer of session.consumers.values()) this.consumersOf(consumer.stream).remove(consumer);
    session.consumers.clear();
  }

  private report(from: SimLink, event: ClientEvent): void {
    if (!this.options.systemAccount) return;
    this.lastEventUs = Math.max(this.lastEventUs, this.scheduler.nowUs() + drawUs(this.rng, this.options.clientEventUs));
    const downs = this.downs;
    this.scheduler.at(this.lastEventUs, () => {
      if (downs !== this.downs) return;
      for (const { watching, link, pipe, client } of this.sessions)
        if (watching && this.hasQuorum(link) === this.hasQuorum(from))
          pipe.core('down', '$SYS', () => client.clientEvent(event));
    });
  }

  private consumersOf(stream: SimStream): StreamConsumers {
    return this.consumers.get(stream) as StreamConsumers;
  }
}

/** A connection as the broker holds it. */
export interface Session {
  readonly pipe: Pipe;
  readonly link: SimLink;
  readonly client: Client;
  readonly subscriptions: Map<number, Subscription & { readonly route: Route }>;
  readonly consumers: Map<number, ServerConsumer>;
  /** Wants client events. */
  watching: boolean;
}

export interface ServerConsumer {
  readonly id: number;
  readonly session: Session;
  readonly stream: SimStream;
  readonly filter: string | readonly string[];
  readonly lane: string;
  readonly order: number;
  /** Sequences to deliver before the cursor counts (`last-per-subject`). */
  readonly initial: number[];
  cursor: number;
  /** Caught up when everything up to here was sent. */
  readonly target: number;
  caughtUp: boolean;
  outstanding: number;
  /** Everything that matches was sent: the next commit goes out without a search. */
  live: boolean;
}

interface Route {
  readonly session: Session;
  readonly id: number;
  readonly queue: string | undefined;
  /** Of subscribing: whoever came first is sent to first. */
  readonly order: number;
}

interface InFlight {
  readonly batch: readonly Candidate[];
  cancel: () => void;
}

interface CommitQueue {
  /** Commits keep their order. */
  atUs: number;
  readonly open: Set<InFlight>;
}

interface Stall {
  readonly waiting: { readonly kind: 'append' | 'read'; readonly run: () => void }[];
  readonly cancel: () => void;
}

/** Messages on their way to one consumer before the broker waits for it. */
const WINDOW = 512;

/** A stream's consumers, with who wants which subject remembered. */
class StreamConsumers {
  private readonly all = new SubjectTree<ServerConsumer>();
  private readonly bySubject = new Map<string, readonly ServerConsumer[]>();

  add(consumer: ServerConsumer): void {
    for (const filter of filtersOf(consumer)) {
      this.all.add(filter, consumer);
      this.changed(filter);
    }
  }

  remove(consumer: ServerConsumer): void {
    for (const filter of filtersOf(consumer)) {
      this.all.remove(filter, consumer);
      this.changed(filter);
    }
  }

  interested(subject: string): readonly ServerConsumer[] {
    let consumers = this.bySubject.get(subject);
    if (consumers === undefined) {
      consumers = this.all.of(subject).sort((a, b) => a.order - b.order);
      this.bySubject.set(subject, consumers);
    }
    return consumers;
  }

  private changed(filter: string): void {
    if (filter.includes('*') || filter.includes('>')) this.bySubject.clear();
    else this.bySubject.delete(filter);
  }
}

const filtersOf = ({ filter }: ServerConsumer): readonly string[] => (typeof filter === 'string' ? [filter] : filter);

export const NO_HEADERS: Headers = {};

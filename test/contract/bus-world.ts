/** What the parts of the bus contract share: the fixture they are given, and the few moves that most tests make. */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { AppendAnswer, Bus, StreamMessage } from '../../src/ports/bus.ts';

/** A fresh broker with `contractStreams` created, and two hosts connected to it. */
export interface BusFixture {
  readonly hosts: readonly [BusHost, BusHost];
  /** Connects one more host under that connection name. */
  join(name: string): Promise<BusHost>;
  /** Lets that much time pass. */
  elapse(us: number): Promise<void>;
  /** Resolves or rejects as `promise` does, letting time pass for as long as that takes. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** The broker's process dies and comes back with what it had stored. Resolves when it accepts connections. */
  restartBroker(): Promise<void>;
  /** The largest payload and headers together that this broker takes. */
  readonly payloadBytesMax: number;
  close(): Promise<void>;
}

export interface BusHost {
  /** The connection's name, as others see it in client events. */
  readonly name: string;
  readonly bus: Bus;
  /**
   * `both`: nothing passes any more, and the host notices within a second. `answers`: what the host sends still reaches
   * the broker, nothing comes back.
   */
  cutLink(direction?: 'both' | 'answers'): void;
  /** The link passes again; what was on its way is lost, and the host connects anew. */
  healLink(): void;
  /** The host's process dies: no goodbye, nothing flushed. Its bus must not be used any more. */
  kill(): void;
}

/** Of what is answered: no test waits for its end. */
export const TIMEOUT_US = 60_000_000;
export const GIVE_UP_US = 60_000_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (payload: Uint8Array): string => decoder.decode(payload);
export const texts = (messages: readonly { readonly payload: Uint8Array }[]): string[] =>
  messages.map((message) => text(message.payload));
export const numbered = (prefix: string, count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${from + index}`);

/** Declares one test. */
export type Check = (title: string, run: (world: World) => Promise<void>) => void;

/** The fixture with the few moves that most tests make. */
export class World {
  readonly fixture: BusFixture;
  readonly a: BusHost;
  readonly b: BusHost;

  constructor(fixture: BusFixture) {
    this.fixture = fixture;
    [this.a, this.b] = fixture.hosts;
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.fixture.settle(promise);
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let waitedUs = 0; !holds(); waitedUs += 5_000) {
      if (waitedUs > GIVE_UP_US) throw new Error(`waited in vain until ${what}`);
      await this.fixture.elapse(5_000);
    }
  }

  /** Long enough for anything that is under way to have arrived: for showing that something does *not* happen. */
  quiet(): Promise<void> {
    return this.fixture.elapse(150_000);
  }

  /** What these hosts have subscribed to, they hear from here on: an answer comes behind all that they asked for before. */
  async listening(...hosts: readonly BusHost[]): Promise<void> {
    await this.quiet();
    for (const { bus } of hosts) await this.settle(bus.readLast('ledger.nobody'));
  }

  /** `host` is told of others that come and go: it has been told of one. Its own handlers are there already. */
  async watching(host: BusHost): Promise<void> {
    let seen = false;
    const cancel = host.bus.clientEvents?.onConnect(({ name }) => {
      seen ||= name.startsWith('client.probe');
    });
    for (let probe = 1; !seen; probe++) {
      if (probe > 100) throw new Error('nobody is told of hosts that come');
      await this.settle(this.fixture.join(`client.probe${probe}#1`));
      await this.quiet();
    }
    cancel?.();
  }

  append(bus: Bus, subject: string, payload: string, expectedSequence?: number): Promise<AppendAnswer> {
    const options = expectedSequence === undefined ? { timeoutUs: TIMEOUT_US } : { timeoutUs: TIMEOUT_US, expectedSequence };
    return this.settle(bus.append(subject, bytes(payload), options));
  }

  /** Appends and insists; returns the sequence. */
  async put(bus: Bus, subject: string, payload: string, expectedSequence?: number): Promise<number> {
    const answer = await this.append(bus, subject, payload, expectedSequence);
    if (answer.kind !== 'appended') throw new Error(`${payload} on ${subject} was ${answer.kind}`);
    return answer.sequence;
  }

  /** As `put`, trying again while the broker is away; for appends whose doubling the message id prevents. */
  async putStubbornly(bus: Bus, subject: string, payload: string): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = await this.settle(
        bus.append(subject, bytes(payload), { timeoutUs: 500_000, messageId: `${subject}/${payload}` }),
      );
      if (answer.kind === 'appended' || answer.kind === 'duplicate') return;
      await this.fixture.elapse(50_000);
    }
    throw new Error(`${payload} on ${subject} never got through`);
  }

  async lastText(bus: Bus, subject: string): Promise<string | undefined> {
    const last = await this.settle(bus.readLast(subject));
    return last === undefined ? undefined : text(last.payload);
  }

  /** Everything a stream holds under `filter`, read one by one. */
  async readAll(bus: Bus, stream: string, filter: string): Promise<StreamMessage[]> {
    const all: StreamMessage[] = [];
    for (let sequence = 1; ; ) {
      const message = await this.settle(bus.readNext(stream, filter, sequence));
      if (message === undefined) return all;
      all.push(message);
      sequence = message.sequence + 1;
    }
  }

  async failure(promise: Promise<unknown>): Promise<string> {
    try {
      await this.settle(promise);
    } catch (error) {
      if (error instanceof DroverError) return error.code;
      throw error;
    }
    throw new Error('it should have failed');
  }
}

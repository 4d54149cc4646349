/**
 * What every implementation of `src/ports/bus.ts` must do; run by `bus-nats.test.ts` and `bus-sim.test.ts`.
 *
 * The suite owns no clock. A test waits with `elapse` (real time on NATS, virtual in the simulator) and hands every promise
 * of a bus to `settle`, so that a simulated world can be stepped until it resolves. Time appears only as the bound after
 * which a test gives up. Where the port leaves a choice (refused or duplicate, written or not after `unknown`), the test
 * states what is promised and accepts either.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { StreamSpec } from '../../src/domain/protocol/streams.ts';
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

/** The streams a fixture creates. */
export const contractStreams: readonly StreamSpec[] = [
  { name: 'LEDGER', subjects: ['ledger.>'], discard: 'new', duplicateWindowUs: 120_000_000, atomicBatches: true },
  { name: 'NARROW', subjects: ['narrow.>'], discard: 'new', messagesMax: 4, duplicateWindowUs: 120_000_000, atomicBatches: false },
  { name: 'RING', subjects: ['ring.>'], discard: 'old', messagesMax: 4, duplicateWindowUs: 120_000_000, atomicBatches: false },
];

export interface BusImplementation {
  open(): Promise<BusFixture>;
  /** Tests that this implementation cannot pass, by exact name, each with its reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

const TIMEOUT_US = 2_000_000;
const GIVE_UP_US = 15_000_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);
const text = (payload: Uint8Array): string => decoder.decode(payload);
const texts = (messages: readonly { readonly payload: Uint8Array }[]): string[] => messages.map((message) => text(message.payload));
const numbered = (prefix: string, count: number, from = 1): string[] => Array.from({ length: count }, (_, index) => `${prefix}${from + index}`);

export function describeBus(name: string, implementation: BusImplementation): void {
  const skipped = new Map<string, string>();
  for (const { reason, tests } of implementation.skip ?? []) for (const test of tests) skipped.set(test, reason);

  describe(`bus contract: ${name}`, () => {
    let open: BusFixture | undefined;
    afterEach(async () => {
      await open?.close();
      open = undefined;
    });

    const check = (title: string, run: (world: World) => Promise<void>): void => {
      const reason = skipped.get(title);
      skipped.delete(title);
      if (reason !== undefined) {
        it.skip(`${title} (${reason})`, () => undefined);
        return;
      }
      it(title, async () => {
        open = await implementation.open();
        await run(new World(open));
      });
    };

    describe('core messages', () => {
      coreMessages(check);
    });
    describe('requests', () => {
      requests(check);
    });
    describe('appends', () => {
      appends(check);
    });
    describe('batches', () => {
      batches(check);
    });
    describe('reading', () => {
      reading(check);
    });
    describe('consuming', () => {
      consuming(check);
    });
    describe('trimming', () => {
      trimming(check);
    });
    describe('connections', () => {
      connections(check);
    });
    it('skips only tests that exist', () => {
      expect([...skipped.keys()]).toEqual([]);
    });
  });
}

type Check = (title: string, run: (world: World) => Promise<void>) => void;

/** The fixture with the few moves that most tests make. */
class World {
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
      const answer = await this.settle(bus.append(subject, bytes(payload), { timeoutUs: 500_000, messageId: `${subject}/${payload}` }));
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

function coreMessages(check: Check): void {
  check('what one host publishes, the other receives, with its headers', async (world) => {
    const received: { subject: string; payload: string; header: string | undefined }[] = [];
    world.b.bus.subscribe('plain.one', (message) => {
      received.push({ subject: message.subject, payload: text(message.payload), header: message.headers['Drover-Epoch'] });
    });
    await world.quiet();
    world.a.bus.publish('plain.one', bytes('hello'), { 'Drover-Epoch': '7' });
    world.a.bus.publish('plain.one', bytes(''));
    world.a.bus.publish('plain.two', bytes('not for you'));
    await world.until('both arrived', () => received.length === 2);
    expect(received).toEqual([
      { subject: 'plain.one', payload: 'hello', header: '7' },
      { subject: 'plain.one', payload: '', header: undefined },
    ]);
  });

  check('a host receives what it publishes itself', async (world) => {
    const received: string[] = [];
    world.a.bus.subscribe('plain.self', (message) => received.push(text(message.payload)));
    world.a.bus.publish('plain.self', bytes('me'));
    await world.until('it arrived', () => received.length === 1);
    expect(received).toEqual(['me']);
  });

  check('* stands for one token, > for one or more', async (world) => {
    const star: string[] = [];
    const tail: string[] = [];
    world.b.bus.subscribe('ecu.*.heartbeat', (message) => star.push(message.subject));
    world.b.bus.subscribe('ecu.>', (message) => tail.push(message.subject));
    await world.quiet();
    for (const subject of ['ecu', 'ecu.a', 'ecu.a.heartbeat', 'ecu.a.b.heartbeat', 'ecu.b.heartbeat']) world.a.bus.publish(subject, bytes('x'));
    await world.until('the last arrived', () => tail.length === 4);
    expect(tail).toEqual(['ecu.a', 'ecu.a.heartbeat', 'ecu.a.b.heartbeat', 'ecu.b.heartbeat']);
    expect(star).toEqual(['ecu.a.heartbeat', 'ecu.b.heartbeat']);
  });

  check('messages of one publisher arrive in order', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.order', (message) => received.push(text(message.payload)));
    await world.quiet();
    for (const payload of numbered('m', 500)) world.a.bus.publish('plain.order', bytes(payload));
    await world.until('all arrived', () => received.length === 500);
    expect(received).toEqual(numbered('m', 500));
  });

  check('of a queue one subscriber gets each message, and all others still do', async (world) => {
    const queued: string[] = [];
    const everything: string[] = [];
    for (const host of world.fixture.hosts) {
      host.bus.subscribe('plain.work', (message) => queued.push(text(message.payload)), { queue: 'workers' });
    }
    world.b.bus.subscribe('plain.work', (message) => everything.push(text(message.payload)));
    await world.quiet();
    for (const payload of numbered('w', 40)) world.a.bus.publish('plain.work', bytes(payload));
    await world.until('all arrived', () => everything.length === 40 && queued.length >= 40);
    await world.quiet();
    expect(queued.toSorted()).toEqual(numbered('w', 40).toSorted());
    expect(everything).toEqual(numbered('w', 40));
  });

  check('a cancelled subscription receives nothing more', async (world) => {
    const received: string[] = [];
    const cancel = world.b.bus.subscribe('plain.stop', (message) => received.push(text(message.payload)));
    await world.quiet();
    world.a.bus.publish('plain.stop', bytes('before'));
    await world.until('the first arrived', () => received.length === 1);
    cancel();
    cancel();
    await world.quiet();
    world.a.bus.publish('plain.stop', bytes('after'));
    await world.quiet();
    expect(received).toEqual(['before']);
  });

  check('a handler that throws does not stop the messages after it', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.throw', (message) => {
      received.push(text(message.payload));
      if (received.length === 1) throw new Error('a handler with a bug');
    });
    await world.quiet();
    for (const payload of ['first', 'second']) world.a.bus.publish('plain.throw', bytes(payload));
    await world.until('the second arrived', () => received.length === 2);
    expect(received).toEqual(['first', 'second']);
  });

  check('the largest payload passes, a larger one is refused', async (world) => {
    const size = world.fixture.payloadBytesMax - 4096;
    const large = new Uint8Array(size).map((_, index) => (index * 31 + (index >> 8)) & 0xff);
    const received: Uint8Array[] = [];
    world.b.bus.subscribe('plain.large', (message) => received.push(message.payload));
    await world.quiet();
    world.a.bus.publish('plain.large', large);
    await world.until('it arrived', () => received.length === 1);
    expect(Buffer.compare(received[0] ?? new Uint8Array(), large)).toBe(0);
    const oversized = new Uint8Array(world.fixture.payloadBytesMax + 1);
    expect(await world.failure((async () => world.a.bus.publish('plain.large', oversized))())).toBe('ERR_WIRE_OVERSIZED');
    expect(await world.failure(world.a.bus.append('ledger.large', oversized, { timeoutUs: TIMEOUT_US }))).toBe('ERR_WIRE_OVERSIZED');
    expect(await world.failure(world.a.bus.request('plain.large', oversized, { timeoutUs: TIMEOUT_US }))).toBe('ERR_WIRE_OVERSIZED');
    expect(world.a.bus.connected()).toBe(true);
  });
}

function requests(check: Check): void {
  const request = (world: World, subject: string, payload: string): Promise<Uint8Array> =>
    world.settle(world.a.bus.request(subject, bytes(payload), { timeoutUs: TIMEOUT_US }));

  check('a request is answered by whoever serves it', async (world) => {
    await world.settle(
      world.b.bus.serve({ service: 'echo', subject: 'call.echo' }, async (message) => bytes(`${message.subject} heard ${text(message.payload)}`)),
    );
    expect(text(await request(world, 'call.echo', 'ping'))).toBe('call.echo heard ping');
    const many = numbered('r', 50).map((payload) => request(world, 'call.echo', payload));
    expect(texts((await Promise.all(many)).map((payload) => ({ payload })))).toEqual(numbered('call.echo heard r', 50));
  });

  check('a request that nobody serves fails at once', async (world) => {
    expect(await world.failure(world.a.bus.request('call.nobody', bytes('ping'), { timeoutUs: 600_000_000 }))).toBe('ERR_BUS_NO_RESPONDER');
  });

  check('a request that is not answered in time fails, and a late answer harms nobody', async (world) => {
    const release: ((payload: Uint8Array) => void)[] = [];
    await world.settle(world.b.bus.serve({ service: 'slow', subject: 'call.slow' }, () => new Promise((resolve) => release.push(resolve))));
    expect(await world.failure(world.a.bus.request('call.slow', bytes('ping'), { timeoutUs: 50_000 }))).toBe('ERR_BUS_TIMEOUT');
    const second = request(world, 'call.slow', 'again');
    await world.until('the second was received', () => release.length === 2);
    release[0]?.(bytes('late'));
    release[1]?.(bytes('in time'));
    expect(text(await second)).toBe('in time');
  });

  check('a handler that rejects answers with its error', async (world) => {
    await world.settle(
      world.b.bus.serve({ service: 'picky', subject: 'call.picky' }, async (message) => {
        if (text(message.payload) === 'bug') throw new TypeError('undefined is not a function');
        throw new DroverError('ERR_ADMIT_MEMORY', 'no room');
      }),
    );
    expect(await world.failure(request(world, 'call.picky', 'deploy'))).toBe('ERR_ADMIT_MEMORY');
    await expect(request(world, 'call.picky', 'deploy')).rejects.toThrow('no room');
    expect(await world.failure(request(world, 'call.picky', 'bug'))).toBe('ERR_BUS_HANDLER');
  });

  check('one of a queue of servers handles each request', async (world) => {
    const handled: string[] = [];
    for (const host of world.fixture.hosts) {
      await world.settle(
        host.bus.serve({ service: 'manager', subject: 'call.queue', queue: 'managers' }, async (message) => {
          handled.push(text(message.payload));
          return message.payload;
        }),
      );
    }
    await world.quiet();
    for (const payload of numbered('q', 20)) expect(text(await request(world, 'call.queue', payload))).toBe(payload);
    await world.quiet();
    expect(handled).toEqual(numbered('q', 20));
  });

  check('an endpoint that was cancelled serves no more', async (world) => {
    const cancel = await world.settle(world.b.bus.serve({ service: 'brief', subject: 'call.brief' }, async () => bytes('here')));
    expect(text(await request(world, 'call.brief', ''))).toBe('here');
    cancel();
    await world.quiet();
    expect(await world.failure(request(world, 'call.brief', ''))).toBe('ERR_BUS_NO_RESPONDER');
  });

  check('an answer may be as large as a message', async (world) => {
    const large = new Uint8Array(world.fixture.payloadBytesMax - 4096).fill(0xa5);
    await world.settle(world.b.bus.serve({ service: 'pages', subject: 'call.pages' }, async () => large));
    const answer = await request(world, 'call.pages', 'all');
    expect(Buffer.compare(answer, large)).toBe(0);
  });

  check('an endpoint goes on serving after its host was cut off', async (world) => {
    await world.settle(world.b.bus.serve({ service: 'echo', subject: 'call.back' }, async (message) => message.payload));
    world.b.cutLink();
    await world.until('the host noticed', () => !world.b.bus.connected());
    world.b.healLink();
    await world.until('the host is back', () => world.b.bus.connected());
    await world.quiet();
    expect(text(await request(world, 'call.back', 'again'))).toBe('again');
  });

  check('a request while cut off fails as a lost one', async (world) => {
    await world.settle(world.b.bus.serve({ service: 'echo', subject: 'call.far' }, async (message) => message.payload));
    world.a.cutLink();
    const code = await world.failure(world.a.bus.request('call.far', bytes('ping'), { timeoutUs: 300_000 }));
    expect(['ERR_BUS_TIMEOUT', 'ERR_BUS_DISCONNECTED']).toContain(code);
  });
}

function appends(check: Check): void {
  check('an unconditional append lands after whatever is there', async (world) => {
    const first = await world.put(world.a.bus, 'ledger.x', 'one');
    const second = await world.put(world.b.bus, 'ledger.x', 'two');
    expect(first).toBe(1);
    expect(second).toBe(2);
    expect(texts(await world.readAll(world.a.bus, 'LEDGER', 'ledger.x'))).toEqual(['one', 'two']);
  });

  check('an expected sequence lets one append through and refuses the next', async (world) => {
    const first = await world.put(world.a.bus, 'ledger.x', 'one', 0);
    await world.put(world.a.bus, 'ledger.other', 'between');
    const second = await world.put(world.a.bus, 'ledger.x', 'two', first);
    expect(second).toBe(3);
    expect(await world.append(world.b.bus, 'ledger.x', 'stale', first)).toEqual({ kind: 'refused' });
    expect(await world.append(world.b.bus, 'ledger.x', 'ahead', second + 1)).toEqual({ kind: 'refused' });
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'))).toEqual(['one', 'two']);
  });

  check('expected sequence 0 means: the subject has no message', async (world) => {
    await world.put(world.a.bus, 'ledger.other', 'elsewhere');
    await world.put(world.a.bus, 'ledger.fresh', 'first', 0);
    expect(await world.append(world.b.bus, 'ledger.fresh', 'also first', 0)).toEqual({ kind: 'refused' });
    expect(await world.lastText(world.b.bus, 'ledger.fresh')).toBe('first');
  });

  check('of two hosts that append at once with one expectation, one wins', async (world) => {
    let expected = 0;
    for (let round = 1; round <= 20; round++) {
      const answers = await Promise.all([
        world.append(world.a.bus, 'ledger.race', `a${round}`, expected),
        world.append(world.b.bus, 'ledger.race', `b${round}`, expected),
      ]);
      const winners = answers.filter((answer) => answer.kind === 'appended');
      expect(winners).toHaveLength(1);
      for (const answer of answers) expect(['appended', 'refused', 'busy']).toContain(answer.kind);
      const winner = winners[0];
      if (winner?.kind !== 'appended') throw new Error('no winner');
      expect(await world.lastText(world.b.bus, 'ledger.race')).toBe(answers[0] === winner ? `a${round}` : `b${round}`);
      expected = winner.sequence;
    }
    expect(await world.readAll(world.a.bus, 'LEDGER', 'ledger.race')).toHaveLength(20);
  });

  check('appends to many subjects may all be out at once', async (world) => {
    const subjects = numbered('ledger.many.s', 200);
    const sequences = await Promise.all(subjects.map((subject) => world.put(world.a.bus, subject, subject, 0)));
    expect(new Set(sequences).size).toBe(200);
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.many.*')).toSorted()).toEqual(subjects.toSorted());
  });

  check('a message id that was seen writes nothing', async (world) => {
    const options = { timeoutUs: TIMEOUT_US, messageId: 'task/1/n/1' };
    const first = await world.settle(world.a.bus.append('ledger.x', bytes('one'), options));
    expect(first).toEqual({ kind: 'appended', sequence: 1 });
    expect(await world.settle(world.b.bus.append('ledger.x', bytes('one'), options))).toEqual({ kind: 'duplicate', sequence: 1 });
    expect(texts(await world.readAll(world.a.bus, 'LEDGER', 'ledger.x'))).toEqual(['one']);
    await world.put(world.a.bus, 'ledger.x', 'two');
  });

  // A broker may look at the id first or at the sequence first; only that nothing is written is promised.
  check('one’s own retry with its old expectation is a duplicate or refused, and writes nothing', async (world) => {
    const options = { timeoutUs: TIMEOUT_US, messageId: 'retry/1', expectedSequence: 0 };
    expect((await world.settle(world.a.bus.append('ledger.x', bytes('one'), options))).kind).toBe('appended');
    const retry = await world.settle(world.a.bus.append('ledger.x', bytes('one'), options));
    expect(['duplicate', 'refused']).toContain(retry.kind);
    const last = await world.settle(world.a.bus.readLast('ledger.x'));
    expect(last?.sequence).toBe(1);
  });

  check('headers and an empty payload come back as they were', async (world) => {
    const headers = { 'Drover-Epoch': '3', 'Drover-Channel': 'alarm high', 'Drover-Marker': '1' };
    await world.settle(world.a.bus.append('ledger.h', new Uint8Array(0), { timeoutUs: TIMEOUT_US, headers, expectedSequence: 0, messageId: 'h1' }));
    const last = await world.settle(world.b.bus.readLast('ledger.h'));
    expect(last?.payload.length).toBe(0);
    expect(last?.headers).toMatchObject(headers);
    const next = await world.settle(world.b.bus.readNext('LEDGER', 'ledger.h', 1));
    expect(next?.headers).toMatchObject(headers);
  });

  check('a payload near the limit comes back as it was', async (world) => {
    const large = new Uint8Array(world.fixture.payloadBytesMax - 4096).map((_, index) => (index * 17 + (index >> 10)) & 0xff);
    const answer = await world.settle(world.a.bus.append('ledger.large', large, { timeoutUs: GIVE_UP_US, expectedSequence: 0, messageId: 'large' }));
    expect(answer.kind).toBe('appended');
    const consumed: Uint8Array[] = [];
    await world.settle(world.b.bus.consume('LEDGER', { filter: 'ledger.large', from: 1 }, (message) => consumed.push(message.payload)));
    await world.until('it was consumed', () => consumed.length === 1);
    const last = await world.settle(world.b.bus.readLast('ledger.large'));
    expect(Buffer.compare(last?.payload ?? new Uint8Array(), large)).toBe(0);
    expect(Buffer.compare(consumed[0] ?? new Uint8Array(), large)).toBe(0);
  });

  check('a stream at its bound that discards new messages answers full', async (world) => {
    for (const payload of numbered('n', 4)) await world.put(world.a.bus, 'narrow.x', payload);
    expect(await world.append(world.a.bus, 'narrow.x', 'n5')).toEqual({ kind: 'full' });
    expect(await world.append(world.a.bus, 'narrow.y', 'n5', 0)).toEqual({ kind: 'full' });
    expect(texts(await world.readAll(world.b.bus, 'NARROW', 'narrow.>'))).toEqual(numbered('n', 4));
    await world.settle(world.b.bus.purge('NARROW', { subject: 'narrow.x', keep: 1 }));
    await world.put(world.a.bus, 'narrow.x', 'n5', 4);
  });

  check('a subject that no stream takes fails', async (world) => {
    expect(await world.failure(world.a.bus.append('nowhere.x', bytes('lost'), { timeoutUs: GIVE_UP_US }))).toBe('ERR_BUS_NO_STREAM');
  });

  check('an append whose link is cut is unknown, and reading tells', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'one', 0);
    world.a.cutLink();
    const answer = await world.settle(world.a.bus.append('ledger.x', bytes('two'), { timeoutUs: 400_000, expectedSequence: 1 }));
    expect(answer).toEqual({ kind: 'unknown' });
    world.a.healLink();
    await world.until('the host is back', () => world.a.bus.connected());
    await world.quiet();
    const last = await world.settle(world.a.bus.readLast('ledger.x'));
    expect(['one', 'two']).toContain(text(last?.payload ?? new Uint8Array()));
    await world.put(world.a.bus, 'ledger.x', 'three', last?.sequence ?? 0);
  });

  check('an append whose answer is lost is unknown, and reading finds it written', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'one', 0);
    world.a.cutLink('answers');
    const answer = await world.settle(world.a.bus.append('ledger.x', bytes('two'), { timeoutUs: 400_000, expectedSequence: 1 }));
    expect(answer).toEqual({ kind: 'unknown' });
    await world.quiet();
    expect(await world.lastText(world.b.bus, 'ledger.x')).toBe('two');
    world.a.healLink();
    await world.put(world.b.bus, 'ledger.x', 'three', 2);
    await world.until('the host is back', () => world.a.bus.connected());
    await world.quiet();
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'))).toEqual(['one', 'two', 'three']);
  });

  check('what was answered is there after the broker was restarted, and so is the fence', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'one', 0);
    const second = await world.put(world.a.bus, 'ledger.x', 'two', 1);
    await world.fixture.restartBroker();
    await world.until('both are back', () => world.a.bus.connected() && world.b.bus.connected());
    await world.putStubbornly(world.a.bus, 'ledger.y', 'awake');
    expect(await world.append(world.b.bus, 'ledger.x', 'stale', 1)).toEqual({ kind: 'refused' });
    await world.put(world.b.bus, 'ledger.x', 'three', second);
    expect(texts(await world.readAll(world.a.bus, 'LEDGER', 'ledger.x'))).toEqual(['one', 'two', 'three']);
  });
}

function batches(check: Check): void {
  const batch = (world: World, bus: Bus, subject: string, payloads: readonly string[], expectedSequence: number): Promise<AppendAnswer> =>
    world.settle(bus.appendBatch(subject, payloads.map((payload) => ({ payload: bytes(payload) })), { expectedSequence, timeoutUs: TIMEOUT_US }));

  check('a batch lands in order, as one, and answers with its last sequence', async (world) => {
    expect(await batch(world, world.a.bus, 'ledger.x', numbered('m', 5), 0)).toEqual({ kind: 'appended', sequence: 5 });
    expect(await batch(world, world.a.bus, 'ledger.x', numbered('m', 1, 6), 5)).toEqual({ kind: 'appended', sequence: 6 });
    expect(await batch(world, world.a.bus, 'ledger.x', numbered('m', 300, 7), 6)).toEqual({ kind: 'appended', sequence: 306 });
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'))).toEqual(numbered('m', 306));
    await world.put(world.b.bus, 'ledger.x', 'after', 306);
  });

  check('a batch on a wrong expectation is refused whole', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'one', 0);
    expect(await batch(world, world.b.bus, 'ledger.x', numbered('m', 5), 0)).toEqual({ kind: 'refused' });
    expect(await batch(world, world.b.bus, 'ledger.x', numbered('m', 1), 0)).toEqual({ kind: 'refused' });
    expect(texts(await world.readAll(world.a.bus, 'LEDGER', 'ledger.x'))).toEqual(['one']);
    expect((await batch(world, world.b.bus, 'ledger.x', numbered('m', 5), 1)).kind).toBe('appended');
  });

  check('the messages of a batch keep their headers', async (world) => {
    const entries = [1, 2, 3].map((number) => ({ payload: bytes(`p${number}`), headers: { 'Drover-Output': String(number), 'Drover-Channel': 'c' } }));
    await world.settle(world.a.bus.appendBatch('ledger.x', entries, { expectedSequence: 0, timeoutUs: TIMEOUT_US }));
    const all = await world.readAll(world.b.bus, 'LEDGER', 'ledger.x');
    expect(all.map((message) => message.headers['Drover-Output'])).toEqual(['1', '2', '3']);
    expect(all.every((message) => message.headers['Drover-Channel'] === 'c')).toBe(true);
  });

  // Whether ids are checked first or the sequence, and whether inside a batch they are looked at at all, is the broker's.
  check('a batch that is tried again with its ids and its old expectation writes nothing', async (world) => {
    const entries = [1, 2, 3].map((number) => ({ payload: bytes(`p${number}`), messageId: `task/1/n/${number}` }));
    const options = { expectedSequence: 0, timeoutUs: TIMEOUT_US };
    expect((await world.settle(world.a.bus.appendBatch('ledger.x', entries, options))).kind).toBe('appended');
    const retry = await world.settle(world.a.bus.appendBatch('ledger.x', entries, options));
    expect(['duplicate', 'refused']).toContain(retry.kind);
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'))).toEqual(['p1', 'p2', 'p3']);
  });

  check('of two batches with one expectation, one wins and none of the other is written', async (world) => {
    for (let round = 1; round <= 10; round++) {
      const subject = `ledger.race.r${round}`;
      const mine = numbered('a', 8);
      const yours = numbered('b', 8);
      const answers = await Promise.all([batch(world, world.a.bus, subject, mine, 0), batch(world, world.b.bus, subject, yours, 0)]);
      expect(answers.filter((answer) => answer.kind === 'appended')).toHaveLength(1);
      for (const answer of answers) expect(['appended', 'refused', 'busy']).toContain(answer.kind);
      expect(texts(await world.readAll(world.a.bus, 'LEDGER', subject))).toEqual(answers[0]?.kind === 'appended' ? mine : yours);
    }
  });

  check('what a stream at its bound takes of a batch is a prefix, and the answer is full', async (world) => {
    const payloads = numbered('m', 6);
    expect(await batch(world, world.a.bus, 'narrow.x', payloads, 0)).toEqual({ kind: 'full' });
    const written = texts(await world.readAll(world.b.bus, 'NARROW', 'narrow.x'));
    expect(written.length).toBeLessThanOrEqual(4);
    expect(written).toEqual(payloads.slice(0, written.length));
  });

  check('a batch on a link that is cut leaves a prefix of itself, or nothing', async (world) => {
    const before = numbered('before', 20);
    const payloads = [...before, ...numbered('m', 100)];
    expect((await batch(world, world.a.bus, 'ledger.x', before, 0)).kind).toBe('appended');
    world.a.cutLink('answers');
    const entries = payloads.slice(20).map((payload) => ({ payload: bytes(payload) }));
    const answer = await world.settle(world.a.bus.appendBatch('ledger.x', entries, { expectedSequence: 20, timeoutUs: 400_000 }));
    expect(answer).toEqual({ kind: 'unknown' });
    await world.quiet();
    const written = texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'));
    expect(written.length).toBeGreaterThanOrEqual(20);
    expect(written).toEqual(payloads.slice(0, written.length));
  });
}

function reading(check: Check): void {
  check('readLast gives the newest message of one subject', async (world) => {
    expect(await world.settle(world.a.bus.readLast('ledger.x'))).toBeUndefined();
    await world.put(world.a.bus, 'ledger.x', 'one');
    await world.put(world.a.bus, 'ledger.x.y', 'deeper');
    const sequence = await world.put(world.a.bus, 'ledger.x', 'two');
    await world.put(world.a.bus, 'ledger.z', 'other');
    const last = await world.settle(world.b.bus.readLast('ledger.x'));
    expect(last).toMatchObject({ subject: 'ledger.x', stream: 'LEDGER', sequence });
    expect(text(last?.payload ?? new Uint8Array())).toBe('two');
    expect(last?.atUs).toBeGreaterThan(0);
    expect(Number.isSafeInteger(last?.atUs)).toBe(true);
  });

  check('a read that starts after an append was answered sees it', async (world) => {
    for (let round = 1; round <= 50; round++) {
      await world.put(world.a.bus, 'ledger.x', `m${round}`);
      expect(await world.lastText(world.b.bus, 'ledger.x')).toBe(`m${round}`);
    }
  });

  check('readNext gives the first match at or after a sequence', async (world) => {
    for (const subject of ['ledger.a.in', 'ledger.b.in', 'ledger.a.in', 'ledger.a.tick', 'ledger.b.in']) await world.put(world.a.bus, subject, subject);
    const at = async (filter: string, sequence: number): Promise<number | undefined> =>
      (await world.settle(world.b.bus.readNext('LEDGER', filter, sequence)))?.sequence;
    expect(await at('ledger.a.in', 1)).toBe(1);
    expect(await at('ledger.a.in', 2)).toBe(3);
    expect(await at('ledger.a.>', 4)).toBe(4);
    expect(await at('ledger.*.in', 4)).toBe(5);
    expect(await at('ledger.a.>', 5)).toBeUndefined();
    expect(await at('ledger.a.>', 100)).toBeUndefined();
    expect(await at('ledger.none', 1)).toBeUndefined();
  });

  check('streamState tells what a stream holds and its bound', async (world) => {
    expect(await world.settle(world.a.bus.streamState('LEDGER'))).toMatchObject({ messages: 0, bytes: 0, bytesMax: undefined, lastSequence: 0 });
    for (const payload of numbered('m', 6)) await world.put(world.a.bus, 'ring.x', payload);
    const state = await world.settle(world.b.bus.streamState('RING'));
    expect(state).toMatchObject({ messages: 4, firstSequence: 3, lastSequence: 6 });
    expect(state.bytes).toBeGreaterThan(0);
  });

  check('a stream that does not exist is named as such', async (world) => {
    expect(await world.failure(world.a.bus.streamState('NOWHERE'))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.readNext('NOWHERE', '>', 1))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.consume('NOWHERE', { filter: '>', from: 1 }, () => undefined))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.readLast('nowhere.x'))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.purge('NOWHERE', { subject: 'nowhere.x', keep: 1 }))).toBe('ERR_BUS_NO_STREAM');
  });
}

function consuming(check: Check): void {
  interface Seen {
    readonly messages: StreamMessage[];
    caughtUpAt: number | undefined;
  }
  /** Consumes into a list, and notes how many messages had come when `onCaughtUp` was called. */
  const consume = async (world: World, bus: Bus, filter: string, from: number | 'last-per-subject' | 'new', stream = 'LEDGER'): Promise<Seen & { cancel: () => void }> => {
    const seen: Seen = { messages: [], caughtUpAt: undefined };
    const onCaughtUp = (): void => {
      expect(seen.caughtUpAt).toBeUndefined();
      seen.caughtUpAt = seen.messages.length;
    };
    const cancel = await world.settle(bus.consume(stream, { filter, from, onCaughtUp }, (message) => seen.messages.push(message)));
    return Object.assign(seen, { cancel });
  };

  check('from 1 gives everything in order, then what comes', async (world) => {
    for (const payload of numbered('m', 10)) await world.put(world.a.bus, 'ledger.x', payload);
    const seen = await consume(world, world.b.bus, 'ledger.>', 1);
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(seen.caughtUpAt).toBe(10);
    for (const payload of numbered('m', 10, 11)) await world.put(world.a.bus, 'ledger.y', payload);
    await world.until('all arrived', () => seen.messages.length === 20);
    expect(texts(seen.messages)).toEqual(numbered('m', 20));
    expect(seen.messages.map((message) => message.sequence)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(seen.messages[0]).toMatchObject({ stream: 'LEDGER', subject: 'ledger.x', sequence: 1 });
    expect(seen.messages[0]?.atUs).toBeGreaterThan(0);
  });

  check('from a sequence gives what matches at and after it', async (world) => {
    for (let number = 1; number <= 12; number++) await world.put(world.a.bus, number % 3 === 0 ? 'ledger.x.in' : 'ledger.y.in', `m${number}`);
    const seen = await consume(world, world.b.bus, 'ledger.x.>', 6);
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(texts(seen.messages)).toEqual(['m6', 'm9', 'm12']);
  });

  check('from beyond the end gives what comes there', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'm1');
    const seen = await consume(world, world.b.bus, 'ledger.x', 2);
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(seen.caughtUpAt).toBe(0);
    await world.put(world.a.bus, 'ledger.x', 'm2');
    await world.until('it arrived', () => seen.messages.length === 1);
    expect(texts(seen.messages)).toEqual(['m2']);
  });

  check('headers arrive with the messages', async (world) => {
    const seen = await consume(world, world.b.bus, 'ledger.x', 1);
    await world.settle(world.a.bus.append('ledger.x', bytes('m'), { timeoutUs: TIMEOUT_US, headers: { 'Drover-Number': '12', 'Drover-Channel': 'a: b' } }));
    await world.until('it arrived', () => seen.messages.length === 1);
    expect(seen.messages[0]?.headers).toMatchObject({ 'Drover-Number': '12', 'Drover-Channel': 'a: b' });
  });

  check('last-per-subject gives each subject’s newest, then everything', async (world) => {
    for (const [subject, payload] of [['ledger.a', 'a1'], ['ledger.b', 'b1'], ['ledger.a', 'a2'], ['ledger.c', 'c1'], ['ledger.b', 'b2']] as const) {
      await world.put(world.a.bus, subject, payload);
    }
    const seen = await consume(world, world.b.bus, 'ledger.>', 'last-per-subject');
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(texts(seen.messages)).toEqual(['a2', 'c1', 'b2']);
    expect(seen.caughtUpAt).toBe(3);
    for (const payload of ['a3', 'a4']) await world.put(world.a.bus, 'ledger.a', payload);
    await world.until('all arrived', () => seen.messages.length === 5);
    expect(texts(seen.messages)).toEqual(['a2', 'c1', 'b2', 'a3', 'a4']);
  });

  check('new gives only what is appended afterwards', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'old');
    const seen = await consume(world, world.b.bus, 'ledger.x', 'new');
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(seen.caughtUpAt).toBe(0);
    await world.put(world.a.bus, 'ledger.x', 'young');
    await world.until('it arrived', () => seen.messages.length > 0);
    expect(texts(seen.messages)).toEqual(['young']);
  });

  check('an empty stream is caught up with at once, in all three ways', async (world) => {
    for (const from of [1, 'last-per-subject', 'new'] as const) {
      const seen = await consume(world, world.b.bus, 'ledger.>', from);
      await world.until(`caught up from ${from}`, () => seen.caughtUpAt !== undefined);
      expect(seen.caughtUpAt).toBe(0);
    }
  });

  check('messages that were trimmed before are passed over', async (world) => {
    for (const payload of numbered('m', 7)) await world.put(world.a.bus, 'ring.x', payload);
    const seen = await consume(world, world.b.bus, 'ring.>', 1, 'RING');
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(texts(seen.messages)).toEqual(numbered('m', 4, 4));
  });

  check('two consumers of one host and one of another each get everything', async (world) => {
    const seen = [await consume(world, world.a.bus, 'ledger.x', 1), await consume(world, world.a.bus, 'ledger.>', 1), await consume(world, world.b.bus, 'ledger.x', 1)];
    for (const payload of numbered('m', 50)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('all arrived', () => seen.every(({ messages }) => messages.length === 50));
    for (const { messages } of seen) expect(texts(messages)).toEqual(numbered('m', 50));
  });

  check('twelve consumers created at once each get their own', async (world) => {
    const tasks = numbered('t', 12);
    for (const task of tasks) for (const payload of numbered(`${task}-`, 3)) await world.put(world.a.bus, `ledger.${task}.in.data`, payload);
    const seen = await Promise.all(tasks.map((task) => consume(world, world.b.bus, `ledger.${task}.in.>`, 1)));
    await world.until('all caught up', () => seen.every(({ caughtUpAt }) => caughtUpAt !== undefined));
    expect(seen.map(({ messages }) => texts(messages))).toEqual(tasks.map((task) => numbered(`${task}-`, 3)));
  });

  check('a long backlog arrives complete and in order', async (world) => {
    const payloads = numbered('m', 3_000);
    await Promise.all(payloads.map((payload) => world.append(world.a.bus, 'ledger.x', payload)));
    const stored = texts(await world.settle(readBack(world.b.bus)));
    expect(stored).toHaveLength(3_000);
    const seen = await consume(world, world.b.bus, 'ledger.x', 1);
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(seen.caughtUpAt).toBe(3_000);
    expect(texts(seen.messages)).toEqual(stored);

    async function readBack(bus: Bus): Promise<StreamMessage[]> {
      const all: StreamMessage[] = [];
      for (let next = await bus.readNext('LEDGER', 'ledger.x', 1); next !== undefined; next = await bus.readNext('LEDGER', 'ledger.x', next.sequence + 1)) {
        all.push(next);
      }
      return all;
    }
  });

  check('a cancelled consumer delivers nothing more', async (world) => {
    const seen = await consume(world, world.b.bus, 'ledger.x', 1);
    await world.put(world.a.bus, 'ledger.x', 'before');
    await world.until('it arrived', () => seen.messages.length === 1);
    seen.cancel();
    seen.cancel();
    await world.put(world.a.bus, 'ledger.x', 'after');
    await world.quiet();
    expect(texts(seen.messages)).toEqual(['before']);
  });

  check('a consumer whose handler throws goes on with the next message', async (world) => {
    const seen: string[] = [];
    await world.settle(
      world.b.bus.consume('LEDGER', { filter: 'ledger.x', from: 1 }, (message) => {
        seen.push(text(message.payload));
        if (seen.length === 1) throw new Error('a handler with a bug');
      }),
    );
    for (const payload of ['m1', 'm2']) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('the second arrived', () => seen.length === 2);
    expect(seen).toEqual(['m1', 'm2']);
  });

  check('a cut link loses and doubles nothing', async (world) => {
    const seen = await consume(world, world.b.bus, 'ledger.>', 1);
    for (const payload of numbered('m', 20)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('the first part arrived', () => seen.messages.length === 20);
    world.b.cutLink();
    for (const payload of numbered('m', 20, 21)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('the host noticed', () => !world.b.bus.connected());
    world.b.healLink();
    for (const payload of numbered('m', 20, 41)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('all arrived', () => seen.messages.length >= 60);
    await world.quiet();
    expect(texts(seen.messages)).toEqual(numbered('m', 60));
  });

  check('a link that is cut again and again under load loses and doubles nothing', async (world) => {
    const seen = await consume(world, world.b.bus, 'ledger.x', 1);
    const late = await consume(world, world.b.bus, 'ledger.x', 'new');
    for (let round = 0; round < 4; round++) {
      await Promise.all(numbered('m', 100, 1 + round * 100).map((payload) => world.put(world.a.bus, 'ledger.x', payload)));
      world.b.cutLink(round % 2 === 0 ? 'both' : 'answers');
      await world.fixture.elapse(20_000);
      world.b.healLink();
      await world.fixture.elapse(30_000);
    }
    await world.until('all arrived', () => seen.messages.length >= 400 && late.messages.length >= 400);
    await world.quiet();
    const sequences = Array.from({ length: 400 }, (_, index) => index + 1);
    expect(seen.messages.map((message) => message.sequence)).toEqual(sequences);
    expect(late.messages.map((message) => message.sequence)).toEqual(sequences);
    expect(seen.caughtUpAt).toBe(0);
  });

  check('a restart of the broker loses and doubles nothing', async (world) => {
    const seen = await consume(world, world.b.bus, 'ledger.x', 1);
    const lasts = await consume(world, world.b.bus, 'ledger.>', 'last-per-subject');
    for (const payload of numbered('m', 10)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('the first part arrived', () => seen.messages.length === 10);
    await world.fixture.restartBroker();
    for (const payload of numbered('m', 10, 11)) await world.putStubbornly(world.a.bus, 'ledger.x', payload);
    await world.until('all arrived', () => seen.messages.length >= 20 && lasts.messages.length >= 20);
    await world.quiet();
    expect(texts(seen.messages)).toEqual(numbered('m', 20));
    expect(texts(lasts.messages)).toEqual(numbered('m', 20));
  });

  check('last-per-subject after a cut goes on where it was, and does not start over', async (world) => {
    for (const payload of ['a1', 'a2']) await world.put(world.a.bus, 'ledger.a', payload);
    const seen = await consume(world, world.b.bus, 'ledger.>', 'last-per-subject');
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    world.b.cutLink();
    await world.until('the host noticed', () => !world.b.bus.connected());
    for (const payload of ['a3', 'a4']) await world.put(world.a.bus, 'ledger.a', payload);
    world.b.healLink();
    await world.until('all arrived', () => seen.messages.length >= 3);
    await world.quiet();
    expect(texts(seen.messages)).toEqual(['a2', 'a3', 'a4']);
  });
}

function trimming(check: Check): void {
  check('purging below a sequence keeps that message, and other subjects', async (world) => {
    for (const [subject, payload] of [['ledger.x', 'x1'], ['ledger.y', 'y2'], ['ledger.x', 'x3'], ['ledger.x', 'x4']] as const) await world.put(world.a.bus, subject, payload);
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', beforeSequence: 3 }));
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.>'))).toEqual(['y2', 'x3', 'x4']);
  });

  check('keep leaves the newest ones', async (world) => {
    for (const payload of numbered('x', 6)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.put(world.a.bus, 'ledger.y', 'y1');
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', keep: 2 }));
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.>'))).toEqual(['x5', 'x6', 'y1']);
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', keep: 10 }));
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'))).toEqual(['x5', 'x6']);
  });

  check('the last message stays as the fence, however far one purges', async (world) => {
    for (const payload of numbered('x', 3)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.put(world.a.bus, 'ledger.y', 'y');
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', beforeSequence: 1_000 }));
    expect(await world.lastText(world.b.bus, 'ledger.x')).toBe('x3');
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', keep: 1 }));
    expect(await world.append(world.b.bus, 'ledger.x', 'stale', 2)).toEqual({ kind: 'refused' });
    expect(await world.append(world.b.bus, 'ledger.x', 'as if new', 0)).toEqual({ kind: 'refused' });
    await world.put(world.b.bus, 'ledger.x', 'x4', 3);
  });

  check('purging a subject that has nothing does nothing', async (world) => {
    await world.put(world.a.bus, 'ledger.y', 'y');
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', keep: 1 }));
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', beforeSequence: 9 }));
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.>'))).toEqual(['y']);
  });

  check('a consumer that has passed the purged part is not disturbed', async (world) => {
    const seen: string[] = [];
    await world.settle(world.b.bus.consume('LEDGER', { filter: 'ledger.x', from: 1 }, (message) => seen.push(text(message.payload))));
    for (const payload of numbered('x', 5)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('the first part arrived', () => seen.length === 5);
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', keep: 1 }));
    for (const payload of numbered('x', 5, 6)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('all arrived', () => seen.length >= 10);
    await world.quiet();
    expect(seen).toEqual(numbered('x', 10));
  });
}

function connections(check: Check): void {
  check('a host sees its link go and come back', async (world) => {
    const changes: boolean[] = [];
    world.a.bus.onConnection((connected) => changes.push(connected));
    expect(world.a.bus.connected()).toBe(true);
    world.a.cutLink();
    await world.until('it noticed', () => !world.a.bus.connected());
    expect(changes).toEqual([false]);
    expect(world.b.bus.connected()).toBe(true);
    world.a.healLink();
    await world.until('it is back', () => world.a.bus.connected());
    expect(changes).toEqual([false, true]);
  });

  check('a cancelled connection handler is not called', async (world) => {
    const changes: boolean[] = [];
    const cancel = world.a.bus.onConnection((connected) => changes.push(connected));
    cancel();
    world.a.cutLink();
    await world.until('it noticed', () => !world.a.bus.connected());
    expect(changes).toEqual([]);
  });

  check('subscriptions live through a cut; what is published meanwhile is dropped', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.x', (message) => received.push(text(message.payload)));
    await world.quiet();
    world.a.cutLink();
    await world.until('the publisher noticed', () => !world.a.bus.connected());
    world.a.bus.publish('plain.x', bytes('while cut'));
    world.a.healLink();
    await world.until('the publisher is back', () => world.a.bus.connected());
    world.b.cutLink();
    await world.until('the subscriber noticed', () => !world.b.bus.connected());
    world.b.healLink();
    await world.until('the subscriber is back', () => world.b.bus.connected());
    await world.quiet();
    world.a.bus.publish('plain.x', bytes('after'));
    await world.until('it arrived', () => received.length > 0);
    expect(received).toEqual(['after']);
  });

  check('after a restart of the broker hosts come back, subscriptions and servers with them', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.x', (message) => received.push(text(message.payload)));
    await world.settle(world.b.bus.serve({ service: 'echo', subject: 'call.x' }, async (message) => message.payload));
    const changes: boolean[] = [];
    world.a.bus.onConnection((connected) => changes.push(connected));
    await world.fixture.restartBroker();
    await world.until('both are back', () => changes.includes(true) && world.a.bus.connected() && world.b.bus.connected());
    await world.quiet();
    world.a.bus.publish('plain.x', bytes('again'));
    await world.until('it arrived', () => received.length === 1);
    expect(text(await world.settle(world.a.bus.request('call.x', bytes('ping'), { timeoutUs: TIMEOUT_US })))).toBe('ping');
  });

  check('others see a killed host leave, by its name', async (world) => {
    const left: string[] = [];
    const victim = await world.settle(world.fixture.join('bridge.02aa00000009#4'));
    events(world.a.bus).onDisconnect((client) => left.push(client.name));
    await world.quiet();
    victim.kill();
    await world.until('it was seen', () => left.includes('bridge.02aa00000009#4'));
    expect(left).not.toContain(world.a.name);
    expect(left).not.toContain(world.b.name);
  });

  check('others see a host leave that closes, and one whose link breaks', async (world) => {
    const left: { name: string; reason: string }[] = [];
    const closing = await world.settle(world.fixture.join('manager.m7#1'));
    events(world.a.bus).onDisconnect((client) => left.push(client));
    await world.quiet();
    await world.settle(closing.bus.close());
    await world.until('the closing one was seen', () => left.some((client) => client.name === 'manager.m7#1'));
    world.b.cutLink();
    await world.until('the cut one was seen', () => left.some((client) => client.name === world.b.name));
    for (const client of left) expect(client.reason).not.toBe('');
  });

  check('others see a host arrive, and come back', async (world) => {
    const arrived: string[] = [];
    events(world.a.bus).onConnect((client) => arrived.push(client.name));
    await world.quiet();
    await world.settle(world.fixture.join('manager.m8#1'));
    await world.until('it was seen', () => arrived.includes('manager.m8#1'));
    world.b.cutLink();
    await world.until('it noticed', () => !world.b.bus.connected());
    world.b.healLink();
    await world.until('its return was seen', () => arrived.includes(world.b.name));
  });

  check('client events go on after the watcher itself was cut off', async (world) => {
    const left: string[] = [];
    events(world.a.bus).onDisconnect((client) => left.push(client.name));
    world.a.cutLink();
    await world.until('it noticed', () => !world.a.bus.connected());
    world.a.healLink();
    await world.until('it is back', () => world.a.bus.connected());
    const victim = await world.settle(world.fixture.join('bridge.02aa0000000a#1'));
    await world.fixture.elapse(1_000_000);
    victim.kill();
    await world.until('it was seen', () => left.includes('bridge.02aa0000000a#1'));
  });

  check('close sends what was queued, then ends the bus', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.x', (message) => received.push(text(message.payload)));
    const host = await world.settle(world.fixture.join('manager.m9#1'));
    await world.quiet();
    for (const payload of numbered('m', 200)) host.bus.publish('plain.x', bytes(payload));
    await world.settle(host.bus.close());
    await world.until('all arrived', () => received.length === 200);
    expect(received).toEqual(numbered('m', 200));
    expect(host.bus.connected()).toBe(false);
    expect(await world.failure(host.bus.append('ledger.x', bytes('late'), { timeoutUs: TIMEOUT_US }))).toBe('ERR_BUS_CLOSED');
    expect(await world.failure(host.bus.request('call.x', bytes('late'), { timeoutUs: TIMEOUT_US }))).toBe('ERR_BUS_CLOSED');
    expect(await world.failure(host.bus.readLast('ledger.x'))).toBe('ERR_BUS_CLOSED');
    await world.settle(host.bus.close());
  });
}

function events(bus: Bus): NonNullable<Bus['clientEvents']> {
  if (bus.clientEvents === undefined) throw new Error('this fixture promises client events');
  return bus.clientEvents;
}

/** Part of the bus contract: core messages, and requests with their answers. */
import { expect } from 'vitest';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Check, World } from './bus-world.ts';
import { bytes, numbered, TIMEOUT_US, text, texts } from './bus-world.ts';

export function coreMessages(check: Check): void {
  check('what one host publishes, the other receives, with its headers', async (world) => {
    const received: { subject: string; payload: string; header: string | undefined }[] = [];
    world.b.bus.subscribe('plain.one', (message) => {
      received.push({ subject: message.subject, payload: text(message.payload), header: message.headers['Drover-Epoch'] });
    });
    await world.listening(world.b);
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
    await world.listening(world.b);
    for (const subject of ['ecu', 'ecu.a', 'ecu.a.heartbeat', 'ecu.a.b.heartbeat', 'ecu.b.heartbeat'])
      world.a.bus.publish(subject, bytes('x'));
    await world.until('the last arrived', () => tail.length === 4);
    expect(tail).toEqual(['ecu.a', 'ecu.a.heartbeat', 'ecu.a.b.heartbeat', 'ecu.b.heartbeat']);
    expect(star).toEqual(['ecu.a.heartbeat', 'ecu.b.heartbeat']);
  });

  check('messages of one publisher arrive in order', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.order', (message) => received.push(text(message.payload)));
    await world.listening(world.b);
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
    await world.listening(...world.fixture.hosts);
    for (const payload of numbered('w', 40)) world.a.bus.publish('plain.work', bytes(payload));
    await world.until('all arrived', () => everything.length === 40 && queued.length >= 40);
    await world.quiet();
    expect(queued.toSorted()).toEqual(numbered('w', 40).toSorted());
    expect(everything).toEqual(numbered('w', 40));
  });

  check('a cancelled subscription receives nothing more', async (world) => {
    const received: string[] = [];
    const cancel = world.b.bus.subscribe('plain.stop', (message) => received.push(text(message.payload)));
    await world.listening(world.b);
    world.a.bus.publish('plain.stop', bytes('before'));
    await world.until('the first arrived', () => received.length === 1);
    cancel();
    cancel();
    await world.listening(world.b);
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
    await world.listening(world.b);
    for (const payload of ['first', 'second']) world.a.bus.publish('plain.throw', bytes(payload));
    await world.until('the second arrived', () => received.length === 2);
    expect(received).toEqual(['first', 'second']);
  });

  check('the largest payload passes, a larger one is refused', async (world) => {
    const size = world.fixture.payloadBytesMax - 4096;
    const large = new Uint8Array(size).map((_, index) => (index * 31 + (index >> 8)) & 0xff);
    const received: Uint8Array[] = [];
    world.b.bus.subscribe('plain.large', (message) => received.push(message.payload));
    await world.listening(world.b);
    world.a.bus.publish('plain.large', large);
    await world.until('it arrived', () => received.length === 1);
    expect(Buffer.compare(received[0] ?? new Uint8Array(), large)).toBe(0);
    const oversized = new Uint8Array(world.fixture.payloadBytesMax + 1);
    expect(await world.failure((async () => world.a.bus.publish('plain.large', oversized))())).toBe('ERR_WIRE_OVERSIZED');
    expect(await world.failure(world.a.bus.append('ledger.large', oversized, { timeoutUs: TIMEOUT_US }))).toBe(
      'ERR_WIRE_OVERSIZED',
    );
    expect(await world.failure(world.a.bus.request('plain.large', oversized, { timeoutUs: TIMEOUT_US }))).toBe(
      'ERR_WIRE_OVERSIZED',
    );
    expect(world.a.bus.connected()).toBe(true);
  });
}

export function requests(check: Check): void {
  const request = (world: World, subject: string, payload: string): Promise<Uint8Array> =>
    world.settle(world.a.bus.request(subject, bytes(payload), { timeoutUs: TIMEOUT_US }));

  check('a request is answered by whoever serves it', async (world) => {
    await world.settle(
      world.b.bus.serve({ service: 'echo', subject: 'call.echo' }, async (message) =>
        bytes(`${message.subject} heard ${text(message.payload)}`),
      ),
    );
    expect(text(await request(world, 'call.echo', 'ping'))).toBe('call.echo heard ping');
    const many = numbered('r', 50).map((payload) => request(world, 'call.echo', payload));
    expect(texts((await Promise.all(many)).map((payload) => ({ payload })))).toEqual(numbered('call.echo heard r', 50));
  });

  check('a request that nobody serves fails at once', async (world) => {
    expect(await world.failure(world.a.bus.request('call.nobody', bytes('ping'), { timeoutUs: 600_000_000 }))).toBe(
      'ERR_BUS_NO_RESPONDER',
    );
  });

  check('a request that is not answered in time fails, and a late answer harms nobody', async (world) => {
    const release: ((payload: Uint8Array) => void)[] = [];
    await world.settle(
      world.b.bus.serve({ service: 'slow', subject: 'call.slow' }, () => new Promise((resolve) => release.push(resolve))),
    );
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
    await world.listening(...world.fixture.hosts);
    for (const payload of numbered('q', 20)) expect(text(await request(world, 'call.queue', payload))).toBe(payload);
    await world.quiet();
    expect(handled).toEqual(numbered('q', 20));
  });

  check('an endpoint that was cancelled serves no more', async (world) => {
    const cancel = await world.settle(
      world.b.bus.serve({ service: 'brief', subject: 'call.brief' }, async () => bytes('here')),
    );
    expect(text(await request(world, 'call.brief', ''))).toBe('here');
    cancel();
    await world.listening(world.b);
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
    await world.listening(world.b);
    expect(text(await request(world, 'call.back', 'again'))).toBe('again');
  });

  check('a request while cut off fails as a lost one', async (world) => {
    await world.settle(world.b.bus.serve({ service: 'echo', subject: 'call.far' }, async (message) => message.payload));
    world.a.cutLink();
    const code = await world.failure(world.a.bus.request('call.far', bytes('ping'), { timeoutUs: 300_000 }));
    expect(['ERR_BUS_TIMEOUT', 'ERR_BUS_DISCONNECTED']).toContain(code);
  });
}

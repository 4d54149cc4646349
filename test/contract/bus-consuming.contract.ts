/** Part of the bus contract: following a stream, and trimming it. */
import { expect } from 'vitest';
import type { Bus, StreamMessage } from '../../src/ports/bus.ts';
import type { Check, World } from './bus-world.ts';
import { bytes, numbered, TIMEOUT_US, text, texts } from './bus-world.ts';

export function consuming(check: Check): void {
  interface Seen {
    readonly messages: StreamMessage[];
    caughtUpAt: number | undefined;
  }
  /** Consumes into a list, and notes how many messages had come when `onCaughtUp` was called. */
  const consume = async (
    world: World,
    bus: Bus,
    filter: string | readonly string[],
    from: number | 'last-per-subject' | 'new',
    stream = 'LEDGER',
  ): Promise<Seen & { cancel: () => void }> => {
    const seen: Seen = { messages: [], caughtUpAt: undefined };
    const onCaughtUp = (): void => {
      expect(seen.caughtUpAt).toBeUndefined();
      seen.caughtUpAt = seen.messages.length;
    };
    const cancel = await world.settle(
      bus.consume(stream, { filter, from, onCaughtUp }, (message) => seen.messages.push(message)),
    );
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
    for (let number = 1; number <= 12; number++)
      await world.put(world.a.bus, number % 3 === 0 ? 'ledger.x.in' : 'ledger.y.in', `m${number}`);
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

  check('from far beyond the end gives nothing of what lies between', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'm1');
    const seen = await consume(world, world.b.bus, 'ledger.x', 5);
    for (const payload of numbered('m', 6, 2)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('they arrived', () => seen.messages.length >= 3);
    expect(texts(seen.messages)).toEqual(['m5', 'm6', 'm7']);
  });

  check('headers arrive with the messages', async (world) => {
    const seen = await consume(world, world.b.bus, 'ledger.x', 1);
    await world.settle(
      world.a.bus.append('ledger.x', bytes('m'), {
        timeoutUs: TIMEOUT_US,
        headers: { 'Drover-Number': '12', 'Drover-Channel': 'a: b' },
      }),
    );
    await world.until('it arrived', () => seen.messages.length === 1);
    expect(seen.messages[0]?.headers).toMatchObject({ 'Drover-Number': '12', 'Drover-Channel': 'a: b' });
  });

  check('last-per-subject gives each subject’s newest, then everything', async (world) => {
    for (const [subject, payload] of [
      ['ledger.a', 'a1'],
      ['ledger.b', 'b1'],
      ['ledger.a', 'a2'],
      ['ledger.c', 'c1'],
      ['ledger.b', 'b2'],
    ] as const) {
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

  check('several filters are followed as one, however many', async (world) => {
    // As a manager follows the ECUs of its share: two filters each.
    const filters = Array.from({ length: 300 }, (_, at) => [`ledger.e${at}`, `ledger.e${at}.>`]).flat();
    await world.put(world.a.bus, 'ledger.e7', 'before');
    await world.put(world.a.bus, 'ledger.other', 'nobody asked');
    const seen = await consume(world, world.b.bus, filters, 'last-per-subject');
    await world.until('it caught up', () => seen.caughtUpAt !== undefined);
    expect(texts(seen.messages)).toEqual(['before']);
    for (const subject of ['ledger.e299.x', 'ledger.e300', 'ledger.e7', 'ledger.e8']) {
      await world.put(world.a.bus, subject, subject);
    }
    await world.until('all arrived', () => seen.messages.length === 4);
    expect(texts(seen.messages)).toEqual(['before', 'ledger.e299.x', 'ledger.e7', 'ledger.e8']);
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
    const seen = [
      await consume(world, world.a.bus, 'ledger.x', 1),
      await consume(world, world.a.bus, 'ledger.>', 1),
      await consume(world, world.b.bus, 'ledger.x', 1),
    ];
    for (const payload of numbered('m', 50)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('all arrived', () => seen.every(({ messages }) => messages.length === 50));
    for (const { messages } of seen) expect(texts(messages)).toEqual(numbered('m', 50));
  });

  check('twelve consumers created at once each get their own', async (world) => {
    const tasks = numbered('t', 12);
    for (const task of tasks)
      for (const payload of numbered(`${task}-`, 3)) await world.put(world.a.bus, `ledger.${task}.in.data`, payload);
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
      for (
        let next = await bus.readNext('LEDGER', 'ledger.x', 1);
        next !== undefined;
        next = await bus.readNext('LEDGER', 'ledger.x', next.sequence + 1)
      ) {
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

export function trimming(check: Check): void {
  check('purging below a sequence keeps that message, and other subjects', async (world) => {
    for (const [subject, payload] of [
      ['ledger.x', 'x1'],
      ['ledger.y', 'y2'],
      ['ledger.x', 'x3'],
      ['ledger.x', 'x4'],
    ] as const)
      await world.put(world.a.bus, subject, payload);
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
    await world.settle(
      world.b.bus.consume('LEDGER', { filter: 'ledger.x', from: 1 }, (message) => seen.push(text(message.payload))),
    );
    for (const payload of numbered('x', 5)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('the first part arrived', () => seen.length === 5);
    await world.settle(world.a.bus.purge('LEDGER', { subject: 'ledger.x', keep: 1 }));
    for (const payload of numbered('x', 5, 6)) await world.put(world.a.bus, 'ledger.x', payload);
    await world.until('all arrived', () => seen.length >= 10);
    await world.quiet();
    expect(seen).toEqual(numbered('x', 10));
  });
}

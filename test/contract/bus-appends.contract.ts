/** Part of the bus contract: appends with their fences, batches, and reading back. */
import { expect } from 'vitest';
import type { AppendAnswer, Bus } from '../../src/ports/bus.ts';
import type { Check, World } from './bus-world.ts';
import { bytes, GIVE_UP_US, numbered, TIMEOUT_US, text, texts } from './bus-world.ts';

export function appends(check: Check): void {
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
    expect(await world.settle(world.b.bus.append('ledger.x', bytes('one'), options))).toEqual({
      kind: 'duplicate',
      sequence: 1,
    });
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
    await world.settle(
      world.a.bus.append('ledger.h', new Uint8Array(0), {
        timeoutUs: TIMEOUT_US,
        headers,
        expectedSequence: 0,
        messageId: 'h1',
      }),
    );
    const last = await world.settle(world.b.bus.readLast('ledger.h'));
    expect(last?.payload.length).toBe(0);
    expect(last?.headers).toMatchObject(headers);
    const next = await world.settle(world.b.bus.readNext('LEDGER', 'ledger.h', 1));
    expect(next?.headers).toMatchObject(headers);
  });

  check('a payload near the limit comes back as it was', async (world) => {
    const large = new Uint8Array(world.fixture.payloadBytesMax - 4096).map((_, index) => (index * 17 + (index >> 10)) & 0xff);
    const answer = await world.settle(
      world.a.bus.append('ledger.large', large, { timeoutUs: GIVE_UP_US, expectedSequence: 0, messageId: 'large' }),
    );
    expect(answer.kind).toBe('appended');
    const consumed: Uint8Array[] = [];
    await world.settle(
      world.b.bus.consume('LEDGER', { filter: 'ledger.large', from: 1 }, (message) => consumed.push(message.payload)),
    );
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
    expect(await world.failure(world.a.bus.append('nowhere.x', bytes('lost'), { timeoutUs: GIVE_UP_US }))).toBe(
      'ERR_BUS_NO_STREAM',
    );
  });

  check('an append whose link is cut is unknown, and reading tells', async (world) => {
    await world.put(world.a.bus, 'ledger.x', 'one', 0);
    world.a.cutLink();
    const answer = await world.settle(
      world.a.bus.append('ledger.x', bytes('two'), { timeoutUs: 400_000, expectedSequence: 1 }),
    );
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
    const answer = await world.settle(
      world.a.bus.append('ledger.x', bytes('two'), { timeoutUs: 400_000, expectedSequence: 1 }),
    );
    expect(answer).toEqual({ kind: 'unknown' });
    await world.quiet();
    expect(await world.lastText(world.b.bus, 'ledger.x')).toBe('two');
    world.a.healLink();
    await world.put(world.b.bus, 'ledger.x', 'three', 2);
    await world.until('the host is back', () => world.a.bus.connected());
    await world.quiet();
    expect(texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'))).toEqual(['one', 'two', 'three']);
  });

  check('an append that is out when its link breaks is unknown then, not when its time is over', async (world) => {
    world.a.cutLink();
    let answer: AppendAnswer | undefined;
    void world.a.bus.append('ledger.x', bytes('one'), { timeoutUs: 600_000_000 }).then((settled) => {
      answer = settled;
    });
    await world.until('it was given up', () => answer !== undefined);
    expect(answer).toEqual({ kind: 'unknown' });
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

export function batches(check: Check): void {
  const batch = (
    world: World,
    bus: Bus,
    subject: string,
    payloads: readonly string[],
    expectedSequence: number,
  ): Promise<AppendAnswer> =>
    world.settle(
      bus.appendBatch(
        subject,
        payloads.map((payload) => ({ payload: bytes(payload) })),
        { expectedSequence, timeoutUs: TIMEOUT_US },
      ),
    );

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
    const entries = [1, 2, 3].map((number) => ({
      payload: bytes(`p${number}`),
      headers: { 'Drover-Output': String(number), 'Drover-Channel': 'c' },
    }));
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
      const answers = await Promise.all([
        batch(world, world.a.bus, subject, mine, 0),
        batch(world, world.b.bus, subject, yours, 0),
      ]);
      expect(answers.filter((answer) => answer.kind === 'appended')).toHaveLength(1);
      for (const answer of answers) expect(['appended', 'refused', 'busy']).toContain(answer.kind);
      expect(texts(await world.readAll(world.a.bus, 'LEDGER', subject))).toEqual(
        answers[0]?.kind === 'appended' ? mine : yours,
      );
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
    const answer = await world.settle(
      world.a.bus.appendBatch('ledger.x', entries, { expectedSequence: 20, timeoutUs: 400_000 }),
    );
    expect(answer).toEqual({ kind: 'unknown' });
    await world.quiet();
    const written = texts(await world.readAll(world.b.bus, 'LEDGER', 'ledger.x'));
    expect(written.length).toBeGreaterThanOrEqual(20);
    expect(written).toEqual(payloads.slice(0, written.length));
  });
}

export function reading(check: Check): void {
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
    for (const subject of ['ledger.a.in', 'ledger.b.in', 'ledger.a.in', 'ledger.a.tick', 'ledger.b.in'])
      await world.put(world.a.bus, subject, subject);
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
    expect(await world.settle(world.a.bus.streamState('LEDGER'))).toMatchObject({
      messages: 0,
      bytes: 0,
      bytesMax: undefined,
      lastSequence: 0,
    });
    for (const payload of numbered('m', 6)) await world.put(world.a.bus, 'ring.x', payload);
    const state = await world.settle(world.b.bus.streamState('RING'));
    expect(state).toMatchObject({ messages: 4, firstSequence: 3, lastSequence: 6 });
    expect(state.bytes).toBeGreaterThan(0);
  });

  check('a stream that does not exist is named as such', async (world) => {
    expect(await world.failure(world.a.bus.streamState('NOWHERE'))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.readNext('NOWHERE', '>', 1))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.consume('NOWHERE', { filter: '>', from: 1 }, () => undefined))).toBe(
      'ERR_BUS_NO_STREAM',
    );
    expect(await world.failure(world.a.bus.readLast('nowhere.x'))).toBe('ERR_BUS_NO_STREAM');
    expect(await world.failure(world.a.bus.purge('NOWHERE', { subject: 'nowhere.x', keep: 1 }))).toBe('ERR_BUS_NO_STREAM');
  });
}

/** What the contract suite cannot ask for, because no real broker fails on command. */
import { describe, expect, test } from 'vitest';
import { SimBroker } from '../../../infra/sim/broker.ts';
import { connectSim, type SimBus } from '../../../infra/sim/bus.ts';
import { SimScheduler } from '../../../infra/sim/clock.ts';
import { SimHost } from '../../../infra/sim/host.ts';
import { CALM_LINK, type LinkOptions } from '../../../infra/sim/network.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import type { AppendAnswer } from '../../../src/ports/bus.ts';
import { SimDrive } from '../../support/sim-drive.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const SUBJECT = 'ledger.x';

class Bench {
  readonly scheduler = new SimScheduler();
  readonly drive = new SimDrive(this.scheduler);
  readonly broker: SimBroker;
  readonly hosts = new Map<string, SimHost>();

  constructor(replicas: 1 | 3 = 1, seed = 1) {
    this.broker = new SimBroker({
      scheduler: this.scheduler,
      rng: createRng(seed),
      streams: [
        {
          name: 'LEDGER',
          subjects: ['ledger.>'],
          discard: 'new',
          duplicateWindowUs: 120_000_000,
          atomicBatches: true,
          replicas,
        },
      ],
    });
  }

  async join(id: string, link: Partial<LinkOptions> = {}): Promise<SimBus> {
    this.broker.link(id, { ...CALM_LINK, ...link });
    let bus: SimBus | undefined;
    const host = new SimHost({
      id,
      scheduler: this.scheduler,
      boot: (process) => void connectSim(this.broker, process).then((made) => (bus = made)),
    });
    this.hosts.set(id, host);
    host.start();
    await this.drive.until(() => bus !== undefined);
    return bus as unknown as SimBus;
  }

  append(
    bus: SimBus,
    payload: string,
    options: { expectedSequence?: number; messageId?: string; timeoutUs?: number } = {},
  ): Promise<AppendAnswer> {
    return bus.append(SUBJECT, bytes(payload), { timeoutUs: 100_000, ...options });
  }

  stored(): string[] {
    const stream = this.broker.stream('LEDGER');
    const found: string[] = [];
    for (let message = stream.next(SUBJECT, 1); message !== undefined; message = stream.next(SUBJECT, message.sequence + 1))
      found.push(text(message.payload));
    return found;
  }
}

describe('appends', () => {
  test('one’s own retry: a single replica compares the sequence first, a replicated stream looks for the duplicate first', async () => {
    for (const [replicas, kind] of [
      [1, 'refused'],
      [3, 'duplicate'],
    ] as const) {
      const bench = new Bench(replicas);
      const bus = await bench.join('a');
      for (const expected of ['appended', kind]) {
        expect((await bench.drive.settle(bench.append(bus, 'one', { expectedSequence: 0, messageId: 'id' }))).kind).toBe(
          expected,
        );
      }
      expect(bench.stored()).toEqual(['one']);
    }
  });

  test('a second one in flight on one subject is busy on a replicated stream, and then refused', async () => {
    const bench = new Bench(3);
    const bus = await bench.join('a');
    const answers = await bench.drive.settle(
      Promise.all([bench.append(bus, 'one', { expectedSequence: 0 }), bench.append(bus, 'two', { expectedSequence: 0 })]),
    );
    expect(answers.map(({ kind }) => kind)).toEqual(['appended', 'busy']);
    expect((await bench.drive.settle(bench.append(bus, 'two', { expectedSequence: 0 }))).kind).toBe('refused');
  });

  test('a lost one was never written, one with a lost answer was, a late one lands after its caller gave up', async () => {
    for (const [fate, before, after] of [
      [{ kind: 'lost' }, [], []],
      [{ kind: 'ack-lost' }, ['one'], ['one']],
      [{ kind: 'late', lateUs: 500_000 }, [], ['one']],
    ] as const) {
      const bench = new Bench(3);
      const bus = await bench.join('a');
      bench.broker.link('a').scriptAppend({ filter: 'ledger.>', fate });
      expect(await bench.drive.settle(bench.append(bus, 'one', { expectedSequence: 0 }))).toEqual({ kind: 'unknown' });
      expect(bench.stored()).toEqual(before);
      await bench.drive.elapse(1_000_000);
      expect(bench.stored()).toEqual(after);
      // Used up: the next one is answered.
      expect((await bench.drive.settle(bench.append(bus, 'two'))).kind).toBe('appended');
    }
  });

  test('a late one lands although its process is dead, and fences by what it expected', async () => {
    const bench = new Bench();
    const [a, b] = [await bench.join('a'), await bench.join('b')];
    bench.broker.link('a').scriptAppend({ fate: { kind: 'late', lateUs: 50_000 } });
    void bench.append(a, 'from the dead', { expectedSequence: 0 });
    await bench.drive.elapse(10_000);
    bench.hosts.get('a')?.kill();
    await bench.drive.elapse(100_000);
    expect(bench.stored()).toEqual(['from the dead']);
    expect(await bench.drive.settle(bench.append(b, 'mine', { expectedSequence: 0 }))).toEqual({ kind: 'refused' });
  });

  test('without a leader appends are unknown and land afterwards or never; reads wait for the new one', async () => {
    for (const [landPpm, after] of [
      [1_000_000, ['one']],
      [0, []],
    ] as const) {
      const bench = new Bench(3);
      const bus = await bench.join('a');
      bench.broker.stall('LEDGER', 2_000_000, landPpm);
      expect(await bench.drive.settle(bench.append(bus, 'one'))).toEqual({ kind: 'unknown' });
      await bench.drive.settle(bus.readLast(SUBJECT));
      expect(bench.scheduler.nowUs()).toBeGreaterThan(2_000_000);
      // Even now it may still be on its way from the new leader to the others.
      await bench.drive.elapse(10_000);
      expect(bench.stored()).toEqual(after);
    }
  });

  test('one under way when the broker dies is unknown; it is in for some seeds and not for others', async () => {
    const landed = new Set<number>();
    for (let seed = 1; seed <= 12; seed++) {
      const bench = new Bench(3, seed);
      const bus = await bench.join('a');
      const answer = bench.append(bus, 'one');
      // Arrived after at most 120 µs, committed 150 µs later at the earliest.
      bench.scheduler.after(130, () => bench.broker.restart(50_000));
      expect(await bench.drive.settle(answer)).toEqual({ kind: 'unknown' });
      await bench.drive.elapse(500_000);
      expect(bus.connected()).toBe(true);
      landed.add(bench.stored().length);
    }
    expect([...landed].sort()).toEqual([0, 1]);
  });

  test('a partition holds an append, so that it lands after the heal; a longer silence ends the connection and loses it', async () => {
    const bench = new Bench();
    const bus = await bench.join('a');
    bench.broker.link('a').partition({ up: true });
    expect(await bench.drive.settle(bench.append(bus, 'held'))).toEqual({ kind: 'unknown' });
    bench.broker.link('a').heal();
    await bench.drive.elapse(10_000);
    expect(bench.stored()).toEqual(['held']);
    expect(bus.connected()).toBe(true);
    bench.broker.link('a').partition();
    expect(await bench.drive.settle(bench.append(bus, 'gone'))).toEqual({ kind: 'unknown' });
    await bench.drive.elapse(5_000_000);
    expect(bus.connected()).toBe(false);
    bench.broker.link('a').heal();
    await bench.drive.elapse(1_000_000);
    expect(bus.connected()).toBe(true);
    expect(bench.stored()).toEqual(['held']);
  });
});

describe('who is gone', () => {
  async function watched(end: (host: SimHost, bus: SimBus) => void): Promise<{ name: string; afterUs: number }[]> {
    const bench = new Bench();
    const [watcher, victim] = [await bench.join('watcher'), await bench.join('victim')];
    const seen: { name: string; afterUs: number }[] = [];
    let endedUs = 0;
    watcher.clientEvents?.onDisconnect(({ name }) => seen.push({ name, afterUs: bench.scheduler.nowUs() - endedUs }));
    await bench.drive.elapse(10_000);
    endedUs = bench.scheduler.nowUs();
    end(bench.hosts.get('victim') as SimHost, victim);
    await bench.drive.elapse(20_000_000);
    return seen;
  }

  test('a kill and a clean close are seen after 3 to 4 ms', async () => {
    for (const end of [(host: SimHost) => host.kill(), (_: SimHost, bus: SimBus) => void bus.close()]) {
      const seen = await watched(end);
      expect(seen.map(({ name }) => name)).toEqual(['victim#1']);
      expect(seen[0]?.afterUs).toBeGreaterThanOrEqual(3_000);
      expect(seen[0]?.afterUs).toBeLessThanOrEqual(4_500);
    }
  });

  test('a freeze is not seen at all', async () => {
    expect(await watched((host) => host.freeze())).toEqual([]);
  });

  test('a machine without power is seen only by its silence', async () => {
    const seen = await watched((host) => host.kill('power'));
    expect(seen.map(({ name }) => name)).toEqual(['victim#1']);
    expect(seen[0]?.afterUs).toBeGreaterThan(2_000_000);
  });
});

describe('core messages', () => {
  const published = async (link: Partial<LinkOptions>, subjects: readonly string[]): Promise<string[]> => {
    const bench = new Bench();
    const [sender, receiver] = [await bench.join('sender', link), await bench.join('receiver')];
    const received: string[] = [];
    receiver.subscribe('plain.>', ({ payload }) => received.push(text(payload)));
    await bench.drive.elapse(10_000);
    for (const [index, subject] of subjects.entries()) sender.publish(subject, bytes(`${subject} ${index}`));
    await bench.drive.elapse(1_000_000);
    return received;
  };
  const hundred = Array.from({ length: 100 }, () => 'plain.a');

  test('are dropped and doubled as the link says, and appends are not', async () => {
    const dropped = await published({ dropPpm: 300_000 }, hundred);
    expect(dropped.length).toBeGreaterThan(40);
    expect(dropped.length).toBeLessThan(95);
    const doubled = await published({ duplicatePpm: 300_000 }, hundred);
    expect(doubled.length).toBeGreaterThan(105);
    expect(new Set(doubled).size).toBe(100);
  });

  test('of different subjects overtake each other where the link reorders; of one subject never', async () => {
    const received = await published(
      { reorder: true, delayUs: { min: 10, max: 5_000 } },
      Array.from({ length: 100 }, (_, index) => `plain.${index % 5}`),
    );
    const numbers = received.map((entry) => Number(entry.split(' ')[1]));
    expect(numbers).not.toEqual(numbers.toSorted((a, b) => a - b));
    for (let lane = 0; lane < 5; lane++) {
      const own = numbers.filter((number) => number % 5 === lane);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
  });

  test('sent to a frozen host wait for its thaw', async () => {
    const bench = new Bench();
    const [sender, receiver] = [await bench.join('sender'), await bench.join('receiver')];
    const received: string[] = [];
    receiver.subscribe('plain.x', ({ payload }) => received.push(text(payload)));
    await bench.drive.elapse(10_000);
    bench.hosts.get('receiver')?.freeze();
    for (const payload of ['one', 'two']) sender.publish('plain.x', bytes(payload));
    await bench.drive.elapse(1_000_000);
    expect(received).toEqual([]);
    bench.hosts.get('receiver')?.thaw();
    await bench.drive.elapse(1_000);
    expect(received).toEqual(['one', 'two']);
  });
});

describe('brokers without a quorum (B4)', () => {
  test('their clients reach one another, and no stream: what they append is in none, what they missed comes later', async () => {
    const bench = new Bench(3);
    const [cut, alike, rest] = [await bench.join('cut'), await bench.join('alike'), await bench.join('rest')];
    const heard: string[] = [];
    const consumed: string[] = [];
    for (const bus of [alike, rest]) bus.subscribe('word', ({ payload }) => heard.push(`${bus.name} ${text(payload)}`));
    await bench.drive.settle(
      cut.consume('LEDGER', { filter: 'ledger.>', from: 'new' }, ({ payload }) => consumed.push(text(payload))),
    );
    await bench.drive.elapse(10_000);
    bench.broker.isolate(['cut', 'alike'], 2_000_000);
    cut.publish('word', bytes('here'));
    rest.publish('word', bytes('there'));
    expect(await bench.drive.settle(bench.append(cut, 'nowhere'))).toEqual({ kind: 'unknown' });
    expect(await bench.drive.settle(bench.append(rest, 'somewhere'))).toMatchObject({ kind: 'appended', sequence: 1 });
    await expect(bench.drive.settle(cut.request('word', bytes('?'), { timeoutUs: 50_000 }))).rejects.toBeDefined();
    expect(heard).toEqual(['alike#1 here', 'rest#1 there', 'alike#1 ?']);
    expect(consumed).toEqual([]);
    expect(cut.connected()).toBe(true);
    await bench.drive.elapse(2_500_000);
    expect(consumed).toEqual(['somewhere']);
    expect(bench.broker.stream('LEDGER').lastSequence()).toBe(1);
    expect(await bench.drive.settle(bench.append(cut, 'again'))).toMatchObject({ kind: 'appended', sequence: 2 });
  });
});

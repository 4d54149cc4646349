/** The seven steps of `actors/shell.ts`, one by one, with a small chart on the simulated clock and disk. */
import { beforeEach, describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import type { Chart } from '../../actors/chart.ts';
import type { EffectOutcome, OpenEffect } from '../../actors/outbox.ts';
import { type Delivery, Shell } from '../../actors/shell.ts';
import { SimScheduler } from '../../infra/sim/clock.ts';
import { SimDisk } from '../../infra/sim/disk.ts';
import { DiskRecordStore } from '../../infra/sim/disk-records.ts';
import { SimHost } from '../../infra/sim/host.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import type { ActorRecord } from '../../src/domain/model/record.ts';
import { decodeRecord } from '../../src/domain/protocol/codec-record.ts';
import type { Plant } from '../../src/ports/plants.ts';
import type { RecordAppend, RecordStore } from '../../src/ports/record-store.ts';
import { CLOSE, effectActions, OPEN } from '../../statecharts/effects.ts';
import { collectingCounters, collectingLog } from '../support/collecting.ts';
import { SimDrive } from '../support/sim-drive.ts';

const toyMachine = setup({
  types: { context: {} as { count: number }, events: {} as ActorEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<{ kind: string }>(),
    count: assign({ count: ({ context }) => context.count + 1 }),
  },
  guards: { never: () => false },
}).createMachine({
  id: 'toy',
  initial: 'idle',
  context: { count: 0 },
  states: {
    idle: {
      on: {
        COUNTED: { actions: 'count' },
        WAITED: 'waiting',
        ASKED: { actions: { type: OPEN, params: { key: 'ask', effect: { kind: 'ask' } } } },
        TOLD: { actions: { type: OPEN, params: { key: 'tell', effect: { kind: 'tell' } } } },
        ANSWERED: { actions: 'count' },
        WORKED: 'working',
        LEFT_OPEN: { target: 'over', actions: { type: OPEN, params: { key: 'ask', effect: { kind: 'ask' } } } },
        GUARDED: 'guarded',
        STAYED: 'staying',
      },
    },
    working: {
      entry: { type: OPEN, params: { key: 'work', effect: { kind: 'work' } } },
      exit: { type: CLOSE, params: { key: 'work' } },
      on: { STOPPED: 'idle', COUNTED: { actions: 'count' } },
    },
    waiting: {
      after: { 100: { target: 'idle', actions: 'count' } },
      on: { WAITED: { target: 'waiting', reenter: true }, STOPPED: 'idle' },
    },
    guarded: { after: { 100: { guard: 'never', target: 'idle' } }, on: { STOPPED: 'idle' } },
    staying: { after: { 100: { actions: 'count' } } },
    over: { type: 'final' },
  },
});
const version = (number: number): Chart => ({ kind: 'toy', version: number, machine: toyMachine });

const ACTOR = 'toy/x';
type Perform = (open: OpenEffect) => Promise<EffectOutcome>;
/** Notes that it was begun, and never ends. */
const noting =
  (note: (open: OpenEffect) => void): Perform =>
  (open) => {
    note(open);
    return new Promise(() => undefined);
  };
const never: Perform = noting(() => undefined);

class Fleet {
  readonly scheduler = new SimScheduler();
  readonly drive = new SimDrive(this.scheduler);
  readonly disk = new SimDisk(this.scheduler, createRng(1));
  readonly hosts = new Map<string, SimHost>();
  readonly log = collectingLog();
  readonly counters = collectingCounters();

  /** A shell on a new process of the host; the one before dies. */
  async boot(
    id: string,
    options: { perform?: Perform; chart?: Chart; plants?: readonly Plant[]; wrap?: (store: RecordStore) => RecordStore } = {},
  ): Promise<Shell> {
    let host = this.hosts.get(id);
    if (host === undefined) {
      host = new SimHost({ id, machine: 'machine', scheduler: this.scheduler, boot: () => undefined });
      this.hosts.set(id, host);
    }
    const process = host.restart();
    const records = new DiskRecordStore(this.disk, process);
    const shell = new Shell({
      host: id,
      incarnation: process.incarnation,
      charts: [options.chart ?? version(1)],
      store: options.wrap?.(records) ?? records,
      perform: options.perform ?? never,
      clock: process.clock,
      rng: createRng(process.incarnation, id),
      log: this.log,
      counters: this.counters,
      plants: { planted: (plant) => options.plants?.includes(plant) ?? false },
    });
    await this.drive.settle(shell.start());
    return shell;
  }

  deliver(shell: Shell, type: string, fields: Partial<ActorEvent> = {}, acknowledge?: () => void): Promise<Delivery> {
    return this.drive.settle(shell.deliver(ACTOR, { type, id: `${type}.1`, ...fields }, acknowledge));
  }

  async journal(): Promise<readonly ActorRecord[]> {
    const reader = new SimHost({ id: 'reader', machine: 'machine', scheduler: this.scheduler, boot: () => undefined }).start();
    const records: ActorRecord[] = [];
    const read = async (): Promise<void> => {
      for await (const { bytes } of new DiskRecordStore(this.disk, reader).history(ACTOR)) {
        const decoded = decodeRecord(bytes);
        if (decoded.ok) records.push(decoded.value);
      }
    };
    await this.drive.settle(read());
    return records;
  }
}

const countOf = (shell: Shell): number => Number(shell.view(ACTOR)?.snapshot.context.count);
const stateOf = (shell: Shell): unknown => shell.view(ACTOR)?.snapshot.value;

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});

describe('step 2: load, and drop what was seen', () => {
  test('step 2: an event taken twice counts once, also after a restart and at another host', async () => {
    const a = await fleet.boot('a');
    expect(await fleet.deliver(a, 'COUNTED')).toBe('taken');
    expect(await fleet.deliver(a, 'COUNTED')).toBe('seen');
    const again = await fleet.boot('a');
    expect(await fleet.deliver(again, 'COUNTED')).toBe('seen');
    expect(await fleet.deliver(await fleet.boot('b'), 'COUNTED')).toBe('seen');
    expect(await fleet.journal()).toHaveLength(1);
  });

  test('step 2: a record that this host was not told of yet is neither stepped over nor missed', async () => {
    const b = await fleet.boot('b');
    await fleet.deliver(b, 'COUNTED');
    await fleet.deliver(b, 'WORKED');
    const silent = (store: RecordStore): RecordStore => ({ ...bound(store), follow: async () => () => undefined });
    // Without its record the actor would take the first one, and could not take the second.
    expect(await fleet.deliver(await fleet.boot('a', { wrap: silent }), 'COUNTED')).toBe('seen');
    const c = await fleet.boot('c', { wrap: silent });
    expect(await fleet.deliver(c, 'STOPPED')).toBe('taken');
    expect(c.view(ACTOR)?.record).toMatchObject({ revision: 3, writer: 'c' });
    expect(await fleet.journal()).toHaveLength(3);
  });

  test('step 2: what the loop tells itself does not push events out of the seen set', async () => {
    const a = await fleet.boot('a', { perform: async () => ({ kind: 'done' }) });
    await fleet.deliver(a, 'COUNTED');
    for (let n = 0; n < 60; n++) {
      if (n < 40) await fleet.deliver(a, 'TOLD', { id: `told.${n}` });
      await fleet.drive.elapse(50_000);
    }
    expect((await fleet.journal()).length).toBeGreaterThan(70);
    expect(await fleet.deliver(a, 'COUNTED')).toBe('seen');
  });
});

describe('step 3: transition', () => {
  test('step 3: an event not handled now is deferred, not acknowledged and not recorded', async () => {
    const a = await fleet.boot('a');
    let acknowledged = 0;
    expect(await fleet.deliver(a, 'STOPPED', {}, () => acknowledged++)).toBe('deferred');
    expect(acknowledged).toBe(0);
    expect(await fleet.journal()).toEqual([]);
    await fleet.deliver(a, 'WORKED');
    expect(await fleet.deliver(a, 'STOPPED', {}, () => acknowledged++)).toBe('taken');
    expect(acknowledged).toBe(1);
  });

  test('step 3: an event that no state knows is counted and acknowledged', async () => {
    const a = await fleet.boot('a');
    let acknowledged = 0;
    expect(await fleet.deliver(a, 'NONSENSE', {}, () => acknowledged++)).toBe('unknown-event');
    expect(acknowledged).toBe(1);
    expect(fleet.counters.read()['loop.unknownEvent']).toBe(1);
  });

  test('step 3: a record of another chart version is left alone', async () => {
    await fleet.deliver(await fleet.boot('a'), 'WORKED');
    const b = await fleet.boot('b', { chart: version(2) });
    expect(await fleet.deliver(b, 'COUNTED')).toBe('deferred');
    expect(await fleet.drive.settle(b.takeOver(ACTOR))).toBe(false);
    expect(fleet.counters.read()['loop.chartVersion']).toBe(1);
    expect(await fleet.journal()).toHaveLength(1);
  });
});

describe('step 4: one compare-and-set write', () => {
  test('step 4: hosts that race lose nothing and write nothing twice', async () => {
    const shells = [await fleet.boot('a'), await fleet.boot('b'), await fleet.boot('c')];
    await fleet.drive.settle(
      Promise.all(
        shells.flatMap((shell) => Array.from({ length: 10 }, (_, n) => shell.deliver(ACTOR, { type: 'COUNTED', id: `c${n}` }))),
      ),
    );
    const records = await fleet.journal();
    expect(records.map((record) => record.revision)).toEqual(records.map((_, index) => index + 1));
    expect(records.map((record) => record.event.id).sort()).toEqual(Array.from({ length: 10 }, (_, n) => `c${n}`).sort());
    expect(countOf(shells[0] as Shell)).toBe(10);
  });

  test('step 4: after a lost answer, reading finds one’s own attempt', async () => {
    const a = await fleet.boot('a', {
      wrap: (store) => ({ ...bound(store), append: (...args) => store.append(...args).then(() => ({ kind: 'unknown' })) }),
    });
    expect(await fleet.deliver(a, 'COUNTED')).toBe('taken');
    expect(await fleet.journal()).toHaveLength(1);
    expect(fleet.counters.read()['loop.unknown']).toBe(1);
  });

  test('step 4: after a lost append, the step is done again', async () => {
    let lost = 1;
    const a = await fleet.boot('a', {
      wrap: (store) => ({
        ...bound(store),
        append: async (...args) => (lost-- > 0 ? { kind: 'unknown' } : store.append(...args)),
      }),
    });
    expect(await fleet.deliver(a, 'COUNTED')).toBe('taken');
    expect(await fleet.journal()).toHaveLength(1);
  });

  test('step 4: busy is tried again, as the same attempt', async () => {
    let busy = 3;
    const a = await fleet.boot('a', {
      wrap: (store) => ({
        ...bound(store),
        append: async (...args) => (busy-- > 0 ? { kind: 'busy' } : store.append(...args)),
      }),
    });
    expect(await fleet.deliver(a, 'COUNTED')).toBe('taken');
    expect((await fleet.journal()).map((record) => record.attempt.endsWith('.1'))).toEqual([true]);
  });

  for (const plants of [[], ['adopt-older']] as const) {
    test(`step 4: an answer that comes after the news of another host’s record ${plants.length === 0 ? 'does not turn time back' : 'would, if older records were adopted'}`, async () => {
      let release: (() => void) | undefined;
      const slow = (store: RecordStore): RecordStore => ({
        ...bound(store),
        // The news comes by the reading below, before the follower's.
        follow: async () => () => undefined,
        append: async (...args): Promise<RecordAppend> => {
          const answer = await store.append(...args);
          if (release === undefined) await new Promise<void>((resolve) => (release = resolve));
          return answer;
        },
      });
      const a = await fleet.boot('a', { wrap: slow, plants });
      const b = await fleet.boot('b');
      const step = a.deliver(ACTOR, { type: 'WORKED', id: 'w' });
      await fleet.drive.until(() => release !== undefined);
      await fleet.drive.settle(b.deliver(ACTOR, { type: 'COUNTED', id: 'c' }));
      await fleet.drive.settle(a.refresh(ACTOR));
      release?.();
      await fleet.drive.settle(step);
      const view = a.view(ACTOR)?.record;
      if (plants.length === 0) expect(view).toMatchObject({ revision: 2, writer: 'b' });
      else expect(view).toMatchObject({ revision: 1, writer: 'a' });
    });
  }
});

describe('steps 5 and 6: acknowledge, then perform', () => {
  test('steps 4, 5, 6: the record is there before the acknowledgement, and that before the effect', async () => {
    const order: string[] = [];
    const a = await fleet.boot('a', {
      perform: async () => {
        order.push('performed');
        return { kind: 'done' };
      },
    });
    await fleet.deliver(a, 'TOLD', {}, () => order.push(`acknowledged at ${a.view(ACTOR)?.record.revision}`));
    expect(order).toEqual(['acknowledged at 1', 'performed']);
  });

  test('step 6: an entry stays in all later records until it is answered', async () => {
    let answer: ((outcome: EffectOutcome) => void) | undefined;
    const a = await fleet.boot('a', { perform: () => new Promise((resolve) => (answer = resolve)) });
    await fleet.deliver(a, 'ASKED');
    for (const id of ['1', '2', '3']) await fleet.deliver(a, 'COUNTED', { id });
    answer?.({ kind: 'event', event: { type: 'ANSWERED' } });
    await fleet.drive.until(() => countOf(a) === 4);
    const records = await fleet.journal();
    expect(records.map((record) => record.outbox.map((entry) => entry.id))).toEqual([
      ['toy/x#1.0'],
      ['toy/x#1.0'],
      ['toy/x#1.0'],
      ['toy/x#1.0'],
      [],
    ]);
    expect(records.at(-1)?.event.id).toBe('answer:toy/x#1.0');
  });

  test('step 6: done without an event is recorded soon, several at once', async () => {
    const a = await fleet.boot('a', { perform: async () => ({ kind: 'done' }) });
    await fleet.deliver(a, 'TOLD');
    await fleet.deliver(a, 'ASKED');
    await fleet.drive.until(() => a.view(ACTOR)?.record.outbox.length === 0);
    const records = await fleet.journal();
    expect(records.map((record) => record.event.type)).toEqual(['TOLD', 'ASKED', 'drover.done']);
    expect(records.at(-1)?.snapshot).toBe(records.at(-2)?.snapshot);
  });

  test('step 6: an effect that fails is performed again; one whose state was left is not', async () => {
    let tries = 0;
    const a = await fleet.boot('a', {
      perform: async () => {
        tries++;
        throw new Error('not now');
      },
    });
    await fleet.deliver(a, 'WORKED');
    await fleet.drive.until(() => tries === 4);
    await fleet.deliver(a, 'STOPPED');
    const until = tries;
    await fleet.drive.elapse(5_000_000);
    expect(tries).toBe(until);
  });

  for (const plants of [[], ['forget-answers-at-the-end']] as const) {
    test(`step 6: an entry that is answered after the chart’s end is ${plants.length === 0 ? 'closed' : 'left open where such answers are forgotten'}`, async () => {
      const a = await fleet.boot('a', { plants, perform: async () => ({ kind: 'event', event: { type: 'ANSWERED' } }) });
      await fleet.deliver(a, 'LEFT_OPEN');
      await fleet.drive.elapse(1_000_000);
      expect(a.view(ACTOR)?.snapshot.status).toBe('done');
      expect(a.view(ACTOR)?.record.outbox).toHaveLength(plants.length);
    });
  }
});

describe('step 7: restart and takeover', () => {
  test('step 7: after a restart all open entries are performed again', async () => {
    await fleet.deliver(await fleet.boot('a'), 'WORKED');
    const performed: string[] = [];
    await fleet.boot('a', { perform: noting((open) => performed.push(open.entry.id)) });
    expect(performed).toEqual(['toy/x#1.0']);
  });

  test('step 7: a takeover is a step of its own, and the old writer lets go', async () => {
    const wanted: (() => boolean)[] = [];
    const a = await fleet.boot('a', { perform: noting((open) => wanted.push(open.wanted)) });
    await fleet.deliver(a, 'WORKED');
    const performed: string[] = [];
    const b = await fleet.boot('b', { perform: noting((open) => performed.push(open.entry.id)) });
    expect(performed).toEqual([]);
    expect(await fleet.drive.settle(b.takeOver(ACTOR))).toBe(true);
    expect(performed).toEqual(['toy/x#1.0']);
    await fleet.drive.until(() => a.view(ACTOR)?.record.writer === 'b');
    expect(wanted.map((still) => still())).toEqual([false]);
    expect((await fleet.journal()).map(({ writer, event }) => [writer, event.type])).toEqual([
      ['a', 'WORKED'],
      ['b', 'drover.takenOver'],
    ]);
    expect(await fleet.drive.settle(b.takeOver(ACTOR))).toBe(false);
  });

  test('step 7: of two that take over at once, one does', async () => {
    await fleet.deliver(await fleet.boot('a'), 'WORKED');
    const [b, c] = [await fleet.boot('b'), await fleet.boot('c')];
    const won = await fleet.drive.settle(Promise.all([b.takeOver(ACTOR), c.takeOver(ACTOR)]));
    expect(won.filter((yes) => yes)).toHaveLength(1);
  });
});

describe('timers', () => {
  test('a timer fires once, not before its delay', async () => {
    const a = await fleet.boot('a');
    await fleet.deliver(a, 'WAITED');
    const armedUs = fleet.scheduler.nowUs();
    await fleet.drive.until(() => stateOf(a) === 'idle');
    expect(fleet.scheduler.nowUs() - armedUs).toBeGreaterThanOrEqual(100_000);
    await fleet.drive.elapse(1_000_000);
    expect(countOf(a)).toBe(1);
    expect(a.view(ACTOR)?.record.timers).toEqual([]);
  });

  test('a timer survives a restart: late, never early', async () => {
    await fleet.deliver(await fleet.boot('a'), 'WAITED');
    await fleet.drive.elapse(90_000);
    const a = await fleet.boot('a');
    const learnedUs = fleet.scheduler.nowUs();
    await fleet.drive.until(() => stateOf(a) === 'idle');
    expect(fleet.scheduler.nowUs() - learnedUs).toBeGreaterThanOrEqual(100_000);
  });

  test('a host that takes over goes on with the wait instead of beginning it again', async () => {
    const a = await fleet.boot('a');
    const b = await fleet.boot('b');
    await fleet.deliver(a, 'WAITED');
    const armedUs = fleet.scheduler.nowUs();
    await fleet.drive.elapse(60_000);
    fleet.hosts.get('a')?.kill();
    await fleet.drive.settle(b.takeOver(ACTOR));
    await fleet.drive.until(() => stateOf(b) === 'idle');
    expect(fleet.scheduler.nowUs() - armedUs).toBeGreaterThanOrEqual(100_000);
    expect(fleet.scheduler.nowUs() - armedUs).toBeLessThan(110_000);
  });

  test('a timer of a state that was left and entered again is stale', async () => {
    const a = await fleet.boot('a');
    await fleet.deliver(a, 'WAITED');
    await fleet.drive.elapse(60_000);
    await fleet.deliver(a, 'WAITED', { id: 'again' });
    const [timer] = a.view(ACTOR)?.record.timers ?? [];
    expect(timer?.armedBy).toBe(2);
    const stale = { id: `timer:${timer?.id}@1`, timer: timer?.id, armedBy: 1 };
    expect(await fleet.deliver(a, String(timer?.eventType), stale)).toBe('seen');
    await fleet.drive.elapse(60_000);
    expect(stateOf(a)).toBe('waiting');
    await fleet.drive.elapse(60_000);
    expect(stateOf(a)).toBe('idle');
  });

  test('a timer whose transition stays in the state is over, and so is one whose guard says no', async () => {
    const a = await fleet.boot('a');
    await fleet.deliver(a, 'STAYED');
    await fleet.drive.elapse(500_000);
    expect([countOf(a), a.view(ACTOR)?.record.timers]).toEqual([1, []]);
    const again = await fleet.boot('a');
    await fleet.drive.elapse(500_000);
    expect(countOf(again)).toBe(1);
    fleet = new Fleet();
    const guarded = await fleet.boot('a');
    await fleet.deliver(guarded, 'GUARDED');
    await fleet.drive.elapse(500_000);
    expect([stateOf(guarded), guarded.view(ACTOR)?.record.timers]).toEqual(['guarded', []]);
  });
});

/** A store's own methods, so that a test can replace one. */
const bound = (store: RecordStore): RecordStore => ({
  load: (actor) => store.load(actor),
  append: (...args) => store.append(...args),
  follow: (handler) => store.follow(handler),
  history: (actor) => store.history(actor),
});

/**
 * What every record store promises (`src/ports/record-store.ts`, R1–R4), asked of the port alone: the LMDB store, the
 * JetStream store and the simulated disk run this same suite. It assumes nothing about positions except that they grow;
 * an append may answer `busy` or `unknown` where the port allows it, and is then settled by reading, as the loop does.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ActorKey } from '../../src/domain/model/ids.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { RecordStore, StoredRecord } from '../../src/ports/record-store.ts';

export interface RecordStoreFixture {
  readonly store: RecordStore;
  /** A second handle on the same records, as another host (or another part of this one) would open it. */
  another(): Promise<RecordStore>;
  /** Closes every handle, as the end of the process would, and opens the same records again. */
  reopen(): Promise<RecordStore>;
  /** Closes every handle and removes the records. */
  close(): Promise<void>;
}

export function describeRecordStore(name: string, options: { open(): Promise<RecordStoreFixture> }): void {
  describe(`record store: ${name}`, () => {
    let fixture: RecordStoreFixture;
    let store: RecordStore;
    const cancels: Cancel[] = [];

    beforeEach(async () => {
      fixture = await options.open();
      store = fixture.store;
    });
    afterEach(async () => {
      for (const cancel of cancels.splice(0)) cancel();
      await fixture.close();
    });

    const follow = async (of: RecordStore): Promise<Seen[]> => {
      const seen: Seen[] = [];
      cancels.push(await of.follow((actor, record) => seen.push({ actor, position: record.position, text: textOf(record) })));
      return seen;
    };

    test('R1: an actor without a record is undefined, and its first append expects 0', async () => {
      expect(await store.load('task/none')).toBeUndefined();
      const position = await appended(store, 'task/a', 0, bytesOf('first'));
      expect(position).toBeGreaterThan(0);
      expect(await store.load('task/a')).toEqual({ position, bytes: bytesOf('first') });
      expect(await store.load('task/none')).toBeUndefined();
    });

    test('R1: an append that expects another position than the last is refused and changes nothing', async () => {
      const first = await appended(store, 'task/a', 0, bytesOf('first'));
      const second = await appended(store, 'task/a', first, bytesOf('second'));
      for (const wrong of [0, first, second + 1, second + 1000]) {
        expect(await settled(store, 'task/a', wrong, bytesOf('wrong'))).toEqual({ kind: 'refused' });
      }
      expect(await settled(store, 'task/new', 7, bytesOf('wrong'))).toEqual({ kind: 'refused' });
      expect(await store.load('task/a')).toEqual({ position: second, bytes: bytesOf('second') });
      expect(await store.load('task/new')).toBeUndefined();
      expect((await historyOf(store, 'task/a')).map((record) => record.position)).toEqual([first, second]);
    });

    test('R1: of concurrent appends to one actor at one position exactly one wins', async () => {
      const other = await fixture.another();
      let position = 0;
      for (let round = 0; round < 5; round++) {
        const attempts = Array.from({ length: 16 }, (_, index) => ({
          by: index % 2 === 0 ? store : other,
          text: `round ${round} attempt ${index}`,
        }));
        const answers = await Promise.all(attempts.map(({ by, text }) => by.append('placement/a', position, bytesOf(text))));
        const last = await store.load('placement/a');
        const winners = attempts.filter(({ text }) => last !== undefined && text === textOf(last));
        const claimed = answers.flatMap((answer, index) =>
          answer.kind === 'appended' ? [{ answer, text: attempts[index]?.text }] : [],
        );
        expect(claimed.length).toBeLessThanOrEqual(1);
        expect(winners).toHaveLength(1);
        // Where an answer said `appended`, it is the record that is there, at the position it said.
        for (const { answer, text } of claimed)
          expect({ position: answer.position, text }).toEqual({ position: last?.position, text: winners[0]?.text });
        position = last?.position ?? 0;
      }
      expect(await historyOf(store, 'placement/a')).toHaveLength(5);
    });

    test('R1: appends to different actors do not hinder one another', async () => {
      const actors = Array.from({ length: 100 }, (_, index) => `task/t${index}`);
      const positions = await Promise.all(actors.map((actor) => appended(store, actor, 0, bytesOf(actor))));
      await Promise.all(
        actors.map((actor, index) => appended(store, actor, positions[index] ?? -1, bytesOf(`${actor} again`))),
      );
      for (const actor of actors) expect(textOf(await store.load(actor))).toBe(`${actor} again`);
    });

    test('R2: reopening after a close keeps every record and every history', async () => {
      let position = 0;
      for (const text of ['one', 'two', 'three']) position = await appended(store, 'ecu/02aa00000001', position, bytesOf(text));
      const other = await appended(store, 'task/b', 0, bytesOf('b'));
      const before = await historyOf(store, 'ecu/02aa00000001');
      const again = await fixture.reopen();
      expect(await again.load('ecu/02aa00000001')).toEqual({ position, bytes: bytesOf('three') });
      expect(await again.load('task/b')).toEqual({ position: other, bytes: bytesOf('b') });
      expect(await historyOf(again, 'ecu/02aa00000001')).toEqual(before);
      expect(await settled(again, 'ecu/02aa00000001', 0, bytesOf('wrong'))).toEqual({ kind: 'refused' });
      expect(await appended(again, 'ecu/02aa00000001', position, bytesOf('four'))).toBeGreaterThan(position);
    });

    test('R3: a read that starts after the answer sees the append, on every handle', async () => {
      const other = await fixture.another();
      let position = 0;
      for (let step = 0; step < 20; step++) {
        const [writer, reader] = step % 2 === 0 ? [store, other] : [other, store];
        position = await appended(writer, 'task/a', position, bytesOf(`step ${step}`));
        expect(await reader.load('task/a')).toEqual({ position, bytes: bytesOf(`step ${step}`) });
      }
    });

    test('R4: positions of one actor only grow, and history gives them oldest first', async () => {
      const texts = Array.from({ length: 30 }, (_, index) => `record ${index}`);
      let position = 0;
      for (const text of texts) {
        position = await appended(store, 'task/a', position, bytesOf(text));
        await appended(store, 'task/between', (await store.load('task/between'))?.position ?? 0, bytesOf('x'));
      }
      const history = await historyOf(store, 'task/a');
      expect(history.map(textOf)).toEqual(texts);
      for (let i = 1; i < history.length; i++) expect(history[i]?.position).toBeGreaterThan(history[i - 1]?.position ?? 0);
      expect(await historyOf(store, 'task/none')).toEqual([]);
    });

    test('follow gives every last record first, then each later one once, in order, those of another handle too', async () => {
      const a = await appended(store, 'task/a', await appended(store, 'task/a', 0, bytesOf('a old')), bytesOf('a'));
      const b = await appended(store, 'task/b', 0, bytesOf('b'));
      const seen = await follow(store);
      expect(sortedByActor(seen)).toEqual([
        { actor: 'task/a', position: a, text: 'a' },
        { actor: 'task/b', position: b, text: 'b' },
      ]);
      const other = await fixture.another();
      const later = [];
      let [ownPosition, otherPosition] = [a, 0];
      for (let step = 0; step < 10; step++) {
        ownPosition = await appended(store, 'task/a', ownPosition, bytesOf(`a ${step}`));
        later.push({ actor: 'task/a', position: ownPosition, text: `a ${step}` });
        otherPosition = await appended(other, 'task/c', otherPosition, bytesOf(`c ${step}`));
        later.push({ actor: 'task/c', position: otherPosition, text: `c ${step}` });
      }
      await until(() => seen.length >= 2 + later.length);
      for (const actor of ['task/a', 'task/c']) {
        expect(seen.slice(2).filter((record) => record.actor === actor)).toEqual(
          later.filter((record) => record.actor === actor),
        );
      }
      expect(seen).toHaveLength(2 + later.length);
    });

    test('follow misses nothing that is appended while it starts', async () => {
      const other = await fixture.another();
      let position = await appended(store, 'task/a', 0, bytesOf('0'));
      const seen: number[] = [];
      const starting = store.follow((_, record) => seen.push(record.position));
      for (let step = 1; step <= 10; step++) position = await appended(other, 'task/a', position, bytesOf(`${step}`));
      cancels.push(await starting);
      await until(() => seen.at(-1) === position);
      const history = (await historyOf(store, 'task/a')).map((record) => record.position);
      // It may have begun anywhere, but from there on nothing is missing and nothing comes twice.
      expect(seen).toEqual(history.slice(history.indexOf(seen[0] ?? -1)));
    });

    test('a follower that was cancelled hears nothing more', async () => {
      const seen: string[] = [];
      const cancel = await store.follow((_, record) => seen.push(textOf(record)));
      const witness = await follow(store);
      const first = await appended(store, 'task/a', 0, bytesOf('heard'));
      await until(() => seen.length === 1 && witness.length === 1);
      cancel();
      cancel();
      await appended(store, 'task/a', first, bytesOf('not heard'));
      await until(() => witness.length === 2);
      expect(seen).toEqual(['heard']);
    });

    test('a large record (256 KiB) comes back whole, and so does an empty one', async () => {
      const large = new Uint8Array(256 * 1024);
      for (let i = 0; i < large.length; i++) large[i] = (i * 2654435761) >>> 24;
      const position = await appended(store, 'task/large', 0, large);
      const loaded = await store.load('task/large');
      expect(loaded?.position).toBe(position);
      expect(sameBytes(loaded?.bytes, large)).toBe(true);
      const empty = await appended(store, 'task/large', position, new Uint8Array(0));
      expect(await store.load('task/large')).toEqual({ position: empty, bytes: new Uint8Array(0) });
      const again = await fixture.reopen();
      expect(sameBytes((await historyOf(again, 'task/large'))[0]?.bytes, large)).toBe(true);
    });

    test('the bytes of a record are the store’s own: changing the argument or an answer later changes nothing', async () => {
      const bytes = bytesOf('original');
      const appending = appended(store, 'task/a', 0, bytes);
      const position = await appending;
      bytes.fill(0);
      const loaded = await store.load('task/a');
      expect(loaded).toEqual({ position, bytes: bytesOf('original') });
      loaded?.bytes.fill(0);
      expect(textOf(await store.load('task/a'))).toBe('original');
    });

    test('odd actor ids (dots, digits, prefixes of one another) are different actors', async () => {
      const actors: ActorKey[] = [
        'arbiter/02aa00000001.7',
        'arbiter/02aa00000001.70',
        'arbiter/02aa00000001',
        'task/a',
        'task/a.b',
        'task/a.b.c',
        'task/a-b',
        'task/A',
        'taskk/a',
        'task/0',
        `task/${'x'.repeat(63)}`,
      ];
      const seen = await follow(store);
      const positions = new Map<ActorKey, number>();
      for (const actor of actors) positions.set(actor, await appended(store, actor, 0, bytesOf(actor)));
      for (const actor of actors) {
        expect(await store.load(actor)).toEqual({ position: positions.get(actor), bytes: bytesOf(actor) });
        expect((await historyOf(store, actor)).map(textOf)).toEqual([actor]);
      }
      await until(() => seen.length >= actors.length);
      expect(sortedByActor(seen).map(({ actor, text }) => [actor, text])).toEqual(
        [...actors].sort().map((actor) => [actor, actor]),
      );
    });
  });
}

interface Seen {
  readonly actor: ActorKey;
  readonly position: number;
  readonly text: string;
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(new TextEncoder().encode(text));
const textOf = (record: StoredRecord | undefined): string =>
  record === undefined ? '(none)' : new TextDecoder().decode(record.bytes);
const sortedByActor = (seen: readonly Seen[]): Seen[] =>
  [...seen].sort((x, y) => (x.actor < y.actor ? -1 : x.actor > y.actor ? 1 : x.position - y.position));
const sameBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);

async function historyOf(store: RecordStore, actor: ActorKey): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const record of store.history(actor)) records.push(record);
  return records;
}

/** Appends and settles `busy` and `unknown` as the loop does: read the last record, or try again. */
async function settled(
  store: RecordStore,
  actor: ActorKey,
  expectedPosition: number,
  record: Uint8Array,
): Promise<{ readonly kind: 'appended'; readonly position: number } | { readonly kind: 'refused' }> {
  for (;;) {
    const answer = await store.append(actor, expectedPosition, record);
    if (answer.kind === 'appended' || answer.kind === 'refused') return answer;
    const last = await store.load(actor);
    if (last !== undefined && last.position > expectedPosition && sameBytes(last.bytes, record))
      return { kind: 'appended', position: last.position };
    if ((last?.position ?? 0) !== expectedPosition) return { kind: 'refused' };
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function appended(store: RecordStore, actor: ActorKey, expectedPosition: number, record: Uint8Array): Promise<number> {
  const answer = await settled(store, actor, expectedPosition, record);
  if (answer.kind !== 'appended') throw new Error(`the append to ${actor} at ${expectedPosition} was refused`);
  return answer.position;
}

/** Waits for a condition; the test's own time limit ends a wait in vain. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

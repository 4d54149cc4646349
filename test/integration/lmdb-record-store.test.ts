import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LmdbRecordStore, LmdbRecordStoreOptions } from '../../infra/lmdb/record-store.ts';
import { openLmdbRecordStore } from '../../infra/lmdb/record-store.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe('LMDB record store, beside its contract', () => {
  let path: string;
  let stores: LmdbRecordStore[] = [];
  const open = (options: Partial<LmdbRecordStoreOptions> = {}): LmdbRecordStore => {
    const store = openLmdbRecordStore({ path, durability: 'process', ...options });
    stores.push(store);
    return store;
  };
  const closeAll = async (): Promise<void> => {
    for (const store of stores.splice(0)) await store.close();
  };
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'drover-records-'));
    stores = [];
  });
  afterEach(async () => {
    await closeAll();
    await rm(path, { recursive: true });
  });

  const appendMany = async (store: LmdbRecordStore, actor: string, count: number, from = 1): Promise<number> => {
    let position = (await store.load(actor))?.position ?? 0;
    for (let n = from; n < from + count; n++) {
      const answer = await store.append(actor, position, bytesOf(`${actor} ${n}`));
      if (answer.kind !== 'appended') throw new Error(`an append was ${answer.kind}`);
      position = answer.position;
    }
    return position;
  };
  const textsOf = async (store: LmdbRecordStore, actor: string): Promise<string[]> => {
    const texts: string[] = [];
    for await (const record of store.history(actor)) texts.push(textOf(record.bytes));
    return texts;
  };

  test('historyMax keeps the newest entries of each actor, lazily, and never fewer than that', async () => {
    const store = open({ historyMax: 3 });
    for (let n = 1; n <= 40; n++) {
      await appendMany(store, 'task/a', 1, n);
      if (n % 10 === 0) await appendMany(store, 'task/b', 1, n / 10);
      const texts = await textsOf(store, 'task/a');
      expect(texts.length).toBeGreaterThanOrEqual(Math.min(n, 3));
      expect(texts.length).toBeLessThanOrEqual(6);
      expect(texts).toEqual(Array.from({ length: texts.length }, (_, i) => `task/a ${n - texts.length + 1 + i}`));
    }
    expect(await textsOf(store, 'task/b')).toEqual(['task/b 1', 'task/b 2', 'task/b 3', 'task/b 4']);
    const last = await store.load('task/a');
    await closeAll();
    const again = open({ historyMax: 1 });
    expect(await again.load('task/a')).toEqual(last);
    // Positions go on from the highest ever given.
    expect(await appendMany(again, 'task/c', 1)).toBeGreaterThan(last?.position ?? 0);
    await appendMany(again, 'task/a', 3, 41);
    expect((await textsOf(again, 'task/a')).at(-1)).toBe('task/a 43');
    expect((await textsOf(again, 'task/a')).length).toBeLessThanOrEqual(2);
  });

  test('trims to the right entries also when another handle, which keeps all, appended in between', async () => {
    const [trimming, keeping] = [open({ historyMax: 2 }), open()];
    for (let n = 1; n <= 60; n++) {
      await appendMany(n % 7 === 0 ? keeping : trimming, 'task/a', 1, n);
      await appendMany(trimming, 'task/b', 1, n);
      const texts = await textsOf(trimming, 'task/a');
      expect(texts).toEqual(Array.from({ length: texts.length }, (_, i) => `task/a ${n - texts.length + 1 + i}`));
      expect(texts.length).toBeGreaterThanOrEqual(Math.min(n, 2));
      expect(texts.length).toBeLessThanOrEqual(5);
      expect((await textsOf(trimming, 'task/b')).at(-1)).toBe(`task/b ${n}`);
    }
    // Nothing is left over that no head leads to.
    const led = (await textsOf(trimming, 'task/a')).length + (await textsOf(trimming, 'task/b')).length;
    expect([...trimming.since(0)]).toHaveLength(led);
  });

  test('since gives what a mirror has not sent yet: all actors, in the order of the appends', async () => {
    const store = open();
    await appendMany(store, 'task/a', 3);
    const mark = await appendMany(store, 'task/b', 2);
    await appendMany(store, 'task/a', 1, 4);
    await appendMany(store, 'task/c', 1);
    expect([...store.since(0)].map(({ record }) => textOf(record.bytes))).toHaveLength(7);
    expect([...store.since(mark)].map(({ actor, record }) => [actor, textOf(record.bytes)])).toEqual([
      ['task/a', 'task/a 4'],
      ['task/c', 'task/c 1'],
    ]);
  });

  test('at its bound the store says ERR_STORE_FULL, keeps what it has, and takes what still fits', async () => {
    const store = open({ sizeBytesMax: 512 * 1024, historyMax: 2 });
    const big = new Uint8Array(40_000).fill(1);
    const positions = new Map<string, number>();
    let failure: unknown;
    for (let n = 0; n < 50 && failure === undefined; n++) {
      try {
        const answer = await store.append(`task/t${n}`, 0, big);
        if (answer.kind === 'appended') positions.set(`task/t${n}`, answer.position);
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toMatchObject({ name: 'DroverError', code: 'ERR_STORE_FULL' });
    expect(positions.size).toBeGreaterThan(5);
    for (const [actor, position] of positions) expect((await store.load(actor))?.position).toBe(position);
    expect(await store.append('task/small', 0, bytesOf('x'))).toMatchObject({ kind: 'appended' });
    expect(store.size().bytes).toBeLessThanOrEqual(512 * 1024);
  });

  test('one append that does not fit fails alone: those that share its commit are written', async () => {
    const store = open({ sizeBytesMax: 512 * 1024 });
    const answers = await Promise.allSettled([
      store.append('task/a', 0, bytesOf('a')),
      store.append('task/b', 0, new Uint8Array(700_000)),
      store.append('task/c', 0, bytesOf('c')),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await store.load('task/b')).toBeUndefined();
    expect(textOf((await store.load('task/c'))?.bytes)).toBe('c');
  });

  test('damage in a record is ERR_RECORD_CORRUPT where it is read, is reported and passed over where all are followed', async () => {
    let store = open();
    await appendMany(store, 'task/a', 3);
    await appendMany(store, 'task/b', 2);
    await closeAll();
    const file = join(path, 'data.mdb');
    const bytes = readFileSync(file);
    const needle = Buffer.from('task/a 3');
    let hits = 0;
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
      bytes[at + 5] = (bytes[at + 5] ?? 0) ^ 4;
      hits += 1;
    }
    expect(hits).toBeGreaterThan(0);
    writeFileSync(file, bytes);
    const damaged: string[] = [];
    store = open({ onDamage: (actor, { code }) => damaged.push(`${actor} ${code}`) });
    await expect(store.load('task/a')).rejects.toMatchObject({ code: 'ERR_RECORD_CORRUPT' });
    await expect(textsOf(store, 'task/a')).rejects.toMatchObject({ code: 'ERR_RECORD_CORRUPT' });
    const followed: string[] = [];
    await store.follow((actor, { bytes }) => followed.push(`${actor}: ${textOf(bytes)}`));
    expect(followed).toEqual(['task/b: task/b 2']);
    expect(damaged).toEqual(['task/a ERR_RECORD_CORRUPT']);
    expect(await textsOf(store, 'task/b')).toEqual(['task/b 1', 'task/b 2']);
  });

  test('a closed store says ERR_STORE_CLOSED; close waits for what is under way and may come twice', async () => {
    const store = open({ durability: 'process' });
    const underWay = store.append('task/a', 0, bytesOf('a'));
    await store.close();
    await store.close();
    expect(await underWay).toMatchObject({ kind: 'appended' });
    for (const use of [
      () => store.load('task/a'),
      () => store.append('task/a', 1, bytesOf('b')),
      () => store.follow(() => {}),
      () => textsOf(store, 'task/a'),
    ]) {
      await expect(use()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
    }
    expect(textOf((await open().load('task/a'))?.bytes)).toBe('a');
  });

  test('a record or an actor key above the limit is refused by name', async () => {
    const store = open({ recordBytesMax: 1000 });
    await expect(store.append('task/a', 0, new Uint8Array(1001))).rejects.toMatchObject({ code: 'ERR_RECORD_TOO_LARGE' });
    await expect(store.append(`task/${'x'.repeat(600)}`, 0, bytesOf('x'))).rejects.toMatchObject({
      code: 'ERR_RECORD_TOO_LARGE',
    });
    expect(await store.load('task/a')).toBeUndefined();
  });

  test('appends queued before and while a commit is under way get their positions in the order of the calls', async () => {
    const store = open({ durability: 'sync' });
    const first = Array.from({ length: 300 }, (_, i) => store.append(`task/t${i}`, 0, bytesOf('1')));
    await first[0];
    const second = Array.from({ length: 300 }, (_, i) => store.append(`task/u${i}`, 0, bytesOf('1')));
    const positions = (await Promise.all([...first, ...second])).map((answer) =>
      answer.kind === 'appended' ? answer.position : 0,
    );
    expect(positions).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  });
});

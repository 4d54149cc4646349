import { describe, expect, test } from 'vitest';
import { chainOf, fullIsDue } from '../../../src/domain/checkpoint/chain.ts';
import type { ManifestError } from '../../../src/domain/checkpoint/manifest.ts';
import { checkManifest, describeManifestError, foldManifest, stateBytes } from '../../../src/domain/checkpoint/manifest.ts';
import { oldestToKeep } from '../../../src/domain/checkpoint/retention.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import type { CheckpointManifest } from '../../../src/domain/model/checkpoint.ts';
import { ChangingTask, digestsOf } from '../../support/checkpoints.ts';

const task = new ChangingTask('filter', 16);
const full = task.take('full').manifest;
task.scribble(createRng(1), 5);
const increment = task.take('delta').manifest;

describe('a manifest is sound by itself', () => {
  test('what a bridge takes is', () => {
    expect(checkManifest(full).ok).toBe(true);
    expect(checkManifest(increment).ok).toBe(true);
    expect(increment.pageIndexes.length).toBeGreaterThan(1);
  });

  const wrong: readonly [string, Partial<CheckpointManifest>, CheckpointManifest, ManifestError['kind']][] = [
    [
      'indexes that do not ascend',
      { pageIndexes: Uint32Array.from(increment.pageIndexes).reverse() },
      increment,
      'page-index-invalid',
    ],
    ['an index twice', { pageIndexes: Uint32Array.from(increment.pageIndexes, () => 3) }, increment, 'page-index-invalid'],
    [
      'an index at the page count',
      { pageIndexes: Uint32Array.from(full.pageIndexes, (page) => page + 1) },
      full,
      'page-index-invalid',
    ],
    ['a digest too few', { pageDigests: full.pageDigests.subarray(32) }, full, 'digests-length-invalid'],
    ['half a digest', { pageDigests: full.pageDigests.subarray(16) }, full, 'digests-length-invalid'],
    [
      'a full one without a page',
      { pageIndexes: full.pageIndexes.subarray(0, 15), pageDigests: full.pageDigests.subarray(32) },
      full,
      'full-incomplete',
    ],
    ['itself as base', { baseSequence: increment.sequence }, increment, 'base-not-before'],
    ['a later base', { baseSequence: increment.sequence + 1 }, increment, 'base-not-before'],
    ['a memory of 17 pages', { pageCount: 17 }, increment, 'page-count-invalid'],
    ['a memory above 4 GiB', { pageCount: 2 ** 20 + 16 }, increment, 'page-count-invalid'],
    ['a task name with a path', { task: '../etc' }, full, 'field-invalid'],
    ['a MAC with capitals', { mac: '02AA00000001' }, full, 'field-invalid'],
    ['a short state digest', { stateDigest: 'ab' }, full, 'field-invalid'],
    ['a negative epoch', { epoch: -1 }, full, 'field-invalid'],
    ['an epoch that is not exact', { epoch: 2 ** 53 }, full, 'field-invalid'],
    ['half an output', { outputNumber: 0.5 }, full, 'field-invalid'],
    ['a cursor that is no number', { input: { ...full.input, tickNumber: Number.NaN } }, full, 'field-invalid'],
  ];
  for (const [what, change, base, kind] of wrong) {
    test(`${what} is ${kind}`, () => {
      const checked = checkManifest({ ...base, ...change });
      expect(checked).toMatchObject({ ok: false, error: { kind } });
      if (!checked.ok) expect(describeManifestError(checked.error).length).toBeGreaterThan(20);
    });
  }
});

test('the state digest covers globals, each cursor and each page, and tells apart where they end', () => {
  const table = digestsOf(task.memory);
  const state = {
    table,
    globals: Uint8Array.of(1, 2, 3),
    input: { sequence: 1, dataNumber: 2, tickNumber: 3 },
    outputNumber: 4,
  };
  const others = [
    { ...state, globals: Uint8Array.of(1, 2) },
    { ...state, globals: Uint8Array.of(1, 2, 3, 0) },
    { ...state, input: { ...state.input, sequence: 2 } },
    { ...state, input: { ...state.input, dataNumber: 3 } },
    { ...state, input: { ...state.input, tickNumber: 2 ** 40 } },
    { ...state, outputNumber: 5 },
    { ...state, table: table.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) },
  ];
  const texts = [state, ...others].map((one) => Buffer.from(stateBytes(one)).toString('hex'));
  expect(new Set(texts).size).toBe(texts.length);
});

test('a fold is a sound full checkpoint of the same state', () => {
  const folded = foldManifest(increment, digestsOf(task.memory));
  expect(checkManifest(folded).ok).toBe(true);
  expect(folded).toMatchObject({
    baseSequence: undefined,
    stateDigest: increment.stateDigest,
    sequence: increment.sequence,
    input: increment.input,
  });
});

describe('chains', () => {
  const links = [
    { epoch: 1, sequence: 1, baseSequence: undefined },
    { epoch: 1, sequence: 2, baseSequence: 1 },
    { epoch: 1, sequence: 4, baseSequence: 2 },
    { epoch: 2, sequence: 5, baseSequence: 4 },
  ];
  const find = ({ epoch, sequence }: { epoch: number; sequence: number }) =>
    links.find((link) => link.epoch === epoch && link.sequence === sequence);
  test('a chain goes from the full one up to the one asked for', () => {
    expect(chainOf(links[2] ?? never(), find)).toMatchObject({
      ok: true,
      value: [{ sequence: 1 }, { sequence: 2 }, { sequence: 4 }],
    });
    expect(chainOf(links[0] ?? never(), find)).toMatchObject({ ok: true, value: [{ sequence: 1 }] });
  });
  test('a base is of the same epoch: one of another epoch is missing', () => {
    expect(chainOf(links[3] ?? never(), find)).toEqual({ ok: false, error: { kind: 'base-missing', epoch: 2, sequence: 4 } });
  });
  test('a link that names itself or a later one as base ends the walk', () => {
    expect(chainOf({ epoch: 1, sequence: 3, baseSequence: 3 }, find)).toEqual({
      ok: false,
      error: { kind: 'base-not-before', sequence: 3 },
    });
  });
  test('a full one is due first, and after chainMax increments', () => {
    expect([0, 1, 2, 8, 9, 10].map((length) => fullIsDue(length, 8))).toEqual([true, false, false, false, true, true]);
  });
});

describe('retention', () => {
  const all = [1, 2, 3, 4, 5].map((sequence) => ({ epoch: 1, sequence }));
  test('nothing goes while nothing is durable', () => expect(oldestToKeep(all, undefined, { keepBefore: 0 })).toBeUndefined());
  test('the newest durable one and all newer ones stay', () =>
    expect(oldestToKeep(all, { epoch: 1, sequence: 4 }, { keepBefore: 0 })).toEqual({ epoch: 1, sequence: 4 }));
  test('so many before it stay as the policy says, across epochs', () => {
    expect(oldestToKeep(all, { epoch: 1, sequence: 4 }, { keepBefore: 2 })).toEqual({ epoch: 1, sequence: 2 });
    expect(oldestToKeep([...all, { epoch: 2, sequence: 1 }], { epoch: 2, sequence: 1 }, { keepBefore: 1 })).toEqual({
      epoch: 1,
      sequence: 5,
    });
    expect(oldestToKeep(all, { epoch: 1, sequence: 4 }, { keepBefore: 3 })).toBeUndefined();
  });
});

function never(): never {
  throw new Error('the list has this link');
}

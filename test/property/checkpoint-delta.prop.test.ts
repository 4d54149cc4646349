import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemHasher } from '../../infra/system/hasher.ts';
import { sameMemory } from '../../infra/system/memory-compare.ts';
import { planFold, tableOfChain } from '../../src/domain/checkpoint/chain.ts';
import { applyPages } from '../../src/domain/checkpoint/delta.ts';
import { checkManifest, stateDigest, stateOf } from '../../src/domain/checkpoint/manifest.ts';
import { findDifferingPages, gatherPages, sameWords } from '../../src/domain/checkpoint/pages.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { laterCheckpoint, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import { ChangingTask, digestsOf } from '../support/checkpoints.ts';

/** The dumb twin: looks at every byte. */
function differingPagesByteByByte(memory: Uint8Array, shadow: Uint8Array): number[] {
  const pages = new Set<number>();
  for (let i = 0; i < memory.length; i++)
    if (i >= shadow.length || memory[i] !== shadow[i]) pages.add(Math.floor(i / PAGE_BYTES));
  return [...pages].sort((a, b) => a - b);
}

const history = fc.record({
  seed: fc.nat(),
  wasmPages: fc.integer({ min: 0, max: 3 }),
  steps: fc.array(fc.record({ dirty: fc.integer({ min: 0, max: 20 }), grow: fc.integer({ min: 0, max: 4 }) }), {
    maxLength: 6,
  }),
});

test('the pages found are those a byte-by-byte comparison finds, with either compare and any alignment', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 0, max: 7 }), ({ seed, wasmPages, steps }, offset) => {
      const rng = createRng(seed);
      const task = new ChangingTask('t', wasmPages * 16);
      for (const { dirty, grow } of steps) {
        const before = task.memory.slice();
        if (grow === 1) task.grow(1);
        if (task.memory.length > 0) task.scribble(rng, dirty);
        // The same bytes at an odd place in a larger buffer.
        const shifted = new Uint8Array(before.length + offset).subarray(offset);
        shifted.set(before);
        const expected = differingPagesByteByByte(task.memory, before);
        for (const same of [sameWords, sameMemory])
          expect([...findDifferingPages(task.memory, shifted, same)]).toEqual(expected);
      }
    }),
    { numRuns: 30 },
  );
});

test('increments applied one after the other give the image; their page tables and state digests agree with it', () => {
  fc.assert(
    fc.property(history, ({ seed, wasmPages, steps }) => {
      const rng = createRng(seed);
      const task = new ChangingTask('t', wasmPages * 16);
      if (wasmPages > 0) task.scribble(rng, 10);
      const chain = [task.take('full')];
      let image: Uint8Array = chain[0]?.memory.slice() ?? new Uint8Array(0);
      for (const { dirty, grow } of steps) {
        if (grow === 1) task.grow(1);
        if (task.memory.length > 0) task.scribble(rng, dirty);
        const taken = task.take('delta');
        chain.push(taken);
        const applied = applyPages(image, taken.manifest, taken.pages);
        if (!applied.ok) throw new Error(applied.error.kind);
        image = applied.value;
        expect(Buffer.compare(image, task.memory)).toBe(0);
        expect(checkManifest(taken.manifest).ok).toBe(true);
      }
      const table = tableOfChain(chain.map(({ manifest }) => manifest));
      const last = chain.at(-1)?.manifest;
      if (!table.ok || last === undefined) throw new Error('the chain gave no table');
      expect(Buffer.compare(table.value, digestsOf(task.memory))).toBe(0);
      expect(stateDigest(stateOf(last, table.value), systemHasher.hex)).toBe(last.stateDigest);
    }),
    { numRuns: 60 },
  );
});

test('an increment that leaves out a page the memory grew by, or shrinks it, is refused by name', () => {
  const task = new ChangingTask('t', 16);
  task.take('full');
  const before = task.memory.slice();
  task.grow(1);
  const { manifest, pages } = task.take('delta');
  const cut = { pageCount: manifest.pageCount, pageIndexes: manifest.pageIndexes.filter((page) => page !== 20) };
  expect(applyPages(before, cut, gatherPages(task.memory, cut.pageIndexes))).toEqual({
    ok: false,
    error: { kind: 'page-left-out', pageIndex: 20 },
  });
  expect(applyPages(task.memory.slice(), { pageCount: 16, pageIndexes: new Uint32Array(0) }, new Uint8Array(0))).toEqual({
    ok: false,
    error: { kind: 'shrunk', basePages: 32, pageCount: 16 },
  });
  expect(applyPages(before, manifest, pages).ok).toBe(true);
});

test('a fold plan keeps everything that could be rebuilt and is not older, and never the nothing of a task that had something', () => {
  const link = fc.record({
    epoch: fc.integer({ min: 1, max: 3 }),
    sequence: fc.integer({ min: 1, max: 8 }),
    back: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(link, { selector: ({ epoch, sequence }) => epoch * 100 + sequence, maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 9 }),
      (drawn, epoch, sequence) => {
        const links = drawn.map(({ back, ...order }) => ({
          ...order,
          baseSequence: back === 0 || back >= order.sequence ? undefined : order.sequence - back,
        }));
        type Link = (typeof links)[number];
        const rebuildableIn =
          (all: readonly Link[]) =>
          (link: Link): boolean => {
            if (link.baseSequence === undefined) return true;
            const base = all.find((one) => one.epoch === link.epoch && one.sequence === link.baseSequence);
            return base !== undefined && rebuildableIn(all)(base);
          };
        const before = rebuildableIn(links);
        const plan = planFold(links, { epoch, sequence }, before);
        const after = links
          .filter((one) => !plan.drop.includes(one))
          .map((one) => (plan.fold.includes(one) ? { ...one, baseSequence: undefined } : one));
        for (const one of links) {
          if (laterCheckpoint({ epoch, sequence }, one)) continue;
          const kept = after.find((other) => other.epoch === one.epoch && other.sequence === one.sequence);
          expect(kept).toBeDefined();
          if (before(one) && kept !== undefined) expect(rebuildableIn(after)(kept)).toBe(true);
        }
        expect(after.some(rebuildableIn(after))).toBe(links.some(before));
        for (const folded of plan.fold) expect(before(folded)).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
});

/** The images a manager restores from must be what its store would rebuild, whatever came before. */
import { describe, expect, it } from 'vitest';
import { type BroughtPages, NewestImages } from '../../../actors/newest-images.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { ChangingTask, digestsOf, type TakenCheckpoint } from '../../support/checkpoints.ts';

const MIB = 1024 * 1024;
/** `toEqual` compares typed arrays element by element, which takes minutes for these. */
const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;
/** As when the store had none of them. */
const allOf = ({ manifest, pages }: Pick<TakenCheckpoint, 'manifest' | 'pages'>): BroughtPages => ({
  positions: manifest.pageIndexes.map((_, position) => position),
  pages,
});
const NONE: BroughtPages = { positions: new Uint32Array(0), pages: new Uint8Array(0) };
const pageAt = (memory: Uint8Array, page: number): Uint8Array => memory.subarray(page * 4096, (page + 1) * 4096);
const orderOf = ({ manifest }: TakenCheckpoint) => ({ epoch: manifest.epoch, sequence: manifest.sequence });

describe('the newest image of a task', () => {
  it('is the memory of the newest checkpoint, through random increments and growth', () => {
    const rng = createRng(7);
    const images = new NewestImages(64 * MIB);
    const task = new ChangingTask('alpha', 32);
    for (let step = 0; step < 60; step++) {
      task.scribble(rng, 1 + rng.below(6));
      if (rng.below(10) === 0) task.grow(1);
      const taken = task.take(rng.below(8) === 0 ? 'full' : 'delta');
      expect(images.stored(taken.manifest, allOf(taken))).toBe(true);
      const found = images.find('alpha', orderOf(taken));
      expect(same(found?.memory, taken.memory)).toBe(true);
      expect(same(found?.pageDigests, digestsOf(taken.memory))).toBe(true);
    }
  });

  it('is not guessed: a missed increment or a page that was not pulled drops it, and a rebuilt state brings it back', () => {
    const rng = createRng(8);
    const images = new NewestImages(64 * MIB);
    const task = new ChangingTask('alpha', 16);
    const first = task.take('full');
    images.stored(first.manifest, allOf(first));
    task.scribble(rng, 3);
    task.take('delta');
    task.scribble(rng, 3);
    const third = task.take('delta');
    expect(images.stored(third.manifest, allOf(third))).toBe(false);
    expect(images.find('alpha', orderOf(third))).toBeUndefined();
    expect(images.find('alpha', orderOf(first))).toBeUndefined();
    images.seed({
      manifest: third.manifest,
      memory: third.memory,
      pageDigests: digestsOf(third.memory),
      globals: third.manifest.globals,
    });
    expect(same(images.find('alpha', orderOf(third))?.memory, third.memory)).toBe(true);
    task.scribble(rng, 2);
    const fourth = task.take('delta');
    expect(images.stored(fourth.manifest, NONE)).toBe(false);
    expect(images.find('alpha', orderOf(third))).toBeUndefined();
  });

  it('takes what the store had already from itself: a whole state again, of which little is new, also of a later epoch', () => {
    const rng = createRng(10);
    const images = new NewestImages(64 * MIB);
    const task = new ChangingTask('alpha', 64);
    let before = task.take('full');
    images.stored(before.manifest, allOf(before));
    for (let round = 0; round < 10; round++) {
      task.scribble(rng, 5);
      const taken = task.take('full');
      const manifest = { ...taken.manifest, epoch: taken.manifest.epoch + round };
      const positions = manifest.pageIndexes
        .map((_, position) => position)
        .filter((position) => !same(pageAt(before.memory, position), pageAt(taken.memory, position)));
      const pages = Buffer.concat([...positions].map((position) => pageAt(taken.memory, position)));
      expect(positions.length).toBeLessThan(20);
      expect(images.stored(manifest, { positions, pages })).toBe(true);
      const found = images.find('alpha', manifest);
      expect(same(found?.memory, taken.memory)).toBe(true);
      expect(same(found?.pageDigests, digestsOf(taken.memory))).toBe(true);
      before = taken;
    }
  });

  it('handed out does not change when the next increment comes', () => {
    const rng = createRng(9);
    const images = new NewestImages(64 * MIB);
    const task = new ChangingTask('alpha', 16);
    const first = task.take('full');
    images.stored(first.manifest, allOf(first));
    const held = images.find('alpha', orderOf(first));
    task.scribble(rng, 8);
    const second = task.take('delta');
    images.stored(second.manifest, allOf(second));
    expect(same(held?.memory, first.memory)).toBe(true);
  });

  it('is bounded: the task longest without a checkpoint goes first', () => {
    const images = new NewestImages(2 * MIB);
    const tasks = ['a', 'b', 'c'].map((name) => new ChangingTask(name, 256));
    const taken = tasks.map((task) => task.take('full'));
    for (const { manifest, pages } of taken) images.stored(manifest, allOf({ manifest, pages }));
    expect(taken.map((one) => images.find(one.manifest.task, orderOf(one)) !== undefined)).toEqual([false, true, true]);
  });
});

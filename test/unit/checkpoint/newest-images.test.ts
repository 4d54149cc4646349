/** The images a manager restores from must be what its store would rebuild, whatever came before. */
import { describe, expect, it } from 'vitest';
import { NewestImages } from '../../../actors/newest-images.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { ChangingTask, digestsOf, type TakenCheckpoint } from '../../support/checkpoints.ts';

const MIB = 1024 * 1024;
/** `toEqual` compares typed arrays element by element, which takes minutes for these. */
const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;
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
      expect(images.stored(taken.manifest, taken.pages)).toBe(true);
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
    images.stored(first.manifest, first.pages);
    task.scribble(rng, 3);
    task.take('delta');
    task.scribble(rng, 3);
    const third = task.take('delta');
    expect(images.stored(third.manifest, third.pages)).toBe(false);
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
    expect(images.stored(fourth.manifest, undefined)).toBe(false);
    expect(images.find('alpha', orderOf(third))).toBeUndefined();
  });

  it('handed out does not change when the next increment comes', () => {
    const rng = createRng(9);
    const images = new NewestImages(64 * MIB);
    const task = new ChangingTask('alpha', 16);
    const first = task.take('full');
    images.stored(first.manifest, first.pages);
    const held = images.find('alpha', orderOf(first));
    task.scribble(rng, 8);
    const second = task.take('delta');
    images.stored(second.manifest, second.pages);
    expect(same(held?.memory, first.memory)).toBe(true);
  });

  it('is bounded: the task longest without a checkpoint goes first', () => {
    const images = new NewestImages(2 * MIB);
    const tasks = ['a', 'b', 'c'].map((name) => new ChangingTask(name, 256));
    const taken = tasks.map((task) => task.take('full'));
    for (const { manifest, pages } of taken) images.stored(manifest, pages);
    expect(taken.map((one) => images.find(one.manifest.task, orderOf(one)) !== undefined)).toEqual([false, true, true]);
  });
});

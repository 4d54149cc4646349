/** The bench runs, finds exactly what was changed, and does the same work for the same seed. Nothing here is timed. */
import { expect, it } from 'vitest';
import { benchCheckpoint } from '../../../src/app/bench/checkpoint.ts';

it('the checkpoint bench does the same for the same seed', async () => {
  const small = { memoryBytes: 2 * 1024 * 1024, samples: 3 };
  const [first, again, other] = [
    await benchCheckpoint(small),
    await benchCheckpoint(small),
    await benchCheckpoint({ ...small, seed: 2 }),
  ];
  expect(first).toMatchObject({ memoryBytes: 2_097_152, dirtyPages: 5, captureUs: { n: 3 }, bareCompareUs: { n: 3 } });
  expect(again.hash).toBe(first.hash);
  expect(other.hash).not.toBe(first.hash);
  expect(JSON.parse(JSON.stringify(first))).toEqual(first);
});

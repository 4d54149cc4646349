import { expect, test } from 'vitest';
import { benchLoop } from '../../src/app/bench/loop.ts';

test('the loop’s bench runs on real records and says on which machine', async () => {
  const report = await benchLoop({ actors: 20, stepsPerActor: 20, samples: 2, stores: ['memory', 'lmdb'] });
  expect(report.machine).toMatchObject({ cores: expect.any(Number), node: process.version });
  expect(report.results.map(({ store, durability }) => `${store}, ${durability}`)).toEqual([
    'memory, none',
    'lmdb, sync',
    'lmdb, process',
  ]);
  for (const { samples, stepsPerSecond } of report.results) {
    expect(samples).toHaveLength(2);
    expect(stepsPerSecond.least).toBeGreaterThan(0);
    expect(stepsPerSecond.most).toBeGreaterThanOrEqual(stepsPerSecond.median);
  }
});

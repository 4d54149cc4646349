/**
 * Random fleets: size, tasks, links, weather and crash points from one seed each. More are played by
 * `./drover simulate --seeds A..B`; those that found something stay in `seeds.json`, with what it was.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { playRandomFleet } from '../../../src/app/simulation/random-fleet.ts';

const SEEDS = 15;
const FOUND = JSON.parse(readFileSync(join(import.meta.dirname, '../seeds.json'), 'utf8')) as readonly {
  readonly seed: number;
  readonly found: string;
}[];

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 300_000 });

describe('random fleets', () => {
  test(`keep every promise in ${SEEDS} random lives`, async () => {
    let faults = 0;
    let restores = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await playRandomFleet(seed);
      faults += outcome.faults;
      restores += outcome.restores;
    }
    // They were no idyll.
    expect(faults).toBeGreaterThan(SEEDS * 10);
    expect(restores).toBeGreaterThan(SEEDS * 3);
  });

  test('the same seed is the same life', async () => {
    const once = await playRandomFleet(7);
    expect(await playRandomFleet(7)).toEqual(once);
  });

  for (const { seed, found } of FOUND) {
    test(`seed ${seed}: ${found}`, async () => {
      expect((await playRandomFleet(seed)).seed).toBe(seed);
    });
  }
});

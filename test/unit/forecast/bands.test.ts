/** How a band of a far horizon leans on the nearer one's: all of it before its first look, nothing once it has had many. */
import { expect, test } from 'vitest';
import { BAND_LENGTH, Bands } from '../../../src/domain/forecast/bands.ts';
import { OUTER } from '../../../src/domain/forecast/deciles.ts';
import { StateArena } from '../../../src/domain/forecast/state-arena.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

const HORIZONS = [1, 32];
const INPUT = { moving: 1, spread: Number.NaN, unit: 1, beat: -1 };

/** Half widths at both horizons after `steps` outcomes of which the near ones miss by up to 1 and the far ones by up to `far`. */
function halves(steps: number, settledFar: number, far: number): [number, number] {
  const bands = new Bands(new StateArena(), HORIZONS, 300);
  const rng = createRng(3);
  const row = new Float64Array(BAND_LENGTH);
  for (let step = 0; step < steps; step++) {
    for (let k = 0; k < 2; k++) {
      bands.forecast(k, 0, INPUT, row, 0);
      if (k === 0 || step < settledFar)
        bands.learn(k, { value: (k === 0 ? 1 : far) * (2 * rng.unit() - 1), point: 0, scale: 1, beat: -1 }, row, 0);
    }
  }
  return [0, 1].map((k) => {
    bands.forecast(k, 0, INPUT, row, 0);
    return (bands.quantile(row, 0, OUTER) - bands.quantile(row, 0, 0)) / 2;
  }) as [number, number];
}

test('without a look of its own it is the nearer one, grown', () => {
  const [near, far] = halves(400, 0, 0);
  expect(near).toBeGreaterThan(0.6);
  // 32^0.4 is 4. The outer two are stretched after that, at each horizon by what it missed itself.
  expect(far / near).toBeGreaterThan(3);
  expect(far / near).toBeLessThan(5);
});

test('with many it is its own, though it be narrower than the nearer one', () => {
  const [near, far] = halves(32 * 60, 32 * 60, 0.01);
  expect(far / near).toBeLessThan(0.05);
});

test('between, it is between: looks of steps that overlap say little', () => {
  const [, none] = halves(400, 0, 0.01);
  const [, some] = halves(400, 160, 0.01);
  expect(some).toBeLessThan(none);
  expect(some).toBeGreaterThan(0.3 * none);
});

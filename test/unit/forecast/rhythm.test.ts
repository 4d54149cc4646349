/** A rhythm is found where there is one, and makes the band right at every beat of it. */
import { describe, expect, test } from 'vitest';
import type { BatchModels } from '../../../src/domain/forecast/batch.ts';
import { OUTER, TAUS } from '../../../src/domain/forecast/deciles.ts';
import { Forecaster } from '../../../src/domain/forecast/forecaster.ts';
import { findRhythm } from '../../../src/domain/forecast/rhythm.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

/** Noise that is twenty times as large each `beat` steps, as of a collector that runs now and then. */
function beating(count: number, beat: number, seed = 1): Float64Array {
  const rng = createRng(seed);
  return Float64Array.from({ length: count }, (_, t) => 50 + (t % beat === 3 ? 20 : 1) * (rng.unit() - 0.5));
}

function wandering(count: number, seed: number): Float64Array {
  const rng = createRng(seed);
  let level = 0;
  return Float64Array.from({ length: count }, () => {
    level += rng.unit() - 0.5;
    return level;
  });
}

const onlyRhythm = (rhythm: number | undefined): BatchModels => ({
  nlinear: undefined,
  trees: [],
  rests: [],
  spreads: [],
  origin: 0,
  rhythm,
});

describe('finding it', () => {
  test.each([4, 6, 12, 60])('in the sizes of changes: %i steps', (beat) => {
    expect(findRhythm(beating(1_200, beat))).toBe(beat);
  });

  test('in the changes themselves', () => {
    expect(findRhythm(Float64Array.from({ length: 400 }, (_, t) => [0, 5, 1, 7, 2][t % 5] as number))).toBe(5);
  });

  test('none in what wanders, in a slow wave, in a constant, in three values', () => {
    for (const seed of [1, 2, 3, 4, 5]) expect(findRhythm(wandering(600, seed))).toBeUndefined();
    expect(findRhythm(Float64Array.from({ length: 600 }, (_, t) => Math.sin(t / 100)))).toBeUndefined();
    expect(findRhythm(new Float64Array(500).fill(7))).toBeUndefined();
    expect(findRhythm(Float64Array.of(1, 2, 1))).toBeUndefined();
  });
});

test('asked always at the beat before the large one, the band holds there; without the rhythm it does not', () => {
  const values = beating(2_400, 6);
  const held = (rhythm: number | undefined): number => {
    const forecaster = new Forecaster({ horizons: [1] });
    const quantiles = new Float64Array(TAUS.length);
    let [inside, asked] = [0, 0];
    for (const [t, value] of values.entries()) {
      forecaster.observe(value);
      if (t === 200) forecaster.adopt(onlyRhythm(rhythm));
      if (t < 800 || t % 6 !== 2 || t + 1 >= values.length) continue;
      forecaster.forecast(0, quantiles);
      const next = values[t + 1] as number;
      if (next >= (quantiles[0] as number) && next <= (quantiles[OUTER] as number)) inside++;
      asked++;
    }
    return inside / asked;
  };
  expect(held(undefined)).toBeLessThan(0.5);
  expect(held(6)).toBeGreaterThan(0.72);
  expect(held(6)).toBeLessThan(0.9);
});

test('the same beat before is an expert of its own', () => {
  const forecaster = new Forecaster({ horizons: [1, 5] });
  const values = Array.from({ length: 400 }, (_, t) => [0, 5, 1, 7, 2, 40][t % 6] as number);
  for (const [t, value] of values.entries()) {
    forecaster.observe(value);
    if (t === 60) forecaster.adopt(onlyRhythm(6));
  }
  const quantiles = new Float64Array(TAUS.length);
  for (const [k, h] of [1, 5].entries()) expect(forecaster.saidBy(k).get('rhythm')).toBe(values[(399 + h) % 6]);
  expect(Math.abs(forecaster.forecast(0, quantiles) - (values[400 % 6] as number))).toBeLessThan(2);
});

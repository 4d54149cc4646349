/** How weights move: by the slope at the mixture, and, where few independent looks come, by the losses themselves. */
import { describe, expect, test } from 'vitest';
import { decay } from '../../../src/domain/forecast/decay.ts';
import { ExpertWeights } from '../../../src/domain/forecast/expert-weights.ts';
import { StateArena } from '../../../src/domain/forecast/state-arena.ts';

const made = (own: number, prior: readonly number[] = [0, 0]): ExpertWeights =>
  new ExpertWeights(new StateArena(), {
    ...{ groups: 1, experts: 2, rates: [0.1], fading: [1], ownLoss: [own], prior },
  });

/** What the second of two experts weighs, a share, after `rounds` in which `said` was answered by `value`. */
function shareAfter(weights: ExpertWeights, said: readonly number[], value: number, rounds = 10): number {
  const values = Float64Array.from(said);
  for (let round = 0; round < rounds; round++) {
    const mixture = weights.mix(0, values, 0);
    weights.learn(0, values, 0, mixture, value, 1);
  }
  return weights.weight(0, 1) / (weights.weight(0, 0) + weights.weight(0, 1));
}

describe('an expert far beyond the value, on the other side of the mixture', () => {
  // The mixture begins at 1.5 and 0.9 comes: the second errs by 2.9, the first by 4.1 … and so the other way round below.
  test('gains by the slope alone', () => expect(shareAfter(made(0), [1, -0.8], 0, 1)).toBeGreaterThan(0.5));
  test('loses by the losses, where the other is nearer', () =>
    expect(shareAfter(made(1), [1, -1.6], 0.2, 1)).toBeLessThan(0.5));
  test('and gains there by them, where it is the nearer one', () =>
    expect(shareAfter(made(1), [3, -1], 0.5, 1)).toBeGreaterThan(0.5));
});

test('the losses never give more than the slope: whoever they reward most is right', () => {
  for (const value of [-3, -0.5, 0, 0.7, 4]) {
    // The same one wins where both experts lie on one side of the value: then slope and losses say the same.
    const [a, b] = [shareAfter(made(0), [5, 6], value, 1), shareAfter(made(1), [5, 6], value, 1)];
    expect(a).toBeCloseTo(b, 9);
  }
});

test('an expert that says nothing keeps what it had, and the other speaks alone', () => {
  const weights = made(0.5, [0, -1]);
  const values = Float64Array.of(2, Number.NaN);
  expect(weights.mix(0, values, 0)).toBe(2);
  weights.learn(0, values, 0, 2, 3, 1);
  expect(weights.weight(0, 1) / weights.weight(0, 0)).toBeCloseTo(Math.exp(-1), 9);
});

test('weights decay as e to the minus, to the twelfth digit', () => {
  for (let x = 0; x < 80; x += 0.00731) expect(Math.abs(decay(x) / Math.exp(-x) - 1)).toBeLessThan(2e-12);
  expect(decay(0)).toBe(1);
  expect(decay(Number.POSITIVE_INFINITY)).toBe(0);
});

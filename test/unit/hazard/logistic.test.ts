/** Logistic regression: the minimum is one, the online learner ends where the batch does. */
import { describe, expect, test } from 'vitest';
import { fitLogistic, IGNORED, OnlineLogistic, scoreOf, sigmoid } from '../../../src/domain/hazard/logistic.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { factorise, invertFactorised, solveFactorised } from '../../../src/domain/statistics/cholesky.ts';
import { normal } from '../../support/wearing-units.ts';

const TRUTH = [1.5, -2, 0, -0.5];

function drawRows(seed: number, count: number) {
  const rng = createRng(seed);
  const rows = Float64Array.from({ length: count * 3 }, () => normal(rng));
  const labels = Uint8Array.from({ length: count }, (_, i) =>
    rng.unit() < sigmoid(scoreOf(Float64Array.from(TRUTH), rows, i * 3)) ? 1 : 0,
  );
  return { rows, width: 3, labels };
}

describe('in one batch', () => {
  test('finds what the labels were drawn from', () => {
    const weights = fitLogistic(drawRows(1, 8000), 0.1);
    for (const [f, weight] of weights.entries()) expect(Math.abs(weight - (TRUTH[f] as number))).toBeLessThan(0.15);
  });

  test('is where no gradient is left', () => {
    const data = drawRows(2, 500);
    const weights = fitLogistic(data, 3);
    for (let f = 0; f < 4; f++) {
      let gradient = f < 3 ? -3 * (weights[f] as number) : 0;
      for (let i = 0; i < 500; i++) {
        const error = (data.labels[i] as number) - sigmoid(scoreOf(weights, data.rows, i * 3));
        gradient += error * (f < 3 ? (data.rows[i * 3 + f] as number) : 1);
      }
      expect(Math.abs(gradient)).toBeLessThan(0.05);
    }
  });

  test('classes that a line separates do no harm, nor does a class that is missing', () => {
    const rows = Float64Array.from({ length: 40 }, (_, i) => i - 19.5);
    const labels = Uint8Array.from({ length: 40 }, (_, i) => (i < 20 ? 0 : 1));
    const weights = fitLogistic({ rows, width: 1, labels }, 1e-6);
    expect(weights.every(Number.isFinite)).toBe(true);
    expect(scoreOf(weights, rows, 39)).toBeGreaterThan(5);
    const never = fitLogistic({ rows, width: 1, labels: new Uint8Array(40) }, 1);
    expect(sigmoid(scoreOf(never, rows, 0))).toBeLessThan(0.01);
  });

  test('rows that are not at risk are not there', () => {
    const data = drawRows(3, 300);
    const doubled = {
      rows: Float64Array.from([...data.rows, ...data.rows.map((value) => -5 * value)]),
      width: 3,
      labels: Uint8Array.from([...data.labels, ...data.labels.map(() => IGNORED)]),
    };
    expect(fitLogistic(doubled, 1)).toEqual(fitLogistic(data, 1));
  });
});

describe('online', () => {
  const data = drawRows(4, 4000);
  const loss = (weights: Float64Array): number => {
    const asked = drawRows(5, 2000);
    let sum = 0;
    for (let i = 0; i < 2000; i++) {
      const p = sigmoid(scoreOf(weights, asked.rows, i * 3));
      sum -= Math.log(asked.labels[i] === 1 ? p : 1 - p);
    }
    return sum / 2000;
  };

  test('one row after the other ends about where the batch ends', () => {
    const online = OnlineLogistic.create(3, { ridge: 1, keeps: 1 });
    for (let i = 0; i < 4000; i++) online.learn(data.rows, i * 3, data.labels[i] as 0 | 1);
    const batch = fitLogistic(data, 1);
    expect(loss(online.weights)).toBeLessThan(loss(batch) + 0.003);
    expect(online.score(data.rows, 0)).toBeCloseTo(scoreOf(online.weights, data.rows, 0), 12);
  });

  test('goes on from a batch: half of it and then the rest is about the whole', () => {
    const half = { rows: data.rows.slice(0, 6000), width: 3, labels: data.labels.slice(0, 2000) };
    const online = OnlineLogistic.after(half, fitLogistic(half, 1), { ridge: 1, keeps: 1 });
    for (let i = 2000; i < 4000; i++) online.learn(data.rows, i * 3, data.labels[i] as 0 | 1);
    const whole = fitLogistic(data, 1);
    for (let f = 0; f < 4; f++) expect(online.weights[f]).toBeCloseTo(whole[f] as number, 1.5);
  });

  test('what forgets follows a world that turned round', () => {
    const online = OnlineLogistic.create(3, { ridge: 1, keeps: 0.99 });
    const stays = OnlineLogistic.create(3, { ridge: 1, keeps: 1 });
    for (const [learner] of [[online], [stays]] as const) {
      for (let i = 0; i < 3000; i++) learner.learn(data.rows, i * 3, data.labels[i] as 0 | 1);
      for (let i = 3000; i < 4000; i++) learner.learn(data.rows, i * 3, (1 - (data.labels[i] as number)) as 0 | 1);
    }
    expect(online.weights[0]).toBeLessThan(-0.7);
    expect(stays.weights[0]).toBeGreaterThan(-0.3);
  });
});

test('positive definite systems are solved and inverted; others are refused', () => {
  const a = [4, 2, 0.6, 2, 5, 1, 0.6, 1, 3];
  const l = Float64Array.from(a);
  expect(factorise(l, 3)).toBe(true);
  const x = Float64Array.of(1, 2, 3);
  solveFactorised(l, 3, x);
  const inverse = invertFactorised(l, 3);
  for (let i = 0; i < 3; i++) {
    const row = a.slice(i * 3, i * 3 + 3);
    expect(row.reduce((sum, value, j) => sum + value * (x[j] as number), 0)).toBeCloseTo(i + 1, 12);
    for (let j = 0; j < 3; j++) {
      const product = row.reduce((sum, value, k) => sum + value * (inverse[k * 3 + j] as number), 0);
      expect(product).toBeCloseTo(i === j ? 1 : 0, 12);
    }
  }
  expect(factorise(Float64Array.of(1, 0, 2, 1), 2)).toBe(false);
});

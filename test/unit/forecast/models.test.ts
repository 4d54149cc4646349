/** Each model on a series of which the answer is known, or against a slower way to the same numbers. */
import { describe, expect, test } from 'vitest';
import { fitBatch } from '../../../src/domain/forecast/batch.ts';
import {
  askBoostedTrees,
  type BoostedTrees,
  fitBoostedTrees,
  intoBuckets,
  intoCodes,
} from '../../../src/domain/forecast/boosted-trees.ts';
import { Forecaster } from '../../../src/domain/forecast/forecaster.ts';
import { History } from '../../../src/domain/forecast/history.ts';
import { lagMoments, nlinearGram, nlinearRight } from '../../../src/domain/forecast/lag-moments.ts';
import { fitNLinear, predictNLinear } from '../../../src/domain/forecast/nlinear.ts';
import { RecursiveLeastSquares } from '../../../src/domain/forecast/recursive-least-squares.ts';
import { cholesky, solveCholesky } from '../../../src/domain/forecast/solve.ts';
import { StateArena } from '../../../src/domain/forecast/state-arena.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

const noise = (count: number, seed = 1): Float64Array => {
  const rng = createRng(seed);
  return Float64Array.from({ length: count }, () => rng.unit() - 0.5);
};

test('a history gives any stretch of the kept past as one piece', () => {
  const history = new History(new StateArena(), 5);
  for (let value = 1; value <= 12; value++) history.push(value);
  const from = history.window(5);
  expect([...history.values.slice(from, from + 5)]).toEqual([8, 9, 10, 11, 12]);
  expect([history.back(0), history.back(3), history.back(99), history.length]).toEqual([12, 9, 8, 5]);
});

test('moments by the diagonal recurrence are the sums of products, and so are the normal equations made of them', () => {
  const series = noise(80);
  const range = { from: 9, to: 70, lags: 10, ahead: 4 };
  const moments = lagMoments(series, range);
  const y = (t: number): number => series[t] as number;
  const gram = new Float64Array(81);
  nlinearGram(moments, gram);
  const right = new Float64Array(9);
  nlinearRight(moments, 4, right);
  for (let i = 1; i < 10; i++) {
    let sum = 0;
    for (let t = 9; t < 70; t++) sum += (y(t - i) - y(t)) * (y(t + 4) - y(t));
    expect(right[i - 1]).toBeCloseTo(sum, 9);
    for (let j = 1; j < 10; j++) {
      let product = 0;
      for (let t = 9; t < 70; t++) product += (y(t - i) - y(t)) * (y(t - j) - y(t));
      expect(gram[(i - 1) * 9 + j - 1]).toBeCloseTo(product, 9);
    }
  }
});

test('a system solved by Cholesky fits its right side', () => {
  const rows = [noise(4, 1), noise(4, 2), noise(4, 3), noise(4, 4)];
  const a = Float64Array.from({ length: 16 }, (_, at) => {
    const [i, j] = [at >> 2, at & 3];
    return rows.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), i === j ? 0.5 : 0);
  });
  const factor = new Float64Array(16);
  cholesky(a, 4, 0.25, factor);
  const w = Float64Array.of(1, -2, 3, 4);
  solveCholesky(factor, 4, w);
  const back = [0, 1, 2, 3].map((i) =>
    w.reduce((sum, each, j) => sum + each * ((a[i * 4 + j] as number) + (i === j ? 0.25 : 0)), 0),
  );
  for (const [i, value] of [1, -2, 3, 4].entries()) expect(back[i]).toBeCloseTo(value, 9);
});

test('recursive least squares finds the weights of a linear rule, for two horizons at once, through outliers', () => {
  const rls = new RecursiveLeastSquares(new StateArena(), {
    ...{ width: 2, horizons: 2, ring: 4, forgetting: 1, prior: 100, clip: 3 },
  });
  const inputs = noise(2_400, 7);
  const x = (t: number): Float64Array => inputs.slice(2 * t, 2 * t + 2);
  const rule = (h: number, t: number): number => (h === 0 ? 2 : -1) * (x(t)[0] as number) + 0.5 * (x(t)[1] as number);
  for (let t = 0; t < 1_200; t++) {
    rls.push(t, x(t));
    if (t >= 1) rls.learn(0, t - 1, rule(0, t - 1));
    if (t >= 3) rls.learn(1, t - 3, rule(1, t - 3) + (t % 97 === 0 ? 1_000 : 0));
  }
  expect(rls.predict(0, 1_199)).toBeCloseTo(rule(0, 1_199), 1);
  expect(Math.abs(rls.predict(1, 1_199) - rule(1, 1_199))).toBeLessThan(0.1);
});

test('NLinear learns a sine of which 12 steps are half a period, where the last value is as wrong as can be', () => {
  const series = Float64Array.from({ length: 600 }, (_, t) => 50 + 10 * Math.sin((2 * Math.PI * t) / 24));
  const model = fitNLinear(series.subarray(0, 500), [12], 96);
  expect(model).toBeDefined();
  for (let t = 500; t < 588; t++) {
    const forecast = (series[t] as number) + (model === undefined ? 0 : predictNLinear(model, 0, series, t));
    expect(Math.abs(forecast - (series[t + 12] as number))).toBeLessThan(0.5);
  }
});

describe('boosted trees', () => {
  const ask = (model: BoostedTrees, ...row: readonly number[]): number => {
    const codes = new Int32Array(row.length);
    intoCodes(Float32Array.from(row), codes);
    return askBoostedTrees(model, codes);
  };

  const rows = 900;
  const table = Float32Array.from(noise(2 * rows, 3));
  const left = (i: number): number => table[i] as number;
  const right = (i: number): number => table[rows + i] as number;
  const target = Float32Array.from({ length: rows }, (_, i) => (left(i) > 0.1 ? 5 : -5) + (right(i) > 0 ? 1 : 0));
  const options = { trees: 60, depth: 3, rate: 0.2, leafLeast: 5, featureShare: 1, rowShare: 0.7 };

  test('codes keep the order of numbers, whatever their signs', () => {
    const row = Float32Array.of(
      Number.NEGATIVE_INFINITY,
      -1e30,
      -2,
      -1,
      -1e-30,
      0,
      1e-30,
      1,
      2,
      1e30,
      Number.POSITIVE_INFINITY,
    );
    const codes = new Int32Array(row.length);
    intoCodes(row, codes);
    for (let at = 1; at < codes.length; at++) {
      expect(codes[at]).toBeGreaterThan(codes[at - 1] as number);
      expect(((codes[0] as number) - (codes[at] as number)) >>> 31).toBe(1);
      expect(((codes[at] as number) - (codes[0] as number)) >>> 31).toBe(0);
    }
  });

  test('learn steps in two features', () => {
    const { model } = fitBoostedTrees(intoBuckets(table, rows, 2), target, createRng(1), options);
    let wrong = 0;
    for (let i = 0; i < rows; i++) wrong += Math.abs(ask(model, left(i), right(i)) - (target[i] as number));
    expect(wrong / rows).toBeLessThan(0.4);
  });

  test('follow the median: a tenth of wild targets does not move them', () => {
    const wild = target.map((value, i) => (i % 10 === 0 ? 1e4 : value));
    const { model } = fitBoostedTrees(intoBuckets(table, rows, 2), wild, createRng(1), options);
    expect(ask(model, 0.4, 0.4)).toBeLessThan(10);
    expect(ask(model, -0.4, 0.4)).toBeLessThan(0);
  });

  test('what they leave of the target is what is left of it', () => {
    const { model, rest } = fitBoostedTrees(intoBuckets(table, rows, 2), target, createRng(2), options);
    for (const i of [0, 100, 899]) expect(rest[i]).toBeCloseTo((target[i] as number) - ask(model, left(i), right(i)), 3);
  });
});

test('the same history and seed give the same models, and a short one none', () => {
  const series = noise(400, 5);
  const request = { series, horizons: [1, 5], seed: 3 };
  expect(fitBatch(request)).toEqual(fitBatch(request));
  expect(fitBatch({ ...request, series: series.subarray(0, 90) })).toMatchObject({ nlinear: undefined, trees: [], rests: [] });
});

test('trees for what NLinear leaves: on a line with a bend, both together are nearer to values never seen than either alone', () => {
  const rng = createRng(17);
  const series = new Float64Array(1_600);
  const ago = (t: number, steps: number): number => series[Math.max(0, t - steps)] as number;
  for (let t = 1; t < series.length; t++) {
    // Where it swings to is a line in the last two values; which way it is pushed is none.
    const isTurning = ago(t, 1) > ago(t, 8) !== ago(t, 1) > ago(t, 3);
    series[t] = 1.8 * ago(t, 1) - 0.82 * ago(t, 2) + 3 * (rng.unit() - 0.5) + (isTurning ? 4 : -1);
  }
  const known = 1_200;
  const forecaster = new Forecaster({ horizons: [1] });
  for (let t = 0; t < known; t++) forecaster.observe(series[t] as number);
  forecaster.adopt(fitBatch(forecaster.fitRequest()));
  const wrong = new Map<string, number>();
  for (let t = known; t < series.length; t++) {
    if (t > known)
      for (const [name, said] of forecaster.saidBy(0))
        wrong.set(name, (wrong.get(name) ?? 0) + Math.abs(said - (series[t] as number)));
    forecaster.observe(series[t] as number);
  }
  const of = (name: string): number => wrong.get(name) ?? Number.NaN;
  expect(of('nlinear and trees')).toBeLessThan(0.8 * of('nlinear'));
  expect(of('nlinear and trees')).toBeLessThan(of('trees'));
});

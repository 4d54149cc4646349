/** What must hold of forecasts whatever the series. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitBatch } from '../../src/domain/forecast/batch.ts';
import { OUTER, TAUS } from '../../src/domain/forecast/deciles.ts';
import { Forecaster } from '../../src/domain/forecast/forecaster.ts';
import { SortedWindows } from '../../src/domain/forecast/sorted-window.ts';
import { StateArena } from '../../src/domain/forecast/state-arena.ts';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';

const HORIZONS = [1, 3, 20];
const quantiles = new Float64Array(TAUS.length);

const sample = fc.oneof(
  { weight: 12, arbitrary: fc.double({ min: -100, max: 100, noNaN: true }) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 7, Number.NaN) },
  { weight: 1, arbitrary: fc.double() },
);
const series = fc.array(sample, { minLength: 0, maxLength: 250 });

test('quantiles are numbers and ascend, for any series', () => {
  fc.assert(
    fc.property(series, (values) => {
      const forecaster = new Forecaster({ horizons: HORIZONS, memory: 128 });
      for (const value of values) {
        // A double's whole range overflows any arithmetic on it; sensors stay below.
        forecaster.observe(Math.abs(value) > 1e150 ? Number.NaN : value);
        for (let k = 0; k < HORIZONS.length; k++) {
          forecaster.forecast(k, quantiles);
          for (let q = 0; q < TAUS.length; q++) {
            if (!Number.isFinite(quantiles[q])) return false;
            if (q > 0 && (quantiles[q] as number) < (quantiles[q - 1] as number)) return false;
          }
        }
      }
      return true;
    }),
    { numRuns: 60 },
  );
});

test('a forecaster moved in the middle goes on exactly as one that stayed', () => {
  fc.assert(
    fc.property(series, fc.nat(250), fc.boolean(), (values, cut, fit) => {
      const stayed = new Forecaster({ horizons: HORIZONS, memory: 256 });
      for (const value of values.slice(0, cut)) stayed.observe(value);
      if (fit && stayed.fitDue) stayed.adopt(fitBatch(stayed.fitRequest()));
      const moved = Forecaster.restore(structuredClone(stayed.save()));
      for (const value of values.slice(cut)) {
        stayed.observe(value);
        moved.observe(value);
      }
      expect(moved.save()).toEqual(stayed.save());
    }),
    { numRuns: 40 },
  );
});

test('a sorted window is the sorted last values', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { maxLength: 80 }),
      fc.integer({ min: 1, max: 20 }),
      (values, length) => {
        const windows = new SortedWindows(new StateArena(), 2, length);
        for (const value of values) {
          windows.push(1, value);
          windows.push(0, -value);
        }
        const last = Float64Array.from(values.slice(-length)).sort();
        expect(windows.count(1)).toBe(last.length);
        for (let at = 0; at < last.length; at++)
          expect(windows.quantile(1, last.length === 1 ? 0 : at / (last.length - 1))).toBeCloseTo(last[at] as number, 9);
      },
    ),
  );
});

describe('the 80 % band holds four times in five', () => {
  const normal = (rng: Rng): number => Math.sqrt(-2 * Math.log(rng.unit() + 1e-12)) * Math.cos(2 * Math.PI * rng.unit());
  const walks: readonly [string, (rng: Rng) => (t: number) => number][] = [
    ['white noise', (rng) => () => normal(rng)],
    [
      'a random walk',
      (rng) => {
        let at = 0;
        return () => {
          at += normal(rng);
          return at;
        };
      },
    ],
    [
      'an autoregression whose noise trebles half way',
      (rng) => {
        let at = 0;
        return (t) => {
          at = 0.8 * at + normal(rng) * (t > 1_500 ? 3 : 1);
          return at;
        };
      },
    ],
    ['heavy tails', (rng) => () => normal(rng) / Math.max(0.05, Math.abs(normal(rng)))],
  ];
  test.each(walks)('%s', (_, draw) => {
    const next = draw(createRng(11));
    const values = Float64Array.from({ length: 3_000 }, (_value, t) => next(t));
    const forecaster = new Forecaster({ horizons: HORIZONS, memory: 128 });
    const covered = HORIZONS.map(() => 0);
    let origins = 0;
    for (let t = 0; t < values.length; t++) {
      forecaster.observe(values[t] as number);
      if (t < 1_000 || t + 20 >= values.length) continue;
      origins++;
      for (const [k, horizon] of HORIZONS.entries()) {
        forecaster.forecast(k, quantiles);
        const actual = values[t + horizon] as number;
        if (actual >= (quantiles[0] as number) && actual <= (quantiles[OUTER] as number))
          covered[k] = (covered[k] as number) + 1;
      }
    }
    for (const each of covered) {
      expect(each / origins).toBeGreaterThan(0.75);
      expect(each / origins).toBeLessThan(0.87);
    }
  });
});

/** The forecaster on series whose right answer is known, and on those that no forecast should be trusted for. */
import { describe, expect, test } from 'vitest';
import { fitBatch } from '../../../src/domain/forecast/batch.ts';
import { OUTER, TAUS } from '../../../src/domain/forecast/deciles.ts';
import { Forecaster, type ForecasterOptions } from '../../../src/domain/forecast/forecaster.ts';
import type { Degraded } from '../../../src/domain/forecast/intake.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

const out = new Float64Array(TAUS.length);

function fed(values: Iterable<number>, options: Partial<ForecasterOptions> = {}): Forecaster {
  const forecaster = new Forecaster({ horizons: [1, 12], ...options });
  for (const value of values) forecaster.observe(value);
  return forecaster;
}

/** A cycle of 24 steps with noise. */
function* cycle(count: number, seed = 1): Generator<number> {
  const rng = createRng(seed);
  for (let t = 0; t < count; t++) yield 50 + 10 * Math.sin((2 * Math.PI * t) / 24) + 2 * (rng.unit() - 0.5);
}

describe('what is forecast', () => {
  test('a cycle, half a period ahead, far better than the last value; better still with fitted models', () => {
    const values = [...cycle(1_400)];
    const errors = (fit: boolean): number => {
      const forecaster = new Forecaster({ horizons: [1, 12] });
      let [wrong, naive] = [0, 0];
      for (const [t, value] of values.entries()) {
        forecaster.observe(value);
        if (fit && forecaster.fitDue) forecaster.adopt(fitBatch(forecaster.fitRequest()));
        if (t < 600 || t + 12 >= values.length) continue;
        wrong += Math.abs(forecaster.forecast(1, out) - (values[t + 12] as number));
        naive += Math.abs(value - (values[t + 12] as number));
      }
      return wrong / naive;
    };
    const online = errors(false);
    expect(online).toBeLessThan(0.2);
    expect(errors(true)).toBeLessThan(online);
  });

  test('with a season, from its first repetition on', () => {
    const forecaster = fed(cycle(120), { season: 24 });
    let wrong = 0;
    const values = [...cycle(300)];
    for (let t = 120; t < 260; t++) {
      forecaster.observe(values[t] as number);
      wrong += Math.abs(forecaster.forecast(1, out) - (values[t + 12] as number)) / 140;
    }
    expect(wrong).toBeLessThan(2.5);
    expect(forecaster.weights(1).get('season')).toBeGreaterThan(0.1);
  });

  test('weights are shares of those awake', () => {
    const weights = fed(cycle(300)).weights(1);
    expect([...weights.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    expect(weights.get('trees')).toBe(0);
  });

  test('never beyond what the series cannot leave', () => {
    const rng = createRng(4);
    const forecaster = fed(
      Array.from({ length: 400 }, () => Math.max(0, 3 * (rng.unit() - 0.6))),
      { least: 0, most: 100 },
    );
    forecaster.forecast(1, out);
    expect(out[0]).toBeGreaterThanOrEqual(0);
  });
});

describe('what should not be trusted says so', () => {
  const degrading: readonly [string, Degraded | undefined, Iterable<number>][] = [
    ['nothing yet', 'warming', []],
    ['a few values', 'warming', cycle(10)],
    ['a constant', 'constant', new Array<number>(200).fill(7)],
    ['a load', undefined, cycle(200)],
    ['two missing at the end', 'missing', [...cycle(200), Number.NaN, Number.NaN]],
    ['a third of it missing', 'missing', [...cycle(300)].map((value, t) => (t % 3 === 0 ? Number.NaN : value))],
    ['infinities', 'missing', [...cycle(200), Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['a sensor that stands still', 'stuck', [...cycle(200), ...new Array<number>(100).fill(55)]],
    ['one that moves again', undefined, [...cycle(200), ...new Array<number>(100).fill(55), ...cycle(30, 2)]],
    ['a value that is often the same', undefined, [...cycle(400)].map((value, t) => (t % 100 < 40 ? 50 : value))],
  ];
  test.each(degrading)('%s: %s', (_, degraded, values) => {
    expect(fed(values).degraded).toBe(degraded);
  });

  test('a constant series is forecast as itself, with a band of no width', () => {
    const point = fed(new Array<number>(100).fill(7)).forecast(1, out);
    expect([point, ...out]).toEqual(new Array(10).fill(7));
  });

  test('bands grow while values are missing, and no forecast is anything but a number', () => {
    const values = [...cycle(300)];
    const width = (missing: number): number => {
      fed([...values, ...new Array<number>(missing).fill(Number.NaN)]).forecast(0, out);
      expect([...out].every(Number.isFinite)).toBe(true);
      return (out[OUTER] as number) - (out[0] as number);
    };
    expect(width(20)).toBeGreaterThan(1.5 * width(0));
  });

  test('a series that begins late begins with its first value', () => {
    const late = fed([Number.NaN, Number.NaN, ...cycle(100)]);
    const early = fed(cycle(100));
    expect(late.forecast(0, out)).toBe(early.forecast(0, out));
  });

  test('one absurd value is not believed', () => {
    const values = [...cycle(600)];
    const absurd = fed([...values.slice(0, 400), 1e12, ...values.slice(401, 600)]);
    const missing = fed([...values.slice(0, 400), Number.NaN, ...values.slice(401, 600)]);
    expect(absurd.forecast(1, out)).toBe(missing.forecast(1, out));
  });

  test('a level that stays absurd is believed at the third value', () => {
    const forecaster = fed([...cycle(400), 1e6, 1e6, 1e6]);
    expect(forecaster.forecast(0, out)).toBeGreaterThan(1e5);
  });
});

describe('samples with a time', () => {
  const periodUs = 1_000_000;
  const timed = (): Forecaster => new Forecaster({ horizons: [1, 12], periodUs });

  test('a gap is as many missing values as steps', () => {
    const [withGap, filled] = [timed(), timed()];
    for (const [t, value] of [...cycle(100)].entries()) {
      if (t < 40 || t >= 45) withGap.observeAt(t * periodUs, value);
      filled.observeAt(t * periodUs, t < 40 || t >= 45 ? value : Number.NaN);
    }
    expect(withGap.save().numbers).toEqual(filled.save().numbers);
  });

  test('a sample that comes twice counts once, jitter is put on the grid', () => {
    const [twice, once] = [timed(), timed()];
    for (const [t, value] of [...cycle(100)].entries()) {
      twice.observeAt(t * periodUs, value);
      twice.observeAt(t * periodUs, value + 1);
      once.observeAt(t * periodUs, value);
    }
    expect(twice.save().numbers).toEqual(once.save().numbers);
  });

  test('a clock that goes back is said for a while, and the series goes on', () => {
    const forecaster = timed();
    const values = [...cycle(200)];
    for (const [t, value] of values.slice(0, 100).entries()) forecaster.observeAt(t * periodUs, value);
    for (const [t, value] of values.slice(100).entries()) {
      forecaster.observeAt((t + 10) * periodUs, value);
      if (t === 5) expect(forecaster.degraded).toBe('clock');
    }
    expect(forecaster.degraded).toBeUndefined();
    expect(Number.isFinite(forecaster.forecast(1, out))).toBe(true);
  });

  test('an hour’s gap does not cost an hour’s steps', () => {
    const forecaster = timed();
    const values = [...cycle(101)];
    for (const [t, value] of values.slice(0, 100).entries()) forecaster.observeAt(t * periodUs, value);
    forecaster.observeAt(1e15, values[100] as number);
    expect(Number.isFinite(forecaster.forecast(1, out))).toBe(true);
  });
});

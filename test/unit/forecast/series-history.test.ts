/** What is remembered of series, and how it is handed on: a forecaster made of it forecasts as the one that was there all along. */
import { describe, expect, test } from 'vitest';
import { Forecaster } from '../../../src/domain/forecast/forecaster.ts';
import { GAP_MOST } from '../../../src/domain/forecast/intake.ts';
import { HISTORY_LENGTH, SeriesHistory } from '../../../src/domain/forecast/series-history.ts';
import { TaskHistory } from '../../../src/domain/forecast/task-history.ts';
import type { TaskSample } from '../../../src/domain/metrics/sample.ts';
import { decodeTaskHistory, encodeTaskHistory } from '../../../src/domain/protocol/codec-history.ts';

const wave = (at: number): number => Math.fround(0.5 + 0.2 * Math.sin(at / 9) + 0.05 * Math.sin(at * 1.7));
const filled = (from: number, until: number): SeriesHistory => {
  const history = new SeriesHistory();
  for (let second = from; second < until; second++) history.observe(second, wave(second));
  return history;
};

describe('a series', () => {
  test('keeps the last of its values, and counts all', () => {
    const history = filled(1, HISTORY_LENGTH + 101);
    expect([history.count, history.oldest, history.newestS]).toEqual([HISTORY_LENGTH + 100, 100, HISTORY_LENGTH + 100]);
    expect(history.values()[0]).toBe(wave(101));
    expect(history.at(history.count - 1)).toBe(wave(HISTORY_LENGTH + 100));
  });

  test('has a missing value for each second of a gap, of so many at most; a second comes once; the clock may go back', () => {
    const history = filled(1, 11);
    history.observe(13, 1);
    history.observe(13, 2);
    expect([...history.values()].slice(-3)).toEqual([Number.NaN, Number.NaN, 1]);
    history.observe(10_000, 3);
    expect(history.count).toBe(13 + GAP_MOST + 1);
    history.observe(500, 4);
    expect([history.count, history.newestS]).toEqual([13 + GAP_MOST + 2, 500]);
  });

  test('joined with what another knew, it is as if one had seen all of it', () => {
    const whole = filled(1, 400);
    const joined = SeriesHistory.joined({ newestS: 250, values: filled(1, 251).values() }, filled(200, 400));
    expect(joined.values()).toEqual(whole.values());
    const [alone, moved] = [whole, joined].map((history) => {
      const forecaster = new Forecaster({ horizons: [1, 12], memory: HISTORY_LENGTH });
      for (let at = history.oldest; at < history.count; at++) forecaster.observe(history.at(at));
      const quantiles = [new Float64Array(9), new Float64Array(9)];
      for (const [k, out] of quantiles.entries()) forecaster.forecast(k, out);
      return quantiles;
    });
    expect(moved).toEqual(alone);
  });
});

const sample = (epoch: number, more: Partial<TaskSample>): TaskSample => ({
  ...{ task: 'alpha', epoch, jobs: 0, executionUs: 0, executionUsMax: 0, responses: 0, responseUs: 0, responseUsMax: 0 },
  ...{ misses: 0, fuel: 0, outputs: 0, captures: 0, captureUs: 0, dirtyPages: 0, pages: 0, inputsBehind: 0 },
  ...more,
});

describe('a task', () => {
  test('counters become rates within one instance; a new one begins to count anew and goes on with the series', () => {
    const history = new TaskHistory('alpha');
    for (let at = 0; at <= 5; at++)
      history.heard(
        sample(1, { jobs: 10 * at, executionUs: 100_000 * at, responses: 10 * at, responseUs: 2_000 * at }),
        at * 1e6,
        100 + at,
      );
    expect([...history.of('load').values()]).toEqual(Array.from({ length: 5 }, () => Math.fround(0.1)));
    expect([...history.of('response').values()]).toEqual([200, 200, 200, 200, 200]);
    // Elsewhere: another clock, counters from nothing, two seconds later.
    history.heard(sample(2, { jobs: 3, executionUs: 50_000 }), 7_777_000_000, 107);
    history.heard(sample(2, { jobs: 13, executionUs: 350_000 }), 7_778_000_000, 108);
    expect([...history.of('load').values()].slice(-3)).toEqual([Number.NaN, Number.NaN, Math.fround(0.3)]);
    expect(history.of('response').values().at(-1)).toBeNaN();
  });

  test('which side of a full second a sample falls on neither loses a value nor makes one up', () => {
    const history = new TaskHistory('alpha');
    for (let at = 0; at <= 60; at++) {
      const jitterUs = at % 2 === 0 ? 30_000 : -30_000;
      history.heard(
        sample(1, { jobs: at, executionUs: 1000 * at }),
        at * 1e6 + jitterUs,
        Math.floor((at * 1e6 + jitterUs) / 1e6) + 1000,
      );
    }
    expect([history.of('load').count, [...history.of('load').values()].some(Number.isNaN)]).toEqual([60, false]);
  });

  test('goes over the wire as it is, missing values and all; an infinite one is refused', () => {
    const history = new TaskHistory('alpha');
    for (let at = 0; at <= 3; at++) history.heard(sample(4, { jobs: at, executionUs: 1000 * at }), at * 1e6, 100 + at);
    const envelope = { id: 'x', sender: 'manager.m1', trace: '', sentAtUs: 1, body: history.entry() };
    const decoded = decodeTaskHistory(encodeTaskHistory(envelope));
    expect(decoded.ok && decoded.value.body).toEqual(history.entry());
    const broken = { ...history.entry(), series: [{ name: 'load', values: Float32Array.of(Number.POSITIVE_INFINITY) }] };
    expect(decodeTaskHistory(encodeTaskHistory({ ...envelope, body: broken })).ok).toBe(false);
  });
});

/**
 * The protocol gives the numbers that others got with it: the baselines of the development series, where those are at hand (they may not be
 * copied into the project); and a series small enough to follow by hand, everywhere.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scoreBaselines } from '../../src/app/forecast/baselines.ts';
import { evaluateSeries, summarise } from '../../src/app/forecast/evaluate-series.ts';
import { calibrationOrigins, type Protocol, protocolFor, Scorer } from '../../src/app/forecast/rolling-origin.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { columnOf, readSeriesFile } from '../../src/app/series-file.ts';

const HORIZONS = [1, 5, 12, 60];
const DATA = join(projectRoot(), '..', 'shared', 'data');

interface Reference {
  readonly series: readonly {
    readonly name: string;
    readonly m: number;
    readonly ntr: number;
    readonly origins: number;
    readonly scale: number;
    readonly results: Readonly<
      Record<string, Readonly<Record<string, { mase: number; smape: number; scrps: number; cov80: number; width80: number }>>>
    >;
  }[];
}

describe.skipIf(!existsSync(DATA))('the development series', () => {
  const { series } = JSON.parse(
    existsSync(DATA) ? readFileSync(join(DATA, 'baselines_dev.json'), 'utf8') : '{"series":[]}',
  ) as Reference;
  const short = series.filter(({ ntr }) => ntr < 1_300);

  test('there are some', () => expect(short.length).toBeGreaterThan(8));

  test.each(short.map((each) => [each.name, each] as const))('%s', (name, reference) => {
    const [file, column] = name.split(':') as [string, string];
    const protocol = protocolFor(columnOf(readSeriesFile(join(DATA, `${file}.csv`)), column), HORIZONS) as Protocol;
    expect([protocol.trainEnd, protocol.origins.length]).toEqual([reference.ntr, reference.origins]);
    expect(protocol.scale / reference.scale).toBeCloseTo(1, 9);
    for (const { model, horizon, score } of scoreBaselines(protocol, reference.m)) {
      const known = reference.results[{ naive: 'naive', seasonalNaive: 'snaive', ses: 'ses' }[model] as string]?.[horizon];
      if (known === undefined) continue;
      // The rate of smoothing was found by another search there.
      const digits = model === 'ses' ? 1 : 4;
      expect(score.mase / known.mase).toBeCloseTo(1, model === 'ses' ? 1 : 3);
      expect(score.scrps / known.scrps).toBeCloseTo(1, model === 'ses' ? 1 : 3);
      if (model === 'ses') continue;
      expect(score.coverage80).toBeCloseTo(known.cov80, digits);
      expect(score.smape).toBeCloseTo(known.smape, 4);
      expect(score.width80 / known.width80).toBeCloseTo(1, 3);
    }
  });
});

describe('by hand', () => {
  const saw = Float64Array.from({ length: 1_000 }, (_, t) => t % 4);

  test('origins, training part and scale are as the protocol says', () => {
    const protocol = protocolFor(saw, [1, 60]) as Protocol;
    expect([protocol.trainEnd, protocol.fitEnd]).toEqual([600, 400]);
    expect([protocol.origins[0], protocol.origins.at(-1), protocol.origins.length]).toEqual([599, 939, 35]);
    // 0 1 2 3 0: three steps of one, one of three.
    expect(protocol.scale).toBeCloseTo(1.5, 2);
    expect(calibrationOrigins(protocol, 60).slice(0, 2)).toEqual([400, 403]);
  });

  test('more than two hundred origins are thinned', () => {
    const protocol = protocolFor(
      Float64Array.from({ length: 9_000 }, (_, t) => t % 4),
      [60],
    ) as Protocol;
    expect(protocol.series.length).toBe(6_000);
    expect(protocol.origins.length).toBeLessThanOrEqual(200);
    expect((protocol.origins[1] as number) - (protocol.origins[0] as number)).toBe(12);
  });

  test('a missing value is the one before it', () => {
    const gaps = saw.slice();
    gaps[0] = Number.NaN;
    gaps[7] = Number.NaN;
    expect([...(protocolFor(gaps, [1]) as Protocol).series.slice(0, 9)]).toEqual([1, 1, 2, 3, 0, 1, 2, 2, 0]);
  });

  test('scores are what the formulas say', () => {
    const scorer = new Scorer(2);
    const quantiles = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    scorer.add(5, 5, quantiles);
    scorer.add(10, 5, quantiles);
    const { mae, mase, smape, coverage80, width80, scrps } = scorer.score();
    expect([mae, mase, coverage80, width80]).toEqual([2.5, 1.25, 0.5, 4]);
    expect(smape).toBeCloseTo(1000 / 15 / 2, 9);
    // First: 0.1·4+0.2·3+0.3·2+0.4·1, twice; second: Σ τ(10 − q), both over nine; twice their mean over two.
    expect(scrps).toBeCloseTo((((4 + (0.9 + 1.6 + 2.1 + 2.4 + 2.5 + 2.4 + 2.1 + 1.6 + 0.9)) / 9 / 2) * 2) / 2, 9);
  });

  test('too short or constant: not judged', () => {
    expect(protocolFor(new Float64Array(500).fill(3), [1])).toBeUndefined();
    expect(protocolFor(saw.slice(0, 100), [60])).toBeUndefined();
  });

  test('nothing of the future is used: what follows the last origin’s horizon changes no forecast before it', () => {
    const values = Float64Array.from({ length: 400 }, (_, t) => Math.sin(t / 7) + ((t * 7919) % 13) / 13);
    const changed = values.map((value, t) => (t > 330 ? value + 50 : value));
    const mae = (series: Float64Array): unknown => {
      const before = evaluateSeries(series.subarray(0, 331), { name: 'x', horizons: [1, 5], season: undefined });
      return before?.results;
    };
    expect(mae(values)).toEqual(mae(changed));
  });

  test('on a saw tooth ours is all but right, and the summary says so', () => {
    const report = evaluateSeries(saw, { name: 'saw', horizons: [1, 6], season: 4 });
    expect(report).toBeDefined();
    if (report === undefined) return;
    const rows = report.results.filter(({ model }) => model === 'drover');
    for (const { relMae } of rows) expect(relMae).toBeLessThan(0.05);
    const summary = summarise([report, report]).find(({ model, horizon }) => model === 'drover' && horizon === 6);
    expect(summary?.relMae).toBeCloseTo(rows[1]?.relMae as number, 12);
    expect(report.results.find(({ model }) => model === 'seasonalNaive')?.mae).toBe(0);
  });
});

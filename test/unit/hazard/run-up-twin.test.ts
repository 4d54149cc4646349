/** Run-ups as blocks, units drawn from them, and the rule by which a twin is kept. */
import { describe, expect, it } from 'vitest';
import { evaluateHazard } from '../../../src/domain/hazard/evaluate.ts';
import { drawFromTwin, judgeTwin } from '../../../src/domain/hazard/rare-twin.ts';
import { levelsOf, runUpShape } from '../../../src/domain/hazard/run-up.ts';
import type { UnitHistory } from '../../../src/domain/hazard/unit-history.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { plainTwin, scoresOf } from '../../support/rare-twins.ts';
import { wearingFleet } from '../../support/wearing-units.ts';

const HORIZON = 12;

function unitOf(values: readonly number[], failed = true): UnitHistory {
  return { name: 'u', times: Float64Array.from(values, (_, i) => 1 + 0.5 * i), values: Float64Array.from(values), failed };
}

describe('run-ups', () => {
  it('are counted in blocks of a sixth of the horizon, back from the failure', () => {
    const unit = unitOf(Array.from({ length: 20 }, (_, i) => i));
    const shape = runUpShape([unit], 1, 6);
    // Half a time unit a row: a sixth of the horizon of 6 are two rows, half a life of twenty rows five blocks.
    expect(shape).toEqual({ sensors: 1, horizon: 6, period: 0.5, block: 2, blocks: 5 });
    if (shape === undefined) return;
    expect([...levelsOf(shape, unit)]).toEqual([18.5, 16.5, 14.5, 12.5, 10.5, 8.5, 6.5, 4.5, 2.5, 0.5]);
    expect([...levelsOf(shape, unit, 1)].slice(0, 2)).toEqual([17.5, 15.5]);
  });

  it('a value that is missing is not in the level; a block without any stands where the one before it stood', () => {
    const unit = unitOf([1, 3, Number.NaN, 5, Number.NaN, Number.NaN, ...Array.from({ length: 14 }, () => 9)]);
    const shape = runUpShape([unit], 1, 6);
    if (shape === undefined) throw new Error('has a shape');
    expect([...levelsOf(shape, unit)].slice(-3)).toEqual([5, 5, 2]);
  });

  it('have no shape where nothing failed, or lives are shorter than half of what the horizon asks', () => {
    expect(runUpShape([unitOf([1, 2, 3, 4, 5, 6, 7, 8], false)], 1, 6)).toBeUndefined();
    expect(runUpShape([unitOf([1, 2, 3, 4])], 1, 6)).toBeUndefined();
  });
});

describe('drawn units', () => {
  const fleet = wearingFleet(3, 6);
  const twin = plainTwin(fleet, HORIZON);
  const draw = (source: 'generator' | 'bootstrap', seed: number): UnitHistory[] =>
    drawFromTwin(twin, { source, count: 12, rng: createRng(seed) });

  it.each(['generator', 'bootstrap'] as const)(
    '%s: whole units that fail at their end, the same for the same seed',
    (source) => {
      const drawn = draw(source, 1);
      expect(draw(source, 1)).toEqual(drawn);
      expect(draw(source, 2)).not.toEqual(drawn);
      for (const { times, values, failed } of drawn) {
        expect(failed).toBe(true);
        expect(values).toHaveLength(times.length * fleet.columns.length);
        expect(values.every(Number.isFinite)).toBe(true);
        expect([...times]).toEqual(Array.from(times, (_, i) => i + 1));
      }
    },
  );

  it('the bootstrap gives rows that were seen, and no others', () => {
    const rowOf = (values: Float64Array, i: number): string =>
      Array.from(values.subarray(3 * i, 3 * i + 3), (value) => value.toFixed(6)).join();
    const seen = new Set(fleet.units.flatMap(({ times, values }) => Array.from(times, (_, i) => rowOf(values, i))));
    for (const { times, values } of draw('bootstrap', 3))
      for (let i = 0; i < times.length; i++) expect(seen).toContain(rowOf(values, i));
  });

  it('the generator takes run-ups to where those that were seen ended, and gives rows that nobody saw', () => {
    // Heat rises by twelve degrees towards the failure through a noise of 1.2: the last block is far above the beginning.
    const heatAtEnd = ({ times, values }: UnitHistory): number => {
      const last = Array.from({ length: 2 }, (_, i) => values[3 * (times.length - 1 - i)] as number);
      return (last[0] as number) / 2 + (last[1] as number) / 2;
    };
    const mean = (units: readonly UnitHistory[]): number =>
      units.reduce((sum, unit) => sum + heatAtEnd(unit), 0) / units.length;
    const drawn = draw('generator', 4);
    expect(Math.abs(mean(drawn) - mean(fleet.units))).toBeLessThan(3);
    const seen = new Set(fleet.units.flatMap(({ values }) => [...values]));
    for (const { values } of drawn) expect(seen.has(values.at(-3) as number)).toBe(false);
  });
});

describe('the rule', () => {
  it('keeps a generator that beats both the bootstrap and the real units alone', () => {
    expect(judgeTwin(scoresOf(5, true))).toMatchObject({ kept: true, units: 5 });
  });

  it('keeps none that beats the bootstrap alone, or the real units alone', () => {
    const { real, bootstrap, generator } = scoresOf(5, true);
    const better = judgeTwin({ real: generator.map((score) => score - 0.005), bootstrap, generator });
    expect(better).toMatchObject({ kept: false });
    expect(better.overBootstrap.mean).toBeGreaterThan(0);
    expect(judgeTwin({ real, bootstrap: generator, generator }).kept).toBe(false);
  });

  it('keeps none whose gain is within the standard error, or that was judged on one unit', () => {
    const flat = new Float64Array(4).fill(0.02);
    const noisy = judgeTwin({ real: Float64Array.of(0.1, 0.0, 0.0, 0.01), bootstrap: flat.map(() => 0.03), generator: flat });
    expect(noisy.overReal.mean).toBeGreaterThan(0);
    expect(noisy.kept).toBe(false);
    expect(judgeTwin(scoresOf(1, true)).kept).toBe(false);
  });
});

it('units besides that say the same again change nothing: the ridge grows with them', () => {
  const [training, test] = [wearingFleet(5, 6), wearingFleet(6, 3)];
  const options = {
    ...{ horizon: HORIZON, alarm: { rows: 3, earliest: 24, latest: 2 }, ridge: 3 },
    ...{ method: 'hazard' as const, methods: ['hazard' as const] },
  };
  const alone = evaluateHazard(training, test, options);
  const again = evaluateHazard(training, test, {
    ...options,
    besides: (held) => training.units.filter((_, u) => held?.has(u) !== true),
  });
  expect(again.chosen.brier).toBeCloseTo(alone.chosen.brier, 6);
  for (const [u, { squares, rows }] of again.heldBack.entries()) {
    expect(rows).toBe(training.units[u]?.times.length);
    expect(squares).toBeCloseTo(alone.heldBack[u]?.squares ?? Number.NaN, 5);
  }
});

/** Seeing failures coming: what is learned from some units holds on others, and nothing of the others was used. */
import { describe, expect, test } from 'vitest';
import { evaluateHazard, knownRows } from '../../../src/domain/hazard/evaluate.ts';
import { type Fleet, failsWithin } from '../../../src/domain/hazard/unit-history.ts';
import { cutShort, wearingFleet } from '../../support/wearing-units.ts';

const options = { horizon: 15, method: undefined, alarm: { rows: 3, earliest: 30, latest: 3 } };

describe('units that were not learned from', () => {
  const training = wearingFleet(1, 12);
  const asked = wearingFleet(2, 6);
  const { chosen, all } = evaluateHazard(training, asked, options);

  test('the probabilities are far better than the base rate, and mean what they say', () => {
    expect(chosen.brier).toBeLessThan(0.35 * chosen.brierOfBaseRate);
    expect(chosen.auc).toBeGreaterThan(0.97);
    expect(chosen.calibrationError).toBeLessThan(0.04);
    expect(chosen.baseRate).toBeCloseTo((16 * 6) / chosen.n, 10);
    expect(chosen.reliability.reduce((sum, { count }) => sum + count, 0)).toBe(chosen.n);
  });

  test('every alarm comes in time', () => {
    expect(chosen).toMatchObject({ failures: 6, useful: 1, early: 0, missed: 0, falseAlarms: undefined });
    expect(chosen.leadMedian).toBeGreaterThan(5);
  });

  test('first passage is judged beside it', () => {
    expect(all.map(({ method }) => method)).toEqual(['hazard', 'wiener']);
    const wiener = all.find(({ method }) => method === 'wiener');
    expect(wiener?.brier).toBeLessThan(0.6 * chosen.brierOfBaseRate);
  });

  test('what is tested has no part in what is learned: one unit of them, and the threshold is the same', () => {
    const one: Fleet = { ...asked, units: asked.units.slice(3, 4) };
    const again = evaluateHazard(training, one, { ...options, method: 'wiener' });
    expect(again.all.map(({ threshold }) => threshold)).toEqual(all.map(({ threshold }) => threshold));
    expect(again.chosen.method).toBe('wiener');
  });
});

test('what says nothing about wear gives the base rate, not certainty', () => {
  const blind = (seed: number, count: number): Fleet => {
    const fleet = wearingFleet(seed, count);
    // Only the hum, and every unit of the same life would be given away by its age: lives are drawn.
    return {
      columns: ['hum'],
      units: fleet.units.map((unit) => ({ ...unit, values: unit.values.filter((_, i) => i % 3 === 2) })),
    };
  };
  const { chosen } = evaluateHazard(blind(5, 12), blind(6, 10), options);
  expect(chosen.brier).toBeLessThan(1.05 * chosen.brierOfBaseRate);
  expect(chosen.calibrationError).toBeLessThan(0.15);
});

test('values that are missing cost little: a tenth of the cells, and one sensor that was never there', () => {
  const holes = (fleet: Fleet): Fleet => ({
    ...fleet,
    units: fleet.units.map((unit, u) => ({
      ...unit,
      values: unit.values.map((value, i) => ((i * 7 + u) % 10 === 0 || (u === 0 && i % 3 === 0) ? Number.NaN : value)),
    })),
  });
  const { chosen } = evaluateHazard(wearingFleet(1, 12), holes(wearingFleet(2, 6)), options);
  expect(chosen.brier).toBeLessThan(0.5 * chosen.brierOfBaseRate);
});

test('units that still live are learned from and judged as far as anyone knows', () => {
  const fleet = wearingFleet(3, 20);
  const units = fleet.units.map((unit, u) => (u % 4 === 3 ? cutShort(unit, 40) : unit));
  const { chosen } = evaluateHazard({ ...fleet, units }, { ...fleet, units: units.slice(0, 8) }, options);
  expect(chosen.failures).toBe(6);
  expect(chosen.falseAlarms).toBe(0);
  const alive = cutShort(wearingFleet(4, 1).units[0] as Fleet['units'][number], 40);
  // Of the last 15 rows nobody knows; the one from which exactly 15 were lived through is known.
  expect(knownRows([alive], 15).labels).toEqual(new Uint8Array(25));
  expect([failsWithin(alive, 24, 15), failsWithin(alive, 25, 15)]).toEqual([false, undefined]);
});

test.each([1, 3])('of %i failed units nobody can learn a hazard: first passage answers, at one half', (count) => {
  const { chosen, folds } = evaluateHazard(wearingFleet(1, count), wearingFleet(2, 6), options);
  expect({ method: chosen.method, threshold: chosen.threshold, folds }).toEqual({ method: 'wiener', threshold: 0.5, folds: 0 });
  expect(chosen.auc).toBeGreaterThan(0.8);
  expect(chosen.brierInTraining).toBeUndefined();
});

test('a unit of one row is no reason to fail', () => {
  const fleet = wearingFleet(7, 10);
  const short = { ...cutShort(fleet.units[0] as Fleet['units'][number], 1), failed: true };
  const { chosen } = evaluateHazard(
    { ...fleet, units: [...fleet.units, short] },
    { ...fleet, units: [short, ...wearingFleet(8, 3).units] },
    options,
  );
  expect(chosen.failures).toBe(4);
  expect(Number.isFinite(chosen.brier)).toBe(true);
});

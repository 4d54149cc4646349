/** From a predicted performance to late jobs. */
import { describe, expect, test } from 'vitest';
import { deviationOf, lateWork } from '../../../src/domain/performance/late-work.ts';
import type { Performance } from '../../../src/domain/performance/predict-performance.ts';

const band = (expected: number, factor = 2) => ({ expected, low: expected / factor, high: expected * factor });
const performance = (more: Partial<Performance> = {}): Performance => ({
  executionUs: band(1_000),
  latencyUs: band(2_000),
  jobsPerS: band(100),
  basis: 'kind',
  samples: 0,
  error: 0.3,
  ...more,
});
const demand = { deadlineUs: 10_000, jobsPerS: 100, horizonS: 30, deviation: 0.5 };

describe('late jobs of a place', () => {
  test('none where the response is far within the deadline; half of all where it is at the deadline', () => {
    expect(lateWork(performance(), demand)).toBeLessThan(2);
    expect(lateWork(performance({ latencyUs: band(10_000) }), demand)).toBeCloseTo(1_500, 6);
  });

  test('jobs that are not done at all are lost, and only the others can be late', () => {
    expect(lateWork(performance({ jobsPerS: band(40) }), { ...demand, deadlineUs: 0 })).toBeCloseTo(30 * 60, 9);
    expect(lateWork(performance({ jobsPerS: band(40), latencyUs: band(10_000) }), demand)).toBeCloseTo(30 * (60 + 20), 6);
  });

  test('the model’s error about a place counts neither for it nor against it', () => {
    const sure = performance({ latencyUs: band(8_000, 1.1) });
    const unsure = performance({ latencyUs: band(8_000, 4) });
    expect(lateWork(unsure, demand)).toBe(lateWork(sure, demand));
  });

  test('nothing is said of a task that was never measured', () => {
    expect(lateWork(performance({ basis: 'resource' }), demand)).toBeUndefined();
    expect(lateWork(performance({ basis: 'nothing' }), demand)).toBeUndefined();
  });

  test('without any spread a response is late or it is not', () => {
    expect(deviationOf(band(8_000, 1))).toBe(0);
    const late = (us: number) => lateWork(performance({ latencyUs: band(us) }), { ...demand, deviation: 0 });
    expect([late(9_999), late(10_001)]).toEqual([0, 3_000]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { surprise } from '../../src/domain/detection/normal-tail.ts';
import { PhiAccrualDetector } from '../../src/domain/detection/phi-accrual.ts';
import { thresholdsOf } from '../../src/domain/detection/thresholds.ts';

const ANNOUNCED_US = 100_000;

describe('phi accrual against its dumb twin', () => {
  it('has the mean, deviation and φ of a window computed afresh, however often it was updated (D1)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5_000_000 }), { maxLength: 120 }),
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 0, max: 3_000_000 }),
        fc.constantFrom('default', 'safety', 'lossy', 'batch'),
        (intervals, windowSize, silenceUs, ecuClass) => {
          const thresholds = thresholdsOf(ecuClass);
          const detector = new PhiAccrualDetector({ windowSize, capacity: 1 });
          const index = detector.add({ announcedUs: ANNOUNCED_US, thresholds, nowUs: 0 });
          let nowUs = 0;
          for (const interval of intervals) {
            nowUs += interval;
            detector.heartbeat(index, nowUs);
          }

          const clamp = (us: number): number => Math.min(2 ** 21, us - ANNOUNCED_US) + ANNOUNCED_US;
          const window = [75_000, 125_000, ...intervals.map(clamp)].slice(-windowSize);
          const mean = window.reduce((a, b) => a + b, 0) / window.length;
          const variance = window.reduce((a, b) => a + (b - mean) ** 2, 0) / window.length;
          const floorUs = Math.max(thresholds.deviationMinUs, (ANNOUNCED_US * thresholds.deviationMinPpm) / 1e6);
          const deviation = Math.max(floorUs, Math.sqrt(variance));
          const { meanUs, deviationUs } = detector.statistics(index);
          expect(Math.abs(meanUs - mean)).toBeLessThan(1e-3);
          expect(Math.abs(deviationUs - deviation)).toBeLessThan(1e-2);

          const phi = surprise((silenceUs - thresholds.lossesTolerated * mean - mean) / deviation);
          expect(detector.phi(index, nowUs + silenceUs)).toBeCloseTo(phi, 4);
          // D2: the scan says what φ says.
          if (Math.abs(phi - thresholds.phi) > 1e-3) {
            expect(detector.suspects(nowUs + silenceUs, new Uint32Array(1)) === 1).toBe(phi > thresholds.phi);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { BROKER_SUSPICION_DEFAULTS, judgeSuspicions } from '../../src/domain/detection/broker-suspicion.ts';
import { surprise, zOfSurprise } from '../../src/domain/detection/normal-tail.ts';
import { PhiAccrualDetector } from '../../src/domain/detection/phi-accrual.ts';
import { DETECTION_THRESHOLDS, thresholdsOf } from '../../src/domain/detection/thresholds.ts';

const thresholds = thresholdsOf('default');

/** Dumb twin: Simpson's rule over the density scaled by its value at z, so that far tails keep their digits. */
function surpriseByIntegration(z: number): number {
  const width = 40 / Math.max(1, Math.abs(z)) + 12;
  const steps = 400_000;
  const h = width / steps;
  const scaled = (x: number): number => Math.exp(-(x * x - z * z) / 2);
  let sum = scaled(z) + scaled(z + width);
  for (let i = 1; i < steps; i++) sum += scaled(z + i * h) * (i % 2 === 0 ? 2 : 4);
  return -Math.log10((sum * h) / 3 / Math.sqrt(2 * Math.PI)) + (z * z) / 2 / Math.LN10;
}

describe('normal tail', () => {
  it('agrees with integration from the middle to far beyond underflow', () => {
    for (const z of [-6, -3.0001, -3, -2, -0.5, 0, 0.5, 1, 2.999, 3, 3.001, 5.6, 8, 12, 30, 60]) {
      const expected = surpriseByIntegration(z);
      expect(Math.abs(surprise(z) - expected)).toBeLessThan(1e-9 * Math.max(1, expected));
    }
  });

  it('gives the printed values of Q: Q(0) = 1/2, Q(1.2815515655) = 0.1, Q(5.6120012442) = 1e-8', () => {
    expect(surprise(0)).toBeCloseTo(Math.log10(2), 12);
    expect(surprise(1.2815515655446004)).toBeCloseTo(1, 10);
    expect(surprise(5.612001244174789)).toBeCloseTo(8, 9);
  });

  it('is inverted by zOfSurprise', () => {
    for (const level of [0.01, 0.3, 1, 3, 8, 12, 100]) expect(surprise(zOfSurprise(level))).toBeCloseTo(level, 9);
  });
});

describe('phi accrual', () => {
  const ecu = (nowUs: number) => ({ announcedUs: 100_000, thresholds, nowUs });
  const found = new Uint32Array(8);

  it('suspects a silent ECU once, at its due time and not before', () => {
    const detector = new PhiAccrualDetector({ selfPauseUs: 10_000_000 });
    const index = detector.add(ecu(0));
    for (let beat = 1; beat <= 50; beat++) detector.heartbeat(index, beat * 100_000);
    const dueUs = detector.dueUs(index);
    expect(dueUs).toBeGreaterThan(5_000_000 + 200_000);
    expect(detector.suspects(Math.floor(dueUs) - 1, found)).toBe(0);
    expect(detector.suspects(Math.ceil(dueUs), found)).toBe(1);
    expect(found[0]).toBe(index);
    expect(detector.phi(index, dueUs)).toBeCloseTo(8, 6);
    expect(detector.suspects(Math.ceil(dueUs) + 1, found)).toBe(0);
    expect(detector.suspectCount()).toBe(1);
    expect(detector.heartbeat(index, dueUs + 1000)).toBe(true);
    expect(detector.heartbeat(index, dueUs + 101_000)).toBe(false);
    expect(detector.suspectCount()).toBe(0);
  });

  it('waits for a jittery sender longer than for a steady one', () => {
    const detector = new PhiAccrualDetector();
    const [steady, jittery] = [detector.add(ecu(0)), detector.add(ecu(0))];
    for (let beat = 1; beat <= 100; beat++) {
      detector.heartbeat(steady, beat * 100_000);
      detector.heartbeat(jittery, beat * 100_000 + (beat % 2 === 0 ? 40_000 : 0));
    }
    expect(detector.dueUs(jittery)).toBeGreaterThan(detector.dueUs(steady) + 100_000);
    expect(detector.statistics(steady).deviationUs).toBe(10_000);
  });

  it('tolerates lost heartbeats by the class, and keeps the rhythm when told of the loss', () => {
    const detector = new PhiAccrualDetector();
    const [safety, lossy] = [
      detector.add({ announcedUs: 100_000, thresholds: thresholdsOf('safety'), nowUs: 0 }),
      detector.add({ announcedUs: 100_000, thresholds: thresholdsOf('lossy'), nowUs: 0 }),
    ];
    expect(detector.dueUs(lossy) - detector.dueUs(safety)).toBeGreaterThan(400_000);
    for (let beat = 1; beat <= 64; beat++) detector.heartbeat(lossy, beat * 300_000, 2);
    expect(detector.statistics(lossy).meanUs).toBeCloseTo(100_000, 6);
  });

  it('suspects nobody while frozen, gives everybody a whole rhythm after, and keeps earlier suspicions (D3, D4)', () => {
    const detector = new PhiAccrualDetector();
    const [early, late] = [detector.add(ecu(0)), detector.add(ecu(0))];
    for (let beat = 1; beat <= 20; beat++) detector.heartbeat(late, beat * 100_000);
    expect(detector.suspects(1_900_000, found)).toBe(1);
    expect(found[0]).toBe(early);
    detector.freeze();
    expect(detector.suspects(9_000_000, found)).toBe(0);
    expect(detector.phi(late, 9_000_000)).toBe(0);
    detector.learnAnew(10_000_000);
    expect(detector.statistics(late).samples).toBe(2);
    expect(detector.suspects(10_100_000, found)).toBe(0);
    expect(detector.isSuspect(early)).toBe(true);
    expect(detector.suspects(10_300_000, found)).toBe(0);
    expect(detector.suspects(10_400_000, found)).toBe(1);
    expect(found[0]).toBe(late);
    expect(detector.heartbeat(early, 10_400_001)).toBe(true);
  });

  it('does not blame ECUs for its own standstill (D3)', () => {
    const detector = new PhiAccrualDetector({ selfPauseUs: 200_000 });
    const index = detector.add(ecu(0));
    detector.suspects(0, found);
    detector.suspects(50_000, found);
    expect(detector.suspects(5_000_000, found)).toBe(0);
    expect(detector.isSuspect(index)).toBe(false);
    for (let nowUs = 5_010_000; nowUs < 6_000_000; nowUs += 10_000) detector.suspects(nowUs, found);
    expect(detector.isSuspect(index)).toBe(true);
  });

  it('reuses the places of removed ECUs and grows beyond its first capacity', () => {
    const detector = new PhiAccrualDetector({ capacity: 2, windowSize: 4 });
    const indexes = Array.from({ length: 9 }, () => detector.add(ecu(0)));
    expect(new Set(indexes).size).toBe(9);
    detector.heartbeat(8, 90_000);
    detector.remove(3);
    expect(detector.watchedCount()).toBe(8);
    expect(detector.add(ecu(1000))).toBe(3);
    expect(detector.statistics(8).samples).toBe(3);
    expect(() => detector.heartbeat(77, 1)).toThrow();
  });

  it('tells the rest at the next scan when more are suspect than there is room for', () => {
    const detector = new PhiAccrualDetector({ selfPauseUs: 1e9 });
    for (let i = 0; i < 5; i++) detector.add(ecu(0));
    const two = new Uint32Array(2);
    const told: number[] = [];
    for (const expected of [2, 2, 1, 0]) {
      const count = detector.suspects(10_000_000, two);
      expect(count).toBe(expected);
      told.push(...two.subarray(0, count));
    }
    expect(told.sort()).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('thresholds', () => {
  it('falls back to default for an unknown class, also for one named like an object member', () => {
    expect(thresholdsOf('constructor')).toEqual(DETECTION_THRESHOLDS['default']);
    expect(thresholdsOf('lossy', { lossy: { phi: 3 } })).toMatchObject({ phi: 3, lossesTolerated: 4 });
  });
});

describe('broker suspicion', () => {
  const policy = BROKER_SUSPICION_DEFAULTS;
  const burst = (count: number, atUs = 1_000_000) => Array.from({ length: count }, (_, i) => atUs + i * 1000);

  it('blames ECUs while few are silent', () => {
    expect(
      judgeSuspicions({ nowUs: 2e6, suspectedAtUs: burst(2), watchedCount: 3, brokerAnsweredAtUs: undefined }),
    ).toMatchObject({
      kind: 'ecus',
      because: 'few',
    });
    expect(judgeSuspicions({ nowUs: 2e6, suspectedAtUs: burst(49), watchedCount: 100, brokerAnsweredAtUs: 0 }).kind).toBe(
      'ecus',
    );
  });

  it('blames the broker from half the fleet on, holds for a bounded time, and gives way to an answer', () => {
    const picture = { nowUs: 2_000_000, suspectedAtUs: burst(4), watchedCount: 8, brokerAnsweredAtUs: 900_000 };
    expect(judgeSuspicions(picture)).toEqual({
      kind: 'broker',
      simultaneous: 4,
      neededMin: 4,
      holdUntilUs: 1_000_000 + policy.holdUsMax,
    });
    expect(judgeSuspicions({ ...picture, brokerAnsweredAtUs: 1_100_000 })).toMatchObject({ because: 'broker-answers' });
    expect(judgeSuspicions({ ...picture, nowUs: 6_000_000 })).toMatchObject({ because: 'held-long-enough' });
  });

  it('does not add up suspicions that are far apart', () => {
    const suspectedAtUs = [0, 3e6, 6e6, 9e6, 12e6];
    expect(judgeSuspicions({ nowUs: 12e6, suspectedAtUs, watchedCount: 8, brokerAnsweredAtUs: undefined })).toMatchObject({
      simultaneous: 1,
    });
  });
});

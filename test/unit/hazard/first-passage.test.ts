/** First passage: the formulas against throwing dice, the fits against what was drawn. */
import { describe, expect, test } from 'vitest';
import { overheatProbability, type ThermalModel, ThermalTracker, temperaturePath } from '../../../src/domain/hazard/thermal.ts';
import { firstPassage, fitWiener, WienerTracker } from '../../../src/domain/hazard/wiener.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { logNormalCdf, NORMAL_NODES, normalCdf } from '../../../src/domain/statistics/normal.ts';
import { normal } from '../../support/wearing-units.ts';

describe('the normal distribution', () => {
  test('at known places, and far out', () => {
    expect(normalCdf(0)).toBeCloseTo(0.5, 14);
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 12);
    expect(normalCdf(-3.0902323061678132)).toBeCloseTo(0.001, 13);
    expect(logNormalCdf(-40)).toBeCloseTo(-804.608442, 5);
    expect(logNormalCdf(9)).toBeCloseTo(0, 15);
    // Either side of where the series hands over to the continued fraction.
    for (const at of [-3, 3]) expect(logNormalCdf(at - 1e-12)).toBeCloseTo(logNormalCdf(at + 1e-12), 10);
  });

  test('five points are exact for what is a polynomial', () => {
    const mean = (power: number): number => NORMAL_NODES.reduce((sum, { node, weight }) => sum + weight * node ** power, 0);
    for (const [power, value] of [1, 0, 1, 0, 3, 0, 15, 0, 105].entries()) expect(mean(power)).toBeCloseTo(value, 9);
  });
});

describe('a Wiener process', () => {
  test('passes a limit as often as dice say', () => {
    const rng = createRng(1);
    for (const { drift, diffusion, margin, window } of [
      { drift: 0.1, diffusion: 0.5, margin: 3, window: 20 },
      { drift: -0.05, diffusion: 0.8, margin: 4, window: 30 },
    ]) {
      const [runs, steps] = [1000, 400];
      const step = window / steps;
      let passed = 0;
      for (let run = 0; run < runs; run++) {
        let level = 0;
        for (let s = 0; s < steps && level < margin; s++) level += drift * step + diffusion * Math.sqrt(step) * normal(rng);
        if (level >= margin) passed++;
      }
      expect(Math.abs(firstPassage(margin, window, drift, diffusion) - passed / runs)).toBeLessThan(0.05);
    }
  });

  test('at the ends: past the limit, no time, no noise, a huge drift', () => {
    expect(firstPassage(0, 1, 0, 1)).toBe(1);
    expect(firstPassage(1, 0, 5, 1)).toBe(0);
    expect([firstPassage(1, 1, 0.9, 0), firstPassage(1, 1, 1.1, 0)]).toEqual([0, 1]);
    expect(firstPassage(100, 1, 5000, 0.01)).toBeCloseTo(1, 12);
    expect(firstPassage(100, 1, -5000, 0.01)).toBe(0);
  });

  const series = (seed: number, drift: number) => {
    const rng = createRng(seed);
    let level = 0;
    const times = Float64Array.from({ length: 120 }, (_, i) => i);
    const levels = times.map(() => {
      level += drift + 0.1 * normal(rng);
      return level + 0.5 * normal(rng);
    });
    return { times, levels };
  };

  test('is told from the noise of measuring it', () => {
    const prior = fitWiener([0.05, 0.1, 0.15, 0.1, 0.08].map((drift, u) => series(u, drift)));
    expect(prior.driftMean).toBeCloseTo(0.096, 1.5);
    expect(prior.noise).toBeGreaterThan(0.35);
    expect(prior.noise).toBeLessThan(0.7);
    expect(prior.diffusion).toBeLessThan(0.25);
  });

  test('is followed: the drift of the unit and not the fleet, gaps and nonsense do no harm', () => {
    const prior = { driftMean: 0, driftDeviation: 0.2, driftWander: 0, diffusion: 0.1, noise: 0.5 };
    const tracker = new WienerTracker(prior);
    expect(tracker.probability(10, 10)).toBe(0);
    const { times, levels } = series(9, 0.12);
    for (let i = 0; i < 120; i++) {
      tracker.observe(times[i] as number, i % 10 === 3 ? Number.NaN : (levels[i] as number));
      tracker.observe((times[i] as number) - 1, 1e9);
    }
    expect(tracker.drift).toBeCloseTo(0.12, 1.5);
    expect(Math.abs(tracker.level - (levels[119] as number))).toBeLessThan(1.5);
    const near = tracker.probability(tracker.level + 1, 20);
    expect(near).toBeGreaterThan(0.9);
    expect(tracker.probability(tracker.level + 10, 20)).toBeLessThan(0.01);
    // Who does not know the limit well is less sure.
    expect(tracker.probability(tracker.level + 1, 20, 3)).toBeLessThan(near);
  });
});

describe('heat', () => {
  const truth: ThermalModel = { timeConstantS: 30, resistanceKelvinPerWatt: 2.5, ambientC: 25, noiseC: 0.2 };
  const nextC = (temperatureC: number, powerW: number, noise: number): number =>
    temperatureC + (1 / 30) * (25 + 2.5 * powerW - temperatureC) + 0.2 * noise;

  function warmed(seed: number, seconds: number): ThermalTracker {
    const rng = createRng(seed);
    const tracker = new ThermalTracker({ periodS: 1, keeps: 0.9995 });
    let temperatureC = 30;
    let powerW = 5;
    for (let s = 0; s < seconds; s++) {
      if (s % 40 === 0) powerW = 2 + rng.below(20);
      tracker.observe(s, temperatureC, powerW);
      temperatureC = nextC(temperatureC, powerW, normal(rng));
    }
    return tracker;
  }

  test('is learned from temperature and power alone', () => {
    const model = warmed(1, 2000).model();
    expect(model?.timeConstantS).toBeGreaterThan(27);
    expect(model?.timeConstantS).toBeLessThan(33);
    expect(model?.resistanceKelvinPerWatt).toBeCloseTo(2.5, 0.7);
    expect(model?.ambientC).toBeGreaterThan(22);
    expect(model?.ambientC).toBeLessThan(28);
    expect(model?.noiseC).toBeCloseTo(0.2, 1.5);
  });

  test('no answer before anything is known, and none that is no physics', () => {
    expect(warmed(1, 10).model()).toBeUndefined();
    const cools = new ThermalTracker({ periodS: 1, keeps: 1 });
    // The more power the colder: a sensor that lies, or hangs elsewhere.
    let temperatureC = 60;
    for (let s = 0; s < 400; s++) {
      const powerW = (s * 7) % 20;
      cools.observe(s, temperatureC, powerW);
      temperatureC += 0.05 * (60 - temperatureC) - 0.3 * powerW;
    }
    expect(cools.model()).toBeUndefined();
    const stuck = new ThermalTracker({ periodS: 1, keeps: 0.99 });
    for (let s = 0; s < 5000; s++) stuck.observe(s, 50, 10);
    const model = stuck.model();
    expect(model === undefined || Math.abs(model.ambientC + model.resistanceKelvinPerWatt * 10 - 50) < 1).toBe(true);
  });

  test('a gap and a value that is none start anew', () => {
    const tracker = warmed(2, 500);
    const before = tracker.model();
    tracker.observe(500, Number.NaN, 5);
    tracker.observe(501, 400, 5);
    tracker.observe(900, 20, 5);
    expect(tracker.model()).toEqual(before);
    expect(tracker.temperatureC).toBe(20);
  });

  test('a load that is about to begin heats before any thermometer shows it, as often as dice say', () => {
    const powerW = Float64Array.from({ length: 60 }, () => 20);
    for (const limitC of [66, 69, 72]) {
      const rng = createRng(limitC);
      let passed = 0;
      for (let run = 0; run < 2000; run++) {
        let temperatureC = 40;
        for (let s = 0; s < 60; s++) {
          temperatureC = nextC(temperatureC, 20, normal(rng));
          if (temperatureC < limitC) continue;
          passed++;
          break;
        }
      }
      const said = overheatProbability({ model: truth, fromC: 40, limitC, periodS: 1, powerW, powerDeviationW: 0 });
      expect(Math.abs(said - passed / 2000)).toBeLessThan(0.03);
    }
    expect(temperaturePath({ model: truth, fromC: 40, limitC: 90, periodS: 1, powerW, powerDeviationW: 0 })[59]).toBeCloseTo(
      75 - 35 * (29 / 30) ** 60,
      9,
    );
  });

  test('hotter, nearer and less sure are more likely; at the limit it is certain', () => {
    const asked = {
      model: truth,
      fromC: 50,
      limitC: 80,
      periodS: 1,
      powerW: new Float64Array(60).fill(20),
      powerDeviationW: 0,
    };
    const base = overheatProbability(asked);
    expect(base).toBeLessThan(0.01);
    expect(overheatProbability({ ...asked, powerDeviationW: 3 })).toBeGreaterThan(0.1);
    expect(overheatProbability({ ...asked, powerW: new Float64Array(60).fill(30) })).toBeGreaterThan(0.99);
    expect(overheatProbability({ ...asked, fromC: 80 })).toBe(1);
    expect(overheatProbability({ ...asked, powerW: new Float64Array(0) })).toBe(0);
  });
});

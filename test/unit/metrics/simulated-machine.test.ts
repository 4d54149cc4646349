/** The simulated machine against its own differential equation, solved by hand, and its profiles against what they are for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { parseSensorProfile, SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { SimulatedMachine } from '../../../src/domain/metrics/simulated-ecu.ts';

const SECOND_US = 1_000_000;
const PLAIN: SensorProfile = { ...SENSOR_PROFILES.calm, leakage: 0, background: 0, noise: 0, step: 0.001 };
const machine = (profile: SensorProfile, nowUs = 0) => new SimulatedMachine({ profile, rng: createRng(7), nowUs });

/** Seconds until it is beyond its limit, sampled every 100 ms; undefined: not within the time. */
function secondsToLimit(profile: SensorProfile, load: number, withinS: number): number | undefined {
  const hot = machine(profile);
  for (let at = 1; at <= withinS * 10; at++) {
    hot.advance(at * 100_000, load);
    if (hot.isBeyondLimit()) return at / 10;
  }
  return undefined;
}

describe('a simulated machine', () => {
  it('is at rest where it stood', () => {
    const still = machine(SENSOR_PROFILES.calm);
    const before = still.temperatureCelsius;
    still.advance(3_600 * SECOND_US, 0);
    expect(still.temperatureCelsius).toBeCloseTo(before, 6);
  });

  it('warms up as 1 − e^(−t/τ), however often it is looked at', () => {
    const { ambient, resistance, idle, max, tau } = PLAIN;
    const [from, to] = [ambient + resistance * idle, ambient + resistance * max];
    for (const everyUs of [10_000, 100_000, SECOND_US, 10 * SECOND_US]) {
      const warming = machine(PLAIN);
      for (let nowUs = everyUs; nowUs <= 40 * SECOND_US; nowUs += everyUs) warming.advance(nowUs, 1);
      expect(warming.temperatureCelsius).toBeCloseTo(to + (from - to) * Math.exp(-40 / tau), 6);
      expect(warming.read()).toMatchObject({ load: 1, powerWatts: max });
    }
  });

  it('draws more power the hotter it is, and settles a little above', () => {
    const { idle, max, leakage, ambient, resistance } = SENSOR_PROFILES.calm;
    const busy = machine({ ...SENSOR_PROFILES.calm, background: 0 });
    for (let at = 1; at <= 600; at++) busy.advance(at * SECOND_US, 0.5);
    const celsius = busy.temperatureCelsius;
    const watts = (idle + (max - idle) * 0.5) * (1 + leakage * (celsius - 25));
    expect(celsius).toBeCloseTo(ambient + resistance * watts, 3);
  });

  it('runs away where leakage feeds itself, and then says so', () => {
    expect(secondsToLimit({ ...SENSOR_PROFILES.calm, leakage: 0.03 }, 1, 300)).toBeLessThan(300);
  });

  it('is calm where nothing befalls it, even under full load for an hour', () => {
    expect(secondsToLimit(SENSOR_PROFILES.calm, 1, 3_600)).toBeUndefined();
  });

  it('reaches its limit where its cooling fails, sooner with more to do', () => {
    const [half, full] = [0, 0.5].map((load) => secondsToLimit(SENSOR_PROFILES.heating, load, 600));
    expect(half).toBeGreaterThan(20);
    expect(half).toBeLessThan(120);
    expect(full).toBeLessThan(half ?? 0);
  });

  it('ages: at the same load it is hotter after some simulated years', () => {
    const old = machine(SENSOR_PROFILES.ageing);
    const before = old.temperatureCelsius;
    for (let at = 1; at <= 300; at++) old.advance(at * SECOND_US, 0);
    expect(old.temperatureCelsius).toBeGreaterThan(before + 3);
    expect(old.temperatureCelsius).toBeLessThan(SENSOR_PROFILES.ageing.limit + 30);
  });

  it('fills up where something else takes its cores', () => {
    const full = machine(SENSOR_PROFILES.overload);
    full.advance(10 * SECOND_US, 0);
    expect(full.read().load).toBeCloseTo(0.05, 6);
    for (let at = 11; at <= 100; at++) full.advance(at * SECOND_US, 0);
    expect(full.read().load).toBe(1);
  });

  it('has sensors that read in steps, and may stick, lie or go', () => {
    const read = (fault: number) => {
      const faulty = machine({ ...SENSOR_PROFILES.calm, fault, after: 10 });
      const said = Array.from({ length: 60 }, (_, at) => {
        faulty.advance((at + 1) * SECOND_US, at % 2);
        return faulty.read().temperatureCelsius;
      });
      expect(said.slice(0, 9).every((celsius) => Number.isInteger(celsius * 4))).toBe(true);
      return new Set(said.slice(10));
    };
    expect(read(0).size).toBeGreaterThan(5);
    expect(read(1).size).toBe(1);
    expect(read(2)).toEqual(new Set([255]));
    expect(read(3)).toEqual(new Set([Number.NaN]));
  });

  it('stays finite and at or above its surroundings, whatever clock and load it is given', () => {
    const step = fc.tuple(
      fc.oneof(fc.nat({ max: 2_000_000 }), fc.maxSafeNat()),
      fc.oneof(fc.double(), fc.double({ min: 0, max: 1 })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(SENSOR_PROFILES)), fc.array(step, { maxLength: 20 }), (profile, steps) => {
        const any = machine(profile);
        for (const [nowUs, load] of steps) {
          any.advance(nowUs, load);
          expect(any.temperatureCelsius).toBeGreaterThanOrEqual(profile.ambient);
          expect(any.temperatureCelsius).toBeLessThanOrEqual(140);
          const reading = any.read();
          expect(reading.load).toBeGreaterThanOrEqual(0);
          expect(reading.load).toBeLessThanOrEqual(1);
          expect(Number.isFinite(reading.powerWatts)).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('a profile in words', () => {
  it('is one of those there are, with changes', () => {
    expect(parseSensorProfile('calm')).toEqual({ ok: true, value: SENSOR_PROFILES.calm });
    expect(parseSensorProfile('heating, after=3, limit=80.5,ambient=-20')).toEqual({
      ok: true,
      value: { ...SENSOR_PROFILES.heating, after: 3, limit: 80.5, ambient: -20 },
    });
  });

  it.each([
    '',
    'lukewarm',
    'heating,after',
    'heating,after=',
    'heating,colour=3',
    'calm,tau=0',
    'calm,idle=-1',
    'calm,max=1e9',
    'calm,toString=1',
  ])('%s is refused, with a sentence', (text) => {
    const profile = parseSensorProfile(text);
    expect(profile.ok).toBe(false);
    if (!profile.ok) expect(profile.error).toMatch(/"/);
  });
});

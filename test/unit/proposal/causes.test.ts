/** Memory, load and wear as causes, beside heat: seen in time on simulated machines, never on calm ones, and only where a limit is known. */
import { describe, expect, test } from 'vitest';
import { EcuFollower } from '../../../actors/ecu-follower.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { COLUMN } from '../../../src/domain/metrics/kinds.ts';
import { type EcuSample, MetricColumns, QUALITY, type TaskSample } from '../../../src/domain/metrics/sample.ts';
import { limitsOf, SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { SimulatedMachine } from '../../../src/domain/metrics/simulated-ecu.ts';
import type { MetricLimits } from '../../../src/domain/model/ecu.ts';
import { outlookOf } from '../../../src/domain/proposal/outlook.ts';
import { OverloadWatch } from '../../../src/domain/proposal/overload-watch.ts';
import type { Outlook } from '../../../src/domain/proposal/proposal.ts';
import type { Threat } from '../../../src/domain/proposal/threat.ts';
import { foreseenText } from '../../../src/domain/proposal/threat-text.ts';
import { createWearWatch } from '../../../src/domain/proposal/wear-watch.ts';
import { chanceWithoutMove } from '../../../src/domain/proposal/without-move.ts';

const HORIZON_S = 30;

const taskSample = (jobs: number, misses: number, inputsBehind: number): TaskSample => ({
  ...{ task: 't', epoch: 1, jobs, executionUs: 0, executionUsMax: 0, responses: jobs, responseUs: 0, responseUsMax: 0 },
  ...{ misses, fuel: 0, outputs: 0, captures: 0, captureUs: 0, dirtyPages: 0, pages: 0, inputsBehind },
});

interface Watched {
  readonly outlooks: readonly Outlook[];
  readonly diedAtS: number | undefined;
}

/** A simulated machine with such sensors as a manager follows it, until it is beyond its limit: an outlook a second. */
function watch(profile: SensorProfile, seconds: number, limits: MetricLimits = limitsOf(profile)): Watched {
  const machine = new SimulatedMachine({ profile, rng: createRng(3), nowUs: 0 });
  const follower = new EcuFollower({ mac: 'a', limits, horizonS: HORIZON_S });
  const outlooks: Outlook[] = [];
  for (let second = 1; second <= seconds; second++) {
    const atUs = second * 1_000_000;
    machine.advance(atUs, 0.2);
    if (machine.isBeyondLimit()) return { outlooks, diedAtS: second };
    follower.heard(sampleOf(machine, atUs), atUs);
    outlooks.push(follower.outlook());
  }
  return { outlooks, diedAtS: undefined };
}

function sampleOf(machine: SimulatedMachine, atUs: number): EcuSample {
  const { load, temperatureCelsius, powerWatts, memoryUsedBytes, memoryAvailableBytes, wear } = machine.read();
  const columns = new MetricColumns();
  columns.values.set([load, Number.NaN, memoryUsedBytes, memoryAvailableBytes, temperatureCelsius, powerWatts]);
  columns.values[COLUMN.wear] = wear;
  columns.qualities.fill(QUALITY.good);
  const { values, qualities } = columns;
  const jobs = Math.round(atUs / 100_000);
  const common = { mac: 'a', incarnation: 1, sequence: atUs / 1_000_000, atUs, everyUs: 1_000_000 };
  return { ...common, resourceKind: 'cpu', values, qualities, tasks: [taskSample(jobs, 0, 0)] };
}

/** Seconds from when it was first said to be likelier than not until it came. */
function leadS({ outlooks, diedAtS }: Watched, chance: (outlook: Outlook) => number): number {
  const first = outlooks.findIndex((outlook) => chance(outlook) > 0.5);
  return first < 0 || diedAtS === undefined ? Number.NaN : diedAtS - (first + 1);
}

describe('an ECU that will die', () => {
  test('of memory that leaks: foreseen as overload, with the time that is left', () => {
    const seen = watch({ ...SENSOR_PROFILES.calm, after: 20, filling: 0.01 }, 200);
    expect(leadS(seen, ({ failure }) => failure)).toBeGreaterThan(15);
    const last = seen.outlooks.at(-6);
    expect(last?.threats[0]).toMatchObject({ cause: 'overload', level: 'memory', deadly: true, limit: 0.96 });
    expect(last?.failure).toBeGreaterThan(0.95);
    expect(Math.abs((last?.failsInS ?? 0) - 6)).toBeLessThan(4);
  });

  test('of a slow leak, over minutes: not before it is near', () => {
    const seen = watch({ ...SENSOR_PROFILES.calm, after: 20, filling: 0.002 }, 600);
    const lead = leadS(seen, ({ failure }) => failure);
    expect(lead).toBeGreaterThan(10);
    expect(lead).toBeLessThan(60);
  });

  test('of wear: foreseen as ageing by its own drift', () => {
    const seen = watch(SENSOR_PROFILES.ageing, 600);
    const lead = leadS(seen, ({ failure }) => failure);
    expect(lead).toBeGreaterThan(10);
    expect(lead).toBeLessThan(45);
    expect(seen.outlooks.at(-3)?.threats[0]).toMatchObject({ cause: 'ageing', level: 'wear', limit: 1 });
  });
});

test('a load that rises to its limit is an overload that kills nobody', () => {
  const { outlooks, diedAtS } = watch({ ...SENSOR_PROFILES.calm, after: 20, rising: 0.02 }, 80);
  expect(diedAtS).toBeUndefined();
  const full = outlooks.findIndex(({ threats }) => threats.some(({ level, now }) => level === 'load' && now >= 0.95));
  const foreseen = outlooks.findIndex(({ overload }) => overload > 0.5);
  expect(foreseen).toBeGreaterThan(25);
  expect(full - foreseen).toBeGreaterThan(5);
  expect(outlooks.every(({ failure }) => failure < 0.05)).toBe(true);
});

test('twenty calm minutes: nothing is ever likelier than one in ten', () => {
  const { outlooks } = watch(SENSOR_PROFILES.calm, 1200);
  expect(outlooks.filter(({ failure, overload }) => failure > 0.1 || overload > 0.1)).toEqual([]);
});

test('what has no limit foretells nothing, and who does not say how worn it is is not worn', () => {
  const seen = watch({ ...SENSOR_PROFILES.overload, after: 5 }, 56, {});
  expect(seen.outlooks.flatMap(({ threats }) => threats)).toEqual([]);
  const wear = createWearWatch(1, HORIZON_S);
  for (let second = 1; second < 60; second++) wear.observe(second * 1e6, Number.NaN);
  expect(wear.threat()).toBeUndefined();
});

describe('what tasks feel', () => {
  const felt = (load: number, misses: number, backlog: number): readonly Threat[] => {
    const one = new OverloadWatch({ loadLimit: 0.9 }, HORIZON_S);
    for (let second = 1; second <= 60; second++) one.observe({ atUs: second * 1e6, memory: 0.5, load, misses, backlog });
    return one.threats(undefined, 0);
  };
  const chanceOf = (threats: readonly Threat[], level: Threat['level']): number =>
    threats.find((threat) => threat.level === level)?.probability ?? Number.NaN;

  test('counts where the cores are busy, and not where they idle', () => {
    const busy = felt(0.88, 0.4, 20);
    expect(chanceOf(busy, 'misses')).toBeGreaterThan(0.5);
    expect(chanceOf(busy, 'backlog')).toBeGreaterThan(0.5);
    const idle = felt(0.2, 0.4, 20);
    expect(Math.max(chanceOf(idle, 'misses'), chanceOf(idle, 'backlog'))).toBeLessThan(0.1);
    expect(felt(0.2, 0.4, 20).map(({ level }) => level)).toEqual(['load', 'misses', 'backlog']);
  });

  test('what is planned on top of the load is known before it comes', () => {
    const one = new OverloadWatch({ loadLimit: 0.9 }, HORIZON_S);
    for (let second = 1; second <= 60; second++)
      one.observe({ atUs: second * 1e6, memory: 0.5, load: 0.5, misses: 0, backlog: 0 });
    expect(chanceOf(one.threats(undefined, 0), 'load')).toBeLessThan(0.1);
    expect(chanceOf(one.threats([0.9, 0.95, 1], 0.45), 'load')).toBeGreaterThan(0.5);
  });
});

const threat = (more: Partial<Threat>): Threat => ({
  ...{ cause: 'heat', level: 'temperature', deadly: true, probability: 0.5, now: 70, limit: 80 },
  ...{ quantiles: [78, 82, 86], inS: 20 },
  ...more,
});

test('several ways to die add up; lateness is the likeliest of its kind', () => {
  const wear = threat({ cause: 'ageing', level: 'wear', probability: 0.6, inS: 9 });
  const [load, misses] = [0.3, 0.4].map((probability) =>
    threat({ cause: 'overload', level: 'load', deadly: false, probability }),
  );
  const ecu = { mac: 'a', incarnation: 2, horizonS: HORIZON_S };
  const outlook = outlookOf(ecu, [threat({}), wear, load as Threat, misses as Threat], [0.1, 0.2, 0.3]);
  expect(outlook).toMatchObject({ mac: 'a', incarnation: 2, overload: 0.4, failsInS: 9 });
  expect(outlook.failure).toBeCloseTo(0.8, 9);
  expect(outlook.threats.map(({ probability }) => probability)).toEqual([0.6, 0.5, 0.4, 0.3]);
  expect(outlookOf(ecu, [], [0, 0, 0])).toMatchObject({ failure: 0, overload: 0, failsInS: 30, threats: [] });
});

test('in words', () => {
  const memory = threat({ cause: 'overload', level: 'memory', now: 0.712, limit: 0.96 });
  expect(foreseenText({ cause: 'overload', probability: 0.87, horizonS: 30, evidence: [memory, threat({})] })).toBe(
    'be overloaded within 30 s (87 %): memory 71 of 96 %, temperature 70.0 of 80.0 °C',
  );
  expect(foreseenText({ cause: 'failure', probability: 0.5, horizonS: 30, evidence: [] })).toBe('fail within 30 s (50 %)');
});

describe('whether it would have come, had the task stayed', () => {
  const foreseen = threat({ probability: 0.9 });
  test.each([
    ['it calmed down and has less to do: the forecast stands', { level: 71, loadBefore: 0.6, load: 0.4 }, 0.9],
    ['it went as was forecast, and did not get there', { level: 79, loadBefore: 0.6, load: 0.4 }, 0],
    ['it calmed down with as much to do as before', { level: 71, loadBefore: 0.6, load: 0.58 }, 0],
    ['small loads fall by small amounts', { level: 71, loadBefore: 0.05, load: 0.03 }, 0.9],
    ['nothing is known of it any more', { level: Number.NaN, loadBefore: 0.6, load: 0.4 }, 0],
  ])('%s', (_, after, expected) => {
    expect(chanceWithoutMove(foreseen, after)).toBe(expected);
  });
});

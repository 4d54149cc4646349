/** Watching ECUs that heat up and die, and ECUs that do not: how many tasks are proposed in time, and how many for nothing. */
import { describe, expect, test } from 'vitest';
import { createRng, type Rng } from '../../../src/domain/kernel/rng.ts';
import { HeatWatch } from '../../../src/domain/proposal/heat-watch.ts';
import { outlookOf } from '../../../src/domain/proposal/outlook.ts';
import {
  type EcuView,
  NOTHING_REMEMBERED,
  REVIEW_POLICY,
  type ReviewMemory,
  review,
} from '../../../src/domain/proposal/review.ts';
import { FULL_CREDIT } from '../../../src/domain/proposal/score.ts';
import { chanceAbove, type Threat } from '../../../src/domain/proposal/threat.ts';
import { normal } from '../../support/wearing-units.ts';

const LIMIT_C = 95;

/** A part of 30 s time constant; its fan fails at `fanFailsAtS`, after which it gets rid of heat three times as badly. */
function drawEcu(rng: Rng, fanFailsAtS: number) {
  let temperatureC = 55;
  let load = 0.5;
  return (timeS: number) => {
    load = Math.max(0.1, Math.min(0.9, load + 0.05 * (0.5 - load) + 0.02 * normal(rng)));
    const powerW = 4 + 16 * load + 0.2 * normal(rng);
    const resistance = timeS >= fanFailsAtS ? 7.5 : 2.5;
    temperatureC += (1 / 30) * (25 + resistance * powerW - temperatureC) + 0.1 * normal(rng);
    return { timeS, temperatureC: temperatureC + 0.2 * normal(rng), powerW, load };
  };
}

/** Seconds until the limit and until the first proposal about each ECU; undefined: never. */
function watchFleet(seed: number, fans: readonly number[], seconds: number) {
  const rng = createRng(seed);
  const ecus = fans.map((failsAtS, e) => ({
    mac: `e${e}`,
    next: drawEcu(rng.stream(`ecu ${e}`), failsAtS),
    watch: new HeatWatch({ periodS: 1, limitC: LIMIT_C }),
    diedAtS: undefined as number | undefined,
    proposedAtS: undefined as number | undefined,
    deadlineS: undefined as number | undefined,
  }));
  let memory: ReviewMemory = NOTHING_REMEMBERED;
  for (let second = 0; second < seconds; second++) {
    const views = ecus.flatMap((ecu): EcuView[] => {
      if (ecu.diedAtS !== undefined) return [];
      const sensors = ecu.next(second);
      if (sensors.temperatureC >= LIMIT_C) ecu.diedAtS = second;
      ecu.watch.observe(sensors);
      const { load } = sensors;
      const quantiles = [load - 0.1, load, load + 0.1] as const;
      const heat = ecu.watch.threat(30, quantiles);
      const outlook = outlookOf({ mac: ecu.mac, incarnation: 1, horizonS: 30 }, heat === undefined ? [] : [heat], quantiles);
      const task = { task: ecu.mac, epoch: 1, jobsPerS: 100, restoreSilenceS: 0.3, blackoutS: 0.02, moveS: 2, lateShare: 0.3 };
      return [{ outlook, sampledAtUs: second * 1e6, tasks: [task] }];
    });
    const found = review(memory, views, { nowUs: second * 1e6, credit: FULL_CREDIT, policy: REVIEW_POLICY });
    memory = found.memory;
    for (const { task, deadlineUs } of found.proposals) {
      const ecu = ecus.find(({ mac }) => mac === task);
      if (ecu === undefined || ecu.proposedAtS !== undefined) continue;
      [ecu.proposedAtS, ecu.deadlineS] = [second, deadlineUs / 1e6];
    }
  }
  return ecus;
}

test('of ECUs whose fans fail nearly all are proposed to be left some seconds before they die', () => {
  const ecus = watchFleet(1, [...Array.from({ length: 20 }, (_, e) => 200 + 17 * e), ...new Array<number>(6).fill(1e9)], 700);
  const dying = ecus.slice(0, 20);
  expect(dying.filter(({ diedAtS }) => diedAtS === undefined)).toEqual([]);
  const inTime = dying.filter(({ diedAtS, proposedAtS }) => proposedAtS !== undefined && proposedAtS <= (diedAtS ?? 0) - 4);
  expect(inTime.length).toBeGreaterThanOrEqual(19);
  expect(ecus.slice(20).every(({ proposedAtS }) => proposedAtS === undefined)).toBe(true);
});

test('a calm hour of six ECUs: nothing is proposed', () => {
  const ecus = watchFleet(2, new Array<number>(6).fill(1e9), 3600);
  expect(ecus.filter(({ proposedAtS }) => proposedAtS !== undefined)).toEqual([]);
});

describe('one ECU', () => {
  const asked = (watch: HeatWatch, median = 0.4) => watch.threat(30, [median - 0.05, median, median + 0.05]);
  const warm = (limitC: number | undefined): HeatWatch => {
    const next = drawEcu(createRng(3), 1e9);
    const watch = new HeatWatch({ periodS: 1, limitC });
    for (let second = 0; second < 600; second++) watch.observe(next(second));
    return watch;
  };

  test('a load that is only forecast heats before the thermometer shows it', () => {
    const watch = warm(66);
    expect(asked(watch, 0.3)?.probability).toBeLessThan(0.3);
    const loaded = asked(watch, 1.2);
    expect(loaded).toMatchObject({ cause: 'heat', level: 'temperature', deadly: true, limit: 66 });
    expect(loaded?.probability).toBeGreaterThan(0.8);
    expect(loaded?.inS).toBeGreaterThan(3);
    expect(loaded?.inS).toBeLessThan(30);
  });

  test('without a limit or a thermometer there is no heat to speak of', () => {
    expect(asked(warm(undefined), 5)).toBeUndefined();
    const blind = new HeatWatch({ periodS: 1, limitC: 60 });
    expect(asked(blind)).toBeUndefined();
    for (let second = 0; second < 60; second++)
      blind.observe({ timeS: second, temperatureC: Number.NaN, powerW: 5, load: 0.5 });
    expect(asked(blind)).toBeUndefined();
  });

  test('before physics is known a rising temperature is a trend', () => {
    const watch = new HeatWatch({ periodS: 1, limitC: 60 });
    for (let second = 0; second < 12; second++)
      watch.observe({ timeS: second, temperatureC: 40 + 1.2 * second, powerW: Number.NaN, load: 0.5 });
    const threat = asked(watch) as Threat;
    expect(threat.probability).toBeGreaterThan(0.8);
    expect(Math.abs(threat.inS - 6)).toBeLessThan(3);
    const [low, median, high] = threat.quantiles;
    expect(Math.abs(median - (53.2 + 36))).toBeLessThan(10);
    expect([low < median, median < high]).toEqual([true, true]);
  });
});

test('the chance above a limit is what of the quantiles lies above it', () => {
  expect(chanceAbove([0.85, 0.9, 0.95], 0.9)).toBeCloseTo(0.5, 9);
  expect(chanceAbove([0.5, 0.6, 0.8], 0.8)).toBeCloseTo(0.1, 9);
  expect(chanceAbove([0.5, 0.6, 0.8], 0.5)).toBeCloseTo(0.9, 9);
  expect([chanceAbove([1, 1, 1], 0.9), chanceAbove([1, 1, 1], 1)]).toEqual([1, 0]);
});

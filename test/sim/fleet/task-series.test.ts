/**
 * A task whose load comes and goes, and whose own series knows when: where it goes to, and from where it is moved in time, with that series and
 * without (`prediction.task-series` of a policy). Its new ECU has never seen its rhythm.
 */
import { expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES } from '../../../src/domain/metrics/sensor-profile.ts';
import type { MigrationEstimate } from '../../../src/domain/migration/estimate.ts';
import { PREDICTION_POLICY } from '../../../src/domain/proposal/prediction-policy.ts';
import { build, counted, ECU1, ECU2, ECU3, task } from './stage.ts';

vi.setConfig({ testTimeout: 300_000 });

const SECOND = 1_000_000;
/** One core each; the second has something to do besides. */
const ecu = (mac: string, background: number): EcuPlan => ({
  ...{ mac, cores: 1 },
  metrics: { everyUs: SECOND / 2, keptEveryUs: 0, sensors: { ...SENSOR_PROFILES.calm, background } },
});
/** Fifteen seconds of every forty-five it takes six tenths of a core. */
const [CYCLE_S, BUSY_S] = [45, 15];
const EVERY_US = 150_000;
const BURST = (BUSY_S * SECOND) / EVERY_US;
const bursts = task('bursts', {
  ...{ periodUs: 0, wcetUs: 90_000 },
  checkpoint: { intervalUs: 2 * SECOND, quorum: 2 },
  affinity: { preferredEcus: [ECU1] },
});

/** Nine cycles on the first ECU, and twenty seconds of the tenth: it is quiet for another twenty-five. */
async function learned(taskSeries: boolean): Promise<FleetWorld> {
  const fleet = build({
    ecus: [ecu(ECU1, 0.05), ecu(ECU2, 0.5), ecu(ECU3, 0.05)],
    predicts: true,
    policy: { ...PREDICTION_POLICY, taskSeries },
    world: { runtime: { executionUs: { min: 88_000, max: 90_000 } } },
  });
  fleet.start();
  await fleet.elapse(SECOND);
  await fleet.done(fleet.declare(bursts));
  await fleet.until('it runs', () => fleet.runs('bursts'));
  for (let cycle = 1; cycle <= 10; cycle++) {
    fleet.feed({ task: 'bursts', count: cycle * BURST, everyUs: EVERY_US });
    await fleet.elapse((cycle < 10 ? CYCLE_S : 20) * SECOND);
  }
  // Whatever it foresaw, there was no reason to move anything.
  expect([counted(fleet, 'predictor.proposed'), fleet.owner('bursts')]).toEqual([0, ECU1]);
  return fleet;
}

async function estimated(fleet: FleetWorld): Promise<MigrationEstimate> {
  const answer = await fleet.done(fleet.migrate('bursts', { dryRun: true }));
  if (answer.kind !== 'estimate') throw new Error(answer.kind);
  return answer.estimate;
}

const costOf = ({ candidates }: MigrationEstimate, ecuThere: string): number =>
  candidates.find(({ mac }) => mac === ecuThere)?.cost.total ?? Number.NaN;

test('with its series: the ECU that it would overload is dear, and is left before it does', async () => {
  const fleet = await learned(true);
  const estimate = await estimated(fleet);
  expect(estimate.ahead).toMatchObject({ now: 0, horizonS: 30 });
  expect(estimate.ahead?.quantiles[1]).toBeGreaterThan(0.5);
  const loads = new Map(estimate.candidates.map(({ mac, loadAfter }) => [mac, loadAfter ?? Number.NaN]));
  expect(loads.get(ECU2)).toBeGreaterThan(0.95);
  expect(loads.get(ECU3)).toBeLessThan(0.95);
  expect(costOf(estimate, ECU2)).toBeGreaterThan(costOf(estimate, ECU3) + 0.5);
  expect(estimate.chosen?.mac).toBe(ECU3);
  // Somebody sends it there all the same.
  await fleet.done(fleet.migrate('bursts', { target: ECU2 }));
  await fleet.until('it has been there, and has left', () => fleet.owner('bursts') === ECU3, 20 * SECOND);
  const { takenBy = '' } = fleet.truth.placements.get('bursts')?.context ?? {};
  const cause = fleet.truth.migrations.get(takenBy)?.context.cause;
  expect(cause).toMatchObject({ opcode: 'forecast', source: { mac: ECU2 }, proposal: { cause: 'overload' } });
  expect(cause?.reason).toMatch(/load 5\d of 95 %, by its tasks’ own series 1\d\d %/);
  await fleet.settle();
});

test('without: nobody knows, and it is there when the load comes', async () => {
  const fleet = await learned(false);
  const estimate = await estimated(fleet);
  expect([estimate.ahead, estimate.candidates.map(({ loadAfter }) => loadAfter)]).toEqual([undefined, [undefined, undefined]]);
  expect(costOf(estimate, ECU2)).toBeLessThan(costOf(estimate, ECU3) + 0.5);
  await fleet.done(fleet.migrate('bursts', { target: ECU2 }));
  await fleet.elapse(22 * SECOND);
  expect([counted(fleet, 'predictor.proposed'), fleet.owner('bursts')]).toEqual([0, ECU2]);
  await fleet.settle();
});

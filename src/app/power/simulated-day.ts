/**
 * A day of a fleet in the simulated world, played twice from one seed: with sleep and without. Drover's own managers and bridges play it, with
 * every judge of the world; what each ECU took is what its simulated machine took (`simulated-ecu.ts`), not what anybody estimates. A third of the
 * tasks run all day. The others are there for part of it: declared and removed, as the drives of a day begin and end.
 *
 * To play it within minutes, the drives of a day are squeezed into fewer hours, hosts beat once a second and machines are sampled every ten.
 */

import { SIM_EPOCH_US } from '../../../infra/sim/clock.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { SENSOR_PROFILES } from '../../domain/metrics/sensor-profile.ts';
import type { EcuPower } from '../../domain/model/ecu.ts';
import { FleetWorld, macOf } from '../simulation/fleet-world.ts';

export interface DayOptions {
  readonly hours: number;
  readonly ecus: number;
  readonly tasks: number;
  readonly seed: number;
}

export interface HalfDay {
  readonly joules: number;
  readonly asleepShare: number;
  readonly sleeps: number;
  /** Migrations that were begun. */
  readonly moves: number;
  readonly misses: number;
}

export interface DayReport extends DayOptions {
  readonly withSleep: HalfDay;
  readonly without: HalfDay;
  readonly savedShare: number;
}

const HOUR_US = 3_600_000_000;
const SENSORS = SENSOR_PROFILES.calm;
const POWER: EcuPower = {
  idleWatts: SENSORS.idle,
  busyWatts: SENSORS.max,
  sleep: [{ name: 'suspend', watts: 0.4, wakeUs: 1_500_000, wakeJoules: 12 }],
};
const CHOICE = { afterUs: 60_000_000, restUs: 300_000_000 };
const SAMPLE_US = 10_000_000;
const BEAT_US = 1_000_000;
const PERIOD_US = 5_000_000;
/** Of a core: so much that a few fill an ECU. */
const WCET_US = 900_000;
const STEP_US = 60_000_000;

interface Drive {
  readonly name: string;
  readonly fromUs: number;
  readonly toUs: number;
}

/** The first third all day; the others from some time in its first two thirds on, for a sixth to a half of it. */
function drivesOf({ hours, tasks, seed }: DayOptions): Drive[] {
  const rng = createRng(seed, 'day');
  const dayUs = hours * HOUR_US;
  return Array.from({ length: tasks }, (_, at) => {
    const name = `task${at + 1}`;
    if (at < tasks / 3) return { name, fromUs: 0, toUs: dayUs };
    const fromUs = Math.round(dayUs * (rng.unit() * 0.6));
    return { name, fromUs, toUs: Math.round(fromUs + dayUs * (1 / 6 + rng.unit() / 3)) };
  });
}

/** `tell`: so many hours of twice as many are played. */
export async function compareDays(options: DayOptions, tell: (hours: number) => void = () => {}): Promise<DayReport> {
  const without = await playDay(options, false, tell);
  const withSleep = await playDay(options, true, (hours) => tell(options.hours + hours));
  return { ...options, withSleep, without, savedShare: 1 - withSleep.joules / without.joules };
}

async function playDay(options: DayOptions, sleeps: boolean, tell: (hours: number) => void): Promise<HalfDay> {
  const macs = Array.from({ length: options.ecus }, (_, at) => macOf(at + 1));
  const metrics = { everyUs: SAMPLE_US, keptEveryUs: 0, sensors: SENSORS };
  const fleet = new FleetWorld({
    seed: options.seed,
    ecus: macs.map((mac) => ({ mac, cores: 1, power: POWER, heartbeatUs: BEAT_US, metrics })),
    managers: [{ name: 'm1' }, { name: 'm2' }],
    ...(sleeps ? { power: CHOICE } : {}),
  });
  fleet.start();
  await fleet.elapse(BEAT_US);
  const drives = drivesOf(options);
  const dayUs = options.hours * HOUR_US;
  const beganUs = fleet.world.scheduler.nowUs();
  for (let nowUs = 0; nowUs < dayUs; nowUs = fleet.world.scheduler.nowUs() - beganUs) {
    for (const { name, fromUs, toUs } of drives) {
      const isWanted = fromUs <= nowUs && nowUs < toUs;
      if (isWanted && !fleet.wanted.has(name)) await fleet.done(fleet.declare(draftOf(name)), STEP_US);
      else if (!isWanted && fleet.wanted.has(name)) await fleet.done(fleet.remove(name), STEP_US);
    }
    await fleet.elapse(Math.min(STEP_US, Math.max(1, dayUs - nowUs)));
    const hours = Math.floor((nowUs + STEP_US) / HOUR_US);
    if (Math.floor(nowUs / HOUR_US) < hours) tell(hours);
  }
  const result = measured(fleet);
  // What is judged at rest is of tasks that stay; all that was promised on the way was judged at every step.
  await fleet.until('every task that is wanted runs', () => [...fleet.wanted].every((name) => fleet.runs(name)), STEP_US);
  return { ...result, asleepShare: result.asleepUs / (dayUs * macs.length) };
}

const draftOf = (name: string) => ({
  ...{ name, periodUs: PERIOD_US, wcetUs: WCET_US, deadlineUs: PERIOD_US },
  checkpoint: { intervalUs: 60_000_000, quorum: 2, standbys: 0 },
});

function measured(fleet: FleetWorld): Omit<HalfDay, 'asleepShare'> & { readonly asleepUs: number } {
  let [joules, misses, asleepUs, sleeps] = [0, 0, 0, 0];
  for (const { machine, bridge } of fleet.ecus.values()) {
    joules += machine?.joules ?? 0;
    for (const { instance } of bridge?.running().all() ?? []) misses += instance.totals.misses;
  }
  // What is judged by the records is in their clock: the streams'.
  const wallUs = SIM_EPOCH_US + fleet.world.scheduler.nowUs();
  for (const { state, context } of fleet.truth.power.values()) {
    const lasts = state === 'asleep';
    asleepUs += context.asleepUs + (lasts ? Math.max(0, wallUs - context.sinceUs) : 0);
    sleeps += context.sleeps + (lasts ? 1 : 0);
  }
  return { joules, misses, asleepUs, sleeps, moves: fleet.truth.migrations.size };
}

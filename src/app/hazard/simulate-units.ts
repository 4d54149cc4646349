/**
 * Simulated machines (`domain/metrics/simulated-ecu.ts`: thermal RC, ageing, overload) that run until they are beyond a limit, as a table of
 * units: what a twin of rare situations can be tried on where nobody has a hundred failed parts. No two are alike: surroundings, load, the
 * moment at which the trouble begins and how fast it grows are drawn.
 */
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import type { SensorProfile } from '../../domain/metrics/sensor-profile.ts';
import { SimulatedMachine } from '../../domain/metrics/simulated-ecu.ts';

/** Whoever has not failed by then is alive at its last row. */
const SECONDS_MOST = 1_200;
/** The trouble begins so many seconds after the profile says, at most. */
const LATER_MOST_S = 90;
/** Rates are between 2⁻¹ and 2¹ of the profile's. */
const FACTOR_LOG2 = 1;
const COLUMNS = ['unit', 'second', 'load', 'watts', 'celsius', 'memory', 'wear', 'failed'];

export interface SimulatedUnits {
  readonly csv: string;
  readonly units: number;
  readonly failed: number;
  readonly rows: number;
}

export function simulateUnits(
  profile: SensorProfile,
  { units, seed }: { readonly units: number; readonly seed: number },
): SimulatedUnits {
  const lines = [COLUMNS.join(',')];
  let failed = 0;
  for (let u = 1; u <= units; u++) {
    const { rows, hasFailed } = simulateUnit(profile, createRng(seed, `unit ${u}`));
    if (hasFailed) failed++;
    for (const [i, row] of rows.entries())
      lines.push(`${u},${i + 1},${row.join(',')},${hasFailed && i === rows.length - 1 ? 1 : 0}`);
  }
  return { csv: `${lines.join('\n')}\n`, units, failed, rows: lines.length - 1 };
}

function simulateUnit(profile: SensorProfile, rng: Rng): { readonly rows: readonly string[][]; readonly hasFailed: boolean } {
  const factor = (): number => 2 ** (FACTOR_LOG2 * (2 * rng.unit() - 1));
  const own: SensorProfile = {
    ...profile,
    ambient: profile.ambient + 10 * (rng.unit() - 0.5),
    resistance: profile.resistance * (0.9 + 0.2 * rng.unit()),
    background: profile.background * (0.8 + 0.4 * rng.unit()),
    after: profile.after + LATER_MOST_S * rng.unit(),
    ...{ cooling: profile.cooling * factor(), rising: profile.rising * factor(), filling: profile.filling * factor() },
    wear: profile.wear * factor(),
  };
  const machine = new SimulatedMachine({ profile: own, rng: rng.stream('sensors'), nowUs: 0 });
  const rows: string[][] = [];
  // Its tasks come and go: a level that is drawn anew now and then.
  let taskLoad = 0.3 * rng.unit();
  for (let second = 1; second <= SECONDS_MOST; second++) {
    if (rng.unit() < 0.05) taskLoad = 0.3 * rng.unit();
    machine.advance(second * 1_000_000, taskLoad);
    const { load, powerWatts, temperatureCelsius, memoryUsedBytes, memoryAvailableBytes, wear } = machine.read();
    const memory = memoryUsedBytes / (memoryUsedBytes + memoryAvailableBytes);
    const told = [load, powerWatts, temperatureCelsius, memory, wear];
    rows.push(told.map((value) => (Number.isFinite(value) ? String(Number(value.toFixed(4))) : '')));
    if (machine.isBeyondLimit()) return { rows, hasFailed: true };
  }
  return { rows, hasFailed: false };
}

/**
 * What sleeping has saved, by the records of the ECUs and by what their descriptions say they take. Against the same fleet with everything
 * awake: tasks cost the same wherever they run (where ECUs differ in watts for load, that difference is left out), so what is compared is an ECU's
 * idling with its sleeping, falling asleep and waking included.
 */
import type { Mac } from '../../domain/model/ids.ts';
import type { PowerState } from '../../domain/power/power-view.ts';
import type { FleetView } from '../../domain/protocol/messages.ts';

export interface EcuPowerReport {
  readonly mac: Mac;
  readonly name: string;
  /** Undefined: it cannot sleep, or nobody manages that. */
  readonly state: PowerState | undefined;
  readonly reason: string | undefined;
  readonly managedS: number;
  readonly asleepS: number;
  readonly sleeps: number;
  /** Idling all the time that it was managed. */
  readonly idleJoules: number;
  readonly savedJoules: number;
}

export interface PowerReport {
  readonly ecus: readonly EcuPowerReport[];
  readonly asleep: number;
  readonly idleJoules: number;
  readonly savedJoules: number;
  /** Of the idling; 0 where there was none. */
  readonly savedShare: number;
}

export function powerReport({ ecus }: Pick<FleetView, 'ecus'>, nowUs: number): PowerReport {
  const reports = ecus.map((ecu) => reportOf(ecu, nowUs));
  const sum = (of: (report: EcuPowerReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  const [idleJoules, savedJoules] = [sum((report) => report.idleJoules), sum((report) => report.savedJoules)];
  const asleep = reports.filter(({ state }) => state === 'asleep').length;
  return { ecus: reports, asleep, idleJoules, savedJoules, savedShare: idleJoules > 0 ? savedJoules / idleJoules : 0 };
}

function reportOf({ mac, name, power, description }: FleetView['ecus'][number], nowUs: number): EcuPowerReport {
  const nothing = { managedS: 0, asleepS: 0, sleeps: 0, idleJoules: 0, savedJoules: 0 };
  if (power === undefined || description?.power === undefined)
    return { mac, name, state: undefined, reason: undefined, ...nothing };
  const { state, reason, sleep, sinceUs, managedSinceUs } = power;
  const lastsS = state === 'asleep' ? Math.max(0, nowUs - sinceUs) / 1e6 : 0;
  const asleepS = power.asleepUs / 1e6 + lastsS;
  const tookJoules =
    power.sleptJoules + power.wakeJoules + (lastsS > 0 ? lastsS * (sleep?.watts ?? 0) + (sleep?.wakeJoules ?? 0) : 0);
  const managedS = managedSinceUs > 0 ? Math.max(0, nowUs - managedSinceUs) / 1e6 : 0;
  const { idleWatts } = description.power;
  return {
    ...{ mac, name, state, reason, managedS, asleepS },
    sleeps: power.sleeps + (state === 'asleep' ? 1 : 0),
    idleJoules: idleWatts * managedS,
    savedJoules: idleWatts * asleepS - tookJoules,
  };
}

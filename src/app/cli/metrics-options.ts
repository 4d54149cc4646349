/** Options of everything that starts ECUs: how often they say how they are, and by which sensors. */
import { type Command, InvalidArgumentError } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { parseSensorProfile, SENSOR_PROFILES, type SensorProfile } from '../../domain/metrics/sensor-profile.ts';
import type { MetricLimits } from '../../domain/model/ecu.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { type EcuConfig, METRICS_EVERY_US, METRICS_KEPT_EVERY_US } from '../compose/process-config.ts';
import { collect, durationUs, wholeNumber } from './numbers.ts';

export interface MetricsFlags {
  /** µs; 0: off. */
  readonly metricsEvery?: number;
  readonly metricsKeptEvery?: number;
  readonly sensor: readonly string[];
  readonly simulatedSensors: readonly SimulatedChoice[];
  readonly temperatureLimit?: number;
  /** Percent. */
  readonly memoryLimit?: number;
  readonly loadLimit?: number;
  readonly wearLimit?: number;
}

/** Of one ECU, or of all that are not named. */
interface SimulatedChoice {
  readonly ecu: string | undefined;
  readonly profile: SensorProfile;
}

const EVERY_US = { min: 10_000, max: 60_000_000, words: '10ms to 60s' };
const KEPT_US = { min: 100_000, max: 3_600_000_000, words: '100ms to 1h' };

const orOff =
  ({ min, max, words }: typeof EVERY_US) =>
  (text: string): number => {
    if (text === 'off') return 0;
    try {
      return durationUs(min, max)(text);
    } catch {
      throw new InvalidArgumentError(`Give a time with its unit, ${words}, or off.`);
    }
  };

export const withMetricsOptions = (command: Command): Command =>
  command
    .option(
      '--metrics-every <time>',
      `between two samples of its metrics, ${EVERY_US.words}, or off (default ${METRICS_EVERY_US / 1000}ms)`,
      orOff(EVERY_US),
    )
    .option(
      '--metrics-kept-every <time>',
      `between two that the stream METRICS keeps, or off (default ${METRICS_KEPT_EVERY_US / 1_000_000}s)`,
      orOff(KEPT_US),
    )
    .option('--sensor <file>', 'a sensor file: a tool of a vendor whose output is measurements; may be repeated', collect, [])
    .option(
      '--simulated-sensors <profile>',
      `a machine that is not there: ${Object.keys(SENSOR_PROFILES).join(', ')}, with changes, e.g. heating,after=20; for one ECU alone ecu1:heating; may be repeated`,
      simulatedSensors,
      [],
    )
    .option(
      '--temperature-limit <celsius>',
      'at which temperature the machine switches itself off: tasks leave before (default: of the simulated sensors)',
      wholeNumber(30, 150),
    )
    .option(
      '--memory-limit <percent>',
      'of its memory in use at which its processes are killed: tasks leave before (default: as above)',
      wholeNumber(1, 100),
    )
    .option(
      '--load-limit <percent>',
      'of its load above which its tasks are late: they leave before (default: as above)',
      wholeNumber(1, 100),
    )
    .option(
      '--wear-limit <percent>',
      'of its wear, where it says so, at which it is used up (default: as above)',
      wholeNumber(1, 1000),
    );

function simulatedSensors(text: string, before: readonly SimulatedChoice[]): SimulatedChoice[] {
  const [, ecu, words = text] = /^([^,=]+):(.*)$/.exec(text) ?? [];
  const profile = parseSensorProfile(words);
  if (profile.ok) return [...before, { ecu: ecu?.trim(), profile: profile.value }];
  throw new InvalidArgumentError(`${profile.error}.`);
}

interface NamedEcu {
  readonly mac: Mac;
  readonly name?: string;
}

const isOf = ({ ecu }: SimulatedChoice, { mac, name }: NamedEcu): boolean =>
  ecu !== undefined && (ecu === name || ecu.replaceAll(':', '').toLowerCase() === mac);

/** Fails where sensors are meant for an ECU that is not among them. */
export function checkNamedEcus({ simulatedSensors: choices }: MetricsFlags, ecus: readonly NamedEcu[]): void {
  const stranger = choices.find((choice) => choice.ecu !== undefined && !ecus.some((ecu) => isOf(choice, ecu)));
  if (stranger === undefined) return;
  const names = ecus.map(({ mac, name }) => name ?? mac).join(', ');
  throw new DroverError('ERR_NO_ECU', `--simulated-sensors ${stranger.ecu}:…: there is no such ECU; there are ${names}`);
}

/** The last word counts, and a word for one ECU before one for all. */
const sensorsOf = (choices: readonly SimulatedChoice[], ecu: NamedEcu): SensorProfile | undefined =>
  (choices.findLast((choice) => isOf(choice, ecu)) ?? choices.findLast((choice) => choice.ecu === undefined))?.profile;

function limitsOf({ temperatureLimit, memoryLimit, loadLimit, wearLimit }: MetricsFlags): MetricLimits | undefined {
  const limits: MetricLimits = {
    ...(temperatureLimit === undefined ? {} : { temperatureLimit }),
    ...(memoryLimit === undefined ? {} : { memoryLimit: memoryLimit / 100 }),
    ...(loadLimit === undefined ? {} : { loadLimit: loadLimit / 100 }),
    ...(wearLimit === undefined ? {} : { wearLimit: wearLimit / 100 }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}

export async function metricsConfigOf(
  flags: MetricsFlags,
  ecu: NamedEcu,
): Promise<Pick<EcuConfig, 'metricsEveryUs' | 'metricsKeptEveryUs' | 'sensors' | 'simulatedSensors' | 'limits'>> {
  const { metricsEvery, metricsKeptEvery, sensor } = flags;
  const simulated = sensorsOf(flags.simulatedSensors, ecu);
  const limits = limitsOf(flags);
  const { loadSensorFile } = await import('../sensor-file.ts');
  return {
    ...(metricsEvery === undefined ? {} : { metricsEveryUs: metricsEvery }),
    ...(metricsKeptEvery === undefined ? {} : { metricsKeptEveryUs: metricsKeptEvery }),
    ...(sensor.length === 0 ? {} : { sensors: sensor.map(loadSensorFile) }),
    ...(simulated === undefined ? {} : { simulatedSensors: simulated }),
    ...(limits === undefined ? {} : { limits }),
  };
}

/** Options of everything that starts ECUs: how often they say how they are, and by which sensors. */
import { type Command, InvalidArgumentError } from 'commander';
import { parseSensorProfile, SENSOR_PROFILES, type SensorProfile } from '../../domain/metrics/sensor-profile.ts';
import { type EcuConfig, METRICS_EVERY_US, METRICS_KEPT_EVERY_US } from '../compose/process-config.ts';
import { collect, durationUs, wholeNumber } from './numbers.ts';

export interface MetricsFlags {
  /** µs; 0: off. */
  readonly metricsEvery?: number;
  readonly metricsKeptEvery?: number;
  readonly sensor: readonly string[];
  readonly simulatedSensors?: SensorProfile;
  readonly temperatureLimit?: number;
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
      `a machine that is not there and warms up: ${Object.keys(SENSOR_PROFILES).join(', ')}, with changes, e.g. heating,after=20`,
      sensorProfile,
    )
    .option(
      '--temperature-limit <celsius>',
      'at which temperature the machine switches itself off: tasks leave before (default: of the simulated sensors)',
      wholeNumber(30, 150),
    );

function sensorProfile(text: string): SensorProfile {
  const profile = parseSensorProfile(text);
  if (profile.ok) return profile.value;
  throw new InvalidArgumentError(`${profile.error}.`);
}

export async function metricsConfigOf(
  flags: MetricsFlags,
): Promise<Pick<EcuConfig, 'metricsEveryUs' | 'metricsKeptEveryUs' | 'sensors' | 'simulatedSensors' | 'temperatureLimit'>> {
  const { metricsEvery, metricsKeptEvery, sensor, simulatedSensors, temperatureLimit } = flags;
  const { loadSensorFile } = await import('../sensor-file.ts');
  return {
    ...(metricsEvery === undefined ? {} : { metricsEveryUs: metricsEvery }),
    ...(metricsKeptEvery === undefined ? {} : { metricsKeptEveryUs: metricsKeptEvery }),
    ...(sensor.length === 0 ? {} : { sensors: sensor.map(loadSensorFile) }),
    ...(simulatedSensors === undefined ? {} : { simulatedSensors }),
    ...(temperatureLimit === undefined ? {} : { temperatureLimit }),
  };
}

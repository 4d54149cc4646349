/** Simulated sensors and limits as options: for all ECUs, or for one by its name or MAC, and never for one that is not there. */
import { Command } from 'commander';
import { expect, test } from 'vitest';
import {
  checkNamedEcus,
  type MetricsFlags,
  metricsConfigOf,
  withMetricsOptions,
} from '../../../src/app/cli/metrics-options.ts';
import { SENSOR_PROFILES } from '../../../src/domain/metrics/sensor-profile.ts';

const ECU1 = { mac: '02aa00000001', name: 'ecu1' };
const ECU2 = { mac: '02aa00000002', name: 'ecu2' };
const given = (...words: string[]): MetricsFlags => {
  const command = withMetricsOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  return command
    .parse(
      words.flatMap((word) => ['--simulated-sensors', word]),
      { from: 'user' },
    )
    .opts();
};

test('a word for one ECU counts before one for all, the last one most', async () => {
  const flags = given('calm', 'ecu1:overload', 'ecu1: heating,after=3', '02:AA:00:00:00:02:ageing');
  expect(await metricsConfigOf(flags, ECU1)).toEqual({ simulatedSensors: { ...SENSOR_PROFILES.heating, after: 3 } });
  expect(await metricsConfigOf(flags, ECU2)).toEqual({ simulatedSensors: SENSOR_PROFILES.ageing });
  expect(await metricsConfigOf(flags, { mac: '02aa00000003' })).toEqual({ simulatedSensors: SENSOR_PROFILES.calm });
  expect(await metricsConfigOf(given('ecu1:calm'), ECU2)).toEqual({});
});

test('sensors for an ECU that is not there, and profiles that are none, are refused with what there is', () => {
  expect(() => checkNamedEcus(given('ecu7:calm'), [ECU1, ECU2])).toThrow(/ecu7.*no such ECU; there are ecu1, ecu2/);
  expect(() => checkNamedEcus(given('calm', 'ecu2:heating'), [ECU1, ECU2])).not.toThrow();
  expect(() => given('ecu1:lukewarm')).toThrow(/"lukewarm" is no profile; there are calm/);
});

test('limits are percent of memory, load and wear', async () => {
  const command = withMetricsOptions(new Command());
  const words = ['--temperature-limit', '90', '--memory-limit', '95', '--load-limit', '80', '--wear-limit', '120'];
  const flags: MetricsFlags = command.parse(words, { from: 'user' }).opts();
  expect((await metricsConfigOf(flags, ECU1)).limits).toEqual({
    ...{ temperatureLimit: 90, memoryLimit: 0.95, loadLimit: 0.8, wearLimit: 1.2 },
  });
});

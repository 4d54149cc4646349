/**
 * Sensors of a machine that is not there (`src/domain/metrics/simulated-ecu.ts`), warmed by what its tasks really execute. They come last among
 * the sources and stand for the machine's own: several simulated ECUs on one machine would otherwise all show that machine's load.
 */
import type { Rng } from '../../src/domain/kernel/rng.ts';
import { RESOURCE_PROFILES } from '../../src/domain/metrics/resource-kinds.ts';
import type { SensorProfile } from '../../src/domain/metrics/sensor-profile.ts';
import { SimulatedMachine } from '../../src/domain/metrics/simulated-ecu.ts';
import type { SleepState } from '../../src/domain/model/ecu.ts';
import type { ResourceKind } from '../../src/domain/model/task.ts';
import type { MetricsSource } from '../../src/ports/metrics-source.ts';

export function createSimulatedSensors(options: {
  readonly profile: SensorProfile;
  readonly resourceKind: ResourceKind;
  readonly rng: Rng;
  readonly nowUs: number;
  /** How it sleeps just now; absent: it never does. */
  readonly asleep?: () => SleepState | undefined;
}): MetricsSource & { readonly machine: SimulatedMachine } {
  const machine = new SimulatedMachine(options);
  const { load, power, temperature } = RESOURCE_PROFILES[options.resourceKind];
  return {
    machine,
    name: 'simulated',
    metrics: [load, power, temperature, 'memory.used', 'memory.available', 'wear'],
    read: (into, nowUs) => {
      const taskLoad = into.get('tasks.load');
      machine.advance(nowUs, Number.isNaN(taskLoad) ? 0 : taskLoad, options.asleep?.());
      const reading = machine.read();
      into.set(load, reading.load);
      into.set(power, reading.powerWatts);
      into.set(temperature, reading.temperatureCelsius);
      into.set('memory.used', reading.memoryUsedBytes);
      into.set('memory.available', reading.memoryAvailableBytes);
      into.set('wear', reading.wear);
    },
    close: () => {},
  };
}

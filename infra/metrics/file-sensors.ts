/**
 * Sensors that the kernel shows as files under `/sys`: temperatures (thermal zones, hardware monitors), power (RAPL counters of energy, power
 * meters), and what amdgpu says of a GPU.
 *
 * Such a file may take tens of milliseconds (a chip behind a slow bus answers), or hang. So they are read by Node's threads, one after the
 * other, from files that stay open; a sample takes what was read last. A sensor that hangs keeps one thread and its successors, and
 * they grow old and absent; nothing else notices.
 */
import { close, type NoParamCallback, openSync, readdirSync, read as readFile, readFileSync } from 'node:fs';
import type { Metric } from '../../src/domain/metrics/kinds.ts';
import type { MetricsSource } from '../../src/ports/metrics-source.ts';

/** Heat does not change faster than anybody could act. */
const EVERY_US = 250_000;
const STALE_US = 3_000_000;
const TEXT_BYTES = 64;

type Combine = 'max' | 'sum';

interface FileSensor {
  readonly metric: Metric;
  readonly file: number;
  readonly combine: Combine;
  /** From the number in the file to the metric's unit; undefined: nothing yet. */
  readonly convert: (value: number, atUs: number) => number | undefined;
  value: number;
  atUs: number;
}

export interface FileSensorsOptions {
  /** Replaces `/` in tests. */
  readonly root?: string;
  readonly monotonicUs: () => number;
}

export function createFileSensors(options: FileSensorsOptions): MetricsSource {
  const { monotonicUs, root = '' } = options;
  const sensors = [...thermalZones(root), ...hardwareMonitors(root), ...energyCounters(root)];
  const buffer = Buffer.alloc(TEXT_BYTES);
  let startedUs = Number.NEGATIVE_INFINITY;
  let reading = false;
  let closed = false;
  const done: NoParamCallback = () => {};

  const next = (at: number): void => {
    const sensor = closed ? undefined : sensors[at];
    if (sensor === undefined) {
      reading = false;
      if (closed) for (const { file } of sensors) close(file, done);
      return;
    }
    readFile(sensor.file, buffer, 0, TEXT_BYTES, 0, (error, length) => {
      // One that is asleep or not there for us does not count; the others do.
      const number = error === null ? Number.parseFloat(buffer.toString('latin1', 0, length)) : Number.NaN;
      const atUs = monotonicUs();
      const value = Number.isNaN(number) ? undefined : sensor.convert(number, atUs);
      if (value !== undefined) Object.assign(sensor, { value, atUs });
      next(at + 1);
    });
  };

  return {
    name: 'sysfs',
    metrics: [...new Set(sensors.map(({ metric }) => metric))],
    read: (into, nowUs) => {
      if (!reading && sensors.length > 0 && nowUs - startedUs >= EVERY_US) {
        reading = true;
        startedUs = nowUs;
        next(0);
      }
      for (const { metric, combine, value, atUs } of sensors) {
        if (Number.isNaN(value) || nowUs - atUs > STALE_US) continue;
        const other = into.get(metric);
        into.set(metric, Number.isNaN(other) ? value : combine === 'sum' ? other + value : Math.max(other, value));
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      if (!reading) next(0);
    },
  };
}

const scaled = (factor: number) => (value: number) => value * factor;
const celsius = scaled(1e-3);
const watts = scaled(1e-6);
/** Some drivers say this for a sensor that is not connected. */
const plausibleCelsius = (value: number): number | undefined =>
  value > -60_000 && value < 200_000 ? celsius(value) : undefined;

function thermalZones(root: string): FileSensor[] {
  const folder = `${root}/sys/class/thermal`;
  return list(folder)
    .filter((name) => name.startsWith('thermal_zone'))
    .flatMap((name) => sensorAt(`${folder}/${name}/temp`, 'temperature', 'max', plausibleCelsius));
}

function hardwareMonitors(root: string): FileSensor[] {
  const folder = `${root}/sys/class/hwmon`;
  const withRapl = list(`${root}/sys/class/powercap`).length > 0;
  return list(folder).flatMap((monitor) => {
    const path = `${folder}/${monitor}`;
    const isGpu = textOf(`${path}/name`) === 'amdgpu';
    const found = list(path).flatMap((file) => {
      if (/^temp\d+_input$/.test(file))
        return sensorAt(`${path}/${file}`, isGpu ? 'gpu.temperature' : 'temperature', 'max', plausibleCelsius);
      // Where the processors count their energy, a meter beside would count some of it twice.
      if (/^power\d+_(input|average)$/.test(file) && (isGpu || !withRapl))
        return sensorAt(`${path}/${file}`, isGpu ? 'gpu.power' : 'power', 'sum', watts);
      return [];
    });
    return isGpu ? [...found, ...amdGpu(`${path}/device`)] : found;
  });
}

function amdGpu(device: string): FileSensor[] {
  const total = Number(textOf(`${device}/mem_info_vram_total`));
  const memory = Number.isFinite(total) && total > 0;
  return [
    ...sensorAt(`${device}/gpu_busy_percent`, 'gpu.load', 'max', scaled(0.01)),
    ...(memory
      ? [
          ...sensorAt(`${device}/mem_info_vram_used`, 'gpu.memoryUsed', 'sum', scaled(1)),
          ...sensorAt(`${device}/mem_info_vram_used`, 'gpu.memoryAvailable', 'sum', (used) => Math.max(0, total - used)),
        ]
      : []),
  ];
}

/** RAPL: µJ that only grow, until they begin again at `max_energy_range_uj`. Packages alone: their parts are within them. */
function energyCounters(root: string): FileSensor[] {
  const folder = `${root}/sys/class/powercap`;
  return list(folder)
    .filter((name) => /^[a-z-]*rapl:\d+$/.test(name))
    .flatMap((name) => {
      const range = Number(textOf(`${folder}/${name}/max_energy_range_uj`));
      let before: { readonly energy: number; readonly atUs: number } | undefined;
      return sensorAt(`${folder}/${name}/energy_uj`, 'power', 'sum', (energy, atUs) => {
        const last = before;
        before = { energy, atUs };
        if (last === undefined || atUs <= last.atUs) return undefined;
        const used = energy - last.energy;
        const joules = used >= 0 ? used : Number.isFinite(range) ? used + range : Number.NaN;
        return joules >= 0 ? joules / (atUs - last.atUs) : undefined;
      });
    });
}

/** None where it cannot be opened: RAPL counters are root's on many systems. */
function sensorAt(path: string, metric: Metric, combine: Combine, convert: FileSensor['convert']): FileSensor[] {
  try {
    return [{ metric, file: openSync(path, 'r'), combine, convert, value: Number.NaN, atUs: 0 }];
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // This kernel has no such class of devices.
    return [];
  }
}

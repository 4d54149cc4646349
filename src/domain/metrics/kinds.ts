/**
 * Every metric that an ECU may have: its number on the wire, its unit, what is plausible, and how a sensor that is stuck or lies gives
 * itself away. A sample is columns in the order of this table, so the table only ever grows at its end.
 *
 * K1. `number` is the place in the table, from 1, and the number in `metrics.proto`.
 * K2. A value outside `range` is not a measurement, whoever sent it.
 * K3. `jumpMax` is per second: faster than that no such thing changes (a chip's temperature has a mass behind it).
 * K4. `stuck` names what drives the value. One that has not changed by a bit for so long although its driver swung by a good part of its
 *     range is not being measured any more. Where the driver is calm too, a constant value is just that.
 */
export interface MetricKind {
  readonly number: number;
  readonly name: string;
  readonly unit: 'share' | 'cores' | 'B' | '°C' | 'W' | 'Hz' | 'µs' | '1/s' | 'count';
  readonly what: string;
  readonly range: { readonly min: number; readonly max: number };
  readonly jumpMax?: number;
  readonly stuck?: { readonly driver: string; readonly afterUs: number };
}

const SECOND_US = 1_000_000;
const SHARE = { unit: 'share', range: { min: 0, max: 1 } } as const;
const BYTES = { unit: 'B', range: { min: 0, max: 2 ** 53 - 1 } } as const;
/** A thermal mass answers within seconds; sensors of whole degrees need a little longer to show it. */
const TEMPERATURE = { unit: '°C', range: { min: -60, max: 150 }, jumpMax: 40 } as const;
const POWER = { unit: 'W', range: { min: 0, max: 10_000 } } as const;
const RATE = { unit: '1/s', range: { min: 0, max: 1e15 } } as const;
const heated = (driver: string) => ({ ...TEMPERATURE, stuck: { driver, afterUs: 30 * SECOND_US } }) as const;
const powered = (driver: string) => ({ ...POWER, stuck: { driver, afterUs: 10 * SECOND_US } }) as const;

export const METRICS = [
  { number: 1, name: 'cpu.load', ...SHARE, what: 'busy share of all cores of the machine' },
  { number: 2, name: 'cpu.busiestCore', ...SHARE, what: 'busy share of its busiest core' },
  { number: 3, name: 'memory.used', ...BYTES, what: 'memory that cannot be given to programs without swapping' },
  { number: 4, name: 'memory.available', ...BYTES, what: 'memory that can' },
  { number: 5, name: 'temperature', ...heated('cpu.load'), what: 'the hottest sensor of the machine' },
  { number: 6, name: 'power', ...powered('cpu.load'), what: 'what the machine takes, as far as it is measured' },
  { number: 7, name: 'network.roundTrip', unit: 'µs', range: { min: 0, max: 3.6e9 }, what: 'to the broker and back' },
  { number: 8, name: 'tasks.load', ...SHARE, what: 'share of the cores for tasks that jobs have used' },
  {
    number: 9,
    name: 'bridge.load',
    unit: 'cores',
    range: { min: 0, max: 65_536 },
    what: 'what the bridge’s process took, its tasks included',
  },
  { number: 10, name: 'gpu.load', ...SHARE, what: 'share of the time in which a kernel ran' },
  { number: 11, name: 'gpu.memoryUsed', ...BYTES, what: 'memory of the GPU in use' },
  { number: 12, name: 'gpu.memoryAvailable', ...BYTES, what: 'memory of the GPU that is free' },
  { number: 13, name: 'gpu.temperature', ...heated('gpu.load'), what: 'of the GPU' },
  { number: 14, name: 'gpu.power', ...powered('gpu.load'), what: 'of the GPU' },
  {
    number: 15,
    name: 'gpu.clock',
    unit: 'Hz',
    range: { min: 0, max: 1e11 },
    what: 'of its multiprocessors; falls when it throttles',
  },
  { number: 16, name: 'fpga.load', ...SHARE, what: 'share of the time in which its kernels were busy' },
  { number: 17, name: 'fpga.temperature', ...heated('fpga.load'), what: 'of the FPGA' },
  { number: 18, name: 'fpga.power', ...powered('fpga.load'), what: 'of the FPGA' },
  { number: 19, name: 'fpga.logic', ...SHARE, what: 'share of its logic that is configured' },
  { number: 20, name: 'asic.load', ...SHARE, what: 'share of the time in which it was busy' },
  { number: 21, name: 'asic.temperature', ...heated('asic.load'), what: 'of the ASIC' },
  { number: 22, name: 'asic.power', ...powered('asic.load'), what: 'of the ASIC' },
  { number: 23, name: 'asic.queue', unit: 'count', range: { min: 0, max: 1e12 }, what: 'jobs that wait for it' },
  { number: 24, name: 'cpu.cycles', ...RATE, what: 'cycles of the bridge and its tasks, in user mode' },
  { number: 25, name: 'cpu.instructions', ...RATE, what: 'instructions of the bridge and its tasks, in user mode' },
  {
    number: 26,
    name: 'wear',
    unit: 'share',
    range: { min: 0, max: 10 },
    what: 'of its life that is used up, where the part says so',
  },
] as const satisfies readonly MetricKind[];

export type Metric = (typeof METRICS)[number]['name'];

export const METRIC_COUNT = METRICS.length;

/** The column of each metric in a sample. */
export const COLUMN = Object.fromEntries(METRICS.map(({ name }, at) => [name, at])) as Readonly<Record<Metric, number>>;

export const isMetric = (name: string): name is Metric => Object.hasOwn(COLUMN, name);

export const metricKind = (column: number): MetricKind => METRICS[column] as MetricKind;

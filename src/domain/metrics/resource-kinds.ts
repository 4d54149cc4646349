/**
 * What kinds of compute units there are, and what each is told by: which capabilities a task may ask of every one of that kind, which
 * metrics it must have to be judged at all, and which of them is its load, its heat and its power. A unit of any kind sits in a machine, so
 * the machine's own metrics are there as well.
 */
import type { ResourceKind } from '../model/task.ts';
import { COLUMN, type Metric } from './kinds.ts';
import type { EcuSample } from './sample.ts';

export interface ResourceProfile {
  /** What every unit of this kind offers, besides what its owner says of it. */
  readonly capabilities: readonly string[];
  /** Without these nobody can say how it is: its forecasts are `degraded`. */
  readonly expected: readonly Metric[];
  readonly load: Metric;
  readonly temperature: Metric;
  readonly power: Metric;
  readonly memoryUsed: Metric | undefined;
}

const MACHINE = ['cpu.load', 'memory.available'] as const;

export const RESOURCE_PROFILES: Readonly<Record<ResourceKind, ResourceProfile>> = {
  cpu: {
    capabilities: [],
    expected: MACHINE,
    load: 'cpu.load',
    temperature: 'temperature',
    power: 'power',
    memoryUsed: 'memory.used',
  },
  gpu: {
    capabilities: ['gpu', 'many-threads'],
    expected: [...MACHINE, 'gpu.load', 'gpu.memoryUsed', 'gpu.temperature', 'gpu.power'],
    load: 'gpu.load',
    temperature: 'gpu.temperature',
    power: 'gpu.power',
    memoryUsed: 'gpu.memoryUsed',
  },
  fpga: {
    capabilities: ['fpga', 'reconfigurable'],
    expected: [...MACHINE, 'fpga.load', 'fpga.temperature'],
    load: 'fpga.load',
    temperature: 'fpga.temperature',
    power: 'fpga.power',
    memoryUsed: undefined,
  },
  asic: {
    capabilities: ['asic', 'fixed-function'],
    expected: [...MACHINE, 'asic.load', 'asic.temperature'],
    load: 'asic.load',
    temperature: 'asic.temperature',
    power: 'asic.power',
    memoryUsed: undefined,
  },
};

/** How a unit is, in four numbers; what is absent is undefined. */
export interface ResourceState {
  readonly load: number | undefined;
  readonly temperatureCelsius: number | undefined;
  readonly powerWatts: number | undefined;
  readonly memoryUsedBytes: number | undefined;
  /** Of the machine's own memory: when that is full, its processes are killed. */
  readonly memoryShare: number | undefined;
  /** Share of its life that is used up. */
  readonly wear: number | undefined;
  /** Expected of its kind, and not there: whatever is said of it beyond this is said half blind. */
  readonly missing: readonly Metric[];
}

export function resourceState(sample: EcuSample): ResourceState {
  const profile = RESOURCE_PROFILES[sample.resourceKind];
  const of = (metric: Metric | undefined): number | undefined => {
    const value = metric === undefined ? Number.NaN : (sample.values[COLUMN[metric]] ?? Number.NaN);
    return Number.isNaN(value) ? undefined : value;
  };
  return {
    load: of(profile.load),
    temperatureCelsius: of(profile.temperature),
    powerWatts: of(profile.power),
    memoryUsedBytes: of(profile.memoryUsed),
    memoryShare: shareOf(of('memory.used'), of('memory.available')),
    wear: of('wear'),
    missing: profile.expected.filter((metric) => of(metric) === undefined),
  };
}

const shareOf = (used: number | undefined, available: number | undefined): number | undefined =>
  used === undefined || available === undefined || used + available === 0 ? undefined : used / (used + available);

/** What an ECU of this kind offers: what its owner says, and what goes without saying. */
export const capabilitiesOf = (kind: ResourceKind, said: readonly string[]): readonly string[] => [
  ...new Set([...said, ...RESOURCE_PROFILES[kind].capabilities]),
];

/** A sample for programs and for people: by names instead of columns, without what is absent. */
import { METRICS, type Metric, type MetricKind } from '../../domain/metrics/kinds.ts';
import { resourceState } from '../../domain/metrics/resource-kinds.ts';
import { type EcuSample, QUALITY, type TaskSample } from '../../domain/metrics/sample.ts';

export interface SampleObject {
  readonly mac: string;
  readonly incarnation: number;
  readonly sequence: number;
  readonly atUs: number;
  readonly everyUs: number;
  readonly kind: string;
  /** What is this unit's own load, heat and power, whatever its kind. */
  readonly load?: number;
  readonly temperatureCelsius?: number;
  readonly powerWatts?: number;
  readonly memoryUsedBytes?: number;
  readonly metrics: Readonly<Partial<Record<Metric, number>>>;
  /** Sensors that do not follow what they measure, that said what cannot be, and that such a unit should have. */
  readonly stuck: readonly Metric[];
  readonly refused: readonly Metric[];
  readonly missing: readonly Metric[];
  readonly tasks: readonly TaskSample[];
}

export function sampleObject(sample: EcuSample): SampleObject {
  const { mac, incarnation, sequence, atUs, everyUs, resourceKind, values, qualities, tasks } = sample;
  const { load, temperatureCelsius, powerWatts, memoryUsedBytes, missing } = resourceState(sample);
  const withQuality = (quality: number): Metric[] =>
    METRICS.filter((_, at) => qualities[at] === quality).map(({ name }) => name);
  const measured = METRICS.flatMap(({ name }, at) => (Number.isNaN(values[at]) ? [] : [[name, values[at]] as const]));
  return {
    mac,
    incarnation,
    sequence,
    atUs,
    everyUs,
    kind: resourceKind,
    ...(load === undefined ? {} : { load }),
    ...(temperatureCelsius === undefined ? {} : { temperatureCelsius }),
    ...(powerWatts === undefined ? {} : { powerWatts }),
    ...(memoryUsedBytes === undefined ? {} : { memoryUsedBytes }),
    metrics: Object.fromEntries(measured),
    stuck: withQuality(QUALITY.stuck),
    refused: withQuality(QUALITY.refused),
    missing,
    tasks,
  };
}

/** `35 %`, `51.5 °C`; an absent one is empty. */
export function metricText(value: number | undefined, unit: MetricKind['unit']): string {
  if (value === undefined || Number.isNaN(value)) return '';
  switch (unit) {
    case 'share':
      return `${Math.round(value * 100)} %`;
    case 'B':
      return `${Math.round(value / 1024 ** 2)} MiB`;
    case '°C':
    case 'W':
      return `${value.toFixed(1)} ${unit}`;
    case 'cores':
      return value.toFixed(3);
    default:
      return `${Math.round(value)} ${unit}`;
  }
}

/** What a sensor may say and be believed: J1–J3, K1–K4 and Q1–Q3. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMN, isMetric, METRIC_COUNT, METRICS, type Metric, type MetricKind } from '../../../src/domain/metrics/kinds.ts';
import { capabilitiesOf, RESOURCE_PROFILES, resourceState } from '../../../src/domain/metrics/resource-kinds.ts';
import { type EcuSample, MetricColumns, QUALITY } from '../../../src/domain/metrics/sample.ts';
import { SensorJudge } from '../../../src/domain/metrics/sensor-judge.ts';
import { Metric as WireMetric } from '../../../src/domain/protocol/generated/drover/v1/metrics_pb.ts';

const SECOND_US = 1_000_000;

/** Samples of two columns, one a second; tells the quality of the temperature in each. */
function judged(rows: readonly { readonly temperature: number; readonly load?: number }[], everyUs = SECOND_US): string[] {
  const [judge, columns] = [new SensorJudge(), new MetricColumns()];
  const words = ['absent', 'good', 'stuck', 'refused'];
  return rows.map(({ temperature, load = 0.5 }, at) => {
    columns.clear();
    columns.set('temperature', temperature);
    columns.set('cpu.load', load);
    judge.judge(columns, 7_000_000 + at * everyUs);
    const quality = columns.qualities[COLUMN.temperature] ?? -1;
    const isKept = quality === QUALITY.good || quality === QUALITY.stuck;
    expect(Number.isNaN(columns.get('temperature'))).toBe(!isKept);
    return words[quality] ?? '';
  });
}

describe('the table of metrics', () => {
  it('K1: has its numbers in a row, and the names of the schema', () => {
    expect(METRICS.map(({ number }) => number)).toEqual(METRICS.map((_, at) => at + 1));
    const wire = Object.entries(WireMetric).filter(([, number]) => number !== 0);
    const plain = (name: string): string => name.replaceAll(/[._]/g, '').toLowerCase();
    expect(wire.map(([name, number]) => [plain(name), number])).toEqual(
      METRICS.map(({ name, number }) => [plain(name), number]),
    );
  });

  it('K4: every driver is a metric that comes before what it drives', () => {
    const driven = (METRICS as readonly MetricKind[]).filter(({ stuck }) => stuck !== undefined);
    expect(driven.length).toBeGreaterThan(4);
    for (const { name, stuck } of driven) {
      expect(isMetric(stuck?.driver ?? '')).toBe(true);
      expect(COLUMN[stuck?.driver as Metric]).toBeLessThan(COLUMN[name as Metric]);
    }
  });
});

describe('a sensor', () => {
  it('Q1: that is absent is NaN, and comes back', () => {
    expect(judged([{ temperature: 50 }, { temperature: Number.NaN }, { temperature: 51 }])).toEqual(['good', 'absent', 'good']);
  });

  it('K2: that says what cannot be is refused, infinity too', () => {
    const wrong = [-273.15, 151, 1e9, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect(judged(wrong.map((temperature) => ({ temperature })))).toEqual(wrong.map(() => 'refused'));
  });

  it('J1: a spike is refused, a level that stays is believed when it could have come about', () => {
    const temperatures = [50, 127, 50, 127, 127, 127];
    expect(judged(temperatures.map((temperature) => ({ temperature })))).toEqual([
      ...['good', 'refused', 'good'],
      ...['refused', 'good', 'good'],
    ]);
    const often = [50, ...Array(25).fill(127)].map((temperature) => ({ temperature }));
    expect(judged(often, 100_000)).toEqual(['good', ...Array(19).fill('refused'), ...Array(6).fill('good')]);
  });

  it('J3: after a long silence a jump is no lie', () => {
    expect(judged([{ temperature: 30 }, { temperature: 90 }], 60 * SECOND_US)).toEqual(['good', 'good']);
  });

  it('J2: that stands still while its load swings is stuck, and good with its next change', () => {
    const rows = Array.from({ length: 60 }, (_, at) => ({ temperature: 55, load: at % 20 < 10 ? 0.1 : 0.9 }));
    const said = judged([...rows, { temperature: 55.5, load: 0.9 }]);
    expect(said.slice(0, 30)).toEqual(Array(30).fill('good'));
    expect(said.slice(31, 60)).toEqual(Array(29).fill('stuck'));
    expect(said[60]).toBe('good');
  });

  it('J2: that stands still at a steady load is just that, for however long', () => {
    const rows = Array.from({ length: 500 }, (_, at) => ({ temperature: 55, load: 0.5 + 0.1 * Math.sin(at) }));
    expect(new Set(judged(rows))).toEqual(new Set(['good']));
  });

  it('J3: is not held to what nobody looked at', () => {
    const rows = Array.from({ length: 20 }, (_, at) => ({ temperature: 55, load: at % 2 }));
    expect(new Set(judged(rows, 20 * SECOND_US))).toEqual(new Set(['good']));
  });

  it('whatever it says, at whatever times: a kept value is within its range, the others are NaN', () => {
    const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, 0, -0, 1, 85, 255, -273.15, 1e300));
    const sample = fc.tuple(fc.nat({ max: 30_000_000 }), fc.array(value, { minLength: METRIC_COUNT, maxLength: METRIC_COUNT }));
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 30 }), (samples) => {
        const [judge, columns] = [new SensorJudge(), new MetricColumns()];
        let nowUs = 0;
        for (const [passedUs, values] of samples) {
          nowUs += passedUs;
          columns.values.set(values);
          judge.judge(columns, nowUs);
          METRICS.forEach(({ range }, at) => {
            const kept = columns.values[at] ?? Number.NaN;
            const quality = columns.qualities[at];
            if (quality === QUALITY.good || quality === QUALITY.stuck) {
              expect(kept).toBe(values[at]);
              expect(kept >= range.min && kept <= range.max).toBe(true);
            } else expect(kept).toBeNaN();
          });
        }
      }),
    );
  });
});

describe('a resource', () => {
  const sample = (resourceKind: EcuSample['resourceKind'], values: Partial<Record<Metric, number>>): EcuSample => {
    const columns = new MetricColumns();
    for (const [metric, value] of Object.entries(values)) columns.set(metric as Metric, value);
    const { qualities } = columns;
    return {
      mac: '02aa00000001',
      incarnation: 1,
      sequence: 1,
      atUs: 1,
      everyUs: 1,
      resourceKind,
      values: columns.values,
      qualities,
      tasks: [],
    };
  };

  it('of each kind is told by its own load, heat and power, and by what is missing', () => {
    const values = { 'cpu.load': 0.2, temperature: 40, 'gpu.load': 0.9, 'gpu.temperature': 77, 'gpu.power': 180 } as const;
    expect(resourceState(sample('cpu', values))).toEqual({
      load: 0.2,
      temperatureCelsius: 40,
      powerWatts: undefined,
      memoryUsedBytes: undefined,
      missing: ['memory.available'],
    });
    expect(resourceState(sample('gpu', values))).toMatchObject({
      load: 0.9,
      temperatureCelsius: 77,
      powerWatts: 180,
      missing: ['memory.available', 'gpu.memoryUsed'],
    });
    expect(resourceState(sample('fpga', values)).missing).toEqual(['memory.available', 'fpga.load', 'fpga.temperature']);
  });

  it('offers what its kind offers besides what its owner says, once', () => {
    expect(capabilitiesOf('cpu', ['can0'])).toEqual(['can0']);
    expect(capabilitiesOf('fpga', ['fpga', 'can0'])).toEqual(['fpga', 'can0', 'reconfigurable']);
  });

  it('names only metrics of its own kind or of the machine', () => {
    for (const [kind, { expected, load, power, temperature }] of Object.entries(RESOURCE_PROFILES))
      for (const metric of [...expected, load, power, temperature])
        expect(!metric.includes('.') || ['cpu', 'memory', kind].includes(metric.split('.')[0] ?? '')).toBe(true);
  });
});

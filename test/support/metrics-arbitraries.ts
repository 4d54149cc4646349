/** Generators of samples of metrics. */
import fc from 'fast-check';
import { METRICS, metricKind } from '../../src/domain/metrics/kinds.ts';
import { type EcuSample, QUALITY, type TaskSample } from '../../src/domain/metrics/sample.ts';
import { count, mac, resourceKind, taskName } from './arbitraries.ts';

/** A value that can be for each metric, absent ones, stuck ones, and sensors that lied. */
export const ecuSample = (): fc.Arbitrary<EcuSample> => {
  const column = (at: number) => {
    const { min, max } = metricKind(at).range;
    const value = fc.double({ min, max, noNaN: true }).map((number) => number + 0);
    return fc.oneof(
      fc.constant({ value: Number.NaN, quality: QUALITY.absent as number }),
      fc.constant({ value: Number.NaN, quality: QUALITY.refused as number }),
      fc.record({ value, quality: fc.constantFrom<number>(QUALITY.good, QUALITY.stuck) }),
    );
  };
  const columns = fc.tuple(...METRICS.map((_, at) => column(at)));
  return fc
    .record({
      mac: mac(),
      incarnation: count(),
      sequence: count().map((number) => number || 1),
      atUs: count(),
      everyUs: count().map((us) => us || 1),
      resourceKind: resourceKind(),
      columns,
      tasks: fc.array(taskSample(), { maxLength: 4 }),
    })
    .map(({ columns: drawn, ...sample }) => ({
      ...sample,
      values: Float64Array.from(drawn, ({ value }) => value),
      qualities: Uint8Array.from(drawn, ({ quality }) => quality),
    }));
};

const taskSample = (): fc.Arbitrary<TaskSample> =>
  fc.record({
    task: taskName(),
    epoch: count(),
    jobs: count(),
    executionUs: count(),
    executionUsMax: count(),
    responses: count(),
    responseUs: count(),
    responseUsMax: count(),
    misses: count(),
    fuel: count(),
    outputs: count(),
    captures: count(),
    captureUs: count(),
    dirtyPages: count(),
    pages: count(),
    inputsBehind: count(),
  });

/** Samples of an ECU's metrics (`metrics.proto`): columns on the wire as in memory, without those that are absent. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { METRIC_COUNT, METRICS } from '../metrics/kinds.ts';
import { type EcuSample, QUALITY, type TaskSample } from '../metrics/sample.ts';
import { envelopeCodec } from './codec-envelope.ts';
import { resourceKinds } from './codec-task.ts';
import { finite, listWithin, macText, refuse, safeInteger, taskText, wide } from './field-check.ts';
import type {
  TaskSampleSchema,
  EcuSample as WireEcuSample,
  Metric as WireMetric,
  TaskSample as WireTaskSample,
} from './generated/drover/v1/metrics_pb.ts';
import type { ResourceKind as WireResourceKind } from './generated/drover/v1/task_pb.ts';
import { LIST_MAX } from './limits.ts';

export const { encode: encodeEcuSample, decode: decodeEcuSample } = envelopeCodec<'ecuSample', EcuSample>(
  'ecuSample',
  (sample) => {
    const { values, qualities } = sample;
    const named = {
      metrics: [] as WireMetric[],
      values: [] as number[],
      stuck: [] as WireMetric[],
      refused: [] as WireMetric[],
    };
    for (let at = 0; at < METRIC_COUNT; at++) {
      const quality = qualities[at];
      const number = (at + 1) as WireMetric;
      if (quality === QUALITY.refused) named.refused.push(number);
      else if (quality !== QUALITY.absent) {
        named.metrics.push(number);
        named.values.push(values[at] ?? Number.NaN);
        if (quality === QUALITY.stuck) named.stuck.push(number);
      }
    }
    return {
      mac: sample.mac,
      incarnation: wide(sample.incarnation),
      sequence: wide(sample.sequence),
      atUs: wide(sample.atUs),
      everyUs: wide(sample.everyUs),
      resourceKind: resourceKinds.toWire[sample.resourceKind] as WireResourceKind,
      ...named,
      tasks: sample.tasks.map(writeTask),
    };
  },
  (wire) => ({
    mac: macText(wire.mac, 'sample.mac'),
    incarnation: safeInteger(wire.incarnation, 'sample.incarnation'),
    sequence: safeInteger(wire.sequence, 'sample.sequence', 1),
    atUs: safeInteger(wire.atUs, 'sample.at_us'),
    everyUs: safeInteger(wire.everyUs, 'sample.every_us', 1),
    resourceKind: resourceKinds.word(wire.resourceKind, 'sample.resource_kind'),
    ...readColumns(wire),
    tasks: listWithin(wire.tasks, 'sample.tasks', LIST_MAX).map(readTask),
  }),
);

function readColumns(wire: WireEcuSample): Pick<EcuSample, 'values' | 'qualities'> {
  const values = new Float64Array(METRIC_COUNT).fill(Number.NaN);
  const qualities = new Uint8Array(METRIC_COUNT);
  const { metrics, values: given } = wire;
  if (metrics.length !== given.length)
    refuse(`sample.values has ${given.length} entries for ${metrics.length} of sample.metrics`);
  for (const [index, number] of metrics.entries()) {
    const value = finite(given[index] ?? Number.NaN, 'sample.values');
    const kind = METRICS[number - 1];
    if (kind === undefined) continue;
    const at = number - 1;
    if (qualities[at] !== QUALITY.absent) refuse(`sample.metrics names ${kind.name} twice`);
    // Whatever its bridge makes of it: no reader has to ask again whether a value can be.
    const possible = value >= kind.range.min && value <= kind.range.max;
    qualities[at] = possible ? QUALITY.good : QUALITY.refused;
    if (possible) values[at] = value;
  }
  for (const number of wire.stuck) {
    if (qualities[number - 1] === QUALITY.good) qualities[number - 1] = QUALITY.stuck;
  }
  for (const number of wire.refused) {
    if (qualities[number - 1] === QUALITY.absent) qualities[number - 1] = QUALITY.refused;
  }
  return { values, qualities };
}

const writeTask = (task: TaskSample): MessageInitShape<typeof TaskSampleSchema> => ({
  task: task.task,
  epoch: wide(task.epoch),
  jobs: wide(task.jobs),
  executionUs: wide(task.executionUs),
  executionUsMax: wide(task.executionUsMax),
  responses: wide(task.responses),
  responseUs: wide(task.responseUs),
  responseUsMax: wide(task.responseUsMax),
  misses: wide(task.misses),
  fuel: wide(task.fuel),
  outputs: wide(task.outputs),
  captures: wide(task.captures),
  captureUs: wide(task.captureUs),
  dirtyPages: wide(task.dirtyPages),
  pages: wide(task.pages),
  inputsBehind: wide(task.inputsBehind),
});

const readTask = (wire: WireTaskSample): TaskSample => ({
  task: taskText(wire.task, 'sample.tasks.task'),
  epoch: safeInteger(wire.epoch, 'sample.tasks.epoch'),
  jobs: safeInteger(wire.jobs, 'sample.tasks.jobs'),
  executionUs: safeInteger(wire.executionUs, 'sample.tasks.execution_us'),
  executionUsMax: safeInteger(wire.executionUsMax, 'sample.tasks.execution_us_max'),
  responses: safeInteger(wire.responses, 'sample.tasks.responses'),
  responseUs: safeInteger(wire.responseUs, 'sample.tasks.response_us'),
  responseUsMax: safeInteger(wire.responseUsMax, 'sample.tasks.response_us_max'),
  misses: safeInteger(wire.misses, 'sample.tasks.misses'),
  fuel: safeInteger(wire.fuel, 'sample.tasks.fuel'),
  outputs: safeInteger(wire.outputs, 'sample.tasks.outputs'),
  captures: safeInteger(wire.captures, 'sample.tasks.captures'),
  captureUs: safeInteger(wire.captureUs, 'sample.tasks.capture_us'),
  dirtyPages: safeInteger(wire.dirtyPages, 'sample.tasks.dirty_pages'),
  pages: safeInteger(wire.pages, 'sample.tasks.pages'),
  inputsBehind: safeInteger(wire.inputsBehind, 'sample.tasks.inputs_behind'),
});

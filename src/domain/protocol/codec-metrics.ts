/**
 * Samples of an ECU's metrics (`metrics.proto`): columns on the wire as in memory, without those that are absent.
 *
 * They are written by hand, because an ECU writes one many times a second and may spend next to nothing on it; the generated code writes the
 * same bytes (a property test compares) in ten times the time. It reads them: readers are few, and have a core.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { DroverError } from '../kernel/error-codes.ts';
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
import { LIST_MAX, WIRE_BYTES_MAX } from './limits.ts';
import type { Envelope } from './messages.ts';
import { WireWriter } from './wire-writer.ts';
import { beginEnvelope, ENVELOPE } from './write-envelope.ts';

/** By the generated code: the yardstick of the tests, and the one that reads. */
export const plainEcuSampleCodec = envelopeCodec<'ecuSample', EcuSample>(
  'ecuSample',
  (sample) => {
    const { values, qualities } = sample;
    const wire = {
      metrics: [] as WireMetric[],
      values: [] as number[],
      stuck: [] as WireMetric[],
      refused: [] as WireMetric[],
    };
    for (let at = 0; at < METRIC_COUNT; at++) {
      const quality = qualities[at];
      const number = (at + 1) as WireMetric;
      if (quality === QUALITY.refused) wire.refused.push(number);
      else if (quality !== QUALITY.absent) {
        wire.metrics.push(number);
        wire.values.push(values[at] ?? Number.NaN);
        if (quality === QUALITY.stuck) wire.stuck.push(number);
      }
    }
    return {
      mac: sample.mac,
      incarnation: wide(sample.incarnation),
      sequence: wide(sample.sequence),
      atUs: wide(sample.atUs),
      everyUs: wide(sample.everyUs),
      resourceKind: resourceKinds.toWire[sample.resourceKind] as WireResourceKind,
      ...wire,
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

export const decodeEcuSample = plainEcuSampleCodec.decode;

/** Field number × 8 + wire type. */
const TAG = { ...ENVELOPE, ecuSample: 0x142 } as const;
const SAMPLE = {
  ...{ mac: 0x0a, incarnation: 0x10, sequence: 0x18, atUs: 0x20, everyUs: 0x28, resourceKind: 0x30 },
  ...{ metrics: 0x3a, values: 0x42, stuck: 0x4a, refused: 0x52, tasks: 0x5a },
} as const;
/** In the order of the schema. */
const TASK_COUNTERS = [
  ...['epoch', 'jobs', 'executionUs', 'executionUsMax', 'responses', 'responseUs', 'responseUsMax', 'misses'],
  ...['fuel', 'outputs', 'captures', 'captureUs', 'dirtyPages', 'pages', 'inputsBehind'],
] as readonly Exclude<keyof TaskSample, 'task'>[];
const TASK_NAME = 0x0a;
const FIRST_COUNTER = 0x10;
/** What a sample of a few tasks takes, so that its length need not be moved. */
const SAMPLE_BYTES = 1_000;
const TASK_BYTES = 60;

const writer = new WireWriter();
const named = new Uint8Array(METRIC_COUNT);
const given = new Float64Array(METRIC_COUNT);

/** Throws ERR_WIRE_OVERSIZED when the message would be above `WIRE_BYTES_MAX`. */
export function encodeEcuSample(envelope: Envelope<EcuSample>): Uint8Array {
  const w = writer;
  const { body } = envelope;
  beginEnvelope(w, envelope);
  const start = w.open(TAG.ecuSample, SAMPLE_BYTES);
  w.text(SAMPLE.mac, body.mac);
  w.integer(SAMPLE.incarnation, body.incarnation);
  w.integer(SAMPLE.sequence, body.sequence);
  w.integer(SAMPLE.atUs, body.atUs);
  w.integer(SAMPLE.everyUs, body.everyUs);
  w.integer(SAMPLE.resourceKind, resourceKinds.toWire[body.resourceKind]);
  const count = numbersOf(body, (quality) => quality === QUALITY.good || quality === QUALITY.stuck);
  for (let at = 0; at < count; at++) given[at] = body.values[(named[at] ?? 1) - 1] ?? Number.NaN;
  w.packedSmall(SAMPLE.metrics, named, count);
  w.packedDoubles(SAMPLE.values, given, count);
  w.packedSmall(
    SAMPLE.stuck,
    named,
    numbersOf(body, (quality) => quality === QUALITY.stuck),
  );
  w.packedSmall(
    SAMPLE.refused,
    named,
    numbersOf(body, (quality) => quality === QUALITY.refused),
  );
  for (const task of body.tasks) {
    const begun = w.open(SAMPLE.tasks, TASK_BYTES);
    w.text(TASK_NAME, task.task);
    for (let at = 0; at < TASK_COUNTERS.length; at++)
      w.integer(FIRST_COUNTER + at * 8, task[TASK_COUNTERS[at] as (typeof TASK_COUNTERS)[number]]);
    w.close(begun, TASK_BYTES);
  }
  w.close(start, SAMPLE_BYTES);
  if (w.length() > WIRE_BYTES_MAX) throw new DroverError('ERR_WIRE_OVERSIZED', `a sample has ${w.length()} bytes`);
  return w.finish();
}

/** Writes the numbers of the metrics with such a quality into `named`, and says how many they are. */
function numbersOf({ qualities }: EcuSample, wanted: (quality: number) => boolean): number {
  let count = 0;
  for (let at = 0; at < METRIC_COUNT; at++) if (wanted(qualities[at] ?? 0)) named[count++] = at + 1;
  return count;
}

function readColumns(wire: WireEcuSample): Pick<EcuSample, 'values' | 'qualities'> {
  const values = new Float64Array(METRIC_COUNT).fill(Number.NaN);
  const qualities = new Uint8Array(METRIC_COUNT);
  const { metrics, values: numbers } = wire;
  if (metrics.length !== numbers.length)
    refuse(`sample.values has ${numbers.length} entries for ${metrics.length} of sample.metrics`);
  for (const [index, number] of metrics.entries()) {
    const value = finite(numbers[index] ?? Number.NaN, 'sample.values');
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

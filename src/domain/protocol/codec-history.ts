/** A task's series on their way from one who follows it to the next (`history.proto`). */
import type { TaskHistoryEntry } from '../forecast/task-history.ts';
import { envelopeCodec } from './codec-envelope.ts';
import { listWithin, nameText, refuse, safeInteger, taskText, wide } from './field-check.ts';
import { LIST_MAX, SERIES_PER_QUERY_MAX } from './limits.ts';

export const { encode: encodeTaskHistory, decode: decodeTaskHistory } = envelopeCodec<'taskHistory', TaskHistoryEntry>(
  'taskHistory',
  ({ task, epoch, newestS, series }) => ({
    ...{ task, epoch: wide(epoch), newestS: wide(newestS) },
    series: series.map(({ name, values }) => ({ name, values: [...values] })),
  }),
  (wire) => ({
    task: taskText(wire.task, 'task_history.task'),
    epoch: safeInteger(wire.epoch, 'task_history.epoch'),
    newestS: safeInteger(wire.newestS, 'task_history.newest_s'),
    series: listWithin(wire.series, 'task_history.series', SERIES_PER_QUERY_MAX).map(({ name, values }) => ({
      name: nameText(name, 'task_history.series.name'),
      values: finiteOrMissing(listWithin(values, 'task_history.series.values', LIST_MAX)),
    })),
  }),
);

function finiteOrMissing(values: readonly number[]): Float32Array {
  if (values.some((value) => !Number.isFinite(value) && !Number.isNaN(value)))
    refuse('task_history.series.values has an infinite one');
  return Float32Array.from(values);
}

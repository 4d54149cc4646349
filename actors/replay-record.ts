/**
 * What a record should be, made again from the record before and its event alone: the chart is a pure function, so a journal
 * that was kept by the loop gives the same record again, on whatever host and however much later (DESIGN 2, replayable).
 */

import type { ActorEvent } from '../src/domain/model/events.ts';
import { parseActorKey } from '../src/domain/model/ids.ts';
import type { ActorRecord } from '../src/domain/model/record.ts';
import { type Chart, type ChartRequest, initialStep, persistSnapshot, restoreSnapshot, stepChart } from './chart.ts';
import { DONE, nextRecord, TAKEN_OVER } from './next-record.ts';

/** `previous`: the record before; undefined for the first. Entries that a performer reported done in passing are still in it. */
export function replayRecord(chart: Chart, previous: ActorRecord | undefined, record: ActorRecord): ActorRecord {
  const { actor, chartVersion, writer, writerIncarnation, attempt, atUs } = record;
  const event = JSON.parse(record.event.json) as ActorEvent;
  const begin = previous === undefined ? initialStep(chart, parseActorKey(actor).id) : undefined;
  let requests: readonly ChartRequest[] = begin?.requests ?? [];
  let snapshot = previous?.snapshot ?? '';
  if (event.type !== TAKEN_OVER && event.type !== DONE) {
    const before = begin?.snapshot ?? restoreSnapshot(chart, snapshot);
    const stepped = stepChart(chart, before, event);
    requests = [...requests, ...stepped.requests];
    snapshot = persistSnapshot(chart, stepped.snapshot);
  }
  const step = { actor, previous, event, snapshot, requests, chartVersion, writer, writerIncarnation, attempt, nowUs: atUs };
  return nextRecord({ ...step, done: [] });
}

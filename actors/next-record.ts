/**
 * The record that follows from a record and one step of its chart. Pure; the loop appends what comes out.
 *
 * N1. An outbox entry stays in every later record until its event closes it, or its chart does.
 * N2. A timer carries the revision that armed it; arming an armed id replaces it, so that the older one is stale.
 * N3. `atUs` never decreases; `seen` is bounded and drops the oldest. It holds what came from outside: the loop's own
 *     events are known by the timer or entry they answer, which the record no longer holds once they were taken.
 */
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey, HostId } from '../src/domain/model/ids.ts';
import type { ActorRecord, RecordEffect, RecordTimer } from '../src/domain/model/record.ts';
import { NO_PLANTS, type Plants } from '../src/ports/plants.ts';
import type { ChartRequest } from './chart.ts';

/** Enough that a redelivery within any retry window is recognised; small, because it is part of every record. */
const SEEN_MAX = 48;

/** The loop's own events, besides timers and answers. */
export const TAKEN_OVER = 'drover.takenOver';
export const DONE = 'drover.done';

export interface RecordStep {
  readonly actor: ActorKey;
  readonly previous: ActorRecord | undefined;
  readonly event: ActorEvent;
  /** The persisted snapshot after the step. */
  readonly snapshot: string;
  readonly requests: readonly ChartRequest[];
  readonly chartVersion: number;
  readonly writer: HostId;
  readonly writerIncarnation: number;
  readonly attempt: string;
  readonly nowUs: number;
  /** Entries that were done without an event of their own. */
  readonly done: readonly string[];
}

export function nextRecord(step: RecordStep, plants: Plants = NO_PLANTS): ActorRecord {
  const { actor, previous, event } = step;
  const revision = (previous?.revision ?? 0) + 1;
  const { timers, outbox } = applyRequests(step, revision, plants);
  return {
    actor,
    revision,
    chartVersion: step.chartVersion,
    writer: step.writer,
    writerIncarnation: step.writerIncarnation,
    attempt: step.attempt,
    atUs: recordTime(previous, step.nowUs),
    event: { type: event.type, id: event.id, json: JSON.stringify(event) },
    snapshot: step.snapshot,
    timers,
    outbox,
    seen: isOwn(event) ? (previous?.seen ?? []) : remember(previous?.seen ?? [], event.id),
    trace: event.trace ?? '',
  };
}

export const recordTime = (previous: ActorRecord | undefined, nowUs: number): number => Math.max(previous?.atUs ?? 0, nowUs);

/**
 * What is kept at hand of a record: all that the next one is made of. Its event and the text of its snapshot stand in the store; of
 * a hundred thousand actors they would be half of the memory.
 */
export const withoutTexts = (record: ActorRecord): ActorRecord => ({ ...record, event: NO_EVENT, snapshot: '' });
const NO_EVENT: ActorRecord['event'] = { type: '', id: '', json: '' };

const remember = (seen: readonly string[], id: string): readonly string[] =>
  seen.length < SEEN_MAX ? [...seen, id] : [...seen.slice(seen.length - SEEN_MAX + 1), id];

/** It reports on an outbox entry, or that a timer is due. */
export const isAnswer = (event: ActorEvent): boolean => event.closes !== undefined || typeof event['timer'] === 'string';

const isOwn = (event: ActorEvent): boolean => isAnswer(event) || event.type === DONE || event.type === TAKEN_OVER;

function applyRequests(
  step: RecordStep,
  revision: number,
  plants: Plants,
): { timers: readonly RecordTimer[]; outbox: readonly RecordEffect[] } {
  let timers = step.previous?.timers ?? [];
  let outbox = plants.planted('overwrite-outbox') ? [] : (step.previous?.outbox ?? []);
  // A timer that is due has been, also where its transition stays within the state.
  const due = step.event['timer'];
  if (due !== undefined) timers = timers.filter((timer) => timer.id !== due || timer.armedBy !== step.event['armedBy']);
  const closed = step.event.closes;
  if (closed !== undefined || step.done.length > 0) {
    outbox = outbox.filter((entry) => entry.id !== closed && !step.done.includes(entry.id));
  }
  let opened = 0;
  for (const request of step.requests) {
    switch (request.kind) {
      case 'open': {
        const id = `${step.actor}#${revision}.${opened++}`;
        const entry = { id, key: request.key, effect: JSON.stringify(request.effect), openedBy: revision };
        outbox = [...outbox.filter((other) => other.key !== request.key), entry];
        break;
      }
      case 'close':
        outbox = outbox.filter((entry) => entry.key !== request.key);
        break;
      case 'arm': {
        const { id, eventType, delayUs } = request;
        timers = [...timers.filter((timer) => timer.id !== id), { id, eventType, delayUs, armedBy: revision }];
        break;
      }
      case 'disarm':
        timers = timers.filter((timer) => timer.id !== request.id);
        break;
    }
  }
  return { timers, outbox };
}

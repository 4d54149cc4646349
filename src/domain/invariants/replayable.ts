/**
 * replayable (DESIGN 2): replaying an actor's journal gives the same states, digest for digest.
 *
 * Watches the journal of each actor, record by record as it is written:
 *
 *   P1. Revisions are consecutive, and time never goes back.
 *   P2. A record's snapshot is what the chart makes of the record before and of the event.
 *   P3. Its timers are those that the chart armed, and no entry of its outbox comes from nowhere.
 *   P4. An event from outside is taken once; a timer or an answer only while the record before holds what it answers.
 */
import type { ActorEvent } from '../model/events.ts';
import type { ActorKey } from '../model/ids.ts';
import type { ActorRecord } from '../model/record.ts';
import type { Violation } from './violation.ts';

/** Makes a record again from the one before and its event; undefined where no chart runs the actor. */
export type ReplayRecord = (previous: ActorRecord | undefined, record: ActorRecord) => ActorRecord | undefined;

/** An actor's own events: they have no ids that could come twice. */
const OWN = /^drover\./;

export class Replayable {
  private readonly replay: ReplayRecord;
  private readonly last = new Map<ActorKey, ActorRecord>();

  constructor(replay: ReplayRecord) {
    this.replay = replay;
  }

  record(record: ActorRecord): Violation | undefined {
    const { actor, revision } = record;
    const previous = this.last.get(actor);
    this.last.set(actor, record);
    const wrong = this.unsound(previous, record) ?? this.other(previous, record);
    if (wrong === undefined) return undefined;
    return {
      invariant: 'replayable',
      sentence: `${actor}: revision ${revision} (${record.event.type}) ${wrong}`,
      details: { actor, revision, writer: record.writer, event: record.event.json },
    };
  }

  private unsound(previous: ActorRecord | undefined, record: ActorRecord): string | undefined {
    const { revision, atUs, event } = record;
    if (revision !== (previous?.revision ?? 0) + 1) return `follows ${previous?.revision ?? 0} (P1)`;
    if (atUs < (previous?.atUs ?? 0)) return `is of a time before the record that it follows (P1)`;
    const { closes, ...facts } = JSON.parse(event.json) as ActorEvent;
    const timer = facts['timer'];
    if (closes !== undefined && previous?.outbox.some(({ id }) => id === closes) !== true)
      return `answers ${closes}, which was not open (P4)`;
    if (typeof timer === 'string') {
      const armed = previous?.timers.some(({ id, armedBy }) => id === timer && armedBy === facts['armedBy']) === true;
      return armed ? undefined : `takes the timer ${timer} of revision ${String(facts['armedBy'])}, which was not armed (P4)`;
    }
    if (closes === undefined && !OWN.test(event.type) && previous?.seen.includes(event.id) === true)
      return `takes ${event.id} for the second time (P4)`;
    return undefined;
  }

  private other(previous: ActorRecord | undefined, record: ActorRecord): string | undefined {
    const expected = this.replay(previous, record);
    if (expected === undefined) return 'is of no known chart (P2)';
    if (expected.snapshot !== record.snapshot) return 'has another snapshot than its chart makes (P2)';
    if (JSON.stringify(expected.timers) !== JSON.stringify(record.timers)) return 'has other timers than its chart armed (P3)';
    const known = new Set(expected.outbox.map(({ id }) => id));
    const foreign = record.outbox.find(({ id }) => !known.has(id));
    return foreign === undefined ? undefined : `holds ${foreign.id} (${foreign.key}), which came from nowhere (P3)`;
  }
}

/**
 * Watches every record as the stream takes it, and every performance as it begins, and convicts the loop (DESIGN 3, N1–N3,
 * L1–L3, O1). It sees the world from above: what the quorum has, not what any host believes.
 *
 *   J1. Revisions are consecutive, attempts unique, `atUs` never decreases.
 *   J2. A record is what its chart makes of the record before and of its event: same snapshot, timers and outbox, digest for
 *       digest. Entries may be missing only where a performer has said that they are done.
 *   J3. An event from outside is taken once; a timer or an answer only while the record holds what it answers.
 *   J4. A timer is taken no earlier than its delay after its record was written.
 *   J5. An entry is performed only after a record that holds it was written, and by a host that this record, or a later one,
 *       names as its writer.
 *   J6. one-restore, over every placement's records.
 */
import type { Chart } from '../../actors/chart.ts';
import { DONE, isAnswer, TAKEN_OVER } from '../../actors/next-record.ts';
import { replayRecord } from '../../actors/replay-record.ts';
import type { SimBroker } from '../../infra/sim/broker.ts';
import { OneRestore } from '../../src/domain/invariants/one-restore.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import { type ActorKey, type HostId, parseActorKey } from '../../src/domain/model/ids.ts';
import type { ActorRecord } from '../../src/domain/model/record.ts';
import { decodeRecord } from '../../src/domain/protocol/codec-record.ts';
import type { PlacementContext } from '../../statecharts/placement.machine.ts';

export interface Journal {
  readonly records: ActorRecord[];
  readonly writtenUs: number[];
}

export class LoopJudge {
  readonly journals = new Map<ActorKey, Journal>();
  readonly violations: string[] = [];
  private readonly charts: ReadonlyMap<string, Chart>;
  private readonly oneRestore = new OneRestore();
  private readonly reportedDone = new Set<string>();
  private readonly outside = new Map<ActorKey, Set<string>>();
  private readonly entries = new Map<string, Set<HostId>>();
  private readonly clockToleranceUs: number;

  constructor(broker: SimBroker, charts: readonly Chart[], clockToleranceUs = 0) {
    this.charts = new Map(charts.map((chart) => [chart.kind, chart]));
    this.clockToleranceUs = clockToleranceUs;
    broker.onCommit((message) => {
      if (!message.subject.startsWith('actor.')) return;
      const decoded = decodeRecord(message.payload);
      if (decoded.ok) this.record(decoded.value, broker.scheduler.nowUs());
      else this.violations.push(`${message.subject}: ${decoded.error.sentence}`);
    });
  }

  /** Ids of the events from outside that an actor has taken. */
  taken(actor: ActorKey): ReadonlySet<string> {
    return this.outside.get(actor) ?? new Set();
  }

  last(actor: ActorKey): ActorRecord | undefined {
    return this.journals.get(actor)?.records.at(-1);
  }

  performs(actor: ActorKey, entryId: string, host: HostId): void {
    const writers = this.entries.get(entryId);
    if (writers === undefined) this.convict('J5', actor, `${host} performs ${entryId}, which no record holds`);
    else if (!writers.has(host)) this.convict('J5', actor, `${host} performs ${entryId} but was not its record's writer`);
  }

  saysDone(entryId: string): void {
    this.reportedDone.add(entryId);
  }

  private record(record: ActorRecord, nowUs: number): void {
    const { actor } = record;
    let journal = this.journals.get(actor);
    if (journal === undefined) {
      journal = { records: [], writtenUs: [] };
      this.journals.set(actor, journal);
    }
    const previous = journal.records.at(-1);
    const event = JSON.parse(record.event.json) as ActorEvent;
    if (record.revision !== (previous?.revision ?? 0) + 1)
      this.convict('J1', actor, `revision ${record.revision} follows ${previous?.revision ?? 0}`);
    if (record.atUs < (previous?.atUs ?? 0)) this.convict('J1', actor, `time went back at revision ${record.revision}`);
    if (journal.records.some((other) => other.attempt === record.attempt))
      this.convict('J1', actor, `attempt ${record.attempt} was written twice`);
    this.replay(record, previous, event);
    this.origin(record, previous, event);
    this.early(journal, previous, event, nowUs);
    journal.records.push(record);
    journal.writtenUs.push(nowUs);
    for (const entry of record.outbox) {
      const writers = this.entries.get(entry.id);
      if (writers === undefined) this.entries.set(entry.id, new Set([record.writer]));
      else writers.add(record.writer);
    }
    if (parseActorKey(actor).kind === 'placement') this.placement(record, event);
  }

  private replay(record: ActorRecord, previous: ActorRecord | undefined, event: ActorEvent): void {
    const { actor } = record;
    const chart = this.charts.get(parseActorKey(actor).kind);
    if (chart === undefined) {
      this.convict('J2', actor, 'no chart runs it');
      return;
    }
    const expected = replayRecord(chart, previous, record);
    if (expected.snapshot !== record.snapshot)
      this.convict('J2', actor, `revision ${record.revision} has another snapshot than its chart makes`);
    if (JSON.stringify(expected.timers) !== JSON.stringify(record.timers))
      this.convict('J2', actor, `revision ${record.revision} has other timers than its chart armed`);
    const kept = new Set(record.outbox.map((entry) => entry.id));
    for (const entry of expected.outbox) {
      if (!kept.delete(entry.id) && !this.reportedDone.has(entry.id))
        this.convict('J2', actor, `entry ${entry.id} (${entry.key}) vanished at revision ${record.revision} (${event.type})`);
    }
    for (const id of kept) this.convict('J2', actor, `entry ${id} came from nowhere at revision ${record.revision}`);
  }

  private origin(record: ActorRecord, previous: ActorRecord | undefined, event: ActorEvent): void {
    const { actor } = record;
    if (event.closes !== undefined && !previous?.outbox.some((entry) => entry.id === event.closes))
      this.convict('J3', actor, `took an answer to ${event.closes}, which was not open`);
    if (
      typeof event['timer'] === 'string' &&
      !previous?.timers.some((timer) => timer.id === event['timer'] && timer.armedBy === event['armedBy'])
    ) {
      this.convict('J3', actor, `took timer ${event['timer']} of revision ${String(event['armedBy'])}, which was not armed`);
    }
    if (isAnswer(event) || event.type === TAKEN_OVER || event.type === DONE) return;
    const taken = this.outside.get(actor) ?? new Set();
    if (taken.has(event.id)) this.convict('J3', actor, `took ${event.type} ${event.id} twice`);
    this.outside.set(actor, taken.add(event.id));
  }

  private early(journal: Journal, previous: ActorRecord | undefined, event: ActorEvent, nowUs: number): void {
    const timer = previous?.timers.find((armed) => armed.id === event['timer'] && armed.armedBy === event['armedBy']);
    if (timer === undefined) return;
    const armedUs = journal.writtenUs[journal.records.findIndex((record) => record.revision === timer.armedBy)] ?? 0;
    if (nowUs - armedUs + this.clockToleranceUs < timer.delayUs)
      this.convict(
        'J4',
        previous?.actor ?? '',
        `timer ${timer.id} of ${timer.delayUs} µs was taken after ${nowUs - armedUs} µs`,
      );
  }

  private placement(record: ActorRecord, event: ActorEvent): void {
    const { context } = JSON.parse(record.snapshot) as { context: PlacementContext };
    const took = event.type === 'EPOCH.REQUESTED' && context.takeId === event['takeId'];
    const violation = this.oneRestore.step({
      task: context.task,
      revision: record.revision,
      epoch: context.epoch,
      takenBy: `${context.takenBy ?? ''} ${context.takeId ?? ''}`,
      expectedEpoch: took ? Number(event['expectedEpoch']) : undefined,
      owner: context.owner === undefined ? undefined : `${context.owner.mac}#${context.owner.incarnation}`,
    });
    if (violation !== undefined) this.convict('J6', record.actor, violation.sentence);
  }

  convict(rule: string, actor: ActorKey, sentence: string): void {
    this.violations.push(`${rule} ${actor}: ${sentence}`);
  }
}

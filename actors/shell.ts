/**
 * The one loop. Every statechart actor of drover is run by this file, durably; no chart-specific word stands in it.
 *
 * For each event (DESIGN 3, steps 1–7):
 *   1. receive      `deliver` is called with a decoded event; one step at a time per actor and host
 *   2. load         the record; an event whose id it has seen is acknowledged and dropped
 *   3. transition   the chart, a pure function; an event the present state does not handle is left for redelivery
 *   4. append       the whole next record as one write, compared-and-set on the record's position. Refused, duplicate or
 *                   no answer: read the last record; one's own attempt nonce means it was written, else go to 2
 *   5. acknowledge  only now
 *   6. perform      only now the outbox, and arm the timers; entries stay in the record until an event closes them
 *   7. take over    on restart, and when a writer is gone: load, re-arm, perform all that is open. For another host's
 *                   record that is itself a compare-and-set step
 *
 * L1. Whenever a record names this host as its writer, this host holds it: it performs *all* open entries and arms all
 *     timers, however the record came to be (own append, read-back, an append that landed late, an earlier incarnation).
 * L2. A host holds an actor exactly while the last record it knows names it as the writer.
 * L3. A timer's or an effect's answer is taken only while the record still holds that timer (id, arming revision) or entry.
 * L4. Where hosts share the records out (`record-shares.ts`), another's passes by unopened; what has no more to do here is forgotten.
 */
import type { AnyMachineSnapshot } from 'xstate';
import { assert } from '../src/domain/kernel/assert.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Rng } from '../src/domain/kernel/rng.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import { type ActorKey, type HostId, parseActorKey } from '../src/domain/model/ids.ts';
import type { ActorRecord, RecordEffect, RecordTimer } from '../src/domain/model/record.ts';
import { decodeRecord, encodeRecord } from '../src/domain/protocol/codec-record.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';
import type { Counters } from '../src/ports/counters.ts';
import { FaultPoint, type FaultPoints, NO_FAULT_POINTS } from '../src/ports/fault-points.ts';
import type { Log } from '../src/ports/log.ts';
import { NO_PLANTS, type Plants } from '../src/ports/plants.ts';
import type { RecordAppend, RecordLabel, RecordStore, StoredRecord } from '../src/ports/record-store.ts';
import { type Chart, type ChartRequest, initialStep, persistSnapshot, restoreSnapshot, stepChart } from './chart.ts';
import { type ActorView, type Known, Mailbox } from './mailbox.ts';
import { DONE, isAnswer, nextRecord, recordTime, TAKEN_OVER, withoutTexts } from './next-record.ts';
import { Outbox, type Perform } from './outbox.ts';
import { RecordShares, type Sharing } from './record-shares.ts';
import { DurableTimers } from './timers.ts';

export type { ActorView } from './mailbox.ts';

/** What became of a delivered event. All but `deferred` mean: acknowledge it. */
export type Delivery =
  | 'taken'
  /** Its id is in the record's `seen` set, it answers a timer or entry the record no longer holds, or the actor is at its end. */
  | 'seen'
  /** The present state does not handle it, or the record is of a chart version this host lacks: deliver it again later. */
  | 'deferred'
  /** No state of the chart knows this event. Counted. */
  | 'unknown-event';

export interface ShellParts {
  readonly host: HostId;
  readonly incarnation: number;
  readonly charts: readonly Chart[];
  readonly store: RecordStore;
  readonly perform: Perform;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly counters: Counters;
  readonly faults?: FaultPoints;
  /** For tests of the tests: known bugs, put in by name. */
  readonly plants?: Plants;
  /** Told of every newer record this host learns of, its own and others'. */
  readonly onRecord?: (view: ActorView) => void;
  /** Where the store is shared out among hosts (L4). */
  readonly sharing?: Sharing;
}

/** Writes that were done without an answer are recorded together after this long, or with the actor's next step. */
const DONE_FLUSH_US = 20_000;
const BUSY_RETRY_US = 500;
const TIMER_RETRY_US = 50_000;
const LOADS_AT_ONCE = 16; // of records of a share that is new here
/** A step that loses the race this often in a row is somebody's bug. */
const ATTEMPTS_MAX = 1_000;

export class Shell {
  private readonly parts: ShellParts;
  private readonly faults: FaultPoints;
  private readonly plants: Plants;
  /** Somebody listens at the fault points; otherwise a step does not wait for them. */
  private readonly faulty: boolean;
  /** Somebody listens, or a bug was planted. */
  private readonly watched: boolean;
  private readonly charts: ReadonlyMap<string, Chart>;
  private readonly outbox: Outbox;
  private readonly timers: DurableTimers;
  private readonly boxes = new Map<ActorKey, Mailbox>();
  readonly shares: RecordShares;
  private readonly attemptPrefix: string;
  private attempts = 0;
  private following: Cancel | undefined;
  private stopped = false;

  constructor(parts: ShellParts) {
    this.parts = parts;
    this.faults = parts.faults ?? NO_FAULT_POINTS;
    this.plants = parts.plants ?? NO_PLANTS;
    this.faulty = this.faults !== NO_FAULT_POINTS;
    this.watched = this.faulty || this.plants !== NO_PLANTS;
    this.shares = new RecordShares(parts.host, parts.sharing);
    this.charts = new Map(parts.charts.map((chart) => [chart.kind, chart]));
    this.attemptPrefix = `${parts.host}~${parts.incarnation}~${parts.rng.u32().toString(36)}`;
    this.timers = new DurableTimers(parts.clock, (actor, timer) => void this.timerDue(actor, timer));
    this.outbox = new Outbox({
      clock: parts.clock,
      faults: this.faults,
      log: parts.log,
      perform: parts.perform,
      loop: {
        answered: async (actor, _entry, event) => (await this.deliver(actor, event)) !== 'deferred',
        done: (actor, entry) => this.entryDone(actor, entry),
      },
    });
  }

  /**
   * Step 7 for one's own records: learns of every record, holds those that name this host, and goes on learning of those
   * that others append. Resolves when all that was there has been seen.
   */
  async start(): Promise<void> {
    this.following = await this.parts.store.follow((actor, stored) => this.learn(actor, stored));
  }

  stop(): void {
    this.stopped = true;
    this.following?.();
    this.outbox.stop();
    this.timers.stop();
  }

  /** The last record this host knows of; it may be behind the store's. */
  view(actor: ActorKey): ActorView | undefined {
    return this.boxes.get(actor)?.known;
  }

  *views(): IterableIterator<ActorView> {
    for (const { known } of this.boxes.values()) if (known !== undefined) yield known;
  }

  /** Reads the last record from the store. Fails with ERR_RECORD_CORRUPT where that one cannot be read: nobody may step over it. */
  async refresh(actor: ActorKey): Promise<ActorView | undefined> {
    const stored = await this.parts.store.load(actor);
    if (stored !== undefined) {
      const box = this.findBox(actor);
      if (box !== undefined) box.unwanted = false;
      const damage = this.absorb(box, stored);
      if (damage !== undefined)
        throw new DroverError('ERR_RECORD_CORRUPT', `the last record of ${actor} cannot be read: ${damage}`);
    }
    return this.view(actor);
  }

  /**
   * Steps 1–6. `acknowledge` is called once, exactly when the delivery is no longer the sender's to repeat. One function
   * that waits once, for the store: a promise for each of the steps would cost as much as the steps.
   */
  async deliver(actor: ActorKey, event: ActorEvent, acknowledge?: () => void | Promise<void>): Promise<Delivery> {
    if (this.faulty) await this.faults.reach(FaultPoint.afterReceive);
    const box = this.boxOf(actor);
    box.unwanted = false;
    const turn = box.enter();
    if (turn !== undefined) await turn;
    try {
      this.learnWaiting(box);
      if (this.plants.planted('acknowledge-before-append')) await acknowledge?.();
      // 2. Whoever follows the store has been told of every record. One it has not heard of yet makes the store refuse an
      // append to position 0, and is read then; only an event that this would leave alone is looked up first.
      let looked = box.known !== undefined || this.following === undefined || this.shares.knowsOf(actor);
      if (box.known === undefined && looked) await this.refresh(actor);
      if (this.faulty) await this.faults.reach(FaultPoint.afterLoad);
      let outcome: Delivery | undefined;
      for (let attempt = 0; outcome === undefined; attempt++) {
        if (attempt === ATTEMPTS_MAX) throw lostTooOften(actor);
        const step = this.transition(box, event); // 3
        if (typeof step === 'string') {
          if (!looked && box.known === undefined && (await this.refresh(actor)) !== undefined) continue;
          outcome = step;
          break;
        }
        looked = true;
        if (this.faulty) await this.faults.reach(FaultPoint.afterTransition);
        const draft = this.draft(box, step);
        const answer = await this.send(draft); // 4
        const written =
          answer.kind === 'appended' ? this.written(box, draft, answer.position) : await this.contested(box, draft, answer);
        if (written) outcome = 'taken';
      }
      if (outcome !== 'deferred' && acknowledge !== undefined) {
        if (this.faulty) await this.faults.reach(FaultPoint.beforeAck);
        await acknowledge(); // 5
      }
      if (this.faulty) await this.faults.reach(FaultPoint.afterAck);
      return outcome;
    } finally {
      this.leave(box); // 6
    }
  }

  /** Step 7 for another host's record. False when it is settled, ours already, or of a chart version this host lacks. */
  async takeOver(actor: ActorKey): Promise<boolean> {
    if (this.plants.planted('no-takeover')) return false;
    return this.exclusive(this.boxOf(actor), async (box) => {
      const before = box.known;
      if (before === undefined || this.isMine(before.record) || !this.hasWork(before.record)) return false;
      if (before.record.chartVersion !== before.chart.version) return false;
      if (this.faulty) await this.faults.reach(FaultPoint.beforeTakeover);
      const id = `takeover:${before.record.writer}:${before.record.revision}>${this.parts.host}`;
      const event = { type: TAKEN_OVER, id, from: before.record.writer };
      const written = await this.append(box, { before, event, snapshot: before.snapshot, requests: NO_REQUESTS });
      if (written) this.parts.counters.add('loop.takeovers');
      return written;
    });
  }

  /** Whether a record still wants something from its holder. */
  hasWork(record: ActorRecord): boolean {
    return record.outbox.length > 0 || record.timers.length > 0;
  }

  // ——— records that are shared out (L4) ———

  /** What has become this host's to look after is read. */
  async takeShare(): Promise<void> {
    const next = this.shares.takeGained().values();
    const load = async (): Promise<void> => {
      for (const actor of next) {
        try {
          if (!this.stopped) await this.refresh(actor);
          const box = this.boxes.get(actor);
          if (box !== undefined && !box.busy) this.hold(box);
        } catch (cause) {
          this.parts.log.warn('a record of a new share could not be read; the next one of its actor will be', { actor, cause });
        }
      }
    };
    await Promise.all(Array.from({ length: LOADS_AT_ONCE }, load));
  }

  /** Called now and then: what was nobody's here at the last call and was not asked for since goes. */
  forgetOthers(): void {
    for (const box of this.boxes.values()) {
      const { known, unwanted } = box;
      if (box.busy || known === undefined) continue;
      box.unwanted = !(this.isMine(known.record) && this.hasWork(known.record)) && !this.shares.keeps(known);
      if (!unwanted || !box.unwanted) continue;
      this.boxes.delete(box.actor);
      this.timers.reconcile(box.actor, [], false);
      this.outbox.reconcile(box.actor, NO_ENTRIES);
      this.shares.forget(known);
    }
  }

  // ——— steps 2 to 4 ———

  /** Steps 2 and 3: what the chart makes of the event, or what became of the delivery without a step. */
  private transition(box: Mailbox, event: ActorEvent): Step | Delivery {
    const { chart, known: before } = box;
    if (before !== undefined) {
      if (this.wasSeen(before.record, event) || this.isStale(before.record, event)) return 'seen';
      if (before.record.chartVersion !== chart.version) return this.lacksVersion(box.actor, before.record);
    }
    const begin = before === undefined ? initialStep(chart, parseActorKey(box.actor).id) : undefined;
    const from = before?.snapshot ?? begin?.snapshot;
    assert(from !== undefined, 'an actor has a record or an initial state');
    const timed = { ...event, atUs: recordTime(before?.record, this.parts.clock.wallUs()) };
    const { snapshot, requests, handling } = stepChart(chart, from, timed);
    if (handling !== 'taken') {
      const refusal = this.unhandled(box.actor, event, handling);
      if (refusal !== undefined) return refusal;
    }
    return { before, event: timed, snapshot, requests: begin === undefined ? requests : [...begin.requests, ...requests] };
  }

  /**
   * What becomes of an event that enables no transition. Undefined: the step is recorded all the same. A timer that is due
   * is over even where a guard says no, as in XState; and an answer closes its entry even after the chart's end.
   */
  private unhandled(actor: ActorKey, event: ActorEvent, handling: 'not-now' | 'never' | 'over'): Delivery | undefined {
    switch (handling) {
      case 'not-now':
        if (typeof event['timer'] === 'string') return undefined;
        return this.plants.planted('drop-deferred') ? 'seen' : 'deferred';
      case 'over':
        return isAnswer(event) && !this.plants.planted('forget-answers-at-the-end') ? undefined : 'seen';
      case 'never':
        this.parts.counters.add('loop.unknownEvent');
        this.parts.log.warn('no state of the chart knows this event', { actor, event: event.type });
        return 'unknown-event';
    }
  }

  /** The record that follows, ready to be sent. */
  private draft(box: Mailbox, { before, event, snapshot, requests }: Step): Draft {
    const { actor, chart } = box;
    const { host, incarnation, clock } = this.parts;
    const done = box.done === undefined ? NONE_DONE : [...box.done];
    const record = nextRecord(
      {
        actor,
        previous: before?.record,
        event,
        snapshot: persistSnapshot(chart, snapshot),
        requests,
        chartVersion: chart.version,
        writer: host,
        writerIncarnation: incarnation,
        attempt: `${this.attemptPrefix}.${++this.attempts}`,
        nowUs: clock.wallUs(),
        done,
      },
      this.plants,
    );
    const bytes = encodeRecord(record);
    const label = this.shares.labelOf({ actor, record, snapshot, position: 0 });
    if (this.plants.planted('perform-before-append')) this.outbox.reconcile(actor, record.outbox);
    return { actor, record, snapshot, bytes, label, position: before?.position ?? 0, done };
  }

  /** Step 4. True when our record was written; false when it was not, and another one may be the last. */
  private async append(box: Mailbox, step: Step): Promise<boolean> {
    const draft = this.draft(box, step);
    return this.contested(box, draft, await this.send(draft));
  }

  private send(draft: Draft): Promise<RecordAppend> {
    if (this.watched) return this.sendWatched(draft);
    return this.parts.store.append(draft.actor, draft.position, draft.bytes, draft.label);
  }

  private async sendWatched({ actor, position, bytes, label }: Draft): Promise<RecordAppend> {
    const { store } = this.parts;
    if (this.faulty) await this.faults.reach(FaultPoint.beforeAppend);
    const blind = this.plants.planted('skip-compare-and-set');
    const answer = await store.append(actor, blind ? ((await store.load(actor))?.position ?? 0) : position, bytes, label);
    if (this.faulty) await this.faults.reach(FaultPoint.afterAppend);
    return answer;
  }

  private written(box: Mailbox, { actor, record, snapshot, done }: Draft, position: number): true {
    this.adopt(box, { actor, chart: box.chart, record, position, snapshot, heard: false });
    this.forgetDone(box, done);
    return true;
  }

  /** What a store's answer means, and what follows when it is none: whose record is the last one? */
  private async contested(box: Mailbox, draft: Draft, first: RecordAppend): Promise<boolean> {
    for (let answer = first; ; ) {
      switch (answer.kind) {
        case 'appended':
          return this.written(box, draft, answer.position);
        case 'busy':
          await this.pause(BUSY_RETRY_US);
          answer = await this.send(draft);
          continue;
        case 'refused':
        case 'unknown': {
          this.parts.counters.add(`loop.${answer.kind}`);
          if (answer.kind === 'unknown' && this.plants.planted('trust-lost-answer')) return true;
          const last = await this.refresh(box.actor);
          if (last?.record.attempt !== draft.record.attempt) return false;
          this.forgetDone(box, draft.done);
          return true;
        }
      }
    }
  }

  // ——— what this host knows, and what it holds ———

  /** A record as the store's follower brings it. One that comes during a step of ours waits: mostly it is our own. */
  private learn(actor: ActorKey, stored: StoredRecord): void {
    if (!this.boxes.has(actor) && this.shares.passesBy(actor, stored.label)) return;
    const box = this.findBox(actor);
    if (box === undefined || this.stopped || (box.known?.position ?? 0) >= stored.position) return;
    if (box.busy) {
      if ((box.waiting?.position ?? 0) < stored.position) box.waiting = stored;
      return;
    }
    this.absorb(box, stored);
    this.hold(box);
  }

  private learnWaiting(box: Mailbox): void {
    const { waiting } = box;
    if (waiting === undefined) return;
    box.waiting = undefined;
    this.absorb(box, waiting);
  }

  /** One record that cannot be read stops its own actor and no other. Answers what is wrong with it. */
  private absorb(box: Mailbox | undefined, stored: StoredRecord): string | undefined {
    if (box === undefined || this.stopped) return undefined;
    const { actor, chart, known } = box;
    if (known !== undefined && known.position >= stored.position) return undefined;
    const decoded = decodeRecord(stored.bytes);
    if (!decoded.ok) return this.damaged(actor, decoded.error.sentence);
    const record = decoded.value;
    let snapshot: AnyMachineSnapshot;
    try {
      snapshot = restoreSnapshot(chart, record.snapshot);
    } catch (cause) {
      return this.damaged(
        actor,
        `its snapshot is none of the chart's (${cause instanceof Error ? cause.message : String(cause)})`,
      );
    }
    this.adopt(box, { actor, chart, record, position: stored.position, snapshot, heard: true });
    return undefined;
  }

  private damaged(actor: ActorKey, sentence: string): string {
    this.parts.counters.add('loop.corrupt');
    this.parts.log.error('a record cannot be read; its actor stands still until somebody mends it', {
      actor,
      code: 'ERR_RECORD_CORRUPT',
      why: sentence,
    });
    return sentence;
  }

  /** Only forwards: the answer to an append may come after the news of another host's next one. */
  private adopt(box: Mailbox, known: Known): void {
    const before = box.known;
    if (before !== undefined && before.position > known.position && !this.plants.planted('adopt-older')) return;
    box.known = { ...known, record: withoutTexts(known.record) };
    this.parts.onRecord?.(box.known);
  }

  /** L1 and L2: performs and arms exactly while the last known record is ours. */
  private hold({ actor, known }: Mailbox): void {
    if (this.stopped || known === undefined) return;
    const { record, chart } = known;
    const mine = this.isMine(record) && record.chartVersion === chart.version && !this.isDisowned(known);
    this.timers.reconcile(actor, this.timersOf(record), mine);
    this.outbox.reconcile(actor, mine ? record.outbox : NO_ENTRIES);
  }

  private isDisowned({ record, heard }: Known): boolean {
    return heard && record.writerIncarnation === this.parts.incarnation && this.plants.planted('ignore-own-late-append');
  }

  private timersOf(record: ActorRecord): readonly RecordTimer[] {
    if (record.writerIncarnation !== this.parts.incarnation && this.plants.planted('lose-timers-on-restart')) return [];
    if (this.plants.planted('never-count-timers')) return [];
    if (!this.plants.planted('early-timers')) return record.timers;
    const passedUs = this.parts.clock.wallUs() - record.atUs;
    return record.timers.map((timer) => ({ ...timer, delayUs: timer.delayUs - passedUs }));
  }

  private readonly isMine = (record: ActorRecord): boolean => record.writer === this.parts.host;

  // ——— timers, and entries that end without an event ———

  private async timerDue(actor: ActorKey, timer: RecordTimer): Promise<void> {
    if (this.stopped) return;
    if (this.faulty) await this.faults.reach(FaultPoint.beforeTimer);
    const id = `timer:${timer.id}@${timer.armedBy}`;
    try {
      await this.deliver(actor, { type: timer.eventType, id, timer: timer.id, armedBy: timer.armedBy });
      if (this.faulty) await this.faults.reach(FaultPoint.afterTimer);
    } catch (cause) {
      if (this.stopped) return;
      this.parts.log.warn('a timer could not be recorded and will be tried again', { actor, timer: timer.id, cause });
      this.parts.clock.after(TIMER_RETRY_US, () => void this.timerDue(actor, timer));
    }
  }

  private entryDone(actor: ActorKey, entry: RecordEffect): void {
    const box = this.boxOf(actor);
    if (box.done !== undefined) {
      box.done.add(entry.id);
      return;
    }
    box.done = new Set([entry.id]);
    this.parts.clock.after(DONE_FLUSH_US, () => void this.flushDone(box));
  }

  private async flushDone(box: Mailbox): Promise<void> {
    try {
      await this.exclusive(box, async () => {
        const { known: before, done } = box;
        if (this.stopped || before === undefined || done === undefined || done.size === 0) return;
        if (!this.isMine(before.record) || !before.record.outbox.some((entry) => done.has(entry.id))) {
          box.done = undefined;
          return;
        }
        const event = { type: DONE, id: `done:${[...done].at(-1)}` };
        await this.append(box, { before, event, snapshot: before.snapshot, requests: NO_REQUESTS });
      });
    } catch (cause) {
      const { actor } = box;
      this.parts.log.warn('a finished effect could not be recorded and will be tried again', { actor, cause });
    }
    if (!this.stopped && (box.done?.size ?? 0) > 0) this.parts.clock.after(DONE_FLUSH_US, () => void this.flushDone(box));
    else box.done = undefined;
  }

  private forgetDone(box: Mailbox, recorded: readonly string[]): void {
    for (const id of recorded) box.done?.delete(id);
  }

  // ——— small parts ———

  /** Undefined for an actor that none of this host's charts runs. */
  private findBox(actor: ActorKey): Mailbox | undefined {
    const known = this.boxes.get(actor);
    if (known !== undefined) return known;
    const chart = this.charts.get(parseActorKey(actor).kind);
    if (chart === undefined) return undefined;
    const box = new Mailbox(actor, chart);
    this.boxes.set(actor, box);
    return box;
  }

  private boxOf(actor: ActorKey): Mailbox {
    const box = this.findBox(actor);
    assert(box !== undefined, `no chart runs actors like ${actor}`);
    return box;
  }

  private lacksVersion(actor: ActorKey, record: ActorRecord): Delivery {
    this.parts.counters.add('loop.chartVersion');
    this.parts.log.warn('a record is of a chart version this build does not have', {
      actor,
      chartVersion: record.chartVersion,
    });
    return 'deferred';
  }

  private wasSeen(record: ActorRecord, event: ActorEvent): boolean {
    return record.seen.includes(event.id) && !this.plants.planted('forget-seen');
  }

  /** L3. */
  private isStale(record: ActorRecord, event: ActorEvent): boolean {
    if (event.closes !== undefined && !this.plants.planted('accept-stale-answer')) {
      return !record.outbox.some((entry) => entry.id === event.closes);
    }
    const timer = event['timer'];
    if (typeof timer !== 'string' || this.plants.planted('accept-stale-timer')) return false;
    return !record.timers.some((armed) => armed.id === timer && armed.armedBy === event['armedBy']);
  }

  /** One step at a time per actor on this host; the compare-and-set keeps hosts apart. */
  private async exclusive<T>(box: Mailbox, run: (box: Mailbox) => Promise<T>): Promise<T> {
    const turn = box.enter();
    if (turn !== undefined) await turn;
    try {
      this.learnWaiting(box);
      return await run(box);
    } finally {
      this.leave(box);
    }
  }

  /** Holds what the turn led to; when it is nobody's turn, also what was learned of during it, whoever wrote it. */
  private leave(box: Mailbox): void {
    if (box.leave()) this.learnWaiting(box);
    this.hold(box);
  }

  private pause(delayUs: number): Promise<void> {
    return new Promise((resolve) => this.parts.clock.after(delayUs, resolve));
  }
}

/** What a record is to be made of. */
interface Step {
  readonly before: Known | undefined;
  readonly event: ActorEvent;
  readonly snapshot: AnyMachineSnapshot;
  readonly requests: readonly ChartRequest[];
}

/** A record on its way to the store. */
interface Draft {
  readonly actor: ActorKey;
  readonly record: ActorRecord;
  readonly snapshot: AnyMachineSnapshot;
  readonly bytes: Uint8Array;
  readonly label: RecordLabel | undefined;
  /** Of the record before it. */
  readonly position: number;
  /** The entries that it reports done. */
  readonly done: readonly string[];
}

const NONE_DONE: readonly string[] = [];
const NO_REQUESTS: readonly ChartRequest[] = [];
const NO_ENTRIES: readonly RecordEffect[] = [];

const lostTooOften = (actor: ActorKey): DroverError =>
  new DroverError('ERR_BUS_TIMEOUT', `a step of ${actor} lost ${ATTEMPTS_MAX} races in a row`, { retryable: true });

/**
 * Carries a task's outputs to the task that they are data of (`statecharts/route.machine.ts`), each once, in order, markers left out.
 *
 * Y1. Each datum is appended behind the one that was read last, by compare-and-set, and carries the number of its output. After any
 *     other answer than `appended` the last datum is read again, and that alone tells where to go on: so a lost answer, an append that
 *     lands late, a second router and a broker that has forgotten its ids change nothing. The id keeps one's own retries off the stream.
 * Y2. What another router has appended meanwhile is not appended again; one output after the other, or the route is at its end (X3).
 * Y3. Nothing is kept here that the next router would need.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { shardOf, type TaskName } from '../src/domain/model/ids.ts';
import { header, streams, taskSubject } from '../src/domain/protocol/subjects.ts';
import {
  beginningOf,
  type LastDatum,
  nextOutput,
  positionAfter,
  type RouteBeginning,
  type RoutePosition,
  type SourceMessage,
} from '../src/domain/task/routing.ts';
import type { AppendAnswer, Headers, StreamMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { FaultPoint } from '../src/ports/fault-points.ts';
import type { RouteEffect } from '../statecharts/route.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, isFaulty, pause, planted } from './host.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';

const APPEND_TIMEOUT_US = 2_000_000;
const RETRY_US = 20_000;
/** A stream at its bound has room again when the task's next checkpoint is durable. */
const FULL_RETRY_US = 200_000;
/** Whether the route is still wanted is looked at as often where nothing comes. */
const IDLE_US = 200_000;
/** And whether its task is still there: the word that it is not may have died with a manager. */
const PLACEMENT_LOOK_US = 10_000_000;
const BATCH_MAX = 64;
const BATCH_BYTES_MAX = 512 * 1024;
/** Messages that are read ahead of what was appended. */
const AHEAD_MAX = 4_096;

export interface RouterParts {
  readonly host: Host;
  readonly knowledge: Pick<FleetKnowledge, 'freshPlacement'>;
}

export class Router {
  private readonly parts: RouterParts;

  constructor(parts: RouterParts) {
    this.parts = parts;
  }

  async perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as RouteEffect;
    const run = new RouteRun({ ...this.parts, open, task: effect.task, source: effect.source });
    try {
      return effect.kind === 'findBeginning' ? await run.findBeginning() : await run.route(effect.begun);
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      if (cause.code === 'ERR_WIRE_OVERSIZED') return told({ type: 'ROUTE.BLOCKED', reason: cause.message });
      this.parts.host.log.debug('a route is interrupted; it goes on', { route: effect.task, cause });
      return { kind: 'again', afterUs: RETRY_US };
    } finally {
      run.stop();
    }
  }
}

class RouteRun {
  private readonly host: Host;
  private readonly open: OpenEffect;
  private readonly task: TaskName;
  private readonly source: TaskName;
  private readonly knowledge: RouterParts['knowledge'];
  private readonly dataSubject: string;
  private readonly outputsSubject: string;
  private readonly inputsStream: string;
  private readonly outputsStream: string;
  private readonly ahead: StreamMessage[] = [];
  /** Up to here the source's outputs were read. */
  private readThrough = 0;
  private consuming: Cancel | undefined;
  private failed = false;
  private wake: () => void = () => {};

  constructor(parts: RouterParts & { readonly open: OpenEffect; readonly task: TaskName; readonly source: TaskName }) {
    const { host, task, source } = parts;
    const { names } = host;
    this.host = host;
    this.open = parts.open;
    this.task = task;
    this.source = source;
    this.knowledge = parts.knowledge;
    this.dataSubject = taskSubject.data(names, task);
    this.outputsSubject = taskSubject.outputs(names, source);
    this.inputsStream = streams.inputs(shardOf(task, names.shardCount));
    this.outputsStream = streams.outputs(shardOf(source, names.shardCount));
  }

  stop(): void {
    this.consuming?.();
    this.consuming = undefined;
  }

  async findBeginning(): Promise<EffectOutcome> {
    const { bus } = this.host;
    const [last, first] = await Promise.all([
      bus.readLast(this.dataSubject),
      bus.readNext(this.outputsStream, this.outputsSubject, 1),
    ]);
    const firstKept = first === undefined ? undefined : sourceMessageOf(first);
    return told({ type: 'ROUTE.BEGUN', begun: beginningOf(this.source, lastDatumOf(last), firstKept) });
  }

  async route(begun: RouteBeginning): Promise<EffectOutcome> {
    let placementDueUs = this.host.clock.monotonicUs() + PLACEMENT_LOOK_US;
    let at = await this.whereItStands(begun);
    if (at === 'lost') return told({ type: 'ROUTE.BLOCKED', reason: LOST });
    while (this.open.wanted() && !this.failed) {
      if (this.consuming === undefined) await this.consume(Math.max(this.readThrough, at.position.sequence));
      const found = this.nextBatch(at.position);
      if (found.missing !== undefined) return this.missing(found.missing, at.position, begun);
      if (found.batch.length === 0) {
        await this.idle();
        const nowUs = this.host.clock.monotonicUs();
        if (nowUs < placementDueUs) continue;
        placementDueUs = nowUs + PLACEMENT_LOOK_US;
        const reason = await this.whyOver();
        if (reason !== undefined) return told({ type: 'ROUTE.UNWANTED', reason });
        continue;
      }
      const answer = await this.append(found.batch, at.datum);
      if (answer.kind === 'appended') {
        const output = numberIn(found.batch[found.batch.length - 1] as StreamMessage, header.output);
        const { sequence } = found.batch[found.batch.length - 1] as StreamMessage;
        this.ahead.splice(0, found.taken);
        this.host.counters.add('route.outputs', found.batch.length);
        at = {
          position: { output, sequence },
          datum: { number: at.datum.number + found.batch.length, sequence: answer.sequence },
        };
        continue;
      }
      this.host.counters.add(`route.${answer.kind}`);
      if (answer.kind === 'full' || answer.kind === 'busy')
        await pause(this.host.clock, answer.kind === 'full' ? FULL_RETRY_US : RETRY_US);
      const now = await this.whereItStands(begun);
      if (now === 'lost') return told({ type: 'ROUTE.BLOCKED', reason: LOST });
      at = now;
    }
    return { kind: 'again', afterUs: RETRY_US };
  }

  // ——— the source's outputs ———

  private async consume(afterSequence: number): Promise<void> {
    const options = {
      filter: this.outputsSubject,
      from: afterSequence + 1,
      onFailure: () => {
        this.failed = true;
        this.wake();
      },
    };
    this.readThrough = afterSequence;
    this.consuming = await this.host.bus.consume(this.outputsStream, options, (message) => {
      // One that was cancelled may have some on their way.
      if (message.sequence <= this.readThrough) return;
      this.readThrough = message.sequence;
      this.ahead.push(message);
      if (this.ahead.length >= AHEAD_MAX) this.stop();
      this.wake();
    });
    if (this.ahead.length >= AHEAD_MAX) this.stop();
  }

  /** What is next, as far as it was read; what was routed already, and markers, are let go. */
  private nextBatch(position: RoutePosition): {
    readonly batch: readonly StreamMessage[];
    /** Messages that go with it. */
    readonly taken: number;
    readonly missing?: SourceMessage;
  } {
    const { ahead } = this;
    const batch: StreamMessage[] = [];
    let bytes = 0;
    let reached = position;
    let taken = 0;
    for (; taken < ahead.length && batch.length < BATCH_MAX; taken++) {
      const message = ahead[taken] as StreamMessage;
      const output = sourceMessageOf(message);
      const unmarked = output.marker && planted(this.host, 'route-markers');
      const next = unmarked ? 'next' : nextOutput(reached, output);
      if (next === 'drop') continue;
      if (next === 'missing') {
        if (batch.length > 0) break;
        return { batch, taken, missing: output };
      }
      bytes += message.payload.length;
      if (batch.length > 0 && bytes > BATCH_BYTES_MAX) break;
      batch.push(message);
      reached = { output: output.number, sequence: output.sequence };
    }
    if (batch.length === 0 && taken > 0) {
      ahead.splice(0, taken);
      taken = 0;
    }
    return { batch, taken };
  }

  private idle(): Promise<void> {
    if (this.ahead.length > 0 || this.failed) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.host.clock.after(IDLE_US, resolve);
      this.wake = () => {
        cancel();
        this.wake = () => {};
        resolve();
      };
    });
  }

  /** Whoever trimmed it did not know of this route yet, where nothing was routed; else it is lost. */
  private async missing(found: SourceMessage, position: RoutePosition, begun: RouteBeginning): Promise<EffectOutcome> {
    const fresh = position.output === begun.output;
    const upTo = found.marker ? found.number : found.number - 1;
    const reason = `outputs ${position.output + 1} to ${upTo} of ${this.source} are gone and were not routed`;
    this.host.log.warn('outputs are missing on a route', { route: this.task, source: this.source, reason, fresh });
    return told({ type: 'OUTPUT.MISSING', fresh, reason });
  }

  private async whyOver(): Promise<string | undefined> {
    const placement = await this.knowledge.freshPlacement(this.task);
    if (placement === undefined || placement.state === 'removed') return `task ${this.task} was removed`;
    return placement.context.spec?.inputs.from === this.source ? undefined : `task ${this.task} is not fed by ${this.source}`;
  }

  // ——— the task's data ———

  private async whereItStands(
    begun: RouteBeginning,
  ): Promise<{ readonly position: RoutePosition; readonly datum: Pick<LastDatum, 'number' | 'sequence'> } | 'lost'> {
    if (isFaulty(this.host)) await this.host.faults.reach(FaultPoint.beforeRouteRead);
    const last = lastDatumOf(await this.host.bus.readLast(this.dataSubject));
    const datum = last ?? { number: 0, sequence: 0 };
    const position = positionAfter(this.source, begun, last);
    if (position !== 'unsure') return { position, datum };
    const found = await this.lastRouted(begun, datum.sequence);
    return found === 'lost' ? found : { position: found, datum };
  }

  /** Others have appended since: reads what came since the route began. */
  private async lastRouted(begun: RouteBeginning, through: number): Promise<RoutePosition | 'lost'> {
    let found: RoutePosition = begun;
    let expected = begun.datum + 1;
    for (let after = begun.datumSequence; after < through; ) {
      const datum = lastDatumOf(await this.host.bus.readNext(this.inputsStream, this.dataSubject, after + 1));
      if (datum === undefined) break;
      if (datum.number !== expected) return 'lost';
      if (datum.routed?.source === this.source) found = datum.routed;
      expected++;
      after = datum.sequence;
    }
    return found;
  }

  private async append(batch: readonly StreamMessage[], datum: Pick<LastDatum, 'number' | 'sequence'>): Promise<AppendAnswer> {
    const { bus } = this.host;
    const faulty = isFaulty(this.host);
    if (faulty) await this.host.faults.reach(FaultPoint.beforeRoute);
    const entries = batch.map((message, index) => ({
      payload: message.payload,
      headers: this.headersOf(message, datum.number + 1 + index),
      messageId: `${this.source}>${this.task}:${numberIn(message, header.output)}`,
    }));
    const [first] = entries;
    let answer: AppendAnswer;
    if (planted(this.host, 'route-blindly')) {
      answer = { kind: 'unknown' };
      for (const { payload, headers } of entries)
        answer = await bus.append(this.dataSubject, payload, { headers, timeoutUs: APPEND_TIMEOUT_US });
    } else if (entries.length === 1 && first !== undefined) {
      const expected = { expectedSequence: datum.sequence, timeoutUs: APPEND_TIMEOUT_US };
      answer = await bus.append(this.dataSubject, first.payload, { ...first, ...expected });
    } else
      answer = await bus.appendBatch(this.dataSubject, entries, {
        expectedSequence: datum.sequence,
        timeoutUs: APPEND_TIMEOUT_US,
      });
    if (faulty) await this.host.faults.reach(FaultPoint.afterRoute);
    return answer;
  }

  private headersOf(message: StreamMessage, number: number): Headers {
    return {
      [header.number]: String(number),
      [header.from]: this.source,
      [header.fromOutput]: message.headers[header.output] ?? '0',
      [header.fromSequence]: String(message.sequence),
    };
  }
}

const LOST = 'somebody else wrote data to this task without saying how far its route was, and what was routed is trimmed';

const told = (event: Extract<EffectOutcome, { kind: 'event' }>['event']): EffectOutcome => ({ kind: 'event', event });

const numberIn = (message: StreamMessage, name: string): number => Number(message.headers[name] ?? 0);

const sourceMessageOf = (message: StreamMessage): SourceMessage => ({
  sequence: message.sequence,
  marker: message.headers[header.marker] === '1',
  number: numberIn(message, header.output),
});

export function lastDatumOf(message: StreamMessage | undefined): LastDatum | undefined {
  if (message === undefined) return undefined;
  const { sequence } = message;
  const source = message.headers[header.from];
  const routed =
    source === undefined
      ? undefined
      : { source, output: numberIn(message, header.fromOutput), sequence: numberIn(message, header.fromSequence) };
  return { number: numberIn(message, header.number), sequence, routed, byHand: message.headers[header.byHand] === '1' };
}

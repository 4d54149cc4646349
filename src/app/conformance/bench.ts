/**
 * One bridge on the bench: everything the suite says to it and hears of it goes through here, and through the wire alone.
 */

import { envelope, type Host, pause } from '../../../actors/host.ts';
import { DroverError, type ErrorCode } from '../../domain/kernel/error-codes.ts';
import type { EcuDescription, EcuLoad } from '../../domain/model/ecu.ts';
import type { Digest, Mac } from '../../domain/model/ids.ts';
import type { RuntimeKind } from '../../domain/model/task.ts';
import { decodeCheckpointNotice } from '../../domain/protocol/codec-checkpoint.ts';
import { decodeAnswer, encodeCommand } from '../../domain/protocol/codec-command.ts';
import { decodeGoodbye } from '../../domain/protocol/codec-ecu.ts';
import { decodeHeartbeat } from '../../domain/protocol/codec-heartbeat.ts';
import type { Answer, CheckpointNotice, Command, Goodbye, Heartbeat, InstanceReport } from '../../domain/protocol/messages.ts';
import { checkpointSubject, ecuSubject, streams } from '../../domain/protocol/subjects.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { StartAnother } from './another-bridge.ts';
import { NotAsPromised, shown } from './promised.ts';
import { StandInManager } from './stand-in-manager.ts';

export interface BenchParts {
  readonly host: Host;
  readonly mac: Mac;
  readonly description: EcuDescription;
  /** The program under test: counts, and says the count (`examples/tasks/counter`). */
  readonly program: {
    readonly runtime: RuntimeKind;
    readonly artefact: Digest;
    readonly artefactBytes: number;
    readonly memoryBytesMax: number;
  };
  /** How long the suite waits for what is promised without a time. */
  readonly patienceUs: number;
  /** Makes the bridge leave cleanly; undefined where the suite has no means. */
  readonly leave: (() => void | Promise<void>) | undefined;
  /** Starts a second bridge; undefined where the suite has no means. */
  readonly another: StartAnother | undefined;
}

export interface Announced<Body> {
  readonly body: Body;
  readonly atUs: number;
}

const LOOK_US = 10_000;
const SILENCE_US = 400_000;

export class Bench {
  readonly parts: BenchParts;
  readonly manager: StandInManager;
  readonly heartbeats: Heartbeat[] = [];
  readonly goodbyes: Goodbye[] = [];
  readonly notices: Announced<CheckpointNotice>[] = [];
  /** What came and did not decode: any of it is a failure. */
  readonly unreadable: string[] = [];
  private readonly cancels: Cancel[] = [];
  private readonly run: string;
  private trials = 0;

  constructor(parts: BenchParts) {
    this.parts = parts;
    this.manager = new StandInManager(parts.host);
    this.run = parts.host.rng.u32().toString(36);
  }

  get host(): Host {
    return this.parts.host;
  }

  get mac(): Mac {
    return this.parts.mac;
  }

  get incarnation(): number {
    return this.parts.description.incarnation;
  }

  async start(): Promise<void> {
    const { bus } = this.host;
    await this.manager.start();
    const { heartbeat, goodbye } = ecuSubject;
    this.cancels.push(
      bus.subscribe(heartbeat(this.mac), ({ payload }) => this.keep(this.heartbeats, decodeHeartbeat(payload), 'a heartbeat')),
      bus.subscribe(goodbye(this.mac), ({ payload }) => this.keep(this.goodbyes, decodeGoodbye(payload), 'a goodbye')),
      await bus.consume(streams.checkpoints, { filter: checkpointSubject.all, from: 'new' }, ({ subject, payload, atUs }) => {
        const decoded = decodeCheckpointNotice(payload);
        if (decoded.ok) this.notices.push({ body: decoded.value.body, atUs });
        else this.unreadable.push(`a notice on ${subject}: ${decoded.error.sentence}`);
      }),
    );
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
    this.manager.stop();
  }

  /** The name of a task that no check has had before. */
  nextTask(): string {
    return `conformance-${this.run}-${++this.trials}`;
  }

  async ask(command: Command): Promise<Answer> {
    return this.answerTo(encodeCommand(envelope(this.host, command)));
  }

  async answerTo(bytes: Uint8Array): Promise<Answer> {
    const answer = decodeAnswer(
      await this.host.bus.request(ecuSubject.command(this.mac), bytes, { timeoutUs: this.parts.patienceUs }),
    );
    if (!answer.ok) throw new NotAsPromised(`expected an answer that decodes; got one of which ${answer.error.sentence}`);
    return answer.value.body;
  }

  /** The code with which a request fails outside of the protocol. */
  async failureOf(subject: string, bytes: Uint8Array): Promise<ErrorCode | 'an answer'> {
    try {
      await this.host.bus.request(subject, bytes, { timeoutUs: this.parts.patienceUs });
      return 'an answer';
    } catch (failure) {
      if (failure instanceof DroverError) return failure.code;
      throw failure;
    }
  }

  async load(): Promise<EcuLoad> {
    const answer = await this.ask({ kind: 'query-load' });
    if (answer.kind !== 'load') throw new NotAsPromised(`expected a load in answer to query_load; got ${shown(answer)}`);
    return answer.load;
  }

  /** Looks until `probe` has something to show. */
  async eventually<T>(
    expected: string,
    probe: () => T | undefined | Promise<T | undefined>,
    got: () => unknown = () => undefined,
  ): Promise<T> {
    const { clock } = this.host;
    const untilUs = clock.monotonicUs() + this.parts.patienceUs;
    for (;;) {
      const found = await probe();
      if (found !== undefined) return found;
      if (clock.monotonicUs() >= untilUs) {
        throw new NotAsPromised(`expected ${expected} within ${this.parts.patienceUs / 1_000_000} s; got ${shown(got())}`);
      }
      await pause(clock, LOOK_US);
    }
  }

  wait(us: number): Promise<void> {
    return pause(this.host.clock, us);
  }

  /** Long enough that what must not come would have come: from when the bridge has read all that was sent to it, until it answers again. */
  async silence(): Promise<void> {
    await this.load();
    await this.wait(SILENCE_US);
    await this.load();
  }

  reportsOf(task: string, epoch: number): readonly InstanceReport[] {
    return this.manager.reports.filter((report) => report.task === task && report.epoch === epoch);
  }

  private keep<T>(
    list: T[],
    decoded:
      | { readonly ok: true; readonly value: { readonly body: T } }
      | { readonly ok: false; readonly error: { readonly sentence: string } },
    what: string,
  ): void {
    if (decoded.ok) list.push(decoded.value.body);
    else this.unreadable.push(`${what}: ${decoded.error.sentence}`);
  }
}

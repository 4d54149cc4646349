/**
 * Carries out what a follower core asks for: reads a task's inputs on from a state that was copied here, and runs their jobs in a program
 * that nobody hears of, until a deploy takes it or its time is over.
 */
import { FollowerCore } from '../src/domain/instance/follower-core.ts';
import type { RestoredAt } from '../src/domain/instance/instance-core.ts';
import type { InstanceInput, JobFailed, JobOutputs } from '../src/domain/instance/requests.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { CheckpointReference } from '../src/domain/model/checkpoint.ts';
import { shardOf } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { streams, taskSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { TaskProgram } from '../src/ports/task-runtime.ts';
import { type Host, pause, planted } from './host.ts';
import { parseInput, parseLastOutput } from './instance.ts';

export interface FollowerParts {
  readonly host: Host;
  readonly spec: TaskSpec;
  readonly program: TaskProgram;
  /** The state that the program was started from. */
  readonly from: CheckpointReference;
}

/** What it hands on. */
export interface Followed {
  /** Where its program stands. */
  readonly restored: RestoredAt;
  readonly feed: InputFeed;
}

/** A task's inputs on from there, by the consumer that has read them so far. */
export interface InputFeed {
  attach(reader: InputReader): Cancel;
}

export interface InputReader {
  arrived(input: InstanceInput): void;
  failed(error: Error): void;
}

/** Longer than any switch takes; one that nobody takes until then is nobody's any more. */
const LIFE_US = 10_000_000;
const RETRY_US = 20_000;

export class Follower {
  private readonly parts: FollowerParts;
  private readonly core: FollowerCore;
  private consuming: Cancel | undefined;
  private readonly lifetime: Cancel;
  private isBusy = false;
  private isTaken = false;
  private isOver = false;
  private reader: InputReader | undefined;
  /** Whoever waits for the next job boundary, and whoever waits until it has caught up. */
  private whenIdle: (() => void)[] = [];
  private whenCaughtUp: ((hasCaughtUp: boolean) => void)[] = [];

  constructor(parts: FollowerParts) {
    this.parts = parts;
    this.core = new FollowerCore(parts.from);
    this.lifetime = parts.host.clock.after(LIFE_US, () => this.stop());
    void this.consume();
  }

  /** False when it has not within that time, or never will. */
  caughtUp(withinUs: number): Promise<boolean> {
    if (this.isOver || this.core.hasCaughtUp) return Promise.resolve(!this.isOver);
    return new Promise((resolve) => {
      const late = this.parts.host.clock.after(withinUs, () => resolve(false));
      this.whenCaughtUp.push((hasCaughtUp) => {
        late();
        resolve(hasCaughtUp);
      });
    });
  }

  /** At the next job boundary: where its program stands, which is the caller's from then on. Fails when it is of no use. */
  async take(): Promise<Followed> {
    this.isTaken = true;
    if (this.isBusy) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
    const { failure } = this.core;
    if (this.isOver || failure !== undefined) {
      this.end();
      void this.parts.program.stop();
      throw new DroverError(failure?.code ?? 'ERR_STORE_MISSING', failure?.sentence ?? 'it follows no longer');
    }
    const { restored } = this.core;
    const feed = { attach: (reader: InputReader) => this.attach(reader) };
    if (planted(this.parts.host, 'forget-followed-outputs')) return { restored: { ...restored, unaccepted: [] }, feed };
    return { restored, feed };
  }

  /** Its program goes with it, where nobody has taken that. */
  stop(): void {
    if (this.isOver) return;
    this.end();
    if (!this.isTaken) void this.parts.program.stop();
  }

  private attach(reader: InputReader): Cancel {
    this.lifetime();
    this.reader = reader;
    for (const input of this.core.rest()) reader.arrived(input);
    if (this.isOver) reader.failed(new DroverError('ERR_INPUT_GAP', 'its inputs are read no longer'));
    return () => this.end();
  }

  private end(): void {
    this.isOver = true;
    this.lifetime();
    this.consuming?.();
    for (const hear of this.whenCaughtUp.splice(0)) hear(false);
  }

  private async consume(): Promise<void> {
    const { host, spec, from } = this.parts;
    try {
      const cancel = await host.bus.consume(
        streams.inputs(shardOf(spec.name, host.names.shardCount)),
        {
          filter: taskSubject.inputs(host.names, spec.name),
          from: from.input.sequence + 1,
          onCaughtUp: () => {
            this.core.startInputsArrived();
            this.pump();
          },
          onFailure: (error) => {
            this.reader?.failed(error);
            this.stop();
          },
        },
        (message) => {
          const input = parseInput(message, host.clock.monotonicUs());
          if (input === undefined) return;
          if (this.reader !== undefined) return this.reader.arrived(input);
          this.core.inputArrived(input);
          this.pump();
        },
      );
      if (this.isOver) cancel();
      else this.consuming = cancel;
    } catch (cause) {
      this.failed(cause);
    }
  }

  private pump(): void {
    if (this.isOver || this.isBusy || this.isTaken) return;
    if (this.core.hasCaughtUp) for (const hear of this.whenCaughtUp.splice(0)) hear(true);
    if (this.core.isFull) return this.busy(this.learnAccepted());
    const jobs = this.core.begin();
    if (this.core.failure !== undefined) return this.stop();
    if (jobs.length > 0) this.busy(this.run(jobs));
  }

  private busy(work: Promise<void>): void {
    this.isBusy = true;
    void work
      .catch((cause: unknown) => this.failed(cause))
      .then(() => {
        this.isBusy = false;
        for (const hear of this.whenIdle.splice(0)) hear();
        this.pump();
      });
  }

  private async run(jobs: readonly InstanceInput[]): Promise<void> {
    const results = await this.parts.program.runJobs(jobs);
    const done: JobOutputs[] = [];
    let failure: JobFailed | undefined;
    for (const result of results) {
      if (result.kind === 'failed') failure = result.failure;
      else done.push(result.outputs);
    }
    this.core.jobsDone(done, failure);
  }

  /** F3. */
  private async learnAccepted(): Promise<void> {
    const { host, spec } = this.parts;
    const last = await host.bus.readLast(taskSubject.outputs(host.names, spec.name));
    if (last !== undefined) this.core.accepted(parseLastOutput(last).number);
    if (this.core.isFull) await pause(host.clock, RETRY_US);
  }

  private failed(cause: unknown): void {
    if (this.isOver) return;
    this.parts.host.log.info('a state that was kept up with its task is of no use', { task: this.parts.spec.name, cause });
    this.stop();
  }
}

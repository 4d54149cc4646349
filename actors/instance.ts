/**
 * Carries out what an instance core asks for: reads and appends outputs, consumes inputs, runs jobs, captures and announces
 * checkpoints. No decision is made here (`src/domain/instance` makes them all); one driver per instance.
 */

import { InstanceCore, type OutputsAnswer, type RestoredAt } from '../src/domain/instance/instance-core.ts';
import type {
  BoundaryState,
  InstanceInput,
  InstanceRequest,
  JobOutputs,
  LastOutput,
  OutputEntry,
} from '../src/domain/instance/requests.ts';
import { DroverError, type ErrorCode } from '../src/domain/kernel/error-codes.ts';
import { TaskCounters } from '../src/domain/metrics/task-counters.ts';
import { shardOf } from '../src/domain/model/ids.ts';
import type { JobStarted, JobStopped } from '../src/domain/model/job.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { header, streams, taskSubject } from '../src/domain/protocol/subjects.ts';
import type { AppendAnswer, Headers, StreamMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { FaultPoint } from '../src/ports/fault-points.ts';
import type { JobFailure, JobResult, TaskProgram } from '../src/ports/task-runtime.ts';
import type { CheckpointSource } from './checkpoint-source.ts';
import type { InputFeed } from './follower.ts';
import { type Host, isFaulty, pause, planted } from './host.ts';
import type { JobRecorder } from './job-recorder.ts';
import { Ticker } from './ticker.ts';

export interface InstanceParts {
  readonly host: Host;
  readonly spec: TaskSpec;
  readonly epoch: number;
  readonly nonce: string;
  readonly program: TaskProgram;
  readonly restored: RestoredAt | undefined;
  /** Whoever has read its inputs here so far, and reads on. */
  readonly feed?: InputFeed | undefined;
  readonly source: CheckpointSource;
  /** undefined: jobs are not recorded. */
  readonly jobs?: JobRecorder | undefined;
  /** Reads the task's placement: its epoch, or undefined when it cannot be read just now. */
  readonly readPlacementEpoch: () => Promise<number | undefined>;
  readonly onStarted: () => void;
  readonly onCaughtUp: () => void;
  readonly onEnded: (code: ErrorCode, sentence: string) => void;
}

const APPEND_TIMEOUT_US = 2_000_000;
const RETRY_US = 20_000;
/** A period up to which it is worth waiting for the next job before standing still. */
const SOON_US = 200_000;
/** How often a quiet instance is told the time. */
const TIME_PASSES_US = 100_000;
/** A process that was silent for longer asks the placement before its next job. */
export const INSTANCE_LEASE_US = 1_000_000;

export class Instance {
  readonly epoch: number;
  readonly nonce: string;
  readonly spec: TaskSpec;
  private readonly parts: InstanceParts;
  private readonly core: InstanceCore;
  private readonly outputSubject: string;
  private readonly epochText: string;
  private ticker: Ticker | undefined;
  private consuming: Cancel | undefined;
  private timePasses: Cancel | undefined;
  private streamTime: { readonly atUs: number; readonly monotonicUs: number } | undefined;
  private lastData: number | undefined;
  private draining = false;
  private over = false;
  private jobNumber = 0;
  /** Told true when it stands still, false when it is to go on before that. */
  private whenPaused: ((stands: boolean) => void)[] = [];
  private whenJobEnded: (() => void)[] = [];
  /** Rises with every resume: what began before it is over. */
  private resumes = 0;
  /** For the metrics: what it did, how long that took, and whether it was in time. */
  readonly totals = new TaskCounters();

  constructor(parts: InstanceParts) {
    this.parts = parts;
    this.epoch = parts.epoch;
    this.nonce = parts.nonce;
    this.spec = parts.spec;
    const { host, spec } = parts;
    this.epochText = String(parts.epoch);
    this.outputSubject = taskSubject.outputs(host.names, spec.name);
    this.core = new InstanceCore({
      epoch: parts.epoch,
      nonce: parts.nonce,
      restored: parts.restored,
      checkpoint: spec.checkpoint,
      leaseUs: INSTANCE_LEASE_US,
      nowUs: host.clock.monotonicUs(),
    });
  }

  get state(): InstanceCore['state'] {
    return this.core.state;
  }

  /** Where its program runs; undefined: in a thread of its own. */
  get lane(): number | undefined {
    return this.parts.program.lane;
  }

  start(): void {
    this.parts.source.onLocalGap = () => this.core.restartChain();
    this.tell(() => this.core.begin());
    this.watchTime();
  }

  /** Ends it without a word: it was stopped from outside, or replaced. */
  async stop(): Promise<void> {
    this.release();
    await this.parts.program.stop();
  }

  /** Resolves when it stands still at a job boundary with all its outputs accepted; with false when it was resumed before that. */
  pause(): Promise<boolean> {
    this.ticker?.stop();
    return new Promise((resolve) => {
      this.whenPaused.push(resolve);
      this.tell((nowUs) => this.core.pause(nowUs));
    });
  }

  /** For a clean leave: no job begins any more; resolves when a checkpoint of the last boundary is being announced. */
  async leave(): Promise<boolean> {
    if (!(await this.pause())) return false;
    this.tell((nowUs) => this.core.saveBoundary(nowUs));
    return this.pause();
  }

  /**
   * Before a switch: as a leave, but where a tick is due soon only after its job. The longest time until the next one is due begins
   * there, and the silence goes into it.
   */
  async handOver(): Promise<boolean> {
    const { resumes } = this;
    if (!this.core.state.paused) await this.nextJobEnded();
    return resumes === this.resumes && this.leave();
  }

  private nextJobEnded(): Promise<void> {
    const { periodUs } = this.spec;
    if (periodUs === 0 || periodUs > SOON_US || this.over) return Promise.resolve();
    return new Promise((resolve) => {
      const late = this.parts.host.clock.after(2 * periodUs, resolve);
      this.whenJobEnded.push(() => {
        late();
        resolve();
      });
    });
  }

  resume(): void {
    this.resumes++;
    for (const hear of this.whenPaused.splice(0)) hear(false);
    this.tell((nowUs) => this.core.resume(nowUs));
    this.startTicking();
  }

  /** Its connection is back: one that stands still asks whether its task has gone on without it. */
  reconnected(): void {
    if (this.core.state.paused) this.tell(() => this.core.askPlacement());
  }

  checkpoint(mode: 'full' | 'delta'): void {
    this.tell((nowUs) => this.core.wantCheckpoint(mode, nowUs));
  }

  /** The runtime ended the program by itself. */
  programEnded(code: ErrorCode, sentence: string): void {
    this.tell(() => this.core.end(code, sentence));
  }

  private watchTime(): void {
    if (this.over) return;
    this.timePasses = this.parts.host.clock.after(TIME_PASSES_US, () => {
      this.tell((nowUs) => this.core.timePassed(nowUs));
      this.watchTime();
    });
  }

  /** Tells the core a fact and does what it then asks for. */
  private tell(fact: (nowUs: number) => void): void {
    if (this.over) return;
    fact(this.parts.host.clock.monotonicUs());
    if (this.draining) return;
    this.draining = true;
    while (this.core.requests.length > 0) {
      for (const request of this.core.take()) this.carryOut(request);
    }
    this.draining = false;
  }

  private carryOut(request: InstanceRequest): void {
    switch (request.kind) {
      case 'read-last-output':
        void this.readLastOutput();
        return;
      case 'append-outputs':
        void this.appendOutputs(request.batch, request.expectedSequence);
        return;
      case 'consume-inputs':
        void this.consumeInputs(request.fromSequence);
        return;
      case 'run-jobs':
        void this.runJobs(request.inputs);
        return;
      case 'capture':
        void this.capture(request.mode, request.boundary);
        return;
      case 'announce':
        void this.announce(request.boundary);
        return;
      case 'started':
        this.startTicking();
        this.parts.onStarted();
        return;
      case 'caught-up':
        this.parts.onCaughtUp();
        return;
      case 'paused':
        for (const hear of this.whenPaused.splice(0)) hear(true);
        return;
      case 'check-placement':
        void this.checkPlacement();
        return;
      case 'ended':
        this.release();
        void this.parts.program.stop();
        this.parts.onEnded(request.code, request.sentence);
    }
  }

  // ——— outputs ———

  private async readLastOutput(): Promise<void> {
    for (;;) {
      if (this.over) return;
      try {
        const last = await this.parts.host.bus.readLast(this.outputSubject);
        this.tell((nowUs) => this.core.lastOutputRead(last === undefined ? undefined : parseLastOutput(last), nowUs));
        return;
      } catch (cause) {
        this.parts.host.log.debug('the last output could not be read; trying again', {
          task: this.spec.name,
          epoch: this.epoch,
          cause,
        });
        await pause(this.parts.host.clock, RETRY_US);
      }
    }
  }

  private async appendOutputs(batch: readonly OutputEntry[], expectedSequence: number): Promise<void> {
    const { host } = this.parts;
    const marker = batch[0]?.marker === true;
    if (marker && planted(host, 'skip-marker')) {
      this.tell((nowUs) => this.core.outputsAnswered({ kind: 'appended', sequence: expectedSequence }, nowUs));
      return;
    }
    const faulty = isFaulty(host);
    if (faulty) await host.faults.reach(marker ? FaultPoint.beforeMarker : FaultPoint.beforeOutput);
    let answer: OutputsAnswer;
    try {
      answer = toOutputsAnswer(await this.send(batch, expectedSequence));
    } catch (cause) {
      host.log.debug('outputs could not be sent; trying again', { task: this.spec.name, epoch: this.epoch, cause });
      answer = { kind: 'again' };
    }
    if (faulty) await host.faults.reach(marker ? FaultPoint.afterMarker : FaultPoint.afterOutput);
    if (answer.kind === 'again') await pause(host.clock, RETRY_US);
    else if (answer.kind === 'unsure') host.counters.add('outputs.unsure');
    else this.totals.outputs += marker ? 0 : batch.length;
    this.tell((nowUs) => this.core.outputsAnswered(answer, nowUs));
  }

  private send(batch: readonly OutputEntry[], expectedSequence: number): Promise<AppendAnswer> {
    const { bus } = this.parts.host;
    const entries = batch.map((entry) => ({
      payload: entry.payload,
      headers: this.outputHeaders(entry),
      messageId: `${this.spec.name}:${this.epoch}:${this.nonce}:${entry.marker ? 'm' : entry.number}`,
    }));
    const [first] = entries;
    if (entries.length === 1 && first !== undefined) {
      const blindly = planted(this.parts.host, 'append-blindly') && batch[0]?.marker !== true;
      const expected = blindly ? {} : { expectedSequence };
      return bus.append(this.outputSubject, first.payload, { ...first, ...expected, timeoutUs: APPEND_TIMEOUT_US });
    }
    return bus.appendBatch(this.outputSubject, entries, { expectedSequence, timeoutUs: APPEND_TIMEOUT_US });
  }

  private outputHeaders(entry: OutputEntry): Headers {
    const { nonce } = this;
    const output = String(entry.number);
    return entry.marker
      ? { [header.epoch]: this.epochText, [header.nonce]: nonce, [header.output]: output, [header.marker]: '1' }
      : {
          [header.epoch]: this.epochText,
          [header.nonce]: nonce,
          [header.output]: output,
          [header.channel]: String(entry.channel),
        };
  }

  // ——— inputs, ticks and jobs ———

  private async consumeInputs(fromSequence: number): Promise<void> {
    const { host, feed } = this.parts;
    if (feed !== undefined) {
      this.consuming = feed.attach({
        arrived: (input) => this.tell((nowUs) => this.core.inputArrived(input, nowUs)),
        failed: (error) => this.tell(() => this.core.end('ERR_INPUT_GAP', error.message)),
      });
      this.tell((nowUs) => this.core.startInputsArrived(nowUs));
      return;
    }
    const stream = streams.inputs(shardOf(this.spec.name, host.names.shardCount));
    for (;;) {
      if (this.over) return;
      try {
        const cancel = await host.bus.consume(
          stream,
          {
            filter: taskSubject.inputs(host.names, this.spec.name),
            from: fromSequence,
            onCaughtUp: () => this.tell((nowUs) => this.core.startInputsArrived(nowUs)),
            onFailure: (error) => this.tell(() => this.core.end('ERR_INPUT_GAP', error.message)),
          },
          (message) => this.inputArrived(message),
        );
        if (this.over) cancel();
        else this.consuming = cancel;
        return;
      } catch (cause) {
        host.log.debug('inputs cannot be consumed yet; trying again', { task: this.spec.name, epoch: this.epoch, cause });
        await pause(host.clock, RETRY_US);
      }
    }
  }

  private inputArrived(message: StreamMessage): void {
    const parsed = parseInput(message, this.parts.host.clock.monotonicUs());
    if (parsed === undefined) {
      this.parts.host.counters.add('inputs.unnumbered');
      return;
    }
    const input = planted(this.parts.host, 'skip-input-gap') ? this.renumbered(parsed) : parsed;
    this.tell((nowUs) => this.core.inputArrived(input, nowUs));
  }

  /** A planted bug: whatever comes is the next. */
  private renumbered(input: InstanceInput): InstanceInput {
    if (input.kind !== 'data') return input;
    this.lastData = (this.lastData ?? this.core.state.cursor.dataNumber) + 1;
    return { ...input, number: this.lastData };
  }

  private startTicking(): void {
    const { host, spec } = this.parts;
    if (spec.periodUs === 0 || this.over) return;
    this.ticker?.stop(); // a resume that arrives twice must not start a second one
    this.ticker = new Ticker({ host, spec, epoch: this.epoch, streamNowUs: () => this.streamNowUs() });
    this.ticker.start();
  }

  /** From the marker on, which the stream stamped a moment ago, counted by the monotonic clock: no clock but one is trusted. */
  private async streamNowUs(): Promise<number> {
    const { bus, clock } = this.parts.host;
    if (this.streamTime === undefined) {
      const last = await bus.readLast(this.outputSubject);
      this.streamTime ??= { atUs: last?.atUs ?? clock.wallUs(), monotonicUs: clock.monotonicUs() };
    }
    return this.streamTime.atUs + clock.monotonicUs() - this.streamTime.monotonicUs;
  }

  /** Where jobs are recorded each goes by itself, so that its start and stop are its own. */
  private async runJobs(inputs: readonly InstanceInput[]): Promise<void> {
    const { host, program, jobs } = this.parts;
    const faulty = isFaulty(host);
    if (faulty) await host.faults.reach(FaultPoint.beforeJob);
    const [first] = inputs;
    const results =
      jobs === undefined || first === undefined ? await program.runJobs(inputs) : [await this.recorded(jobs, first)];
    if (faulty) await host.faults.reach(FaultPoint.afterJob);
    const done: JobOutputs[] = [];
    let failure: JobFailure | undefined;
    // What waited because this instance was not there yet is no late answer.
    const endedUs = this.state.phase === 'running' ? host.clock.monotonicUs() : undefined;
    const { deadlineUs } = this.spec;
    for (const [index, result] of results.entries()) {
      if (result.kind === 'failed') failure = result.failure;
      else {
        const { executionUs, fuelUsed, outputs } = result;
        done.push(outputs);
        const arrivedUs = inputs[index]?.arrivedUs;
        const responseUs = endedUs === undefined || arrivedUs === undefined ? undefined : endedUs - arrivedUs;
        const skipped = endedUs === undefined ? 0 : (inputs[index]?.skipped ?? 0);
        this.totals.jobDone({ executionUs, fuelUsed, responseUs, deadlineUs, skipped });
      }
    }
    this.tell((nowUs) => this.core.jobsDone(done, nowUs, failure));
    for (const hear of this.whenJobEnded.splice(0)) hear();
  }

  private async recorded(recorder: JobRecorder, input: InstanceInput): Promise<JobResult> {
    const jobNumber = ++this.jobNumber;
    recorder.note(this.jobStarted(jobNumber, input));
    const result = await this.parts.program.runJob(input);
    recorder.note(this.jobStopped(jobNumber, result));
    return result;
  }

  private jobStarted(jobNumber: number, input: InstanceInput): JobStarted {
    const startedAtUs = this.parts.host.clock.monotonicUs();
    return {
      kind: 'started',
      task: this.spec.name,
      epoch: this.epoch,
      jobNumber,
      inputKind: input.kind,
      inputNumber: input.number,
      releasedAtUs: input.arrivedUs ?? startedAtUs,
      startedAtUs,
    };
  }

  private jobStopped(jobNumber: number, result: JobResult): JobStopped {
    const done = result.kind === 'done' ? result : undefined;
    return {
      kind: 'stopped',
      task: this.spec.name,
      epoch: this.epoch,
      jobNumber,
      stoppedAtUs: this.parts.host.clock.monotonicUs(),
      failure: result.kind === 'failed' ? result.failure.code : undefined,
      fuelUsed: done?.fuelUsed ?? 0,
      outputs: done?.outputs.length ?? 0,
      ...(done === undefined ? {} : { executionUs: done.executionUs }),
    };
  }

  // ——— checkpoints ———

  private async capture(mode: 'full' | 'delta', boundary: BoundaryState): Promise<void> {
    const { host, program, source } = this.parts;
    if (isFaulty(host)) await host.faults.reach(FaultPoint.beforeCapture);
    try {
      const capture = await program.capture(mode);
      if (this.over) return;
      const { captureUs, pageIndexes, pageCount } = capture;
      this.totals.captured({ captureUs, dirtyPages: pageIndexes.length, pages: pageCount });
      source.hold(boundary, capture);
      this.tell((nowUs) => this.core.captured(nowUs));
    } catch (cause) {
      if (this.over) return;
      const sentence = cause instanceof Error ? cause.message : String(cause);
      const code = cause instanceof DroverError && cause.code.startsWith('ERR_JOB_') ? cause.code : 'ERR_JOB_HANG';
      this.tell(() => this.core.end(code, `its state could not be captured: ${sentence}`));
    }
  }

  private async announce(boundary: BoundaryState): Promise<void> {
    await this.parts.host.faults.reach(FaultPoint.beforeAnnounce);
    if (this.over) return;
    await this.parts.source.announce(boundary.sequence);
    await this.parts.host.faults.reach(FaultPoint.afterAnnounce);
  }

  private async checkPlacement(): Promise<void> {
    const { host } = this.parts;
    host.counters.add('instance.placementChecks');
    const epoch = await this.parts.readPlacementEpoch();
    if (epoch === undefined) await pause(host.clock, RETRY_US);
    this.tell((nowUs) => this.core.placementRead(epoch, nowUs));
  }

  private release(): void {
    this.over = true;
    this.consuming?.();
    this.timePasses?.();
    this.ticker?.stop();
  }
}

function toOutputsAnswer(answer: AppendAnswer): OutputsAnswer {
  switch (answer.kind) {
    case 'appended':
      return answer;
    case 'busy':
    case 'full':
      return { kind: 'again' };
    default:
      return { kind: 'unsure' };
  }
}

const numberIn = (message: StreamMessage, name: string): number => Number(message.headers[name] ?? Number.NaN);

export function parseLastOutput(message: StreamMessage): LastOutput {
  return {
    sequence: message.sequence,
    epoch: numberIn(message, header.epoch) || 0,
    nonce: message.headers[header.nonce] ?? '',
    number: numberIn(message, header.output) || 0,
  };
}

/** Undefined for a message without a valid number: a foreign publisher's, which the ingress should have numbered. */
export function parseInput(message: StreamMessage, arrivedUs?: number): InstanceInput | undefined {
  const kind = message.subject.endsWith('.tick') ? 'tick' : 'data';
  const number = numberIn(message, header.number);
  const skipped = kind === 'tick' ? numberIn(message, header.skipped) || 0 : 0;
  if (!Number.isSafeInteger(number) || number < 1) return undefined;
  const { sequence, payload } = message;
  return arrivedUs === undefined
    ? { sequence, kind, number, skipped, payload }
    : { sequence, kind, number, skipped, payload, arrivedUs };
}

/**
 * One instance of a task: inputs in, outputs out, fenced, checkpointed. Sans-I/O: every method is told a fact and the time,
 * and leaves requests in `requests`, which the driver (`actors/instance.ts`, the simulator's runs the same file) carries out.
 *
 *   claiming ── marker accepted ──▶ replaying ── inputs of the start consumed ──▶ running ⇄ paused        any ──▶ ended
 *
 * I1. Nothing is appended before this instance's marker; the marker and every output carry the sequence they expect to
 *     follow, so that a later instance's marker refuses all of ours.
 * I2. After any answer but `appended`, the last output is read, and (epoch, nonce, number) alone decide: a higher epoch, or
 *     ours with another nonce, means fenced; otherwise what is not there is sent again.
 * I3. Jobs one after the other, inputs in stream order, each exactly the one after the cursor (contiguity), else the instance
 *     stops and says so. Several that wait are asked for together; what stops an instance stops it between two requests.
 * I4. Outputs up to the number in the marker were accepted before: they are computed and dropped.
 * I5. A boundary state is announced only when all its outputs are accepted. One capture is out at a time.
 * I6. Jobs may run ahead of accepted outputs, by a bound: a fenced instance's unaccepted outputs are nobody's.
 * I7. After a silence longer than the lease (the process was stopped) the placement is asked before the next job.
 * I8. Who appends nothing is refused nothing: an instance that had no output accepted for some leases asks the placement,
 *     so that one that was replaced while it was cut off does not sit on its memory for ever. Jobs go on meanwhile.
 * I9. One that stands still has perhaps handed its task over, and its state is kept for whoever goes on with it: it asks much later, or
 *     when its connection comes back.
 * I10. One whose state was kept up with its task goes on with its jobs while its marker is on its way, as it did before it was to be the
 *     task: their outputs wait for the marker like all others (I1).
 */
import { assert } from '../kernel/assert.ts';
import type { ErrorCode } from '../kernel/error-codes.ts';
import { type InputCursor, START_OF_INPUTS } from '../model/checkpoint.ts';
import type { CheckpointPolicy } from '../model/task.ts';
import { advance } from '../task/contiguity.ts';
import { InputQueue } from './input-queue.ts';
import type {
  BoundaryState,
  InstanceInput,
  InstanceRequest,
  JobFailed,
  JobOutputs,
  LastOutput,
  OutputEntry,
} from './requests.ts';

export interface InstanceOptions {
  readonly epoch: number;
  readonly nonce: string;
  /** Where the restored state stands; undefined: a fresh start from the first input. */
  readonly restored: RestoredAt | undefined;
  readonly checkpoint: CheckpointPolicy;
  readonly leaseUs: number;
  readonly nowUs: number;
}

export interface RestoredAt {
  readonly input: InputCursor;
  /** Of the last output computed before it. */
  readonly outputNumber: number;
  /** Of those, the last ones, which perhaps nobody has accepted: its state was followed ahead of its source (`follower-core.ts`). */
  readonly unaccepted?: readonly OutputEntry[] | undefined;
}

/** The answer to `append-outputs`; `sequence` is that of the batch's last message. */
export type OutputsAnswer =
  | { readonly kind: 'appended'; readonly sequence: number }
  /** Refused, duplicate or unknown: read and decide. */
  | { readonly kind: 'unsure' }
  /** Nothing was written, nothing has changed: the same again (busy, disconnected, stream full). */
  | { readonly kind: 'again' };

/** Jobs stop running ahead when this many outputs wait to be accepted. */
const OUTPUTS_WAITING_MAX = 256;
const BATCH_MAX = 64;
const BATCH_BYTES_MAX = 512 * 1024;
/** I8, in leases. */
const UNPROVEN_LEASES_MAX = 2;
/** I9, in leases. */
const KEPT_LEASES_MAX = 10;
/** Checkpoint intervals from the end of a replay to the first checkpoint of the new epoch, which carries everything. */
const INTERVALS_AFTER_RESTORE = 3;
/** A replay longer than this many checkpoint intervals takes checkpoints. */
const REPLAY_INTERVALS = 20;
const MARKER_PAYLOAD = new Uint8Array(0);

type Phase = 'claiming' | 'replaying' | 'running' | 'ended';

export class InstanceCore {
  readonly requests: InstanceRequest[] = [];
  private readonly options: InstanceOptions;
  private phase: Phase = 'claiming';
  private paused = false;
  private pauseWanted = false;

  private cursor: InputCursor;
  /** Number of the last output computed, and of the last accepted. */
  private outputNumber: number;
  private acceptedNumber = 0;
  /** The output subject's last sequence, as far as this instance knows. */
  private outputSequence = 0;
  private appending: readonly OutputEntry[] | undefined;
  private readonly waiting: OutputEntry[] = [];

  private readonly inputs = new InputQueue();
  private startInputsThrough: number | undefined;
  /** Asked for and not answered. */
  private jobs: readonly InstanceInput[] = [];

  private checkpointSequence = 0;
  private chainLength = 0;
  private checkpointDueUs: number;
  /** A replay is not held up by checkpoints, unless it takes so long that losing it would hurt. */
  private readonly replayedLongUs: number;
  private checkpointWanted: 'full' | 'delta' | undefined;
  private capturing: BoundaryState | undefined;
  private unannounced: BoundaryState | undefined;
  private consumedSinceCapture = true;

  private lastSeenUs: number;
  /** When it last was known that this instance owns the task's outputs. */
  private provenUs: number;
  private checkingPlacement: 'blocking' | 'aside' | undefined;

  constructor(options: InstanceOptions) {
    this.options = options;
    this.cursor = options.restored?.input ?? START_OF_INPUTS;
    this.outputNumber = options.restored?.outputNumber ?? 0;
    this.waiting.push(...(options.restored?.unaccepted ?? []));
    this.checkpointDueUs = options.nowUs + options.checkpoint.intervalUs;
    this.replayedLongUs = options.nowUs + REPLAY_INTERVALS * options.checkpoint.intervalUs;
    this.lastSeenUs = options.nowUs;
    this.provenUs = options.nowUs;
  }

  /** Takes what was asked for since the last call. */
  take(): InstanceRequest[] {
    return this.requests.splice(0);
  }

  get state(): {
    readonly phase: Phase;
    readonly paused: boolean;
    /** It is to stand still: no job begins any more. */
    readonly pauseWanted: boolean;
    readonly cursor: InputCursor;
    readonly outputNumber: number;
    readonly acceptedNumber: number;
    readonly inputsWaiting: number;
  } {
    const { phase, paused, pauseWanted, cursor, outputNumber, acceptedNumber } = this;
    return {
      phase,
      paused,
      pauseWanted,
      cursor,
      outputNumber,
      acceptedNumber,
      inputsWaiting: this.inputs.waiting,
    };
  }

  /** Inputs are asked for at once, because they take a while to come; none is looked at before the marker stands. */
  begin(): void {
    this.requests.push({ kind: 'read-last-output' }, { kind: 'consume-inputs', fromSequence: this.cursor.sequence + 1 });
  }

  // ——— outputs and the fence (I1, I2, I4) ———

  lastOutputRead(last: LastOutput | undefined, nowUs: number): void {
    if (this.phase === 'ended') return;
    const { epoch, nonce } = this.options;
    if (last !== undefined && (last.epoch > epoch || (last.epoch === epoch && last.nonce !== nonce))) {
      this.end('ERR_FENCED', `epoch ${last.epoch} owns the outputs; this instance is of epoch ${epoch}`);
      return;
    }
    this.outputSequence = last?.sequence ?? 0;
    const ours = last !== undefined && last.epoch === epoch;
    if (this.phase === 'claiming') {
      if (ours) this.claimed(last.number, nowUs);
      else this.append([{ marker: true, number: last?.number ?? 0, channel: 0, payload: MARKER_PAYLOAD }]);
      return;
    }
    if (!ours) {
      this.end('ERR_FENCED', "the output stream has lost this instance's marker");
      return;
    }
    this.accepted(last.number);
    this.pump(nowUs);
  }

  outputsAnswered(answer: OutputsAnswer, nowUs: number): void {
    if (this.phase === 'ended') return;
    const batch = this.appending;
    assert(batch !== undefined, 'an answer follows an append');
    const last = batch[batch.length - 1];
    assert(last !== undefined, 'a batch is not empty');
    this.appending = undefined;
    switch (answer.kind) {
      case 'unsure':
        this.requests.push({ kind: 'read-last-output' });
        return;
      case 'again':
        this.append(batch);
        return;
      case 'appended':
        this.outputSequence = answer.sequence;
        this.provenUs = nowUs;
        if (this.phase === 'claiming') {
          this.claimed(last.number, nowUs);
          return;
        }
        this.accepted(last.number);
        this.pump(nowUs);
    }
  }

  private claimed(lastAccepted: number, nowUs: number): void {
    this.phase = 'replaying';
    this.accepted(lastAccepted);
    this.requests.push({ kind: 'started' });
    this.pump(nowUs);
  }

  private accepted(number: number): void {
    this.acceptedNumber = Math.max(this.acceptedNumber, number);
    let done = 0;
    while (done < this.waiting.length && (this.waiting[done] as OutputEntry).number <= number) done++;
    if (done > 0) this.waiting.splice(0, done);
  }

  private append(batch: readonly OutputEntry[]): void {
    this.appending = batch;
    this.requests.push({ kind: 'append-outputs', expectedSequence: this.outputSequence, batch });
  }

  private flushOutputs(): void {
    if (this.appending !== undefined || this.waiting.length === 0) return;
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && count < BATCH_MAX) {
      bytes += (this.waiting[count] as OutputEntry).payload.length;
      if (count > 0 && bytes > BATCH_BYTES_MAX) break;
      count++;
    }
    this.append(this.waiting.slice(0, count));
  }

  // ——— inputs and jobs (I3, I6) ———

  inputArrived(input: InstanceInput, nowUs: number): void {
    if (this.phase === 'ended') return;
    this.inputs.arrived(input);
    this.pump(nowUs);
  }

  /** All inputs that were in the stream when consuming began have arrived. */
  startInputsArrived(nowUs: number): void {
    this.startInputsThrough = this.inputs.lastSequence ?? this.cursor.sequence;
    this.pump(nowUs);
  }

  /** The outputs of the first jobs asked for, one entry a job, and why the one after them failed. The others stay the next. */
  jobsDone(jobs: readonly JobOutputs[], nowUs: number, failure?: JobFailed): void {
    if (this.phase === 'ended') return;
    const { jobs: asked } = this;
    assert(jobs.length <= asked.length, 'jobs that ended had begun');
    this.jobs = [];
    for (const [index, outputs] of jobs.entries()) this.jobDone(asked[index] as InstanceInput, outputs);
    this.inputs.settle(asked, jobs.length);
    if (failure === undefined) return this.pump(nowUs);
    // What was computed before an input that cannot be consumed is due all the same.
    if (this.phase !== 'claiming') this.flushOutputs();
    this.end(failure.code, failure.sentence);
  }

  private jobDone(input: InstanceInput, outputs: JobOutputs): void {
    this.cursor = advance(this.cursor, input, input.sequence);
    this.consumedSinceCapture = true;
    for (const { channel, payload } of outputs) {
      this.outputNumber++;
      if (this.outputNumber > this.acceptedNumber)
        this.waiting.push({ marker: false, number: this.outputNumber, channel, payload });
    }
  }

  private pump(nowUs: number): void {
    if (this.phase === 'ended') return;
    if (this.phase === 'claiming') return this.runAhead();
    this.flushOutputs();
    this.announceIfAccepted();
    if (this.silenceEnded(nowUs)) return;
    if (this.jobs.length > 0 || this.capturing !== undefined) return;
    if (
      this.phase === 'replaying' &&
      this.startInputsThrough !== undefined &&
      this.cursor.sequence >= this.startInputsThrough
    ) {
      this.phase = 'running';
      // A restored state is durable already, and others may still be on their way to this ECU: its next checkpoint can wait.
      const intervals = this.options.restored === undefined ? 1 : INTERVALS_AFTER_RESTORE;
      this.checkpointDueUs = nowUs + intervals * this.options.checkpoint.intervalUs;
      this.requests.push({ kind: 'caught-up' });
    }
    if (this.pauseWanted) {
      this.pauseIfSettled(nowUs);
      return;
    }
    if (this.beginCapture(nowUs)) return;
    if (this.waiting.length < OUTPUTS_WAITING_MAX) this.beginJobs();
  }

  /** I10. */
  private runAhead(): void {
    const isFollowed = this.options.restored?.unaccepted !== undefined;
    if (isFollowed && this.jobs.length === 0 && this.waiting.length < OUTPUTS_WAITING_MAX) this.beginJobs();
  }

  private beginJobs(): void {
    const jobs = this.inputs.take(this.cursor);
    if ('code' in jobs) return this.end(jobs.code, jobs.sentence);
    if (jobs.length === 0) return;
    this.jobs = jobs;
    this.requests.push({ kind: 'run-jobs', inputs: jobs });
  }

  // ——— checkpoints (I5) ———

  wantCheckpoint(mode: 'full' | 'delta', nowUs: number): void {
    this.checkpointWanted = mode;
    this.pump(nowUs);
  }

  captured(nowUs: number): void {
    if (this.phase === 'ended') return;
    assert(this.capturing !== undefined, 'a capture that ended had begun');
    this.unannounced = this.capturing;
    this.capturing = undefined;
    this.pump(nowUs);
  }

  /** The next checkpoint carries everything: somebody who follows the increments has missed one. */
  restartChain(): void {
    this.chainLength = this.options.checkpoint.chainMax;
  }

  private beginCapture(nowUs: number): boolean {
    const { intervalUs, chainMax } = this.options.checkpoint;
    const due =
      nowUs >= this.checkpointDueUs && this.consumedSinceCapture && (this.phase === 'running' || nowUs >= this.replayedLongUs);
    if (!(due || this.checkpointWanted !== undefined) || this.unannounced !== undefined) return false;
    const full = this.checkpointSequence === 0 || this.chainLength >= chainMax || this.checkpointWanted === 'full';
    const sequence = this.checkpointSequence + 1;
    const { cursor: input, outputNumber } = this;
    const boundary = { sequence, baseSequence: full ? undefined : this.checkpointSequence, input, outputNumber };
    this.checkpointSequence = sequence;
    this.chainLength = full ? 0 : this.chainLength + 1;
    this.checkpointDueUs = nowUs + intervalUs;
    this.checkpointWanted = undefined;
    this.consumedSinceCapture = false;
    this.capturing = boundary;
    this.requests.push({ kind: 'capture', mode: full ? 'full' : 'delta', boundary });
    return true;
  }

  private announceIfAccepted(): void {
    const boundary = this.unannounced;
    if (boundary === undefined || boundary.outputNumber > this.acceptedNumber) return;
    this.unannounced = undefined;
    this.requests.push({ kind: 'announce', boundary });
  }

  // ——— pause, silence, end ———

  /** Every call leads to one `paused`, also when it is paused already. */
  pause(nowUs: number): void {
    this.pauseWanted = true;
    this.paused = false;
    this.pump(nowUs);
  }

  resume(nowUs: number): void {
    this.pauseWanted = false;
    this.paused = false;
    this.pump(nowUs);
  }

  /** For a clean leave, while it is paused: what was consumed since the last checkpoint goes into one more. */
  saveBoundary(nowUs: number): void {
    if (!this.consumedSinceCapture) return;
    this.checkpointWanted ??= 'delta';
    this.pump(nowUs);
  }

  /** A pause is at a job boundary: the checkpoint that is asked for then is taken then. */
  private pauseIfSettled(nowUs: number): void {
    if (this.waiting.length > 0 || this.appending !== undefined) return;
    if (this.checkpointWanted !== undefined && this.beginCapture(nowUs)) return;
    if (this.paused) return;
    this.paused = true;
    this.requests.push({ kind: 'paused' });
  }

  /** Called regularly, so that a quiet task is not taken for a stopped process, and a due checkpoint is taken. */
  timePassed(nowUs: number): void {
    this.pump(nowUs);
    if (this.phase === 'ended' || this.phase === 'claiming' || this.checkingPlacement !== undefined) return;
    const leasesMax = this.paused ? KEPT_LEASES_MAX : UNPROVEN_LEASES_MAX;
    if (nowUs - this.provenUs > leasesMax * this.options.leaseUs) this.askPlacement();
  }

  /** Whether its task has passed to another meanwhile (I8, I9). */
  askPlacement(): void {
    if (this.phase === 'ended' || this.phase === 'claiming' || this.checkingPlacement !== undefined) return;
    this.checkingPlacement = 'aside';
    this.requests.push({ kind: 'check-placement' });
  }

  /** I7. True while the placement must be asked first. */
  private silenceEnded(nowUs: number): boolean {
    const silentUs = nowUs - this.lastSeenUs;
    this.lastSeenUs = nowUs;
    if (this.checkingPlacement === 'blocking') return true;
    if (silentUs <= this.options.leaseUs) return false;
    if (this.checkingPlacement === undefined) this.requests.push({ kind: 'check-placement' });
    this.checkingPlacement = 'blocking';
    return true;
  }

  /** `epoch`: the placement's; `undefined` when it could not be read, so that it is asked again. */
  placementRead(epoch: number | undefined, nowUs: number): void {
    if (this.phase === 'ended') return;
    if (epoch === undefined) {
      this.requests.push({ kind: 'check-placement' });
      return;
    }
    if (epoch > this.options.epoch) {
      this.end('ERR_FENCED', `the placement is at epoch ${epoch}; this instance is of epoch ${this.options.epoch}`);
      return;
    }
    this.checkingPlacement = undefined;
    this.provenUs = nowUs;
    this.pump(nowUs);
  }

  end(code: ErrorCode, sentence: string): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.inputs.clear();
    this.waiting.length = 0;
    this.requests.push({ kind: 'ended', code, sentence });
  }
}

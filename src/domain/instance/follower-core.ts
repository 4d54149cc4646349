/**
 * A task's state that keeps up with an instance that runs elsewhere, so that it can go on from there at once. Sans-I/O.
 *
 * A deterministic task's job is a function of its state and the next input: whoever has its state at one cursor and reads the same inputs
 * on has its state at every later one, with nothing to be copied and nobody standing still.
 *
 * F1. It has no effect. Nothing is appended, nothing is captured; outputs are computed and kept.
 * F2. Kept are all outputs of which it does not know that they were accepted: it may be ahead of the instance that it follows, and whoever
 *     goes on from here (`restored.unaccepted` in `instance-core.ts`) has to append what that one no longer can.
 * F3. Bound: with so many kept no job begins until it has heard how far they were accepted.
 * F4. Whatever it fails by, it fails alone: there is a checkpoint to begin from.
 */
import { assert } from '../kernel/assert.ts';
import type { InputCursor } from '../model/checkpoint.ts';
import { advance } from '../task/contiguity.ts';
import { InputQueue } from './input-queue.ts';
import type { RestoredAt } from './instance-core.ts';
import type { InstanceInput, JobFailed, JobOutputs, OutputEntry } from './requests.ts';

/** F3. */
const KEPT_MAX = 256;
const KEPT_BYTES_MAX = 512 * 1024;

export class FollowerCore {
  private readonly inputs = new InputQueue();
  private cursor: InputCursor;
  private outputNumber: number;
  private readonly kept: OutputEntry[] = [];
  private keptBytes = 0;
  private jobs: readonly InstanceInput[] = [];
  private startInputsThrough: number | undefined;
  private failed: JobFailed | undefined;

  constructor(from: { readonly input: InputCursor; readonly outputNumber: number }) {
    this.cursor = from.input;
    this.outputNumber = from.outputNumber;
  }

  /** F4. */
  get failure(): JobFailed | undefined {
    return this.failed;
  }

  /** Every input that was there at the start has been consumed. */
  get hasCaughtUp(): boolean {
    return this.startInputsThrough !== undefined && this.cursor.sequence >= this.startInputsThrough;
  }

  get isFull(): boolean {
    return this.kept.length >= KEPT_MAX || this.keptBytes >= KEPT_BYTES_MAX;
  }

  /** Between two jobs: where whoever goes on from here begins. */
  get restored(): RestoredAt {
    assert(this.jobs.length === 0, 'a state is taken at a job boundary');
    return { input: this.cursor, outputNumber: this.outputNumber, unaccepted: this.kept };
  }

  /** Inputs that have arrived and are not consumed: for whoever goes on from here. */
  rest(): readonly InstanceInput[] {
    return this.inputs.drain();
  }

  inputArrived(input: InstanceInput): void {
    this.inputs.arrived(input);
  }

  /** All inputs that were in the stream when consuming began have arrived. */
  startInputsArrived(): void {
    this.startInputsThrough = this.inputs.lastSequence ?? this.cursor.sequence;
  }

  /** The jobs to run now, perhaps none. */
  begin(): readonly InstanceInput[] {
    if (this.failed !== undefined || this.jobs.length > 0 || this.isFull) return [];
    const jobs = this.inputs.take(this.cursor);
    if ('code' in jobs) {
      this.failed = jobs;
      return [];
    }
    this.jobs = jobs;
    return jobs;
  }

  /** The outputs of the first jobs begun, one entry a job, and why the one after them failed. */
  jobsDone(done: readonly JobOutputs[], failure?: JobFailed): void {
    const { jobs } = this;
    assert(done.length <= jobs.length, 'jobs that ended had begun');
    this.jobs = [];
    for (const [index, outputs] of done.entries()) {
      const input = jobs[index] as InstanceInput;
      this.cursor = advance(this.cursor, input, input.sequence);
      for (const { channel, payload } of outputs) {
        this.outputNumber++;
        this.keptBytes += payload.length;
        this.kept.push({ marker: false, number: this.outputNumber, channel, payload });
      }
    }
    this.inputs.settle(jobs, done.length);
    this.failed = failure;
  }

  /** The last output that was accepted. */
  accepted(number: number): void {
    let gone = 0;
    while (gone < this.kept.length && (this.kept[gone] as OutputEntry).number <= number) {
      this.keptBytes -= (this.kept[gone] as OutputEntry).payload.length;
      gone++;
    }
    this.kept.splice(0, gone);
  }
}

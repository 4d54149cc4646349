/** A program's end in the main thread, whatever runtime its lane belongs to. */
import { assert } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Log } from '../../src/ports/log.ts';
import type { JobFailure, JobInput, JobResult, TaskCapture, TaskImage, TaskProgram } from '../../src/ports/task-runtime.ts';
import type { LaneRequest } from './lane-messages.ts';

/** What a lane takes of these programs. */
interface Asked {
  ask(request: Exclude<LaneRequest, { type: 'start' }>): Promise<unknown>;
}

/** A message copies the whole buffer behind a view, so a view of a larger one is cut out first. Shared buffers are not copied. */
const compact = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength || bytes.buffer instanceof SharedArrayBuffer ? bytes : bytes.slice();
const compactInput = ({ kind, number, skipped, payload, arrivedUs }: JobInput): JobInput =>
  arrivedUs === undefined
    ? { kind, number, skipped, payload: compact(payload) }
    : { kind, number, skipped, payload: compact(payload), arrivedUs };
export const compactImage = ({ memory, globals }: TaskImage): TaskImage => ({
  memory: compact(memory),
  globals: compact(globals),
});

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A line that a task wrote for people, with its name. */
export function logFromTask(log: Log, task: string | undefined, level: number, sentence: string): void {
  log[LEVELS[Math.min(Math.max(level, 0), 3)] ?? 'info'](sentence, task === undefined ? {} : { task });
}

export interface LaneProgramOptions {
  readonly needs: TaskProgram['needs'];
  readonly number: number;
  readonly name: string;
  readonly lane: Asked;
  /** The core on whose turns it runs. */
  readonly core: number | undefined;
  readonly onEnded: (failure: JobFailure) => void;
  readonly onStopped: () => void;
}

/** A program's end in the main thread. */
export class LaneProgram implements TaskProgram {
  readonly needs: TaskProgram['needs'];
  readonly name: string;
  readonly lane: number | undefined;
  readonly #options: LaneProgramOptions;
  #busy = false;
  /** Nothing more will be heard of it: not started yet, stopped, or ended. */
  #over = true;

  constructor(options: LaneProgramOptions) {
    this.name = options.name;
    this.needs = options.needs;
    this.lane = options.core;
    this.#options = options;
  }

  started(): void {
    this.#over = false;
  }

  async runJob(input: JobInput): Promise<JobResult> {
    const [result] = await this.runJobs([input]);
    assert(result !== undefined, 'one job at least has a result');
    return result;
  }

  async runJobs(inputs: readonly JobInput[]): Promise<readonly JobResult[]> {
    assert(!this.#busy, 'one job at a time per program');
    this.#busy = true;
    try {
      const { lane, number: program } = this.#options;
      return (await lane.ask({ type: 'jobs', program, inputs: inputs.map(compactInput) })) as readonly JobResult[];
    } catch (error) {
      if (error instanceof DroverError) return [{ kind: 'failed', failure: { code: error.code, sentence: error.message } }];
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  async capture(mode: 'full' | 'delta'): Promise<TaskCapture> {
    return (await this.#options.lane.ask({ type: 'capture', program: this.#options.number, mode })) as TaskCapture;
  }

  async readShadow(pageIndexes: Uint32Array): Promise<Uint8Array> {
    return (await this.#options.lane.ask({ type: 'read-shadow', program: this.#options.number, pageIndexes })) as Uint8Array;
  }

  async stop(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#options.onStopped();
    // A lane that has ended meanwhile has stopped the program too.
    await this.#options.lane.ask({ type: 'stop', program: this.#options.number }).catch((error: unknown) => {
      if (!(error instanceof DroverError)) throw error;
    });
  }

  /** The lane is gone. */
  ended(failure: JobFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onEnded(failure);
  }
}

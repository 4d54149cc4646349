/**
 * A lane as the main thread sees it: requests in, promises out, and a watchdog.
 *
 * The watchdog counts its own ticks without progress instead of comparing times: a main thread (or a whole process) that
 * stood still finds one late tick, and the lane's answers are read before the next one. Progress is any answer while
 * requests are open. A lane that makes none for `TICKS_WITHOUT_PROGRESS` ticks is ended, and with it every program it
 * hosts; so is one whose thread dies by itself. The watchdog starts when the thread has loaded its code.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { LaneOrder } from '../../src/domain/instance/lane-queue.ts';
import { AssertionError } from '../../src/domain/kernel/assert.ts';
import { DroverError, type ErrorCode } from '../../src/domain/kernel/error-codes.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { JobFailure } from '../../src/ports/task-runtime.ts';
import type { SeatData } from './core-turns.ts';
import type { LaneAnswer, LaneData, Numbered } from './lane-messages.ts';

export interface LaneOptions {
  /** What the thread runs: compiled JavaScript, because a thread has no loader of its own. */
  readonly file: URL;
  readonly name: string;
  readonly resourceLimits: ResourceLimits;
  /** Who goes first among the programs it hosts. */
  readonly order: LaneOrder;
  /** At the core that it shares with other threads. */
  readonly seat?: SeatData | undefined;
  /** The thread has ended, whatever by: nothing of it runs any more. */
  readonly onGone?: () => void;
  readonly clock: Clock;
  readonly watchdogUs: number;
  /** The lane is gone, and everything open in it has failed with the same words. Called once, unless `close` came first. */
  readonly onEnded: (failure: JobFailure) => void;
  readonly onLog: (program: number, level: number, sentence: string) => void;
}

const TICKS_WITHOUT_PROGRESS = 4;

interface Open {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Lane<Request extends object> {
  readonly #worker: Worker;
  readonly #options: LaneOptions;
  readonly #open = new Map<number, Open>();
  #lastNumber = 0;
  #up = false;
  #progress = 0;
  #cancelWatchdog: Cancel | undefined;
  #ended: JobFailure | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { file, name, resourceLimits, order, seat } = options;
    const workerData: LaneData = { order, seat };
    this.#worker = new Worker(file, { resourceLimits, execArgv: [], name, workerData });
    this.#worker.on('message', (answer: LaneAnswer) => this.#answered(answer));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'ERR_JOB_MEMORY' : 'ERR_JOB_TRAP';
      this.#end(code, `its worker thread died: ${error.message}`);
    });
    this.#worker.on('exit', (code) => {
      options.onGone?.();
      this.#end('ERR_JOB_TRAP', `its worker thread ended with code ${code}`);
    });
  }

  ask(request: Request): Promise<unknown> {
    const ended = this.#ended;
    if (ended !== undefined) return Promise.reject(new DroverError(ended.code, ended.sentence));
    return new Promise((resolve, reject) => {
      const number = ++this.#lastNumber;
      this.#open.set(number, { resolve, reject });
      const askedUs = this.#options.clock.monotonicUs();
      this.#worker.postMessage({ ...request, number, askedUs } satisfies Numbered<Request>);
      if (this.#up && this.#cancelWatchdog === undefined) this.#watch(this.#progress, 0);
    });
  }

  async close(): Promise<void> {
    this.#ended ??= { code: 'ERR_JOB_TRAP', sentence: 'the runtime was closed' };
    this.#cancelWatchdog?.();
    this.#rejectOpen(this.#ended);
    await this.#worker.terminate();
  }

  #answered(answer: LaneAnswer): void {
    if (answer.type === 'log') {
      this.#options.onLog(answer.program, answer.level, answer.sentence);
      return;
    }
    if (answer.type === 'up') {
      this.#up = true;
      if (this.#open.size > 0) this.#watch(this.#progress, 0);
      return;
    }
    const open = this.#open.get(answer.number);
    if (open === undefined) return;
    this.#progress++;
    this.#open.delete(answer.number);
    if (answer.type === 'done') open.resolve(answer.value);
    else if (answer.type === 'failed')
      open.reject(new DroverError(answer.code, answer.sentence, { retryable: answer.retryable }));
    else open.reject(new AssertionError(`in a lane: ${answer.stack}`));
  }

  /** One timer at a time, and none while the lane has nothing to do. */
  #watch(progressBefore: number, ticks: number): void {
    this.#cancelWatchdog = this.#options.clock.after(this.#options.watchdogUs / TICKS_WITHOUT_PROGRESS, () => {
      this.#cancelWatchdog = undefined;
      if (this.#ended !== undefined || this.#open.size === 0) return;
      const still = this.#progress === progressBefore ? ticks + 1 : 0;
      if (still < TICKS_WITHOUT_PROGRESS) this.#watch(this.#progress, still);
      else this.#end('ERR_JOB_HANG', `its worker thread did not answer within ${this.#options.watchdogUs} µs and was ended`);
    });
  }

  #end(code: ErrorCode, sentence: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = { code, sentence };
    this.#cancelWatchdog?.();
    void this.#worker.terminate();
    this.#rejectOpen(this.#ended);
    this.#options.onEnded(this.#ended);
  }

  #rejectOpen({ code, sentence }: JobFailure): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { reject } of open) reject(new DroverError(code, sentence));
  }
}

/** A thread needs JavaScript: from the source tree (vitest) that is the compiled file in `dist`. `file` lies beside `here`. */
export function threadFile(here: string, file: string): URL {
  if (!here.endsWith('.ts')) return new URL(`./${file}.js`, here);
  const folder = here.slice(here.lastIndexOf('/infra/runtime/') + 1, here.lastIndexOf('/') + 1);
  const root = here.slice(0, here.lastIndexOf('/infra/runtime/') + 1);
  return new URL(`dist/${folder}${file}.js`, root);
}

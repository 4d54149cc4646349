/**
 * One task's program in the thread that calls: its instance, its jobs, its captures. A lane hosts many of these, and
 * `run-alone.ts` drives one without any worker.
 *
 * G1. State is the linear memory and the mutable globals named by the mark. Fuel, stack budget and growth note are set by
 *     the host before every call and are no part of it.
 * G2. A job that fails leaves the program unusable: its state is no job boundary. Every later job answers with the same
 *     failure, and nothing can be captured.
 * G3. Instantiating runs no code of the task. A fresh program then runs its start function and `drover_init`; a restored
 *     one runs neither.
 */
import { assert } from '../../../src/domain/kernel/assert.ts';
import { DroverError, type ErrorCode } from '../../../src/domain/kernel/error-codes.ts';
import { PAGE_BYTES } from '../../../src/domain/model/checkpoint.ts';
import type { JobFailure, JobInput, JobOutput, JobResult, TaskCapture, TaskImage } from '../../../src/ports/task-runtime.ts';
import { isZeroPage, Shadow } from '../shadow.ts';
import {
  CHANNEL_MAX,
  exported,
  jobKind,
  LOG_BYTES_MAX,
  LOG_LINES_PER_JOB_MAX,
  OUTPUT_BYTES_MAX,
  OUTPUT_BYTES_PER_JOB_MAX,
  OUTPUT_COUNT_MAX,
  reserved,
} from './abi.ts';
import { decodeGlobals, encodeGlobals } from './globals.ts';
import { type Mark, readMark } from './mark.ts';
import { WASM_PAGE_BYTES } from './prepare.ts';
import { growth, STACK_SLOTS } from './rewrite.ts';

/** Start and initialisation may loop over the whole memory, whatever one job may use; well under a second of loops. */
const INIT_FUEL = 200_000_000;

export interface ProgramOptions {
  readonly module: WebAssembly.Module;
  readonly fuelPerJob: number;
  readonly image: TaskImage | undefined;
  readonly log: (level: number, sentence: string) => void;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly input: (byteLength: number) => number;
  readonly job: (kind: number, number: number, skipped: number, pointer: number, byteLength: number) => void;
  readonly init: (() => void) | undefined;
  readonly start: (() => void) | undefined;
  readonly fuel: WebAssembly.Global;
  readonly stack: WebAssembly.Global;
  readonly growthRefused: WebAssembly.Global;
  readonly globals: readonly WebAssembly.Global[];
}

/** Thrown through the task's own frames by a host function; a task cannot catch it, because exceptions are refused. */
class HostRefusal extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

export class WasmProgram {
  readonly #mark: Mark;
  readonly #exports: Exports;
  readonly #fuelPerJob: number;
  readonly #log: ProgramOptions['log'];
  readonly #shadow = new Shadow();
  #outputs: JobOutput[] = [];
  #outputBytes = 0;
  #logLines = 0;
  #bytes = new Uint8Array(0);
  #failure: JobFailure | undefined;

  /** Fails with ERR_MODULE_REFUSED, ERR_STORE_CORRUPT (an image of another program) or the ERR_JOB_* of its initialisation. */
  constructor({ module, fuelPerJob, image, log }: ProgramOptions) {
    this.#mark = readMark(module);
    this.#fuelPerJob = fuelPerJob;
    this.#log = log;
    this.#exports = this.#instantiate(module);
    if (image === undefined) this.#initialise();
    else this.#restore(image);
  }

  runJob(input: JobInput): JobResult {
    if (this.#failure !== undefined) return { kind: 'failed', failure: this.#failure };
    const startedMs = performance.now();
    const failure = this.#call(this.#fuelPerJob, () => this.#job(input));
    if (failure !== undefined) {
      this.#failure = failure;
      return { kind: 'failed', failure };
    }
    const executionUs = Math.round((performance.now() - startedMs) * 1000);
    return { kind: 'done', outputs: this.#outputs, executionUs, fuelUsed: this.#fuelPerJob - Number(this.#exports.fuel.value) };
  }

  capture(mode: 'full' | 'delta'): TaskCapture {
    if (this.#failure !== undefined) {
      throw new DroverError(this.#failure.code, `no state to capture, because a job failed: ${this.#failure.sentence}`);
    }
    const startedMs = performance.now();
    const taken = mode === 'full' || !this.#shadow.taken ? 'full' : 'delta';
    const memory = this.#memory();
    const pages = taken === 'full' ? this.#shadow.captureFull(memory) : this.#shadow.captureDelta(memory);
    const globals = encodeGlobals(this.#mark.globals, this.#exports.globals);
    return { mode: taken, ...pages, globals, captureUs: Math.round((performance.now() - startedMs) * 1000) };
  }

  readShadow(pageIndexes: Uint32Array): Uint8Array {
    return this.#shadow.read(pageIndexes);
  }

  #instantiate(module: WebAssembly.Module): Exports {
    const imports: WebAssembly.Imports = {
      drover: {
        output: (channel = 0, pointer = 0, byteLength = 0) => this.#output(channel, pointer >>> 0, byteLength >>> 0),
        log: (level = 0, pointer = 0, byteLength = 0) => this.#logLine(level, pointer >>> 0, byteLength >>> 0),
      },
      env: { abort: (message = 0, file = 0, line = 0, column = 0) => this.#abort(message >>> 0, file >>> 0, line, column) },
    };
    let instance: WebAssembly.Instance;
    try {
      instance = new WebAssembly.Instance(module, imports);
    } catch (cause) {
      throw cause instanceof RangeError ? noRoom(cause) : notInstantiable(cause);
    }
    const { exports } = instance;
    return {
      memory: exports[exported.memory] as WebAssembly.Memory,
      input: exports[exported.input] as Exports['input'],
      job: exports[exported.job] as Exports['job'],
      init: exports[exported.init] as Exports['init'],
      start: exports[reserved.start] as Exports['start'],
      fuel: exports[reserved.fuel] as WebAssembly.Global,
      stack: exports[reserved.stack] as WebAssembly.Global,
      growthRefused: exports[reserved.growthRefused] as WebAssembly.Global,
      globals: this.#mark.globals.map((_, index) => exports[reserved.global(index)] as WebAssembly.Global),
    };
  }

  #initialise(): void {
    const failure = this.#call(INIT_FUEL, () => {
      this.#exports.start?.();
      this.#exports.init?.();
    });
    if (failure !== undefined)
      throw new DroverError(failure.code, `the task failed in its initialisation: ${failure.sentence}`);
    if (this.#outputs.length > 0)
      throw new DroverError(
        'ERR_JOB_OUTPUT',
        'the task put out something in its initialisation: only jobs may, because only they have a place in the input order',
      );
  }

  #restore({ memory, globals }: TaskImage): void {
    const { initialPages, maximumPages } = this.#mark;
    const pages = memory.length / WASM_PAGE_BYTES;
    if (!Number.isInteger(pages) || pages < initialPages || pages > maximumPages) {
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `the image is not this program's: ${memory.length} bytes of memory, where it has between ${initialPages} and ${maximumPages} pages of 64 KiB`,
      );
    }
    decodeGlobals(globals, this.#mark.globals, this.#exports.globals);
    try {
      this.#exports.memory.grow(pages - initialPages);
    } catch (cause) {
      throw noRoom(cause);
    }
    this.#writeBack(memory);
  }

  /** Memory that was grown just now is zero: a zero page of the image is not written there, so that it costs no real memory. */
  #writeBack(image: Uint8Array): void {
    const memory = this.#memory();
    const initialBytes = this.#mark.initialPages * WASM_PAGE_BYTES;
    memory.set(image.subarray(0, initialBytes));
    for (let at = initialBytes; at < image.length; at += PAGE_BYTES) {
      const page = image.subarray(at, at + PAGE_BYTES);
      if (!isZeroPage(page)) memory.set(page, at);
    }
  }

  #job(input: JobInput): void {
    const { length } = input.payload;
    let pointer = 0;
    if (length > 0) {
      pointer = this.#exports.input(length) >>> 0;
      this.#range(pointer, length, 'drover_input answered with a buffer').set(input.payload);
    }
    this.#exports.job(jobKind[input.kind], input.number, input.skipped, pointer, length);
  }

  /** Runs code of the task within its bounds; answers with why it failed, or undefined. */
  #call(fuel: number, run: () => void): JobFailure | undefined {
    const { fuel: fuelGlobal, stack, growthRefused } = this.#exports;
    fuelGlobal.value = BigInt(fuel);
    stack.value = STACK_SLOTS;
    growthRefused.value = growth.none;
    this.#outputs = [];
    this.#outputBytes = 0;
    this.#logLines = 0;
    try {
      run();
      return undefined;
    } catch (error) {
      return this.#explain(error, fuel);
    }
  }

  #explain(error: unknown, fuel: number): JobFailure {
    const where = frameOf(error);
    if (error instanceof HostRefusal) {
      const code =
        error.code === 'ERR_JOB_TRAP' && this.#exports.growthRefused.value === growth.beyondBound
          ? 'ERR_JOB_MEMORY'
          : error.code;
      return { code, sentence: error.message };
    }
    if ((this.#exports.fuel.value as bigint) < 0n) {
      return {
        code: 'ERR_JOB_FUEL',
        sentence: `it used up its fuel of ${fuel} loop iterations and calls${where}: an endless loop, or a budget too small`,
      };
    }
    if ((this.#exports.stack.value as number) < 0)
      return { code: 'ERR_JOB_TRAP', sentence: `its calls nest too deeply${where}` };
    if (this.#exports.growthRefused.value === growth.outOfMemory) {
      return {
        code: 'ERR_JOB_MEMORY',
        sentence: `this machine has no memory left for it, though it is within its bound${where}`,
      };
    }
    if (this.#exports.growthRefused.value === growth.beyondBound) {
      return {
        code: 'ERR_JOB_MEMORY',
        sentence: `it wanted more memory than its bound of ${this.#mark.maximumPages * 64} KiB${where}`,
      };
    }
    return { code: 'ERR_JOB_TRAP', sentence: `it trapped: ${messageOf(error)}${where}` };
  }

  #output(channel: number, pointer: number, byteLength: number): void {
    if (channel < 0 || channel > CHANNEL_MAX)
      throw new HostRefusal('ERR_JOB_OUTPUT', `channel ${channel} is not between 0 and ${CHANNEL_MAX}`);
    if (byteLength > OUTPUT_BYTES_MAX)
      throw new HostRefusal('ERR_JOB_OUTPUT', `an output of ${byteLength} bytes is larger than ${OUTPUT_BYTES_MAX}`);
    this.#outputBytes += byteLength;
    if (this.#outputBytes > OUTPUT_BYTES_PER_JOB_MAX)
      throw new HostRefusal('ERR_JOB_OUTPUT', `its outputs together are larger than ${OUTPUT_BYTES_PER_JOB_MAX} bytes`);
    if (this.#outputs.length === OUTPUT_COUNT_MAX)
      throw new HostRefusal('ERR_JOB_OUTPUT', `it put out more than ${OUTPUT_COUNT_MAX} times in one job`);
    this.#outputs.push({ channel, payload: this.#range(pointer, byteLength, 'it put out bytes').slice() });
  }

  #logLine(level: number, pointer: number, byteLength: number): void {
    const bytes = this.#range(pointer, byteLength, 'it logged bytes');
    if (++this.#logLines > LOG_LINES_PER_JOB_MAX) return;
    this.#log(level, new TextDecoder().decode(bytes.subarray(0, LOG_BYTES_MAX)));
  }

  #abort(message: number, file: number, line: number, column: number): never {
    const place = file === 0 ? '' : ` at ${this.#managedString(file)}:${line}:${column}`;
    throw new HostRefusal('ERR_JOB_TRAP', `it aborted: ${message === 0 ? 'no message' : this.#managedString(message)}${place}`);
  }

  /** An AssemblyScript string: UTF-16, its size in bytes in the four bytes before it. Read with care: the heap may be broken. */
  #managedString(pointer: number): string {
    const memory = this.#memory();
    if (pointer < 4 || pointer > memory.length) return 'unreadable';
    const byteLength = Math.min(
      new DataView(memory.buffer).getUint32(pointer - 4, true),
      LOG_BYTES_MAX,
      memory.length - pointer,
    );
    return new TextDecoder('utf-16le').decode(memory.subarray(pointer, pointer + byteLength));
  }

  #range(pointer: number, byteLength: number, what: string): Uint8Array {
    const memory = this.#memory();
    if (pointer + byteLength > memory.length) throw new HostRefusal('ERR_JOB_TRAP', `${what} outside of its memory`);
    return memory.subarray(pointer, pointer + byteLength);
  }

  /** The memory as it is now; a new view after it has grown. */
  #memory(): Uint8Array {
    const { buffer } = this.#exports.memory;
    if (this.#bytes.buffer !== buffer) this.#bytes = new Uint8Array(buffer);
    assert(this.#bytes.length === buffer.byteLength, 'the view covers the whole memory');
    return this.#bytes;
  }
}

/** Another machine may have it. */
const noRoom = (cause: unknown): DroverError =>
  new DroverError('ERR_JOB_MEMORY', `this machine has no room for the task's memory: ${messageOf(cause)}`, {
    cause,
    retryable: true,
  });

const notInstantiable = (cause: unknown): DroverError =>
  new DroverError('ERR_MODULE_INVALID', `the module does not instantiate: ${messageOf(cause)}`, { cause });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** ` in name`, from the innermost frame of the task's own code; its functions keep their names through the deploy pass. */
function frameOf(error: unknown): string {
  const frame = error instanceof Error ? /at (\S+) \(wasm:/.exec(error.stack ?? '') : null;
  return frame === null ? '' : ` in ${frame[1]}`;
}

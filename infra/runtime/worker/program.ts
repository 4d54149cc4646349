/**
 * One `worker` task's program in the thread that calls: its object, its jobs, its captures. A thread hosts one, and
 * `open-alone.ts` drives one without any worker.
 *
 * P1. State is what `serialize` gives and `deserialize` takes; everything else in the object is a task's bug, which shows as
 *     other outputs after a restore. The state's bytes are the checkpoint's memory, its header the checkpoint's globals.
 * P2. A job that fails leaves the program unusable: its state is no job boundary. Every later job answers with the same
 *     failure, and nothing can be captured.
 * P3. The memory only grows, as increments demand; a state that became shorter is followed by zeros.
 */
import { hash } from 'node:crypto';
import {
  checkHeader,
  DEFAULT_FORMAT,
  isFormatName,
  memoryBytesOf,
  ownFormat,
  type StateFormat,
  type StateHeader,
  stateBytesOf,
  TABLE_FORMAT,
  type WrittenState,
} from '../../../src/domain/checkpoint/state-format.ts';
import { DroverError, type ErrorCode } from '../../../src/domain/kernel/error-codes.ts';
import { decodeStateHeader, encodeStateHeader, valueFormat } from '../../../src/domain/protocol/codec-state.ts';
import type { JobFailure, JobInput, JobOutput, JobResult, TaskCapture, TaskImage } from '../../../src/ports/task-runtime.ts';
import type { HostedProgram } from '../lane-thread.ts';
import { Shadow } from '../shadow.ts';
import {
  CHANNEL_MAX,
  LOG_CHARS_MAX,
  LOG_LINES_PER_JOB_MAX,
  OUTPUT_BYTES_MAX,
  OUTPUT_BYTES_PER_JOB_MAX,
  OUTPUT_COUNT_MAX,
} from './abi.ts';
import { messageOf, placeOf, Realm, type TaskClass } from './realm.ts';

export interface WorkerProgramOptions {
  /** The artefact as text. */
  readonly source: string;
  readonly memoryBytesMax: number;
  readonly image: TaskImage | undefined;
  readonly log: (level: number, sentence: string) => void;
  /** Bounds loading where no watchdog does (the deploy pass). */
  readonly timeoutMs?: number;
}

/** What a task may be asked; looked for on the object, so that a class may inherit it. */
interface TaskObject {
  onInput?(input: object, job: object): unknown;
  onTick?(tick: object, job: object): unknown;
  serialize(): unknown;
  deserialize(state: unknown, version: number): unknown;
}

/** What the class says of its state. */
export interface StateTerms {
  readonly format: StateFormat;
  readonly taskVersion: number;
}

/** Fails with ERR_MODULE_*, ERR_STORE_CORRUPT (an image of another program) or the ERR_JOB_* of its first state. */
export async function openWorkerProgram(options: WorkerProgramOptions): Promise<WorkerProgram> {
  const program = new WorkerProgram(options);
  await program.start(options.image);
  return program;
}

export class WorkerProgram implements HostedProgram {
  readonly #options: WorkerProgramOptions;
  readonly #realm: Realm;
  readonly #task: TaskObject;
  readonly #shadow = new Shadow();
  #terms: StateTerms | undefined;
  #memory = new Uint8Array(0);
  #length = 0;
  #outputs: JobOutput[] = [];
  #outputBytes = 0;
  #logLines = 0;
  #refusal: JobFailure | undefined;
  #failure: JobFailure | undefined;

  constructor(options: WorkerProgramOptions) {
    this.#options = options;
    this.#realm = new Realm(options.source, {
      host: { output: (channel, payload) => this.#output(channel, payload), log: (level, text) => this.#log(level, text) },
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
    const { taskClass } = this.#realm;
    this.#task = this.#attempt('its constructor failed', () => new taskClass()) as TaskObject;
    const lacks = (['serialize', 'deserialize'] as const).filter((name) => typeof this.#task[name] !== 'function');
    if (lacks.length > 0) throw refused(`the class has no ${lacks.join(' and no ')}: its state could not be kept`);
    if (typeof this.#task.onInput !== 'function' && typeof this.#task.onTick !== 'function')
      throw refused('the class has neither onInput nor onTick: it would do nothing');
  }

  async start(image: TaskImage | undefined): Promise<void> {
    const terms = await termsOf(this.#realm.taskClass);
    this.#terms = terms;
    if (image !== undefined) this.#restore(image, terms);
    // What cannot be written is said before the first job, and not at the first checkpoint.
    this.#written(this.#serialized(), terms);
  }

  runJob(input: JobInput): JobResult {
    if (this.#failure !== undefined) return { kind: 'failed', failure: this.#failure };
    this.#outputs = [];
    this.#outputBytes = 0;
    this.#logLines = 0;
    const startedMs = performance.now();
    try {
      this.#realm.call(() => this.#job(input));
    } catch (error) {
      this.#failure = { code: 'ERR_JOB_TRAP', sentence: `it threw: ${messageOf(error)}${placeOf(error)}` };
    }
    // A task may catch what the host threw at it; its job has failed all the same.
    this.#failure = this.#refusal ?? this.#failure;
    if (this.#failure !== undefined) return { kind: 'failed', failure: this.#failure };
    const executionUs = Math.round((performance.now() - startedMs) * 1000);
    return { kind: 'done', outputs: this.#outputs, executionUs, fuelUsed: 0 };
  }

  capture(mode: 'full' | 'delta'): TaskCapture {
    const terms = this.#terms;
    if (this.#failure !== undefined || terms === undefined) {
      const { code, sentence } = this.#failure ?? { code: 'ERR_JOB_TRAP', sentence: 'it has not started' };
      throw new DroverError(code, `no state to capture, because a job failed: ${sentence}`);
    }
    const startedMs = performance.now();
    const { bytes, schema } = this.#written(this.#serialized(), terms);
    this.#lay(bytes);
    const taken = mode === 'full' || !this.#shadow.taken ? 'full' : 'delta';
    const pages = taken === 'full' ? this.#shadow.captureFull(this.#memory) : this.#shadow.captureDelta(this.#memory);
    const globals = encodeStateHeader({
      format: terms.format.name,
      formatVersion: terms.format.version,
      taskVersion: terms.taskVersion,
      schema: fingerprint(schema),
      length: bytes.length,
    });
    return { mode: taken, ...pages, globals, captureUs: Math.round((performance.now() - startedMs) * 1000) };
  }

  readShadow(pageIndexes: Uint32Array): Uint8Array {
    return this.#shadow.read(pageIndexes);
  }

  #job(input: JobInput): void {
    const { job } = this.#realm;
    const answer =
      input.kind === 'tick'
        ? this.#task.onTick?.(this.#realm.tick(input.number, input.skipped), job)
        : this.#task.onInput?.(this.#realm.input(input.number, input.payload), job);
    if (typeof answer === 'object' && answer !== null && 'then' in answer)
      throw new Error('a job is done when it returns; this one answered with a promise');
  }

  // ——— state ———

  #serialized(): unknown {
    return this.#attempt('its serialize failed', () => this.#task.serialize());
  }

  #written(value: unknown, { format }: StateTerms): WrittenState {
    const written = format.write(value);
    if (!written.ok) throw new DroverError('ERR_JOB_TRAP', `its state cannot be kept: ${written.error.sentence}`);
    const { bytes } = written.value;
    const { memoryBytesMax } = this.#options;
    if (memoryBytesOf(bytes.length) > memoryBytesMax)
      throw new DroverError(
        'ERR_JOB_MEMORY',
        `its state of ${bytes.length} bytes is larger than its bound of ${memoryBytesMax} bytes`,
      );
    return written.value;
  }

  /** Puts the state where the pages are taken from. */
  #lay(bytes: Uint8Array): void {
    const size = memoryBytesOf(bytes.length, this.#memory.length);
    if (size > this.#memory.length) this.#memory = new Uint8Array(size);
    else if (bytes.length < this.#length) this.#memory.fill(0, bytes.length, this.#length);
    this.#memory.set(bytes);
    this.#length = bytes.length;
  }

  #restore({ memory, globals }: TaskImage, terms: StateTerms): void {
    const decoded = decodeStateHeader(globals);
    if (!decoded.ok) throw foreign(decoded.error.sentence);
    const header = checkHeader(decoded.value, terms);
    if (!header.ok) throw foreign(header.error.sentence);
    const bytes = stateBytesOf(memory, header.value);
    if (!bytes.ok) throw foreign(bytes.error.sentence);
    // A copy: what is read may keep views, and the image may lie in memory that others share.
    const state = terms.format.read(new Uint8Array(bytes.value));
    if (!state.ok) throw foreign(state.error.sentence);
    checkSchema(header.value, terms, state.value.schema);
    const own = this.#realm.own(state.value.value);
    this.#attempt('its deserialize failed', () => this.#task.deserialize(own, header.value.taskVersion));
  }

  #attempt<T>(what: string, run: () => T): T {
    try {
      return this.#realm.call(run, this.#options.timeoutMs === undefined ? {} : { timeout: this.#options.timeoutMs });
    } catch (error) {
      throw new DroverError('ERR_JOB_TRAP', `${what}: ${messageOf(error)}${placeOf(error)}`, { cause: error });
    }
  }

  // ——— what a job may ask of the host ———

  #output(channel: unknown, payload: unknown): void {
    if (typeof channel !== 'number' || !Number.isInteger(channel) || channel < 0 || channel > CHANNEL_MAX)
      this.#refuse('ERR_JOB_OUTPUT', `channel ${String(channel)} is not between 0 and ${CHANNEL_MAX}`);
    const bytes = bytesOf(payload);
    if (bytes === undefined) return this.#refuse('ERR_JOB_OUTPUT', 'an output is neither text nor a Uint8Array');
    if (bytes.length > OUTPUT_BYTES_MAX)
      this.#refuse('ERR_JOB_OUTPUT', `an output of ${bytes.length} bytes is larger than ${OUTPUT_BYTES_MAX}`);
    this.#outputBytes += bytes.length;
    if (this.#outputBytes > OUTPUT_BYTES_PER_JOB_MAX)
      this.#refuse('ERR_JOB_OUTPUT', `its outputs together are larger than ${OUTPUT_BYTES_PER_JOB_MAX} bytes`);
    if (this.#outputs.length === OUTPUT_COUNT_MAX)
      this.#refuse('ERR_JOB_OUTPUT', `it put out more than ${OUTPUT_COUNT_MAX} times in one job`);
    this.#outputs.push({ channel: channel as number, payload: bytes });
  }

  #log(level: unknown, text: unknown): void {
    if (++this.#logLines > LOG_LINES_PER_JOB_MAX) return;
    this.#options.log(typeof level === 'number' ? level : 1, String(text).slice(0, LOG_CHARS_MAX));
  }

  #refuse(code: ErrorCode, sentence: string): never {
    this.#refusal ??= { code, sentence };
    throw new Error(sentence);
  }
}

const encoder = new TextEncoder();

/** A copy: the task may go on writing to what it put out. */
const bytesOf = (payload: unknown): Uint8Array | undefined => {
  if (typeof payload === 'string') return encoder.encode(payload);
  return ArrayBuffer.isView(payload)
    ? new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength).slice()
    : undefined;
};

/** `static format`, `static version`, `static schema` of the class. */
async function termsOf(taskClass: TaskClass): Promise<StateTerms> {
  const { format = DEFAULT_FORMAT, version = 0, schema } = taskClass as Readonly<Record<string, unknown>>;
  if (!isFormatName(format)) throw refused(`'static format' is ${String(format)}, which is no name of a format`);
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 0 || version > 0x7fffffff)
    throw refused(`'static version' is ${String(version)}, which is no whole number from 0`);
  if (schema !== undefined && typeof schema !== 'string') throw refused("'static schema' is no text");
  return { format: await formatOf(format, schema), taskVersion: version };
}

async function formatOf(name: string, schema: string | undefined): Promise<StateFormat> {
  if (name === DEFAULT_FORMAT) return valueFormat;
  // Loaded by the tasks that use it: the package is large.
  if (name === TABLE_FORMAT) return (await import('./format-arrow.ts')).arrowFormat;
  return ownFormat(name, schema);
}

const fingerprint = (schema: string | undefined): string | undefined =>
  schema === undefined ? undefined : hash('sha256', schema, 'hex');

/** A task that raised its version may read the schema of before; one that did not has another by mistake. */
function checkSchema(header: StateHeader, { taskVersion }: StateTerms, schema: string | undefined): void {
  if (header.taskVersion === taskVersion && header.schema !== fingerprint(schema))
    throw foreign(`its schema has another fingerprint, though the task's version is ${taskVersion} as before`);
}

const foreign = (why: string): DroverError => new DroverError('ERR_STORE_CORRUPT', `the image is not this program's: ${why}`);
const refused = (why: string): DroverError => new DroverError('ERR_MODULE_REFUSED', why);

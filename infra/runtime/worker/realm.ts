/**
 * The world a task's code lives in: a context with the language and nothing of Node.
 *
 * R1. No clock and no chance: `Date.now`, `new Date()`, `Math.random` throw, by name. Timers, files, sockets, workers, `fetch`
 *     and `import()` are not there. `WeakRef` and `FinalizationRegistry` (they tell when the collector ran), `Atomics`,
 *     `SharedArrayBuffer`, `WebAssembly` and `Intl` (they differ from build to build) are not there either.
 * R2. What a task starts in a job ends with it: promise callbacks run before `call` returns, so that no state changes between
 *     two jobs.
 * R3. What the task gets are objects of its own world: `payload instanceof Uint8Array` holds there.
 *
 * This keeps accidents out, not attackers: Node's contexts are no sandbox, and whoever may deploy a task may run code.
 */
import { createContext, Script } from 'node:vm';
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';

export interface JobHost {
  output(channel: unknown, payload: unknown): void;
  log(level: unknown, text: unknown): void;
}

/** The task's class, unlooked at. */
export type TaskClass = { new (): unknown; readonly [name: string]: unknown };

interface Prelude {
  /** Plain values of the task's own world: records, lists and number arrays copied, the rest as it is. */
  readonly own: (value: unknown) => unknown;
  readonly job: object;
  readonly input: (number: number, payload: Uint8Array) => object;
  readonly tick: (number: number, skipped: number) => object;
}

const PRELUDE = new Script(
  `(function (host) {
  'use strict';
  const timeIsAnInput = () => { throw new Error('a task has no clock: time is an input, in the numbers of ticks or in the data'); };
  const RealDate = Date;
  function TaskDate(...parts) {
    if (new.target === undefined || parts.length === 0) timeIsAnInput();
    return Reflect.construct(RealDate, parts, new.target);
  }
  TaskDate.prototype = RealDate.prototype;
  TaskDate.prototype.constructor = TaskDate;
  Object.assign(TaskDate, { UTC: RealDate.UTC, parse: RealDate.parse, now: timeIsAnInput });
  const define = (object, name, value) => Object.defineProperty(object, name, { value, writable: true, configurable: true });
  define(globalThis, 'Date', TaskDate);
  define(Math, 'random', () => { throw new Error('a task has no randomness: a seed is an input'); });
  for (const name of ['Intl', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'console'])
    delete globalThis[name];
  const { encode, decode } = host;
  define(globalThis, 'TextEncoder', class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return new Uint8Array(encode(String(text))); }
  });
  define(globalThis, 'TextDecoder', class TextDecoder {
    get encoding() { return 'utf-8'; }
    decode(bytes = new Uint8Array(0)) { return decode(bytes); }
  });
  const types = { Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array };
  const own = (value) => {
    if (typeof value !== 'object' || value === null) return value;
    if (ArrayBuffer.isView(value)) return new types[value.constructor.name](value);
    if (Array.isArray(value)) return Array.from(value, own);
    const record = {};
    for (const name of Object.keys(value)) define(record, name, own(value[name])), Object.defineProperty(record, name, { enumerable: true });
    return record;
  };
  return {
    own,
    job: Object.freeze({
      output: (channel, payload) => host.output(channel, payload),
      log: (level, text) => host.log(level, text),
    }),
    input: (number, payload) => ({ number, payload: new Uint8Array(payload), text() { return decode(this.payload); } }),
    tick: (number, skipped) => ({ number, skipped }),
  };
})`,
  { filename: 'drover:prelude' },
);
const CALL = new Script('drover$call()', { filename: 'drover:call' });

export class Realm {
  readonly taskClass: TaskClass;
  readonly job: object;
  readonly #context: object;
  readonly #prelude: Prelude;
  #call: () => unknown = () => undefined;

  /** Runs the module. Fails with ERR_MODULE_INVALID when it does not, or exports no class. `timeoutMs` bounds it where nothing else does. */
  constructor(source: string, options: { readonly host: JobHost; readonly timeoutMs?: number }) {
    const globals = {};
    Object.defineProperty(globals, 'drover$call', { value: () => this.#call() });
    this.#context = createContext(globals, {
      name: 'task',
      codeGeneration: { strings: false, wasm: false },
      microtaskMode: 'afterEvaluate',
    });
    const encoder = new TextEncoder();
    const decoder = new TextDecoder();
    const prelude = PRELUDE.runInContext(this.#context) as (host: object) => Prelude;
    this.#prelude = prelude({
      ...options.host,
      encode: (text: string) => encoder.encode(text),
      decode: (bytes: Uint8Array) => decoder.decode(bytes),
    });
    this.job = this.#prelude.job;
    const exports: { default?: unknown } = {};
    try {
      const module = new Script(`(function (exports, module) { ${source}\n})`, { filename: 'task.js' });
      const limit = options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs };
      const run = module.runInContext(this.#context, limit) as (exports: object, module: object) => void;
      this.call(() => run(exports, { exports }), limit);
    } catch (cause) {
      throw new DroverError('ERR_MODULE_INVALID', `the module does not load: ${messageOf(cause)}${placeOf(cause)}`, { cause });
    }
    if (typeof exports.default !== 'function') {
      throw new DroverError('ERR_MODULE_INVALID', "the module has no class as its default export ('export default class …')");
    }
    this.taskClass = exports.default as TaskClass;
  }

  /** Runs `run` and every promise callback that follows from it. */
  call<T>(run: () => T, limit: { readonly timeout?: number } = {}): T {
    this.#call = run;
    return CALL.runInContext(this.#context, limit) as T;
  }

  own(value: unknown): unknown {
    return this.#prelude.own(value);
  }

  input(number: number, payload: Uint8Array): object {
    return this.#prelude.input(number, payload);
  }

  tick(number: number, skipped: number): object {
    return this.#prelude.tick(number, skipped);
  }
}

/** Errors of a task are of its own world: no instances of this one's `Error`. */
export const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

/** ` at line 12 of the bundle`, from the innermost frame of the task's own code. */
export function placeOf(error: unknown): string {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : '';
  const frame = /(?:at (\S+) \()?task\.js:(\d+):\d+/.exec(stack);
  return frame === null ? '' : ` (${frame[1] === undefined ? '' : `in ${frame[1]}, `}line ${frame[2]} of the bundle)`;
}

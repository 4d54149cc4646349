/**
 * Modules for tests of the wasm runtime: the examples as `npm run build:tasks` makes them, and small ones written as text.
 */
import binaryen from 'binaryen';
import { prepareModule } from '../../infra/runtime/wasm/prepare.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import type { JobInput, TaskCapture, TaskImage } from '../../src/ports/task-runtime.ts';

export const EXAMPLES = ['counter', 'counter-1m', 'gateway', 'grid', 'kalman', 'pid'] as const;
export type Example = (typeof EXAMPLES)[number];

export const loadExample = (name: Example): Promise<{ readonly spec: TaskSpec; readonly artefact: Uint8Array }> =>
  prepareTask(exampleFolder(name));

const { Features } = binaryen;
/** All that a module might use, but not the newest encodings, which Node 20 cannot read. */
const FEATURES = [
  Features.Atomics,
  Features.MutableGlobals,
  Features.NontrappingFPToInt,
  Features.SIMD128,
  Features.BulkMemory,
  Features.BulkMemoryOpt,
  Features.SignExt,
  Features.ExceptionHandling,
  Features.TailCall,
  Features.ReferenceTypes,
  Features.CallIndirectOverlong,
  Features.Multivalue,
  Features.GC,
  Features.Memory64,
  Features.MultiMemory,
  Features.RelaxedSIMD,
].reduce((all, each) => all | each, 0);

/** Text to binary. Binaryen only parses: what a test is about may well be invalid for other reasons. */
export function wat(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(FEATURES);
  try {
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

const INPUT = '(func (export "drover_input") (param i32) (result i32) (i32.const 1024))';

/** A whole task around a job's instructions; `more` are fields of the module. */
export const taskText = (job: string, more = '', memory = '(memory (export "memory") 1)'): string =>
  `(module (import "drover" "output" (func $output (param i32 i32 i32))) ${memory} ${more} ${INPUT}
    (func (export "drover_job") (param $kind i32) (param $number f64) (param $skipped f64) (param $pointer i32) (param $length i32) ${job}))`;

export const prepareText = (job: string, more = '', memoryBytesMax = 1 << 20): Uint8Array =>
  prepareModule(wat(taskText(job, more)), { memoryBytesMax });

export const tick = (number: number, skipped = 0): JobInput => ({ kind: 'tick', number, skipped, payload: new Uint8Array(0) });
export const data = (number: number, payload: string | Uint8Array): JobInput => ({
  kind: 'data',
  number,
  skipped: 0,
  payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
});

/** The dumb twin of a checkpoint store: a whole image, with each capture's pages laid over it. */
export class Rebuilder {
  #memory = new Uint8Array(0);
  #globals = new Uint8Array(0);

  apply(capture: TaskCapture): void {
    const memory = new Uint8Array(capture.pageCount * PAGE_BYTES);
    if (capture.mode === 'delta') memory.set(this.#memory);
    capture.pageIndexes.forEach((index, position) => {
      memory.set(capture.pages.subarray(position * PAGE_BYTES, (position + 1) * PAGE_BYTES), index * PAGE_BYTES);
    });
    this.#memory = memory;
    this.#globals = capture.globals.slice();
  }

  image(): TaskImage {
    return { memory: this.#memory.slice(), globals: this.#globals.slice() };
  }
}

export const realClock: Clock = {
  monotonicUs: () => Math.round(performance.now() * 1000),
  wallUs: () => Date.now() * 1000,
  after: (delayUs, run) => {
    const timer = setTimeout(run, delayUs / 1000);
    return () => clearTimeout(timer);
  },
};

/** Keeps its lines. */
export function listLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const write = (level: string) => (sentence: string) => void lines.push(`${level} ${sentence}`);
  const log = {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    bind: () => log,
  };
  return log;
}

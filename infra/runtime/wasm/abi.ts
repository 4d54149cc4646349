/**
 * The task ABI: what a module must export, may export and may import. `docs/TASKS.md` has it as a table for people.
 */
import { valueType } from './instructions.ts';

export interface Signature {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

const { i32, f64 } = valueType;

export const exported = {
  memory: 'memory',
  input: 'drover_input',
  job: 'drover_job',
  init: 'drover_init',
} as const;

export const exportSignatures: Readonly<Record<string, { readonly signature: Signature; readonly required: boolean }>> = {
  [exported.input]: { signature: { parameters: [i32], results: [i32] }, required: true },
  [exported.job]: { signature: { parameters: [i32, f64, f64, i32, i32], results: [] }, required: true },
  [exported.init]: { signature: { parameters: [], results: [] }, required: false },
};

const threeNumbers: Signature = { parameters: [i32, i32, i32], results: [] };

export const allowedImports: Readonly<Record<string, Readonly<Record<string, Signature>>>> = {
  drover: { output: threeNumbers, log: threeNumbers },
  // What AssemblyScript calls when it gives up: message, file name, line, column.
  env: { abort: { parameters: [i32, i32, i32, i32], results: [] } },
};

/** Names the deploy pass adds. Modules that bring exports under `drover.` are refused. */
export const reserved = {
  global: (index: number) => `drover.global.${index}`,
  /** The module's own start function, which must not run when a state is restored. */
  start: 'drover.start',
  fuel: 'drover.fuel',
  stack: 'drover.stack',
  growthRefused: 'drover.growth-refused',
} as const;

export const jobKind = { data: 0, tick: 1 } as const;

/** Bounds of what one job may put out; a job beyond them fails with ERR_JOB_OUTPUT. A NATS message holds 1 MiB. */
export const OUTPUT_COUNT_MAX = 512;
export const OUTPUT_BYTES_MAX = 256 * 1024;
export const OUTPUT_BYTES_PER_JOB_MAX = 4 * 1024 * 1024;
export const CHANNEL_MAX = 65_535;
/** Log lines beyond these bounds are dropped and cut: they are for people and no part of the state. */
export const LOG_LINES_PER_JOB_MAX = 64;
export const LOG_BYTES_MAX = 4096;

export const sameSignature = (a: Signature, b: Signature | undefined): boolean =>
  b !== undefined && a.parameters.join() === b.parameters.join() && a.results.join() === b.results.join();

/** `drover bench scale`: what a fleet costs by its size. Each size is played in a process of its own, bounded to 2 GiB. */
import { fork } from 'node:child_process';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type Machine, machine } from './machine.ts';
import type { ScaleResult } from './scale-run.ts';

export interface ScaleBench {
  readonly machine: Machine;
  readonly seed: number;
  readonly tasksPerEcu: number;
  readonly results: readonly ScaleResult[];
}

export interface ScaleBenchOptions {
  readonly sizes: readonly number[];
  readonly tasksPerEcu: number;
  /** Undefined: by the size. */
  readonly managers: number | undefined;
  readonly seed: number;
  readonly say: (sentence: string) => void;
}

/** Of the old generation; with the young one, code and buffers a process stays below 2 GiB. */
const HEAP_MIB = 1_700;
/** ECUs for each manager, at which another one is worth having; below, two keep everything. */
const ECUS_PER_MANAGER = 500;

type Told =
  | { readonly kind: 'said'; readonly sentence: string }
  | { readonly kind: 'done'; readonly result: ScaleResult }
  | { readonly kind: 'failed'; readonly why: string };

export async function benchScale({ sizes, tasksPerEcu, managers, seed, say }: ScaleBenchOptions): Promise<ScaleBench> {
  const before = machine();
  const results: ScaleResult[] = [];
  for (const ecus of sizes) {
    const count = managers ?? Math.max(2, Math.ceil(ecus / ECUS_PER_MANAGER));
    results.push(await playApart({ seed, ecus, tasks: ecus * tasksPerEcu, managers: count }, say));
  }
  return { machine: before, seed, tasksPerEcu, results };
}

function playApart(options: object, say: (sentence: string) => void): Promise<ScaleResult> {
  const child = fork(new URL('./scale-run.js', import.meta.url), {
    execArgv: [`--max-old-space-size=${HEAP_MIB}`, '--max-semi-space-size=32'],
  });
  const stop = (): void => void child.kill();
  process.once('SIGINT', stop);
  return new Promise<ScaleResult>((resolve, reject) => {
    let result: ScaleResult | undefined;
    let why = 'its process ended (out of memory?)';
    child.on('message', (told: Told) => {
      if (told.kind === 'said') say(told.sentence);
      else if (told.kind === 'done') result = told.result;
      else why = told.why;
    });
    child.once('error', reject);
    child.once('exit', () => {
      process.off('SIGINT', stop);
      if (result !== undefined) resolve(result);
      else reject(new DroverError('ERR_BENCH_FAILED', `a fleet could not be played to its end: ${why}`));
    });
    child.send(options);
  });
}

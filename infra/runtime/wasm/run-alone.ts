/**
 * Runs a task alone, once, over a list of inputs, in the calling thread: what every fleet's outputs are compared with.
 */
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import type { JobInput, JobOutput, JobResult, TaskImage } from '../../../src/ports/task-runtime.ts';
import { WasmProgram } from './program.ts';

export interface AloneOptions {
  /** As the deploy pass made it. */
  readonly artefact: Uint8Array;
  readonly fuelPerJob: number;
  readonly image?: TaskImage;
}

export interface AloneRun {
  /** The outputs of all jobs that were done, in order. */
  readonly outputs: readonly JobOutput[];
  /** How many of the inputs were consumed: all of them, or those before the job that failed. */
  readonly jobs: number;
  readonly failure: Extract<JobResult, { kind: 'failed' }>['failure'] | undefined;
}

export async function runAlone(options: AloneOptions, inputs: Iterable<JobInput> | AsyncIterable<JobInput>): Promise<AloneRun> {
  const program = await openProgram(options);
  const outputs: JobOutput[] = [];
  let jobs = 0;
  for await (const input of inputs) {
    const result = program.runJob(input);
    if (result.kind === 'failed') return { outputs, jobs, failure: result.failure };
    outputs.push(...result.outputs);
    jobs++;
  }
  return { outputs, jobs, failure: undefined };
}

/** A program in the calling thread, for tests and benches that look at captures too. */
export async function openProgram({ artefact, fuelPerJob, image }: AloneOptions): Promise<WasmProgram> {
  return new WasmProgram({ module: await compileArtefact(artefact), fuelPerJob, image, log: () => undefined });
}

/** Up to here a module compiles in about a millisecond, while handing it to V8's own threads and back takes ten. */
const COMPILE_AT_ONCE_BYTES = 64 * 1024;

export async function compileArtefact(artefact: Uint8Array): Promise<WebAssembly.Module> {
  try {
    return artefact.length <= COMPILE_AT_ONCE_BYTES ? new WebAssembly.Module(artefact) : await WebAssembly.compile(artefact);
  } catch (cause) {
    throw notCompilable(cause);
  }
}

const notCompilable = (cause: unknown): DroverError =>
  new DroverError(
    'ERR_MODULE_INVALID',
    `the artefact does not compile: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      cause,
    },
  );

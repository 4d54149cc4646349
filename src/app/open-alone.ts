/** A task's program in the calling thread, whatever its runtime: what every fleet's outputs are compared with. */
import { openProgram } from '../../infra/runtime/wasm/run-alone.ts';
import { readArtefact } from '../../infra/runtime/worker/prepare.ts';
import { openWorkerProgram } from '../../infra/runtime/worker/program.ts';
import type { JobInput, JobResult, TaskCapture } from '../ports/task-runtime.ts';
import type { PreparedTask } from './prepare-task.ts';

export interface AloneProgram {
  runJob(input: JobInput): JobResult;
  capture(mode: 'full' | 'delta'): TaskCapture;
}

export async function openAlone({ artefact, spec }: PreparedTask): Promise<AloneProgram> {
  if (spec.runtime !== 'worker') return openProgram({ artefact, fuelPerJob: spec.fuelPerJob });
  const { memoryBytesMax } = spec;
  const { source } = readArtefact(artefact);
  return openWorkerProgram({ source, memoryBytesMax, image: undefined, log: () => undefined });
}

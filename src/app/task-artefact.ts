/**
 * From a task's folder to what is deployed: compile when the task is written in AssemblyScript, run the deploy pass, name the
 * artefact by its digest.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { prepareModule } from '../../infra/runtime/wasm/prepare.ts';
import { DroverError } from '../domain/kernel/error-codes.ts';
import type { TaskSpec } from '../domain/model/task.ts';
import { loadTaskFile, type TaskFile } from './task-file.ts';
import { compileWhenStale, modulePathOf } from './task-module.ts';

export interface TaskArtefact {
  readonly spec: TaskSpec;
  /** After the deploy pass; `spec.artefact` is its SHA-256. */
  readonly artefact: Uint8Array;
}

/** `path`: a task.yaml, or the folder that holds one. `name` deploys the task under another name than the file's. */
export async function makeArtefact(path: string, options: { readonly name?: string } = {}): Promise<TaskArtefact> {
  const file = await loadTaskFile(path);
  const artefact = prepareModule(await readModule(file), { memoryBytesMax: file.draft.memoryBytesMax });
  const digest = createHash('sha256').update(artefact).digest('hex');
  return {
    artefact,
    spec: { ...file.draft, name: options.name ?? file.draft.name, artefact: digest, artefactBytes: artefact.length },
  };
}

async function readModule(file: TaskFile): Promise<Uint8Array> {
  if (modulePathOf(file) !== file.modulePath) await read(file.modulePath);
  await compileWhenStale(file);
  return read(modulePathOf(file));
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new DroverError('ERR_ARTEFACT_UNREADABLE', `${path} cannot be read; the task file's field 'module' names it`, {
      cause,
    });
  });
}

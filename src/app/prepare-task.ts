/**
 * From a task's folder to what is deployed: compile when the task is written in AssemblyScript, bundle when it is a class, run
 * the runtime's deploy pass, name the artefact by its digest.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { prepareModule } from '../../infra/runtime/wasm/prepare.ts';
import { prepareWorkerScript } from '../../infra/runtime/worker/prepare.ts';
import { DroverError } from '../domain/kernel/error-codes.ts';
import type { TaskName } from '../domain/model/ids.ts';
import type { TaskSpec } from '../domain/model/task.ts';
import { bundleTask } from './bundle-task.ts';
import { loadTaskFile, type TaskFile } from './task-file.ts';
import { compileWhenStale, modulePathOf } from './task-module.ts';

export interface PreparedTask {
  readonly spec: TaskSpec;
  /** After the deploy pass; `spec.artefact` is its SHA-256. */
  readonly artefact: Uint8Array;
}

export interface PrepareTaskOptions {
  /** Another name than the file's: several tasks can run one program. */
  readonly name?: TaskName;
  /** Told before something slow is done. */
  readonly onProgress?: (sentence: string) => void;
}

/**
 * `path`: a task.yaml, or the folder that holds one. Fails with ERR_SPEC_INVALID, ERR_ARTEFACT_UNREADABLE, ERR_MODULE_INVALID
 * or ERR_MODULE_REFUSED.
 */
export async function prepareTask(path: string, options: PrepareTaskOptions = {}): Promise<PreparedTask> {
  const file = await loadTaskFile(path);
  const { memoryBytesMax } = file.draft;
  const artefact =
    file.draft.runtime === 'worker'
      ? await prepareWorkerScript(await readScript(file, options.onProgress), { memoryBytesMax })
      : prepareModule(await readModule(file, options.onProgress), { memoryBytesMax });
  const digest = createHash('sha256').update(artefact).digest('hex');
  return {
    artefact,
    spec: { ...file.draft, name: options.name ?? file.draft.name, artefact: digest, artefactBytes: artefact.length },
  };
}

/** Bundled anew each time: that takes less than finding out whether any of what it imports has changed. */
async function readScript(file: TaskFile, onProgress?: (sentence: string) => void): Promise<string> {
  await read(file.modulePath);
  onProgress?.(`bundling ${file.modulePath}`);
  return bundleTask(file.modulePath, file.constants);
}

async function readModule(file: TaskFile, onProgress?: (sentence: string) => void): Promise<Uint8Array> {
  if (modulePathOf(file) !== file.modulePath) await read(file.modulePath);
  await compileWhenStale(file, { onProgress });
  return read(modulePathOf(file));
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new DroverError('ERR_ARTEFACT_UNREADABLE', `${path} cannot be read; the task file's field 'module' names it`, {
      cause,
    });
  });
}

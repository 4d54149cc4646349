/**
 * From a task file to what a fleet takes: compiles AssemblyScript where needed, runs the deploy pass, and completes the spec
 * with the artefact's digest. What a task was compiled to is kept in drover's cache, by its sources' times.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { prepareModule } from '../../infra/runtime/wasm/prepare.ts';
import { cacheFolder } from '../../infra/system/folders.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { DroverError } from '../domain/kernel/error-codes.ts';
import type { TaskName } from '../domain/model/ids.ts';
import type { TaskSpec } from '../domain/model/task.ts';
import { compileTask, isStale } from './compile-task.ts';
import { loadTaskFile, type TaskFile } from './task-file.ts';

export interface PreparedTask {
  readonly spec: TaskSpec;
  readonly artefact: Uint8Array;
}

export interface PrepareTaskOptions {
  /** Another name than the file's: several tasks can run one program. */
  readonly name?: TaskName;
  /** Told before something slow is done. */
  readonly onProgress?: (sentence: string) => void;
}

/** Fails with ERR_SPEC_INVALID, ERR_ARTEFACT_UNREADABLE, ERR_MODULE_INVALID or ERR_MODULE_REFUSED. */
export async function prepareTask(path: string, options: PrepareTaskOptions = {}): Promise<PreparedTask> {
  const file = await loadTaskFile(path);
  const module = await moduleBytes(file, options.onProgress ?? (() => {}));
  const artefact = prepareModule(module, { memoryBytesMax: file.draft.memoryBytesMax });
  const digest = systemHasher.hex(artefact);
  return { spec: { ...file.draft, name: options.name ?? file.draft.name, artefact: digest, artefactBytes: artefact.length }, artefact };
}

async function moduleBytes(file: TaskFile, onProgress: (sentence: string) => void): Promise<Uint8Array> {
  const { modulePath, constants } = file;
  if (modulePath.endsWith('.wasm')) return read(modulePath);
  await read(modulePath);
  const key = systemHasher.hex(new TextEncoder().encode(JSON.stringify([modulePath, constants]))).slice(0, 16);
  const outFile = join(cacheFolder(), 'modules', `${file.draft.name}-${key}.wasm`);
  const sources = [dirname(modulePath), join(dirname(modulePath), '..', '..', 'sdk')];
  if (await isStale(outFile, await existing(sources))) {
    onProgress(`compiling ${modulePath}`);
    await compileTask({ entry: modulePath, outFile, constants });
  }
  return read(outFile);
}

async function existing(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(folders.map((folder) => stat(folder).then((entry) => entry.isDirectory(), () => false)));
  return folders.filter((_, at) => found[at] === true);
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new DroverError('ERR_ARTEFACT_UNREADABLE', `${path} cannot be read; the task file's field "module" names it`, { cause });
  });
}

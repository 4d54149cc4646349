/**
 * The deploy pass of a `worker` task: a bundled script in, the artefact that ECUs run out. Run once, by `drover task deploy`.
 * It loads the class, makes one and writes its first state, so that what no ECU could run is refused here, by name.
 */
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import { markOf, RUNTIME_VERSION, versionOf } from './abi.ts';
import { openWorkerProgram } from './program.ts';

/** A module that takes longer to load computes something at load. */
const LOAD_MS_MAX = 2000;

/** Fails with ERR_MODULE_INVALID or ERR_MODULE_REFUSED, or with ERR_JOB_* when a fresh task's state cannot be written. */
export async function prepareWorkerScript(script: string, options: { readonly memoryBytesMax: number }): Promise<Uint8Array> {
  const source = `${markOf(RUNTIME_VERSION)}\n${script}`;
  await openWorkerProgram({ source, ...options, image: undefined, log: () => undefined, timeoutMs: LOAD_MS_MAX });
  return new TextEncoder().encode(source);
}

/** An artefact's text and the runtime version it needs; fails with ERR_MODULE_REFUSED. */
export function readArtefact(artefact: Uint8Array): { readonly source: string; readonly version: number } {
  const source = new TextDecoder().decode(artefact);
  const version = versionOf(source);
  if (version === undefined)
    throw refused("the artefact was not prepared by drover's deploy pass; deploy it with 'drover task deploy'");
  if (version > RUNTIME_VERSION)
    throw refused(`the artefact needs version ${version} of the worker runtime, this is version ${RUNTIME_VERSION}`);
  return { source, version };
}

const refused = (sentence: string): DroverError => new DroverError('ERR_MODULE_REFUSED', sentence);

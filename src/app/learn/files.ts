/** Reading data sets and models from disk, with sentences for what is wrong; writing so that a file is there whole or not at all. */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Dataset, decodeDataset, decodeTraces } from '../../../infra/arrow/dataset-file.ts';
import { decodeModel, encodeModel } from '../../../infra/learned/model-file.ts';
import { DroverError, type ErrorCode } from '../../domain/kernel/error-codes.ts';
import type { Model } from '../../domain/learn/model.ts';
import type { TracedSets } from '../../domain/learn/traces.ts';
import type { Study } from './study-result.ts';

export const readDataset = async (path: string): Promise<Dataset> =>
  decodeDataset(await bytesOf(path, 'ERR_DATASET_FILE'), path);

/** Of sets that were run, or simulated with their traces. */
export const readTraces = async (path: string): Promise<TracedSets> =>
  decodeTraces(await bytesOf(path, 'ERR_DATASET_FILE'), path);

export const readModel = async (path: string): Promise<Model> => decodeModel(await bytesOf(path, 'ERR_MODEL_FILE'), path);

/** The numbers that a study wrote beside its page. */
export async function readStudy(path: string): Promise<Study> {
  const text = new TextDecoder().decode(await bytesOf(path, 'ERR_USAGE'));
  try {
    const study = JSON.parse(text) as Study;
    if (Array.isArray(study.results) && study.results.length > 0) return study;
  } catch {
    // Said below, as of any other file.
  }
  throw new DroverError('ERR_USAGE', `${path} is no study: give the .json that drover learn study wrote`);
}

export async function writeModel(path: string, model: Model): Promise<number> {
  const bytes = encodeModel(model);
  await writeWhole(path, bytes);
  return bytes.length;
}

export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
  } catch (error) {
    // What there is of it is of no use to anybody, and may be what fills the disk.
    await rm(`${path}.new`, { force: true }).catch(() => undefined);
    throw cannotBeWritten(path, error);
  }
}

export function cannotBeWritten(path: string, error: unknown): DroverError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const out =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'there is no room left on its disk: make some, or name another file'
      : code === 'EISDIR'
        ? 'it is a folder: name a file'
        : code === 'ENOTDIR' || code === 'EEXIST'
          ? 'there is a file where its folder should be'
          : `${code}: name a file in a folder that may be written to`;
  return new DroverError('ERR_USAGE', `${path} cannot be written (${out})`, { cause: error });
}

/** Before hours of work are put into what has no place to go. */
export async function refuseFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) throw cannotBeWritten(path, { code: 'EISDIR' });
}

/**
 * A folder and those above it. Not by `recursive`: where a folder is there and takes no other, as /proc, Node tries for ever (and does not
 * even hear a signal).
 */
export async function makeFolder(path: string): Promise<void> {
  const made = async (): Promise<void> => {
    try {
      await mkdir(path);
    } catch (error) {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory() !== true) throw error;
    }
  };
  try {
    await made();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw cannotBeWritten(path, error);
    await makeFolder(dirname(path));
    await made().catch((again: unknown) => {
      throw cannotBeWritten(path, again);
    });
  }
}

async function bytesOf(path: string, code: ErrorCode): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new DroverError(code, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

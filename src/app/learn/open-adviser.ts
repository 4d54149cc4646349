/** A model file as the planner's adviser. Loaded by managers, so without what only data sets need. */
import { readFile } from 'node:fs/promises';
import { decodeModel } from '../../../infra/learned/model-file.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { YesNoModel } from '../../domain/learn/model.ts';

/** Fails with ERR_MODEL_FILE: unreadable, damaged, or a model that answers something else. */
export async function readAdviser(path: string): Promise<{ readonly bytes: Uint8Array; readonly model: YesNoModel }> {
  const read = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new DroverError('ERR_MODEL_FILE', `${path} cannot be read (${cause.code}); "drover learn train" writes one`, {
      cause,
    });
  });
  const bytes = new Uint8Array(read);
  const model = decodeModel(bytes, path);
  if (model.purpose !== 'yes-no') {
    throw new DroverError(
      'ERR_MODEL_FILE',
      `${path} holds a ${model.purpose} model, and an adviser answers yes or no: give an fnn or a forest`,
    );
  }
  return { bytes, model };
}

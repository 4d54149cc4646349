/** A model file as the planner's adviser. Loaded by managers, so without what only data sets need. */
import { readFile } from 'node:fs/promises';
import { decodeModel } from '../../../infra/learned/model-file.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createAdviser } from '../../domain/learn/adviser.ts';
import type { Adviser } from '../../domain/placement/assign.ts';

/** Fails with ERR_MODEL_FILE: unreadable, damaged, or a model that answers something else. */
export async function openAdviser(path: string): Promise<Adviser> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new DroverError('ERR_MODEL_FILE', `${path} cannot be read (${cause.code}); "drover learn train" writes one`, {
      cause,
    });
  });
  const model = decodeModel(new Uint8Array(bytes), path);
  if (model.purpose !== 'yes-no') {
    throw new DroverError(
      'ERR_MODEL_FILE',
      `${path} holds a ${model.purpose} model, and an adviser answers yes or no: give an fnn or a forest`,
    );
  }
  return createAdviser(model);
}

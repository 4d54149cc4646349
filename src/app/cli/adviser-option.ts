/** `--adviser`: a learned model that ranks where tasks go. Read once here, so that a bad file is told before anything starts. */
import { resolve } from 'node:path';
import { DroverError } from '../../domain/kernel/error-codes.ts';

export const ADVISER_HELP = 'a model of "drover learn train" that ranks targets; the exact test still decides';

/** `learns`: bridges will go on from it, which they can from few. */
export async function adviserFile(path: string, learns = false): Promise<string> {
  const { readAdviser } = await import('../learn/open-adviser.ts');
  const { model } = await readAdviser(path);
  const { whyNot } = await import('../../domain/learn/fleet/bridge-learner.ts');
  const fault = learns ? whyNot(model) : undefined;
  if (fault !== undefined)
    throw new DroverError('ERR_MODEL_FILE', `${path}: with --learn it is where learning begins, but it ${fault}`);
  return resolve(path);
}

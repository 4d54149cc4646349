/** `--adviser`: a learned model that ranks where tasks go. Read once here, so that a bad file is told before anything starts. */
import { resolve } from 'node:path';

export const ADVISER_HELP = 'a model of "drover learn train" that ranks targets; the exact test still decides';

export async function adviserFile(path: string): Promise<string> {
  const { openAdviser } = await import('../learn/open-adviser.ts');
  await openAdviser(path);
  return resolve(path);
}

/** Puts the study on disk: its page, the pictures the page shows, and its numbers, from which both can be made again. */
import { basename } from 'node:path';
import { writeWhole } from './files.ts';
import { tellStudy } from './study-page.ts';
import { drawStudy } from './study-picture.ts';
import type { Study } from './study-result.ts';

/** The page, and its pictures beside it; gives the names of all files. */
export async function writeStudy(study: Study, page: string): Promise<readonly string[]> {
  const stem = page.replace(/\.md$/, '');
  const pictures = drawStudy(study);
  const files = pictures.map(({ name }) => `${stem}-${name}.svg`);
  for (const [i, { svg }] of pictures.entries()) await writeWhole(files[i] as string, new TextEncoder().encode(svg));
  const numbers = `${stem}.json`;
  await writeWhole(numbers, new TextEncoder().encode(`${JSON.stringify(study)}\n`));
  const shown = pictures.map(({ title }, i) => ({ title, file: basename(files[i] as string) }));
  await writeWhole(page, new TextEncoder().encode(tellStudy(study, { pictures: shown, numbers: basename(numbers) })));
  return [page, numbers, ...files];
}

/** Puts the study on disk: its page, and the pictures the page shows. */
import { writeWhole } from './files.ts';
import type { Study } from './study.ts';
import { tellStudy } from './study-page.ts';
import { drawStudy } from './study-picture.ts';

/** The page, and its pictures beside it; gives the names of all files. */
export async function writeStudy(study: Study, page: string): Promise<readonly string[]> {
  const stem = page.replace(/\.md$/, '');
  const pictures = drawStudy(study);
  const files = pictures.map(({ name }) => `${stem}-${name}.svg`);
  for (const [i, { svg }] of pictures.entries()) await writeWhole(files[i] as string, new TextEncoder().encode(svg));
  const shown = pictures.map(({ title }, i) => ({ title, file: (files[i] as string).split('/').pop() as string }));
  await writeWhole(page, new TextEncoder().encode(tellStudy(study, shown)));
  return [page, ...files];
}

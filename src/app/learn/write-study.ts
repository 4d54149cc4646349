/**
 * Puts the study on disk: its page, the pictures the page shows, and its numbers, from which both can be made again. What is measured is
 * kept in `NAME.json.part` until all is, so that one that was interrupted goes on where it was.
 */
import { readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { writeWhole } from './files.ts';
import { tellStudy } from './study-page.ts';
import { drawStudy } from './study-picture.ts';
import type { Study, StudyResult } from './study-result.ts';

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

/** `request`: what was asked for, all but which sizes and networks. Another one's results are not these. */
export class StudyPart {
  private readonly path: string;
  private readonly request: string;

  constructor(page: string, request: object) {
    this.path = `${page.replace(/\.md$/, '')}.json.part`;
    this.request = JSON.stringify(request);
  }

  async read(): Promise<readonly StudyResult[]> {
    try {
      const part = JSON.parse(await readFile(this.path, 'utf8')) as {
        readonly request: string;
        readonly results: StudyResult[];
      };
      return part.request === this.request && Array.isArray(part.results) ? part.results : [];
    } catch {
      return [];
    }
  }

  write(results: readonly StudyResult[]): Promise<void> {
    return writeWhole(this.path, new TextEncoder().encode(JSON.stringify({ request: this.request, results })));
  }

  remove(): Promise<void> {
    return rm(this.path, { force: true });
  }
}

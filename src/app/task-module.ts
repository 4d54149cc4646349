/**
 * Where a task's compiled module lies, and when it has to be compiled again: a user's task in `build` beside its source, an
 * example in `dist/examples`, so that the project's own folders stay as they were checked out.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { compileTask } from './compile-task.ts';
import { projectRoot } from './project-root.ts';
import type { TaskFile } from './task-file.ts';

export const examplesFolder = (): string => join(projectRoot(), 'examples', 'tasks');
export const exampleFolder = (name: string): string => join(examplesFolder(), name);
/** Tasks of a chosen cost: what `drover dataset generate --label run` runs. */
export const measureFolder = (): string => join(projectRoot(), 'examples', 'measure');
export const measuredFolder = (work: string): string => join(measureFolder(), work);
/** What `npm run build:tasks` made of an example. */
export const exampleModule = (name: string): string => join(projectRoot(), 'dist', 'examples', `${name}.wasm`);

/** The module of a task file: the file it names, or what that file compiles to. */
export function modulePathOf({ modulePath, folder, draft }: TaskFile): string {
  if (modulePath.endsWith('.wasm')) return modulePath;
  const module = `${draft.name}.wasm`;
  return isExample(folder) ? join(projectRoot(), 'dist', 'examples', module) : join(folder, 'build', module);
}

/** Answers whether it compiled. Stale is what is older than any file beside the source, beside the task file, or of the SDK. */
export async function compileWhenStale(
  file: TaskFile,
  options: { readonly force?: boolean; readonly onProgress?: ((sentence: string) => void) | undefined } = {},
): Promise<boolean> {
  const { modulePath, folder, constants, draft } = file;
  // A class is bundled when it is deployed.
  if (draft.runtime === 'worker') return false;
  const outFile = modulePathOf(file);
  if (outFile === modulePath) return false;
  const sources = [folder, dirname(modulePath), ...(isExample(folder) ? [join(projectRoot(), 'examples', 'sdk')] : [])];
  if (options.force !== true && !(await isStale(outFile, sources))) return false;
  options.onProgress?.(`compiling ${modulePath}`);
  await compileTask({ entry: modulePath, outFile, constants });
  return true;
}

const isExample = (folder: string): boolean =>
  [examplesFolder(), measureFolder()].some((parent) => {
    const below = relative(parent, folder);
    return dirname(below) === '.' && !below.startsWith('.');
  });

async function isStale(outFile: string, folders: readonly string[]): Promise<boolean> {
  const built = await stat(outFile).catch(() => undefined);
  if (built === undefined) return true;
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      const file = await stat(join(folder, name));
      if (file.isFile() && file.mtimeMs > built.mtimeMs) return true;
    }
  }
  return false;
}

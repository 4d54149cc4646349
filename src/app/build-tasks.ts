/**
 * Compiles every example under `examples/tasks` to `dist/examples/<name>.wasm`, those alone whose sources are newer
 * (`npm run build:tasks`; `npm run build:tasks -- --force` for all).
 */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileTask, isStale } from './compile-task.ts';
import { projectRoot } from './project-root.ts';
import { loadTaskFile } from './task-file.ts';

export const exampleModule = (name: string): string => join(projectRoot(), 'dist', 'examples', `${name}.wasm`);
export const exampleFolder = (name: string): string => join(projectRoot(), 'examples', 'tasks', name);

/** Answers with the names of what was compiled. */
export async function buildTasks(options: { readonly force?: boolean } = {}): Promise<string[]> {
  const compiled: string[] = [];
  const names = (await readdir(join(projectRoot(), 'examples', 'tasks'))).sort();
  for (const name of names) {
    const folder = exampleFolder(name);
    const { modulePath, constants } = await loadTaskFile(folder);
    const outFile = exampleModule(name);
    const sources = [folder, dirname(modulePath), join(projectRoot(), 'examples', 'sdk')];
    if (options.force !== true && !(await isStale(outFile, sources))) continue;
    await compileTask({ entry: modulePath, outFile, constants });
    compiled.push(name);
  }
  return compiled;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const compiled = await buildTasks({ force: process.argv.includes('--force') });
  process.stdout.write(compiled.length === 0 ? 'examples are up to date\n' : `compiled ${compiled.join(', ')}\n`);
}

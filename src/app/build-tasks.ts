/**
 * Compiles every example under `examples/tasks` and `examples/measure` to `dist/examples/<name>.wasm`, those alone whose sources are
 * newer (`npm run build:tasks`; `npm run build:tasks -- --force` for all).
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTaskFile } from './task-file.ts';
import { compileWhenStale, examplesFolder, measureFolder } from './task-module.ts';

/** Answers with the names of what was compiled. */
export async function buildTasks(options: { readonly force?: boolean } = {}): Promise<string[]> {
  const compiled: string[] = [];
  for (const parent of [examplesFolder(), measureFolder()]) {
    for (const name of (await readdir(parent)).sort()) {
      const file = await loadTaskFile(join(parent, name));
      if (await compileWhenStale(file, options)) compiled.push(file.draft.name);
    }
  }
  return compiled;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const compiled = await buildTasks({ force: process.argv.includes('--force') });
  process.stdout.write(compiled.length === 0 ? 'examples are up to date\n' : `compiled ${compiled.join(', ')}\n`);
}

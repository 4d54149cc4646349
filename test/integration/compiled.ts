/** drover's sources as JavaScript that a child process can run: types stripped, nothing else changed. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');

/** A folder (below the ignored `dist`, so that packages resolve) with the same tree; the caller removes it. */
export function compileSources(folders: readonly string[]): string {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const target = mkdtempSync(join(ROOT, 'dist', 'test-'));
  for (const folder of folders) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('.ts')) continue;
      const path = join(ROOT, folder, entry);
      const out = join(target, relative(ROOT, path)).replace(/\.ts$/, '.js');
      const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
        compilerOptions: {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ES2023,
          rewriteRelativeImportExtensions: true,
          verbatimModuleSyntax: true,
        },
      });
      mkdirSync(dirname(out), { recursive: true });
      writeFileSync(out, outputText);
    }
  }
  return target;
}

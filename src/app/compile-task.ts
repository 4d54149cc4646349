/**
 * Compiles a task written in AssemblyScript. The compiler is loaded only when something has to be compiled: it is large.
 *
 * Level 3 without shrinking, the incremental runtime (its collector is deterministic and lives in linear memory like all
 * else), and function names kept, so that a trap says where.
 */
import { mkdir, rename } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { DroverError } from '../domain/kernel/error-codes.ts';

export interface CompileOptions {
  /** The entry file, e.g. `examples/tasks/pid/index.ts`. */
  readonly entry: string;
  readonly outFile: string;
  /** Whole-number constants the source can ask for with `isDefined`. */
  readonly constants: Readonly<Record<string, number>>;
}

/** Writes the module, or fails with ERR_MODULE_INVALID and the compiler's own words. */
export async function compileTask({ entry, outFile, constants }: CompileOptions): Promise<void> {
  const { default: asc } = await import('assemblyscript/asc');
  await mkdir(dirname(outFile), { recursive: true });
  const words: string[] = [];
  const collect = {
    write: (chunk: string | Uint8Array): boolean =>
      words.push(typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)) > 0,
  };
  // Written beside and renamed, so that a half-written module is never newer than its source.
  const unfinished = `${outFile}.${process.pid}`;
  const relativePath = (path: string): string => relative(process.cwd(), path);
  const uses = Object.entries(constants).flatMap(([name, value]) => ['--use', `${name}=${value}`]);
  const options = ['-O3', '--debug', '--runtime', 'incremental', ...uses];
  const { error } = await asc.main([relativePath(entry), '--outFile', relativePath(unfinished), ...options], {
    stdout: collect,
    stderr: collect,
  });
  if (error !== null) {
    throw new DroverError('ERR_MODULE_INVALID', `${entry} does not compile:\n${words.join('').trim()}`, { cause: error });
  }
  await rename(unfinished, outFile);
}

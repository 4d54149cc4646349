/**
 * Where the project lies, found by its package.json from this file upwards: the same answer whether this runs as a
 * source (tests) or compiled from dist.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../domain/kernel/assert.ts';

export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    assert(parent !== folder, 'drover runs from inside a folder that has a package.json');
    folder = parent;
  }
  return folder;
}

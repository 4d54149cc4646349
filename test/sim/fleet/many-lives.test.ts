/**
 * More random fleets than anybody waits for before a commit, on all cores; `random.test.ts` has the first of them and those that found
 * something. The rest of two thousand: `./drover simulate --seeds 1..2000 --json`.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../src/app/project-root.ts';
import type { SeedsSum } from '../../../src/app/simulation/tell-seeds.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const FIRST = 16;
const LAST = 215;

test(`random lives ${FIRST} to ${LAST} keep every promise`, { timeout: 900_000 }, async () => {
  const args = [MAIN, 'simulate', '--seeds', `${FIRST}..${LAST}`, '--json'];
  // A failing run ends with 1, and says which seeds failed all the same.
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 }).catch(
    (cause: { readonly stdout: string }) => cause,
  );
  const sum = JSON.parse(stdout) as SeedsSum;
  expect(sum.failed).toEqual([]);
  expect(sum.seeds).toBe(LAST - FIRST + 1);
  expect(sum.restores).toBeGreaterThan(sum.seeds * 3);
});

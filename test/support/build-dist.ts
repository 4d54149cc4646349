/**
 * Runs once before the tests: worker threads and child processes start from dist, so dist must be what the sources say.
 * The launcher knows what is missing and does nothing (a few milliseconds) when nothing is.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The exit code of `./drover --prepare` when types do not hold: dist was written all the same. */
const TYPES_DO_NOT_HOLD = 3;

const LAUNCHER = join(import.meta.dirname, '..', '..', 'drover');

export function setup(): void {
  const { status, error } = spawnSync(LAUNCHER, ['--prepare'], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  // While a change is half made its tests should run; `drover test` reports the types by itself.
  if (status === TYPES_DO_NOT_HOLD) process.stderr.write('dist was built although the types do not hold\n');
  else if (status !== 0) throw new Error(`./drover --prepare ended with ${status ?? 'a signal'}`);
}

/**
 * The command line as a process of its own, and not in one turn of the test's: a test that stood still meanwhile (`spawnSync`) would leave its fleet's
 * connection unanswered for as long as the command takes, and the server closes such a connection after some seconds.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../src/app/project-root.ts';

export interface Ran {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly out: string;
  readonly error: string;
}

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const SAID_BYTES_MAX = 64 * 1024 * 1024;

/** With `CI` set and no terminal, as build machines have it: what is read by a program stays plain there too. */
export const runDrover = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const options = { encoding: 'utf8', env: { ...process.env, CI: 'true' }, maxBuffer: SAID_BYTES_MAX } as const;
    execFile(process.execPath, [MAIN, ...args], options, (failure, out, error) => {
      const exitCode = failure === null ? 0 : typeof failure.code === 'number' ? failure.code : null;
      resolve({ exitCode, out, error });
    });
  });

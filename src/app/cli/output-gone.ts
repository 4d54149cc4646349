/**
 * What becomes of a command whose reader or terminal goes away: a closed pipe (`drover status | head`), a closed window. A command
 * that keeps something running says how it stops (`onOutputGone`); any other one just ends.
 *
 * - A closed pipe is no failure: the reader has seen enough. Exit code 0.
 * - A terminal that is destroyed under a command ends it with 129, as SIGHUP does (which comes with it, but not under nohup).
 * - Node itself aborts at its exit when it cannot reset a terminal that is no more; so its descriptors are closed before.
 */
import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

const EXIT_HANGUP = 129;
const READER_GONE = 'EPIPE';
const TERMINAL_GONE = new Set(['EIO', 'ENXIO', 'EBADF', 'ENODEV']);

const handlers = new Set<() => void>();

/** Called in place of ending the process; may be called more than once. */
export function onOutputGone(handler: () => void): void {
  handlers.add(handler);
}

/** Once, before anything is written. */
export function watchOutput(): void {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', outputFailed);
  process.on('exit', () => {
    const destroyed = terminals.filter((descriptor) => !isatty(descriptor));
    if (destroyed.length > 0 && (process.exitCode ?? 0) === 0) process.exitCode = EXIT_HANGUP;
    for (const descriptor of destroyed) {
      try {
        closeSync(descriptor);
      } catch {
        // Closed already: what was wanted.
      }
    }
  });
}

function outputFailed(error: NodeJS.ErrnoException): void {
  const { code = '' } = error;
  if (code !== READER_GONE && !TERMINAL_GONE.has(code)) throw error;
  if (handlers.size === 0) process.exit(code === READER_GONE ? 0 : EXIT_HANGUP);
  for (const handler of handlers) handler();
}

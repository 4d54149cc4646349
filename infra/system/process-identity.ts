/**
 * Telling one process from another that later got the same pid. On Linux from `/proc`; elsewhere only as far as a signal 0
 * reaches, and then `undefined` says that nothing more is known.
 */
import { readFileSync } from 'node:fs';

/** A zombie (dead, not yet waited for by its parent) counts as dead: it holds nothing any more. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, but belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return statFields(pid)?.[0] !== 'Z';
}

/** Boot and start tick of a process, as one word that no other process of this host ever has; undefined where unknown. */
export function processStart(pid: number): string | undefined {
  const startTicks = statFields(pid)?.[19];
  const boot = read('/proc/sys/kernel/random/boot_id');
  return startTicks === undefined || boot === undefined ? undefined : `${boot.trim()}/${startTicks}`;
}

/** The words a process was started with; undefined where it is gone or the system does not tell. */
export function commandLine(pid: number): readonly string[] | undefined {
  return read(`/proc/${pid}/cmdline`)?.split('\0').slice(0, -1);
}

/** The fields of `/proc/<pid>/stat` after the name (which may itself hold blanks and brackets): state first. */
function statFields(pid: number): readonly string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Gone, not Linux, or not ours to read: the caller treats all three as "not known".
    return undefined;
  }
}

/**
 * This host's processes, from `/proc`: whether one is dead can be said at once and for certain, if it is one of ours to see.
 *
 * A process is named by the boot, its pid and its start time in clock ticks (a pid is used again; pid and start time are
 * not). `bootId` is the kernel's random boot id *and* the pid namespace: two containers on one host share the former, and
 * each would take the other's processes for dead. A zombie is dead: it runs no more, only its parent has not asked. (Its
 * other threads may outlive a thread-group leader for a moment; while there are any, it is alive.) A stopped process is alive.
 *
 * Where there is no `/proc` (other systems) every process is `elsewhere`, and detection goes on without this short cut.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import type { ProcessIdentity } from '../../src/domain/model/ecu.ts';
import type { ProcessTable } from '../../src/ports/process-table.ts';

export interface SystemProcessTable extends ProcessTable {
  /** The identity of a process that lives now (a child just started); undefined when there is none or it cannot be told. */
  identify(pid: number): ProcessIdentity | undefined;
}

/** `bootId` of a process nobody can look up. */
const NOWHERE = '';

export function createProcessTable(): SystemProcessTable {
  const bootId = readBootId();
  const identify = (pid: number): ProcessIdentity | undefined => {
    if (bootId === NOWHERE) return undefined;
    const stat = readStat(pid);
    return typeof stat === 'object' && !stat.gone ? { bootId, pid, startTicks: stat.startTicks } : undefined;
  };
  return {
    identify,
    self: () => identify(process.pid) ?? { bootId: NOWHERE, pid: process.pid, startTicks: 0 },
    look: (wanted) => {
      if (bootId === NOWHERE || wanted.bootId !== bootId) return 'elsewhere';
      const stat = readStat(wanted.pid);
      if (stat === 'unreadable') return 'elsewhere';
      if (stat === 'absent' || stat.gone || stat.startTicks !== wanted.startTicks) return 'dead';
      return 'alive';
    },
  };
}

function readBootId(): string {
  if (process.platform !== 'linux') return NOWHERE;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    // With `hidepid` or a foreign /proc mount one would not see oneself, and nobody else either.
    return readStat(process.pid) === 'unreadable' || readStat(process.pid) === 'absent' ? NOWHERE : `${boot}.${namespace}`;
  } catch {
    // Reported as `elsewhere`: without these two nothing can be said about any process.
    return NOWHERE;
  }
}

/**
 * `/proc/<pid>/stat`: `pid (name) state ppid …`. The name may hold spaces and parentheses, so fields count from the last
 * `)`. Counted from 1 as in proc(5): 3 state, 20 number of threads, 22 start time.
 */
function readStat(pid: number): { readonly gone: boolean; readonly startTicks: number } | 'absent' | 'unreadable' {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    // ESRCH: it ended between open and read.
    return code === 'ENOENT' || code === 'ESRCH' ? 'absent' : 'unreadable';
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, threads, startTicks] = [fields[0], Number(fields[17]), Number(fields[19])];
  if (state === undefined || !Number.isSafeInteger(startTicks)) return 'unreadable';
  const gone = state === 'X' || state === 'x' || (state === 'Z' && threads <= 1);
  return { gone, startTicks };
}

/** Processor time of another process, by the kernel: of all its threads, user and system. */
import { readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second for whoever asks through `/proc/<pid>/stat`, on every Linux. */
const US_PER_TICK = 10_000;

export function processCpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command may hold spaces and parentheses: the fields are counted from its end. utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
}

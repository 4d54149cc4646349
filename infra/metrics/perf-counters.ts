/**
 * Cycles and instructions of this process and its threads, counted by the processor and read by `perf stat` printing on and on. Node has no
 * way to the kernel's counters of its own. Where the machine shows no counters (most virtual ones), or the kernel keeps them to root,
 * there is no source, and both metrics are absent.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { CommandSensor } from './command-source.ts';

/** Hardware counters, by the names that Intel, AMD and Arm processors are listed under. */
const COUNTERS = /^(cpu|cpu_core|cpu_atom|armv\d.*)$/;
/** Above this the kernel lets nobody but root count, not even what is his own. */
const PARANOID_MAX = 2;
const EVERY_MS_MIN = 100;
const STALE_US = 3_000_000;

/** undefined: nothing can be counted here. */
export function perfCounters(options: {
  readonly pid: number;
  readonly everyUs: number;
  readonly root?: string;
  readonly program?: string;
}): CommandSensor | undefined {
  if (!mayCount(options.root ?? '')) return undefined;
  const everyMs = Math.max(EVERY_MS_MIN, Math.round(options.everyUs / 1000));
  let before = 0;
  let at = 0;
  return {
    name: 'perf',
    program: options.program ?? 'perf',
    // --log-fd 1: perf prints to its standard error otherwise.
    args: [
      'stat',
      '--log-fd',
      '1',
      '-I',
      String(everyMs),
      '-x',
      ',',
      '-e',
      'cycles:u,instructions:u',
      '-p',
      String(options.pid),
    ],
    everyUs: 'stream',
    metrics: ['cpu.cycles', 'cpu.instructions'],
    staleUs: STALE_US,
    readLine: (line, put) => {
      // seconds since the start, count, unit, event, …; `<not supported>` and `<not counted>` are no counts.
      const [seconds = '', count = '', , event = ''] = line.trim().split(',');
      const now = Number(seconds);
      if (seconds === '' || !(now > 0)) return;
      if (now !== at) [before, at] = [at, now];
      const rate = count === '' ? Number.NaN : Number(count) / (at - before);
      if (event.startsWith('cycles')) put('cpu.cycles', rate);
      else if (event.startsWith('instructions')) put('cpu.instructions', rate);
    },
  };
}

function mayCount(root: string): boolean {
  try {
    const paranoid = Number(readFileSync(`${root}/proc/sys/kernel/perf_event_paranoid`, 'latin1'));
    const devices = readdirSync(`${root}/sys/bus/event_source/devices`);
    return paranoid <= PARANOID_MAX && devices.some((name) => COUNTERS.test(name));
  } catch {
    // No Linux, or a kernel without counters.
    return false;
  }
}

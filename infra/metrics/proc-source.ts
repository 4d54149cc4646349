/**
 * The machine's processors and memory from `/proc/stat` and `/proc/meminfo`, and what this process takes. The kernel answers from memory, so
 * these are read on the spot: from files that stay open, into one buffer, parsed as bytes.
 *
 * The kernel counts in hundredths of a second. A load is told of no less than `WINDOW_US`; asked more often, the last one stands.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { MetricColumns } from '../../src/domain/metrics/sample.ts';
import type { MetricsSource } from '../../src/ports/metrics-source.ts';

const WINDOW_US = 90_000;
const BUFFER_BYTES = 64 * 1024;
/** `user nice system idle iowait irq softirq steal`; guest time is part of user time already. */
const FIELDS = 8;
const [IDLE, IOWAIT] = [3, 4];
const [NEWLINE, SPACE, ZERO, NINE] = [10, 32, 48, 57];

/** `root` replaces `/` in tests. What cannot be opened (not Linux) is absent. */
export function createProcSource(options: { readonly root?: string } = {}): MetricsSource {
  const root = options.root ?? '';
  const stat = tryOpen(`${root}/proc/stat`);
  const meminfo = tryOpen(`${root}/proc/meminfo`);
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const cores = new CoreTimes();
  const own = new OwnTime();
  return {
    name: 'proc',
    metrics: ['cpu.load', 'cpu.busiestCore', 'memory.used', 'memory.available', 'bridge.load'],
    read: (into, nowUs) => {
      if (stat !== undefined) {
        if (cores.isDue(nowUs)) cores.update(buffer, readAt(stat, buffer), nowUs);
        into.set('cpu.load', cores.load);
        into.set('cpu.busiestCore', cores.busiest);
      }
      if (meminfo !== undefined) readMemory(buffer.toString('latin1', 0, readAt(meminfo, buffer.subarray(0, 512))), into);
      into.set('bridge.load', own.read(nowUs));
    },
    close: () => {
      for (const file of [stat, meminfo]) if (file !== undefined) closeSync(file);
    },
  };
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    // This system has no such file; the source is silent about it.
    return undefined;
  }
}

function readAt(file: number, buffer: Buffer): number {
  try {
    return readSync(file, buffer, 0, buffer.length, 0);
  } catch {
    return 0;
  }
}

class CoreTimes {
  load = Number.NaN;
  busiest = Number.NaN;
  private readUs = Number.NEGATIVE_INFINITY;
  /** By core number, and the sum of all in the place before. */
  private busy = new Float64Array(0);
  private total = new Float64Array(0);

  isDue(nowUs: number): boolean {
    return nowUs - this.readUs >= WINDOW_US;
  }

  update(buffer: Buffer, length: number, nowUs: number): void {
    const isFirst = this.readUs === Number.NEGATIVE_INFINITY;
    this.readUs = nowUs;
    this.load = Number.NaN;
    this.busiest = Number.NaN;
    let at = 0;
    // Lines that begin with `cpu` come first.
    while (at + 3 < length && buffer[at] === 0x63 && buffer[at + 1] === 0x70 && buffer[at + 2] === 0x75) {
      at += 3;
      let core = 0;
      for (; isDigit(buffer[at]); at++) core = core * 10 + (buffer[at] as number) - ZERO;
      const isSum = buffer[at - 1] === 0x75;
      const place = isSum ? 0 : core + 1;
      let busy = 0;
      let total = 0;
      for (let field = 0; buffer[at] !== NEWLINE && at < length; field++) {
        while (buffer[at] === SPACE) at++;
        let ticks = 0;
        for (; isDigit(buffer[at]); at++) ticks = ticks * 10 + (buffer[at] as number) - ZERO;
        if (field >= FIELDS) continue;
        total += ticks;
        if (field !== IDLE && field !== IOWAIT) busy += ticks;
      }
      at++;
      this.line(place, busy, total, isFirst);
    }
  }

  private line(place: number, busy: number, total: number, isFirst: boolean): void {
    if (place >= this.total.length) this.grow(place + 1);
    const passed = total - (this.total[place] ?? 0);
    const worked = busy - (this.busy[place] ?? 0);
    const wasKnown = !isFirst && (this.total[place] ?? 0) > 0;
    this.busy[place] = busy;
    this.total[place] = total;
    // The kernel's idle counter may go back a little when a core comes back online: then nothing is known of this interval.
    if (!wasKnown || passed <= 0 || worked < 0) return;
    const share = Math.min(1, worked / passed);
    if (place === 0) this.load = share;
    else if (!(share <= this.busiest)) this.busiest = share;
  }

  private grow(places: number): void {
    const [busy, total] = [new Float64Array(places), new Float64Array(places)];
    busy.set(this.busy);
    total.set(this.total);
    this.busy = busy;
    this.total = total;
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

function readMemory(text: string, into: MetricColumns): void {
  const total = kib(text, 'MemTotal:');
  const available = kib(text, 'MemAvailable:');
  if (total === undefined || available === undefined) return;
  into.set('memory.available', available * 1024);
  into.set('memory.used', Math.max(0, total - available) * 1024);
}

function kib(text: string, label: string): number | undefined {
  const at = text.indexOf(label);
  if (at < 0) return undefined;
  const value = Number.parseInt(text.slice(at + label.length, at + label.length + 24), 10);
  return Number.isFinite(value) ? value : undefined;
}

/** Processor time of this process by the kernel: user and system, all threads. */
class OwnTime {
  private usedUs: number | undefined;
  private readUs = 0;
  private cores = Number.NaN;

  read(nowUs: number): number {
    const passedUs = nowUs - this.readUs;
    if (this.usedUs !== undefined && passedUs < WINDOW_US) return this.cores;
    const { user, system } = process.cpuUsage();
    if (this.usedUs !== undefined) this.cores = Math.max(0, user + system - this.usedUs) / passedUs;
    this.usedUs = user + system;
    this.readUs = nowUs;
    return this.cores;
  }
}

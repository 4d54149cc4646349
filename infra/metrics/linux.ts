/**
 * This machine's live load, as numbers: a real input for tasks without any data set. From `/proc/stat`, `/proc/meminfo` and
 * the thermal zones and hardware monitors under `/sys/class`.
 *
 * Core load is the busy share since the previous reading, so the first reading (and one that follows within a clock tick)
 * says 0 for cores without progress. What a machine does not have is left out: many virtual machines have no temperature.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface HostReading {
  /** Busy share of each core, 0 … 1, by core number; a core that is offline is left out. */
  readonly coreLoad: readonly number[];
  readonly memoryTotalBytes: number;
  /** What could be given to programs without swapping. */
  readonly memoryAvailableBytes: number;
  /** The hottest sensor; undefined: none can be read. */
  readonly temperatureCelsius: number | undefined;
}

export interface HostMetrics {
  read(): HostReading;
}

interface CoreTicks {
  readonly busy: number;
  readonly total: number;
}

/** `root` replaces `/` in tests. Fails with the system's own error where there is no `/proc` (not Linux). */
export function createHostMetrics(options: { readonly root?: string } = {}): HostMetrics {
  const root = options.root ?? '';
  const sensors = findSensors(root);
  let before = new Map<string, CoreTicks>();
  return {
    read: () => {
      const now = readCoreTicks(readFileSync(`${root}/proc/stat`, 'latin1'));
      const coreLoad = [...now].map(([core, ticks]) => busyShare(before.get(core), ticks));
      before = now;
      const memory = readMemory(readFileSync(`${root}/proc/meminfo`, 'latin1'));
      return { coreLoad, ...memory, temperatureCelsius: hottest(sensors) };
    },
  };
}

function busyShare(before: CoreTicks | undefined, now: CoreTicks): number {
  if (before === undefined) return 0;
  const total = now.total - before.total;
  // The kernel's idle counter may go back a little when a core comes back online.
  return total > 0 ? Math.min(1, Math.max(0, (now.busy - before.busy) / total)) : 0;
}

/** Lines `cpuN user nice system idle iowait irq softirq steal guest guest_nice`; guest time is part of user time already. */
function readCoreTicks(text: string): Map<string, CoreTicks> {
  const cores = new Map<string, CoreTicks>();
  for (const line of text.split('\n')) {
    const match = /^cpu(\d+) (.*)$/.exec(line);
    if (match === null) continue;
    const ticks = (match[2] as string).trim().split(/ +/).map(Number).slice(0, 8);
    const total = ticks.reduce((sum, one) => sum + one, 0);
    const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
    cores.set(match[1] as string, { busy: total - idle, total });
  }
  return cores;
}

function readMemory(text: string): { memoryTotalBytes: number; memoryAvailableBytes: number } {
  const bytes = (field: string): number | undefined => {
    const match = new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(text);
    return match === null ? undefined : Number(match[1]) * 1024;
  };
  return { memoryTotalBytes: bytes('MemTotal') ?? 0, memoryAvailableBytes: bytes('MemAvailable') ?? bytes('MemFree') ?? 0 };
}

/** Files that hold a temperature in thousandths of a degree. Looked for once; sensors do not come and go. */
function findSensors(root: string): string[] {
  const found: string[] = [];
  for (const zone of list(`${root}/sys/class/thermal`)) {
    if (zone.startsWith('thermal_zone')) found.push(`${root}/sys/class/thermal/${zone}/temp`);
  }
  for (const monitor of list(`${root}/sys/class/hwmon`)) {
    for (const file of list(`${root}/sys/class/hwmon/${monitor}`)) {
      if (/^temp\d+_input$/.test(file)) found.push(`${root}/sys/class/hwmon/${monitor}/${file}`);
    }
  }
  return found;
}

function hottest(sensors: readonly string[]): number | undefined {
  let celsius: number | undefined;
  for (const sensor of sensors) {
    let thousandths: number;
    try {
      thousandths = Number(readFileSync(sensor, 'latin1'));
    } catch {
      // A sensor that is asleep or not there for us does not count; the others do.
      continue;
    }
    const value = thousandths / 1000;
    if (Number.isFinite(value) && value > -100 && value < 200 && (celsius === undefined || value > celsius)) celsius = value;
  }
  return celsius;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // This kernel has no such class of devices.
    return [];
  }
}

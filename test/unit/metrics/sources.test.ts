/**
 * The adapters that measure: against what kernels and tools have printed (written down here), against this machine, and against programs that
 * end, hang, print nonsense or are not there.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type CommandSensor, createCommandSource } from '../../../infra/metrics/command-source.ts';
import { createFileSensors } from '../../../infra/metrics/file-sensors.ts';
import { nvidiaSmi } from '../../../infra/metrics/nvidia-smi.ts';
import { perfCounters } from '../../../infra/metrics/perf-counters.ts';
import { createProcSource } from '../../../infra/metrics/proc-source.ts';
import { vendorCommand } from '../../../infra/metrics/vendor-sensor.ts';
import { createSystemClock } from '../../../infra/system/clock.ts';
import { projectRoot } from '../../../src/app/project-root.ts';
import { loadSensorFile, parseSensorFile } from '../../../src/app/sensor-file.ts';
import type { Metric } from '../../../src/domain/metrics/kinds.ts';
import { MetricColumns } from '../../../src/domain/metrics/sample.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { MetricsSource } from '../../../src/ports/metrics-source.ts';

const SECOND_US = 1_000_000;
const clock = createSystemClock();
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, bind: () => silent };

const folders: string[] = [];
const sources: MetricsSource[] = [];
afterEach(() => {
  for (const source of sources.splice(0)) source.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'drover-metrics-'));
  folders.push(root);
  write(root, files);
  return root;
}

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    // In place: the source has the file open.
    writeFileSync(join(root, path), text, { flag: existsSync(join(root, path)) ? 'r+' : 'w' });
  }
}

function opened(source: MetricsSource): MetricsSource {
  sources.push(source);
  return source;
}

function read(source: MetricsSource, nowUs: number): Partial<Record<Metric, number>> {
  const columns = new MetricColumns();
  source.read(columns, nowUs);
  const said = source.metrics.map((metric) => [metric, columns.get(metric)] as const);
  return Object.fromEntries(said.filter(([, value]) => !Number.isNaN(value)));
}

async function until<T>(what: () => T | undefined, withinMs = 20_000): Promise<T> {
  const late = performance.now() + withinMs;
  for (;;) {
    const found = what();
    if (found !== undefined) return found;
    if (performance.now() > late) throw new Error('it has not come');
    await sleep(10);
  }
}

describe('/proc', () => {
  const stat = (busy: number, idle: number, one: number): string =>
    `cpu  ${busy} 0 0 ${idle} 5 0 0 0 70 0\ncpu0 ${busy - one} 0 0 ${idle / 2} 5 0 0 0 70 0\ncpu12 ${one} 0 0 ${idle / 2} 0 0 0 0 0 0\nintr 12345 0 0\nctxt 9\n`;
  const MEMINFO =
    'MemTotal:       24682416 kB\nMemFree:        21095488 kB\nMemAvailable:   23535288 kB\nBuffers:           44380 kB\n';

  it('gives loads of the interval between two readings, and memory', () => {
    const root = rootWith({ 'proc/stat': stat(1_000, 8_000, 400), 'proc/meminfo': MEMINFO });
    const proc = opened(createProcSource({ root }));
    const memory = { 'memory.available': 23_535_288 * 1024, 'memory.used': (24_682_416 - 23_535_288) * 1024 };
    expect(read(proc, SECOND_US)).toEqual(memory);
    write(root, { 'proc/stat': stat(1_060, 8_140, 450) });
    expect(read(proc, 2 * SECOND_US)).toEqual({
      ...memory,
      'cpu.load': 60 / 200,
      'cpu.busiestCore': 50 / 120,
      'bridge.load': expect.any(Number),
    });
  });

  it('tells a load of no less than its counters can resolve', () => {
    const root = rootWith({ 'proc/stat': stat(1_000, 8_000, 400), 'proc/meminfo': MEMINFO });
    const proc = opened(createProcSource({ root }));
    read(proc, SECOND_US);
    write(root, { 'proc/stat': stat(1_060, 8_140, 450) });
    expect(read(proc, SECOND_US + 10_000)['cpu.load']).toBeUndefined();
    expect(read(proc, SECOND_US + 100_000)['cpu.load']).toBeCloseTo(0.3, 9);
    write(root, { 'proc/stat': stat(1_160, 8_140, 550) });
    expect(read(proc, SECOND_US + 110_000)['cpu.load']).toBeCloseTo(0.3, 9);
    expect(read(proc, SECOND_US + 200_000)['cpu.load']).toBeCloseTo(1, 9);
  });

  it('knows nothing of an interval in which counters went back', () => {
    const root = rootWith({ 'proc/stat': stat(1_060, 8_140, 450), 'proc/meminfo': MEMINFO });
    const proc = opened(createProcSource({ root }));
    read(proc, SECOND_US);
    write(root, { 'proc/stat': stat(1_000, 8_000, 400) });
    expect(read(proc, 2 * SECOND_US)['cpu.load']).toBeUndefined();
  });

  it('is silent where there is none', () => {
    const proc = opened(createProcSource({ root: rootWith({}) }));
    expect(read(proc, SECOND_US)).toEqual({});
  });

  it('is this machine’s', async () => {
    const proc = opened(createProcSource());
    read(proc, clock.monotonicUs());
    const said = await until(() => {
      const now = read(proc, clock.monotonicUs());
      return now['cpu.load'] === undefined || now['bridge.load'] === undefined ? undefined : now;
    });
    expect(said['cpu.load']).toBeLessThanOrEqual(1);
    expect(said['cpu.busiestCore']).toBeGreaterThanOrEqual(said['cpu.load'] ?? 2);
    expect(said['memory.used']).toBeGreaterThan(1024 ** 2);
    expect(said['bridge.load']).toBeGreaterThan(0);
  });
});

describe('/sys', () => {
  const settled = (source: MetricsSource, nowUs: number, metric: Metric): Promise<Partial<Record<Metric, number>>> =>
    until(() => {
      const said = read(source, nowUs);
      return said[metric] === undefined ? undefined : said;
    });

  it('gives the hottest temperature, the power of all packages, and the GPU’s own', async () => {
    let nowUs = SECOND_US;
    const root = rootWith({
      'sys/class/thermal/thermal_zone0/temp': '45000\n',
      'sys/class/thermal/thermal_zone1/temp': '-274000\n',
      'sys/class/hwmon/hwmon0/name': 'coretemp\n',
      'sys/class/hwmon/hwmon0/temp1_input': '61500\n',
      'sys/class/hwmon/hwmon0/power1_input': '99000000\n',
      'sys/class/hwmon/hwmon1/name': 'amdgpu\n',
      'sys/class/hwmon/hwmon1/temp1_input': '72000\n',
      'sys/class/hwmon/hwmon1/power1_average': '140000000\n',
      'sys/class/hwmon/hwmon1/device/gpu_busy_percent': '87\n',
      'sys/class/hwmon/hwmon1/device/mem_info_vram_total': '8589934592\n',
      'sys/class/hwmon/hwmon1/device/mem_info_vram_used': '2147483648\n',
      'sys/class/powercap/intel-rapl:0/energy_uj': '0000001000000\n',
      'sys/class/powercap/intel-rapl:0/max_energy_range_uj': '262143328850\n',
      'sys/class/powercap/intel-rapl:0:0/energy_uj': '7000000\n',
      'sys/class/powercap/intel-rapl:1/energy_uj': '0262143000000\n',
      'sys/class/powercap/intel-rapl:1/max_energy_range_uj': '262143328850\n',
    });
    const FILES = 10;
    let filesRead = 0;
    const monotonicUs = (): number => {
      filesRead++;
      return nowUs;
    };
    const sysfs = opened(createFileSensors({ root, monotonicUs }));
    read(sysfs, nowUs);
    // The counters of energy come last: what is written before they were read would be their first value.
    await until(() => (filesRead === FILES ? true : undefined));
    expect(read(sysfs, nowUs)).toEqual({
      temperature: 61.5,
      'gpu.temperature': 72,
      'gpu.power': 140,
      'gpu.load': 0.87,
      'gpu.memoryUsed': 2 * 1024 ** 3,
      'gpu.memoryAvailable': 6 * 1024 ** 3,
    });
    // One package used 30 J in 2 s; the other's counter has begun again, 1.328850 J after.
    write(root, {
      'sys/class/powercap/intel-rapl:0/energy_uj': '0000031000000\n',
      'sys/class/powercap/intel-rapl:1/energy_uj': '0000001000000\n',
    });
    nowUs += 2 * SECOND_US;
    expect((await settled(sysfs, nowUs, 'power')).power).toBeCloseTo(15 + 1.32885 / 2, 6);
  });

  it('grows old: what is not read any more is absent', async () => {
    let nowUs = SECOND_US;
    const root = rootWith({ 'sys/class/thermal/thermal_zone0/temp': '45000\n' });
    const sysfs = opened(createFileSensors({ root, monotonicUs: () => nowUs }));
    await settled(sysfs, nowUs, 'temperature');
    write(root, { 'sys/class/thermal/thermal_zone0/temp': 'none!\n' });
    nowUs += 2 * SECOND_US;
    expect(read(sysfs, nowUs)).toEqual({ temperature: 45 });
    nowUs += 2 * SECOND_US;
    expect(read(sysfs, nowUs)).toEqual({});
  });

  it('is silent where this machine has no such sensors, and within what can be where it has', async () => {
    const sysfs = opened(createFileSensors({ monotonicUs: clock.monotonicUs }));
    read(sysfs, clock.monotonicUs());
    await sleep(50);
    for (const [metric, value] of Object.entries(read(sysfs, clock.monotonicUs()))) {
      expect(sysfs.metrics).toContain(metric);
      expect(value).toBeGreaterThan(-100);
    }
  });
});

/** What a sensor puts for these lines. */
function put(sensor: CommandSensor, lines: readonly string[]): Partial<Record<Metric, number>> {
  const said: Partial<Record<Metric, number>> = {};
  for (const line of lines)
    sensor.readLine(line, (metric, value) => {
      if (!Number.isNaN(value)) said[metric] = value;
    });
  return said;
}

describe('nvidia-smi', () => {
  it('several GPUs are one: mean load, hottest, slowest, sums', () => {
    const sensor = nvidiaSmi({ everyUs: 100_000 });
    expect(sensor.args).toContain('--loop-ms=100');
    expect(put(sensor, ['0, 30, 1024, 7168, 51, 60.50, 1500', '1, 90, 2048, 6144, 77, 150.25, 1350'])).toEqual({
      'gpu.load': 0.6,
      'gpu.memoryUsed': 3 * 1024 ** 3,
      'gpu.memoryAvailable': 13 * 1024 ** 3,
      'gpu.temperature': 77,
      'gpu.power': 210.75,
      'gpu.clock': 1.35e9,
    });
  });

  it('what a GPU does not say is absent; what is no line of values is nothing', () => {
    const sensor = nvidiaSmi({ everyUs: SECOND_US });
    expect(put(sensor, ['0, 30, [N/A], [N/A], 51, [Not Supported], '])).toEqual({ 'gpu.load': 0.3, 'gpu.temperature': 51 });
    expect(put(nvidiaSmi({ everyUs: SECOND_US }), ['NVIDIA-SMI has failed', '', 'x, 1, 2, 3, 4, 5, 6', '1,2'])).toEqual({});
  });
});

describe('perf', () => {
  const root = (paranoid: string, ...devices: readonly string[]): string =>
    rootWith({
      'proc/sys/kernel/perf_event_paranoid': `${paranoid}\n`,
      ...Object.fromEntries(devices.map((device) => [`sys/bus/event_source/devices/${device}/type`, '4\n'])),
    });

  it('rates are of the time between two lines of an event', () => {
    const sensor = perfCounters({ pid: 7, everyUs: 200_000, root: root('2', 'cpu', 'software') });
    expect(sensor?.args).toEqual(expect.arrayContaining(['-I', '200', '-p', '7']));
    const lines = [
      '     0.200000000,50000000,,cycles:u,200000000,100.00,,',
      '     0.200000000,80000000,,instructions:u,200000000,100.00,1.60,insn per cycle',
      '     0.700000000,25000000,,cycles:u,500000000,100.00,,',
      '     0.700000000,<not counted>,,instructions:u,0,100.00,,',
    ];
    if (sensor === undefined) throw new Error('it may count');
    expect(put(sensor, lines.slice(0, 2))).toEqual({ 'cpu.cycles': 2.5e8, 'cpu.instructions': 4e8 });
    expect(put(sensor, lines.slice(2))).toEqual({ 'cpu.cycles': expect.closeTo(5e7, 3) });
    expect(put(sensor, ['     0.9,<not supported>,,cycles:u,0,100.00,,', 'Error: no such process'])).toEqual({});
  });

  it('is absent where the kernel counts for root alone, or has no counters', () => {
    expect(perfCounters({ pid: 7, everyUs: SECOND_US, root: root('3', 'cpu') })).toBeUndefined();
    expect(perfCounters({ pid: 7, everyUs: SECOND_US, root: root('2', 'software', 'msr') })).toBeUndefined();
    expect(perfCounters({ pid: 7, everyUs: SECOND_US, root: rootWith({}) })).toBeUndefined();
    expect(perfCounters({ pid: 7, everyUs: SECOND_US, root: root('-1', 'armv8_cortex_a72') })).toBeDefined();
  });
});

describe('a vendor’s tool', () => {
  const script = (text: string): string => {
    const path = join(rootWith({ 'tool.sh': `#!/bin/sh\n${text}\n` }), 'tool.sh');
    chmodSync(path, 0o755);
    return path;
  };
  const tool = (text: string, everyUs: CommandSensor['everyUs']): MetricsSource => {
    const values = [{ metric: 'asic.load', match: 'busy (\\d+)', scale: 0.01, offset: 0 } as const];
    const sensor = vendorCommand({ name: 'tool', command: [script(text)], everyUs, staleUs: 60 * SECOND_US, values });
    return opened(createCommandSource(sensor, { clock, log: silent }));
  };
  const load = (source: MetricsSource): number | undefined => read(source, clock.monotonicUs())['asic.load'];

  it('the example file reads the example tool', async () => {
    const sensor = loadSensorFile(join(projectRoot(), 'examples', 'sensors', 'board.yaml'));
    expect(sensor).toMatchObject({ name: 'board', everyUs: 500_000, staleUs: 2_000_000 });
    const board = opened(createCommandSource(vendorCommand(sensor), { clock, log: silent }));
    const said = await until(() => {
      const now = read(board, clock.monotonicUs());
      return now['fpga.logic'] === undefined ? undefined : now;
    });
    expect(said).toEqual({
      'fpga.temperature': 51.5,
      'fpga.power': expect.closeTo(7.35, 9),
      'fpga.load': expect.closeTo(0.42, 9),
      'fpga.logic': expect.closeTo(0.635, 9),
    });
  });

  it('that prints on and on is heard as it goes', async () => {
    const streaming = tool('n=0; while true; do n=$((n+1)); echo "busy $n"; sleep 0.01; done', 'stream');
    const first = await until(() => load(streaming));
    await until(() => ((load(streaming) ?? 0) > first ? true : undefined));
  });

  it('that is run again and again is heard of every run', async () => {
    const counter = join(rootWith({ count: '0' }), 'count');
    const again = tool(`n=$(cat ${counter}); n=$((n+1)); printf %s $n > ${counter}; printf 'busy %s' $n`, 10_000);
    await until(() => ((load(again) ?? 0) >= 0.03 ? true : undefined));
  });

  it('that ends though it should not is started again', async () => {
    const runs = join(rootWith({ runs: '' }), 'runs');
    const ending = tool(`echo x >> ${runs}; echo busy $(wc -l < ${runs})`, 'stream');
    await until(() => ((load(ending) ?? 0) >= 0.02 ? true : undefined));
  });

  it('that hangs makes its metrics absent, whatever it said before', async () => {
    const hanging = tool('echo busy 50; exec sleep 1000', 'stream');
    await until(() => (load(hanging) === 0.5 ? true : undefined));
    expect(read(hanging, clock.monotonicUs() + 120 * SECOND_US)).toEqual({});
  });

  it('that is not there, or prints nonsense, is nothing', async () => {
    const values = [{ metric: 'asic.load', match: '(.*)', scale: 1, offset: 0 } as const];
    // Node tells of the first by an event and throws for the second.
    const lost = ['/nowhere/tool', '/dev/null/tool'].map((program) => {
      const absent = vendorCommand({ name: 'x', command: [program], everyUs: 10_000, staleUs: SECOND_US, values });
      return opened(createCommandSource(absent, { clock, log: silent }));
    });
    const odd = tool('echo busy; echo busy x; head -c 200000 /dev/zero; echo; echo busy 7', 'stream');
    const told = () => lost.map((source) => read(source, clock.monotonicUs()));
    told();
    await until(() => load(odd));
    expect(load(odd)).toBeCloseTo(0.07, 9);
    expect(told()).toEqual([{}, {}]);
  });
});

describe('what is wrong with a tool that somebody asked for is said, once', () => {
  const values = [{ metric: 'asic.load', match: 'busy ([a-z0-9]+)', scale: 1, offset: 0 } as const];
  it.each<[string, string[], RegExp]>([
    ['it is not there', ['/nowhere/tool'], /cannot be run/],
    ['it ends without a value', ['/bin/sh', '-c', 'echo lazy 7; exit 3'], /gives no value.*it ended \(3\)/],
    ['what it says is no number', ['/bin/sh', '-c', 'echo busy nan'], /gives no value.*it ended \(0\)/],
  ])('%s', async (_, command, told) => {
    const said: string[] = [];
    const note = (sentence: string, fields?: object): void => void said.push(`${sentence} ${JSON.stringify(fields)}`);
    const heard: Log = { ...silent, warn: note, bind: () => heard };
    const sensor = vendorCommand({ name: 'tool', command, everyUs: 10_000, staleUs: SECOND_US, values });
    const source = opened(createCommandSource(sensor, { clock, log: heard }));
    await until(() => {
      read(source, clock.monotonicUs());
      return said.length > 0 ? true : undefined;
    });
    for (let at = 0; at < 20; at++) {
      read(source, clock.monotonicUs());
      await sleep(10);
    }
    expect(said).toEqual([expect.stringMatching(told)]);
    expect(read(source, clock.monotonicUs())).toEqual({});
  });
});

describe('a sensor file', () => {
  it.each([
    ['name: [', 'no YAML'],
    ['name: board', 'command'],
    ['name: board\ncommand: []\nmetrics: { temperature: { match: (x) } }', 'command'],
    ['name: board\ncommand: [x]\nmetrics: {}', 'at least one'],
    ['name: board\ncommand: [x]\nmetrics: { colour: { match: (x) } }', 'there is no such metric'],
    ['name: board\ncommand: [x]\nmetrics: { temperature: { match: x } }', '0 groups'],
    ['name: board\ncommand: [x]\nmetrics: { temperature: { match: (x)(y) } }', '2 groups'],
    ['name: board\ncommand: [x]\nmetrics: { temperature: { match: "(" } }', 'no regular expression'],
    ['name: board\ncommand: [x]\nevery-ms: 1\nmetrics: { temperature: { match: (x) } }', 'every-ms'],
    ['name: board\ncommand: [x]\ncolour: red\nmetrics: { temperature: { match: (x) } }', 'colour'],
  ])('%j is refused, with the way out', (text, sentence) => {
    expect(() => parseSensorFile(text, 'own.yaml')).toThrow(expect.objectContaining({ code: 'ERR_FLEET_FILE' }));
    expect(() => parseSensorFile(text, 'own.yaml')).toThrow(sentence);
  });

  it('that is not there is refused by its name', () => {
    expect(() => loadSensorFile('/nowhere/own.yaml')).toThrow('/nowhere/own.yaml cannot be read');
  });
});

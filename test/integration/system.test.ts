import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { createHostMetrics } from '../../infra/metrics/linux.ts';
import { createSystemClock } from '../../infra/system/clock.ts';
import { createProcessTable } from '../../infra/system/process-table.ts';

const onLinux = process.platform === 'linux';

describe('system clock', () => {
  const clock = createSystemClock();
  const wait = (delayUs: number): Promise<void> => new Promise((resolve) => void clock.after(delayUs, resolve));

  it('never goes back and gives whole microseconds', () => {
    let last = clock.monotonicUs();
    for (let i = 0; i < 10_000; i++) {
      const now = clock.monotonicUs();
      expect(Number.isInteger(now) && now >= last).toBe(true);
      last = now;
    }
    expect(clock.wallUs()).toBeGreaterThan(1.7e15);
  });

  it('is never early, neither for waits below a millisecond nor after work within the same turn', async () => {
    const begun = process.hrtime.bigint();
    for (const delayUs of [0, 1, 50, 300, 999, 1000, 1001, 1700, 2500, 5000, 10_000]) {
      for (const workUs of [0, 3000]) {
        const until = clock.monotonicUs() + workUs;
        while (clock.monotonicUs() < until);
        const startNs = process.hrtime.bigint();
        await wait(delayUs);
        expect(Number(process.hrtime.bigint() - startNs)).toBeGreaterThanOrEqual(delayUs * 1000);
      }
    }
    expect(process.hrtime.bigint()).toBeGreaterThan(begun);
  });

  it('keeps many timers in order of their due times', async () => {
    const fired: number[] = [];
    await Promise.all([9_000, 3_000, 6_000].map((us) => wait(us).then(() => fired.push(us))));
    expect(fired).toEqual([3_000, 6_000, 9_000]);
  });

  it('does not run what was cancelled, short or long, and takes a second cancel', async () => {
    let ran = 0;
    for (const delayUs of [0, 200, 3000]) {
      const cancel = clock.after(delayUs, () => ran++);
      cancel();
      cancel();
    }
    await wait(15_000);
    expect(ran).toBe(0);
  });

  it('waits beyond what setTimeout can hold instead of firing at once', async () => {
    let fired = false;
    const cancel = clock.after(2 ** 31 * 1000 + 5_000_000, () => (fired = true));
    await wait(20_000);
    cancel();
    expect(fired).toBe(false);
  });
});

describe.skipIf(!onLinux)('process table', () => {
  const table = createProcessTable();
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  const start = (command: string, args: string[]): ChildProcess => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    return child;
  };
  const identityOf = (pid: number) => {
    const identity = table.identify(pid);
    if (identity === undefined) throw new Error(`process ${pid} is not there`);
    return identity;
  };
  const until = async (condition: () => boolean): Promise<void> => {
    for (let round = 0; !condition(); round++) {
      if (round > 2000) throw new Error('it did not come about');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0] ?? '';

  it('knows itself', () => {
    expect(table.self().pid).toBe(process.pid);
    expect(table.self().bootId).toMatch(/^[0-9a-f-]{36}\.\d+$/);
    expect(table.look(table.self())).toBe('alive');
  });

  it('sees a child killed with SIGKILL as dead at once when its parent has heard of it', async () => {
    const child = start('sleep', ['60']);
    const identity = identityOf(child.pid as number);
    expect(table.look(identity)).toBe('alive');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(table.look(identity)).toBe('dead');
  });

  it('takes a stopped process for alive', async () => {
    const child = start('sleep', ['60']);
    const identity = identityOf(child.pid as number);
    child.kill('SIGSTOP');
    await until(() => stateOf(identity.pid) === 'T');
    expect(table.look(identity)).toBe('alive');
    child.kill('SIGCONT');
  });

  it('takes a zombie for dead, though its pid is still there', async () => {
    // The shell becomes a `sleep` that never asks for its child's end.
    const parent = start('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60']);
    const lines = createInterface({ input: parent.stdout as NodeJS.ReadableStream });
    const pid = Number(await new Promise<string>((resolve) => lines.once('line', resolve)));
    const identity = identityOf(pid);
    await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1').trim() === 'sleep');
    expect(table.look(identity)).toBe('alive');
    process.kill(pid, 'SIGKILL');
    await until(() => stateOf(pid) === 'Z');
    await until(() => table.look(identity) === 'dead');
    expect(stateOf(pid)).toBe('Z');
    expect(table.identify(pid)).toBeUndefined();
  });

  it('is not fooled by a pid used again, and says nothing of other boots and namespaces', () => {
    const self = table.self();
    expect(table.look({ ...self, startTicks: self.startTicks - 1 })).toBe('dead');
    expect(table.look({ ...self, bootId: 'another-boot.1' })).toBe('elsewhere');
    expect(table.look({ ...self, bootId: `${self.bootId}0` })).toBe('elsewhere');
    expect(table.look({ ...self, bootId: '' })).toBe('elsewhere');
  });

  it('reads names with spaces and parentheses', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-name-'));
    try {
      const program = join(folder, 'a) Z 1 (b');
      writeFileSync(program, readFileSync('/bin/sleep'), { mode: 0o755 });
      // Where `sleep` is one of many faces of a single binary, it is told which by its name.
      const child = spawn(program, ['60'], { argv0: 'sleep', stdio: 'ignore' });
      children.push(child);
      const identity = identityOf(child.pid as number);
      await until(() => readFileSync(`/proc/${child.pid}/comm`, 'latin1').trim() === 'a) Z 1 (b');
      expect(table.look(identity)).toBe('alive');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!onLinux)('host metrics', () => {
  it('reads this machine', () => {
    const metrics = createHostMetrics();
    metrics.read();
    const until = performance.now() + 60;
    while (performance.now() < until);
    const reading = metrics.read();
    expect(reading.coreLoad.length).toBeGreaterThan(0);
    for (const load of reading.coreLoad) expect(load >= 0 && load <= 1).toBe(true);
    expect(Math.max(...reading.coreLoad)).toBeGreaterThan(0);
    expect(reading.memoryTotalBytes).toBeGreaterThan(reading.memoryAvailableBytes);
    expect(reading.memoryAvailableBytes).toBeGreaterThan(0);
  });

  it('computes shares between readings, and the hottest sensor that can be read', () => {
    const root = mkdtempSync(join(tmpdir(), 'drover-host-'));
    try {
      for (const folder of [
        'proc',
        'sys/class/thermal/thermal_zone0',
        'sys/class/thermal/cooling_device0',
        'sys/class/hwmon/hwmon0',
      ]) {
        mkdirSync(join(root, folder), { recursive: true });
      }
      const put = (file: string, text: string): void => writeFileSync(join(root, file), text);
      put('proc/meminfo', 'MemTotal:        1000 kB\nMemFree:          200 kB\nMemAvailable:     600 kB\n');
      put('sys/class/thermal/thermal_zone0/temp', '41500\n');
      put('sys/class/hwmon/hwmon0/temp1_input', '55250\n');
      put('sys/class/hwmon/hwmon0/temp2_input', 'garbage\n');
      put('proc/stat', 'cpu  30 0 30 140 0 0 0 0 0 0\ncpu0 10 0 10 80 0 0 0 0 5 0\ncpu2 20 0 20 60 0 0 0 0 0 0\nintr 1 2\n');
      const metrics = createHostMetrics({ root });
      expect(metrics.read()).toEqual({
        coreLoad: [0, 0],
        memoryTotalBytes: 1_024_000,
        memoryAvailableBytes: 614_400,
        temperatureCelsius: 55.25,
      });
      put('proc/stat', 'cpu0 20 0 20 140 20 0 0 0 5 0\ncpu2 90 0 50 60 0 0 0 0 0 0\n');
      expect(metrics.read().coreLoad).toEqual([0.2, 1]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

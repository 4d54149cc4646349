/**
 * A program whose output is measurements: a vendor's tool that prints on and on, or one that is run every so often. What its lines mean is said
 * by a `CommandSensor`, which is all that an adapter for one more vendor has to write.
 *
 * C1. One process at a time. One that ends by itself, though it should print on and on, is started again after a wait that doubles; a
 *     program that is not there is not asked for again.
 * C2. A value counts until it is `staleUs` old: a tool that hangs makes its metrics absent.
 * C3. The process goes when the source is closed. One whose reader was killed ends at its next line, for nobody hears it.
 * C4. What is wrong with one is said in the log, once until it gives a value again: it cannot be run, it ended without one, it hung.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { COLUMN, METRIC_COUNT, METRICS, type Metric } from '../../src/domain/metrics/kinds.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import type { MetricsSource } from '../../src/ports/metrics-source.ts';

export type Put = (metric: Metric, value: number) => void;

export interface CommandSensor {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Between two runs; `stream`: it is run once and prints on and on. */
  readonly everyUs: number | 'stream';
  readonly metrics: readonly Metric[];
  readonly staleUs: number;
  /** Somebody wants this one: that it is not there is worth a warning. */
  readonly isAskedFor?: boolean;
  /** Called for each line; NaN is nothing. */
  readonly readLine: (line: string, put: Put) => void;
}

export interface CommandSourceParts {
  readonly clock: Clock;
  readonly log: Log;
}

const AGAIN_US_MIN = 1_000_000;
const AGAIN_US_MAX = 60_000_000;
/** A run that takes longer than this many of its intervals, and than the least, is ended. */
const LATE_INTERVALS = 5;
const LATE_US_MIN = 5_000_000;
const LINE_CHARS_MAX = 64 * 1024;

export function createCommandSource(sensor: CommandSensor, { clock, log }: CommandSourceParts): MetricsSource {
  const values = new Float64Array(METRIC_COUNT).fill(Number.NaN);
  const atUs = new Float64Array(METRIC_COUNT).fill(Number.NEGATIVE_INFINITY);
  const columns = sensor.metrics.map((metric) => COLUMN[metric]);
  const { everyUs } = sensor;
  const say = sensor.isAskedFor === true ? log.warn.bind(log) : log.info.bind(log);
  let child: ChildProcess | undefined;
  let dueUs = Number.NEGATIVE_INFINITY;
  let againUs = AGAIN_US_MIN;
  let startedUs = 0;
  let over = false;
  let isKnownBad = false;
  let hasSaid = false;

  const bad = (why: string): void => {
    if (!isKnownBad && !over)
      say('a program that measures gives no value', { source: sensor.name, program: sensor.program, why });
    isKnownBad = true;
  };
  const put: Put = (metric, value) => {
    // An infinity is no absence: it goes on, and is refused by its name.
    if (Number.isNaN(value)) return;
    hasSaid = true;
    isKnownBad = false;
    values[COLUMN[metric]] = value;
    atUs[COLUMN[metric]] = clock.monotonicUs();
    againUs = AGAIN_US_MIN;
  };
  const cannotRun = (cause: unknown): void => {
    over = true;
    say('a program that measures cannot be run', { source: sensor.name, program: sensor.program, cause });
  };
  const start = (nowUs: number): void => {
    startedUs = nowUs;
    dueUs = everyUs === 'stream' ? Number.POSITIVE_INFINITY : nowUs + everyUs;
    let started: ChildProcess;
    try {
      started = spawn(sensor.program, sensor.args, {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, LC_ALL: 'C' },
      });
    } catch (cause) {
      // Node throws what is not a matter of permission, number or name: a program of another machine, for one.
      cannotRun(cause);
      return;
    }
    child = started;
    hasSaid = false;
    eachLine(started, (line) => sensor.readLine(line, put));
    started.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'EACCES') cannotRun(cause);
    });
    started.on('close', (exitCode, signal) => {
      if (child === started) child = undefined;
      if (!hasSaid) bad(`it ended (${signal ?? exitCode}) and no line of it held one`);
      if (everyUs !== 'stream' || over) return;
      dueUs = clock.monotonicUs() + againUs;
      againUs = Math.min(AGAIN_US_MAX, againUs * 2);
    });
    started.unref();
  };
  const hung = (): void => {
    bad(`it has not ended after ${Math.round((clock.monotonicUs() - startedUs) / 1e6)} s and is killed`);
    child?.kill('SIGKILL');
  };
  return {
    name: sensor.name,
    metrics: sensor.metrics,
    read: (into, nowUs) => {
      if (child === undefined && !over && nowUs >= dueUs) start(nowUs);
      else if (everyUs !== 'stream' && nowUs - startedUs > Math.max(LATE_US_MIN, LATE_INTERVALS * everyUs)) hung();
      for (const column of columns) {
        if (nowUs - (atUs[column] ?? 0) <= sensor.staleUs)
          into.set(METRICS[column]?.name as Metric, values[column] ?? Number.NaN);
      }
    },
    close: () => {
      over = true;
      child?.kill('SIGKILL');
    },
  };
}

function eachLine(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    // Whatever prints this is no list of measurements.
    if (rest.length > LINE_CHARS_MAX) rest = '';
    for (const line of lines) onLine(line);
  });
  // The last line need not end.
  child.stdout?.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

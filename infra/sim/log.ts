/** Log lines of a whole world in one place, with virtual times: the last of them tell a failure's story. */
import type { Counters } from '../../src/ports/counters.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';
import type { SimScheduler } from './clock.ts';

export interface LogLine {
  readonly atUs: number;
  readonly host: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly sentence: string;
  readonly fields: LogFields;
}

export class SimLogBook {
  private readonly scheduler: SimScheduler;
  private readonly linesMax: number;
  private readonly lines: LogLine[] = [];
  private next = 0;

  constructor(scheduler: SimScheduler, linesMax = 10_000) {
    this.scheduler = scheduler;
    this.linesMax = linesMax;
  }

  logOf(host: string, bound: LogFields = {}): Log {
    const write = (level: LogLine['level']) => (sentence: string, fields?: LogFields) =>
      this.add({
        atUs: this.scheduler.nowUs(),
        host,
        level,
        sentence,
        fields: fields === undefined ? bound : { ...bound, ...fields },
      });
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      bind: (fields) => this.logOf(host, { ...bound, ...fields }),
    };
  }

  /** The newest lines, oldest first. */
  last(count: number): readonly LogLine[] {
    const ordered =
      this.lines.length < this.linesMax ? this.lines : [...this.lines.slice(this.next), ...this.lines.slice(0, this.next)];
    return ordered.slice(-count);
  }

  print(count: number): string {
    return this.last(count)
      .map(
        ({ atUs, host, level, sentence, fields }) =>
          `${(atUs / 1000).toFixed(3).padStart(12)} ms  ${level.padEnd(5)} ${host.padEnd(24)} ${sentence} ${JSON.stringify(fields)}`,
      )
      .join('\n');
  }

  private add(line: LogLine): void {
    this.lines[this.next] = line;
    this.next = (this.next + 1) % this.linesMax;
  }
}

export class SimCounters implements Counters {
  private readonly counts: Record<string, number> = {};

  add(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  read(): Readonly<Record<string, number>> {
    return { ...this.counts };
  }
}

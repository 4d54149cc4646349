import type { Counters } from '../../src/ports/counters.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly sentence: string;
  readonly fields: LogFields;
}

/** A log that a test can read. */
export function collectingLog(bound: LogFields = {}, lines: LogLine[] = []): Log & { readonly lines: readonly LogLine[] } {
  const write =
    (level: LogLine['level']) =>
    (sentence: string, fields: LogFields = {}): void => {
      lines.push({ level, sentence, fields: { ...bound, ...fields } });
    };
  return {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    bind: (fields) => collectingLog({ ...bound, ...fields }, lines),
  };
}

export function collectingCounters(): Counters {
  const counts: Record<string, number> = {};
  return {
    add(name, by = 1) {
      counts[name] = (counts[name] ?? 0) + by;
    },
    read: () => ({ ...counts }),
  };
}

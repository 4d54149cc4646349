/** Structured log lines. `bind` adds fields to every later line: actor, revision, task, epoch, trace. */
export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
  bind(fields: LogFields): Log;
}

export interface LogFields {
  readonly actor?: string;
  readonly revision?: number;
  readonly task?: string;
  readonly epoch?: number;
  readonly trace?: string;
  readonly [field: string]: unknown;
}

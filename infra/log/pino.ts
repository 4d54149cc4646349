/**
 * The `Log` port on pino: one JSON object a line, to stderr. Never to stdout, which belongs to what a command prints.
 *
 * Every line carries level, time, host and whatever was bound: actor, revision, task, epoch, trace. Fields that could hold a
 * secret are replaced by `[redacted]` wherever they stand in the first three levels. Lines are written synchronously: the
 * last ones before a crash are those that matter, and a process that logs too much to bear that logs too much.
 */

import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level?: LogLevel;
  /** Bound to every line, e.g. `manager.m1`. */
  readonly host?: string;
  /** Where lines go instead of stderr: a file's path, or a stream (tests). */
  readonly destination?: string | DestinationStream;
}

/** Names of fields whose values never reach a log. */
export const REDACTED_FIELDS = [
  'password',
  'pass',
  'token',
  'secret',
  'seed',
  'nkey',
  'jwt',
  'authorization',
  'credentials',
  'creds',
  'privateKey',
] as const;

/**
 * The simulation's seed is what reproduces a failure; nkey seeds come as `nkey` or `credentials` in drover. So `seed` is
 * hidden only inside another object, where a connection's options would carry it.
 */
const redactedPaths = REDACTED_FIELDS.flatMap((field) => [...(field === 'seed' ? [] : [field]), `*.${field}`, `*.*.${field}`]);

export function createLog(options: LogOptions = {}): Log {
  const destination =
    typeof options.destination === 'object'
      ? options.destination
      : pino.destination({ dest: options.destination ?? 2, sync: true, mkdir: true });
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: options.host === undefined ? null : { host: options.host },
      messageKey: 'sentence',
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: redactedPaths, censor: '[redacted]' },
      serializers: { error: plainError, cause: plainError },
    },
    destination,
  );
  return wrap(logger);
}

function wrap(logger: Logger): Log {
  return {
    debug: (sentence, fields) => logger.debug(fields ?? {}, sentence),
    info: (sentence, fields) => logger.info(fields ?? {}, sentence),
    warn: (sentence, fields) => logger.warn(fields ?? {}, sentence),
    error: (sentence, fields) => logger.error(fields ?? {}, sentence),
    bind: (fields: LogFields) => wrap(logger.child({ ...fields })),
  };
}

/** An error as fields, with its chain of causes; anything else as it is. */
function plainError(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const code = value instanceof DroverError ? value.code : (value as NodeJS.ErrnoException).code;
  return {
    name: value.name,
    message: value.message,
    ...(code === undefined ? {} : { code }),
    stack: value.stack,
    ...(value.cause === undefined ? {} : { cause: plainError(value.cause) }),
  };
}

/**
 * Reads the small file that is an adapter for one more vendor's tool: what to run, and where in its output the metrics are.
 * `examples/sensors/board.yaml` shows all of it.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import type { VendorSensor, VendorValue } from '../../infra/metrics/vendor-sensor.ts';
import { DroverError } from '../domain/kernel/error-codes.ts';
import { isMetric, METRICS } from '../domain/metrics/kinds.ts';
import { sentenceOfIssue } from './unknown-keys.ts';

const STALE_MS = 3_000;
const MS_MAX = 3_600_000;

const pattern = z.string().superRefine((text, context) => {
  let groups: number;
  try {
    // An alternative that matches nothing tells how many groups there are.
    groups = (new RegExp(`${text}|`).exec('')?.length ?? 1) - 1;
  } catch (cause) {
    context.addIssue({ code: 'custom', message: `it is no regular expression: ${(cause as Error).message}` });
    return;
  }
  if (groups !== 1) context.addIssue({ code: 'custom', message: `it has ${groups} groups; write one around the number` });
});

const sensorSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, 'a name has letters, digits, dots, hyphens and underscores'),
  /** Program and arguments; one that begins with a dot lies beside the file. */
  command: z.array(z.string()).min(1),
  /** Left out: it prints on and on. */
  'every-ms': z.number().int().min(10).max(MS_MAX).optional(),
  'stale-ms': z.number().int().min(10).max(MS_MAX).optional(),
  metrics: z.record(
    z.string(),
    z.strictObject({ match: pattern, scale: z.number().default(1), offset: z.number().default(0) }),
  ),
});

/** Fails with ERR_FLEET_FILE. */
export function loadSensorFile(path: string): VendorSensor {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DroverError(
      'ERR_FLEET_FILE',
      `${path} cannot be read; examples/sensors/board.yaml shows what a sensor file looks like`,
      { cause },
    );
  }
  return parseSensorFile(text, path);
}

/** `path` is named in errors. */
export function parseSensorFile(text: string, path: string): VendorSensor {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid(path, [`it is no YAML: ${cause instanceof YAMLParseError ? cause.message : String(cause)}`]);
  }
  const parsed = sensorSchema.safeParse(value);
  if (!parsed.success)
    throw invalid(
      path,
      parsed.error.issues.map((issue) => sentenceOfIssue(sensorSchema, issue)),
    );
  const { name, command, 'every-ms': everyMs, 'stale-ms': staleMs, metrics } = parsed.data;
  const values: VendorValue[] = [];
  const unknown: string[] = [];
  for (const [metric, rule] of Object.entries(metrics)) {
    if (isMetric(metric)) values.push({ metric, ...rule });
    else unknown.push(`metrics.${metric}: there is no such metric; there are ${METRICS.map((kind) => kind.name).join(', ')}`);
  }
  if (unknown.length > 0) throw invalid(path, unknown);
  if (values.length === 0) throw invalid(path, ['metrics: name at least one']);
  const [program = '', ...args] = command;
  return {
    name,
    command: [program.startsWith('.') ? resolve(dirname(path), program) : program, ...args],
    everyUs: everyMs === undefined ? 'stream' : everyMs * 1000,
    staleUs: (staleMs ?? Math.max(STALE_MS, 3 * (everyMs ?? 0))) * 1000,
    values,
  };
}

const invalid = (path: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_FLEET_FILE', `${path}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

/**
 * Reads a task set as people write it: a YAML file with units, and the file of overheads that `--overheads` names. Priorities are
 * those of task files: the larger, the more urgent; without any, deadlines decide. `examples/task-sets` has one of each.
 */
import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Overheads } from '../../domain/realtime/overheads.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import { duration, wholeNumber } from '../task-file.ts';
import { POLICIES, type Policy } from './policies.ts';
import { deadlineMonotonic } from './set-lines.ts';

export interface NamedTask extends RealtimeTask {
  readonly name: string;
}

export interface TaskSetFile {
  readonly policy: Policy | undefined;
  readonly cores: number | undefined;
  readonly sliceUs: number | undefined;
  readonly overheads: Overheads | undefined;
  readonly tasks: readonly NamedTask[];
}

/** Fails with ERR_TASK_SET. */
export async function loadTaskSet(path: string): Promise<TaskSetFile> {
  return parseTaskSet(await read(path), path);
}

/** `path` is named in errors. */
export function parseTaskSet(text: string, path: string): TaskSetFile {
  const { policy, cores, slice, overheads, tasks } = checked(setSchema, text, path);
  const names = tasks.map(({ name }, index) => name ?? `T${index + 1}`);
  const double = names.find((name, at) => names.indexOf(name) !== at);
  if (double !== undefined) throw invalid(path, [`two tasks are called ${double}: each needs its own name`]);
  const given = tasks.filter(({ priority }) => priority !== undefined).length;
  if (given !== 0 && given !== tasks.length) {
    throw invalid(path, ['priority: either every task has one or none has (then the shorter deadline is the more urgent)']);
  }
  const plain = tasks.map((task, index) => ({
    name: names[index] as string,
    wcetUs: task.wcet,
    periodUs: task.period,
    deadlineUs: task.deadline ?? task.period,
    priority: task.priority ?? 0,
    jitterUs: task.jitter ?? 0,
    blockingUs: task.blocking ?? 0,
  }));
  return {
    policy,
    cores,
    sliceUs: slice,
    overheads: overheads && overheadsOf(overheads),
    tasks: given === 0 ? deadlineMonotonic(plain) : plain,
  };
}

/** Fails with ERR_TASK_SET. */
export async function loadOverheads(path: string): Promise<Overheads> {
  return overheadsOf(checked(overheadsSchema, await read(path), path));
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DroverError(
      'ERR_TASK_SET',
      `${path} cannot be read; examples/task-sets/engine.yaml shows what a task set looks like`,
      {
        cause,
      },
    );
  });
}

function checked<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid(path, [`it is no YAML: ${cause instanceof YAMLParseError ? cause.message : String(cause)}`]);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(
    path,
    parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`),
  );
}

const invalid = (path: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_TASK_SET', `${path}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

/** A bare number is µs, as everywhere in drover's machine formats. */
const time = z.union([z.number().int().min(0).max(Number.MAX_SAFE_INTEGER), duration('10 ms')], {
  error: 'give a time with its unit, e.g. 10 ms, or a whole number of µs',
});

const overheadsSchema = z.strictObject({
  'context-switch': time.optional(),
  checkpoint: z.strictObject({ interval: time, cost: time }).optional(),
  faults: z.strictObject({ every: time, rollback: time.default(0) }).optional(),
  migration: z.strictObject({ every: time, blackout: time }).optional(),
});

const setSchema = z.strictObject({
  policy: z.enum(POLICIES).optional(),
  cores: wholeNumber(1, 1_024, '2').optional(),
  slice: time.optional(),
  overheads: overheadsSchema.optional(),
  tasks: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(63).optional(),
        wcet: time,
        period: time,
        deadline: time.optional(),
        priority: wholeNumber(0, 1_000_000, '10').optional(),
        jitter: time.optional(),
        blocking: time.optional(),
      }),
    )
    .min(1, 'a set has at least one task'),
});

function overheadsOf(file: z.output<typeof overheadsSchema>): Overheads {
  const { checkpoint, faults, migration } = file;
  const contextSwitchUs = file['context-switch'];
  return {
    ...(contextSwitchUs === undefined ? {} : { contextSwitchUs }),
    ...(checkpoint === undefined ? {} : { checkpoint: { intervalUs: checkpoint.interval, costUs: checkpoint.cost } }),
    ...(faults === undefined ? {} : { faults: { everyUs: faults.every, rollbackUs: faults.rollback } }),
    ...(migration === undefined ? {} : { migration: { everyUs: migration.every, blackoutUs: migration.blackout } }),
  };
}

/**
 * Reads a task-set file, the YAML that `drover analyze` and `drover schedule` take: `tasks` with their times as in task files
 * (`150 us`; a bare number is µs), and perhaps the `platform` they run on and the `overheads` of keeping them alive. The
 * smallest one is `tasks: [{ wcet: 1 ms, period: 10 ms }]`; docs/SCHEDULE.md lists every field.
 *
 * Both commands take every field. What one of them cannot take into account is said in its answer (`unaccounted.ts`).
 *
 * As in task files a larger priority is more urgent. Without any, shorter deadlines are more urgent (equal ones: the task
 * listed first). Schemas look at shapes and ranges; what only a simulation or an analysis refuses is said there.
 */
import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { deadlineMonotonic } from '../../domain/realtime/deadline-monotonic.ts';
import type { Overheads } from '../../domain/realtime/overheads.ts';
import { CORES_MAX } from '../../domain/realtime/platform.ts';
import { TASKS_MAX, TIME_US_MAX } from '../../domain/realtime/set-check.ts';
import { type ExecutionTime, executionProblem } from '../../domain/realtime/simulation/execution-time.ts';
import type { SimulatedPlatform, SimulatedTask } from '../../domain/realtime/simulation/platform.ts';
import { duration } from '../task-file.ts';

/** YAML takes a second for each few MiB, and an analysis has no use for more tasks than that. */
const FILE_BYTES_MAX = 2 ** 20;

export type NamedTask = SimulatedTask & { readonly name: string };

export interface TaskSet {
  readonly tasks: readonly NamedTask[];
  /** What the file says of it. */
  readonly platform: Partial<SimulatedPlatform>;
  readonly overheads: Overheads | undefined;
}

/** Fails with ERR_TASK_SET. */
export async function loadTaskSetFile(path: string): Promise<TaskSet> {
  return parseTaskSetFile(await read(path), path);
}

/** `path` is named in errors. */
export function parseTaskSetFile(text: string, path: string): TaskSet {
  const { tasks, platform = {}, overheads } = checked(taskSetSchema, text, path);
  const problems = contradictions(tasks);
  if (problems.length > 0) throw invalid(path, problems);
  const { slice, preemption, migration, ...words } = platform;
  return {
    tasks: namedTasks(tasks),
    platform: withoutUndefined({ ...words, sliceUs: slice, preemptionUs: preemption, migrationUs: migration }),
    overheads: overheads && overheadsOf(overheads),
  };
}

/** A file of its own with what `overheads` holds in a set's; it is what `--overheads` names. Fails with ERR_TASK_SET. */
export async function loadOverheads(path: string): Promise<Overheads> {
  return overheadsOf(checked(overheadsSchema, await read(path), path));
}

async function read(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw tooLarge(path, size);
    const bytes = await readFile(path);
    // What comes through a pipe had no size before.
    if (bytes.length > FILE_BYTES_MAX) throw tooLarge(path, bytes.length);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof DroverError) throw cause;
    if (cause instanceof TypeError) throw invalid(path, ['it is no UTF-8: save it as UTF-8']);
    throw new DroverError('ERR_TASK_SET', `${path} cannot be read; examples/task-sets shows what a task set looks like`, {
      cause,
    });
  }
}

const tooLarge = (path: string, bytes: number): DroverError =>
  invalid(path, [`it has ${bytes} bytes; ${TASKS_MAX} tasks have room in ${FILE_BYTES_MAX}; many sets go through --jsonl`]);

function checked<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let value: unknown;
  try {
    value = parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw invalid(path, [
      `it is no YAML: ${cause instanceof Error ? cause.message.replace(/; please use .*?\(\)/, '') : String(cause)}`,
    ]);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(path, parsed.error.issues.map(sentenceOf));
}

const invalid = (path: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_TASK_SET', `${path}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

function sentenceOf(issue: z.core.$ZodIssue): string {
  const field = issue.path.join('.') || 'the file';
  if (issue.code !== 'unrecognized_keys') return `${field}: ${issue.message}`;
  const key = issue.keys[0] ?? '';
  // The names of the JSON lines, which have no units.
  const plain = /^(.+)Us$/.exec(key)?.[1];
  const advice =
    plain !== undefined
      ? `; in files it is ${plain}, with a unit: 10 ms, or a bare number of µs`
      : issue.path.length === 0 && key !== 'policy' && key in platformSchema.shape
        ? '; it is a field of platform'
        : key === 'policy'
          ? '; platform has scheduler, preemptive and placement'
          : '';
  return `${[...issue.path, key].join('.')}: there is no such field${advice}`;
}

// ——— the fields ———

/** Also of what JSON has no word for (NaN, infinity), and of what contains itself (YAML's anchors). */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'object' && value !== null
    ? Array.isArray(value)
      ? 'a list'
      : 'a list of fields'
    : JSON.stringify(value).slice(0, 80);
}

const wholeNumber = (least: number, most: number) =>
  z.custom<number>((value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most, {
    error: (issue) => `${shown(issue.input)} is no whole number between ${least} and ${most}`,
  });

const withUnit = duration('10 ms');
const microseconds = (value: unknown): number =>
  typeof value === 'number' ? value : typeof value === 'string' ? (withUnit.safeParse(value).data ?? Number.NaN) : Number.NaN;

function timeThat(fits: (us: number) => boolean, advice: string): z.ZodType<number> {
  return z.unknown().transform((value, context) => {
    const us = microseconds(value);
    if (fits(us)) return us;
    context.addIssue({ code: 'custom', message: `${shown(value)} is no time ${advice}; write e.g. 10 ms, or a number of µs` });
    return z.NEVER;
  }) as unknown as z.ZodType<number>;
}

const timeFrom = (leastUs: number): z.ZodType<number> =>
  timeThat(
    (us) => Number.isSafeInteger(us) && us >= leastUs && us <= TIME_US_MAX,
    `of whole µs from ${leastUs} to ${TIME_US_MAX}`,
  );
const [time, timeOrNone] = [timeFrom(1), timeFrom(0)];
const deviation = timeThat((us) => us >= 0 && us <= TIME_US_MAX, 'from 0 on');

const yesOrNo = z.boolean({ error: (issue) => `${shown(issue.input)} is neither true nor false` });
const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: (issue) => `${shown(issue.input)} is none of ${words.join(', ')}` });
const weight = z.custom<number>((value) => typeof value === 'number' && value > 0 && value <= 1e12, {
  error: (issue) => `${shown(issue.input)} is no number above 0`,
});

const execution = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('constant'), time }),
    z.strictObject({ kind: z.literal('uniform'), min: time, max: time }),
    z.strictObject({ kind: z.literal('triangular'), min: time, mode: time, max: time }),
    z.strictObject({ kind: z.literal('normal'), mean: time, deviation }),
    z.strictObject({
      kind: z.literal('measured'),
      values: z.array(z.strictObject({ time, weight })).min(1, 'give at least one value'),
    }),
  ],
  { error: 'name a distribution: kind constant, uniform, triangular, normal or measured' },
);

const task = z.strictObject(
  {
    name: z
      .string()
      .regex(/^[\p{L}\p{N}._ -]{1,63}$/u, 'use letters, digits, dots, hyphens, underscores and spaces, at most 63')
      .optional(),
    wcet: time,
    period: time,
    deadline: time.optional(),
    priority: wholeNumber(-1_000_000, 1_000_000).optional(),
    jitter: timeOrNone.optional(),
    offset: timeOrNone.optional(),
    blocking: timeOrNone.optional(),
    execution: execution.optional(),
    checkpoint: z.strictObject({ cost: timeOrNone, interval: time }).optional(),
    core: wholeNumber(0, CORES_MAX - 1).optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'a task is a list of fields, e.g. { wcet: 1 ms, period: 10 ms }' : undefined,
  },
);

const platformSchema = z.strictObject({
  cores: wholeNumber(1, CORES_MAX).optional(),
  scheduler: oneOf(['fp', 'edf', 'rr']).optional(),
  preemptive: yesOrNo.optional(),
  placement: oneOf(['global', 'partitioned']).optional(),
  slice: time.optional(),
  preemption: timeOrNone.optional(),
  migration: timeOrNone.optional(),
});

const overheadsSchema = z.strictObject(
  {
    'context-switch': timeOrNone.optional(),
    checkpoint: z.strictObject({ interval: time, cost: timeOrNone }).optional(),
    faults: z.strictObject({ every: time, rollback: timeOrNone.optional() }).optional(),
    migration: z.strictObject({ every: time, blackout: timeOrNone }).optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'overheads are fields: context-switch, checkpoint, faults, migration' : undefined,
  },
);

const taskSetSchema = z.strictObject(
  {
    tasks: z
      .array(task, { error: 'list the tasks, e.g. tasks: [{ wcet: 1 ms, period: 10 ms }]' })
      .min(1, 'there is no task in the set')
      .max(TASKS_MAX, `at most ${TASKS_MAX} tasks are taken together`),
    platform: platformSchema.optional(),
    overheads: overheadsSchema.optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'a task set is a list `tasks` and perhaps a `platform` and `overheads`' : undefined,
  },
);

type TaskFields = z.output<typeof task>;

// ——— what is fine alone and wrong together ———

const nameOf = (at: number, { name }: TaskFields): string => name ?? `T${at + 1}`;

function contradictions(tasks: readonly TaskFields[]): string[] {
  const names = tasks.map((fields, at) => nameOf(at, fields));
  const problems = names.flatMap((name, at) =>
    names.indexOf(name) < at ? [`tasks.${at}.name: another task is called ${name} already`] : [],
  );
  const without = tasks.findIndex(({ priority }) => priority === undefined);
  if (without >= 0 && tasks.some(({ priority }) => priority !== undefined))
    problems.push(`tasks.${without}.priority: ${names[without]} has none while others have one; give all tasks one, or none`);
  for (const [at, { execution: distribution, wcet }] of tasks.entries()) {
    const problem = distribution === undefined ? undefined : executionProblem(executionOf(distribution), wcet);
    if (problem !== undefined) problems.push(`tasks.${at}.execution: ${inWordsOfFile(problem)}`);
  }
  return problems;
}

/** The model's fields are named with their unit, the file's are not. */
const inWordsOfFile = (problem: string): string =>
  problem.replaceAll(/\b(min|mode|max|mean|deviation)Us\b/g, '$1').replaceAll(/\bus\b/g, 'time');

// ——— into the model ———

function namedTasks(tasks: readonly TaskFields[]): NamedTask[] {
  const named = tasks.map((fields, at) => ({
    name: nameOf(at, fields),
    wcetUs: fields.wcet,
    periodUs: fields.period,
    deadlineUs: fields.deadline ?? fields.period,
    priority: fields.priority ?? 0,
    ...withoutUndefined({
      jitterUs: fields.jitter,
      offsetUs: fields.offset,
      blockingUs: fields.blocking,
      execution: fields.execution && executionOf(fields.execution),
      checkpoint: fields.checkpoint && { costUs: fields.checkpoint.cost, intervalUs: fields.checkpoint.interval },
      core: fields.core,
    }),
  }));
  return tasks.some(({ priority }) => priority !== undefined) ? named : deadlineMonotonic(named);
}

function executionOf(fields: z.output<typeof execution>): ExecutionTime {
  switch (fields.kind) {
    case 'constant':
      return { kind: 'constant', us: fields.time };
    case 'uniform':
      return { kind: 'uniform', minUs: fields.min, maxUs: fields.max };
    case 'triangular':
      return { kind: 'triangular', minUs: fields.min, modeUs: fields.mode, maxUs: fields.max };
    case 'normal':
      return { kind: 'normal', meanUs: fields.mean, deviationUs: fields.deviation };
    case 'measured':
      return { kind: 'measured', values: fields.values.map((value) => ({ us: value.time, weight: value.weight })) };
  }
}

const overheadsOf = ({ checkpoint, faults, migration, ...file }: z.output<typeof overheadsSchema>): Overheads =>
  withoutUndefined({
    contextSwitchUs: file['context-switch'],
    checkpoint: checkpoint && { intervalUs: checkpoint.interval, costUs: checkpoint.cost },
    faults: faults && { everyUs: faults.every, rollbackUs: faults.rollback ?? 0 },
    migration: migration && { everyUs: migration.every, blackoutUs: migration.blackout },
  });

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

const withoutUndefined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;

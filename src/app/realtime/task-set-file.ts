/**
 * Reads a task-set file, the YAML that `drover analyze` and `drover schedule` take: `tasks`, each with its times in whole µs,
 * and perhaps the `platform` they run on. The smallest one is `tasks: [{ wcetUs: 1000, periodUs: 10000 }]`.
 *
 * As in task files a larger priority is more urgent. Without any, shorter deadlines are more urgent (equal ones: the task
 * listed first). Schemas look at shapes and ranges; what only a simulation or an analysis refuses is said there.
 */
import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type ExecutionTime, executionProblem } from '../../domain/realtime/simulation/execution-time.ts';
import {
  CORES_MAX,
  type Platform,
  type SimulatedTask,
  TASKS_MAX,
  TIME_US_MAX,
} from '../../domain/realtime/simulation/platform.ts';

export type NamedTask = SimulatedTask & { readonly name: string };

export interface TaskSet {
  readonly tasks: readonly NamedTask[];
  /** What the file says of it. */
  readonly platform: Partial<Platform>;
}

/** Fails with ERR_TASK_SET. */
export async function loadTaskSetFile(path: string): Promise<TaskSet> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DroverError('ERR_TASK_SET', `${path} cannot be read; examples/task-sets shows what a task set looks like`, {
      cause,
    });
  });
  return parseTaskSetFile(text, path);
}

/** `path` is named in errors. */
export function parseTaskSetFile(text: string, path: string): TaskSet {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid(path, [`it is no YAML: ${cause instanceof YAMLParseError ? cause.message : String(cause)}`]);
  }
  const parsed = taskSetSchema.safeParse(value);
  if (!parsed.success) throw invalid(path, parsed.error.issues.map(sentenceOf));
  const { tasks, platform } = parsed.data;
  const problems = contradictions(tasks);
  if (problems.length > 0) throw invalid(path, problems);
  return { tasks: namedTasks(tasks), platform: withoutUndefined(platform ?? {}) };
}

const invalid = (path: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_TASK_SET', `${path}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

function sentenceOf(issue: z.core.$ZodIssue): string {
  const field = issue.path.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') return `${[...issue.path, issue.keys[0]].join('.')}: there is no such field`;
  return `${field}: ${issue.message}`;
}

// ——— the fields ———

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const wholeNumber = (least: number, most: number, unit: string) =>
  z.custom<number>((value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most, {
    error: (issue) => `${shown(issue.input)} is no whole number${unit} between ${least} and ${most}`,
  });

const timeUs = (leastUs: number) => wholeNumber(leastUs, TIME_US_MAX, ' of µs');
const yesOrNo = z.boolean({ error: (issue) => `${shown(issue.input)} is neither true nor false` });
const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: (issue) => `${shown(issue.input)} is none of ${words.join(', ')}` });
const weight = z.custom<number>((value) => typeof value === 'number' && value > 0 && value <= 1e12, {
  error: (issue) => `${shown(issue.input)} is no number above 0`,
});
const deviation = z.custom<number>((value) => typeof value === 'number' && value >= 0 && value <= TIME_US_MAX, {
  error: (issue) => `${shown(issue.input)} is no number of µs from 0 on`,
});

const execution = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('constant'), us: timeUs(1) }),
    z.strictObject({ kind: z.literal('uniform'), minUs: timeUs(1), maxUs: timeUs(1) }),
    z.strictObject({ kind: z.literal('triangular'), minUs: timeUs(1), modeUs: timeUs(1), maxUs: timeUs(1) }),
    z.strictObject({ kind: z.literal('normal'), meanUs: timeUs(1), deviationUs: deviation }),
    z.strictObject({
      kind: z.literal('measured'),
      values: z.array(z.strictObject({ us: timeUs(1), weight })).min(1, 'give at least one value'),
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
    wcetUs: timeUs(1),
    periodUs: timeUs(1),
    deadlineUs: timeUs(1).optional(),
    priority: wholeNumber(-1_000_000, 1_000_000, '').optional(),
    jitterUs: timeUs(0).optional(),
    offsetUs: timeUs(0).optional(),
    blockingUs: timeUs(0).optional(),
    execution: execution.optional(),
    checkpoint: z.strictObject({ costUs: timeUs(0), intervalUs: timeUs(1) }).optional(),
    core: wholeNumber(0, CORES_MAX - 1, '').optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'a task is a list of fields, e.g. { wcetUs: 1000, periodUs: 10000 }' : undefined,
  },
);

const taskSetSchema = z.strictObject(
  {
    tasks: z
      .array(task, { error: 'list the tasks, e.g. tasks: [{ wcetUs: 1000, periodUs: 10000 }]' })
      .min(1, 'there is no task in the set')
      .max(TASKS_MAX, `at most ${TASKS_MAX} tasks are taken together`),
    platform: z
      .strictObject({
        cores: wholeNumber(1, CORES_MAX, '').optional(),
        scheduler: oneOf(['fp', 'edf', 'rr']).optional(),
        preemptive: yesOrNo.optional(),
        placement: oneOf(['global', 'partitioned']).optional(),
        sliceUs: timeUs(1).optional(),
        preemptionUs: timeUs(0).optional(),
        migrationUs: timeUs(0).optional(),
      })
      .optional(),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'a task set is a list `tasks` and perhaps a `platform`' : undefined) },
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
  for (const [at, { execution: distribution, wcetUs }] of tasks.entries()) {
    const problem = distribution === undefined ? undefined : executionProblem(distribution, wcetUs);
    if (problem !== undefined) problems.push(`tasks.${at}.execution: ${problem}`);
  }
  return problems;
}

function namedTasks(tasks: readonly TaskFields[]): NamedTask[] {
  const deadlines = tasks.map(({ deadlineUs, periodUs }) => deadlineUs ?? periodUs);
  const order = tasks.map((_, at) => at).sort((a, b) => (deadlines[b] ?? 0) - (deadlines[a] ?? 0) || b - a);
  return tasks.map(({ name: _, deadlineUs: __, priority, execution: distribution, checkpoint, ...fields }, at) => ({
    ...withoutUndefined(fields),
    wcetUs: fields.wcetUs,
    periodUs: fields.periodUs,
    name: nameOf(at, tasks[at] as TaskFields),
    deadlineUs: deadlines[at] ?? fields.periodUs,
    priority: priority ?? order.indexOf(at),
    ...(distribution === undefined ? {} : { execution: distribution as ExecutionTime }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  }));
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

const withoutUndefined = <T extends object>(fields: T): Defined<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;

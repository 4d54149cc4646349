/**
 * Reads `task.yaml`, the file a user describes a task with, in units people write (`10 ms`, `8 MiB`, `ASIL B`).
 * `docs/TASKS.md` documents every field. What is wrong is said with the field's name, what was found, and what would do.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { DroverError } from '../domain/kernel/error-codes.ts';
import { isTaskName, parseMac } from '../domain/model/ids.ts';
import { STANDBYS_MAX, type TaskSpec } from '../domain/model/task.ts';

/** A spec without what only the deploy pass knows. */
export type TaskSpecDraft = Omit<TaskSpec, 'artefact' | 'artefactBytes'>;

export interface TaskFile {
  readonly draft: TaskSpecDraft;
  /** Absolute: where the task file lies. */
  readonly folder: string;
  /** Absolute. For `wasm` it ends in `.ts` (AssemblyScript, still to be compiled) or `.wasm`; for `worker` in `.ts`, `.mjs` or `.js`. */
  readonly modulePath: string;
  /** Whole-number constants for the compiler. */
  readonly constants: Readonly<Record<string, number>>;
}

/** `path`: a task.yaml, or the folder that holds one. Fails with ERR_SPEC_INVALID or ERR_ARTEFACT_UNREADABLE. */
export async function loadTaskFile(path: string): Promise<TaskFile> {
  const file = await stat(path)
    .then((found) => (found.isDirectory() ? join(path, 'task.yaml') : path))
    .catch(() => path);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DroverError('ERR_ARTEFACT_UNREADABLE', `${file} cannot be read; give a task.yaml or the folder that holds one`, {
      cause,
    });
  });
  return parseTaskFile(text, file);
}

/** The text of a task file; `file` is named in errors and is what relative paths start from. */
export function parseTaskFile(text: string, file: string): TaskFile {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw noYaml(file, cause);
  }
  const parsed = taskFileSchema.safeParse(value);
  if (!parsed.success) throw invalid(file, parsed.error.issues.map(sentenceOf));
  const { module, constants, ...fields } = parsed.data;
  const draft = draftOf(fields);
  const problems = [...contradictions(draft), ...moduleProblems(module, draft)];
  if (problems.length > 0) throw invalid(file, problems);
  return { draft, folder: resolve(dirname(file)), modulePath: resolve(dirname(file), module), constants };
}

const noYaml = (file: string, cause: unknown): DroverError =>
  new DroverError(
    'ERR_SPEC_INVALID',
    `${file} is no YAML: ${cause instanceof YAMLParseError ? cause.message : String(cause)}`,
    { cause },
  );

const invalid = (file: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_SPEC_INVALID', `${file}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

function sentenceOf(issue: z.core.$ZodIssue): string {
  const field = issue.path.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') {
    return `${[...issue.path, issue.keys[0]].join('.')}: there is no such field${issue.keys.length > 1 ? ` (nor ${issue.keys.slice(1).join(', ')})` : ''}; docs/TASKS.md lists them`;
  }
  return `${field}: ${issue.message}`;
}

// ——— units ———

const DURATIONS: Readonly<Record<string, number>> = { us: 1, µs: 1, ms: 1000, s: 1_000_000, min: 60_000_000 };
const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1_048_576, GiB: 1_073_741_824 };
const CRITICALITIES: Readonly<Record<string, number>> = { QM: 0, A: 1, B: 2, C: 3, D: 4 };

/** `12.5 ms` → 12500: a number and one of the units; the result has to be whole. */
function quantity(units: Readonly<Record<string, number>>, example: string): z.ZodType<number> {
  const advice = `give a number with a unit (${Object.keys(units).join(', ')}), e.g. ${example}`;
  return z.unknown().transform((value, context) => {
    const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*([A-Za-zµ]+)$/.exec(value.trim()) : null;
    const factor = match === null ? undefined : units[match[2] ?? ''];
    const amount = Math.round(Number(match?.[1]) * (factor ?? Number.NaN) * 1000) / 1000;
    if (Number.isSafeInteger(amount)) return amount;
    context.addIssue({ code: 'custom', message: `${shown(value)} is not understood; ${advice}` });
    return z.NEVER;
  }) as unknown as z.ZodType<number>;
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

export const duration = (example: string): z.ZodType<number> => quantity(DURATIONS, example);
const size = (example: string): z.ZodType<number> => quantity(SIZES, example);

export const wholeNumber = (least: number, most: number, example: string) =>
  z.custom<number>((value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most, {
    error: (issue) => `${shown(issue.input)} is no whole number between ${least} and ${most}; write e.g. ${example}`,
  });

const matching = (test: (text: string) => boolean, advice: string) =>
  z.custom<string>((value) => typeof value === 'string' && test(value), {
    error: (issue) => `${shown(issue.input)} is not valid; ${advice}`,
  });

const taskName = matching(isTaskName, 'use lower-case letters, digits and inner hyphens, at most 63 characters, e.g. kalman-2');
const capability = matching(
  (text) => /^[A-Za-z0-9._-]{1,63}$/.test(text),
  'use letters, digits, dots, hyphens and underscores, e.g. can0',
);
const mac = matching((text) => parseMac(text) !== undefined, 'write an ECU as its MAC, e.g. 02:aa:00:00:00:01').transform(
  (text) => parseMac(text) ?? text,
);
const labels = z.record(z.string(), z.coerce.string());
const yesOrNo = z.boolean({ error: (issue) => `${shown(issue.input)} is neither true nor false` });

const criticality = z.unknown().transform((value, context) => {
  const level = typeof value === 'string' ? CRITICALITIES[value.replace(/^ASIL[ -]?/i, '').toUpperCase()] : value;
  if (typeof level === 'number' && Number.isInteger(level) && level >= 0 && level <= 4) return level;
  context.addIssue({
    code: 'custom',
    message: `${shown(value)} is not understood; write QM, A, B, C or D (or 0 to 4), D is shed last`,
  });
  return z.NEVER;
});

const percent = z.unknown().transform((value, context) => {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim()) : null;
  const ppm = Math.round(Number(match?.[1]) * 10_000);
  if (Number.isSafeInteger(ppm) && ppm <= 1_000_000) return ppm;
  context.addIssue({ code: 'custom', message: `${shown(value)} is not understood; give a share of one core, e.g. 5 %` });
  return z.NEVER;
});

// ——— the file ———

const taskFileSchema = z.strictObject(
  {
    name: taskName,
    runtime: z
      .enum(['wasm', 'worker'], {
        error: (issue) =>
          `${shown(issue.input)} is no runtime that task files can name yet; write wasm or worker, or leave it out`,
      })
      .default('wasm'),
    module: matching(
      (text) => /\.(ts|wasm|mjs|js)$/.test(text),
      'name the entry file (AssemblyScript for wasm, TypeScript or JavaScript for worker) or a .wasm file, e.g. index.ts',
    ).default('index.ts'),
    constants: z.record(z.string(), wholeNumber(-(2 ** 31), 2 ** 31 - 1, '1048576')).default({}),
    period: duration('10 ms').optional(),
    wcet: duration('2 ms'),
    deadline: duration('10 ms').optional(),
    priority: wholeNumber(0, 1_000_000, '10').default(10),
    criticality: criticality.default(0),
    hard: yesOrNo.default(false),
    memory: size('1 MiB').default(1_048_576),
    fuel: wholeNumber(1, Number.MAX_SAFE_INTEGER, '1000000').default(10_000_000),
    capabilities: z.array(capability).default([]),
    affinity: z
      .strictObject({
        requiredEcus: z.array(mac).default([]),
        preferredEcus: z.array(mac).default([]),
        requiredLabels: labels.default({}),
        preferredLabels: labels.default({}),
        resourceKind: z
          .enum(['cpu', 'gpu', 'fpga', 'asic'], { error: (issue) => `${shown(issue.input)} is none of cpu, gpu, fpga, asic` })
          .optional(),
        together: z.array(taskName).default([]),
        apart: z.array(taskName).default([]),
      })
      .prefault({}),
    reservation: z.strictObject({ cpu: percent, memory: size('1 MiB') }).optional(),
    checkpoint: z
      .strictObject({
        interval: duration('100 ms').default(100_000),
        chain: wholeNumber(0, 10_000, '32').default(32),
        quorum: wholeNumber(1, 16, '2').default(2),
        standbys: wholeNumber(0, STANDBYS_MAX, '1').default(1),
      })
      .prefault({}),
    inputs: z
      .strictObject({
        backlog: wholeNumber(1, 10_000_000, '10000').default(10_000),
        catchUpTicks: yesOrNo.default(false),
        from: taskName.optional(),
      })
      .prefault({}),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'a task file is a list of fields, e.g. `name: kalman`' : undefined) },
);

function draftOf(file: Omit<z.output<typeof taskFileSchema>, 'module' | 'constants'>): TaskSpecDraft {
  const periodUs = file.period ?? 0;
  return {
    name: file.name,
    runtime: file.runtime,
    periodUs,
    wcetUs: file.wcet,
    deadlineUs: file.deadline ?? (periodUs > 0 ? periodUs : Math.max(file.wcet * 2, 10_000)),
    priority: file.priority,
    criticality: file.criticality,
    hardDeadline: file.hard,
    memoryBytesMax: file.memory,
    capabilities: file.capabilities,
    affinity: { ...file.affinity, resourceKind: file.affinity.resourceKind },
    reservation: file.reservation && { cpuPpm: file.reservation.cpu, memoryBytes: file.reservation.memory },
    checkpoint: {
      intervalUs: file.checkpoint.interval,
      chainMax: file.checkpoint.chain,
      quorum: file.checkpoint.quorum,
      standbys: file.checkpoint.standbys,
    },
    inputs: {
      backlogMax: file.inputs.backlog,
      catchUpTicks: file.inputs.catchUpTicks,
      ...(file.inputs.from === undefined ? {} : { from: file.inputs.from }),
    },
    fuelPerJob: file.fuel,
  };
}

function moduleProblems(module: string, { runtime }: TaskSpecDraft): string[] {
  const fits = runtime === 'worker' ? !module.endsWith('.wasm') : /\.(ts|wasm)$/.test(module);
  return fits ? [] : [`module: ${module} is nothing that the runtime ${runtime} runs`];
}

/** Fields that are fine alone and absurd together. */
function contradictions(draft: TaskSpecDraft): string[] {
  const problems: string[] = [];
  const { periodUs, wcetUs, deadlineUs, memoryBytesMax } = draft;
  if (wcetUs === 0) problems.push('wcet: 0 is no execution time; measure one and round up, e.g. 1 ms');
  if (wcetUs > deadlineUs)
    problems.push(`wcet: ${wcetUs} µs is longer than the deadline of ${deadlineUs} µs; no schedule can meet it`);
  if (periodUs > 0 && deadlineUs > periodUs)
    problems.push(
      `deadline: ${deadlineUs} µs is later than the next period of ${periodUs} µs; shorten it or lengthen the period`,
    );
  if (memoryBytesMax < 65_536 || memoryBytesMax > 4_294_967_296)
    problems.push(`memory: ${memoryBytesMax} bytes is not between 64 KiB and 4 GiB`);
  if (draft.inputs.from === draft.name) problems.push('inputs.from: a task cannot feed itself; name the task before it');
  const torn = draft.affinity.together.filter((name) => draft.affinity.apart.includes(name));
  if (torn.length > 0) problems.push(`affinity: ${torn.join(', ')} cannot be both together and apart`);
  return problems;
}

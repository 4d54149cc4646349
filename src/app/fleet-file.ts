/**
 * Reads a fleet file, the YAML that `drover up` starts a fleet from. An ECU line may stand for several (`count`), and every
 * field has a default, so the smallest fleet file is `ecus: [{ count: 3 }]`.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { RECEIVE_INTERVAL_US, RECEIVE_STRATEGIES, type ReceiveChoice } from '../domain/checkpoint/receiving.ts';
import { LANE_ORDERS } from '../domain/instance/lane-queue.ts';
import { DroverError } from '../domain/kernel/error-codes.ts';
import { parseSensorProfile } from '../domain/metrics/sensor-profile.ts';
import type { EcuPower, MetricLimits } from '../domain/model/ecu.ts';
import { isTaskName, parseMac, type TaskName } from '../domain/model/ids.ts';
import type { PageEncoding } from '../domain/protocol/messages.ts';
import { PROVES_PER_MINUTE, PROVES_PER_MINUTE_MAX } from './compose/process-config.ts';
import { type EcuPlan, ecuMac, managerIds } from './fleet/local-fleet.ts';
import { loadSensorFile } from './sensor-file.ts';
import { sentenceOfIssue } from './unknown-keys.ts';

/** One line of `tasks:`. */
export interface FleetTaskPlan {
  /** Absolute: a task.yaml, or the folder that holds one. */
  readonly path: string;
  /** Undefined: as its task file says. With a count it gets numbers. */
  readonly name: TaskName | undefined;
  readonly count: number;
  /** `drover simulate --fleet` fails where it is lost. */
  readonly mustSurvive: boolean;
}

export interface FleetPlan {
  readonly tasks: readonly FleetTaskPlan[];
  readonly ecus: readonly EcuPlan[];
  readonly managers: readonly string[];
  readonly shardCount: number | undefined;
  /** Undefined: as managers do by themselves. */
  readonly provesPerMinute: number | undefined;
  readonly compression: PageEncoding | undefined;
  /** Absent: what the fleet has stays; a new one is notified. */
  readonly receive?: ReceiveChoice;
}

/** Fails with ERR_FLEET_FILE. */
export async function loadFleetFile(path: string): Promise<FleetPlan> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DroverError(
      'ERR_FLEET_FILE',
      `${path} cannot be read; examples/fleets/small.yaml shows what a fleet file looks like`,
      { cause },
    );
  });
  return parseFleetFile(text, path);
}

/** `path` is named in errors. */
export function parseFleetFile(text: string, path: string): FleetPlan {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid(path, [`it is no YAML: ${cause instanceof YAMLParseError ? cause.message : String(cause)}`]);
  }
  const parsed = fleetFileSchema.safeParse(value);
  if (!parsed.success) {
    throw invalid(
      path,
      parsed.error.issues.map((issue) => sentenceOfIssue(fleetFileSchema, issue)),
    );
  }
  const { ecus, tasks, managers, shards, compression, prove, receive, 'receive-interval-ms': intervalMs } = parsed.data;
  const plan = {
    tasks: tasks.map((line) => taskPlanOf(line, dirname(path))),
    ecus: ecus.flatMap(plansOf(ecus, dirname(path))),
    managers: Array.isArray(managers) ? managers : managerIds(managers),
    shardCount: shards,
    provesPerMinute: prove === 'on' || prove === true ? PROVES_PER_MINUTE : prove === 'off' || prove === false ? 0 : prove,
    compression: compression === 'none' ? undefined : compression,
    ...(receive === undefined
      ? {}
      : { receive: { strategy: receive, intervalUs: intervalMs === undefined ? RECEIVE_INTERVAL_US : intervalMs * 1000 } }),
  };
  const problems = [
    ...doubles(
      'MAC',
      plan.ecus.map(({ mac }) => mac),
    ),
    ...doubles('manager', plan.managers),
  ];
  if (problems.length > 0) throw invalid(path, problems);
  return plan;
}

const invalid = (path: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_FLEET_FILE', `${path}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

const doubles = (what: string, names: readonly string[]): string[] =>
  [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].map(
    (name) => `two ${what}s are ${name}: each needs its own`,
  );

const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB)$/.exec(text.trim());
  const bytes = match === null ? Number.NaN : Number(match[1]) * (SIZES[match[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

const size = z.string().transform((text, context) => {
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: `"${text}" is no size; write e.g. 512 MiB` });
  return z.NEVER;
});

const mac = z.string().transform((text, context) => {
  const parsed = parseMac(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `"${text}" is no MAC; write e.g. 02:aa:00:00:00:01` });
  return z.NEVER;
});

const sensorProfile = z.string().transform((text, context) => {
  const profile = parseSensorProfile(text);
  if (profile.ok) return profile.value;
  context.addIssue({ code: 'custom', message: profile.error });
  return z.NEVER;
});

const us = z.number().int().min(1).max(86_400_000_000);

/** Which waiting job a core of an ECU takes next, and what sharing it costs. */
const schedulingSchema = z.strictObject({
  scheduler: z
    .enum(LANE_ORDERS, 'a bridge takes the next job by fixed priority (fp) or by the earliest deadline (edf)')
    .default('fp'),
  /** A job that has begun runs to its end, in the lane of its task: these two can only say so. */
  preemptive: z.literal(false, 'a bridge does not interrupt a job: leave it out').optional(),
  placement: z.literal('partitioned', 'a task stays on its core: leave it out').optional(),
  'checkpoint-cost-us': us.optional(),
  'context-switch-us': us.optional(),
  'blackout-us': us.optional(),
  'blackout-every-us': us.optional(),
});

type SchedulingLine = z.output<typeof schedulingSchema>;

function schedulingOf(line: SchedulingLine): NonNullable<EcuPlan['scheduling']> {
  const times = {
    checkpointCostUs: line['checkpoint-cost-us'],
    contextSwitchUs: line['context-switch-us'],
    blackoutUs: line['blackout-us'],
    blackoutEveryUs: line['blackout-every-us'],
  };
  return {
    scheduler: line.scheduler,
    ...Object.fromEntries(Object.entries(times).filter(([, value]) => value !== undefined)),
  };
}

const watts = z.number().min(0).max(10_000);

/** What an ECU takes, and how it can sleep (`EcuPower`). */
const powerSchema = z
  .strictObject({
    'idle-w': watts,
    'busy-w': watts,
    sleep: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(63),
          watts,
          'wake-ms': z.number().min(0).max(600_000),
          'wake-j': z.number().min(0).max(1e6).default(0),
        }),
      )
      .max(8)
      .default([]),
  })
  .refine((line) => line['busy-w'] >= line['idle-w'], 'an ECU takes no less when it is busy: busy-w is below idle-w');

const powerOf = (line: z.output<typeof powerSchema>): EcuPower => ({
  idleWatts: line['idle-w'],
  busyWatts: line['busy-w'],
  sleep: line.sleep.map((state) => ({
    name: state.name,
    watts: state.watts,
    wakeUs: Math.round(state['wake-ms'] * 1000),
    wakeJoules: state['wake-j'],
  })),
});

const ecuSchema = z.strictObject({
  /** This line stands for so many ECUs; they get MACs and names in a row. */
  count: z.number().int().min(1).max(1_000).default(1),
  mac: mac.optional(),
  name: z.string().min(1).max(63).optional(),
  class: z.string().min(1).max(63).optional(),
  kind: z.enum(['cpu', 'gpu', 'fpga', 'asic']).optional(),
  cores: z.number().int().min(1).max(1_024).optional(),
  memory: size.optional(),
  capabilities: z
    .array(z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, 'a capability has letters, digits, dots, hyphens and underscores'))
    .optional(),
  labels: z.record(z.string(), z.coerce.string()).optional(),
  /** Publish the start and stop of every job. */
  'record-jobs': z.boolean().optional(),
  scheduling: schedulingSchema.optional(),
  power: powerSchema.optional(),
  /** Between two samples of its metrics, and between two that are kept; 0: none. */
  'metrics-every-ms': z.union([z.literal(0), z.number().int().min(10).max(60_000)]).optional(),
  'metrics-kept-every-ms': z.union([z.literal(0), z.number().int().min(100).max(3_600_000)]).optional(),
  /** Sensor files, relative to this file. */
  sensors: z.array(z.string().min(1)).optional(),
  'simulated-sensors': sensorProfile.optional(),
  /** °C, and percent: where it dies, or its tasks are late. */
  limits: z
    .strictObject({
      temperature: z.number().min(30).max(150).optional(),
      memory: z.number().min(1).max(100).optional(),
      load: z.number().min(1).max(100).optional(),
      wear: z.number().min(1).max(1_000).optional(),
    })
    .optional(),
});

const taskSchema = z.strictObject({
  task: z.string().min(1),
  name: z.string().refine(isTaskName, 'a task has lower-case letters, digits and inner hyphens').optional(),
  count: z.number().int().min(1).max(1_000).default(1),
  'must-survive': z.boolean().default(false),
});

function taskPlanOf(line: string | z.output<typeof taskSchema>, folder: string): FleetTaskPlan {
  if (typeof line === 'string') return { path: resolve(folder, line), name: undefined, count: 1, mustSurvive: false };
  const { task, name, count, 'must-survive': mustSurvive } = line;
  return { path: resolve(folder, task), name, count, mustSurvive };
}

const fleetFileSchema = z.strictObject({
  /** How pages are packed on their way: docs/COMPRESSION.md says when it pays. */
  compression: z.enum(['none', 'deflate', 'brotli']).default('none'),
  managers: z
    .union([
      z.number().int().min(1).max(16),
      z.array(z.string().regex(/^[a-z0-9-]{1,32}$/, 'a manager has lower-case letters, digits and hyphens')).min(1),
    ])
    .default(2),
  shards: z.number().int().min(1).max(64).optional(),
  /** Trying checkpoints in idle time: on, off (YAML may read both as booleans), or how many a minute. */
  prove: z.union([z.enum(['on', 'off']), z.boolean(), z.number().int().min(1).max(PROVES_PER_MINUTE_MAX)]).optional(),
  /** How the managers receive checkpoints. */
  receive: z.enum(RECEIVE_STRATEGIES).optional(),
  'receive-interval-ms': z.number().int().min(10).max(3_600_000).optional(),
  ecus: z.array(ecuSchema).min(1),
  /** Deployed when the fleet is up: paths are relative to this file. */
  tasks: z.array(z.union([z.string().min(1), taskSchema])).default([]),
});

type EcuLine = z.output<typeof ecuSchema>;

const limitsOf = ({ temperature, memory, load, wear }: NonNullable<EcuLine['limits']>): MetricLimits => ({
  ...(temperature === undefined ? {} : { temperatureLimit: temperature }),
  ...(memory === undefined ? {} : { memoryLimit: memory / 100 }),
  ...(load === undefined ? {} : { loadLimit: load / 100 }),
  ...(wear === undefined ? {} : { wearLimit: wear / 100 }),
});

const plansOf =
  (lines: readonly EcuLine[], folder: string) =>
  (line: EcuLine, at: number): EcuPlan[] => {
    const before = lines.slice(0, at).reduce((sum, { count }) => sum + count, 0);
    const sensors = line.sensors?.map((file) => loadSensorFile(resolve(folder, file)));
    const { 'metrics-every-ms': everyMs, 'metrics-kept-every-ms': keptEveryMs } = line;
    return Array.from({ length: line.count }, (_, index) => {
      const number = before + index + 1;
      return {
        mac: line.mac !== undefined && line.count === 1 ? line.mac : ecuMac(number),
        name: line.name === undefined ? `ecu${number}` : line.count === 1 ? line.name : `${line.name}-${index + 1}`,
        ...(line.class === undefined ? {} : { ecuClass: line.class }),
        ...(line.kind === undefined ? {} : { resourceKind: line.kind }),
        ...(line.cores === undefined ? {} : { cores: line.cores }),
        ...(line.memory === undefined ? {} : { memoryBytes: line.memory }),
        ...(line.capabilities === undefined ? {} : { capabilities: line.capabilities }),
        ...(line.labels === undefined ? {} : { labels: line.labels }),
        ...(line['record-jobs'] === undefined ? {} : { recordJobs: line['record-jobs'] }),
        ...(line.scheduling === undefined ? {} : { scheduling: schedulingOf(line.scheduling) }),
        ...(line.power === undefined ? {} : { power: powerOf(line.power) }),
        ...(everyMs === undefined ? {} : { metricsEveryUs: everyMs * 1000 }),
        ...(keptEveryMs === undefined ? {} : { metricsKeptEveryUs: keptEveryMs * 1000 }),
        ...(sensors === undefined ? {} : { sensors }),
        ...(line['simulated-sensors'] === undefined ? {} : { simulatedSensors: line['simulated-sensors'] }),
        ...(line.limits === undefined ? {} : { limits: limitsOf(line.limits) }),
      };
    });
  };

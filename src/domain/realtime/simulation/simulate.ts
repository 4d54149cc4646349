/**
 * Simulates a task set on cores that share or divide it, and says what became of its jobs.
 *
 * Deterministic: the same set, platform, duration and seed give the same result. What chance decides (execution times,
 * jitter) has a stream of its own for each task, drawn in the order of its jobs; so a job takes as long under one scheduler
 * as under another, and adding a task changes no other one's draws.
 *
 * A simulation shows what can happen, not what cannot: only for a synchronous set of tasks with deadlines up to their
 * periods, all taking their WCET, on one core under preemptive fixed priorities, is the largest response the worst case.
 */
import type { Result } from '../../kernel/result.ts';
import { err, ok } from '../../kernel/result.ts';
import { createRng, type Rng } from '../../kernel/rng.ts';
import * as engine from './engine.ts';
import { prepareDraw } from './execution-time.ts';
import { JitteredReleases } from './jittered-releases.ts';
import { packFirstFit } from './packing.ts';
import { checkWorkload, JOBS_MAX, type SimulatedPlatform, type SimulatedTask, type SimulationRefusal } from './platform.ts';
import * as record from './task-record.ts';
import { Trace } from './trace.ts';

const F = record.FIELDS;

export interface SimulationOptions {
  readonly tasks: readonly SimulatedTask[];
  readonly platform: SimulatedPlatform;
  /** What happens later than this does not happen; what happens then does. */
  readonly durationUs: number;
  /** Needed only where chance decides something; by default seed 1. */
  readonly rng?: Rng;
  /** Absent: nothing is written down but the statistics. */
  readonly trace?: { readonly segmentsMax: number; readonly jobsMax: number };
  /** End when the first job is done too late. Partitioned cores are simulated one after the other and end each by itself. */
  readonly stopAtMiss?: boolean;
  /** The most jobs (and slices) that are simulated; more are refused before the beginning. */
  readonly jobsMax?: number;
}

/** Responses are counted from the release, after the jitter; deadlines from the arrival, before it. */
export interface TaskStatistics {
  readonly released: number;
  readonly completed: number;
  /** Of completed jobs; undefined when there was none. */
  readonly maxResponseUs: number | undefined;
  readonly minResponseUs: number | undefined;
  readonly sumResponseUs: number;
  /** How often a job went on after a preemption, on the core it was on; counted when it goes on. */
  readonly preemptions: number;
  /** The same on another core. */
  readonly migrations: number;
  readonly missedCompleted: number;
  /** Not done at the end, with a deadline up to the end. */
  readonly missedPending: number;
  /** Work done for its jobs, checkpoints included and overheads not. */
  readonly executedUs: number;
  readonly overheadUs: number;
  /** Partitioned: where it ran. */
  readonly core: number | undefined;
}

export interface Simulation {
  readonly endUs: number;
  /** In the order of the tasks. */
  readonly tasks: readonly TaskStatistics[];
  readonly coreBusyUs: readonly number[];
  /** Of the jobs that were done too late the first one to be done. */
  readonly firstMiss: engine.Miss | undefined;
  readonly trace: Trace | undefined;
}

export function simulate(options: SimulationOptions): Result<Simulation, SimulationRefusal> {
  const { tasks, platform, durationUs, jobsMax = JOBS_MAX } = options;
  const checked = checkWorkload({ tasks, platform, durationUs, jobsMax });
  if (!checked.ok) return checked;
  const rng = options.rng ?? createRng(1);
  const trace = options.trace === undefined ? undefined : new Trace(options.trace);
  const ranks = ranksOf(tasks);
  const onCores = (indexes: readonly number[], cores: number, coreBase: number): engine.EngineRun => ({
    ...engineTasks(tasks, indexes, ranks, rng),
    n: indexes.length,
    cores,
    order: ORDERS[platform.scheduler],
    preemptive: platform.preemptive,
    sliceUs: platform.sliceUs,
    preemptionUs: platform.preemptionUs,
    migrationUs: platform.migrationUs,
    durationUs,
    stopAtMiss: options.stopAtMiss === true,
    trace,
    coreBase,
  });
  if (platform.placement === 'global') {
    const run = onCores(
      tasks.map((_, at) => at),
      platform.cores,
      0,
    );
    const { endUs, busyUs, firstMiss } = engine.runEngine(run);
    return ok({
      endUs,
      tasks: tasks.map((task, at) => statisticsOf(run.tasks, at, task, endUs, undefined)),
      coreBusyUs: [...busyUs],
      firstMiss,
      trace,
    });
  }
  const packed = coresOf(tasks, platform.cores);
  if (!packed.ok) return packed;
  const coreOf = packed.value;
  const statistics = new Array<TaskStatistics>(tasks.length);
  const coreBusyUs: number[] = [];
  let endUs = 0;
  let firstMiss: Simulation['firstMiss'];
  for (let core = 0; core < platform.cores; core++) {
    const indexes = tasks.flatMap((_, at) => (coreOf[at] === core ? [at] : []));
    if (indexes.length === 0) {
      coreBusyUs.push(0);
      continue;
    }
    const run = onCores(indexes, 1, core);
    const end = engine.runEngine(run);
    for (const [at, index] of indexes.entries())
      statistics[index] = statisticsOf(run.tasks, at, tasks[index] as SimulatedTask, end.endUs, core);
    coreBusyUs.push(end.busyUs[0] as number);
    endUs = Math.max(endUs, end.endUs);
    if (end.firstMiss !== undefined && (firstMiss === undefined || end.firstMiss.finishUs < firstMiss.finishUs))
      firstMiss = end.firstMiss;
  }
  return ok({ endUs, tasks: statistics, coreBusyUs, firstMiss, trace });
}

const ORDERS = { fp: engine.BY_PRIORITY, edf: engine.BY_DEADLINE, rr: engine.IN_TURN };

function coresOf(tasks: readonly SimulatedTask[], cores: number): Result<readonly number[], SimulationRefusal> {
  if (tasks.every(({ core }) => core !== undefined)) return ok(tasks.map(({ core = 0 }) => core));
  const packed = packFirstFit(tasks, cores);
  return packed.ok ? packed : err({ kind: 'does-not-pack', task: packed.error.task, cores });
}

/** 0 for the most urgent priority; equal priorities have one rank. */
function ranksOf(tasks: readonly SimulatedTask[]): readonly number[] {
  const levels = [...new Set(tasks.map(({ priority }) => priority))].sort((a, b) => b - a);
  const rankOf = new Map(levels.map((priority, rank) => [priority, rank]));
  return tasks.map(({ priority }) => rankOf.get(priority) ?? 0);
}

function engineTasks(
  tasks: readonly SimulatedTask[],
  indexes: readonly number[],
  ranks: readonly number[],
  rng: Rng,
): Pick<engine.EngineRun, 'tasks' | 'draws' | 'releases' | 'firstRelease' | 'taskNames'> {
  const records = new Float64Array(indexes.length * F);
  const firstRelease = new Float64Array(indexes.length);
  const draws: (engine.TaskDraws | undefined)[] = [];
  const releases: (JitteredReleases | undefined)[] = [];
  for (const [at, index] of indexes.entries()) {
    const {
      wcetUs,
      periodUs,
      deadlineUs,
      jitterUs = 0,
      offsetUs = 0,
      execution,
      checkpoint,
      name,
    } = tasks[index] as SimulatedTask;
    const stream = `${name ?? `task ${index}`}`;
    const fixed = execution === undefined ? wcetUs : execution.kind === 'constant' ? execution.us : undefined;
    draws.push(
      fixed !== undefined || execution === undefined
        ? undefined
        : { draw: prepareDraw(execution, wcetUs), rng: rng.stream(`execution/${stream}`) },
    );
    const jittered = jitterUs > 0 ? new JitteredReleases(jitterUs, rng.stream(`jitter/${stream}`)) : undefined;
    releases.push(jittered);
    firstRelease[at] = offsetUs + (jittered?.drawDelayUs() ?? 0);
    const r = at * F;
    records[r + record.PERIOD] = periodUs;
    records[r + record.DEADLINE] = deadlineUs;
    records[r + record.DEMAND] = fixed ?? -1;
    records[r + record.RANK] = ranks[index] as number;
    records[r + record.NEXT_ARRIVAL] = offsetUs;
    records[r + record.MIN_RESPONSE] = Number.POSITIVE_INFINITY;
    if (checkpoint !== undefined && checkpoint.costUs > 0) {
      records[r + record.CHECKPOINT_COST] = checkpoint.costUs;
      records[r + record.CHECKPOINT_EVERY] = Math.ceil(checkpoint.intervalUs / periodUs);
    }
  }
  return { tasks: records, draws, releases, firstRelease, taskNames: Int32Array.from(indexes) };
}

function statisticsOf(
  w: Float64Array,
  at: number,
  task: SimulatedTask,
  endUs: number,
  core: number | undefined,
): TaskStatistics {
  const field = (offset: number): number => w[at * F + offset] as number;
  const [completed, pending] = [field(record.COMPLETED), field(record.PENDING)];
  const late = Math.floor((endUs - task.deadlineUs - field(record.ARRIVAL)) / task.periodUs) + 1;
  return {
    released: completed + pending,
    completed,
    maxResponseUs: completed > 0 ? field(record.MAX_RESPONSE) : undefined,
    minResponseUs: completed > 0 ? field(record.MIN_RESPONSE) : undefined,
    sumResponseUs: field(record.SUM_RESPONSE),
    preemptions: field(record.PREEMPTIONS),
    migrations: field(record.MIGRATIONS),
    missedCompleted: field(record.MISSED),
    missedPending: Math.max(0, Math.min(pending, late)),
    executedUs: field(record.DEMANDED) - (pending > 0 ? field(record.REMAINING) - field(record.OVERHEAD_LEFT) : 0),
    overheadUs: field(record.OVERHEAD),
    core,
  };
}

/**
 * Did a task set that was run on an ECU keep its deadlines? Decided from the start and stop records of its jobs alone (`model/job.ts`).
 *
 *   order ─▶ tick n  tick n+1  …  tick n+jobs−1         the jobs that count: those of the first ticks after the task's order
 *
 * V1. Tick k falls due at φ + k·T. φ is the earliest that any tick seen allows: min (releasedAt(k) − k·T). So a tick that ticker, broker or
 *     bridge were late with is late on their account, not excused.
 * V2. A job is on time if it is done, without a failure, no later than its tick was due + D. A job whose tick was skipped, or that was not
 *     done when the run was ended, is missed.
 * V3. A set kept its deadlines if every job of every task was on time. A task's response is the longest of its jobs; 0 where one was missed.
 * V4. Records with a gap, or of two instances, tell nothing: such a run is not judged at all.
 */
import type { JobRecord } from '../../model/job.ts';

/** What the verdict needs to know of a task. */
export interface RunTask {
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly jobs: number;
}

interface SeenJob {
  readonly tick: number;
  readonly releasedAtUs: number;
  readonly startedAtUs: number;
  readonly ordered: boolean;
  stoppedAtUs: number | undefined;
  executionUs: number;
  failed: boolean;
}

/** One task's records, as they come. */
export class TaskLog {
  private readonly ticks: SeenJob[] = [];
  private epoch: number | undefined;
  private jobNumber = 0;
  private open: SeenJob | undefined;
  private ordered = false;
  private failed = false;
  /** V4. */
  broken = false;

  take(record: JobRecord): void {
    this.epoch ??= record.epoch;
    if (record.epoch !== this.epoch) this.broken = true;
    if (record.kind === 'started') {
      if (record.jobNumber !== ++this.jobNumber) this.broken = true;
      this.open = undefined;
      if (record.inputKind === 'data') {
        this.ordered = true;
        return;
      }
      const { inputNumber: tick, releasedAtUs, startedAtUs } = record;
      this.open = {
        ...{ tick, releasedAtUs, startedAtUs, ordered: this.ordered },
        ...{ stoppedAtUs: undefined, executionUs: 0, failed: false },
      };
      this.ticks.push(this.open);
      return;
    }
    if (record.jobNumber !== this.jobNumber) this.broken = true;
    if (record.failure !== undefined) this.failed = true;
    if (this.open === undefined) return;
    this.open.stoppedAtUs = record.stoppedAtUs;
    this.open.executionUs = record.executionUs ?? 0;
    this.open.failed = record.failure !== undefined;
  }

  /** It runs: its first tick has come. */
  get running(): boolean {
    return this.ticks.length > 0;
  }

  /** Nothing more is to be waited for. */
  ended(jobs: number): boolean {
    return (
      this.failed || this.broken || this.counted(jobs).filter(({ stoppedAtUs }) => stoppedAtUs !== undefined).length >= jobs
    );
  }

  counted(jobs: number): readonly SeenJob[] {
    return this.ticks.filter(({ ordered }) => ordered).slice(0, jobs);
  }

  /** φ. */
  phaseUs(periodUs: number): number {
    return this.ticks.reduce(
      (least, { releasedAtUs, tick }) => Math.min(least, releasedAtUs - tick * periodUs),
      Number.POSITIVE_INFINITY,
    );
  }
}

/** Times since a moment just before the first release of the set, µs, so that none is 0. */
export interface RunJob {
  /** Index of its task. */
  readonly task: number;
  readonly releaseUs: number;
  /** When it was handed to its lane. */
  readonly startUs: number;
  /** 0: it was not done when the run was ended. */
  readonly stopUs: number;
  /** Of its execution alone. */
  readonly executionUs: number;
  readonly onTime: boolean;
}

export interface SetVerdict {
  /** One entry a task, in the order of the tasks, as are the next two. */
  readonly responsesUs: readonly number[];
  readonly missed: readonly number[];
  /** The longest of its jobs. */
  readonly executionUs: readonly number[];
  /** By release. */
  readonly jobs: readonly RunJob[];
}

/** Undefined: not to be judged (V4). */
export function judgeRun(tasks: readonly RunTask[], logs: readonly TaskLog[]): SetVerdict | undefined {
  if (logs.some(({ broken }) => broken)) return undefined;
  const seen = tasks.map((task, index) => jobsOf(task, logs[index] as TaskLog, index));
  const originUs = seen.flat().reduce((least, { releaseUs }) => Math.min(least, releaseUs), Number.POSITIVE_INFINITY) - 1;
  const missed = tasks.map(({ jobs }, index) => jobs - (seen[index] as RunJob[]).filter(({ onTime }) => onTime).length);
  const most = (jobs: readonly RunJob[], value: (job: RunJob) => number): number =>
    jobs.reduce((largest, job) => Math.max(largest, value(job)), 0);
  const jobs = seen.flat().map((job) => ({
    ...job,
    releaseUs: job.releaseUs - originUs,
    startUs: job.startUs - originUs,
    stopUs: job.stopUs === 0 ? 0 : job.stopUs - originUs,
  }));
  return {
    responsesUs: seen.map((own, index) => (missed[index] === 0 ? most(own, ({ releaseUs, stopUs }) => stopUs - releaseUs) : 0)),
    missed,
    executionUs: seen.map((own) => most(own, ({ executionUs }) => executionUs)),
    jobs: jobs.sort((a, b) => a.releaseUs - b.releaseUs || a.task - b.task),
  };
}

/** V1, V2. In the clock of the bridge. */
function jobsOf({ periodUs, deadlineUs, jobs }: RunTask, log: TaskLog, task: number): RunJob[] {
  const counted = log.counted(jobs);
  const phaseUs = log.phaseUs(periodUs);
  const first = counted[0]?.tick ?? 0;
  return counted.map(({ tick, startedAtUs, stoppedAtUs, executionUs, failed }) => {
    const releaseUs = phaseUs + tick * periodUs;
    const onTime = stoppedAtUs !== undefined && !failed && tick < first + jobs && stoppedAtUs <= releaseUs + deadlineUs;
    return { task, releaseUs, startUs: startedAtUs, stopUs: stoppedAtUs ?? 0, executionUs, onTime };
  });
}

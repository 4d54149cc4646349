/**
 * Whether the tasks of each lane met their deadlines: looked at again and again, a window at a time.
 *
 *   look      look      look      look
 *    |── window ──|── window ──|            ends at the first look after `windowUs` at which every task has answered JOBS_LEAST jobs
 *
 * W1. A window is of one set: whatever changes on the lane (a task comes, goes, stands still, is restored) begins a new one, and so does
 *     what disturbs the ECU as a whole (its broker was away). What was seen of the old one is dropped: it is of no set.
 * W2. Missed: a job that answered later than its deadline, a tick that was skipped, or one that waits for longer than its deadline.
 *     Met: none of these. A window that has too few jobs after WINDOWS_MAX times its length is dropped.
 * W3. Lanes with a task without a period or a deadline are not looked at: nobody can say what they are a sample of. What no model is needed
 *     for (`isTeachable`) is dropped.
 * W4. Bounded: a window a lane, OUTCOME_TASKS_MAX tasks a window, and for the jobs nothing but the counters that they have anyway.
 */
import { isTeachable, measuredWcetUs, OUTCOME_TASKS_MAX, type Outcome, type OutcomeTask } from './outcome.ts';

/** A running task, as its counters show it. */
export interface WatchedTask {
  /** The same as long as it is the same instance. */
  readonly instance: object;
  readonly lane: number;
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  /** Not replaying, not standing still. */
  readonly runs: boolean;
  /** These three only grow. */
  readonly responses: number;
  readonly misses: number;
  readonly skipped: number;
  /** Inputs that are there and have not been given to it. */
  readonly waiting: number;
  /** The longest execution since this was last asked. */
  takeLongestUs(): number;
}

export interface SeenWindow {
  readonly lane: number;
  readonly tasks: readonly OutcomeTask[];
  readonly outcome: Outcome;
  readonly jobs: number;
  readonly misses: number;
  readonly observedUs: number;
}

interface Window {
  readonly beganUs: number;
  readonly tasks: readonly WatchedTask[];
  readonly responses: Float64Array;
  readonly misses: Float64Array;
}

const JOBS_LEAST = 3;
const WINDOWS_MAX = 6;

export class LaneWatch {
  private readonly windowUs: number;
  private readonly lanesMax: number;
  private readonly windows = new Map<number, Window>();
  /** Windows that came to nothing (W1, W2). */
  dropped = 0;

  constructor(options: { readonly windowUs: number; readonly lanesMax: number }) {
    this.windowUs = options.windowUs;
    this.lanesMax = options.lanesMax;
  }

  /** Everything that runs now. Gives the windows that ended with this look. */
  look(nowUs: number, running: Iterable<WatchedTask>, disturbed: boolean): readonly SeenWindow[] {
    const lanes = new Map<number, WatchedTask[]>();
    for (const task of running) {
      const lane = lanes.get(task.lane);
      if (lane !== undefined) lane.push(task);
      else if (lanes.size < this.lanesMax) lanes.set(task.lane, [task]);
    }
    for (const lane of [...this.windows.keys()]) if (!lanes.has(lane)) this.drop(lane);
    const seen: SeenWindow[] = [];
    for (const [lane, tasks] of lanes) {
      tasks.sort(byUrgency);
      const ended = this.lookAt(lane, { nowUs, tasks, disturbed });
      if (ended !== undefined) seen.push(ended);
    }
    return seen;
  }

  private lookAt(
    lane: number,
    {
      nowUs,
      tasks,
      disturbed,
    }: { readonly nowUs: number; readonly tasks: readonly WatchedTask[]; readonly disturbed: boolean },
  ): SeenWindow | undefined {
    if (tasks.length > OUTCOME_TASKS_MAX || !tasks.every(isWatched)) {
      this.drop(lane);
      return undefined;
    }
    const window = this.windows.get(lane);
    if (window === undefined || disturbed || !isSameSet(window.tasks, tasks)) {
      this.drop(lane);
      this.begin(lane, nowUs, tasks);
      return undefined;
    }
    const observedUs = nowUs - window.beganUs;
    if (observedUs < this.windowUs) return undefined;
    const [jobs, misses, isEnough] = judge(window, tasks);
    if (!isEnough && misses === 0) {
      if (observedUs >= WINDOWS_MAX * this.windowUs) {
        this.drop(lane);
        this.begin(lane, nowUs, tasks);
      }
      return undefined;
    }
    const seen = tasks.map(outcomeTask);
    const isKept = isTeachable(seen);
    if (isKept) this.windows.delete(lane);
    else this.drop(lane);
    this.begin(lane, nowUs, tasks);
    return isKept ? { lane, tasks: seen, outcome: misses > 0 ? 'missed' : 'met', jobs, misses, observedUs } : undefined;
  }

  private begin(lane: number, nowUs: number, tasks: readonly WatchedTask[]): void {
    for (const task of tasks) task.takeLongestUs();
    const responses = Float64Array.from(tasks, (task) => task.responses);
    this.windows.set(lane, { beganUs: nowUs, tasks, responses, misses: Float64Array.from(tasks, missedBy) });
  }

  private drop(lane: number): void {
    if (this.windows.delete(lane)) this.dropped++;
  }
}

const isWatched = ({ runs, periodUs, deadlineUs }: WatchedTask): boolean => runs && periodUs > 0 && deadlineUs > 0;

const isSameSet = (before: readonly WatchedTask[], now: readonly WatchedTask[]): boolean =>
  before.length === now.length && before.every(({ instance }, at) => instance === now[at]?.instance);

/** The same set in the same order wherever it runs, so that equal sets have equal keys. */
const byUrgency = (a: WatchedTask, b: WatchedTask): number =>
  b.priority - a.priority || a.deadlineUs - b.deadlineUs || a.periodUs - b.periodUs || a.wcetUs - b.wcetUs;

const missedBy = ({ misses, skipped }: WatchedTask): number => misses + skipped;

/** Of inputs that came a period apart the oldest has waited (waiting − 1) periods; those whose deadline has passed. */
const lateInLine = ({ waiting, periodUs, deadlineUs }: WatchedTask): number =>
  Math.max(0, waiting - 1 - Math.floor(deadlineUs / periodUs));

/** W2: jobs, misses, and whether that is enough to call it met. */
function judge({ responses, misses }: Window, tasks: readonly WatchedTask[]): readonly [number, number, boolean] {
  let [jobs, missed, isEnough] = [0, 0, true];
  for (let at = 0; at < tasks.length; at++) {
    const task = tasks[at] as WatchedTask;
    const answered = task.responses - (responses[at] as number);
    const late = missedBy(task) - (misses[at] as number) + lateInLine(task);
    jobs += answered;
    missed += late;
    if (answered < JOBS_LEAST) isEnough = false;
  }
  return [jobs, missed, isEnough];
}

function outcomeTask(task: WatchedTask): OutcomeTask {
  const { periodUs, deadlineUs } = task;
  const longestUs = task.takeLongestUs();
  const isMeasured = task.wcetUs <= 0;
  return { wcetUs: isMeasured ? measuredWcetUs(longestUs) : task.wcetUs, periodUs, deadlineUs, isMeasured };
}

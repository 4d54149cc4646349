/**
 * The event loop of the simulator: jobs are released, get cores, are preempted and end; in between nothing is looked at.
 *
 * At one moment, in this order:
 *   E1  jobs that are done leave their cores;
 *   E2  jobs are released (a job of a task whose earlier job is not done waits behind it);
 *   E3  round robin: jobs whose slice is over go to the tail of the queue, behind what was just released, as far as there
 *       are waiting jobs that no idle core takes (lowest core first); the others get another slice;
 *   E4  while the most urgent waiting job may have a core it gets one: an idle one, else that of the least urgent running job
 *       if it is strictly less urgent (preemptive FP and EDF).
 * So nothing runs for 0 µs, and a job that ends when another is released was not preempted by it.
 *
 * Ties: a running job is never preempted by an equally urgent one; of equally urgent waiting jobs the task listed first is
 * taken, of equally urgent running ones the task listed last gives way. An idle core is chosen so: the one the task ran on
 * last (at first core 0), else the lowest.
 *
 * Shape: what orders things is one double each, of which one comparison orders totally and the index comes out again:
 *
 *     key of a release      moment · 1024 + task
 *     key of a waiting job  (rank, absolute deadline or turn) · 1024 + task
 *     key of an end         moment · 256 + core               (of a job or of its slice)
 *
 * The three queues are arrays sorted by insertion, the least key last: with the few tasks a core has this beats any heap, as
 * what is put in mostly belongs near the end. Nothing is allocated while it runs (queues of jittered releases grow).
 * Cost: at most three events a job, plus one a slice; each O(1) where keys come in order, O(tasks + cores) at worst.
 */
import { assert } from '../../kernel/assert.ts';
import type { Rng } from '../../kernel/rng.ts';
import { drawExecutionUs, type ExecutionDraw } from './execution-time.ts';
import type { JitteredReleases } from './jittered-releases.ts';
import * as record from './task-record.ts';
import type { Trace } from './trace.ts';

export const [BY_PRIORITY, BY_DEADLINE, IN_TURN] = [0, 1, 2];

export interface EngineRun {
  /** n records (task-record.ts). */
  readonly tasks: Float64Array;
  readonly n: number;
  readonly cores: number;
  readonly order: number;
  readonly preemptive: boolean;
  readonly sliceUs: number;
  readonly preemptionUs: number;
  readonly migrationUs: number;
  readonly durationUs: number;
  readonly stopAtMiss: boolean;
  /** By task; undefined where DEMAND is fixed. */
  readonly draws: readonly (TaskDraws | undefined)[];
  /** By task; undefined where there is no jitter. */
  readonly releases: readonly (JitteredReleases | undefined)[];
  /** When the first job of each task is released: its offset and jitter. */
  readonly firstRelease: Float64Array;
  readonly trace: Trace | undefined;
  /** What the trace calls these cores and tasks. */
  readonly coreBase: number;
  readonly taskNames: Int32Array;
}

export interface TaskDraws {
  readonly draw: ExecutionDraw;
  readonly rng: Rng;
}

export interface Miss {
  readonly task: number;
  readonly number: number;
  readonly deadlineUs: number;
  readonly finishUs: number;
}

export interface EngineEnd {
  /** When it stopped: the duration, or the first miss that was seen. */
  readonly endUs: number;
  /** By core. */
  readonly busyUs: Float64Array;
  /** The first job that was done too late, in the order in which they were done. */
  readonly firstMiss: Miss | undefined;
}

// Constants of this module, not imported ones: the compiler folds these into the loop (a seventh of its time).
const SLOT = 1024;
const CORE_SLOT = 256;
const FIELDS = record.FIELDS;
const { PERIOD, DEADLINE, DEMAND, RANK, NEXT_ARRIVAL, PENDING, ARRIVAL, RELEASE, REMAINING, KEY, BEGUN, START } = record;
const { OVERHEAD_LEFT, LAST_CORE, DEMANDED, OVERHEAD, COMPLETED, MAX_RESPONSE, MIN_RESPONSE, SUM_RESPONSE } = record;
const { MISSED, PREEMPTIONS, MIGRATIONS, CHECKPOINT_EVERY, CHECKPOINT_COST } = record;

export function runEngine(run: EngineRun): EngineEnd {
  const { n, cores, order, durationUs, stopAtMiss, draws, releases, trace } = run;
  const { sliceUs, preemptionUs, migrationUs } = run;
  assert(n <= SLOT && cores <= CORE_SLOT, 'an index fits below a moment in a key');
  const w = run.tasks;
  const inTurn = order === IN_TURN && run.preemptive;
  const preempts = order !== IN_TURN && run.preemptive;
  const overheads = preemptionUs > 0 || migrationUs > 0;
  const jitters = releases.some((queue) => queue !== undefined);

  // The queues: places 1 … length, the least key last; place 0 is a sentinel.
  const due = new Float64Array(n + 1).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < n; i++) insert(due, i + 1, (run.firstRelease[i] as number) * SLOT + i);
  const queue = new Float64Array(n + 1).fill(Number.POSITIVE_INFINITY);
  let waiting = 0;
  const ends = new Float64Array(cores + 1).fill(Number.POSITIVE_INFINITY);
  let busy = 0;

  /** By core: the task, -1 when idle; its key; when its job would be done; since when it runs. */
  const running = new Int32Array(cores).fill(-1);
  const runKey = new Float64Array(cores);
  const finishAt = new Float64Array(cores);
  const startedAt = new Float64Array(cores);
  const overheadAt = new Float64Array(cores);
  const busyUs = new Float64Array(cores);
  /** The core that would give way, found when it is asked for; -1: not known. */
  let weakest = -1;

  /** Within one moment: tasks whose next job is opened, cores whose slice is over. */
  const opening = new Int32Array(n);
  const sliced = new Int32Array(cores);
  let turn = 0;
  let firstMiss: Miss | undefined;
  let endUs = durationUs;

  for (;;) {
    let nextDue = due[n] as number;
    let releaseAt = Math.floor(nextDue / SLOT);
    let nextEnd = ends[busy] as number;
    let endAt = Math.floor(nextEnd / CORE_SLOT);
    // biome-ignore lint/complexity/useMathMinMax: two compares of Math.min (NaN, -0) are two too many here
    const t = endAt < releaseAt ? endAt : releaseAt;
    if (t > durationUs) break;
    let opened = 0;
    let slices = 0;

    // E1
    while (endAt === t) {
      const c = nextEnd - endAt * CORE_SLOT;
      busy--;
      nextEnd = ends[busy] as number;
      endAt = Math.floor(nextEnd / CORE_SLOT);
      if ((finishAt[c] as number) > t) {
        sliced[slices++] = c;
        continue;
      }
      const i = running[c] as number;
      const r = i * FIELDS;
      const arrival = w[r + ARRIVAL] as number;
      const response = t - (w[r + RELEASE] as number);
      w[r + SUM_RESPONSE] = (w[r + SUM_RESPONSE] as number) + response;
      if (response > (w[r + MAX_RESPONSE] as number)) w[r + MAX_RESPONSE] = response;
      if (response < (w[r + MIN_RESPONSE] as number)) w[r + MIN_RESPONSE] = response;
      const deadlineUs = arrival + (w[r + DEADLINE] as number);
      if (t > deadlineUs) {
        w[r + MISSED] = (w[r + MISSED] as number) + 1;
        firstMiss ??= { task: run.taskNames[i] as number, number: w[r + COMPLETED] as number, deadlineUs, finishUs: t };
      }
      if (overheads) w[r + OVERHEAD] = (w[r + OVERHEAD] as number) + (w[r + OVERHEAD_LEFT] as number);
      busyUs[c] = (busyUs[c] as number) + t - (startedAt[c] as number);
      if (trace !== undefined) {
        writeSegment(trace, run, i, c, startedAt[c] as number, t, overheadAt[c] as number);
        writeJob(trace, run, i, t);
      }
      w[r + COMPLETED] = (w[r + COMPLETED] as number) + 1;
      const pending = (w[r + PENDING] as number) - 1;
      w[r + PENDING] = pending;
      if (pending > 0) {
        const nextArrival = arrival + (w[r + PERIOD] as number);
        w[r + ARRIVAL] = nextArrival;
        w[r + RELEASE] = jitters ? (releases[i]?.take() ?? nextArrival) : nextArrival;
        opening[opened++] = i;
      }
      running[c] = -1;
      weakest = -1;
    }
    if (stopAtMiss && firstMiss !== undefined) {
      endUs = t;
      // Jobs that would begin now have asked for nothing yet.
      for (let at = 0; at < opened; at++) forget(w, (opening[at] as number) * FIELDS);
      break;
    }

    // E2
    while (releaseAt === t) {
      const i = nextDue - releaseAt * SLOT;
      const r = i * FIELDS;
      const arrival = w[r + NEXT_ARRIVAL] as number;
      const pending = (w[r + PENDING] as number) + 1;
      w[r + PENDING] = pending;
      if (pending === 1) {
        w[r + ARRIVAL] = arrival;
        w[r + RELEASE] = t;
        opening[opened++] = i;
      }
      const nextArrival = arrival + (w[r + PERIOD] as number);
      w[r + NEXT_ARRIVAL] = nextArrival;
      let nextRelease = nextArrival;
      if (jitters) {
        const jittered = releases[i];
        if (jittered !== undefined) {
          if (pending > 1) jittered.put(t);
          nextRelease = Math.max(t, nextArrival + jittered.drawDelayUs());
        }
      }
      insert(due, n, nextRelease * SLOT + i);
      nextDue = due[n] as number;
      releaseAt = Math.floor(nextDue / SLOT);
    }

    for (let at = 0; at < opened; at++) {
      const i = opening[at] as number;
      const r = i * FIELDS;
      let demand = w[r + DEMAND] as number;
      if (demand < 0) {
        const { draw, rng } = draws[i] as TaskDraws;
        demand = drawExecutionUs(draw, rng);
      }
      const every = w[r + CHECKPOINT_EVERY] as number;
      if (every > 0 && (w[r + COMPLETED] as number) % every === 0) demand += w[r + CHECKPOINT_COST] as number;
      w[r + REMAINING] = demand;
      w[r + DEMANDED] = (w[r + DEMANDED] as number) + demand;
      w[r + BEGUN] = 0;
      w[r + OVERHEAD_LEFT] = 0;
      let rank: number;
      if (order === BY_DEADLINE) rank = (w[r + ARRIVAL] as number) + (w[r + DEADLINE] as number);
      else if (order === BY_PRIORITY) rank = w[r + RANK] as number;
      else rank = turn++;
      const key = rank * SLOT + i;
      w[r + KEY] = key;
      insert(queue, ++waiting, key);
    }

    // E3
    if (slices > 0) {
      let takers = waiting - (cores - busy - slices);
      for (let at = 0; at < slices; at++) {
        const c = sliced[at] as number;
        if (takers <= 0) {
          insert(ends, ++busy, endKey(finishAt[c] as number, t + sliceUs, durationUs) + c);
          continue;
        }
        takers--;
        const i = running[c] as number;
        leave(run, i, c, t, finishAt, startedAt, overheadAt, busyUs);
        const key = turn++ * SLOT + i;
        w[i * FIELDS + KEY] = key;
        insert(queue, ++waiting, key);
        running[c] = -1;
      }
    }

    // E4
    while (waiting > 0) {
      const key = queue[waiting] as number;
      const i = key - Math.floor(key / SLOT) * SLOT;
      const r = i * FIELDS;
      let c = w[r + LAST_CORE] as number;
      if (busy < cores) {
        if (running[c] !== -1) c = running.indexOf(-1);
        waiting--;
      } else {
        if (!preempts) break;
        if (weakest < 0) {
          weakest = 0;
          for (let other = 1; other < cores; other++)
            if ((runKey[other] as number) > (runKey[weakest] as number)) weakest = other;
        }
        c = weakest;
        const victim = running[c] as number;
        // Without the victim's index, so that an equally urgent job is not below it.
        if (key >= (runKey[c] as number) - victim) break;
        remove(ends, busy--, endKey(finishAt[c] as number, Number.POSITIVE_INFINITY, durationUs) + c);
        leave(run, victim, c, t, finishAt, startedAt, overheadAt, busyUs);
        insert(queue, waiting, w[victim * FIELDS + KEY] as number);
      }
      let remaining = w[r + REMAINING] as number;
      if (w[r + BEGUN] === 1) {
        const moved = w[r + LAST_CORE] !== c;
        if (moved) w[r + MIGRATIONS] = (w[r + MIGRATIONS] as number) + 1;
        else w[r + PREEMPTIONS] = (w[r + PREEMPTIONS] as number) + 1;
        if (overheads) {
          const cost = moved ? migrationUs : preemptionUs;
          remaining += cost;
          w[r + OVERHEAD_LEFT] = (w[r + OVERHEAD_LEFT] as number) + cost;
        }
      } else {
        w[r + BEGUN] = 1;
        w[r + START] = t;
      }
      w[r + LAST_CORE] = c;
      running[c] = i;
      runKey[c] = key;
      finishAt[c] = t + remaining;
      startedAt[c] = t;
      if (overheads) overheadAt[c] = w[r + OVERHEAD_LEFT] as number;
      insert(ends, ++busy, endKey(t + remaining, inTurn ? t + sliceUs : Number.POSITIVE_INFINITY, durationUs) + c);
      weakest = -1;
    }
  }

  for (let c = 0; c < cores; c++) {
    const i = running[c] as number;
    if (i >= 0) leave(run, i, c, endUs, finishAt, startedAt, overheadAt, busyUs);
  }
  if (trace !== undefined) for (let i = 0; i < n; i++) if ((w[i * FIELDS + PENDING] as number) > 0) writeJob(trace, run, i, -1);
  return { endUs, busyUs, firstMiss };
}

/**
 * Puts a key into a queue whose places 1 … `last` hold the others, the greatest first, with place `last` free. What is put
 * in mostly belongs near the end: a preempted job is more urgent than all that wait, a job released often is soon due again.
 */
function insert(queue: Float64Array, last: number, key: number): void {
  let at = last;
  for (let before = queue[at - 1] as number; before < key; before = queue[at - 1] as number) {
    queue[at] = before;
    at--;
  }
  queue[at] = key;
}

function remove(queue: Float64Array, last: number, key: number): void {
  let at = last;
  let after = queue[at] as number;
  while (after !== key) {
    at--;
    const here = queue[at] as number;
    queue[at] = after;
    after = here;
  }
}

/** What lies beyond the end of the simulation never comes; counted exactly it could lie beyond a double's whole numbers. */
function endKey(finishUs: number, sliceEndUs: number, durationUs: number): number {
  return Math.min(finishUs, sliceEndUs, durationUs + 1) * CORE_SLOT;
}

/** A job that is not done leaves its core. */
function leave(
  run: EngineRun,
  i: number,
  c: number,
  t: number,
  finishAt: Float64Array,
  startedAt: Float64Array,
  overheadAt: Float64Array,
  busyUs: Float64Array,
): void {
  const w = run.tasks;
  const r = i * FIELDS;
  const ran = t - (startedAt[c] as number);
  w[r + REMAINING] = (finishAt[c] as number) - t;
  busyUs[c] = (busyUs[c] as number) + ran;
  const paid = Math.min(ran, w[r + OVERHEAD_LEFT] as number);
  w[r + OVERHEAD_LEFT] = (w[r + OVERHEAD_LEFT] as number) - paid;
  w[r + OVERHEAD] = (w[r + OVERHEAD] as number) + paid;
  if (run.trace !== undefined) writeSegment(run.trace, run, i, c, startedAt[c] as number, t, overheadAt[c] as number);
}

function forget(w: Float64Array, r: number): void {
  w[r + REMAINING] = 0;
  w[r + OVERHEAD_LEFT] = 0;
  w[r + BEGUN] = 0;
}

function writeSegment(
  trace: Trace,
  { tasks, taskNames, coreBase }: EngineRun,
  i: number,
  core: number,
  startUs: number,
  endUs: number,
  overheadUs: number,
): void {
  if (endUs === startUs) return; // it began in the moment of the end
  const number = tasks[i * FIELDS + COMPLETED] as number;
  trace.addSegment(coreBase + core, taskNames[i] as number, number, startUs, endUs, Math.min(overheadUs, endUs - startUs));
}

function writeJob(trace: Trace, { tasks, taskNames }: EngineRun, i: number, finishUs: number): void {
  const r = i * FIELDS;
  const arrival = tasks[r + ARRIVAL] as number;
  trace.addJob(
    taskNames[i] as number,
    tasks[r + COMPLETED] as number,
    arrival,
    tasks[r + RELEASE] as number,
    arrival + (tasks[r + DEADLINE] as number),
    tasks[r + BEGUN] === 1 ? (tasks[r + START] as number) : -1,
    finishUs,
  );
}

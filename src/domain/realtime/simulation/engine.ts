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
 * taken. An idle core is chosen so: the one the task ran on last (at first core 0), else the lowest; of equally urgent
 * running jobs the one on the lowest core gives way.
 *
 * Shape: a task is a record of FIELDS doubles in one array, and what orders things is one double each:
 *
 *     key = moment or rank or sequence · 1024 + index of the task
 *
 * so that one comparison orders totally and the index comes out of the key. The next release is the least key of blocks of
 * eight, waiting jobs are a binary heap of keys. Nothing is allocated while it runs (queues of jittered releases grow).
 * Cost: O(cores + n / 8 + log n) an event, and at most three events a job, plus one a slice.
 */
import { assert } from '../../kernel/assert.ts';
import type { Rng } from '../../kernel/rng.ts';
import { drawExecutionUs, type ExecutionDraw } from './execution-time.ts';
import { TASKS_MAX } from './platform.ts';
import type { Trace } from './trace.ts';

const SLOT = TASKS_MAX;

/** A task's record. */
export const PERIOD = 0;
export const DEADLINE = 1;
/** What every job takes, or -1: drawn. */
export const DEMAND = 2;
/** Fixed priorities: the rank, 0 the most urgent. */
export const RANK = 3;
export const JITTER = 4;
/** Of the next job, which is not released yet. */
export const NEXT_ARRIVAL = 5;
/** Released and not done, the one below included. */
export const PENDING = 6;
/** Of the oldest job that is not done. */
export const ARRIVAL = 7;
export const RELEASE = 8;
export const REMAINING = 9;
export const KEY = 10;
/** 1 once it has run, for as long as it is not done. */
export const BEGUN = 11;
export const START = 12;
export const LAST_CORE = 13;
/** Of its overhead, not yet run. */
export const OVERHEAD_LEFT = 14;
/** What was asked of the cores so far: the demands of all jobs that were opened. */
export const DEMANDED = 15;
export const OVERHEAD = 16;
export const COMPLETED = 17;
export const MAX_RESPONSE = 18;
export const MIN_RESPONSE = 19;
export const SUM_RESPONSE = 20;
export const MISSED = 21;
export const PREEMPTIONS = 22;
export const MIGRATIONS = 23;
export const CHECKPOINT_COST = 24;
export const CHECKPOINT_EVERY = 25;
export const FIELDS = 26;

export const [BY_PRIORITY, BY_DEADLINE, IN_TURN] = [0, 1, 2];

export interface EngineRun {
  /** n records. */
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

export interface EngineEnd {
  /** When it stopped: the duration, or the first miss that was seen. */
  readonly endUs: number;
  /** By core. */
  readonly busyUs: Float64Array;
  /** The first job that was done too late, in the order in which they were done. */
  readonly firstMiss:
    | { readonly task: number; readonly number: number; readonly deadlineUs: number; readonly finishUs: number }
    | undefined;
}

export function runEngine(run: EngineRun): EngineEnd {
  const { n, cores, order, durationUs, stopAtMiss, draws, releases, trace } = run;
  const w = run.tasks;
  const inTurn = order === IN_TURN && run.preemptive;
  const preempts = order !== IN_TURN && run.preemptive;
  const { sliceUs, preemptionUs, migrationUs } = run;
  const overheads = preemptionUs > 0 || migrationUs > 0;

  const blocks = (n + 7) >> 3;
  const due = new Float64Array(blocks * 8).fill(Number.POSITIVE_INFINITY);
  const dueOfBlock = new Float64Array(blocks);
  for (let i = 0; i < n; i++) due[i] = (run.firstRelease[i] as number) * SLOT + i;
  for (let block = 0; block < blocks; block++) dueOfBlock[block] = leastOfBlock(due, block);
  let nextDue = least(dueOfBlock, blocks);

  const heap = new Float64Array(n + 1);
  let waiting = 0;
  /** Tasks whose next job is to be opened in this moment. */
  const opening = new Int32Array(n);
  let sequence = 0;

  const running = new Int32Array(cores).fill(-1);
  /** Infinity: idle; below every key: not to be preempted. */
  const runKey = new Float64Array(cores).fill(Number.POSITIVE_INFINITY);
  const finishAt = new Float64Array(cores).fill(Number.POSITIVE_INFINITY);
  const sliceAt = new Float64Array(cores).fill(Number.POSITIVE_INFINITY);
  const startedAt = new Float64Array(cores);
  const resumeCost = new Float64Array(cores);
  const busyUs = new Float64Array(cores);
  let idle = cores;
  let missTask = -1;
  let missNumber = 0;
  let missDeadline = 0;
  let missFinish = 0;
  let endUs = durationUs;

  for (;;) {
    let releaseAt = Math.floor(nextDue / SLOT);
    let t = releaseAt;
    for (let c = 0; c < cores; c++) if ((finishAt[c] as number) < t) t = finishAt[c] as number;
    if (inTurn) for (let c = 0; c < cores; c++) if ((sliceAt[c] as number) < t) t = sliceAt[c] as number;
    if (t > durationUs) break;
    let opened = 0;

    // E1
    for (let c = 0; c < cores; c++) {
      if (finishAt[c] !== t) continue;
      const i = running[c] as number;
      const r = i * FIELDS;
      const response = t - (w[r + RELEASE] as number);
      w[r + SUM_RESPONSE] = (w[r + SUM_RESPONSE] as number) + response;
      if (response > (w[r + MAX_RESPONSE] as number)) w[r + MAX_RESPONSE] = response;
      if (response < (w[r + MIN_RESPONSE] as number)) w[r + MIN_RESPONSE] = response;
      const deadline = (w[r + ARRIVAL] as number) + (w[r + DEADLINE] as number);
      if (t > deadline) {
        w[r + MISSED] = (w[r + MISSED] as number) + 1;
        if (missTask < 0) {
          missTask = i;
          missNumber = w[r + COMPLETED] as number;
          missDeadline = deadline;
          missFinish = t;
        }
      }
      if (overheads) w[r + OVERHEAD] = (w[r + OVERHEAD] as number) + (w[r + OVERHEAD_LEFT] as number);
      busyUs[c] = (busyUs[c] as number) + t - (startedAt[c] as number);
      if (trace !== undefined) {
        writeSegment(trace, run, i, c, startedAt[c] as number, t, resumeCost[c] as number);
        writeJob(trace, run, i, t);
      }
      w[r + COMPLETED] = (w[r + COMPLETED] as number) + 1;
      const pending = (w[r + PENDING] as number) - 1;
      w[r + PENDING] = pending;
      if (pending > 0) {
        const arrival = (w[r + ARRIVAL] as number) + (w[r + PERIOD] as number);
        w[r + ARRIVAL] = arrival;
        const queue = releases[i];
        w[r + RELEASE] = queue === undefined ? arrival : queue.take();
        opening[opened++] = i;
      }
      running[c] = -1;
      runKey[c] = Number.POSITIVE_INFINITY;
      finishAt[c] = Number.POSITIVE_INFINITY;
      sliceAt[c] = Number.POSITIVE_INFINITY;
      idle++;
    }
    if (stopAtMiss && missTask >= 0) {
      endUs = t;
      // Jobs that would begin now have asked for nothing yet.
      for (let at = 0; at < opened; at++) {
        const r = (opening[at] as number) * FIELDS;
        w[r + REMAINING] = 0;
        w[r + BEGUN] = 0;
        w[r + OVERHEAD_LEFT] = 0;
      }
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
      } else releases[i]?.put(t);
      const nextArrival = arrival + (w[r + PERIOD] as number);
      w[r + NEXT_ARRIVAL] = nextArrival;
      const queue = releases[i];
      const nextRelease = queue === undefined ? nextArrival : Math.max(t, nextArrival + queue.drawDelayUs());
      due[i] = nextRelease * SLOT + i;
      const block = i >> 3;
      dueOfBlock[block] = leastOfBlock(due, block);
      nextDue = least(dueOfBlock, blocks);
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
      const rank =
        order === BY_DEADLINE
          ? (w[r + ARRIVAL] as number) + (w[r + DEADLINE] as number)
          : order === BY_PRIORITY
            ? (w[r + RANK] as number)
            : sequence++;
      const key = rank * SLOT + i;
      w[r + KEY] = key;
      push(heap, waiting++, key);
    }

    // E3
    if (inTurn) {
      let takers = waiting - idle;
      for (let c = 0; c < cores; c++) {
        if (sliceAt[c] !== t) continue;
        if (takers <= 0) {
          sliceAt[c] = t + sliceUs;
          continue;
        }
        takers--;
        const i = running[c] as number;
        const r = i * FIELDS;
        w[r + REMAINING] = (finishAt[c] as number) - t;
        if (overheads) payOverhead(w, r, t - (startedAt[c] as number));
        busyUs[c] = (busyUs[c] as number) + t - (startedAt[c] as number);
        if (trace !== undefined) writeSegment(trace, run, i, c, startedAt[c] as number, t, resumeCost[c] as number);
        const key = sequence++ * SLOT + i;
        w[r + KEY] = key;
        push(heap, waiting++, key);
        running[c] = -1;
        runKey[c] = Number.POSITIVE_INFINITY;
        finishAt[c] = Number.POSITIVE_INFINITY;
        sliceAt[c] = Number.POSITIVE_INFINITY;
        idle++;
      }
    }

    // E4
    while (waiting > 0) {
      const key = heap[0] as number;
      let c = 0;
      let leastUrgent = runKey[0] as number;
      for (let other = 1; other < cores; other++) {
        if ((runKey[other] as number) > leastUrgent) {
          leastUrgent = runKey[other] as number;
          c = other;
        }
      }
      if (key >= leastUrgent) break;
      const i = key - Math.floor(key / SLOT) * SLOT;
      const r = i * FIELDS;
      if (leastUrgent === Number.POSITIVE_INFINITY) {
        const last = w[r + LAST_CORE] as number;
        if (running[last] === -1) c = last;
        idle--;
        waiting--;
        pop(heap, waiting);
      } else {
        const victim = running[c] as number;
        const v = victim * FIELDS;
        w[v + REMAINING] = (finishAt[c] as number) - t;
        if (overheads) payOverhead(w, v, t - (startedAt[c] as number));
        busyUs[c] = (busyUs[c] as number) + t - (startedAt[c] as number);
        if (trace !== undefined) writeSegment(trace, run, victim, c, startedAt[c] as number, t, resumeCost[c] as number);
        replaceTop(heap, waiting, w[v + KEY] as number);
      }
      let remaining = w[r + REMAINING] as number;
      resumeCost[c] = 0;
      if (w[r + BEGUN] === 1) {
        const moved = w[r + LAST_CORE] !== c;
        if (moved) w[r + MIGRATIONS] = (w[r + MIGRATIONS] as number) + 1;
        else w[r + PREEMPTIONS] = (w[r + PREEMPTIONS] as number) + 1;
        if (overheads) {
          const cost = moved ? migrationUs : preemptionUs;
          remaining += cost;
          w[r + OVERHEAD_LEFT] = (w[r + OVERHEAD_LEFT] as number) + cost;
          resumeCost[c] = w[r + OVERHEAD_LEFT] as number;
        }
      } else {
        w[r + BEGUN] = 1;
        w[r + START] = t;
      }
      w[r + LAST_CORE] = c;
      running[c] = i;
      runKey[c] = preempts ? key - i : -1;
      finishAt[c] = t + remaining;
      startedAt[c] = t;
      if (inTurn) sliceAt[c] = t + sliceUs;
    }
  }

  for (let c = 0; c < cores; c++) {
    const i = running[c] as number;
    if (i < 0) continue;
    const r = i * FIELDS;
    w[r + REMAINING] = (finishAt[c] as number) - endUs;
    busyUs[c] = (busyUs[c] as number) + endUs - (startedAt[c] as number);
    if (overheads) payOverhead(w, r, endUs - (startedAt[c] as number));
    if (trace !== undefined) writeSegment(trace, run, i, c, startedAt[c] as number, endUs, resumeCost[c] as number);
  }
  if (trace !== undefined) for (let i = 0; i < n; i++) if ((w[i * FIELDS + PENDING] as number) > 0) writeJob(trace, run, i, -1);
  const firstMiss =
    missTask < 0
      ? undefined
      : { task: run.taskNames[missTask] as number, number: missNumber, deadlineUs: missDeadline, finishUs: missFinish };
  return { endUs, busyUs, firstMiss };
}

/** Of what a job has just run, how much went into its overhead. */
function payOverhead(w: Float64Array, r: number, ranUs: number): void {
  const paid = Math.min(ranUs, w[r + OVERHEAD_LEFT] as number);
  w[r + OVERHEAD_LEFT] = (w[r + OVERHEAD_LEFT] as number) - paid;
  w[r + OVERHEAD] = (w[r + OVERHEAD] as number) + paid;
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

// The least of a block of eight; the last one is padded with Infinity.
function leastOfBlock(due: Float64Array, block: number): number {
  const at = block << 3;
  return Math.min(
    Math.min(Math.min(due[at] as number, due[at + 1] as number), Math.min(due[at + 2] as number, due[at + 3] as number)),
    Math.min(Math.min(due[at + 4] as number, due[at + 5] as number), Math.min(due[at + 6] as number, due[at + 7] as number)),
  );
}

function least(values: Float64Array, count: number): number {
  let found = values[0] as number;
  for (let at = 1; at < count; at++) found = Math.min(found, values[at] as number);
  return found;
}

// ——— the heap of waiting jobs: the least key on top, `count` of them ———

function push(heap: Float64Array, count: number, key: number): void {
  let at = count;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as number;
    if (above <= key) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = key;
}

/** Takes the top away; `left` remain. */
function pop(heap: Float64Array, left: number): void {
  replaceTop(heap, left, heap[left] as number);
}

function replaceTop(heap: Float64Array, count: number, key: number): void {
  let at = 0;
  for (let child = 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && (heap[child + 1] as number) < (heap[child] as number)) child++;
    const below = heap[child] as number;
    if (below >= key) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = key;
}

/**
 * When the next job of a task with jitter is released, and when those were that wait behind an earlier one. Jobs of a task
 * keep their order: a job whose delay is short is not released before the one that arrived before it.
 */
export class JitteredReleases {
  readonly #jitterUs: number;
  readonly #rng: Rng;
  #ring = new Float64Array(8);
  #first = 0;
  #count = 0;

  constructor(jitterUs: number, rng: Rng) {
    this.#jitterUs = jitterUs;
    this.#rng = rng;
  }

  drawDelayUs(): number {
    return Math.floor(this.#rng.unit() * (this.#jitterUs + 1));
  }

  put(releaseUs: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.#count++) % this.#ring.length] = releaseUs;
  }

  take(): number {
    assert(this.#count > 0, 'a job that waits behind another was released');
    const releaseUs = this.#ring[this.#first] as number;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#count--;
    return releaseUs;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#ring.length);
    for (let at = 0; at < this.#count; at++) larger[at] = this.#ring[(this.#first + at) % this.#ring.length] as number;
    this.#ring = larger;
    this.#first = 0;
  }
}

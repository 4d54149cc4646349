/**
 * A digital twin of traces: given a task set, what its jobs take and how long they wait. Made BLOCK jobs of a task at once, so that one that
 * is behind stays behind and one that fell well keeps its place; the next block follows from the last job of the one before:
 *
 *   noise · what the task and its set are like · the job before  →  (execution, wait) of BLOCK jobs
 *
 *   execution   ln (execution / C)     in deviations from its mean over all jobs that were learned from
 *   wait        w / (1 + w)            likewise; w is (response − execution) / D
 *
 * Both stand on a scale on which the generator's sum before its sigmoid is the number itself. (On a logarithmic scale of waits what is wrong
 * by a little on it is wrong by half of a deadline near the deadline: too many drawn jobs were late.) Jobs of different tasks of a set are
 * drawn independently: what a task waits for is in its conditions only as sums over the others.
 *
 * Beside the generator stands the *bootstrap*, which takes whole tasks out of what was seen: the jobs, in order, of a task drawn among the
 * NEAREST most similar ones. What a generator is worth is what it does better (`trace-score.ts`).
 */
import type { Rng } from '../kernel/rng.ts';
import type { RunJob } from '../realtime/runs/verdict.ts';
import { type Architecture, normal } from './architecture.ts';
import type { Scale } from './examples.ts';
import { featureCount, writeTaskRows } from './features.ts';
import type { Network } from './network.ts';
import type { TaskSets } from './task-sets.ts';
import { jobsByTask, type TracedSets } from './traces.ts';

export const TRACE_NOISE = 12;
/** Closed-form features of a task (`features.ts`), then what its set is like. */
const FEATURES = featureCount('closed');
export const TASK_CONDITIONS = FEATURES + 5;
/** Whether there was a block before, and the two numbers of its last job. */
const CHAIN = 3;
export const TRACE_CONDITIONS = TASK_CONDITIONS + CHAIN;
const BLOCK = 12;
export const TRACE_WIDTH = 2 * BLOCK;
/** Farther from the mean than this nothing is told apart. */
const FAR = 5;
/** Of w / (1 + w): thirty deadlines. */
const WAIT_MOST = 0.968;
/** Among so many the bootstrap draws: of 1, 3, 5, 10, 20 and all the best on the committed runs. */
export const NEAREST = 20;
/** A task of a set has at most so many jobs of a trace that are learned from or drawn. */
export const JOBS_MOST = 64;

/** Means and deviations of the two numbers. */
export interface TraceScale {
  readonly execution: { readonly mean: number; readonly deviation: number };
  readonly wait: { readonly mean: number; readonly deviation: number };
}

/** Tasks that were seen: what each was like (scaled), and its jobs, two numbers each. */
export interface TracePool {
  readonly conditions: Float32Array;
  /** Where the jobs of each task begin; one more than there are tasks. */
  readonly starts: Uint32Array;
  readonly jobs: Float32Array;
}

/** Gives a task's jobs one after the other, two numbers each. */
export interface TraceSource {
  draw(condition: { readonly of: Float32Array; readonly at: number }, jobs: number, rng: Rng, out: Float32Array): void;
}

/** Rows of TASK_CONDITIONS, not yet scaled, for all tasks of all sets. */
export function writeConditions(sets: TaskSets): Float32Array {
  const all = new Float32Array((sets.starts[sets.count] as number) * TASK_CONDITIONS);
  const largest = Math.max(1, ...Array.from({ length: sets.count }, (_, s) => sizeOf(sets, s)));
  const rows = new Float32Array(largest * FEATURES);
  for (let s = 0; s < sets.count; s++) {
    const [from, to] = [sets.starts[s] as number, sets.starts[s + 1] as number];
    writeTaskRows(sets, s, { reads: 'closed', out: rows, at: 0, tasksMax: largest });
    let [utilisation, work, most, second] = [0, 0, 0, 0];
    for (let i = from; i < to; i++) {
      const c = sets.wcetUs[i] as number;
      utilisation += c / (sets.periodUs[i] as number);
      work += c;
      if (c > most) [most, second] = [c, most];
      else if (c > second) second = c;
    }
    for (let i = from; i < to; i++) {
      const [c, d] = [sets.wcetUs[i] as number, sets.deadlineUs[i] as number];
      const o = i * TASK_CONDITIONS;
      all.set(rows.subarray((i - from) * FEATURES, (i - from + 1) * FEATURES), o);
      all[o + FEATURES] = utilisation;
      all[o + FEATURES + 1] = (work - c) / (work - c + d);
      all[o + FEATURES + 2] = (c === most ? second : most) / d;
      all[o + FEATURES + 3] = Math.log(sets.periodUs[i] as number);
      all[o + FEATURES + 4] = to - from;
    }
  }
  return all;
}

const sizeOf = ({ starts }: TaskSets, s: number): number => (starts[s + 1] as number) - (starts[s] as number);

/** Of all tasks in `conditions`, which it brings to mean 0 and deviation 1. */
export function scaleConditions(conditions: Float32Array, { mean, factor }: Scale): void {
  for (let at = 0; at < conditions.length; at++) {
    const f = at % TASK_CONDITIONS;
    conditions[at] = clamp(((conditions[at] as number) - (mean[f] as number)) * (factor[f] as number));
  }
}

const clamp = (x: number): number => Math.max(-FAR, Math.min(FAR, x));

// ——— what is learned from ———

/** Of every job two numbers, not yet scaled. One that was not done has waited for ever. */
function measured({ sets, jobs }: TracedSets): Float64Array {
  const numbers = new Float64Array(2 * jobs.task.length);
  for (let s = 0; s < sets.count; s++) {
    for (let j = jobs.starts[s] as number; j < (jobs.starts[s + 1] as number); j++) {
      const i = (sets.starts[s] as number) + (jobs.task[j] as number);
      const [c, d] = [sets.wcetUs[i] as number, sets.deadlineUs[i] as number];
      const execution = jobs.executionUs[j] as number;
      const stop = jobs.stopUs[j] as number;
      const waited = Math.max(0, stop - (jobs.releaseUs[j] as number) - execution);
      // A job that was never begun has no execution: it counts as one of its WCET.
      numbers[2 * j] = Math.log(execution > 0 ? execution / c : 1);
      numbers[2 * j + 1] = stop === 0 ? WAIT_MOST : Math.min(WAIT_MOST, waited / (waited + d));
    }
  }
  return numbers;
}

export function traceScaleOf(traced: TracedSets): TraceScale {
  const numbers = measured(traced);
  const of = (k: number): TraceScale['wait'] => {
    let [sum, squares] = [0, 0];
    for (let j = k; j < numbers.length; j += 2) {
      sum += numbers[j] as number;
      squares += (numbers[j] as number) ** 2;
    }
    const mean = sum / Math.max(1, numbers.length / 2);
    const variance = squares / Math.max(1, numbers.length / 2) - mean ** 2;
    // Executions may all be their WCET: then every number stands for it.
    return { mean, deviation: Math.sqrt(Math.max(1e-6, variance)) };
  };
  return { execution: of(0), wait: of(1) };
}

/** The pool of all tasks that have jobs; conditions are scaled already. */
export function poolOf(traced: TracedSets, conditions: Float32Array, scale: TraceScale): TracePool {
  const seen = measured(traced);
  const kept: number[] = [];
  const starts = [0];
  const numbers: number[] = [];
  for (let s = 0; s < traced.sets.count; s++) {
    for (const [k, own] of jobsByTask(traced.sets, traced.jobs, s).entries()) {
      if (own.length === 0) continue;
      kept.push((traced.sets.starts[s] as number) + k);
      for (const j of own.slice(0, JOBS_MOST)) {
        numbers.push(clamp(((seen[2 * j] as number) - scale.execution.mean) / scale.execution.deviation));
        numbers.push(clamp(((seen[2 * j + 1] as number) - scale.wait.mean) / scale.wait.deviation));
      }
      starts.push(numbers.length / 2);
    }
  }
  const own = new Float32Array(kept.length * TASK_CONDITIONS);
  for (const [at, i] of kept.entries())
    own.set(conditions.subarray(i * TASK_CONDITIONS, (i + 1) * TASK_CONDITIONS), at * TASK_CONDITIONS);
  return { conditions: own, starts: Uint32Array.from(starts), jobs: Float32Array.from(numbers) };
}

/** The first `most` tasks of a pool. */
export function headOfPool({ conditions, starts, jobs }: TracePool, most: number): TracePool {
  const tasks = Math.min(most, starts.length - 1);
  return {
    conditions: conditions.slice(0, tasks * TASK_CONDITIONS),
    starts: starts.slice(0, tasks + 1),
    jobs: jobs.slice(0, 2 * (starts[tasks] as number)),
  };
}

/** A pool as a generator and its critic learn from it: one example a block of jobs, the last one of a task as long as it is. */
export function traceExamples({ conditions, starts, jobs }: TracePool) {
  const blocks: { readonly task: number; readonly from: number; readonly to: number }[] = [];
  for (let task = 0; task + 1 < starts.length; task++) {
    const end = starts[task + 1] as number;
    for (let from = starts[task] as number; from < end; from += BLOCK)
      blocks.push({ task, from, to: Math.min(end, from + BLOCK) });
  }
  const said = new Float32Array(blocks.length * TRACE_CONDITIONS);
  const real = new Float32Array(blocks.length * TRACE_WIDTH);
  for (const [at, { task, from, to }] of blocks.entries()) {
    const o = at * TRACE_CONDITIONS;
    said.set(conditions.subarray(task * TASK_CONDITIONS, (task + 1) * TASK_CONDITIONS), o);
    if (from > (starts[task] as number)) writeChain(said, o + TASK_CONDITIONS, jobs, from - 1);
    for (let k = 2 * from; k < 2 * to; k++) real[at * TRACE_WIDTH + k - 2 * from] = 1 / (1 + Math.exp(-(jobs[k] as number)));
  }
  const used = Uint16Array.from(blocks, ({ from, to }) => 2 * (to - from));
  return { real, used, conditions: said, conditionCount: TRACE_CONDITIONS };
}

function writeChain(out: Float32Array, at: number, jobs: Float32Array, before: number): void {
  out[at] = 1;
  out[at + 1] = jobs[2 * before] as number;
  out[at + 2] = jobs[2 * before + 1] as number;
}

export function traceArchitectures(generator: readonly number[], critic: readonly number[]) {
  return {
    generator: { family: 'fnn', inputs: TRACE_NOISE + TRACE_CONDITIONS, widths: generator, outputs: TRACE_WIDTH },
    critic: { family: 'fnn', inputs: TRACE_WIDTH + TRACE_CONDITIONS, widths: critic, outputs: 1 },
  } satisfies Readonly<Record<string, Architecture>>;
}

// ——— drawing ———

export function generatorSource(network: Network): TraceSource {
  const input = new Float32Array(TRACE_NOISE + TRACE_CONDITIONS);
  return {
    draw: ({ of, at }, jobs, rng, out) => {
      input.set(of.subarray(at, at + TASK_CONDITIONS), TRACE_NOISE);
      input.fill(0, TRACE_NOISE + TASK_CONDITIONS);
      for (let j = 0; j < jobs; j += BLOCK) {
        if (j > 0) writeChain(input, TRACE_NOISE + TASK_CONDITIONS, out, j - 1);
        for (let k = 0; k < TRACE_NOISE; k++) input[k] = normal(rng);
        const made = network.run(input, 0, 1);
        const count = 2 * Math.min(BLOCK, jobs - j);
        for (let k = 0; k < count; k++) out[2 * j + k] = clamp(made[k] as number);
      }
    },
  };
}

/** `nearest`: among how many of the most similar tasks one is drawn; all of them makes it blind. */
export function bootstrapSource({ conditions, starts, jobs }: TracePool, nearest = NEAREST): TraceSource {
  const tasks = starts.length - 1;
  const distances = new Float64Array(tasks);
  const order = new Uint32Array(tasks);
  const taken = Math.min(nearest, tasks);
  // Many draws follow for one task: who is near it is found once.
  let [lastOf, lastAt] = [conditions, -1];
  const find = (of: Float32Array, at: number): void => {
    if (of === lastOf && at === lastAt) return;
    [lastOf, lastAt] = [of, at];
    for (let p = 0; p < tasks; p++) {
      let sum = 0;
      for (let f = 0; f < TASK_CONDITIONS; f++) {
        const gap = (conditions[p * TASK_CONDITIONS + f] as number) - (of[at + f] as number);
        sum += gap * gap;
      }
      distances[p] = sum;
    }
    chooseNearest(distances, order, taken);
  };
  return {
    draw: ({ of, at }, count, rng, out) => {
      if (taken < tasks) find(of, at);
      const task = taken < tasks ? (order[rng.below(taken)] as number) : rng.below(tasks);
      const [first, length] = [starts[task] as number, (starts[task + 1] as number) - (starts[task] as number)];
      for (let j = 0; j < count; j++) {
        out[2 * j] = jobs[2 * (first + (j % length))] as number;
        out[2 * j + 1] = jobs[2 * (first + (j % length)) + 1] as number;
      }
    },
  };
}

/** The first `count` places of `order` become the places of the least distances: an insertion sort of few. */
function chooseNearest(distances: Float64Array, order: Uint32Array, count: number): void {
  let held = 0;
  for (let p = 0; p < distances.length; p++) {
    const distance = distances[p] as number;
    if (held === count && distance >= (distances[order[held - 1] as number] as number)) continue;
    let at = held < count ? held++ : held - 1;
    for (; at > 0 && (distances[order[at - 1] as number] as number) > distance; at--) order[at] = order[at - 1] as number;
    order[at] = p;
  }
}

/** What a source's two numbers say of a job, in shares of C and of D. */
export function readJob(scale: TraceScale, jobs: ArrayLike<number>, j: number): { execution: number; wait: number } {
  const { execution, wait } = scale;
  const share = Math.max(0, Math.min(WAIT_MOST, wait.mean + (jobs[2 * j + 1] as number) * wait.deviation));
  return {
    execution: Math.exp(execution.mean + (jobs[2 * j] as number) * execution.deviation),
    wait: share / (1 - share),
  };
}

/** One trace of set `s`: its tasks released from offsets of their own, each for `jobsOf(task)` jobs. By release. */
export function drawTrace(
  source: TraceSource,
  scale: TraceScale,
  {
    sets,
    s,
    conditions,
    jobsOf,
  }: {
    readonly sets: TaskSets;
    readonly s: number;
    /** Of all sets, scaled. */
    readonly conditions: Float32Array;
    readonly jobsOf: (task: number) => number;
  },
  rng: Rng,
): RunJob[] {
  const trace: RunJob[] = [];
  const out = new Float32Array(2 * JOBS_MOST);
  const first = sets.starts[s] as number;
  for (let i = first; i < (sets.starts[s + 1] as number); i++) {
    const task = i - first;
    const [c, t, d] = [sets.wcetUs[i] as number, sets.periodUs[i] as number, sets.deadlineUs[i] as number];
    const count = Math.min(JOBS_MOST, jobsOf(task));
    const offsetUs = 1 + rng.below(t);
    source.draw({ of: conditions, at: i * TASK_CONDITIONS }, count, rng, out);
    for (let j = 0; j < count; j++) {
      const { execution, wait } = readJob(scale, out, j);
      const executionUs = Math.max(1, Math.round(execution * c));
      const releaseUs = offsetUs + j * t;
      const stopUs = releaseUs + executionUs + Math.round(wait * d);
      trace.push({ task, releaseUs, startUs: stopUs - executionUs, stopUs, executionUs, onTime: stopUs - releaseUs <= d });
    }
  }
  return trace.sort((a, b) => a.releaseUs - b.releaseUs || a.task - b.task);
}

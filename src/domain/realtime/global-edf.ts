/**
 * Global EDF on m equal cores: three tests, each of which proves a set schedulable when it accepts. None proves the opposite.
 *
 *   density (GFB)   Σ δᵢ ≤ m − (m − 1) δ_max            δ = C / min(D, T)
 *   workload (BCL)  for every k:  Σ_{i ≠ k} min(bᵢ, 1 − δₖ) < m (1 − δₖ),  bᵢ = (N Cᵢ + min(Cᵢ, (Dₖ − N Tᵢ)⁺)) / Dₖ,
 *                   N = (⌊(Dₖ − Dᵢ) / Tᵢ⌋ + 1)⁺
 *   response times  Rₖ = Cₖ + ⌊1/m Σ_{i ≠ k} min(Wᵢ(Rₖ), Eᵢ(Dₖ), Rₖ − Cₖ + 1)⌋;  then slack Sₖ = Dₖ − Rₖ sharpens W and E, again
 *                   Wᵢ(x): y = x + Dᵢ − Cᵢ − Sᵢ, ⌊y / Tᵢ⌋ Cᵢ + min(Cᵢ, y mod Tᵢ)     Eᵢ(x) = ⌊x / Tᵢ⌋ Cᵢ + min(Cᵢ, (x mod Tᵢ − Sᵢ)⁺)
 *
 * Source: Goossens, Funk, Baruah, Real-Time Systems 25, 2003; Bertogna, Cirinei, Lipari, ECRTS 2005; Bertogna & Cirinei, RTSS 2007.
 *         Checked against SchedCAT. A deadline beyond the period is taken as the period, which is safe.
 * Units:  integer µs; responses from the release. Jitter: the job looked at has D − J left, others arrive T apart and are done D
 *         after they arrive; the density is over what jitter leaves of both, min(D, T) − J.
 * Shape:  tasks in any order; no blocking (the caller refuses it).
 * Errors: `undefined` for a task that is not proven.
 * Cost:   O(n) for the density, O(n²) for the workload, O(n² · rounds · 25) for the responses, given up after GLOBAL_TERMS_PER_SET terms.
 */
import type { RealtimeTask } from './realtime-task.ts';
import { GLOBAL_TERMS_PER_SET, type Work } from './work-limit.ts';

const SLACK_ROUNDS_MAX = 25;
/** Doubles are compared with this much against the set: what is accepted is accepted by the exact sums. */
const MARGIN = 1e-9;

export function globalEdfByDensity(tasks: readonly RealtimeTask[], cores: number): boolean {
  let sum = 0;
  let largest = 0;
  for (const task of tasks) {
    const span = spanUs(task);
    if (span < task.wcetUs) return false;
    const density = task.wcetUs / span;
    sum += density;
    largest = Math.max(largest, density);
  }
  const limit = cores - (cores - 1) * largest;
  if (Math.abs(sum - limit) > MARGIN * cores) return sum < limit;
  return exactDensity(tasks, cores);
}

/** The close call in fractions: Σ δ + (m − 1) δ_max ≤ m. */
function exactDensity(tasks: readonly RealtimeTask[], cores: number): boolean {
  let numerator = 0n;
  let denominator = 1n;
  let top: readonly [bigint, bigint] = [0n, 1n];
  for (const task of tasks) {
    const c = BigInt(task.wcetUs);
    const d = BigInt(spanUs(task));
    if (c * top[1] > top[0] * d) top = [c, d];
    numerator = numerator * d + c * denominator;
    denominator *= d;
  }
  return numerator * top[1] + BigInt(cores - 1) * top[0] * denominator <= BigInt(cores) * denominator * top[1];
}

const spanUs = ({ deadlineUs, periodUs, jitterUs = 0 }: RealtimeTask): number => Math.min(deadlineUs, periodUs) - jitterUs;

export function globalEdfByWorkload(tasks: readonly RealtimeTask[], cores: number): boolean {
  return tasks.every((task, k) => {
    const own = task.wcetUs;
    const window = spanUs(task);
    if (own > window) return false;
    // All times Dₖ, so that everything is whole: Σ min(N C + …, Dₖ − Cₖ) < m (Dₖ − Cₖ).
    const room = window - own;
    let sum = 0;
    for (let i = 0; i < tasks.length; i++) {
      if (i === k) continue;
      const { wcetUs, periodUs, deadlineUs } = tasks[i] as RealtimeTask;
      const jobs = Math.max(0, Math.floor((window - Math.min(deadlineUs, periodUs)) / periodUs) + 1);
      const carried = Math.min(wcetUs, Math.max(0, window - jobs * periodUs));
      sum += Math.min(jobs * wcetUs + carried, room);
    }
    return sum < cores * room;
  });
}

/** Bounds of the responses, for all tasks or, where one is not proven, none at its place. */
export function globalEdfResponsesUs(
  tasks: readonly RealtimeTask[],
  cores: number,
  work: Work = { terms: GLOBAL_TERMS_PER_SET },
): readonly (number | undefined)[] {
  const slackUs = new Float64Array(tasks.length);
  const windows = tasks.map(spanUs);
  const deadlines = tasks.map(({ deadlineUs, periodUs }) => Math.min(deadlineUs, periodUs));
  let bounds: (number | undefined)[] = tasks.map(() => undefined);
  for (let round = 0; round < SLACK_ROUNDS_MAX; round++) {
    let moved = false;
    const found: (number | undefined)[] = [];
    for (let k = 0; k < tasks.length; k++) {
      const bound = boundOf(k);
      if (work.terms < 0) return bounds;
      found.push(bound);
      const slack = bound === undefined ? 0 : (windows[k] as number) - bound;
      if (slack > (slackUs[k] as number)) {
        slackUs[k] = slack;
        moved = true;
      }
    }
    bounds = found;
    if (!moved || found.every((bound) => bound !== undefined)) break;
  }
  return bounds;

  function boundOf(k: number): number | undefined {
    const own = (tasks[k] as RealtimeTask).wcetUs;
    const window = windows[k] as number;
    let x = own;
    for (;;) {
      if (x > window) return undefined;
      work.terms -= tasks.length;
      if (work.terms < 0) return undefined;
      const room = x - own + 1;
      let sum = 0;
      for (let i = 0; i < tasks.length; i++) {
        if (i === k) continue;
        const { wcetUs, periodUs } = tasks[i] as RealtimeTask;
        const slack = slackUs[i] as number;
        const reach = Math.max(0, x + (deadlines[i] as number) - wcetUs - slack);
        const workload = Math.floor(reach / periodUs) * wcetUs + Math.min(wcetUs, reach % periodUs);
        const byDeadline = Math.floor(window / periodUs) * wcetUs + Math.min(wcetUs, Math.max(0, (window % periodUs) - slack));
        sum += Math.min(workload, byDeadline, room);
      }
      const next = own + Math.floor(sum / cores);
      if (next <= x) return x;
      x = next;
    }
  }
}

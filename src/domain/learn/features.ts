/**
 * What a network sees of a task set: numbers without a unit, most of them close to [0, 1], so that a set measured in other units looks
 * the same. Tasks stand in order of urgency, and everything of a task is about it and those more urgent; the order in which
 * somebody wrote the tasks down is not seen at all.
 *
 * No feature is a response time, a fixed point or an exact test. `FEATURES` are closed forms (sums and products over more urgent
 * tasks): what is known of R without iterating. `DEMAND` needs every pair of tasks, once: the demand up to the deadline itself,
 * Cᵢ + Σ ⌈Dᵢ/Tⱼ⌉·Cⱼ (a sufficient test at a single point), and what looking a little earlier could gain. Models say which they read.
 *
 * For the networks that read a sequence: a row a task, the most urgent first. For those that read one row of fixed length: the
 * `CRITICAL` tasks, those with the largest upper bound of R/D (or, where it is known, margin of demand), the most critical
 * first (rows of zeros where there are fewer tasks), then the largest value of each feature over all tasks, then how many tasks there are and
 * their utilisation.
 */
import type { TaskSets } from './task-sets.ts';

export const FEATURES = [
  'wcetOfDeadline', // C / D
  'utilisation', // C / T
  'deadlineOfPeriod', // D / T
  'deadlineStep', // 1 − Dᵢ₋₁ / Dᵢ, at least −1: how much later than the next more urgent one (earlier: priorities are not by deadline)
  'utilisationAbove', // Σ_{hp} u
  'workOfDeadline', // Σ_{hep} C / D
  'lowerBound', // ∛(max(Σ_{hep} C, C / (1 − U_hp)) / D − 1)
  'upperBound', // ∛((C + Σ_{hp} Cⱼ(1 − uⱼ)) / (1 − U_hp) / D − 1) (Bini & Baruah)
  'fluidDemand', // C / D + U_hp
  'largestAbove', // max_{hp} C / D
  'hyperbolic', // Π_{hep} (1 + u) − 1
  'meanDemand', // C / D + U_hp + Σ_{hp} C / 2D: the demand at D if releases fell anywhere
  'spreadOfDemand', // √(Σ_{hp} C²) / D: how far the true demand may be from that
  'rank', // position in order of urgency, of 32
] as const;

/** The additional ones of `reads: 'demand'`. */
export const DEMAND = [
  'demandAtDeadline', // ∛((Cᵢ + Σ ⌈Dᵢ/Tⱼ⌉·Cⱼ) / D − 1)
  'surplus', // the same without the root, in the measure of the gain
  'gain', // max_{hp} (Cⱼ − D mod Tⱼ) / D: demand that falls away at a last release before D, less the time given up for it
  'margin', // ∛(surplus − gain), where there is one: above 0, the demand is met neither at D nor at that release
  'secondGain', // the second largest: two releases close to each other gain together
  'pairMargin', // ∛(surplus less the most of gain and what both gain together, (Cⱼ + Cₖ − max(D mod Tⱼ, D mod Tₖ)) / D)
] as const;

export const FEATURE_SETS = ['closed', 'demand'] as const;
export type FeatureSet = (typeof FEATURE_SETS)[number];

export const CRITICAL = 3;
const UPPER_BOUND = FEATURES.indexOf('upperBound');
const PAIR_MARGIN = FEATURES.length + DEMAND.indexOf('pairMargin');
const RANKS = 32;

export const featureCount = (reads: FeatureSet): number => FEATURES.length + (reads === 'demand' ? DEMAND.length : 0);
export const rowLength = (reads: FeatureSet): number => (CRITICAL + 1) * featureCount(reads) + 2;

/** Of surplus and gain: farther from 0 than this says no more. */
const FAR = 0.5;

/**
 * ∛x within [−1, 1], for what says yes on one side of 0 and no on the other: steepest where that is decided, so that a network can
 * tell a demand that just fits from one that just does not.
 */
const border = (x: number): number => Math.cbrt(Math.max(-1, Math.min(1, x)));

/** x / (1 + x): bounded where x is not. */
const squash = (x: number): number => x / (1 + x);

/** The same of x⁴, for what says much by being above or below 1, the deadline: ½ there, and steep. */
function sharpen(x: number): number {
  const square = x * x;
  return square > 1e6 ? 1 : squash(square * square);
}

/** Writes a row a task from `at` on; gives the number of tasks written (at most `tasksMax`, the most urgent ones). */
export function writeTaskRows(
  sets: TaskSets,
  s: number,
  {
    reads,
    out,
    at,
    tasksMax,
  }: { readonly reads: FeatureSet; readonly out: Float32Array; readonly at: number; readonly tasksMax: number },
): number {
  const { wcetUs, periodUs, deadlineUs } = sets;
  const start = sets.starts[s] as number;
  const end = Math.min(sets.starts[s + 1] as number, start + tasksMax);
  let [utilisation, work, weighted, largest, squares, hyperbolic, last] = [0, 0, 0, 0, 0, 1, 0];
  let o = at;
  for (let i = start; i < end; i++) {
    const c = wcetUs[i] as number;
    const d = deadlineUs[i] as number;
    const u = c / (periodUs[i] as number);
    const own = c / d;
    const left = 1 - utilisation;
    out[o] = own;
    out[o + 1] = u;
    out[o + 2] = d / (periodUs[i] as number);
    out[o + 3] = Math.max(-1, 1 - last / d);
    out[o + 4] = utilisation;
    out[o + 5] = squash((work + c) / d);
    out[o + 6] = left > 0 ? border(Math.max((work + c) / d, own / left) - 1) : 1;
    out[o + 7] = left > 0 ? border((c + weighted) / left / d - 1) : 1;
    out[o + 8] = sharpen(own + utilisation);
    out[o + 9] = squash(largest / d);
    hyperbolic *= 1 + u;
    out[o + 10] = hyperbolic - 1;
    out[o + 11] = sharpen(own + utilisation + work / 2 / d);
    out[o + 12] = squash(Math.sqrt(squares) / d);
    out[o + 13] = (i - start + 1) / RANKS;
    o += 14;
    if (reads === 'demand') {
      let [demand, gain, since1, second, since2] = [c, -FAR * d, 0, -FAR * d, 0];
      for (let j = start; j < i; j++) {
        const other = wcetUs[j] as number;
        const period = periodUs[j] as number;
        const before = Math.floor(d / period);
        const since = d - before * period;
        demand += (since > 0 ? before + 1 : before) * other;
        // A release at D itself, or none before it, is no earlier point to look at.
        if (since === 0 || before === 0 || other - since <= second) continue;
        if (other - since > gain) {
          second = gain;
          since2 = since1;
          gain = other - since;
          since1 = since;
        } else {
          second = other - since;
          since2 = since;
        }
      }
      const surplus = demand / d - 1;
      const both = (gain + second + Math.min(since1, since2)) / d;
      out[o] = border(surplus);
      out[o + 1] = Math.max(-FAR, Math.min(FAR, surplus));
      out[o + 2] = gain / d;
      out[o + 3] = border(surplus - Math.max(0, gain) / d);
      out[o + 4] = second / d;
      out[o + 5] = border(surplus - Math.max(0, gain / d, both));
      o += DEMAND.length;
    }
    utilisation += u;
    work += c;
    weighted += c * (1 - u);
    squares += c * c;
    if (c > largest) largest = c;
    last = d;
  }
  return end - start;
}

/** Writes the row of fixed length from `at` on. `rows` is room for `tasksMax` task rows. */
export function writeSetRow(
  sets: TaskSets,
  s: number,
  {
    reads,
    out,
    at,
    rows,
  }: { readonly reads: FeatureSet; readonly out: Float32Array; readonly at: number; readonly rows: Float32Array },
): void {
  const width = featureCount(reads);
  const count = writeTaskRows(sets, s, { reads, out: rows, at: 0, tasksMax: Math.floor(rows.length / width) });
  const end = at + rowLength(reads);
  out.fill(0, at, end);
  const criticalBy = reads === 'demand' ? PAIR_MARGIN : UPPER_BOUND;
  // The critical tasks: a selection of three needs no sort. Ties go to the more urgent one.
  let taken = 2; // above all, as −2 is below
  let takenAt = -1;
  for (let k = 0; k < CRITICAL && k < count; k++) {
    let best = -2;
    let bestAt = -1;
    for (let i = 0; i < count; i++) {
      const row = i * width;
      const bound = rows[row + criticalBy] as number;
      if (bound > best && (bound < taken || (bound === taken && i > takenAt))) {
        best = bound;
        bestAt = i;
      }
    }
    for (let f = 0; f < width; f++) out[at + k * width + f] = rows[bestAt * width + f] as number;
    taken = best;
    takenAt = bestAt;
  }
  const most = at + CRITICAL * width;
  for (let i = 0; i < count; i++) {
    for (let f = 0; f < width; f++) {
      const value = rows[i * width + f] as number;
      if (i === 0 || value > (out[most + f] as number)) out[most + f] = value;
    }
  }
  out[end - 2] = count / RANKS;
  const last = (count - 1) * width;
  out[end - 1] = count === 0 ? 0 : (rows[last + 4] as number) + (rows[last + 1] as number);
}

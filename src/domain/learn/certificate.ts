/**
 * A yes that cannot be wrong. A network proposes, for each task, a time by which it has surely finished; a check that trusts nothing accepts
 * or refuses. For a proposal t of task i, in exact integers:
 *
 *   Cᵢ + Σ_{j < i} ⌈t / Tⱼ⌉ · Cⱼ ≤ t ≤ Dᵢ        then the fixed point of the response-time recurrence is at most t
 *
 * O(n) a task, O(n²) a set, whatever the network said. A set is accepted when every proposal holds; a bad network accepts little, and
 * never wrongly. (Baruah, Ekberg & Sudvarg, Real-Time Systems 61, 2025, have a network state response times as certificate; here it may state any t that works.)
 *
 * Which t? Demand steps up just behind the releases of more urgent tasks, so the best are at releases. The deadline itself is proposed
 * where it holds (most tasks). Elsewhere the network chooses among the last releases before the deadline, one for each more urgent
 * task: it sees their costs and distances, not the demand at them, and its choice alone is tried.
 *
 * Deadlines up to the period, no jitter, no blocking; the tasks of a set in order of urgency.
 */

import { type Scale, scaleRow } from './examples.ts';
import type { Network } from './network.ts';
import type { LabelledSets, TaskSets } from './task-sets.ts';

export function checkCertificate(sets: TaskSets, s: number, proposedUs: Float64Array): boolean {
  const start = sets.starts[s] as number;
  const end = sets.starts[s + 1] as number;
  for (let i = start; i < end; i++) {
    const t = proposedUs[i - start] as number;
    // The recurrence takes one job a task for the worst: that needs D ≤ T.
    if (
      !Number.isSafeInteger(t) ||
      t > (sets.deadlineUs[i] as number) ||
      (sets.deadlineUs[i] as number) > (sets.periodUs[i] as number)
    )
      return false;
    if (!(demandUs(sets, start, i, t) <= t)) return false;
  }
  return true;
}

/** What task i and those more urgent may ask for in a window of t that begins with a release of each. */
function demandUs({ wcetUs, periodUs }: TaskSets, start: number, i: number, t: number): number {
  let demand = wcetUs[i] as number;
  for (let j = start; j < i; j++) demand += Math.ceil(t / (periodUs[j] as number)) * (wcetUs[j] as number);
  return demand;
}

/** The row of one candidate: the last release of task j before the deadline of task i. */
export const CANDIDATE_FEATURES = [
  'time', // t / D
  'lost', // (D mod Tⱼ) / D: time given up by looking earlier
  'gained', // Cⱼ / D: demand that falls away with it, at least
  'surplus', // (demand at D − D) / D
  'left', // (demand at D − Cⱼ − t) / D
  'fluid', // (Cᵢ + U_hp · t) / t
  'period', // Tⱼ / D
  'own', // Cᵢ / D
  'utilisationAbove',
  'largestAbove', // max Cₖ / D
  'spread', // √(Σ Cₖ²) / D
  'dropped', // Σ Cₖ / D over all k whose last release lies at t or behind it: what falls away at least, all together
] as const;
const WIDTH = CANDIDATE_FEATURES.length;

/** Writes a row each for all candidates of task i, gives their number; their times go to `timesUs`. */
function writeCandidates(
  sets: TaskSets,
  { start, i, demandAtDeadlineUs }: { readonly start: number; readonly i: number; readonly demandAtDeadlineUs: number },
  rows: Float32Array,
  timesUs: Float64Array,
): number {
  const { wcetUs, periodUs, deadlineUs } = sets;
  const d = deadlineUs[i] as number;
  let [utilisation, largest, squares] = [0, 0, 0];
  for (let j = start; j < i; j++) {
    const c = wcetUs[j] as number;
    utilisation += c / (periodUs[j] as number);
    squares += c * c;
    if (c > largest) largest = c;
  }
  let count = 0;
  for (let j = start; j < i; j++) {
    const lost = d % (periodUs[j] as number);
    const t = d - lost;
    if (lost === 0 || t === 0) continue;
    let dropped = 0;
    for (let k = start; k < i; k++)
      if (d % (periodUs[k] as number) <= lost && d % (periodUs[k] as number) !== 0) dropped += wcetUs[k] as number;
    const c = wcetUs[j] as number;
    const o = count * WIDTH;
    rows[o] = t / d;
    rows[o + 1] = lost / d;
    rows[o + 2] = c / d;
    rows[o + 3] = Math.min(2, (demandAtDeadlineUs - d) / d);
    rows[o + 4] = Math.min(2, (demandAtDeadlineUs - c - t) / d);
    rows[o + 5] = Math.min(4, (wcetUs[i] as number) / t + utilisation);
    rows[o + 6] = (periodUs[j] as number) / d;
    rows[o + 7] = (wcetUs[i] as number) / d;
    rows[o + 8] = utilisation;
    rows[o + 9] = Math.min(2, largest / d);
    rows[o + 10] = Math.min(2, Math.sqrt(squares) / d);
    rows[o + 11] = Math.min(2, dropped / d);
    timesUs[count++] = t;
  }
  return count;
}

export interface Proposer {
  /** Writes a time for each task of set `s`; the checker has the last word. */
  propose(sets: TaskSets, s: number, proposedUs: Float64Array): void;
}

export function createProposer(network: Network, scale: Scale, tasksMax: number): Proposer {
  const rows = new Float32Array(tasksMax * WIDTH);
  const timesUs = new Float64Array(tasksMax);
  return {
    propose: (sets, s, proposedUs) => {
      const start = sets.starts[s] as number;
      const end = sets.starts[s + 1] as number;
      for (let i = start; i < end; i++) {
        const d = sets.deadlineUs[i] as number;
        proposedUs[i - start] = d;
        const demandAtDeadlineUs = demandUs(sets, start, i, d);
        if (demandAtDeadlineUs <= d) continue;
        const count = writeCandidates(sets, { start, i, demandAtDeadlineUs }, rows, timesUs);
        let best = Number.NEGATIVE_INFINITY;
        for (let k = 0; k < count; k++) {
          scaleRow(rows, k * WIDTH, scale);
          const score = network.run(rows, k * WIDTH, 1)[0] as number;
          if (score <= best) continue;
          best = score;
          proposedUs[i - start] = timesUs[k] as number;
        }
      }
    },
  };
}

/** Candidates of tasks that meet their deadline although the demand at it does not show it; label 1 where a candidate works. */
export function candidateExamples(sets: LabelledSets): { readonly rows: Float32Array; readonly labels: Uint8Array } {
  const parts: Float32Array[] = [];
  const labels: number[] = [];
  let most = 1;
  for (let s = 0; s < sets.count; s++) most = Math.max(most, (sets.starts[s + 1] as number) - (sets.starts[s] as number));
  const rows = new Float32Array(most * WIDTH);
  const timesUs = new Float64Array(most);
  for (let s = 0; s < sets.count; s++) {
    const start = sets.starts[s] as number;
    for (let i = start; i < (sets.starts[s + 1] as number); i++) {
      if (sets.responseUs[i] === 0) continue;
      const demandAtDeadlineUs = demandUs(sets, start, i, sets.deadlineUs[i] as number);
      if (demandAtDeadlineUs <= (sets.deadlineUs[i] as number)) continue;
      const count = writeCandidates(sets, { start, i, demandAtDeadlineUs }, rows, timesUs);
      parts.push(rows.slice(0, count * WIDTH));
      for (let k = 0; k < count; k++)
        labels.push(demandUs(sets, start, i, timesUs[k] as number) <= (timesUs[k] as number) ? 1 : 0);
    }
  }
  const all = new Float32Array(labels.length * WIDTH);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { rows: all, labels: Uint8Array.from(labels) };
}

export interface CertificateJudgement {
  readonly count: number;
  /** Accepted, of the schedulable sets. */
  readonly acceptedRate: number;
  /** The same when every task's deadline is proposed, without any network: what learning must beat. */
  readonly acceptedRateByDeadlines: number;
  /** Accepted and not schedulable: 0, or the checker is wrong. */
  readonly unsafe: number;
}

export function judgeCertificates(proposer: Proposer, sets: LabelledSets, tasksMax: number): CertificateJudgement {
  const proposedUs = new Float64Array(tasksMax);
  let [schedulable, accepted, byDeadlines, unsafe] = [0, 0, 0, 0];
  for (let s = 0; s < sets.count; s++) {
    const isGood = sets.schedulable[s] === 1;
    if (isGood) schedulable++;
    proposer.propose(sets, s, proposedUs);
    if (checkCertificate(sets, s, proposedUs)) {
      if (isGood) accepted++;
      else unsafe++;
    }
    proposedUs.set(sets.deadlineUs.subarray(sets.starts[s], sets.starts[s + 1]));
    if (checkCertificate(sets, s, proposedUs)) byDeadlines++;
  }
  const whole = Math.max(1, schedulable);
  return { count: sets.count, acceptedRate: accepted / whole, acceptedRateByDeadlines: byDeadlines / whole, unsafe };
}

/**
 * Task sets grown the way MaLSAMi does: sets that are known to be good are made larger by one task that is good alone. Random sets of
 * some size are nearly all good or nearly all bad; grown ones stay near the border between the two, where there is something to learn.
 *
 *   size 1      a task drawn at random: kind of work, argument, priority, period, number of jobs
 *   size n      a good set of size n − 1 and a good set of size 1, both picked at random
 *
 * Every candidate is offered to the caller, who answers whether it was good: the exact analysis (`drover dataset generate`), or a fleet
 * that ran it. Priorities within a set differ: a newcomer with a priority that is taken gets the nearest free one above, or below.
 *
 * Cost of work: argument × µs, by kind. Who runs the work calibrates these; the defaults are for analysis alone, and each kind's cost
 * differs so much that an argument says little without the kind.
 */
import type { Rng } from '../../kernel/rng.ts';
import type { RealtimeTask } from '../realtime-task.ts';

export const WORK_KINDS = ['count', 'pi', 'matmul', 'modulo'] as const;
export type WorkKind = (typeof WORK_KINDS)[number];

export interface GrownTask extends RealtimeTask {
  readonly work: WorkKind;
  readonly argument: number;
  readonly jobs: number;
}

export interface GrowSpec {
  /** The largest size; 1 to 5 in MaLSAMi. */
  readonly sizeMost: number;
  /** Candidates offered of each size. */
  readonly perSize: number;
  readonly periodsUs: readonly number[];
  readonly argument: { readonly least: number; readonly most: number };
  readonly jobs: { readonly least: number; readonly most: number };
  readonly costUs: Readonly<Record<WorkKind, number>>;
}

export const GROW_DEFAULTS: GrowSpec = {
  sizeMost: 5,
  perSize: 200,
  periodsUs: [1, 2, 3, 4, 5, 6, 7, 8].map((step) => step * 5_000),
  argument: { least: 1, most: 64 },
  jobs: { least: 1, most: 20 },
  costUs: { count: 40, pi: 120, matmul: 310, modulo: 75 },
};

const PRIORITY_MOST = 127;

/** Each candidate in order of urgency; `next(isGood)` goes on. A size for which nothing good is left to grow from ends it. */
export function* growSets(rng: Rng, spec: GrowSpec): Generator<readonly GrownTask[], void, boolean> {
  const ones: GrownTask[] = [];
  let good: (readonly GrownTask[])[] = [];
  for (let k = 0; k < spec.perSize; k++) {
    const task = drawTask(rng, spec);
    if (yield [task]) ones.push(task);
  }
  good = ones.map((task) => [task]);
  for (let size = 2; size <= spec.sizeMost && good.length > 0; size++) {
    const larger: (readonly GrownTask[])[] = [];
    for (let k = 0; k < spec.perSize; k++) {
      const set = joined(good[rng.below(good.length)] as readonly GrownTask[], ones[rng.below(ones.length)] as GrownTask);
      if (yield set) larger.push(set);
    }
    good = larger;
  }
}

function drawTask(rng: Rng, { periodsUs, argument, jobs, costUs }: GrowSpec): GrownTask {
  const work = WORK_KINDS[rng.below(WORK_KINDS.length)] as WorkKind;
  const size = argument.least + rng.below(argument.most - argument.least + 1);
  const periodUs = periodsUs[rng.below(periodsUs.length)] as number;
  return {
    work,
    argument: size,
    jobs: jobs.least + rng.below(jobs.most - jobs.least + 1),
    wcetUs: Math.max(1, Math.round(size * costUs[work])),
    periodUs,
    deadlineUs: periodUs,
    priority: rng.below(PRIORITY_MOST + 1),
  };
}

function joined(set: readonly GrownTask[], newcomer: GrownTask): readonly GrownTask[] {
  const isFree = (priority: number): boolean => set.every((task) => task.priority !== priority);
  let { priority } = newcomer;
  for (let distance = 0; !isFree(priority); distance++) {
    const [above, below] = [newcomer.priority + distance, newcomer.priority - distance];
    if (above <= PRIORITY_MOST && isFree(above)) priority = above;
    else if (below >= 0 && isFree(below)) priority = below;
  }
  return [...set, { ...newcomer, priority }].sort((a, b) => b.priority - a.priority);
}

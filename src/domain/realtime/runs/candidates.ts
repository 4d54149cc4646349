/**
 * Task sets for bridges to run: grown (`draw/grow.ts`), where each answer decides what is offered next, or drawn (`draw/task-sets.ts`) and
 * brought to work of some kind and an argument whose calibrated cost comes closest to the execution time that was drawn.
 *
 * A series is one growing, or an endless row of drawn sets. It is a function of its seed, of the costs, and of the answers, so that one that
 * was interrupted is gone through again to where it stood.
 */
import type { Rng } from '../../kernel/rng.ts';
import { type GrownTask, type GrowSpec, growSets, WORK_KINDS, type WorkKind } from '../draw/grow.ts';
import { type DrawSpec, drawTaskSet } from '../draw/task-sets.ts';

type Range = GrowSpec['jobs'];

/** Of grown sets that are run; the costs are measured. Periods that a bridge's tick, sent through a server, keeps easily. */
export const RUN_GROW: Omit<GrowSpec, 'costUs'> = {
  sizeMost: 5,
  perSize: 10,
  periodsUs: [1, 2, 3, 4, 5, 6, 7, 8].map((step) => step * 20_000),
  argument: { least: 1, most: 192 },
  jobs: { least: 3, most: 12 },
};

/** Drawn sets have no number of jobs: so many, and at least as many as fall due in one longest period of the set. */
export const RUN_DRAW_JOBS: Range = { least: 3, most: 24 };

export type RunSource =
  | { readonly kind: 'grown'; readonly grow: Omit<GrowSpec, 'costUs'> }
  | { readonly kind: 'fp'; readonly draw: DrawSpec };

/** `next(isGood)` goes on, as with `growSets`. Ends where a growing ends, or where no set can be drawn. */
export function seriesOf(
  rng: Rng,
  source: RunSource,
  costUs: Readonly<Record<WorkKind, number>>,
): Generator<readonly GrownTask[], void, boolean> {
  return source.kind === 'grown' ? growSets(rng, { ...source.grow, costUs }) : drawnSets(rng, source.draw, costUs);
}

function* drawnSets(
  rng: Rng,
  draw: DrawSpec,
  costUs: Readonly<Record<WorkKind, number>>,
): Generator<readonly GrownTask[], void, boolean> {
  for (;;) {
    const tasks = drawTaskSet(rng, draw);
    if (tasks === undefined) return;
    const longestUs = tasks.reduce((most, { periodUs }) => Math.max(most, periodUs), 0);
    yield tasks.map((task): GrownTask => {
      const work = WORK_KINDS[rng.below(WORK_KINDS.length)] as WorkKind;
      const argument = Math.max(1, Math.round(task.wcetUs / costUs[work]));
      const { least, most } = RUN_DRAW_JOBS;
      const jobs = Math.min(most, Math.max(least, Math.ceil(longestUs / task.periodUs)));
      return { ...task, work, argument, jobs, wcetUs: Math.max(1, Math.round(argument * costUs[work])) };
    });
  }
}

/**
 * A bridge's lane takes jobs as they come, so that no task is more urgent than another and everyone's jobs stand before everyone's. Models
 * read what stands before a task in its set, so the set is written with the tightest deadline last: it has all others before it.
 */
export const inOrderOfRun = (tasks: readonly GrownTask[]): readonly GrownTask[] =>
  [...tasks].sort((a, b) => b.deadlineUs - a.deadlineUs || b.periodUs - a.periodUs || b.priority - a.priority);

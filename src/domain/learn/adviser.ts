/**
 * A learned model as the planner's adviser: how sure it is that the core a task would come to keeps all its deadlines, 0 … 1.
 *
 * Models are about one core, under pre-emptive fixed priorities unless the fleet has taught them otherwise. So the ECU's tasks are dealt out as the admission deals them (largest
 * utilisation first, first core with room), but by utilisation alone, and the best of the cores counts: a guess that costs microseconds. Of
 * an ECU that shares its cores in another way than those the model learned from, or does not say in which, and of a task without a period, the model knows nothing, and
 * the advice is NEUTRAL.
 *
 * The exact test of the planner and of the bridge decide, whatever is said here (`assign.ts`, P1).
 */
import type { Adviser } from '../placement/assign.ts';
import { platformOf } from '../placement/platform-of.ts';
import type { RealtimeTask } from '../realtime/realtime-task.ts';
import { isLearnable, type SchedulingKind, schedulingKindOf } from './fleet/outcome.ts';
import { createScorer, type YesNoModel } from './model.ts';
import { columnsOf } from './task-sets.ts';

export const NEUTRAL = 0.5;

export function createAdviser(model: YesNoModel, scheduling: SchedulingKind = 'fp'): Adviser {
  const scorer = createScorer(model);
  // A network and naive Bayes answer in log-odds, the others in shares of votes less a half.
  const isLogOdds = model.learned.kind === 'network' || model.learned.kind === 'bayes';
  return ({ spec }, { accepted, description }) => {
    const platform = platformOf(description);
    const isSameKind = isLearnable(scheduling) && schedulingKindOf(description) === scheduling;
    const isSpokenOf = platform?.placement === 'partitioned' && isSameKind;
    if (!isSpokenOf || !isPeriodic(spec)) return NEUTRAL;
    const others = accepted.filter((task) => task.task !== spec.name && isPeriodic(task));
    const cores = dealt(others, platform.cores);
    // One empty core is like the other.
    if (cores.length < platform.cores) cores.push([]);
    let best = 0;
    for (const core of cores) {
      const set = [...core, spec];
      if (set.reduce((sum, task) => sum + utilisation(task), 0) > 1) continue;
      const score = scorer.score(columnsOf([set.map(bare)]), 0);
      best = Math.max(best, isLogOdds ? 1 / (1 + Math.exp(-score)) : NEUTRAL + score);
    }
    return best;
  };
}

const isPeriodic = ({ periodUs, wcetUs, deadlineUs }: RealtimeTask): boolean => periodUs > 0 && wcetUs > 0 && deadlineUs > 0;

/** Jitter and blocking are not what a model was trained on. */
const bare = ({ wcetUs, periodUs, deadlineUs, priority }: RealtimeTask): RealtimeTask => ({
  wcetUs,
  periodUs,
  deadlineUs,
  priority,
});

/** The tasks of each core that has any; what fits nowhere is left out. */
function dealt(tasks: readonly RealtimeTask[], cores: number): RealtimeTask[][] {
  const loads: number[] = [];
  const lists: RealtimeTask[][] = [];
  for (const task of [...tasks].sort((a, b) => utilisation(b) - utilisation(a))) {
    const load = utilisation(task);
    let at = loads.findIndex((used) => used + load <= 1);
    if (at < 0 && loads.length < cores) {
      at = loads.push(0) - 1;
      lists.push([]);
    }
    if (at < 0) continue;
    loads[at] = (loads[at] as number) + load;
    (lists[at] as RealtimeTask[]).push(task);
  }
  return lists;
}

const utilisation = ({ wcetUs, periodUs }: RealtimeTask): number => wcetUs / periodUs;

/** What of a platform no test here speaks about: refused by name, because the nearest test could be a wrong yes. */
import type { LoadedSet, Overheads } from './overheads.ts';
import { CORES_MAX, type Platform } from './platform.ts';
import type { RealtimeTask } from './realtime-task.ts';
import type { Refusal } from './refusal.ts';
import { isTime } from './set-check.ts';

export function platformRefusal({ cores, sliceUs, overheads = {} }: Platform): Refusal | undefined {
  const bad = (what: string): Refusal => ({ kind: 'bad-platform', what });
  if (!Number.isInteger(cores) || cores < 1 || cores > CORES_MAX)
    return bad(`${cores} is no number of cores from 1 to ${CORES_MAX}`);
  if (sliceUs !== undefined && !isTime(sliceUs, 1)) return bad(`sliceUs ${sliceUs} is no positive whole number`);
  for (const [name, value, least] of timesOf(overheads)) {
    if (value !== undefined && !isTime(value, least)) return bad(`${name} ${value} is no whole number of at least ${least}`);
  }
  return undefined;
}

function timesOf({
  contextSwitchUs,
  checkpoint,
  faults,
  migration,
}: Overheads): readonly (readonly [string, number | undefined, 0 | 1])[] {
  return [
    ['contextSwitchUs', contextSwitchUs, 0],
    ['checkpoint.intervalUs', checkpoint?.intervalUs, 1],
    ['checkpoint.costUs', checkpoint?.costUs, 0],
    ['faults.everyUs', faults?.everyUs, 1],
    ['faults.rollbackUs', faults?.rollbackUs, 0],
    ['migration.everyUs', migration?.everyUs, 1],
    ['migration.blackoutUs', migration?.blackoutUs, 0],
  ];
}

export function unmodelled(set: LoadedSet, { cores, scheduler, preemptive, placement }: Platform): Refusal | undefined {
  const blocked = set.tasks.some(({ blockingUs = 0 }) => blockingUs > 0);
  const interrupted = set.migration !== undefined || set.faultEveryUs !== undefined;
  const global = placement === 'global' && cores > 1;
  const misbound = global ? undefined : bindingProblem(set.tasks, cores);
  if (misbound !== undefined) return { kind: 'bad-platform', what: misbound };
  const what = global
    ? scheduler === 'rr'
      ? 'global round robin; every task needs a core of its own (partitioned)'
      : !preemptive
        ? 'global scheduling without pre-emption'
        : blocked
          ? 'blocking under global scheduling'
          : interrupted
            ? 'faults or migrations under global scheduling'
            : undefined
    : interrupted && (scheduler === 'rr' || (!preemptive && (scheduler === 'edf' || set.faultEveryUs !== undefined)))
      ? 'faults, or migrations under EDF, without pre-emption, or either under round robin'
      : blocked && !preemptive && scheduler === 'edf'
        ? 'blocking under non-pre-emptive EDF'
        : scheduler === 'rr' && !preemptive
          ? 'round robin without pre-emption'
          : undefined;
  return what === undefined ? undefined : { kind: 'not-modelled', what };
}

function bindingProblem(tasks: readonly RealtimeTask[], cores: number): string | undefined {
  let bound = 0;
  for (const { core } of tasks) {
    if (core === undefined) continue;
    bound++;
    if (!Number.isInteger(core) || core < 0 || core >= cores)
      return `a task is bound to core ${core}, there are ${cores} from 0 on`;
  }
  return bound === 0 || bound === tasks.length
    ? undefined
    : 'some tasks are bound to a core and others are not; bind all or none';
}

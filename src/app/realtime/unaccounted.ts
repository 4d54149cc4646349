/**
 * Analysis and simulation take the same file, and neither looks at all of it. What would change the answer and could not be
 * taken into account is said beside the answer, one sentence a field, with what the answer means in spite of it.
 */
import type { Overheads } from '../../domain/realtime/overheads.ts';
import type { SimulatedPlatform } from '../../domain/realtime/simulation/platform.ts';
import type { NamedTask } from './task-set-file.ts';

export interface Asked {
  readonly tasks: readonly NamedTask[];
  readonly platform: SimulatedPlatform;
  readonly overheads: Overheads | undefined;
}

export function analysisNotes({ tasks, platform }: Asked): string[] {
  const { cores, preemptive, placement, preemptionUs, migrationUs } = platform;
  const moves = placement === 'global' && cores > 1;
  const notes = [
    note('execution', having(tasks, 'execution'), 'not looked at: every job counts with its WCET'),
    note('offset', having(tasks, 'offsetUs'), 'not looked at: the analysis covers every pattern of arrivals'),
    note('checkpoint', having(tasks, 'checkpoint'), 'its cost is charged to every job, also to those that take none'),
  ];
  if (preemptive && preemptionUs > 0)
    notes.push('platform.preemption: not charged; overheads.context-switch is what the analysis counts');
  if (preemptive && moves && migrationUs > 0)
    notes.push('platform.migration: not charged; overheads.context-switch is what the analysis counts');
  return [...notes, boundInVain({ tasks, platform })].filter((one) => one !== undefined);
}

export function simulationNotes({ tasks, platform, overheads }: Asked): string[] {
  const left = [
    ['context-switch', overheads?.contextSwitchUs, '; platform.preemption and platform.migration are'],
    ['checkpoint', overheads?.checkpoint, '; the checkpoint of a task is'],
    ['faults', overheads?.faults, ''],
    ['migration', overheads?.migration, ''],
  ] as const;
  return [
    note('blocking', having(tasks, 'blockingUs'), 'not simulated; drover analyze counts it'),
    ...left.map(([name, value, instead]) =>
      value === undefined ? undefined : `overheads.${name}: not simulated${instead}; drover analyze counts it`,
    ),
    boundInVain({ tasks, platform }),
  ].filter((one) => one !== undefined);
}

function boundInVain({ tasks, platform }: Pick<Asked, 'tasks' | 'platform'>): string | undefined {
  if (platform.placement === 'partitioned' || platform.cores === 1) return undefined;
  return note('core', having(tasks, 'core'), 'not looked at: placement is global, jobs run on any core');
}

/** A 0 is what is meant by nothing, but for a core, which is the first. */
const having = (tasks: readonly NamedTask[], field: keyof NamedTask): readonly NamedTask[] =>
  tasks.filter((task) => task[field] !== undefined && (task[field] !== 0 || field === 'core'));

/** More names than this are a count. */
const NAMES_MAX = 4;

function note(field: string, tasks: readonly NamedTask[], what: string): string | undefined {
  if (tasks.length === 0) return undefined;
  const names = tasks.length > NAMES_MAX ? `${tasks.length} tasks` : tasks.map(({ name }) => name).join(', ');
  return `${field} of ${names}: ${what}`;
}

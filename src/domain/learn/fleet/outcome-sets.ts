/**
 * The rows of a fleet as something to learn from.
 *
 * S1. One example a set, however often it was seen: a fleet at rest says the same again and again. It counts as met where it was met in
 *     more windows than it was missed in.
 * S2. One scheduling at a time: a set that a lane without pre-emption misses is no contradiction to one that pre-emption saves. The one
 *     with the most different sets is learned; of equal ones the first of SCHEDULING_KINDS. What no ECU has declared is none of them.
 * S3. Which sets are held back is decided by the set alone: every manager holds back the same ones, today and after a restart, so that no
 *     version ever learned from what its child is judged by.
 * S4. Rows come from outside: what is not teachable is left out.
 */
import { hash32 } from '../../kernel/rng.ts';
import { columnsOf, type LabelledSets } from '../task-sets.ts';
import {
  isLearnable,
  isTeachable,
  keyOfSet,
  type OutcomeReport,
  type OutcomeTask,
  realtimeTasksOf,
  SCHEDULING_KINDS,
  type SchedulingKind,
} from './outcome.ts';

interface KnownSet {
  readonly key: string;
  readonly tasks: readonly OutcomeTask[];
  met: number;
  missed: number;
}

export interface GatheredSets {
  readonly scheduling: SchedulingKind;
  readonly rows: number;
  readonly learn: readonly LabelledTasks[];
  readonly heldBack: readonly LabelledTasks[];
}

export interface LabelledTasks {
  readonly tasks: readonly OutcomeTask[];
  readonly met: boolean;
}

/** One of so many is held back. */
const HELD_BACK = 4;

export const isHeldBack = (key: string): boolean => hash32(key) % HELD_BACK === 0;

export class OutcomeSets {
  private readonly bySchedule = new Map<SchedulingKind, Map<string, KnownSet>>();
  private readonly rows = new Map<SchedulingKind, number>();

  add({ scheduling, rows: told }: Pick<OutcomeReport, 'scheduling' | 'rows'>): void {
    const rows = told.filter(({ tasks }) => isTeachable(tasks));
    const sets = this.bySchedule.get(scheduling) ?? new Map<string, KnownSet>();
    this.bySchedule.set(scheduling, sets);
    this.rows.set(scheduling, (this.rows.get(scheduling) ?? 0) + rows.length);
    for (const { tasks, outcome, windows } of rows) {
      const key = keyOfSet(tasks);
      const known = sets.get(key) ?? { key, tasks, met: 0, missed: 0 };
      sets.set(key, known);
      known[outcome] += windows;
    }
  }

  gathered(): GatheredSets {
    let scheduling: SchedulingKind = 'fp';
    for (const kind of SCHEDULING_KINDS.filter(isLearnable)) if (this.sizeOf(kind) > this.sizeOf(scheduling)) scheduling = kind;
    // In an order that does not depend on who reported first.
    const sets = [...(this.bySchedule.get(scheduling)?.values() ?? [])].sort((a, b) => (a.key < b.key ? -1 : 1));
    const labelled = (held: boolean): LabelledTasks[] =>
      sets.filter(({ key }) => isHeldBack(key) === held).map(({ tasks, met, missed }) => ({ tasks, met: met > missed }));
    return { scheduling, rows: this.rows.get(scheduling) ?? 0, learn: labelled(false), heldBack: labelled(true) };
  }

  private sizeOf(kind: SchedulingKind): number {
    return this.bySchedule.get(kind)?.size ?? 0;
  }
}

/** Without response times: nobody measured them against these. */
export function labelledSetsOf(sets: readonly LabelledTasks[]): LabelledSets {
  const columns = columnsOf(sets.map(({ tasks }) => realtimeTasksOf(tasks)));
  const schedulable = Uint8Array.from(sets, ({ met }) => (met ? 1 : 0));
  return { ...columns, responseUs: new Float64Array(columns.wcetUs.length), schedulable };
}

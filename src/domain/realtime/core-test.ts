/**
 * One core's test, the same for one processor and inside a packing: may these tasks share the core, and how long may each take?
 *
 * The verdict takes the quickest exact way (the doubling argument, quick processor-demand analysis), the responses the full one;
 * a property test holds that they agree. Where overheads, equal priorities or long deadlines make the quick way inapplicable,
 * the verdict is made of responses.
 *
 * Members are indices into the loaded set. One scratch table is used again and again, so a packing allocates little.
 */
import { err, ok, type Result } from '../kernel/result.ts';
import { EDF_FITS, EDF_GAVE_UP, edfVerdict } from './edf-demand.ts';
import { edfResponses, interruptionRow } from './edf-response-time.ts';
import { ALL_MEET, fixedPriorityMiss, fixedPriorityResponses, GAVE_UP, isConstrained } from './fixed-priority.ts';
import { nonPreemptiveEdfResponses, nonPreemptiveEdfVerdict } from './nonpreemptive-edf.ts';
import { nonPreemptiveResponse } from './nonpreemptive-fixed-priority.ts';
import { interruptionsFor, type LoadedSet } from './overheads.ts';
import type { Platform } from './platform.ts';
import { SLICE_US } from './platform.ts';
import type { RealtimeTask } from './realtime-task.ts';
import { type ScheduleFailure, type WorstResponse, worstResponse } from './response-time.ts';
import { roundRobinResponse } from './round-robin.ts';
import { addSet, createTaskTable, type TableRange, type TaskTable } from './task-table.ts';
import { COLUMN_TERMS_COUNT_ONE, type Work, workForSet } from './work-limit.ts';

/** `undefined`: the work limit was reached. */
export type CoreVerdict = boolean | undefined;

/** `at` is a place in `members`. */
export type MemberResponse = (at: number) => Result<WorstResponse, ScheduleFailure>;

export interface CoreTest {
  readonly name: string;
  /** Whether a refusal is certain, or only that the test does not accept. */
  readonly exact: boolean;
  /** A time at which too much is due, where the last verdict was no and the test found one. */
  readonly exceededAtUs: number | undefined;
  /** `work`, here and below: what it may take, and what is taken off it; as much as for any set when absent. */
  verdict(members: readonly number[], work?: Work): CoreVerdict;
  /** `work` is for all of them together. */
  responses(members: readonly number[], work?: Work): MemberResponse;
}

export function coreTest(set: LoadedSet, { scheduler, preemptive, sliceUs }: Platform): CoreTest {
  if (scheduler === 'rr') return new RoundRobin(set, sliceUs ?? SLICE_US);
  if (scheduler === 'fp') return preemptive ? new FixedPriority(set) : new NonPreemptiveFixedPriority(set);
  return preemptive ? new Edf(set) : new NonPreemptiveEdf(set);
}

const tasksOf = (set: LoadedSet, members: readonly number[]): RealtimeTask[] =>
  members.map((index) => set.tasks[index] as RealtimeTask);

/** Also what a verdict in a few sums costs: the members have to be brought into the table. */
function chargeTable(table: TaskTable, members: number, work: Work): void {
  work.terms -= members + table.terms / COLUMN_TERMS_COUNT_ONE;
  table.terms = 0;
}

/** A verdict made of responses, the least likely to be met first. */
function verdictOf(count: number, responseOf: MemberResponse): CoreVerdict {
  let verdict: CoreVerdict = true;
  for (let at = count - 1; at >= 0; at--) {
    const response = responseOf(at);
    if (response.ok) continue;
    if (response.error.kind === 'deadline-missed') return false;
    verdict = undefined;
  }
  return verdict;
}

class FixedPriority implements CoreTest {
  readonly name = 'response times, pre-emptive fixed priorities';
  readonly exact = true;
  readonly exceededAtUs = undefined;
  readonly #set: LoadedSet;
  readonly #table;
  readonly #interrupted: boolean;

  constructor(set: LoadedSet) {
    this.#set = set;
    this.#table = createTaskTable(set.tasks.length);
    this.#interrupted = set.migration !== undefined || set.faultEveryUs !== undefined;
  }

  verdict(members: readonly number[], work = workForSet()): CoreVerdict {
    if (work.terms < 0) return undefined;
    const sorted = this.#byUrgency(members);
    const range = this.#quick(sorted);
    if (range === undefined) return verdictOf(sorted.length, this.responses(sorted, work));
    const missed = fixedPriorityMiss(this.#table, range.first, range.count);
    chargeTable(this.#table, members.length, work);
    return missed === GAVE_UP ? undefined : missed === ALL_MEET;
  }

  responses(members: readonly number[], work = workForSet()): MemberResponse {
    const tasks = tasksOf(this.#set, members);
    if (!this.#interrupted) return this.#quickResponses(members, tasks) ?? ((at) => worstResponse(tasks, at, work));
    return (at) => {
      const interruptions = interruptionsFor(this.#set, members, (tasks[at] as RealtimeTask).priority);
      return worstResponse([...tasks, ...interruptions.map(interruptionRow)], at, work);
    };
  }

  #quickResponses(members: readonly number[], tasks: readonly RealtimeTask[]): MemberResponse | undefined {
    const sorted = this.#byUrgency(members);
    const range = this.#quick(sorted);
    if (range === undefined) return undefined;
    const found = new Float64Array(range.count);
    if (fixedPriorityResponses(this.#table, range.first, range.count, found) === GAVE_UP) return undefined;
    const placeOf = new Map(sorted.map((index, place) => [index, place]));
    return (at) => {
      const responseUs = found[placeOf.get(members[at] as number) as number] as number;
      const { deadlineUs, jitterUs = 0 } = tasks[at] as RealtimeTask;
      if (responseUs > deadlineUs) return err({ kind: 'deadline-missed', responseUsMin: responseUs, deadlineUs });
      // One job is the whole busy period, and its release is as late as can be.
      return ok({ responseUs, fromReleaseUs: responseUs - jitterUs });
    };
  }

  /** The members in the table, where the quick forms speak about them. */
  #quick(sorted: readonly number[]): TableRange | undefined {
    if (this.#interrupted) return undefined;
    for (let at = 1; at < sorted.length; at++) {
      if (this.#priority(sorted[at - 1] as number) === this.#priority(sorted[at] as number)) return undefined;
    }
    this.#table.rows = 0;
    const range = addSet(this.#table, tasksOf(this.#set, sorted));
    return isConstrained(this.#table, range.first, range.count) ? range : undefined;
  }

  #byUrgency(members: readonly number[]): number[] {
    return [...members].sort((a, b) => this.#priority(b) - this.#priority(a) || a - b);
  }

  #priority(index: number): number {
    return (this.#set.tasks[index] as RealtimeTask).priority;
  }
}

class NonPreemptiveFixedPriority implements CoreTest {
  readonly name = 'response times, non-pre-emptive fixed priorities';
  readonly exact = true;
  readonly exceededAtUs = undefined;
  readonly #set: LoadedSet;

  constructor(set: LoadedSet) {
    this.#set = set;
  }

  verdict(members: readonly number[], work = workForSet()): CoreVerdict {
    return verdictOf(members.length, this.responses(members, work));
  }

  responses(members: readonly number[], work = workForSet()): MemberResponse {
    const tasks = tasksOf(this.#set, members);
    // Bringing in a task is not interrupted either, and goes before everything: a task of the highest urgency.
    const brought = interruptionsFor(this.#set, members, Number.POSITIVE_INFINITY).map(interruptionRow);
    const rows = brought.length === 0 ? tasks : [...tasks, ...brought];
    return (at) => nonPreemptiveResponse(rows, at, work);
  }
}

class Edf implements CoreTest {
  readonly name = 'processor demand (QPA), pre-emptive EDF';
  readonly exact = true;
  exceededAtUs: number | undefined;
  readonly #set: LoadedSet;
  readonly #table;

  constructor(set: LoadedSet) {
    this.#set = set;
    this.#table = createTaskTable(set.tasks.length + 2);
  }

  verdict(members: readonly number[], work = workForSet()): CoreVerdict {
    if (work.terms < 0) return undefined;
    this.#table.rows = 0;
    const { first, count } = addSet(this.#table, tasksOf(this.#set, members));
    const interruptions = interruptionsFor(this.#set, members, Number.NEGATIVE_INFINITY);
    addSet(this.#table, interruptions.map(interruptionRow));
    const verdict = edfVerdict(this.#table, first, count, interruptions.length);
    chargeTable(this.#table, members.length, work);
    this.exceededAtUs = verdict >= 0 ? verdict : undefined;
    return verdict === EDF_GAVE_UP ? undefined : verdict === EDF_FITS;
  }

  responses(members: readonly number[], work = workForSet()): MemberResponse {
    const interruptions = interruptionsFor(this.#set, members, Number.NEGATIVE_INFINITY);
    return edfResponses(tasksOf(this.#set, members), { interruptions, work });
  }
}

class NonPreemptiveEdf implements CoreTest {
  readonly name = 'processor demand with blocking, non-pre-emptive EDF';
  readonly exact = true;
  exceededAtUs: number | undefined;
  readonly #set: LoadedSet;

  constructor(set: LoadedSet) {
    this.#set = set;
  }

  verdict(members: readonly number[], work = workForSet()): CoreVerdict {
    if (work.terms < 0) return undefined;
    const verdict = nonPreemptiveEdfVerdict(tasksOf(this.#set, members), work);
    this.exceededAtUs = verdict >= 0 ? verdict : undefined;
    return verdict === EDF_GAVE_UP ? undefined : verdict === EDF_FITS;
  }

  responses(members: readonly number[], work = workForSet()): MemberResponse {
    return nonPreemptiveEdfResponses(tasksOf(this.#set, members), false, work);
  }
}

class RoundRobin implements CoreTest {
  readonly name = 'response-time bound, round robin';
  readonly exact = false;
  readonly exceededAtUs = undefined;
  readonly #set: LoadedSet;
  readonly #sliceUs: number;

  constructor(set: LoadedSet, sliceUs: number) {
    this.#set = set;
    this.#sliceUs = sliceUs;
  }

  verdict(members: readonly number[], work = workForSet()): CoreVerdict {
    return verdictOf(members.length, this.responses(members, work));
  }

  responses(members: readonly number[], work = workForSet()): MemberResponse {
    const tasks = tasksOf(this.#set, members);
    return (at) => roundRobinResponse(tasks, at, this.#sliceUs, work);
  }
}

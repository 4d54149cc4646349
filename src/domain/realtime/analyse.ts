/**
 * The one entry to real-time analysis: a task set and a platform in, a verdict, responses and the reason for a refusal out.
 *
 *   cores     scheduler   test                                                               a no is
 *   1         fp          response times; non-pre-emptive the same with blocking             certain
 *   1         edf         processor demand (QPA); responses after Spuri and George           certain
 *   1         rr          response-time bound                                                not proven
 *   m, part.  any         packing with the test above on each core                           not proven (certain on one core)
 *                         tasks that are bound: the test above on each core                  as above
 *   m, glob.  fp          response-time bounds after Guan et al.                             not proven
 *   m, glob.  edf         density (GFB), workload (BCL), response times (Bertogna)           not proven
 *
 * A1  `schedulable: true` is a proof for every pattern of arrivals no denser than the periods. `false` is a proof of a late job
 *     for some pattern. Everything else is `undefined`.
 * A2  Numbers that are not whole, not positive or too large are refused before anything is computed with them.
 * A3  Every test ends: loops have work limits, and a limit that is reached gives `undefined`, never an answer.
 * A4  A refusal names the task, its response and its deadline wherever the test knows them.
 *
 * Units: integer µs. Responses are worst cases from the release and from the arrival; deadlines count from the arrival.
 */
import { type CoreTest, coreTest } from './core-test.ts';
import { globalEdfByDensity, globalEdfByWorkload, globalEdfResponsesUs } from './global-edf.ts';
import { globalFixedPriorityResponsesUs } from './global-fixed-priority.ts';
import { type LoadedSet, withOverheads } from './overheads.ts';
import { packTasks } from './packing.ts';
import type { Platform } from './platform.ts';
import { platformRefusal, unmodelled } from './platform-check.ts';
import type { RealtimeTask } from './realtime-task.ts';
import type { Refusal } from './refusal.ts';
import { refusalOfSet } from './set-check.ts';
import { compareLoad, utilisationOf } from './utilisation-bounds.ts';
import { GLOBAL_TERM_COUNTS, GLOBAL_TERMS_PER_SET, partOf, TERMS_PER_PACKING, TERMS_PER_SET, type Work } from './work-limit.ts';

export interface TaskVerdict {
  /** `undefined`: not known. */
  readonly meets: boolean | undefined;
  /** From the arrival; undefined where it is not known, or above the deadline. */
  readonly responseUs: number | undefined;
  readonly fromReleaseUs: number | undefined;
  readonly core: number | undefined;
}

export interface Analysis {
  readonly schedulable: boolean | undefined;
  /** Which test decided. */
  readonly test: string;
  readonly loadPpm: number;
  /** One for each task, in the order given; empty when the set was refused as it stands. */
  readonly tasks: readonly TaskVerdict[];
  readonly refusal: Refusal | undefined;
}

export interface AnalyseOptions {
  /** Also when the set is schedulable (the default). Without, a yes costs the verdict alone. */
  readonly responses?: boolean;
  /** For whoever asks again and again: what all of it may take, and what is taken off it. Absent: each test's own limit. */
  readonly work?: Work;
}

const UNKNOWN: TaskVerdict = { meets: undefined, responseUs: undefined, fromReleaseUs: undefined, core: undefined };
const LATE: TaskVerdict = { ...UNKNOWN, meets: false };

export function analyse(tasks: readonly RealtimeTask[], platform: Platform, options: AnalyseOptions = {}): Analysis {
  const refusal = refusalOfSet(tasks) ?? platformRefusal(platform);
  if (refusal !== undefined) return refused(refusal);
  return analyseLoaded(withOverheads(tasks, platform.overheads ?? {}), platform, options);
}

/** What `analyse` does after the overheads are charged. */
export function analyseLoaded(set: LoadedSet, platform: Platform, { responses = true, work }: AnalyseOptions = {}): Analysis {
  const refusal = refusalOfSet(set.tasks) ?? unmodelled(set, platform);
  if (refusal !== undefined) return refused(refusal);
  const loadPpm = Math.round(utilisationOf(set.tasks) * 1_000_000);
  if (platform.cores === 1) {
    const members = set.tasks.map((_, index) => index);
    return onOneCore(set, coreTest(set, platform), { responses, loadPpm, members, core: 0, work });
  }
  const overloaded: Refusal | undefined =
    compareLoad(set.tasks, platform.cores) > 0 ? { kind: 'overloaded', loadPpm, cores: platform.cores } : undefined;
  const unknown = set.tasks.map(() => UNKNOWN);
  if (overloaded !== undefined) return { schedulable: false, test: 'load', loadPpm, tasks: unknown, refusal: overloaded };
  const hopeless = hopelessTask(set.tasks);
  if (hopeless !== undefined) {
    const tasks = unknown.map((verdict, index) => (index === hopeless.index ? LATE : verdict));
    return { schedulable: false, test: 'each task alone', loadPpm, tasks, refusal: hopeless };
  }
  if (platform.placement === 'partitioned') {
    const given = { responses, loadPpm, work };
    return set.tasks[0]?.core === undefined ? packed(set, platform, given) : bound(set, platform, given);
  }
  const terms = Math.min(GLOBAL_TERMS_PER_SET, (work?.terms ?? Number.POSITIVE_INFINITY) / GLOBAL_TERM_COUNTS);
  const given: GivenGlobal = { loadPpm, work: { terms } };
  const answer = platform.scheduler === 'edf' ? globalEdf(set, platform, given) : globalFixedPriority(set, platform, given);
  // The density and the workload of each task on each are so many terms again.
  if (work !== undefined) work.terms -= (terms - given.work.terms + set.tasks.length ** 2) * GLOBAL_TERM_COUNTS;
  return answer;
}

const refused = (refusal: Refusal): Analysis => ({ schedulable: undefined, test: 'none', loadPpm: 0, tasks: [], refusal });

/** A task that fails with a core to itself. */
function hopelessTask(tasks: readonly RealtimeTask[]): (Refusal & { readonly index: number }) | undefined {
  for (let index = 0; index < tasks.length; index++) {
    const { wcetUs, periodUs, jitterUs = 0, deadlineUs } = tasks[index] as RealtimeTask;
    if (wcetUs + jitterUs > deadlineUs) return { kind: 'deadline-missed', index, responseUs: wcetUs + jitterUs, deadlineUs };
    if (wcetUs > periodUs) return { kind: 'task-overload', index, wcetUs, periodUs };
  }
  return undefined;
}

// ——— one core ———

interface Given {
  readonly responses: boolean;
  readonly loadPpm: number;
  readonly work: Work | undefined;
}

type GivenGlobal = { readonly loadPpm: number; readonly work: Work };

interface GivenCore extends Given {
  /** Indices of the tasks that run there; the result has one verdict for each of them, in this order. */
  readonly members: readonly number[];
  readonly core: number;
}

function onOneCore(set: LoadedSet, test: CoreTest, { responses, loadPpm, members, core, work }: GivenCore): Analysis {
  const here = members.length === set.tasks.length ? set.tasks : members.map((index) => set.tasks[index] as RealtimeTask);
  const overloaded: Refusal | undefined =
    compareLoad(here, 1) > 0
      ? { kind: 'overloaded', loadPpm: Math.round(utilisationOf(here) * 1_000_000), cores: 1 }
      : undefined;
  const verdict = overloaded === undefined ? partOf(work, (part) => test.verdict(members, part)) : false;
  // Read at once: the next verdict overwrites it.
  const { exceededAtUs } = test;
  if (verdict === true && !responses) {
    const meets = { ...UNKNOWN, meets: true, core };
    return { schedulable: true, test: test.name, loadPpm, tasks: members.map(() => meets), refusal: undefined };
  }
  const { verdicts: tasks, late, stuck } = memberVerdicts(test, members, { core, work });
  if (verdict === true) {
    // The verdict is a proof by itself; responses that take too long to find are left out.
    const proven = tasks.map((one) => (one.meets === undefined ? { ...one, meets: true } : one));
    return { schedulable: true, test: test.name, loadPpm, tasks: proven, refusal: undefined };
  }
  const certain = test.exact || overloaded !== undefined;
  if (verdict === undefined && late === undefined) {
    return { schedulable: undefined, test: test.name, loadPpm, tasks, refusal: { kind: 'work-limit', index: stuck } };
  }
  const refusal: Refusal =
    overloaded ??
    (late === undefined
      ? { kind: 'demand-exceeded', atUs: exceededAtUs ?? 0 }
      : { ...late, kind: certain ? 'deadline-missed' : 'not-proven' });
  return {
    schedulable: certain ? false : undefined,
    test: test.name,
    loadPpm,
    tasks: test.exact ? tasks : tasks.map((one) => (one.meets === false ? { ...one, meets: undefined } : one)),
    refusal,
  };
}

interface MemberVerdicts {
  readonly verdicts: readonly TaskVerdict[];
  readonly late: { readonly index: number; readonly responseUs: number; readonly deadlineUs: number } | undefined;
  /** The task at which the work limit was reached; what comes after it was not tried. */
  readonly stuck: number | undefined;
}

function memberVerdicts(
  test: CoreTest,
  members: readonly number[],
  { core, work }: { readonly core: number | undefined; readonly work: Work | undefined },
): MemberVerdicts {
  const part = work === undefined ? undefined : { terms: Math.min(TERMS_PER_SET, work.terms) };
  const given = part?.terms ?? 0;
  const responseOf = test.responses(members, part);
  const verdicts: TaskVerdict[] = [];
  let late: MemberVerdicts['late'];
  let stuck: number | undefined;
  for (let at = 0; at < members.length; at++) {
    const response = stuck === undefined ? responseOf(at) : undefined;
    if (response === undefined) {
      verdicts.push({ meets: undefined, responseUs: undefined, fromReleaseUs: undefined, core });
    } else if (response.ok) {
      const { responseUs, fromReleaseUs } = response.value;
      verdicts.push({ meets: true, responseUs, fromReleaseUs, core });
    } else if (response.error.kind === 'deadline-missed') {
      const { responseUsMin: responseUs, deadlineUs } = response.error;
      late ??= { index: members[at] as number, responseUs, deadlineUs };
      verdicts.push({ meets: false, responseUs: undefined, fromReleaseUs: undefined, core });
    } else {
      stuck = members[at] as number;
      verdicts.push({ meets: undefined, responseUs: undefined, fromReleaseUs: undefined, core });
    }
  }
  if (work !== undefined) work.terms -= given - (part?.terms ?? 0);
  return { verdicts, late, stuck };
}

// ——— many cores ———

/** Every core by itself: one whose no is certain is one for the set. */
function bound(set: LoadedSet, platform: Platform, { responses, loadPpm, work }: Given): Analysis {
  const test = coreTest(set, platform);
  const tasks: TaskVerdict[] = set.tasks.map(() => UNKNOWN);
  const analyses: Analysis[] = [];
  for (let core = 0; core < platform.cores; core++) {
    const members = set.tasks.flatMap((task, index) => (task.core === core ? [index] : []));
    if (members.length === 0) continue;
    const analysis = onOneCore(set, test, { responses, loadPpm, members, core, work });
    members.forEach((index, at) => {
      tasks[index] = analysis.tasks[at] as TaskVerdict;
    });
    analyses.push(analysis);
  }
  const verdicts = analyses.map(({ schedulable }) => schedulable);
  const decisive = analyses.find(({ schedulable }) => schedulable === false) ?? analyses.find(({ refusal }) => refusal);
  return {
    schedulable: verdicts.includes(false) ? false : verdicts.includes(undefined) ? undefined : true,
    test: `bound to cores, ${test.name}`,
    loadPpm,
    tasks,
    refusal: decisive?.refusal,
  };
}

function packed(set: LoadedSet, platform: Platform, { responses, loadPpm, work }: Given): Analysis {
  const test = coreTest(set, platform);
  const forVerdicts = work ?? { terms: TERMS_PER_PACKING };
  const packing = packTasks(set.tasks, platform.cores, (members) => partOf(forVerdicts, (part) => test.verdict(members, part)));
  if (packing.kind === 'not-packed') {
    const { late } = memberVerdicts(test, packing.core, { core: undefined, work });
    const refusal: Refusal = {
      kind: 'not-packed',
      index: packing.index,
      lateIndex: late?.index,
      responseUs: late?.responseUs,
      deadlineUs: late?.deadlineUs ?? (set.tasks[packing.index] as RealtimeTask).deadlineUs,
    };
    const tasks = set.tasks.map(() => UNKNOWN);
    const why: Refusal = packing.gaveUp ? { kind: 'work-limit', index: undefined } : refusal;
    return { schedulable: undefined, test: `packing, ${test.name}`, loadPpm, tasks, refusal: why };
  }
  const tasks: TaskVerdict[] = packing.coreOf.map((core) => ({ ...UNKNOWN, meets: true, core }));
  if (responses) {
    for (let core = 0; core < platform.cores; core++) {
      const members = set.tasks.map((_, index) => index).filter((index) => packing.coreOf[index] === core);
      const { verdicts } = memberVerdicts(test, members, { core, work });
      members.forEach((index, at) => {
        tasks[index] = { ...(verdicts[at] as TaskVerdict), meets: true, core };
      });
    }
  }
  return { schedulable: true, test: `packing (${packing.by}), ${test.name}`, loadPpm, tasks, refusal: undefined };
}

function globalEdf(set: LoadedSet, { cores }: Platform, { loadPpm, work }: GivenGlobal): Analysis {
  const bounds = globalEdfResponsesUs(set.tasks, cores, work);
  if (bounds.every((bound) => bound !== undefined)) {
    return global({ set, bounds, test: 'response-time bounds, global EDF', loadPpm });
  }
  const test = globalEdfByDensity(set.tasks, cores)
    ? 'density (GFB), global EDF'
    : globalEdfByWorkload(set.tasks, cores)
      ? 'workload (BCL), global EDF'
      : undefined;
  if (test === undefined)
    return global({ set, bounds, test: 'density, workload and response-time bounds, global EDF', loadPpm });
  // Bounds of some rest on slack of others that is not proven by that test: the verdict stands alone.
  const tasks = set.tasks.map(() => ({ ...UNKNOWN, meets: true }));
  return { schedulable: true, test, loadPpm, tasks, refusal: undefined };
}

function globalFixedPriority(set: LoadedSet, { cores }: Platform, { loadPpm, work }: GivenGlobal): Analysis {
  const bounds = globalFixedPriorityResponsesUs(set.tasks, cores, work);
  return global({ set, bounds, test: 'response-time bounds (Guan), global fixed priorities', loadPpm });
}

interface GlobalBounds {
  readonly set: LoadedSet;
  readonly bounds: readonly (number | undefined)[];
  readonly test: string;
  readonly loadPpm: number;
}

function global({ set, bounds, test, loadPpm }: GlobalBounds): Analysis {
  const missing = bounds.indexOf(undefined);
  const tasks = bounds.map((bound, index): TaskVerdict => {
    if (bound === undefined) return UNKNOWN;
    const { jitterUs = 0 } = set.tasks[index] as RealtimeTask;
    return { meets: true, responseUs: bound + jitterUs, fromReleaseUs: bound, core: undefined };
  });
  if (missing < 0) return { schedulable: true, test, loadPpm, tasks, refusal: undefined };
  const { deadlineUs } = set.tasks[missing] as RealtimeTask;
  const refusal: Refusal = { kind: 'not-proven', index: missing, responseUs: undefined, deadlineUs };
  return { schedulable: undefined, test, loadPpm, tasks, refusal };
}

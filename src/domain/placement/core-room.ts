/**
 * Whether tasks can share an ECU's cores, by the test of its own scheduler, and how long each may then take.
 *
 *   scheduler                         packing                          a hard deadline holds when
 *   fixed priorities, pre-emptive     first fit, core by core          its response time by the exact analysis is within it
 *   any other, partitioned            first fit, core by core          the same, by `core-test.ts` (EDF, round robin, without pre-emption)
 *   global                            all cores together               all of the set is proven (soft tasks as if they were hard)
 *   nothing said                      first fit, core by core          both: pre-emptive fixed priorities, and without pre-emption
 *
 * Where the ECU binds tasks, those that it has accepted stand on their cores, and a newcomer is tried on the core with the least load
 * first: cores of real threads are not to be idle while others are full, as first fit would have it.
 *
 * First fit goes in order of decreasing utilisation and a task joins a core only when the test still passes there: packing by
 * utilisation alone leaves two sets in five with a core that misses deadlines.
 *
 * R1. Only what is proven counts: a test that gives up, or does not speak about this scheduler, refuses where a deadline is hard.
 * R2. A task without a hard deadline is held to utilisation alone, but counts against the hard ones wherever it can delay them.
 * R3. Tasks without a period run when data comes; nothing bounds how often, so they are taken to run below every hard task. Without
 *     pre-emption they block for one job, under round robin they take part in every round.
 *
 * R4. A task that is being moved here runs nowhere during its blackout: what arrives in it is released that much later, which is release
 *     jitter. Its own response counts from the arrival; the others bear what has gathered being done at once.
 *
 * The first row looks only at tasks that the newcomer can delay, one at a time. The second is what drover's own bridges are.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { AcceptedTask } from '../model/ecu.ts';
import { analyseLoaded } from '../realtime/analyse.ts';
import { coreTest } from '../realtime/core-test.ts';
import { interruptionRow } from '../realtime/edf-response-time.ts';
import { type LoadedSet, type Overheads, withOverheads } from '../realtime/overheads.ts';
import { type Platform, SLICE_US } from '../realtime/platform.ts';
import { platformRefusal, unmodelled } from '../realtime/platform-check.ts';
import type { RealtimeTask } from '../realtime/realtime-task.ts';
import { sentenceOfRefusal, type Refusal as TestRefusal } from '../realtime/refusal.ts';
import { responseTimeUs } from '../realtime/response-time.ts';
import { refusalOfSet, TIME_US_MAX } from '../realtime/set-check.ts';
import type { CpuShare } from '../realtime/utilisation.ts';
import { fitsOneCore, PPB, sharePpb } from '../realtime/utilisation.ts';
import { compareLoad } from '../realtime/utilisation-bounds.ts';
import type { Refusal } from './evidence.ts';

/** One task as the packing sees it; its WCET has the overheads in it. */
export interface Load extends RealtimeTask, CpuShare {
  readonly name: string;
  readonly hard: boolean;
  readonly chargePpb: number;
  /** Where the ECU has it. */
  readonly core?: number;
  /** It is room that is kept, and has no jobs. */
  readonly room?: boolean;
}

export interface RoomOptions {
  readonly coreCount: number;
  /** What has a core stays there. */
  readonly bound: boolean;
  /** The ECU says nothing of its scheduling. */
  readonly silent: boolean;
  /** Where a newcomer is tried first. */
  readonly wishes: ReadonlyMap<string, number>;
}

export interface Core {
  /** Tasks with a period: what response times are made of. */
  readonly periodic: Load[];
  readonly background: Load[];
  readonly responses: Map<string, number>;
  chargePpb: number;
  /** Whether something here has no tested deadline, so that utilisation must be watched too. */
  soft: boolean;
}

export interface Room {
  readonly cores: readonly Core[];
  readonly test: string;
}

const FIXED_PRIORITY_TEST = 'response times, pre-emptive fixed priorities';

/** What a task brings to the platform. Its WCET may be 0: unknown. One literal and nothing copied, because a plan makes thousands. */
export function loadOf(task: AcceptedTask, hard: boolean, platform: Platform | undefined): Load {
  const { task: name, periodUs, deadlineUs, priority } = task;
  const reservedPpm = task.cpuPpm ?? 0;
  const overheads = platform?.overheads;
  const wcetUs = overheads === undefined || task.wcetUs === 0 ? task.wcetUs : withCharges(task, overheads);
  const chargePpb = sharePpb({ periodUs, wcetUs, reservedPpm });
  const jitterUs = task.blackoutUs ?? 0;
  const load = { name, wcetUs, periodUs, deadlineUs, priority, jitterUs, reservedPpm, hard, chargePpb };
  if (task.room === true) return { ...load, room: true };
  return task.core === undefined ? load : { ...load, core: task.core };
}

const withCharges = (task: RealtimeTask, overheads: Overheads): number =>
  withOverheads([task], overheads).tasks[0]?.wcetUs ?? task.wcetUs;

/** A place for all of them, or why there is none. `platform` undefined: a scheduler that no test speaks about. */
export function roomFor(loads: readonly Load[], platform: Platform | undefined, options: RoomOptions): Result<Room, Refusal> {
  const { coreCount } = options;
  const sorted = [...loads].sort(byDecreasingUtilisation);
  if (platform !== undefined) {
    // Apart, each core is a platform of its own, so their number has no bound.
    const bad = platformRefusal(platform.placement === 'global' ? platform : { ...platform, cores: 1 });
    const hard = sorted.find((load) => load.hard);
    if (bad !== undefined && hard !== undefined) return err(notProven(hard, hard, coreCount, sentence(bad, [])));
    if (platform.placement === 'global' && coreCount > 1) return together(sorted, platform);
  }
  const rule = ruleOf(platform, options);
  if (options.bound) return boundRoom(sorted, rule, options);
  const cores: Core[] = [];
  for (const load of sorted) {
    let refusal: Refusal | undefined;
    let placed = false;
    for (let at = 0; at < coreCount && !placed; at++) {
      const core = cores[at] ?? emptyCore();
      refusal = join(core, load, rule);
      placed = refusal === undefined;
      if (placed && at === cores.length) cores.push(core);
      // An empty core refused it, and the rest are empty too.
      if (!placed && at === cores.length) break;
    }
    if (!placed) return err(refusal as Refusal);
  }
  for (const core of cores) rule.complete(core);
  return ok({ cores, test: rule.name });
}

/** Those that have a core stand there; the others join where there is least, the largest first. */
function boundRoom(sorted: readonly Load[], rule: CoreRule, { coreCount, wishes }: RoomOptions): Result<Room, Refusal> {
  const cores = Array.from({ length: coreCount }, emptyCore);
  const standing: Load[][] = cores.map(() => []);
  const joining: Load[] = [];
  for (const load of sorted) (standing[load.core ?? -1] ?? joining).push(load);
  for (let at = 0; at < coreCount; at++) {
    const refusal = settle(cores[at] as Core, standing[at] as Load[], rule);
    if (refusal !== undefined) return err(refusal);
  }
  for (const load of joining) {
    const wish = wishes.get(load.name);
    const order = cores.map((_, at) => at);
    order.sort((a, b) => Number(b === wish) - Number(a === wish) || byLoad(cores[a] as Core, cores[b] as Core) || a - b);
    let refusal: Refusal | undefined;
    for (const at of order) {
      const core = cores[at] as Core;
      const wasEmpty = countOf(core) === 0;
      refusal = join(core, load, rule);
      // An empty core refused it: so would the others, and those with more on them.
      if (refusal === undefined || wasEmpty) break;
    }
    if (refusal !== undefined) return err(refusal);
  }
  for (const core of cores) rule.complete(core);
  return ok({ cores, test: rule.name });
}

/** Cores that nothing is known to load count by their tasks. */
const byLoad = (a: Core, b: Core): number => a.chargePpb - b.chargePpb || countOf(a) - countOf(b);
const countOf = ({ periodic, background }: Core): number => periodic.length + background.length;

/** All of them together: a core that was tested as a whole is tested once. */
function settle(core: Core, loads: readonly Load[], rule: CoreRule): Refusal | undefined {
  const last = loads.length - 1;
  for (let at = 0; at <= last; at++) {
    const load = loads[at] as Load;
    if (rule.looksAtAll && at < last) take(core, load);
    else {
      const refusal = join(core, load, rule);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

function take(core: Core, load: Load): void {
  (load.periodUs <= 0 ? core.background : core.periodic).push(load);
  core.chargePpb += load.chargePpb;
  core.soft ||= !load.hard;
}

const byDecreasingUtilisation = (a: Load, b: Load): number =>
  b.chargePpb - a.chargePpb || a.deadlineUs - b.deadlineUs || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const emptyCore = (): Core => ({ periodic: [], background: [], responses: new Map(), chargePpb: 0, soft: false });

/** Puts `load` on the core if all stays well there, else leaves the core as it was and says why. */
function join(core: Core, load: Load, rule: CoreRule): Refusal | undefined {
  const chargeAfterPpb = core.chargePpb + load.chargePpb;
  const soft = core.soft || !load.hard;
  if (soft && !fitsOneCore([...core.periodic, ...core.background, load])) return lacksUtilisation(core.chargePpb, load, 1);
  const list = load.periodUs <= 0 ? core.background : core.periodic;
  list.push(load);
  const refusal = rule.refusalFor(core, load);
  if (refusal !== undefined) {
    list.pop();
    return refusal;
  }
  core.chargePpb = chargeAfterPpb;
  core.soft = soft;
  return undefined;
}

function lacksUtilisation(usedPpb: number, load: Load, cores: number): Refusal {
  const capacityPpm = cores * 1_000_000;
  const freePpm = Math.max(0, Math.floor((cores * PPB - usedPpb) / 1000));
  return { kind: 'utilisation', neededPpm: Math.ceil(load.chargePpb / 1000), freePpm, capacityPpm };
}

// ——— the rules of a core ———

interface CoreRule {
  readonly name: string;
  /** Whether a look is at the whole core, and not only at whom the last one delays. */
  readonly looksAtAll: boolean;
  /** `load` has just joined; undefined: every hard deadline holds. */
  refusalFor(core: Core, load: Load): Refusal | undefined;
  /** Fills in responses that the verdicts did not need. */
  complete(core: Core): void;
}

function ruleOf(platform: Platform | undefined, { coreCount, silent }: RoomOptions): CoreRule {
  if (platform === undefined) return new UnknownScheduler(coreCount);
  if (silent) return new EitherWay(platform, coreCount);
  const { scheduler, preemptive } = platform;
  return scheduler === 'fp' && preemptive ? new FixedPriority(platform, coreCount) : new ByCoreTest(platform, coreCount);
}

/** `boundUs`: what the test could prove instead. */
const notProven = (load: Load, unpacked: Load, cores: number, why: string, boundUs?: number): Refusal => ({
  kind: 'not-proven',
  task: load.name,
  ...(boundUs === undefined ? {} : { responseUs: boundUs }),
  deadlineUs: load.deadlineUs,
  cores,
  unpacked: unpacked.name,
  why,
});

class UnknownScheduler implements CoreRule {
  readonly name = 'none: its scheduler is not known here';
  readonly looksAtAll = true;
  readonly #coreCount: number;

  constructor(coreCount: number) {
    this.#coreCount = coreCount;
  }

  refusalFor(core: Core, load: Load): Refusal | undefined {
    const hard = core.periodic.find((one) => one.hard);
    return hard === undefined ? undefined : notProven(hard, load, this.#coreCount, 'its scheduler is not known here');
  }

  complete(): void {}
}

class FixedPriority implements CoreRule {
  readonly name = FIXED_PRIORITY_TEST;
  readonly looksAtAll = false;
  readonly #coreCount: number;
  /** What comes before everything on each core. */
  readonly #interruptions: readonly RealtimeTask[];

  constructor({ overheads }: Platform, coreCount: number) {
    this.#coreCount = coreCount;
    this.#interruptions = blackoutRows(overheads);
  }

  refusalFor(core: Core, load: Load): Refusal | undefined {
    if (load.periodUs <= 0) return undefined;
    const interruptions = this.#interruptions;
    const rows = interruptions.length === 0 ? core.periodic : [...core.periodic, ...interruptions];
    const changed: [string, number][] = [];
    for (let index = 0; index < core.periodic.length; index++) {
      const one = core.periodic[index] as Load;
      // A more urgent task does not notice the newcomer.
      if (!one.hard || one.priority > load.priority) continue;
      const response = responseTimeUs(rows, index);
      if (response.ok) changed.push([one.name, response.value]);
      else if (response.error.kind === 'deadline-missed') return late(one, load, this.#coreCount, response.error.responseUsMin);
      else return notProven(one, load, this.#coreCount, TOO_LONG);
    }
    for (const [name, responseUs] of changed) core.responses.set(name, responseUs);
    return undefined;
  }

  complete(): void {}
}

/** An ECU that does not say whether its jobs are interrupted: the deadlines hold in either case, the longer response is shown. */
class EitherWay implements CoreRule {
  readonly name = 'response times, fixed priorities with and without pre-emption';
  readonly looksAtAll = false;
  readonly #interrupted: CoreRule;
  readonly #uninterrupted: CoreRule;

  constructor(platform: Platform, coreCount: number) {
    this.#interrupted = new FixedPriority(platform, coreCount);
    this.#uninterrupted = new ByCoreTest({ ...platform, preemptive: false }, coreCount);
  }

  refusalFor(core: Core, load: Load): Refusal | undefined {
    const { responses } = core;
    const before = [...responses];
    const interrupted = this.#interrupted.refusalFor(core, load);
    if (interrupted !== undefined) return interrupted;
    const found = [...responses];
    const uninterrupted = this.#uninterrupted.refusalFor(core, load);
    const kept = uninterrupted === undefined ? found : before;
    if (uninterrupted !== undefined) responses.clear();
    for (const [name, responseUs] of kept) responses.set(name, Math.max(responseUs, responses.get(name) ?? 0));
    return uninterrupted;
  }

  complete(): void {}
}

/** For the responses of one core: a planner asks for many candidates, and a bridge while its tasks wait. A few milliseconds. */
const TERMS_MAX = 500_000;
const TOO_LONG = 'the analysis takes too long';

const late = (one: Load, unpacked: Load, cores: number, responseUsMin: number): Refusal => ({
  kind: 'schedule',
  task: one.name,
  responseUsMin,
  deadlineUs: one.deadlineUs,
  cores,
  unpacked: unpacked.name,
});

const blackoutRows = (overheads: Platform['overheads']): readonly RealtimeTask[] => {
  const migration = overheads?.migration;
  return migration === undefined ? [] : [interruptionRow({ costUs: migration.blackoutUs, everyUs: migration.everyUs })];
};

/** The set of a core with the overheads charged already. */
const loadedSet = (tasks: readonly RealtimeTask[], { overheads }: Platform): LoadedSet => ({
  tasks,
  reworkUs: tasks.map(() => 0),
  faultEveryUs: undefined,
  migration: withOverheads([], overheads ?? {}).migration,
});

class ByCoreTest implements CoreRule {
  readonly name: string;
  readonly looksAtAll = true;
  readonly #platform: Platform;
  readonly #coreCount: number;

  constructor(platform: Platform, coreCount: number) {
    this.#platform = platform;
    this.#coreCount = coreCount;
    this.name = coreTest(loadedSet([], platform), platform).name;
  }

  refusalFor(core: Core, load: Load): Refusal | undefined {
    const hard = core.periodic.find((one) => one.hard);
    if (hard === undefined) return undefined;
    const endless = this.#endless(core);
    if (endless !== undefined) return notProven(hard, load, this.#coreCount, endless);
    const { rows, set } = this.#rowsOf(core);
    const bad = refusalOfSet(rows) ?? unmodelled(set, this.#platform);
    if (bad !== undefined) return notProven(hard, load, this.#coreCount, sentence(bad, core.periodic));
    if (compareLoad([...core.periodic.filter(isKnown), ...blackoutRows(this.#platform.overheads)], 1) > 0)
      return lacksUtilisation(core.chargePpb, load, 1);
    // The quick verdict is about all of them, soft ones too; the others are made of responses anyway.
    const quick = this.#platform.scheduler === 'edf' && rows.length === core.periodic.length;
    const test = coreTest(set, this.#platform);
    const verdict = quick ? test.verdict(rows.map((_, index) => index)) : undefined;
    if (verdict === true) return undefined;
    const { exceededAtUs } = test;
    const tooMuch = verdict === false && !core.soft && load.hard && exceededAtUs !== undefined;
    const why = tooMuch ? `more than ${exceededAtUs} µs of work can be due within ${exceededAtUs} µs` : TOO_LONG;
    return this.#firstUnmet(core, load, why);
  }

  complete(core: Core): void {
    // Elsewhere the verdict was made of them.
    if (this.#platform.scheduler !== 'edf') return;
    // Where the answer is known to hold and takes too long to find exactly, the deadline bounds it.
    for (const [load, response] of this.#hardResponses(core))
      core.responses.set(load.name, response.ok ? response.value.responseUs : load.deadlineUs);
  }

  #firstUnmet(core: Core, unpacked: Load, otherwise: string): Refusal | undefined {
    let unproven: Refusal | undefined;
    const found: [string, number][] = [];
    for (const [load, response] of this.#hardResponses(core)) {
      if (response.ok) found.push([load.name, response.value.responseUs]);
      else if (response.error.kind !== 'deadline-missed') {
        unproven ??= notProven(load, unpacked, this.#coreCount, otherwise);
      } else if (this.#platform.scheduler === 'rr') {
        unproven ??= notProven(load, unpacked, this.#coreCount, 'a bound, not exact', response.error.responseUsMin);
      } else {
        return late(load, unpacked, this.#coreCount, response.error.responseUsMin);
      }
    }
    if (unproven === undefined) for (const [name, responseUs] of found) core.responses.set(name, responseUs);
    return unproven;
  }

  *#hardResponses(core: Core) {
    const { rows, set } = this.#rowsOf(core);
    const responseOf = coreTest(set, this.#platform).responses(
      rows.map((_, index) => index),
      { terms: TERMS_MAX },
    );
    const known = core.periodic.filter(isKnown);
    for (let at = 0; at < known.length; at++) {
      const load = known[at] as Load;
      if (load.hard) yield [load, responseOf(at)] as const;
    }
  }

  /** Why nothing can be said, whatever the numbers: a job of unknown length that is not interrupted. */
  #endless(core: Core): string | undefined {
    if (this.#platform.preemptive) return undefined;
    const unknown = [...core.periodic, ...core.background].find(({ wcetUs, room }) => wcetUs <= 0 && room !== true);
    // And the way out: what runs below a bound of nothing but its fuel may hold a hard task up for as long.
    return unknown === undefined
      ? undefined
      : `${unknown.name} has no wcetUs and is not interrupted; give it a wcet, or keep the two apart (affinity: apart)`;
  }

  /** First the tasks with a period, in the core's order, then what else delays them. */
  #rowsOf(core: Core): { readonly rows: readonly RealtimeTask[]; readonly set: LoadedSet } {
    const { scheduler, preemptive, sliceUs = SLICE_US } = this.#platform;
    const rows: RealtimeTask[] = core.periodic.filter(isKnown).map(withDeadline);
    const others = [...core.background, ...core.periodic.filter((one) => !isKnown(one))].filter(({ room }) => room !== true);
    for (const { wcetUs } of others) {
      // In every round; or once, for one job; or never.
      if (scheduler === 'rr')
        rows.push({ wcetUs: Math.max(1, wcetUs, sliceUs), periodUs: 1, deadlineUs: TIME_US_MAX, priority: 0 });
      else if (!preemptive)
        rows.push({ wcetUs, periodUs: TIME_US_MAX, deadlineUs: TIME_US_MAX, priority: Number.MIN_SAFE_INTEGER });
    }
    return { rows, set: loadedSet(rows, this.#platform) };
  }
}

const isKnown = ({ wcetUs }: Load): boolean => wcetUs > 0;

/** A task without a deadline has its period for one: a scheduler by deadlines needs some. */
const withDeadline = (load: Load): RealtimeTask => {
  const { wcetUs, periodUs, deadlineUs, priority, jitterUs = 0 } = load;
  const task = { wcetUs, periodUs, deadlineUs: deadlineUs > 0 ? deadlineUs : periodUs, priority };
  return jitterUs === 0 ? task : { ...task, jitterUs };
};

const sentence = (refusal: TestRefusal, loads: readonly Load[]): string =>
  sentenceOfRefusal(refusal, (index) => loads[index]?.name ?? 'a task');

// ——— all cores together ———

function together(sorted: readonly Load[], platform: Platform): Result<Room, Refusal> {
  const { cores } = platform;
  const all = emptyCore();
  const soft = sorted.some((load) => !load.hard);
  for (const load of sorted) {
    const tooMuch = load.chargePpb > PPB || all.chargePpb + load.chargePpb > cores * PPB;
    if (soft && tooMuch) return err(lacksUtilisation(all.chargePpb, load, cores));
    (load.periodUs <= 0 ? all.background : all.periodic).push(load);
    all.chargePpb += load.chargePpb;
  }
  all.soft = soft;
  const hard = sorted.find((load) => load.hard);
  if (hard === undefined) return ok({ cores: [all], test: 'utilisation' });
  const known = all.periodic.filter(isKnown);
  const analysis = analyseLoaded(loadedSet(known.map(withDeadline), platform), platform);
  if (analysis.schedulable === true) {
    known.forEach(({ name, hard: isHard, deadlineUs }, at) => {
      if (isHard) all.responses.set(name, analysis.tasks[at]?.responseUs ?? deadlineUs);
    });
    return ok({ cores: [all], test: analysis.test });
  }
  const { refusal } = analysis;
  const last = sorted.at(-1) ?? hard;
  if (refusal?.kind === 'overloaded') return err(lacksUtilisation(all.chargePpb - last.chargePpb, last, cores));
  const named =
    (refusal !== undefined && 'index' in refusal && refusal.index !== undefined ? known[refusal.index] : undefined) ?? hard;
  if (refusal?.kind === 'deadline-missed') return err(late(named, last, cores, refusal.responseUs));
  const why = refusal === undefined ? TOO_LONG : refusal.kind === 'not-proven' ? analysis.test : sentence(refusal, known);
  return err(notProven(named, last, cores, why));
}

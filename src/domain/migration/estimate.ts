/**
 * What moving a running task would cost, before anything is touched. One unit throughout: *late jobs*, the number of jobs, of this task
 * and of others, that are expected to miss their deadline or to wait because of it.
 *
 *   during        jobs of the task itself that fall into the blackout and have no slack to bear it
 *   transfer      at the source: jobs released there while states are captured and given away, that find their core busy
 *   disturbance   at the target: the same, while the state is taken in and the program is started; and while it keeps up with its task, which
 *                 runs at the source all the same, jobs there that find their core busy with its
 *   gain          late jobs that staying would bring and moving avoids, by whoever predicts: failures that are foreseen, and how the task
 *                 would do there (`performance/late-work.ts`); below 0 where it would do worse; 0 where nobody predicts
 *   total         during + transfer + disturbance − gain
 *
 * Blackouts by mode, S the state's bytes, d its dirty bytes a second, b bytes moved a second, w the switch with nothing to move, f the same
 * where the target has kept up (from the word to it until its marker stands: until then the source runs on):
 *
 *   live, followed  f                 nobody stands still, and there is no last difference
 *   live            w + last / b      where the target does not keep up; last: what a round leaves dirty, after at most ROUNDS_MAX rounds
 *   stop-and-copy   w + S / b
 *   cold            w + S / b + the work since the last durable checkpoint again
 *
 * The mode is a followed one, where the deadlines bear its blackout; else the cheapest of those that they bear; where none is borne, the one with the shortest. Whether they do is the
 * exact test's word: the target's, with all that runs there, and what arrives during the blackout released when it ends (`admit.ts`).
 *
 * Whoever keeps up may turn out not to. What that would be (`otherwise`) is part of the estimate: where it is borne too, it is what the
 * target's bridge is asked to admit, and where it is not, the move is given up rather than that the source stands still (`mustFollow`).
 *
 * Among places whose costs differ by less than a late job's half the score of the placement decides: prices are estimates.
 */
import { PAGE_BYTES } from '../model/checkpoint.ts';
import type { Mac, TaskName } from '../model/ids.ts';
import type { PredictedPerformance } from '../performance/late-work.ts';
import type { Decision } from '../placement/evidence.ts';
import type { TaskAhead } from '../proposal/tasks-ahead.ts';

export type MigrationMode = 'live' | 'stop-and-copy' | 'cold';

/** Rounds of copying while the task runs; what has not become small by then will not. */
export const ROUNDS_MAX = 4;
/** A last difference of so much is moved within the noise of the switch itself. */
export const SMALL_BYTES = 32 * PAGE_BYTES;

/** What is known of the task as it runs. */
export interface MigrationFacts {
  readonly periodUs: number;
  /** 0: none. */
  readonly deadlineUs: number;
  readonly wcetUs: number;
  readonly jobsPerSecond: number;
  readonly stateBytes: number;
  readonly dirtyBytesPerSecond: number;
  /** Between two checkpoints that are durable. */
  readonly checkpointUs: number;
}

/** What was measured of migrations before. */
export interface MigrationSpeed {
  readonly bytesPerSecond: number;
  readonly switchUs: number;
  /** Where the target has kept up; and how long it took until it did. */
  readonly followedUs: number;
  readonly keepUpUs: number;
}

/** How busy an ECU is: what extra work there delays. */
export interface EcuBusyness {
  readonly jobsPerSecond: number;
  /** Of all its cores, 0 … 1. */
  readonly utilisation: number;
}

export interface MigrationCost {
  readonly during: number;
  readonly transfer: number;
  readonly disturbance: number;
  readonly gain: number;
  readonly total: number;
}

export interface ModeEstimate {
  readonly mode: MigrationMode;
  readonly blackoutUs: number;
  readonly bytes: number;
  readonly cost: MigrationCost;
  /** Every hard deadline at the target is kept through the blackout, and the task's own. */
  readonly bearable: boolean;
  /** What the exact test found that does not keep its deadline. */
  readonly broken?: string | undefined;
  /** The target keeps up with it while it runs. */
  readonly followed?: boolean | undefined;
  /** Live, but not followed: why. */
  readonly standsStillFor?: string | undefined;
  /** Followed: what it is if the target does not keep up after all. */
  readonly otherwise?: Pick<ModeEstimate, 'blackoutUs' | 'cost' | 'bearable' | 'broken'> | undefined;
}

export interface CandidateEstimate {
  readonly mac: Mac;
  readonly incarnation: number;
  readonly score: number;
  readonly mode: MigrationMode;
  readonly modes: readonly ModeEstimate[];
  readonly cost: MigrationCost;
  readonly blackoutUs: number;
  readonly bearable: boolean;
  /** Standing still would be too dear: rather than that it stays. */
  readonly mustFollow?: boolean | undefined;
  /** How it would do there; absent: nobody can say. */
  readonly performance?: PredictedPerformance | undefined;
  /** Upper decile of the load there with it, by what the series of tasks foretell; absent: they say nothing. */
  readonly loadAfter?: number | undefined;
  /** Why nothing goes there of its own accord; absent: nothing speaks against it. */
  readonly shunned?: string | undefined;
}

/** Kept in the migration's journal, and given to whoever asks with a dry run. */
export interface MigrationEstimate {
  readonly task: TaskName;
  readonly epoch: number;
  readonly from: Mac;
  /** Those that could take it, the best first. */
  readonly candidates: readonly CandidateEstimate[];
  /** The first of them that is not too dear; undefined: it stays. */
  readonly chosen: CandidateEstimate | undefined;
  /** Why it stays. */
  readonly reason: string | undefined;
  readonly costMax: number | undefined;
  readonly facts: MigrationFacts;
  readonly speed: MigrationSpeed;
  /** Who says what staying costs; absent: nobody, and the gain is 0. */
  readonly predictedBy: string | undefined;
  /** How it does where it is, by whoever predicts; absent: nobody can say. */
  readonly performanceHere?: PredictedPerformance | undefined;
  /** What its own series foretell of its load, in cores; absent: nothing that is to be believed. */
  readonly ahead?: (TaskAhead & { readonly horizonS: number }) | undefined;
  /** All candidates with their tests, also those that were refused. */
  readonly decision: Decision | undefined;
}

export interface EstimatedCandidate {
  readonly mac: Mac;
  readonly incarnation: number;
  readonly score: number;
  /** Worst response of the task there, by the exact test; undefined: not hard. */
  readonly responseUs: number | undefined;
  readonly busy: EcuBusyness;
  /** Bytes of the state that are there already. */
  readonly bytesAtHand: number;
  /** Why it would not keep up with the task; absent: it would. */
  readonly notFollowed?: string | undefined;
  /** The target's exact test with that blackout: undefined when it passes. Absent: the task's own slack alone decides. */
  readonly brokenBy?: (blackoutUs: number) => string | undefined;
  readonly performance?: PredictedPerformance | undefined;
  readonly loadAfter?: number | undefined;
  readonly shunned?: string | undefined;
}

export function estimateCandidate(
  candidate: EstimatedCandidate,
  about: {
    readonly facts: MigrationFacts;
    readonly speed: MigrationSpeed;
    readonly source: EcuBusyness;
    readonly gain: number;
    /** Undefined: the cheapest that is borne. */
    readonly mode: MigrationMode | undefined;
  },
): CandidateEstimate {
  const { mac, incarnation, score } = candidate;
  const modes = MODES.filter((mode) => about.mode === undefined || mode === about.mode).map((mode) =>
    estimateMode(mode, candidate, about),
  );
  const borne = modes.filter(({ bearable }) => bearable);
  const best = borne.length > 0 ? cheapest(borne) : least(modes, ({ blackoutUs }) => blackoutUs);
  const { mode, cost, blackoutUs, bearable } = best;
  const { performance, loadAfter, shunned } = candidate;
  const told = {
    ...(performance === undefined ? {} : { performance }),
    ...(loadAfter === undefined ? {} : { loadAfter }),
    ...(shunned === undefined ? {} : { shunned }),
  };
  return { mac, incarnation, score, mode, modes, cost, blackoutUs, bearable, ...told };
}

/** Late jobs below which two costs are the same. */
const SAME_COST = 0.5;

/** One in which nobody stands still; where there is none, the one that costs least. Figures of single moves differ by more than such modes do. */
function cheapest(borne: readonly ModeEstimate[]): ModeEstimate {
  return borne.find(({ followed }) => followed === true) ?? least(borne, ({ cost }) => cost.total);
}

/** The best first: those that cost as little as the cheapest in the order in which they come, then the others. */
export function byCost<One extends { readonly cost: Pick<MigrationCost, 'total'>; readonly score: number }>(
  candidates: readonly One[],
): readonly One[] {
  const cheapest = Math.min(...candidates.map(({ cost }) => cost.total));
  const isCheap = ({ cost }: One): boolean => cost.total <= cheapest + SAME_COST;
  const dear = candidates.filter((one) => !isCheap(one)).sort((a, b) => a.cost.total - b.cost.total || b.score - a.score);
  return [...candidates.filter(isCheap), ...dear];
}

/** The silence that the target's bridge is to admit: the longest of those that may come of it and are borne. Undefined: none is asked about. */
export function silenceToAdmit({ modes, mode, bearable, blackoutUs }: CandidateEstimate): number | undefined {
  if (!bearable) return undefined;
  const otherwise = modes.find((one) => one.mode === mode)?.otherwise;
  return otherwise?.bearable === true ? Math.max(blackoutUs, otherwise.blackoutUs) : blackoutUs;
}

const MODES: readonly MigrationMode[] = ['live', 'stop-and-copy', 'cold'];

function estimateMode(
  mode: MigrationMode,
  candidate: EstimatedCandidate,
  about: Parameters<typeof estimateCandidate>[1],
): ModeEstimate {
  const { facts, speed } = about;
  const { bytesPerSecond, switchUs, followedUs, keepUpUs } = speed;
  const firstBytes = Math.max(0, facts.stateBytes - candidate.bytesAtHand);
  const { lastBytes, movedBytes } =
    mode === 'live' ? copied(firstBytes, facts, speed) : { lastBytes: firstBytes, movedBytes: firstBytes };
  const replayUs =
    mode === 'cold' ? Math.min(facts.checkpointUs, (facts.checkpointUs / 1e6) * facts.jobsPerSecond * facts.wcetUs) : 0;
  const blackoutUs = Math.round(switchUs + secondsFor(lastBytes, bytesPerSecond) * 1e6 + replayUs);
  const standing = priced({ mode, blackoutUs, movedBytes, startUs: switchUs, followUs: 0 }, candidate, about);
  if (mode !== 'live') return standing;
  if (candidate.notFollowed !== undefined) return { ...standing, standsStillFor: candidate.notFollowed };
  const way = { mode, blackoutUs: followedUs, movedBytes: movedBytes - lastBytes, startUs: followedUs, followUs: keepUpUs };
  const { mode: _, bytes: __, ...otherwise } = standing;
  return { ...priced(way, candidate, about), followed: true, otherwise };
}

/** `startUs`: of work for the switch itself; `followUs`: in which the target runs the task's jobs too. */
function priced(
  way: Pick<ModeEstimate, 'mode' | 'blackoutUs'> & {
    readonly movedBytes: number;
    readonly startUs: number;
    readonly followUs: number;
  },
  { responseUs, busy, brokenBy }: EstimatedCandidate,
  { facts, speed, source, gain }: Parameters<typeof estimateCandidate>[1],
): ModeEstimate {
  const { mode, blackoutUs, movedBytes, startUs, followUs } = way;
  const { deadlineUs, periodUs, jobsPerSecond, wcetUs } = facts;
  const slackUs = deadlineUs === 0 ? periodUs : Math.max(0, deadlineUs - (responseUs ?? wcetUs));
  const during = lateDuring(blackoutUs, slackUs, facts);
  const movedSeconds = secondsFor(movedBytes, speed.bytesPerSecond);
  // A cold one is served by managers: the source gives nothing away.
  const transfer = delayed(mode === 'cold' ? 0 : movedSeconds, source);
  const carried = delayed(followUs / 1e6, { jobsPerSecond: busy.jobsPerSecond, utilisation: (jobsPerSecond * wcetUs) / 1e6 });
  const disturbance = delayed(movedSeconds + startUs / 1e6, busy) + carried;
  const cost = { during, transfer, disturbance, gain, total: during + transfer + disturbance - gain };
  const broken = brokenBy?.(blackoutUs);
  const bearable = (deadlineUs === 0 || blackoutUs <= slackUs) && broken === undefined;
  return { mode, blackoutUs, bytes: Math.round(movedBytes), cost, bearable, ...(broken === undefined ? {} : { broken }) };
}

/** Round by round: what was dirtied while the round before was on its way. */
function copied(
  firstBytes: number,
  { stateBytes, dirtyBytesPerSecond }: MigrationFacts,
  { bytesPerSecond }: MigrationSpeed,
): { readonly lastBytes: number; readonly movedBytes: number } {
  let round = firstBytes;
  let movedBytes = round;
  for (let rounds = 1; rounds < ROUNDS_MAX && round > SMALL_BYTES; rounds++) {
    round = Math.min(stateBytes, dirtyBytesPerSecond * secondsFor(round, bytesPerSecond));
    movedBytes += round;
  }
  const lastBytes = Math.min(stateBytes, dirtyBytesPerSecond * secondsFor(round, bytesPerSecond));
  return { lastBytes, movedBytes: movedBytes + lastBytes };
}

/** Jobs that are due in the blackout, but for what the slack bears. */
function lateDuring(blackoutUs: number, slackUs: number, { periodUs, jobsPerSecond }: MigrationFacts): number {
  if (periodUs > 0) return Math.max(0, blackoutUs - slackUs) / periodUs;
  return (blackoutUs / 1e6) * jobsPerSecond;
}

/** Jobs released in that time that find their core busy with what was there anyway. */
const delayed = (seconds: number, { jobsPerSecond, utilisation }: EcuBusyness): number =>
  seconds * jobsPerSecond * Math.min(1, utilisation);

const secondsFor = (bytes: number, bytesPerSecond: number): number => bytes / Math.max(1, bytesPerSecond);

function least<T>(items: readonly T[], value: (item: T) => number): T {
  return items.reduce((best, item) => (value(item) < value(best) ? item : best));
}

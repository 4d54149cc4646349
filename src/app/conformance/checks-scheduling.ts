/**
 * What a bridge says of its scheduling is what the admission of hard deadlines is tested for, at the manager too: so it has to be so.
 *
 * Seen from outside: tasks of middling urgency are kept busy with inputs that take their time; then the least urgent task gets an input, and,
 * once that stands in the stream, the most urgent one. Both wait behind a job that runs. The most urgent one has to come before the least urgent
 * one, and that one after most of the jobs that waited. First come first served would let it pass after one job of each task. One round says
 * little (a core may have been idle for a moment), most of several rounds do. (A program that knows no input that takes its time shows nothing.)
 */
import type { EcuDescription } from '../../domain/model/ecu.ts';
import type { StreamMessage } from '../../ports/bus.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { textOf } from './judge-outputs.ts';
import { NotHere, promised } from './promised.ts';
import { openTrial, type Trial } from './trial.ts';

/** Tasks that share one core: the least urgent, the most urgent, and those between that keep it busy. */
const SHARING = 7;
const CORES_MAX = 4;
/** Ticks are not what is looked at; only a task with a period has a deadline. */
const PERIOD_US = 3_600_000_000;
/** Between two jobs of one task its inputs and outputs travel. A job that takes longer than that leaves no gap in which all tasks have nothing to do. */
const JOB_US = 50_000;
const TRAVELS = 3;
/** Counted up one by one. */
const FIRST_COUNT = 200_000;
const COUNT_MAX = 50_000_000;
const FUEL_PER_COUNT = 100;
const JOBS_TIMED = 4;
const INPUTS_AHEAD = 4;
const ROUNDS_TO_WIN = 4;

export const SCHEDULING_CHECKS: readonly Check[] = [
  {
    group: 'scheduling',
    name: 'most-urgent-first',
    promise:
      'Of the tasks that wait for a core, the one goes first that is more urgent by the declared scheduler: the larger priority, or the earlier deadline.',
    look: async (bench) => {
      const tasks = tasksThatShare(bench.parts.description);
      const trials: Trial[] = [];
      try {
        for (let rank = 0; rank < tasks; rank++) trials.push(await openRanked(bench, rank));
        await mostUrgentFirst(bench, await sharing(bench, trials));
      } finally {
        for (const trial of trials) await trial.end();
      }
    },
  },
];

interface Sharing {
  readonly least: Trial;
  readonly others: readonly Trial[];
  readonly most: Trial;
}

/** So many tasks that SHARING of them are on one core, wherever each comes to. */
function tasksThatShare({ cores, scheduling }: EcuDescription): number {
  if (scheduling === undefined) throw new NotHere('this bridge says nothing of its scheduling');
  const { scheduler, global = false, bound = false } = scheduling;
  if (scheduler !== 'fp' && scheduler !== 'edf') throw new NotHere('its scheduler is not one that goes by urgency');
  if (cores > CORES_MAX) throw new NotHere(`${cores} cores are too many to keep busy`);
  if (cores > 1 && (global || !bound)) throw new NotHere('it does not say which tasks share a core');
  return cores === 1 ? SHARING : cores * (SHARING - 1) + 1;
}

/** The larger the rank, the more urgent, by priority and by deadline. */
async function openRanked(bench: Bench, rank: number): Promise<Trial> {
  const deadlineUs = Math.round(60_000_000 / 2 ** rank);
  const trial = await openTrial(bench, {
    periodUs: PERIOD_US,
    spec: { priority: 10 + rank, deadlineUs, fuelPerJob: COUNT_MAX * FUEL_PER_COUNT },
  });
  await trial.run();
  return trial;
}

/** Those of the fullest core, the least urgent first. */
async function sharing(bench: Bench, trials: readonly Trial[]): Promise<readonly Trial[]> {
  const { tasks } = await bench.load();
  const coreOf = new Map(tasks.map(({ task, core = 0 }) => [task, core]));
  const byCore = new Map<number, Trial[]>();
  for (const trial of trials) {
    const core = coreOf.get(trial.task) ?? 0;
    byCore.set(core, [...(byCore.get(core) ?? []), trial]);
  }
  const [fullest = []] = [...byCore.values()].sort((a, b) => b.length - a.length);
  return fullest;
}

async function mostUrgentFirst(bench: Bench, trials: readonly Trial[]): Promise<void> {
  const [least, ...others] = trials;
  const most = others.pop();
  promised(least !== undefined && most !== undefined && others.length > 0, 'tasks that share a core', trials.length);
  const input = await inputThatTakes(bench, others[0] as Trial);
  let won = 0;
  for (let round = 1; won < ROUNDS_TO_WIN; round++) {
    promised(round < 2 * ROUNDS_TO_WIN, 'the most urgent task to go first in most rounds', `${won} of ${round - 1}`);
    if (await inOrder(bench, { least, others, most }, input)) won++;
  }
}

/** One round: did the most urgent task go before the least urgent one, and that one after most of the jobs that waited? */
async function inOrder(bench: Bench, { least, others, most }: Sharing, input: string): Promise<boolean> {
  const atFirst = others.map(({ counted }) => counted.length);
  await Promise.all(others.map((busy) => topUp(busy, input)));
  await least.feed(1);
  await most.feed(1);
  const last = await lastOutput(bench, least);
  const first = await lastOutput(bench, most);
  for (const busy of others) await lastOutput(bench, busy);
  const waited = others.flatMap(({ counted }, at) => counted.slice(atFirst[at]));
  const passed = waited.filter(({ atUs }) => atUs < last.atUs);
  return first.atUs < last.atUs && 2 * passed.length > waited.length;
}

/**
 * A number that takes this bridge long enough to count up: several times as long as an input and an output travel, which is measured with jobs that
 * take no time. (On a busy machine they travel for longer than a job of JOB_US, and every core would be idle again and again.)
 */
async function inputThatTakes(bench: Bench, trial: Trial): Promise<string> {
  const travelUs = await timed(bench, trial, '1');
  for (let count = FIRST_COUNT; ; count = Math.min(COUNT_MAX, 4 * count)) {
    const before = lastCount(trial);
    const jobUs = (await timed(bench, trial, `${count}x`)) - travelUs;
    if (lastCount(trial) - before < count) throw new NotHere('its program does not count up one by one');
    if (jobUs < travelUs && count < COUNT_MAX) continue;
    const wantedUs = Math.max(JOB_US, TRAVELS * travelUs);
    return `${Math.min(COUNT_MAX, Math.round((count * wantedUs) / Math.max(1, jobUs)))}x`;
  }
}

/** Between two outputs, where inputs wait. */
async function timed(bench: Bench, trial: Trial, input: string): Promise<number> {
  for (let job = 0; job <= JOBS_TIMED; job++) await trial.feedText(input);
  const last = await lastOutput(bench, trial);
  const first = trial.counted.at(-1 - JOBS_TIMED) as StreamMessage;
  return (last.atUs - first.atUs) / JOBS_TIMED;
}

const lastCount = ({ counted }: Trial): number => {
  const last = counted.at(-1);
  return last === undefined ? 0 : Number(textOf(last));
};

async function topUp(busy: Trial, input: string): Promise<void> {
  for (let waiting = 0; waiting < INPUTS_AHEAD; waiting++) await busy.feedText(input);
}

/** The output of the last input that the suite appended. */
const lastOutput = (bench: Bench, trial: Trial): Promise<StreamMessage> =>
  bench.eventually(`an output of ${trial.task}`, () => trial.counted[trial.fed - 1]);

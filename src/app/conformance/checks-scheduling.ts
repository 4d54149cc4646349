/**
 * What a bridge says of its scheduling is what the admission of hard deadlines is tested for, at the manager too: so it has to be so.
 *
 * Seen from outside: tasks of middling urgency are kept busy with inputs that take their time; then the least urgent task gets an input, and,
 * once that stands in the stream, the most urgent one. Both wait behind a job that runs. Whose output is first? One round says little (the core
 * may have been idle for a moment), most of several rounds do. (A program that knows no input that takes its time shows nothing.)
 */
import type { EcuDescription } from '../../domain/model/ecu.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { NotHere, promised } from './promised.ts';
import { openTrial, type Trial } from './trial.ts';

/** Tasks that share one core: the least urgent, the most urgent, and those between that keep it busy. */
const SHARING = 7;
const CORES_MAX = 4;
/** Ticks are not what is looked at; only a task with a period has a deadline. */
const PERIOD_US = 3_600_000_000;
/** Counted up one by one: a millisecond or more, and much longer than it takes to be sent. */
const LONG_INPUT = '400000x';
const INPUTS_AHEAD = 8;
const ROUNDS_TO_WIN = 5;

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
  const trial = await openTrial(bench, { periodUs: PERIOD_US, spec: { priority: 10 + rank, deadlineUs } });
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
  await showsSlowJobs(bench, others[0] as Trial);
  let won = 0;
  for (let round = 1; won < ROUNDS_TO_WIN; round++) {
    promised(round < 2 * ROUNDS_TO_WIN, 'the most urgent task to go first in most rounds', `${won} of ${round - 1}`);
    await Promise.all(others.map((busy) => topUp(busy)));
    const before = [least, most].map(({ counted }) => counted.length);
    await least.feed(1);
    await most.feed(1);
    const [last, first] = await Promise.all([least, most].map((trial, at) => outputAfter(bench, trial, before[at] ?? 0)));
    if (first !== undefined && last !== undefined && first.atUs < last.atUs) won++;
  }
}

async function showsSlowJobs(bench: Bench, trial: Trial): Promise<void> {
  const before = trial.counted.length;
  await trial.feedText(LONG_INPUT);
  await bench.eventually('an output for a number that is counted up', () => trial.counted[before]);
  const counts = trial.counted.map(({ payload }) => Number(new TextDecoder().decode(payload)));
  if (Math.max(...counts) < Number.parseInt(LONG_INPUT, 10)) throw new NotHere('its program does not count up one by one');
}

/** So that it has work for some time, and no more than that. */
async function topUp(busy: Trial): Promise<void> {
  for (let waiting = busy.fed - busy.counted.length; waiting < INPUTS_AHEAD; waiting++) await busy.feedText(LONG_INPUT);
}

const outputAfter = (bench: Bench, trial: Trial, count: number) =>
  bench.eventually(`an output of ${trial.task}`, () => trial.counted[count]);

/** `drover simulate --fleet`: a user's own fleet and tasks, and what is left of them when ECUs are lost or anything happens. */
import { availableParallelism } from 'node:os';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { loadFleetFile } from '../fleet-file.ts';
import { type FleetTask, loadFleetTasks } from '../fleet-tasks.ts';
import { playLosses, playSeeds, type SeedRange } from '../simulation/crew.ts';
import { playLoss } from '../simulation/loss-trial.ts';
import { lossesOf, type OwnFleet, ownFleetOf, withoutTasks } from '../simulation/own-fleet.ts';
import { type OwnReport, OwnTally } from '../simulation/own-report.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { table } from './table.ts';

export interface FleetFlags {
  readonly fleet: string;
  readonly task: readonly string[];
  readonly lose?: number;
  readonly lost?: readonly string[];
  readonly trials: number;
  readonly mustSurvive: readonly string[];
  readonly managersOnEcus?: boolean;
  readonly seed?: number;
  readonly seeds?: SeedRange;
  readonly duration?: number;
  readonly workers?: number;
  readonly json?: boolean;
  readonly commit: () => Promise<string>;
  readonly progress: (total: number, what: string) => (done: number, failed: number) => void;
}

const SEED = 1;

export async function simulateFleet(flags: FleetFlags): Promise<void> {
  const beganMs = performance.now();
  const asked = await ownFleet(flags);
  const tally = new OwnTally(asked);
  const seed = flags.seed ?? SEED;
  const baseline = await playLoss(asked, { lost: [], seed });
  tally.addBaseline(baseline);
  const homeless = new Set([...baseline.shed, ...baseline.down].map(({ task }) => task));
  const own = withoutTasks(asked, homeless);
  const question =
    flags.seeds !== undefined ? await anything(own, flags.seeds, flags, tally) : await losses(own, seed, flags, tally);
  const report = tally.report();
  const wallSeconds = Math.round((performance.now() - beganMs) / 100) / 10;
  if (flags.json === true) {
    const result = { fleet: flags.fleet, ...question, ...report, wallSeconds, commit: await flags.commit() };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else process.stdout.write(tell(report, { question, again: againOf(flags), wallSeconds, commit: await flags.commit() }));
  if (!report.survives) throw new QuietExit(EXIT_FAILED);
}

async function ownFleet(flags: FleetFlags): Promise<OwnFleet> {
  const plan = await loadFleetFile(flags.fleet);
  const more = flags.task.map((path) => ({ path, name: undefined, count: 1, mustSurvive: false }));
  const tasks = await loadFleetTasks([...plan.tasks, ...more]);
  if (tasks.length === 0)
    throw new DroverError('ERR_USAGE', `${flags.fleet} names no tasks: add \`tasks:\` to it, or give task files with --task`);
  const named = flags.mustSurvive;
  const unknown = named.find((name) => name !== 'all' && !tasks.some((task) => task.name === name));
  if (unknown !== undefined)
    throw new DroverError(
      'ERR_USAGE',
      `--must-survive ${unknown}: there is no such task; there are ${tasks.map(({ name }) => name).join(', ')} (or all)`,
    );
  const mustSurvive = ({ name, mustSurvive: said }: FleetTask): boolean =>
    said || named.includes('all') || named.includes(name);
  return ownFleetOf(plan, tasks, { managersOnEcus: flags.managersOnEcus === true, mustSurvive });
}

interface Question {
  readonly lose?: number;
  readonly possible?: number;
  readonly seeds?: SeedRange;
}

async function losses(own: OwnFleet, seed: number, flags: FleetFlags, tally: OwnTally): Promise<Question> {
  const { lose = 1, trials: most } = flags;
  const chosen =
    flags.lost === undefined ? lossesOf(own, lose, { most, seed }) : { losses: [macsOf(own, flags.lost)], possible: 1 };
  const trials = chosen.losses.map((lost) => ({ lost, seed }));
  const show = flags.progress(trials.length, 'losses');
  let done = 0;
  const workers = flags.workers ?? availableParallelism();
  const onOutcome = (outcome: Awaited<ReturnType<typeof playLoss>>): void => {
    tally.addLoss(outcome);
    show(++done, tally.failed);
  };
  await playLosses({ own, trials, workers, onOutcome });
  return { lose: flags.lost?.length ?? lose, possible: chosen.possible };
}

async function anything(own: OwnFleet, seeds: SeedRange, flags: FleetFlags, tally: OwnTally): Promise<Question> {
  const show = flags.progress(seeds.last - seeds.first + 1, 'seeds');
  let done = 0;
  const { duration, workers = availableParallelism() } = flags;
  await playSeeds({
    seeds,
    options: { own, ...(duration === undefined ? {} : { faultsUs: duration * 1_000_000 }) },
    workers,
    goesOn: () => true,
    onVerdict: (verdict) => {
      tally.addSeed(verdict);
      show(++done, tally.failed);
    },
  });
  return { seeds };
}

function macsOf({ ecus }: OwnFleet, names: readonly string[]): Mac[] {
  return names.map((name) => {
    const ecu = ecus.find((one) => one.name === name || one.mac === name.replaceAll(':', ''));
    if (ecu !== undefined) return ecu.mac;
    throw new DroverError('ERR_NO_ECU', `there is no ECU ${name}; there are ${ecus.map((one) => one.name).join(', ')}`);
  });
}

// ——— for people ———

const TOLD_MAX = 10;

interface Telling {
  readonly question: Question;
  readonly again: string;
  readonly wallSeconds: number;
  readonly commit: string;
}

function tell(report: OwnReport, { question, again, wallSeconds, commit }: Telling): string {
  const { ecus, managers, trials, tasks, deadlines, downtimeMs, losses: lost, broken, neverPlaced, simulatedSeconds } = report;
  const { lose, possible, seeds } = question;
  const what =
    seeds !== undefined
      ? `${trials} lives with random faults (seeds ${seeds.first}..${seeds.last})`
      : `${trials}${possible === trials ? '' : ` of ${possible}`} ways to lose ${lose === 1 ? 'one ECU' : `up to ${lose} ECUs`}`;
  const head = seeds === undefined ? HEAD : HEAD.slice(0, -3);
  const rows = tasks.map((task) => {
    const { n, p50, p99, max } = task.downtimeMs;
    const times = n === 0 ? ['-', '-', '-'] : [p50, p99, max].map(String);
    const row = [
      task.task,
      level(task.criticality),
      task.mustSurvive ? 'yes' : '',
      String(task.failovers),
      ...times,
      String(task.lostTimes),
    ];
    return seeds === undefined ? [...row, String(task.due), String(task.late), String(task.skipped)] : row;
  });
  const mustNot = [...lost, ...neverPlaced].filter(({ mustSurvive }) => mustSurvive).length;
  const verdict = report.survives
    ? 'survives: every promise was kept, and whatever must survive did'
    : `does not survive: ${[
        ...(broken.length > 0 ? [`${broken.length} times a promise was broken`] : []),
        ...(mustNot > 0 ? [`${mustNot} times a task was lost that must survive`] : []),
      ].join(', ')}`;
  return [
    `${ecus} ECUs, ${managers} managers, ${tasks.length} tasks; ${what}`,
    '',
    table(head, rows),
    `${report.failovers} failovers; down for ${downtimeMs.p50} ms (p50), ${downtimeMs.p99} ms (p99), ${downtimeMs.max} ms (max)`,
    `${deadlines.due} ticks due: ${deadlines.late} done after their deadline, ${deadlines.skipped} while their task was down`,
    ...neverPlaced.map(({ task, reason }) => `${task} finds no place even with every ECU: ${reason}`),
    ...some(
      [...lost].sort((a, b) => Number(b.mustSurvive) - Number(a.mustSurvive)),
      ({ task, how, lost: gone, reason, mustSurvive }) =>
        `${task}${mustSurvive ? ' (must survive)' : ''} is ${how} without ${gone.join(' and ')}: ${reason}`,
    ),
    ...some(broken, ({ lost: gone, seed, kind, sentence, sequence }, at) => {
      const how =
        seeds === undefined ? `--seed ${seed}${gone.length > 0 ? ` --lost ${gone.join(' ')}` : ''}` : `--seeds ${seed}`;
      const last = at === 0 ? sequence.map((line) => `  ${line}\n`).join('') : '';
      return `${kind}, at commit ${commit}: ${sentence}\n${last}  again: ${again} ${how}`;
    }),
    verdict,
    `${simulatedSeconds} s simulated in ${wallSeconds} s`,
    '',
  ].join('\n');
}

const HEAD = ['task', 'level', 'must survive', 'failovers', 'p50 ms', 'p99 ms', 'max ms', 'lost', 'due', 'late', 'skipped'];
const level = (criticality: number): string => ['QM', 'A', 'B', 'C', 'D'][criticality] ?? String(criticality);

function some<T>(all: readonly T[], line: (one: T, at: number) => string): string[] {
  const left = all.length - TOLD_MAX;
  return [...all.slice(0, TOLD_MAX).map(line), ...(left > 0 ? [`… and ${left} more (--json has them all)`] : [])];
}

const againOf = ({ fleet, task, managersOnEcus }: FleetFlags): string =>
  [
    './drover simulate --fleet',
    fleet,
    ...task.map((path) => `--task ${path}`),
    ...(managersOnEcus === true ? ['--managers-on-ecus'] : []),
  ].join(' ');

/** `drover simulate`: whole fleets in a simulated world, each from one seed; the same seed is the same life, to the last message. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { PLANTS, type Plant } from '../../ports/plants.ts';
import type { SeedRange } from '../simulation/crew.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { collect, wholeNumber } from './numbers.ts';

interface SimulateFlags {
  readonly seed?: number;
  readonly seeds?: SeedRange;
  readonly plant?: Plant;
  readonly ecus?: number;
  readonly tasks?: number;
  readonly managers?: number;
  readonly duration?: number;
  readonly workers?: number;
  readonly story?: boolean;
  readonly fleet?: string;
  readonly task: readonly string[];
  readonly lose?: number;
  readonly lost?: readonly string[];
  readonly trials: number;
  readonly mustSurvive: readonly string[];
  readonly managersOnEcus?: boolean;
  readonly json?: boolean;
}

const SEED_MAX = 2 ** 32 - 1;
/** Enough for every bug that is worth planting. */
const PLANT_SEEDS: SeedRange = { first: 1, last: 200 };
const SOME_SEEDS: SeedRange = { first: 1, last: 20 };
const LOSE_MAX = 4;
const TRIALS_MAX = 1_000;

export function registerSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('play whole fleets in a simulated world, with faults drawn from a seed, and hold every promise against them')
    .option('--seed <n>', 'play this seed and tell everything it drew, suffered and came to', wholeNumber(0, SEED_MAX))
    .addOption(
      new Option('--seeds <a..b>', 'play these seeds on all cores (default: 1..20)').argParser(seedRange).conflicts('seed'),
    )
    .addOption(new Option('--plant <name>', 'put in one known bug and find it (default seeds: 1..200)').choices(PLANTS))
    .option('--ecus <n>', 'ECUs (default: drawn)', wholeNumber(2, 64))
    .option('--tasks <n>', 'tasks (default: drawn)', wholeNumber(1, 200))
    .option('--managers <n>', 'checkpoint managers (default: drawn)', wholeNumber(1, 7))
    .option('--duration <seconds>', 'how long the faults last, in simulated time (default: drawn)', wholeNumber(1, 3600))
    .option('--workers <n>', 'seeds played at a time (default: one per core)', wholeNumber(1, 256))
    .addOption(
      new Option('--fleet <file>', 'play your own fleet and tasks: the fleet file of `drover up`').conflicts([
        'plant',
        'ecus',
        'tasks',
        'managers',
      ]),
    )
    .option('--task <path>', 'with --fleet: one more task, a task.yaml or its folder (may be given again)', collect, [])
    .addOption(
      new Option('--lose <n>', 'with --fleet: lose every set of up to n ECUs, for good (default: 1)')
        .argParser(wholeNumber(1, LOSE_MAX))
        .conflicts('seeds'),
    )
    .option('--lost <ecu...>', 'with --fleet: lose these ECUs, and no others')
    .option('--trials <n>', 'with --fleet: no more losses than that; of more, a sample', wholeNumber(1, 100_000), TRIALS_MAX)
    .option('--must-survive <task...>', 'with --fleet: fail where one of these (or: all) is lost', [])
    .option('--managers-on-ecus', 'with --fleet: manager 1 runs on ECU 1, and so on, and is lost with it (default: apart)')
    .option('--story', 'with a failure, also the state of everything and the last lines of every log')
    .option('--json', 'print the result only, as one JSON object')
    .action(simulate);
  withExamples(command, [
    { does: 'Play one life, and read what it suffered', line: 'drover simulate --seed 7' },
    { does: 'Play a hundred lives on all cores', line: 'drover simulate --seeds 1..100' },
    { does: 'Is a known bug found? After how many seeds?', line: 'drover simulate --plant append-blindly' },
    { does: 'A larger fleet, and longer weather', line: 'drover simulate --seeds 1..10 --ecus 8 --tasks 30 --duration 10' },
    {
      does: 'Would my fleet survive the loss of any two ECUs?',
      line: 'drover simulate --fleet examples/fleets/tasks.yaml --lose 2',
    },
    {
      does: 'And a hundred lives with faults of all kinds?',
      line: 'drover simulate --fleet examples/fleets/tasks.yaml --seeds 1..100',
    },
    { does: 'For scripts', line: 'drover simulate --seeds 1..50 --json | jq .violations' },
  ]).addHelpText(
    'after',
    '\nExit code: 0 when every promise was kept (with --plant: when the bug was found; with --fleet: and no task was lost that must survive), 1 otherwise. A failing seed fails again.',
  );
}

function seedRange(text: string): SeedRange {
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && first <= last && last <= SEED_MAX) return { first, last };
  throw new InvalidArgumentError('Give two whole numbers, the smaller first: 1..100.');
}

async function simulate(flags: SimulateFlags): Promise<void> {
  const { fleet } = flags;
  if (fleet !== undefined) {
    const { simulateFleet } = await import('./simulate-fleet.ts');
    return simulateFleet({ ...flags, fleet, commit, progress });
  }
  const useless = (['lose', 'lost', 'managersOnEcus'] as const).find((name) => flags[name] !== undefined);
  if (useless !== undefined || flags.task.length > 0 || flags.mustSurvive.length > 0)
    throw new DroverError('ERR_USAGE', 'that is asked of your own fleet: give its file with --fleet');
  if (flags.seed !== undefined) return one(flags, flags.seed);
  if (flags.plant !== undefined) return hunt(flags, flags.plant);
  return many(flags);
}

const sizeOf = ({ ecus, tasks, managers, duration, plant }: SimulateFlags) => ({
  ...(ecus === undefined ? {} : { ecus }),
  ...(tasks === undefined ? {} : { tasks }),
  ...(managers === undefined ? {} : { managers }),
  ...(duration === undefined ? {} : { faultsUs: duration * 1_000_000 }),
  ...(plant === undefined ? {} : { plant }),
});

// ——— one seed ———

async function one(flags: SimulateFlags, seed: number): Promise<void> {
  const [{ judgeSeed }, { tellSeed }] = await Promise.all([
    import('../simulation/judge-seed.ts'),
    import('../simulation/tell-seeds.ts'),
  ]);
  const verdict = await judgeSeed(seed, sizeOf(flags));
  const { failure } = verdict;
  if (flags.json === true) print({ ...verdict, commit: await commit(), found: failure !== undefined });
  else process.stdout.write(tellSeed(verdict));
  if (failure !== undefined && flags.json !== true) process.stdout.write(await storyOf({ ...verdict, failure }, flags));
  // A planted bug is there to be found.
  if ((failure !== undefined) !== (flags.plant !== undefined)) throw new QuietExit(EXIT_FAILED);
}

// ——— many seeds ———

/** Failures told in full; of the others the sum says the seed. */
const TOLD_MAX = 3;

async function many(flags: SimulateFlags): Promise<void> {
  const seeds = flags.seeds ?? SOME_SEEDS;
  const { tally, wallSeconds } = await playAll(flags, seeds, () => true);
  const { tellSum } = await import('../simulation/tell-seeds.ts');
  const sum = tally.sum(seeds, wallSeconds);
  if (flags.json === true) print({ ...sum, commit: await commit() });
  else {
    for (const failed of tally.failures().slice(0, TOLD_MAX)) process.stdout.write(await storyOf(failed, flags));
    process.stdout.write(tellSum(sum));
  }
  if (sum.failed.length > 0) throw new QuietExit(EXIT_FAILED);
}

async function hunt(flags: SimulateFlags, plant: Plant): Promise<void> {
  const seeds = flags.seeds ?? PLANT_SEEDS;
  const { tally, wallSeconds } = await playAll(flags, seeds, (_, found) => !found);
  const [first] = tally.failures();
  const afterSeeds = first === undefined ? undefined : first.outcome.seed - seeds.first + 1;
  if (flags.json === true) {
    const { kind, sentence } = first?.failure ?? {};
    print({
      plant,
      found: first !== undefined,
      seed: first?.outcome.seed,
      afterSeeds,
      kind,
      sentence,
      wallSeconds,
      commit: await commit(),
    });
  } else if (first === undefined) {
    process.stdout.write(`${plant} was not found in the seeds ${seeds.first}..${seeds.last}\n`);
  } else {
    process.stdout.write(await storyOf(first, flags));
    process.stdout.write(`${plant} was found after ${afterSeeds} ${afterSeeds === 1 ? 'seed' : 'seeds'}\n`);
  }
  if (first === undefined) throw new QuietExit(EXIT_FAILED);
}

async function playAll(flags: SimulateFlags, seeds: SeedRange, goesOn: (seed: number, failed: boolean) => boolean) {
  const [{ playSeeds }, { SeedsTally }, { availableParallelism }] = await Promise.all([
    import('../simulation/crew.ts'),
    import('../simulation/tell-seeds.ts'),
    import('node:os'),
  ]);
  const tally = new SeedsTally();
  const show = progress(seeds.last - seeds.first + 1, 'seeds');
  const beganMs = performance.now();
  await playSeeds({
    seeds,
    options: sizeOf(flags),
    workers: flags.workers ?? availableParallelism(),
    goesOn: (seed) => goesOn(seed, tally.failures().length > 0),
    onVerdict: (verdict) => {
      tally.add(verdict);
      show(tally.count, tally.failures().length);
    },
  });
  return { tally, wallSeconds: Math.round((performance.now() - beganMs) / 100) / 10 };
}

/** One line that is written over on a terminal; now and then a line elsewhere. */
function progress(total: number, what: string): (done: number, failed: number) => void {
  const terminal = process.stderr.isTTY === true;
  const every = terminal ? 1 : Math.max(10, Math.ceil(total / 10));
  return (done, failed) => {
    if (done % every !== 0 && done !== total) return;
    const line = `${done} of ${total} ${what}, ${failed} failed`;
    process.stderr.write(terminal ? `\r${line}${done === total ? '\n' : ''}` : `${line}\n`);
  };
}

// ——— failures ———

type Failed = import('../simulation/tell-seeds.ts').FailureStory['verdict'];

async function storyOf(verdict: Failed, flags: SimulateFlags): Promise<string> {
  const [{ shrink }, { tellFailure }] = await Promise.all([
    import('../simulation/judge-seed.ts'),
    import('../simulation/tell-seeds.ts'),
  ]);
  const shortest = await shrink(verdict, sizeOf(flags));
  const again = ['./drover simulate --seed', verdict.outcome.seed, ...givenAgain(flags)].join(' ');
  const told = tellFailure({ verdict, commit: await commit(), plant: flags.plant, shortest, again });
  return flags.story === true ? `${told}${(shortest.failure ?? verdict.failure).story.join('\n')}\n` : told;
}

const givenAgain = (flags: SimulateFlags): string[] =>
  (['ecus', 'tasks', 'managers', 'duration', 'plant'] as const).flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name} ${flags[name]}`],
  );

async function commit(): Promise<string> {
  const [{ execFile }, { promisify }, { projectRoot }] = await Promise.all([
    import('node:child_process'),
    import('node:util'),
    import('../project-root.ts'),
  ]);
  try {
    const { stdout } = await promisify(execFile)('git', ['describe', '--always', '--dirty'], { cwd: projectRoot() });
    return stdout.trim();
  } catch {
    return 'unknown'; // an installed package is no checkout
  }
}

const print = (result: unknown): void => {
  process.stdout.write(`${JSON.stringify(result)}\n`);
};

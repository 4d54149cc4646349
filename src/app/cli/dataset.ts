/** `drover dataset`: task sets with the answer beside them, for learning and for whoever studies schedulability. */
import { type Command, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { DrawSpec } from '../../domain/realtime/draw/task-sets.ts';
import { DEADLINE_METHODS, PERIOD_METHODS, UTILISATION_METHODS } from '../../domain/realtime/draw/task-sets.ts';
import type { Generated } from '../learn/generate-dataset.ts';
import { POLICIES, type Policy } from '../realtime/policies.ts';
import { type BrokerFlags, brokerOf, withBrokerOptions } from './broker-options.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { type Range, range, wholeNumber } from './numbers.ts';
import { progressLine } from './progress.ts';
import { interruption } from './with-client.ts';

interface GenerateFlags extends BrokerFlags {
  readonly kind: 'fp' | 'grown';
  readonly sets?: number;
  readonly tasks?: Range;
  readonly utilisation?: Range;
  readonly utilisations: DrawSpec['utilisations'];
  readonly periods: DrawSpec['periods'];
  readonly periodUs?: Range;
  readonly deadlines?: DrawSpec['deadlines'];
  readonly perSize?: number;
  readonly seed: number;
  readonly label: 'analysis' | 'simulation' | 'run';
  readonly policy: Policy;
  readonly ecus: number;
  readonly cores: number;
  readonly attempts: number;
  readonly traces?: number;
  readonly out: string;
  readonly json?: boolean;
}

/** What is drawn where nothing is said. With the first, half of the sets are schedulable by the analysis. */
const DRAWN = {
  analysis: {
    sets: 10_000,
    tasks: { least: 3, most: 20 },
    utilisation: { least: 0.43, most: 1 },
    periodUs: { least: 1_000, most: 1_000_000 },
    deadlines: 'constrained',
  },
  simulation: {
    sets: 10_000,
    tasks: { least: 3, most: 20 },
    utilisation: { least: 0.5, most: 1.2 },
    periodUs: { least: 1_000, most: 1_000_000 },
    deadlines: 'constrained',
  },
  run: {
    sets: 200,
    tasks: { least: 1, most: 5 },
    utilisation: { least: 0.2, most: 1.2 },
    periodUs: { least: 20_000, most: 160_000 },
    deadlines: 'implicit',
  },
} as const;
/** Longest periods of a set. */
const SIMULATED_PERIODS = 20;
/** A tick goes through the server and back. */
const RUN_PERIOD_US_LEAST = 10_000;
const SEED_MAX = 2 ** 32 - 1;

export function registerDataset(program: Command): void {
  const dataset = program.command('dataset').description('draw task sets, label them, and keep them as Arrow files');
  const generate = dataset
    .command('generate')
    .description(
      'draw task sets from a seed and label them, by the exact analysis, by simulating or by running them; given again, it goes on where it was interrupted',
    )
    .addOption(
      new Option('--kind <kind>', 'fp: random sets for fixed priorities; grown: made larger from good ones, with kinds of work')
        .choices(['fp', 'grown'])
        .default('fp'),
    )
    .option('--sets <n>', 'how many (default: 10000; run: 200)', wholeNumber(1, 10_000_000))
    .option('--tasks <a..b>', 'tasks of a set (default: 3..20; grown, or run: up to 5)', range(1, 32, { whole: true }))
    .option(
      '--utilisation <a..b>',
      'of a set, uniform (default: 0.43..1, which makes half of the sets schedulable; simulation: 0.5..1.2; run: 0.2..1.2)',
      range(0.001, 32, { whole: false }),
    )
    .addOption(
      new Option('--utilisations <how>', 'how it is split among tasks')
        .choices(UTILISATION_METHODS)
        .default('uunifast-discard'),
    )
    .addOption(new Option('--periods <how>', 'how periods are drawn').choices(PERIOD_METHODS).default('log-uniform'))
    .option(
      '--period-us <a..b>',
      'for log-uniform periods (default: 1000..1000000; run: 20000..160000)',
      range(10, 60_000_000, { whole: true }),
    )
    .addOption(
      new Option(
        '--deadlines <how>',
        'up to the period, at it, or up to twice it (default: constrained; run: implicit)',
      ).choices(DEADLINE_METHODS),
    )
    .option('--per-size <n>', 'grown: candidates of each size before the next (default: 200; run: 10)', wholeNumber(2, 100_000))
    .option('--seed <n>', 'the same seed gives the same bytes', wholeNumber(0, SEED_MAX), 1)
    .addOption(
      new Option(
        '--label <how>',
        'where the answer comes from: the exact analysis, simulating, or running each set on a bridge',
      )
        .choices(['analysis', 'simulation', 'run'])
        .default('analysis'),
    )
    .addOption(new Option('--policy <name>', 'simulation: who runs first').choices(POLICIES).default('fp'))
    .option(
      '--traces <n>',
      'simulation: keep what became of the first n jobs of each task, which is then what the label is about',
      wholeNumber(1, 64),
    )
    .option('--ecus <n>', 'run: bridges to start for it, each with a set at a time', wholeNumber(1, 64), 1)
    .option('--cores <n>', 'run: lanes of each of these bridges; simulation: cores', wholeNumber(1, 64), 1)
    .option('--attempts <n>', 'run: a set whose run others disturbed is run again, so often at most', wholeNumber(1, 100), 6)
    .requiredOption('--out <file>', 'the Arrow file to write')
    .option('--json', 'print one JSON object at the end')
    .action(generateSets);
  withBrokerOptions(generate);
  withExamples(dataset, [
    { does: 'Ten thousand sets, each with its label', line: 'drover dataset generate --sets 10000 --out sets.arrow' },
  ]);
  withExamples(generate, [
    {
      does: 'Half schedulable, half not: what the yes/no networks learn from',
      line: 'drover dataset generate --sets 100000 --out sets.arrow',
    },
    {
      does: 'Automotive periods',
      line: 'drover dataset generate --periods automotive --sets 10000 --seed 2 --out automotive.arrow',
    },
    {
      does: 'Grown from good sets, one to five tasks of four kinds',
      line: 'drover dataset generate --kind grown --sets 20000 --out grown.arrow',
    },
    {
      does: 'Labelled by simulating, for a policy without an exact analysis',
      line: 'drover dataset generate --label simulation --policy gedf --cores 4 --tasks 8..20 --utilisation 2..4 --out gedf.arrow',
    },
    {
      does: 'With what became of ten jobs of each task, without pre-emption: what a twin of traces learns from',
      line: 'drover dataset generate --label simulation --policy npfp --traces 10 --tasks 2..8 --sets 2000 --out traces.arrow',
    },
    {
      does: 'Run for real: 200 grown sets on a bridge that is started for it',
      line: 'drover dataset generate --label run --kind grown --sets 200 --out runs.arrow',
    },
    {
      does: 'On the ECUs of a running fleet that were started with --measuring',
      line: 'drover dataset generate --label run --kind grown --sets 200 --data .drover/fleet --out runs.arrow',
    },
  ]).addHelpText(
    'after',
    `
The columns are described in docs/FORMATS.md; any Arrow reader opens the file. Sets that are run need bridges: those of the fleet that --data or
--nats names, else --ecus of our own, started for it and stopped again (docs/DATASETS.md).`,
  );
}

async function generateSets(flags: GenerateFlags, command: Command): Promise<void> {
  const asked = interruption();
  const stop = new AbortController();
  void asked.done.then(() => stop.abort());
  const { label, out } = flags;
  if (flags.traces !== undefined && label !== 'simulation')
    throw new DroverError(
      'ERR_USAGE',
      `--traces is about sets that are simulated (--label simulation); ${label === 'run' ? 'runs always keep their jobs' : 'an analysis has no jobs'}`,
    );
  const sets = flags.sets ?? DRAWN[label].sets;
  const progress = { sets, onProgress: progressLine(sets, 'sets'), signal: stop.signal };
  const result = await (label === 'run' ? generateRuns(flags, progress, command) : generateComputed(flags, progress));
  const share = result.sets === 0 ? 0 : Math.round((1000 * result.schedulable) / result.sets) / 1000;
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ out, ...result, schedulableShare: share })}\n`);
  else if (result.finished || result.bytes > 0)
    process.stdout.write(
      `${out}: ${result.sets} sets, ${Math.round(share * 1000) / 10} % schedulable, ${result.bytes} bytes\n`,
    );
  if (result.finished) return;
  process.stderr.write(`interrupted after ${result.sets} of ${sets} sets; the same command goes on from here\n`);
  throw new QuietExit(EXIT_FAILED);
}

interface Progress {
  readonly sets: number;
  readonly onProgress: (setsDone: number, more?: string) => void;
  readonly signal: AbortSignal;
}

function drawOf(flags: GenerateFlags): DrawSpec {
  const { utilisations, periods } = flags;
  const drawn = DRAWN[flags.label];
  return {
    tasks: flags.tasks ?? drawn.tasks,
    utilisation: flags.utilisation ?? drawn.utilisation,
    utilisations,
    periods,
    periodUs: flags.periodUs ?? drawn.periodUs,
    deadlines: flags.deadlines ?? drawn.deadlines,
  };
}

const simulatedOf = ({ policy, cores, traces }: GenerateFlags) => ({
  ...{ policy, cores, periods: SIMULATED_PERIODS },
  ...(traces === undefined ? {} : { traces }),
});

async function generateComputed(flags: GenerateFlags, progress: Progress): Promise<Generated> {
  const [{ generateDataset }, { GROW_DEFAULTS }] = await Promise.all([
    import('../learn/generate-dataset.ts'),
    import('../../domain/realtime/draw/grow.ts'),
  ]);
  const { kind, seed, out } = flags;
  const { sets, onProgress, signal } = progress;
  const labelled =
    flags.label === 'simulation'
      ? ({ label: 'simulation', simulated: simulatedOf(flags) } as const)
      : ({ label: 'analysis' } as const);
  const grow = {
    ...GROW_DEFAULTS,
    sizeMost: flags.tasks?.most ?? GROW_DEFAULTS.sizeMost,
    perSize: flags.perSize ?? GROW_DEFAULTS.perSize,
  };
  const spec =
    kind === 'fp'
      ? ({ ...labelled, seed, sets, kind, draw: drawOf(flags) } as const)
      : ({ ...labelled, seed, sets, kind, grow } as const);
  return generateDataset({ spec, out, onProgress, signal });
}

async function generateRuns(flags: GenerateFlags, progress: Progress, command: Command): Promise<Generated> {
  const [{ runDataset }, { RUN_GROW }, { startMeasuringFleet, joinMeasuringFleet }] = await Promise.all([
    import('../runs/run-dataset.ts'),
    import('../../domain/realtime/runs/candidates.ts'),
    import('../runs/measuring-fleet.ts'),
  ]);
  const { sets, onProgress, signal } = progress;
  const { seed, out, ecus, cores } = flags;
  const joins = flags.nats !== undefined || command.getOptionValueSource('data') === 'cli';
  const draw = drawOf(flags);
  const tooShort = draw.periods !== 'log-uniform' || draw.periodUs.least < RUN_PERIOD_US_LEAST;
  if (flags.kind === 'fp' && (tooShort || draw.deadlines === 'arbitrary')) {
    throw new DroverError(
      'ERR_USAGE',
      `sets that are run have log-uniform periods of ${RUN_PERIOD_US_LEAST} µs at least, and deadlines up to the period`,
    );
  }
  const grow = { ...RUN_GROW, sizeMost: flags.tasks?.most ?? RUN_GROW.sizeMost, perSize: flags.perSize ?? RUN_GROW.perSize };
  const source = flags.kind === 'fp' ? ({ kind: 'fp', draw } as const) : ({ kind: 'grown', grow } as const);
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  return runDataset({
    spec: { label: 'run', seed, sets, ...(joins ? {} : { cores }), ...source },
    out,
    attemptsMost: flags.attempts,
    onProgress,
    say,
    signal,
    openFleet: async () => (joins ? joinMeasuringFleet(await brokerOf(flags)) : startMeasuringFleet({ ecus, cores, say })),
  });
}

/** `drover dataset`: task sets with the answer beside them, for learning and for whoever studies schedulability. */
import { type Command, Option } from 'commander';
import type { DrawSpec } from '../../domain/realtime/draw/task-sets.ts';
import { DEADLINE_METHODS, PERIOD_METHODS, UTILISATION_METHODS } from '../../domain/realtime/draw/task-sets.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { type Range, range, wholeNumber } from './numbers.ts';
import { progressLine } from './progress.ts';
import { interruption } from './with-client.ts';

interface GenerateFlags {
  readonly kind: 'fp' | 'grown';
  readonly sets: number;
  readonly tasks?: Range;
  readonly utilisation: Range;
  readonly utilisations: DrawSpec['utilisations'];
  readonly periods: DrawSpec['periods'];
  readonly periodUs: Range;
  readonly deadlines: DrawSpec['deadlines'];
  readonly perSize: number;
  readonly seed: number;
  readonly label: 'analysis';
  readonly out: string;
  readonly json?: boolean;
}

/** With constrained deadlines and 3 to 20 tasks, half of the sets are then schedulable. */
const BALANCED: Range = { least: 0.43, most: 1 };
const TASKS: Range = { least: 3, most: 20 };
const SEED_MAX = 2 ** 32 - 1;

export function registerDataset(program: Command): void {
  const dataset = program.command('dataset').description('draw task sets, label them, and keep them as Arrow files');
  const generate = dataset
    .command('generate')
    .description(
      'draw task sets from a seed and label them by the exact analysis; given again, it goes on where it was interrupted',
    )
    .addOption(
      new Option('--kind <kind>', 'fp: random sets for fixed priorities; grown: made larger from good ones, with kinds of work')
        .choices(['fp', 'grown'])
        .default('fp'),
    )
    .option('--sets <n>', 'how many', wholeNumber(1, 10_000_000), 10_000)
    .option('--tasks <a..b>', 'tasks of a set (default: 3..20; grown: up to 5)', range(1, 32, { whole: true }))
    .option(
      '--utilisation <a..b>',
      'of a set, uniform; the default makes half of the sets schedulable',
      range(0.001, 32, { whole: false }),
      BALANCED,
    )
    .addOption(
      new Option('--utilisations <how>', 'how it is split among tasks')
        .choices(UTILISATION_METHODS)
        .default('uunifast-discard'),
    )
    .addOption(new Option('--periods <how>', 'how periods are drawn').choices(PERIOD_METHODS).default('log-uniform'))
    .option('--period-us <a..b>', 'for log-uniform periods', range(10, 60_000_000, { whole: true }), {
      least: 1_000,
      most: 1_000_000,
    })
    .addOption(
      new Option('--deadlines <how>', 'up to the period, at it, or up to twice it')
        .choices(DEADLINE_METHODS)
        .default('constrained'),
    )
    .option('--per-size <n>', 'grown: candidates of each size before the next', wholeNumber(2, 100_000), 200)
    .option('--seed <n>', 'the same seed gives the same bytes', wholeNumber(0, SEED_MAX), 1)
    .addOption(new Option('--label <how>', 'where the answer comes from').choices(['analysis']).default('analysis'))
    .requiredOption('--out <file>', 'the Arrow file to write')
    .option('--json', 'print one JSON object at the end')
    .action(generateSets);
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
  ]).addHelpText('after', '\nThe columns are described in docs/FORMATS.md; any Arrow reader opens the file.');
}

async function generateSets(flags: GenerateFlags): Promise<void> {
  const [{ generateDataset }, { GROW_DEFAULTS }] = await Promise.all([
    import('../learn/generate-dataset.ts'),
    import('../../domain/realtime/draw/grow.ts'),
  ]);
  const { kind, sets, seed, label, out, utilisation, utilisations, periods, periodUs, deadlines } = flags;
  const draw: DrawSpec = { tasks: flags.tasks ?? TASKS, utilisation, utilisations, periods, periodUs, deadlines };
  const grow = { ...GROW_DEFAULTS, sizeMost: flags.tasks?.most ?? GROW_DEFAULTS.sizeMost, perSize: flags.perSize };
  const asked = interruption();
  const stop = new AbortController();
  void asked.done.then(() => stop.abort());
  const result = await generateDataset({
    spec: kind === 'fp' ? { label, seed, sets, kind, draw } : { label, seed, sets, kind, grow },
    out,
    onProgress: progressLine(sets, 'sets'),
    signal: stop.signal,
  });
  const share = result.sets === 0 ? 0 : Math.round((1000 * result.schedulable) / result.sets) / 1000;
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ out, ...result, schedulableShare: share })}\n`);
  else if (result.finished)
    process.stdout.write(
      `${out}: ${result.sets} sets, ${Math.round(share * 1000) / 10} % schedulable, ${result.bytes} bytes\n`,
    );
  if (result.finished) return;
  process.stderr.write(`interrupted after ${result.sets} of ${sets} sets; the same command goes on from here\n`);
  throw new QuietExit(EXIT_FAILED);
}

/** `drover hazard twin`: a generator of rare situations, kept only where it beats a bootstrap; `drover hazard simulate`: units to try it on. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { SizeSummary, TwinTrial } from '../hazard/evaluate-twin.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { positiveNumber, wholeNumber } from './numbers.ts';
import { progressLine } from './progress.ts';
import { interruption } from './with-client.ts';

const SEED_MAX = 2 ** 32 - 1;
const BACKEND_CHOICES = ['auto', 'tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] as const;

export function registerHazardTwin(hazard: Command): void {
  const twin = hazard
    .command('twin')
    .description('a generator of run-ups to failures, where few were seen; kept only where it beats a bootstrap');
  registerTrain(twin);
  registerDraw(twin);
  registerEvaluate(twin);
  withExamples(twin, [
    { does: 'Learn one, and whether it is worth having', line: 'drover hazard twin train --data units.csv --out rare.model' },
    {
      does: 'Where it would help, and where it would not',
      line: 'drover hazard twin evaluate --data units.csv --sizes 5,10,20',
    },
  ]);
  registerSimulate(hazard);
}

interface TableFlags {
  readonly data: string;
  readonly unit: string;
  readonly time: string;
  readonly outcome?: string;
  readonly horizon: number;
  readonly draws: number;
  readonly steps?: number;
  readonly backend: (typeof BACKEND_CHOICES)[number];
  readonly json?: boolean;
}

const withTable = (command: Command): Command =>
  command
    .requiredOption('--data <file>', 'CSV with a head line: one row a unit and time')
    .option('--unit <column>', 'what tells units apart', 'unit')
    .option('--time <column>', 'when, in numbers', 'cycle')
    .option('--outcome <column>', '1 where a unit failed at its last row, 0 where it lived on (default: all failed)')
    .option('--horizon <time>', 'within which time to failure, in the unit of the time column', positiveNumber, 30)
    .option('--draws <n>', 'units that are drawn beside the real ones when it is judged', wholeNumber(4, 1000), 20)
    .option('--steps <n>', 'of the training of a generator (default: 200)', wholeNumber(1, 100_000))
    .addOption(
      new Option('--backend <name>', 'of TensorFlow.js; auto takes the fastest that is installed and works')
        .choices(BACKEND_CHOICES)
        .default('auto'),
    );

/** What both commands that train need, and how they end when they are interrupted. */
async function training({ horizon, draws, steps, backend, ...roles }: TableFlags, what: string) {
  const { readFleet } = await import('../hazard/twin-files.ts');
  const { fleet, notes } = await readFleet(roles.data, roles);
  const stop = new AbortController();
  void interruption().done.then(() => stop.abort());
  const failed = fleet.units.filter((unit) => unit.failed).length;
  process.stderr.write(
    `${roles.data}: ${fleet.units.length} units (${failed} failed), ${fleet.columns.length} sensors; training begins\n`,
  );
  let show: ReturnType<typeof progressLine> | undefined;
  const options = {
    ...{ horizon, draws, steps, signal: stop.signal },
    alarm: { rows: 3, earliest: 2 * horizon, latest: horizon / 6 },
    trainer: async () => {
      const { createTrainer } = await import('../../../infra/tensorflow/train.ts');
      return backend === 'auto' ? createTrainer() : createTrainer([backend]);
    },
    onProgress: (done: number, total: number, more: string) => {
      show ??= progressLine(total, what);
      show(done, more);
    },
  };
  return { fleet, notes, options };
}

function interrupted(): never {
  process.stderr.write('interrupted: nothing was written\n');
  throw new QuietExit(EXIT_FAILED);
}

// ——— train ———

interface TrainFlags extends TableFlags {
  readonly out: string;
  readonly seed: number;
}

function registerTrain(twin: Command): void {
  const train = withTable(
    twin.command('train').description('learn a generator of run-ups, and judge it on units held back: is it kept?'),
  )
    .requiredOption(
      '--out <file>',
      'the model to write, with the scores it was judged by; nothing is drawn from one that is not kept',
    )
    .option('--seed <n>', 'the same seed, table and backend give the same file', wholeNumber(0, SEED_MAX), 1)
    .option('--json', 'print one JSON object')
    .action(trainOne);
  withExamples(train, [
    {
      does: 'Engines that ran to failure',
      line: 'drover hazard twin train --data engines.csv --unit unit --time cycle --horizon 30 --out rare.model',
    },
    {
      does: 'Simulated ECUs whose cooling fails',
      line: 'drover hazard simulate --profile heating --units 8 --out hot.csv && drover hazard twin train --data hot.csv --time second --outcome failed --out rare.model',
    },
  ]).addHelpText(
    'after',
    `
kept: the mean Brier score of hazards that also learned from its units is below that of hazards that learned from a bootstrap's, and of hazards
that learned from the real units alone, by more than a standard error. All scores are of units that neither generator nor hazard had seen.`,
  );
}

async function trainOne(flags: TrainFlags): Promise<void> {
  const { trainTwin } = await import('../hazard/train-twin.ts');
  const { writeModel } = await import('../learn/files.ts');
  const { fleet, notes, options } = await training(flags, 'steps');
  const beganMs = performance.now();
  const trained = await trainTwin(fleet, { columns: fleet.columns, units: [] }, { ...options, seed: flags.seed });
  if (trained === undefined) return interrupted();
  const { model, verdict } = trained;
  const bytes = await writeModel(flags.out, model);
  const seconds = Math.round((performance.now() - beganMs) / 100) / 10;
  const { sets: units, backend, seed } = model.trained;
  const result = { out: flags.out, ...verdict, units, columns: fleet.columns, backend, seed, bytes, seconds, notes };
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { brier, overReal, overBootstrap } = verdict;
  const gain = ({ mean, standardError }: typeof overReal): string =>
    `${mean >= 0 ? 'better' : 'worse'} by ${Math.abs(mean).toFixed(4)} ± ${standardError.toFixed(4)}`;
  const lines = [
    `${flags.out}: ${units} run-ups of ${fleet.columns.length} sensors, ${backend}, ${seconds} s, ${bytes} bytes`,
    `Brier score on units held back: ${brier.real.toFixed(4)} learned from the real ones alone, ${brier.bootstrap.toFixed(4)} and the bootstrap's, ${brier.generator.toFixed(4)} and the generator's`,
    `the generator is ${gain(overReal)} than the real ones alone, ${gain(overBootstrap)} than the bootstrap`,
    `kept: ${verdict.kept}${verdict.kept ? '' : ' (nothing will be drawn from it)'}`,
    ...notes.map((note) => `note: ${note}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

// ——— draw ———

interface DrawFlags {
  readonly model: string;
  readonly units: number;
  readonly out: string;
  readonly unit: string;
  readonly time: string;
  readonly outcome?: string;
  readonly seed: number;
  readonly json?: boolean;
}

function registerDraw(twin: Command): void {
  const draw = twin
    .command('draw')
    .description('draw units that run up to a failure, as a table; refused where the twin is not kept')
    .requiredOption('--model <file>', 'a twin (drover hazard twin train)')
    .requiredOption('--out <file>', 'the CSV to write')
    .option('--units <n>', 'how many', wholeNumber(1, 100_000), 20)
    .option('--unit <column>', 'name of the column that tells units apart', 'unit')
    .option('--time <column>', 'name of the column of times', 'cycle')
    .option('--outcome <column>', 'write such a column: 1 at each last row')
    .option('--seed <n>', 'the same seed gives the same table', wholeNumber(0, SEED_MAX), 1)
    .option('--json', 'print one JSON object')
    .action(drawUnits);
  withExamples(draw, [
    {
      does: 'Fifty engines that never were',
      line: 'drover hazard twin draw --model rare.model --units 50 --out synthetic.csv',
    },
  ]);
}

async function drawUnits(flags: DrawFlags): Promise<void> {
  const { drawKept, readTwin, unitsAsCsv } = await import('../hazard/twin-files.ts');
  const { writeWhole } = await import('../learn/files.ts');
  const model = await readTwin(flags.model);
  const drawn = drawKept(model, { file: flags.model, count: flags.units, seed: flags.seed });
  const bytes = new TextEncoder().encode(unitsAsCsv(drawn, { ...flags, columns: model.twin.columns }));
  await writeWhole(flags.out, bytes);
  const rows = drawn.reduce((sum, { times }) => sum + times.length, 0);
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ out: flags.out, units: drawn.length, rows, bytes: bytes.length })}\n`
      : `${flags.out}: ${drawn.length} units, ${rows} rows\n`,
  );
}

// ——— evaluate ———

interface EvaluateFlags extends TableFlags {
  readonly sizes: readonly number[];
  readonly seeds: number;
}

function registerEvaluate(twin: Command): void {
  const evaluate = withTable(
    twin
      .command('evaluate')
      .description('learn from few units drawn from a table, with and without a twin, and test on all its other units'),
  )
    .option('--sizes <a,b,…>', 'failed units that are learned from', sizes, [5, 10, 20])
    .option('--seeds <n>', 'of each size so many draws of units, each with a twin of its own', wholeNumber(1, 100), 3)
    .option('--json', 'print one JSON object')
    .action(evaluateSizes);
  withExamples(evaluate, [
    {
      does: 'Engines: from 5, 10 and 20 of them',
      line: 'drover hazard twin evaluate --data engines.csv --unit unit --time cycle --horizon 30 --sizes 5,10,20 --seeds 3',
    },
    { does: 'For a program', line: 'drover hazard twin evaluate --data engines.csv --sizes 5 --seeds 2 --json' },
  ]);
}

function sizes(text: string): readonly number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 4 && value <= 10_000) && values.length <= 16) return values;
  throw new InvalidArgumentError('Give numbers of units, at least 4 each, with commas between them: 5,10,20.');
}

async function evaluateSizes(flags: EvaluateFlags): Promise<void> {
  const { evaluateTwin } = await import('../hazard/evaluate-twin.ts');
  const { fleet, notes, options } = await training(flags, 'trials');
  const found = await evaluateTwin(fleet, { ...options, sizes: flags.sizes, seeds: flags.seeds });
  if (found === undefined) return interrupted();
  const report = { horizon: flags.horizon, draws: flags.draws, columns: fleet.columns, ...found, notes };
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : await told(report));
}

async function told({
  summaries,
  trials,
  notes,
}: {
  readonly summaries: readonly SizeSummary[];
  readonly trials: readonly TwinTrial[];
  readonly notes: readonly string[];
}): Promise<string> {
  const { table } = await import('./table.ts');
  const { TWIN_ARMS } = await import('../hazard/evaluate-twin.ts');
  const names = {
    real: 'real alone',
    bootstrap: 'real + bootstrap',
    generator: 'real + generator',
    bootstrapAlone: 'bootstrap alone',
    generatorAlone: 'generator alone',
  };
  const rows = summaries.flatMap(({ size, arms, kept, seeds, byRule }) => [
    ...TWIN_ARMS.map((arm) => {
      const { brier, auc, useful } = arms[arm];
      return [
        ...[String(size), names[arm], `${brier.mean.toFixed(4)} ± ${brier.deviation.toFixed(4)}`],
        ...[`${auc.mean.toFixed(4)} ± ${auc.deviation.toFixed(4)}`, `${(100 * useful.mean).toFixed(1)} %`],
      ];
    }),
    [
      String(size),
      `by the rule (kept ${kept} of ${seeds})`,
      `${byRule.mean.toFixed(4)} ± ${byRule.deviation.toFixed(4)}`,
      '',
      '',
    ],
  ]);
  const kept = trials.filter(({ verdict }) => verdict.kept).length;
  const lines = [
    table(['units', 'learned from', 'Brier', 'AUC', 'useful'], rows),
    `tested on the units that were not drawn; ± is the standard deviation between seeds; kept in ${kept} of ${trials.length} trials`,
    ...notes.map((note) => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

// ——— simulate ———

interface SimulateFlags {
  readonly profile: string;
  readonly units: number;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

function registerSimulate(hazard: Command): void {
  const simulate = hazard
    .command('simulate')
    .description('simulated ECUs that run until they are beyond a limit (heat, memory, wear), as a table of units')
    .option('--profile <name[,key=value…]>', 'calm, heating, overload, ageing, as in drover up --simulated-sensors', 'heating')
    .option('--units <n>', 'how many; no two are alike', wholeNumber(1, 10_000), 30)
    .requiredOption('--out <file>', 'the CSV to write: unit, second, load, watts, celsius, memory, wear, failed')
    .option('--seed <n>', 'the same seed gives the same table', wholeNumber(0, SEED_MAX), 1)
    .option('--json', 'print one JSON object')
    .action(simulateTable);
  withExamples(simulate, [
    { does: 'Forty ECUs whose cooling fails', line: 'drover hazard simulate --profile heating --units 40 --out hot.csv' },
    { does: 'Slower ageing', line: 'drover hazard simulate --profile ageing,hours=100 --out worn.csv' },
  ]);
}

async function simulateTable(flags: SimulateFlags): Promise<void> {
  const { parseSensorProfile } = await import('../../domain/metrics/sensor-profile.ts');
  const { simulateUnits } = await import('../hazard/simulate-units.ts');
  const { writeWhole } = await import('../learn/files.ts');
  const profile = parseSensorProfile(flags.profile);
  if (!profile.ok) throw new DroverError('ERR_USAGE', `--profile: ${profile.error}`);
  const { csv, ...made } = simulateUnits(profile.value, flags);
  await writeWhole(flags.out, new TextEncoder().encode(csv));
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ out: flags.out, ...made })}\n`
      : `${flags.out}: ${made.units} units, ${made.failed} failed, ${made.rows} rows\n`,
  );
}

/** `drover hazard`: how well does one see failures coming, judged on units that nothing was learned from. */
import { type Command, Option } from 'commander';
import { HAZARD_METHODS, type HazardMethod } from '../../domain/hazard/evaluate.ts';
import type { HazardReport } from '../hazard/evaluate-files.ts';
import { registerHazardTwin } from './hazard-twin.ts';
import { withExamples } from './help.ts';
import { positiveNumber, wholeNumber } from './numbers.ts';
import { progressLine } from './progress.ts';

export function registerHazard(program: Command): void {
  const hazard = program.command('hazard').description('failure probabilities: learned, calibrated and judged');
  registerEvaluate(hazard);
  registerHazardTwin(hazard);
  withExamples(hazard, [
    {
      does: 'Learn from some units that ran to failure, judge on others',
      line: 'drover hazard evaluate --train a.csv --test b.csv --unit unit --time cycle --horizon 30',
    },
  ]);
}

interface EvaluateFlags {
  readonly train: string;
  readonly test: string;
  readonly unit: string;
  readonly time: string;
  readonly outcome?: string;
  readonly horizon: number;
  readonly method: HazardMethod | 'auto';
  readonly alarmRows: number;
  readonly earliest?: number;
  readonly latest?: number;
  readonly picture?: string;
  readonly twin?: string;
  readonly twinUnits: number;
  readonly json?: boolean;
}

function registerEvaluate(hazard: Command): void {
  const evaluate = hazard
    .command('evaluate')
    .description('P(failure within the horizon): learn from the units of one file, judge on those of another')
    .requiredOption('--train <file>', 'CSV with a head line: units to learn from, one row a unit and time')
    .requiredOption('--test <file>', 'CSV with the same columns: units to judge on')
    .option('--unit <column>', 'what tells units apart', 'unit')
    .option('--time <column>', 'when, in numbers', 'cycle')
    .option('--outcome <column>', '1 where a unit failed at its last row, 0 where it lived on (default: all failed)')
    .option('--horizon <time>', 'within which time to failure, in the unit of the time column', positiveNumber, 30)
    .addOption(
      new Option('--method <name>', 'hazard: discrete-time hazard; wiener: first passage; auto: the better one in training')
        .choices(['auto', ...HAZARD_METHODS])
        .default('auto'),
    )
    .option('--alarm-rows <n>', 'rows in a row above the threshold that make an alarm', wholeNumber(1, 1_000), 3)
    .option('--earliest <time>', 'an alarm with more time left is early (default: 2 horizons)', positiveNumber)
    .option('--latest <time>', 'an alarm with less time left is a miss (default: a sixth of the horizon)', positiveNumber)
    .option('--picture <file.svg>', 'draw the reliability diagram')
    .option(
      '--twin <file>',
      'also learn from units of this twin (drover hazard twin train), and show the figures before and after',
    )
    .option('--twin-units <n>', 'how many of them', wholeNumber(1, 1_000), 20)
    .option('--json', 'print one JSON object')
    .action(evaluateFiles);
  withExamples(evaluate, [
    {
      does: 'Engines, thirty cycles ahead',
      line: 'drover hazard evaluate --train units1-40.csv --test units41-60.csv --unit unit --time cycle --horizon 30',
    },
    {
      does: 'The same for a program, with the reliability diagram',
      line: 'drover hazard evaluate --train a.csv --test b.csv --picture reliability.svg --json',
    },
    {
      does: 'Fans of which some still run',
      line: 'drover hazard evaluate --train a.csv --test b.csv --unit fan --time hours --outcome failed --horizon 100',
    },
    {
      does: 'Few engines, and a twin of their run-ups',
      line: 'drover hazard evaluate --train few.csv --test others.csv --horizon 30 --twin rare.model',
    },
  ]).addHelpText(
    'after',
    `
Whatever is chosen (ridge, calibration, threshold) is chosen on the training units. useful, early and missed are shares of the
failed test units: an alarm between --earliest and --latest before the failure is useful. docs/HAZARD.md says what is behind it.`,
  );
}

async function evaluateFiles(flags: EvaluateFlags): Promise<void> {
  const { evaluateUnitFiles } = await import('../hazard/evaluate-files.ts');
  let show: ReturnType<typeof progressLine> | undefined;
  const report = await evaluateUnitFiles({
    ...flags,
    method: flags.method === 'auto' ? undefined : flags.method,
    onStep: (done, total) => {
      show ??= progressLine(total, 'steps');
      show(done);
    },
  });
  if (flags.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(await told(report));
}

async function told(report: HazardReport): Promise<string> {
  const { table } = await import('./table.ts');
  const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const { twin } = report;
  const shown = [
    ...report.methods.map((one) => ({ one, name: `${one.method}${one.method === report.method ? ' *' : ''}` })),
    ...(twin === undefined ? [] : [{ one: twin.after, name: `hazard, ${twin.units} units of the twin besides` }]),
  ];
  const rows = shown.map(({ one, name }) => [
    name,
    one.auc.toFixed(4),
    one.brier.toFixed(4),
    one.calibrationError.toFixed(4),
    ...[one.useful, one.early, one.missed].map(share),
    one.leadMedian === null ? '-' : one.leadMedian.toString(),
    one.threshold.toFixed(3),
    one.calibration,
  ]);
  const head = [
    'method',
    'AUC',
    'Brier',
    'calib. error',
    'useful',
    'early',
    'missed',
    'median lead',
    'threshold',
    'calibration',
  ];
  const { units, n, baseRate, brierOfBaseRate } = report;
  const lines = [
    table(head, rows),
    `${n} rows of ${units.test} units (${units.testFailed} failed), learned from ${units.train} (${units.trainFailed} failed);`,
    `${share(baseRate)} of the rows fail within ${report.horizon}; saying so every time has a Brier score of ${brierOfBaseRate.toFixed(4)}`,
    table(
      ['said', 'rows', 'mean said', 'happened'],
      report.reliability
        .filter(({ count }) => count > 0)
        .map(({ from, to, count, predicted, observed }) => [
          `${from.toFixed(1)} – ${to.toFixed(1)}`,
          String(count),
          predicted.toFixed(3),
          observed.toFixed(3),
        ]),
    ),
    ...report.notes.map((note) => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

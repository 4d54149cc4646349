/** `drover forecast`: what is forecast of a running fleet, and how well loads and temperatures are forecast, on series of one's own. */
import { type Command, Option } from 'commander';
import { type ForecastNetwork, NETWORK_FAMILIES, type NetworkFamily } from '../../domain/forecast/network.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { SeriesReport, Summary } from '../forecast/evaluate-series.ts';
import type { NamedSeries } from '../forecast/series-list.ts';
import { withBrokerOptions } from './broker-options.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import type { LiveForecastFlags } from './forecast-live.ts';
import { withExamples } from './help.ts';
import { collect, wholeNumber } from './numbers.ts';
import { progressLine } from './progress.ts';
import { interruption } from './with-client.ts';

interface EvaluateFlags {
  readonly file: readonly string[];
  readonly column: readonly string[];
  readonly by?: string;
  readonly delimiter?: string;
  readonly list?: string;
  readonly folder?: string;
  readonly split?: string;
  readonly season?: number;
  readonly horizons?: readonly number[];
  readonly protocol: 'rolling' | 'ltsf';
  readonly context: number;
  readonly picture?: string;
  readonly model: readonly string[];
  readonly json?: boolean;
}

const HORIZONS = [1, 5, 12, 60];
const HORIZON_MOST = 1_000;
const HORIZONS_MOST = 16;
const LTSF_HORIZON = 96;
const BACKEND_CHOICES = ['auto', 'tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] as const;
type BackendChoice = (typeof BACKEND_CHOICES)[number];

export function registerForecast(program: Command): void {
  const forecast = program
    .command('forecast')
    .argument('[subject]', 'an ECU by name or MAC, or task/NAME')
    .description(
      'show what is forecast of an ECU or a task that runs; or judge forecasts on files, and train networks for them',
    )
    .option(
      '--metric <name>',
      'only this series: load, temperature, power, memory; of a task load, response; may be repeated',
      collect,
      [],
    )
    .option('--horizons <a,b,…>', 'seconds ahead, up to 60 (default: 1,5,12,30,60)', horizons)
    .option('--watch', 'again every second, until Ctrl-C')
    .option('--json', 'print one JSON object; with --watch one a line')
    .action(showForecast);
  // What stands behind `evaluate` and `train` is their own, though it is called the same; both programs above them have to pass it on.
  program.enablePositionalOptions();
  withBrokerOptions(forecast).enablePositionalOptions();
  const evaluate = forecast
    .command('evaluate')
    .description('hold the forecasts against those of simple models, on columns of CSV files, with no look ahead')
    .argument('[files...]', 'CSV files, or folders of them')
    .option('--file <path>', 'the same as the argument; may be repeated', collect, [])
    .option('--column <name>', 'by its head, or its position from 1; may be repeated (default: all of numbers)', collect, [])
    .option('--by <column>', 'a series for each value of this column')
    .option('--delimiter <c>', 'between cells (default: found out: comma, semicolon, tab or |)', delimiter)
    .option('--list <file>', 'series to read from a CSV of file,column,by,group,split')
    .option('--folder <path>', 'where the files of the list lie (default: beside it)')
    .option('--split <name>', 'only the series of the list that belong to it')
    .option('--season <n>', 'steps of a season, for the seasonal naive forecast and ours; 0: none', season)
    .option('--horizons <a,b,…>', `steps ahead (default: ${HORIZONS.join(',')}; ltsf: ${LTSF_HORIZON})`, horizons)
    .addOption(
      new Option('--protocol <name>', 'rolling: rolling origins; ltsf: the long-horizon benchmark of the ETT files')
        .choices(['rolling', 'ltsf'])
        .default('rolling'),
    )
    .option('--context <n>', 'ltsf: values that the model looks back on', wholeNumber(2, 2_000), 336)
    .option('--model <file>', 'a trained network, in the race and alone; may be repeated', collect, [])
    .option('--picture <file>', 'draw the summary as SVG into this file')
    .option('--json', 'print one JSON object')
    .action(evaluateForecasts);
  withExamples(evaluate, [
    { does: 'One column', line: 'drover forecast evaluate --file load.csv --column cpu --horizons 1,5,12,60 --json' },
    { does: 'All columns of a folder, with their geometric mean', line: 'drover forecast evaluate traces/' },
    { does: 'A long file of many machines', line: 'drover forecast evaluate vms.csv --column cpu_pct --by vm' },
    {
      does: 'The figures of docs/FORECASTING.md',
      line: 'drover forecast evaluate --list docs/forecast-series.csv --folder ../shared/data --split heldout',
    },
    { does: 'With a trained network in the race', line: 'drover forecast evaluate load.csv --column cpu --model gru.model' },
    { does: 'The long-horizon benchmark', line: 'drover forecast evaluate --protocol ltsf --file ETTh1.csv --json' },
  ]).addHelpText(
    'after',
    `
With --json: {"series": [{"name", "notes", "results": [{"horizon", "model", "mae", "mase", "smape", "scrps", "coverage80", "width80",
"relMae", "relCrps"}]}], "summary": […]}; with one series its results also stand on top. Models are drover, naive, ses, with --season
seasonalNaive, and each --model. relMae and relCrps are null where the naive forecast never errs. docs/FORECASTING.md has the protocol.`,
  );
  const train = forecast
    .command('train')
    .description('train a network on series, in a thread of its own; forecasts of other series may then use it')
    .argument('[files...]', 'CSV files, or folders of them')
    .option('--file <path>', 'the same as the argument; may be repeated', collect, [])
    .option('--column <name>', 'by its head, or its position from 1; may be repeated (default: all of numbers)', collect, [])
    .option('--by <column>', 'a series for each value of this column')
    .option('--delimiter <c>', 'between cells (default: found out: comma, semicolon, tab or |)', delimiter)
    .option('--list <file>', 'series to read from a CSV of file,column,by,group,split')
    .option('--folder <path>', 'where the files of the list lie (default: beside it)')
    .option('--split <name>', 'only the series of the list that belong to it')
    .addOption(new Option('--network <name>', 'what to train').choices(NETWORK_FAMILIES).default('tcn'))
    .requiredOption('--out <file>', 'the model to write')
    .option('--horizons <a,b,…>', `steps ahead (default: ${HORIZONS.join(',')})`, horizons)
    .option('--width <n>', 'of a layer (default: by network)', wholeNumber(1, 512))
    .option('--layers <n>', 'default: by network', wholeNumber(1, 10))
    .option('--batches <n>', 'of 24 stretches of 128 steps', wholeNumber(1, 100_000), 600)
    .addOption(
      new Option('--backend <name>', 'of TensorFlow.js; auto takes the fastest that is installed and works')
        .choices(BACKEND_CHOICES)
        .default('auto'),
    )
    .option('--seed <n>', 'of first weights and of the stretches drawn', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--json', 'print one JSON object at the end')
    .action(trainForecasts);
  withExamples(train, [
    {
      does: 'A convolutional network from all columns of a folder',
      line: 'drover forecast train traces/ --network tcn --out tcn.model',
    },
    {
      does: 'From the listed series',
      line: 'drover forecast train --list docs/forecast-series.csv --folder ../shared/data --split tune --network gru --out gru.model',
    },
    { does: 'Whether it wins', line: 'drover forecast evaluate load.csv --column cpu --model gru.model' },
  ]);
  withExamples(forecast, [
    { does: 'What is expected of an ECU in the next minute', line: 'drover forecast ecu1' },
    { does: 'Its heat, again and again', line: 'drover forecast ecu1 --metric temperature --horizons 10,30 --watch' },
    { does: 'What a task will take of its core, wherever it runs', line: 'drover forecast task/counter --json' },
    { does: 'How good the forecasts of a column are', line: 'drover forecast evaluate load.csv --column cpu' },
  ]);
}

async function showForecast(subject: string | undefined, flags: LiveForecastFlags): Promise<void> {
  if (subject === undefined)
    throw new DroverError('ERR_USAGE', 'say of what: an ECU by its name, or task/NAME; "drover status" shows both');
  const { forecastLive } = await import('./forecast-live.ts');
  await forecastLive(subject, flags);
}

function horizons(text: string): readonly number[] {
  const values = text.split(',').map(Number);
  const fine = values.every((value) => Number.isInteger(value) && value >= 1 && value <= HORIZON_MOST);
  if (fine && values.length <= HORIZONS_MOST && new Set(values).size === values.length) return values.sort((a, b) => a - b);
  throw new DroverError(
    'ERR_USAGE',
    `--horizons ${text}: write up to ${HORIZONS_MOST} different whole numbers of steps from 1 to ${HORIZON_MOST}, e.g. 1,5,12,60`,
  );
}

function delimiter(text: string): string {
  const mark = text === '\\t' || text === 'tab' ? '\t' : text;
  if (mark.length === 1 && !'"\r\n'.includes(mark)) return mark;
  throw new DroverError('ERR_USAGE', `--delimiter ${text}: give one character that is no quote, or tab`);
}

const SEASON_MOST = 100_000;

/** One step a season is no season either. */
function season(text: string): number | undefined {
  const steps = wholeNumber(0, SEASON_MOST)(text);
  return steps < 2 ? undefined : steps;
}

async function evaluateForecasts(files: readonly string[], flags: EvaluateFlags): Promise<void> {
  const all = [...files, ...flags.file];
  if (flags.protocol === 'ltsf') return evaluateLongHorizon(all, flags);
  const { evaluateSeries, summarise } = await import('../forecast/evaluate-series.ts');
  const { unfitFor } = await import('../forecast/rolling-origin.ts');
  const networks = await networksOf(flags.model);
  const series = await seriesOf(all, flags);
  const { asked } = interruption();
  const tell = progressLine(series.length, 'series');
  const reports: SeriesReport[] = [];
  const horizons = flags.horizons ?? HORIZONS;
  for (const [at, { name, values }] of series.entries()) {
    if (asked()) throw new QuietExit(EXIT_FAILED);
    const report = evaluateSeries(values, { name, horizons, season: flags.season, networks });
    if (report !== undefined) reports.push(report);
    for (const note of report?.notes ?? [`passed over: ${unfitFor(values, horizons)}`])
      process.stderr.write(`${name}: ${note}\n`);
    if (series.length > 1) tell(at + 1);
    // Signals are heard between series.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (reports.length === 0) throw new DroverError('ERR_USAGE', 'no series is long enough, and varies, to be judged');
  const summary = summarise(reports);
  if (flags.picture !== undefined) {
    const { drawForecastSummary } = await import('../forecast/summary-picture.ts');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(flags.picture, drawForecastSummary(reports));
  }
  if (flags.json === true) {
    const [only] = reports;
    const results = reports.length === 1 ? { results: only?.results } : {};
    process.stdout.write(`${JSON.stringify({ protocol: 'rolling', ...results, series: reports, summary }, everyKey)}\n`);
  } else await show(reports, summary);
}

/** What is not there is null in JSON: a reader finds every key in every row (a ratio to a forecast that never errs is none). */
const everyKey = (_: string, value: unknown): unknown => value ?? null;

interface SeriesFlags {
  readonly column: readonly string[];
  readonly by?: string;
  readonly delimiter?: string;
  readonly list?: string;
  readonly folder?: string;
  readonly split?: string;
}

async function seriesOf(files: readonly string[], flags: SeriesFlags): Promise<NamedSeries[]> {
  const { list, folder, split, by, delimiter, column } = flags;
  if ((files.length === 0) === (list === undefined)) throw new DroverError('ERR_USAGE', 'give either CSV files or a --list');
  const { chosenSeries, listedSeries } = await import('../forecast/series-list.ts');
  return [
    ...(list === undefined ? chosenSeries({ files, columns: column, delimiter, by }) : listedSeries({ list, folder, split })),
  ];
}

async function networksOf(files: readonly string[]): Promise<ForecastNetwork[]> {
  if (files.length === 0) return [];
  const { readModel } = await import('../learn/files.ts');
  const networks: ForecastNetwork[] = [];
  for (const file of files) {
    const model = await readModel(file);
    if (model.purpose !== 'forecast')
      throw new DroverError(
        'ERR_USAGE',
        `${file} holds a ${model.purpose} model, no network that forecasts: drover forecast train makes one`,
      );
    networks.push(model.network);
  }
  return networks;
}

interface TrainFlags extends SeriesFlags {
  readonly file: readonly string[];
  readonly network: NetworkFamily;
  readonly out: string;
  readonly width?: number;
  readonly layers?: number;
  readonly batches: number;
  readonly seed: number;
  readonly backend: BackendChoice;
  readonly horizons?: readonly number[];
  readonly json?: boolean;
}

async function trainForecasts(files: readonly string[], flags: TrainFlags): Promise<void> {
  const { trainNetwork } = await import('../forecast/train-network.ts');
  const { writeModel } = await import('../learn/files.ts');
  const series = await seriesOf([...files, ...flags.file], flags);
  const { network, out, width, layers, batches, seed, backend } = flags;
  const stop = new AbortController();
  void interruption().done.then(() => stop.abort());
  const tell = progressLine(batches, 'batches');
  const beganMs = performance.now();
  const trained = await trainNetwork(series, {
    ...{ family: network, width, layers, batches, seed },
    horizons: flags.horizons ?? HORIZONS,
    backend: backend === 'auto' ? undefined : backend,
    onBatch: (batch, loss) => tell(batch, `loss ${loss.toFixed(3)}`),
    signal: stop.signal,
  });
  if (trained === undefined) {
    process.stderr.write('interrupted: no model was written\n');
    throw new QuietExit(EXIT_FAILED);
  }
  const { model, loss, passedOver } = trained;
  for (const name of passedOver) process.stderr.write(`${name}: passed over, too short for these horizons or constant\n`);
  const seconds = Math.round((performance.now() - beganMs) / 100) / 10;
  const bytes = await writeModel(out, model);
  const { trained: about, network: made } = model;
  const result = {
    out,
    network,
    series: about.sets,
    backend: about.backend,
    parameters: made.parameters.length,
    loss,
    bytes,
    seconds,
  };
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify(result)}\n`
      : `${out}: ${network} of ${made.parameters.length} numbers on ${about.sets} series, ${about.backend}, ${seconds} s; errs ${loss.toFixed(3)} of the last value on what it learned from\n`,
  );
}

async function show(reports: readonly SeriesReport[], summary: readonly Summary[]): Promise<void> {
  const { table } = await import('./table.ts');
  const figure = (value: number | undefined, digits = 3): string =>
    value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);
  if (reports.length === 1) {
    const [{ name, values, origins, results }] = reports as [SeriesReport];
    const head = ['steps', 'model', 'MAE', 'MASE', 'sMAPE', 'sCRPS', 'coverage80', 'width80', 'relMae', 'relCrps'];
    const rows = results.map((row) => [
      ...[String(row.horizon), row.model, row.mae.toPrecision(4), figure(row.mase), figure(row.smape, 2), figure(row.scrps)],
      ...[figure(row.coverage80, 2), figure(row.width80, 2), figure(row.relMae), figure(row.relCrps)],
    ]);
    process.stdout.write(`${name}: ${values} values, ${origins} origins\n${table(head, rows)}`);
    return;
  }
  const head = ['steps', 'model', 'series', 'relMae', 'relCrps', 'coverage80', 'least', 'of'];
  const rows = summary.map((row) => [
    ...[String(row.horizon), row.model, String(row.series), figure(row.relMae), figure(row.relCrps)],
    ...[figure(row.coverage80Mean), figure(row.coverage80Least, 2), row.leastCovered],
  ]);
  process.stdout.write(`geometric means over ${reports.length} series\n${table(head, rows)}`);
}

async function evaluateLongHorizon(files: readonly string[], flags: EvaluateFlags): Promise<void> {
  const { evaluateLtsf } = await import('../forecast/ltsf.ts');
  const { columnOf, numericColumns, readSeriesFile } = await import('../series-file.ts');
  const [horizon = LTSF_HORIZON, ...more] = flags.horizons ?? [];
  const [file, ...others] = files;
  if (more.length > 0 || others.length > 0 || file === undefined)
    throw new DroverError('ERR_USAGE', '--protocol ltsf takes one file and one horizon');
  const table = readSeriesFile(file, { delimiter: flags.delimiter });
  const columns = (flags.column.length > 0 ? flags.column : numericColumns(table)).map((column) => columnOf(table, column));
  const report = { file, ...evaluateLtsf(columns, { horizon, context: flags.context }) };
  const { mse, mae, naiveMse, naiveMae } = report;
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify(report)}\n`
      : `${file}, ${horizon} steps from ${flags.context}: MSE ${mse.toFixed(4)}, MAE ${mae.toFixed(4)} (last value: ${naiveMse.toFixed(4)}, ${naiveMae.toFixed(4)})\n`,
  );
}

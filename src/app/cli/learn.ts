/** `drover learn`: models of schedulability, trained on data sets and asked without TensorFlow. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { FEATURE_SETS, type FeatureSet } from '../../domain/learn/features.ts';
import type { Model } from '../../domain/learn/model.ts';
import { NETWORKS, type NetworkName, STUDIED } from '../learn/network-names.ts';
import type { Study } from '../learn/study-result.ts';
import type { TrainTracesOptions } from '../learn/train-traces.ts';
import type { StudyPart } from '../learn/write-study.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { registerDraw } from './learn-draw.ts';
import { registerLearnStatus } from './learn-status.ts';
import { wholeNumber } from './numbers.ts';
import { progressLine } from './progress.ts';
import { interruption } from './with-client.ts';

const SEED_MAX = 2 ** 32 - 1;
const BACKEND_CHOICES = ['auto', 'tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] as const;
type BackendChoice = (typeof BACKEND_CHOICES)[number];

export function registerLearn(program: Command): void {
  const learn = program
    .command('learn')
    .description('train, judge and study models of schedulability, and see what a fleet learns');
  registerTrain(learn);
  registerEvaluate(learn);
  registerUpdate(learn);
  registerDraw(learn);
  registerStudy(learn);
  registerLearnStatus(learn);
  withExamples(learn, [
    { does: 'A network from a data set', line: 'drover learn train --network fnn --data sets.arrow --out fnn.model' },
    { does: 'What a running fleet has learned', line: 'drover learn status' },
    { does: 'How good it is', line: 'drover learn evaluate --model fnn.model --data test.arrow' },
  ]);
}

const backendOption = (): Option =>
  new Option('--backend <name>', 'of TensorFlow.js; auto takes the fastest that is installed and works')
    .choices(BACKEND_CHOICES)
    .default('auto');

async function trainerFor(choice: BackendChoice) {
  const { createTrainer } = await import('../../../infra/tensorflow/train.ts');
  return choice === 'auto' ? createTrainer() : createTrainer([choice]);
}

/** Aborted at the first Ctrl-C. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  void interruption().done.then(() => stop.abort());
  return stop.signal;
}

function widths(text: string): readonly number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 1024) && values.length <= 16) return values;
  throw new InvalidArgumentError('Give widths of 1 to 1024 with commas between them: 64,64,64.');
}

function depths(text: string): readonly number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 8)) return values;
  throw new InvalidArgumentError('Give numbers of layers, 1 to 8, with commas between them: 1,2,3.');
}

// ——— train ———

interface TrainFlags {
  readonly network: NetworkName;
  readonly cell: 'gru' | 'lstm';
  readonly reads: FeatureSet;
  readonly data: string;
  readonly out: string;
  readonly from?: string;
  readonly widths?: readonly number[];
  readonly epochs?: number;
  readonly backend: BackendChoice;
  readonly seed: number;
  readonly json?: boolean;
}

function registerTrain(learn: Command): void {
  const train = learn
    .command('train')
    .description('train a model on a data set; the same data, options and seed on the same backend give the same file')
    .addOption(new Option('--network <name>', 'what to train').choices(NETWORKS).default('fnn'))
    .addOption(new Option('--cell <name>', 'of an rnn').choices(['gru', 'lstm']).default('gru'))
    .addOption(
      new Option('--reads <features>', 'closed: sums and products; demand: also the demand at each deadline')
        .choices(FEATURE_SETS)
        .default('demand'),
    )
    .requiredOption('--data <file>', 'a data set (drover dataset generate)')
    .requiredOption('--out <file>', 'the model to write')
    .option('--from <model>', 'go on from this model: fine-tuning, on what a fleet reported')
    .option('--widths <a,b,…>', 'of the hidden layers', widths)
    .option('--epochs <n>', 'how often all sets are gone through (default: by network)', wholeNumber(1, 10_000))
    .addOption(backendOption())
    .option('--seed <n>', 'of first weights and of the order of examples', wholeNumber(0, SEED_MAX), 1)
    .option('--json', 'print one JSON object at the end')
    .action(trainNetwork);
  withExamples(train, [
    { does: 'The yes/no network', line: 'drover learn train --network fnn --data sets.arrow --out fnn.model' },
    { does: 'What it is measured against', line: 'drover learn train --network forest --data sets.arrow --out forest.model' },
    {
      does: 'Never a wrong yes: proposes, and a check decides',
      line: 'drover learn train --network certified --data sets.arrow --out certified.model',
    },
    {
      does: 'A twin of the traces of sets that were run',
      line: 'drover learn train --network trace-gan --data runs.arrow --out traces.model',
    },
    {
      does: 'Fine-tune on newer sets',
      line: 'drover learn train --from fnn.model --data newer.arrow --epochs 3 --out fnn-2.model',
    },
  ]);
}

async function trainNetwork(flags: TrainFlags): Promise<void> {
  const { refuseFolder, writeModel } = await import('../learn/files.ts');
  const { network, seed } = flags;
  await refuseFolder(flags.out);
  const signal = stopSignal();
  let show: ReturnType<typeof progressLine> | undefined;
  const beganMs = performance.now();
  const model = await trainAny(flags, {
    ...{ widths: flags.widths, epochs: flags.epochs, seed, signal },
    trainer: () => trainerFor(flags.backend),
    onProgress: (done, total, more) => {
      show ??= progressLine(total, network === 'forest' ? 'trees' : network.endsWith('gan') ? 'steps' : 'epochs');
      show(done, more);
    },
  });
  const seconds = Math.round((performance.now() - beganMs) / 100) / 10;
  if (signal.aborted) {
    process.stderr.write('interrupted: no model was written\n');
    throw new QuietExit(EXIT_FAILED);
  }
  const bytes = await writeModel(flags.out, model);
  const result = { out: flags.out, ...model.trained, purpose: model.purpose, bytes, seconds };
  if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    process.stdout.write(
      `${flags.out}: ${network} on ${model.trained.sets} sets, ${model.trained.backend}, ${seconds} s, ${bytes} bytes\n`,
    );
}

async function trainAny(
  { network, cell, reads, data, from: fromPath }: TrainFlags,
  options: TrainTracesOptions,
): Promise<Model> {
  const { readDataset, readModel, readTraces } = await import('../learn/files.ts');
  if (network === 'trace-gan') {
    if (fromPath !== undefined) throw new DroverError('ERR_USAGE', 'only a yes/no model can be trained further');
    const { trainTraces } = await import('../learn/train-traces.ts');
    return trainTraces(await readTraces(data), options);
  }
  const { trainModel } = await import('../learn/train-model.ts');
  const { sets } = await readDataset(data);
  const from = fromPath === undefined ? undefined : await readModel(fromPath);
  return trainModel(sets, { ...options, network, cell, reads, from });
}

// ——— evaluate ———

interface EvaluateFlags {
  readonly model: string;
  readonly data: string;
  readonly json?: boolean;
}

function registerEvaluate(learn: Command): void {
  const evaluate = learn
    .command('evaluate')
    .description('judge a model on sets it has not seen, without TensorFlow')
    .requiredOption('--model <file>', 'a trained model')
    .requiredOption('--data <file>', 'a data set drawn with another seed')
    .option('--json', 'print one JSON object')
    .action(evaluateNetwork);
  withExamples(evaluate, [
    {
      does: 'Accuracy, AUC, unsafe and deferral rates, latency',
      line: 'drover learn evaluate --model fnn.model --data test.arrow',
    },
    { does: 'For scripts', line: 'drover learn evaluate --model fnn.model --data test.arrow --json | jq .accuracy' },
  ]);
}

async function evaluateNetwork(flags: EvaluateFlags): Promise<void> {
  const { readDataset, readModel, readTraces } = await import('../learn/files.ts');
  const model = await readModel(flags.model);
  let evaluation: object;
  if (model.purpose === 'trace-twin') {
    const { evaluateTraces } = await import('../learn/evaluate-traces.ts');
    evaluation = { ...model.trained, purpose: model.purpose, ...evaluateTraces(model, await readTraces(flags.data)) };
  } else {
    const { evaluateModel } = await import('../learn/evaluate-model.ts');
    evaluation = evaluateModel(model, (await readDataset(flags.data)).sets);
  }
  process.stdout.write(flags.json === true ? `${JSON.stringify(evaluation)}\n` : tell(evaluation));
}

function tell(evaluation: object): string {
  const lines = Object.entries(evaluation).map(([name, value]) => {
    const shown =
      typeof value === 'object'
        ? JSON.stringify(value)
        : typeof value === 'number' && !Number.isInteger(value)
          ? value.toFixed(4)
          : String(value);
    return `${name.padEnd(24)}${shown}`;
  });
  return `${lines.join('\n')}\n`;
}

// ——— update ———

interface UpdateFlags {
  readonly model: string;
  readonly data: string;
  readonly out: string;
  readonly keep: number;
  readonly replays: number;
  readonly rate: string;
  readonly seed: number;
  readonly json?: boolean;
}

function registerUpdate(learn: Command): void {
  const update = learn
    .command('update')
    .description('learn on from a stream of sets in bounded memory and time, as a bridge does: plain arrays, no TensorFlow')
    .requiredOption('--model <file>', 'a feed-forward or logistic model')
    .requiredOption('--data <file>', 'the stream: each set is first answered, then learned from')
    .requiredOption('--out <file>', 'the updated model')
    .option('--keep <n>', 'sets kept for replay', wholeNumber(1, 100_000), 256)
    .option('--replays <n>', 'of these gone through with each new set', wholeNumber(0, 256), 8)
    .option('--rate <x>', 'how far each step goes', '0.001')
    .option('--seed <n>', 'of what is kept and replayed', wholeNumber(0, SEED_MAX), 1)
    .option('--json', 'print one JSON object')
    .action(updateModel);
  withExamples(update, [
    {
      does: 'Follow a fleet whose periods are automotive',
      line: 'drover learn update --model fnn.model --data automotive.arrow --out fnn-here.model',
    },
  ]);
}

async function updateModel(flags: UpdateFlags): Promise<void> {
  const [{ updateOnline }, { readDataset, readModel, writeModel }] = await Promise.all([
    import('../learn/update-model.ts'),
    import('../learn/files.ts'),
  ]);
  const rate = Number(flags.rate);
  if (!(rate > 0 && rate <= 1)) throw new DroverError('ERR_USAGE', '--rate is a number above 0, up to 1');
  const { keep, replays, seed } = flags;
  const model = await readModel(flags.model);
  const { sets } = await readDataset(flags.data);
  const { model: updated, report } = updateOnline(model, sets, { keep, replays, rate, seed });
  await writeModel(flags.out, updated);
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ out: flags.out, ...report })}\n`
      : `${flags.out}: right about ${(100 * report.accuracyFrozen).toFixed(1)} % of ${report.sets} sets without learning, ${(100 * report.accuracyLearning).toFixed(1)} % while learning (${report.stateBytes} bytes of state, ${report.usPerSet} µs a set)\n`,
  );
}

// ——— study ———

interface StudyFlags {
  readonly out: string;
  readonly widths: readonly number[];
  readonly depths: readonly number[];
  readonly sets: number;
  readonly epochs: number;
  readonly backends: string;
  readonly networks: string;
  readonly seed: number;
  readonly from?: string;
  readonly json?: boolean;
}

function registerStudy(learn: Command): void {
  const study = learn
    .command('study')
    .description(
      'time and accuracy against width and depth, per network and backend, as tables and pictures; given again, it goes on where it was interrupted',
    )
    .option('--out <file>', 'the page to write; the pictures stand beside it', 'docs/study-width-depth.md')
    .option('--widths <a,b,…>', 'units a layer', widths, [8, 16, 32, 64])
    .option('--depths <a,b,…>', 'hidden layers', depths, [1, 2, 3])
    .option('--sets <n>', 'sets to train on', wholeNumber(400, 1_000_000), 3_000)
    .option('--epochs <n>', 'of each training', wholeNumber(1, 1000), 4)
    .option('--backends <a,b>', 'to train on, those that work here', 'tfjs-node-gpu,tfjs-node,wasm,cpu')
    .option('--networks <a,b>', `of ${STUDIED.join(', ')}`, STUDIED.join(','))
    .option('--seed <n>', 'of the data and of the trainings', wholeNumber(0, SEED_MAX), 1)
    .option('--from <file>', 'measure nothing: page and pictures again, from the numbers of an earlier study')
    .option('--json', 'print the results as one JSON object')
    .action(runStudy);
  withExamples(study, [
    { does: 'Regenerate docs/study-width-depth.md', line: 'drover learn study' },
    { does: 'A short look', line: 'drover learn study --networks fnn --backends wasm --sets 1000 --out study.md' },
    { does: 'The pictures again', line: 'drover learn study --from docs/study-width-depth.json' },
  ]);
}

async function runStudy(flags: StudyFlags): Promise<void> {
  const { StudyPart, writeStudy } = await import('../learn/write-study.ts');
  const { sets, epochs, seed, backends } = flags;
  const part = new StudyPart(flags.out, { sets, epochs, seed, backends });
  const study =
    flags.from === undefined
      ? await measureStudy(flags, part)
      : await (await import('../learn/files.ts')).readStudy(flags.from);
  const files = await writeStudy(study, flags.out);
  if (flags.from === undefined) await part.remove();
  process.stdout.write(flags.json === true ? `${JSON.stringify(study)}\n` : `${files.join('\n')}\n`);
}

async function measureStudy(flags: StudyFlags, part: StudyPart): Promise<Study> {
  const { studyWidthAndDepth } = await import('../learn/study.ts');
  const { createTrainer } = await import('../../../infra/tensorflow/train.ts');
  const { backendNames } = await import('../../../infra/tensorflow/backend.ts');
  const list = (text: string, known: readonly string[]): string[] => {
    const names = text.split(',');
    const strange = names.find((name) => !known.includes(name));
    if (strange !== undefined) throw new DroverError('ERR_USAGE', `${strange} is none of ${known.join(', ')}`);
    return names;
  };
  const signal = stopSignal();
  let show: ReturnType<typeof progressLine> | undefined;
  const known = await part.read();
  const study = await studyWidthAndDepth({
    known,
    onResult: (results) => part.write([...known.filter((one) => !results.includes(one)), ...results]),
    networks: list(flags.networks, STUDIED),
    backends: backendNames(list(flags.backends, BACKEND_CHOICES.slice(1))),
    trainerOf: (backend) => createTrainer([backend]),
    widths: flags.widths,
    depths: flags.depths,
    sets: flags.sets,
    epochs: flags.epochs,
    seed: flags.seed,
    onProgress: (done, total, what) => {
      show ??= progressLine(total, 'trainings');
      show(done, what);
    },
    signal,
  });
  if (!signal.aborted) return study;
  process.stderr.write('interrupted: no page was written; the same command goes on from here\n');
  throw new QuietExit(EXIT_FAILED);
}

/** `drover learn draw`: what a digital twin makes, as a data set. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

const SEED_MAX = 2 ** 32 - 1;

interface DrawFlags {
  readonly model: string;
  readonly data?: string;
  readonly sets?: number;
  readonly times?: number;
  readonly jobs?: number;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

export function registerDraw(learn: Command): void {
  const draw = learn
    .command('draw')
    .description('draw a data set from a digital twin: task sets (gan), or what the jobs of given sets would do (trace-gan)')
    .requiredOption('--model <file>', 'a trained twin')
    .option('--data <file>', 'traces: the sets they are of; what the file says became of their jobs is not looked at')
    .option('--sets <n>', 'task sets: how many (default: 1000)', wholeNumber(1, 1_000_000))
    .option('--times <n>', 'traces: how many of each set (default: 1)', wholeNumber(1, 1000))
    .option('--jobs <n>', 'traces: jobs of each task whose file does not say how many it had (default: 10)', wholeNumber(1, 64))
    .requiredOption('--out <file>', 'the data set to write')
    .option('--seed <n>', 'the same seed gives the same bytes', wholeNumber(0, SEED_MAX), 1)
    .option('--json', 'print one JSON object')
    .action(drawFromTwin);
  withExamples(draw, [
    { does: 'A thousand task sets', line: 'drover learn draw --model gan.model --out synthetic.arrow' },
    {
      does: 'Eight traces of each set that was run, to learn from',
      line: 'drover learn draw --model traces.model --data runs.arrow --times 8 --out synthetic.arrow',
    },
  ]);
}

async function drawFromTwin(flags: DrawFlags): Promise<void> {
  const [{ drawSets, drawTraces }, { readDataset, readModel, readTraces, writeWhole }] = await Promise.all([
    import('../learn/draw-twin.ts'),
    import('../learn/files.ts'),
  ]);
  const { data, out, seed } = flags;
  const model = await readModel(flags.model);
  const only = (names: readonly (keyof DrawFlags)[], what: string): void => {
    const strange = names.find((name) => flags[name] !== undefined);
    if (strange !== undefined) throw new DroverError('ERR_USAGE', `--${strange} is for ${what}, and ${flags.model} is none`);
  };
  let drawn: ReturnType<typeof drawSets>;
  if (model.purpose === 'twin') {
    only(['data', 'times', 'jobs'], 'a twin of traces');
    drawn = drawSets(model, { sets: flags.sets ?? 1_000, seed });
  } else if (model.purpose === 'trace-twin') {
    only(['sets'], 'a twin of task sets');
    if (data === undefined) throw new DroverError('ERR_USAGE', 'a twin of traces draws for given sets: name them with --data');
    const { sets, hasJobs } = await readDataset(data);
    const seen = hasJobs ? (await readTraces(data)).jobs : undefined;
    drawn = drawTraces(model, { sets, seen, jobs: flags.jobs ?? 10, times: flags.times ?? 1, seed });
  } else {
    throw new DroverError(
      'ERR_USAGE',
      `${flags.model} holds a ${model.purpose} model; twins are trained by --network gan or trace-gan`,
    );
  }
  await writeWhole(out, drawn.bytes);
  const { sets, jobs, schedulable } = drawn;
  const share = Math.round((1000 * schedulable) / sets) / 1000;
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ out, sets, jobs, schedulableShare: share, bytes: drawn.bytes.length })}\n`
      : `${out}: ${sets} sets${jobs === 0 ? '' : `, ${jobs} jobs`}, ${Math.round(share * 1000) / 10} % schedulable, ${drawn.bytes.length} bytes\n`,
  );
}

/** `drover bench simulate` and `drover bench scale`: how fast the simulated world is, and what a fleet costs by its size. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { ScaleBench } from '../bench/scale.ts';
import type { ScaleLoss } from '../bench/scale-run.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface SimulateFlags {
  readonly seconds: number;
  readonly samples: number;
  readonly json?: boolean;
}

interface ScaleFlags {
  readonly ecus: readonly number[];
  readonly tasksPerEcu: number;
  readonly managers?: number;
  readonly seed: number;
  readonly from?: string;
  readonly picture?: string;
  readonly json?: boolean;
}

export const SCALE_SIZES = [10, 100, 1_000, 3_000, 10_000];
const ECUS_MAX = 20_000;

export function registerSimulationBenches(bench: Command): void {
  const simulate = bench
    .command('simulate')
    .description('how fast the simulated world is; planning over 10,000 ECUs; judging their heartbeats')
    .option('--seconds <n>', 'simulated, in each sample', wholeNumber(1, 3_600), 20)
    .option('--samples <n>', 'of each measurement', wholeNumber(1, 100), 5)
    .option('--json', 'print one JSON object')
    .action(simulateBench);
  withExamples(simulate, [{ does: 'Times real time', line: 'drover bench simulate --json | jq .timesRealTime' }]);
  const scale = bench
    .command('scale')
    .description('what a fleet costs by its size: drover’s own code in a simulated world, a rack of ECUs lost at once')
    .option('--ecus <numbers>', 'sizes of fleets, with commas between', sizes, SCALE_SIZES)
    .option('--tasks-per-ecu <n>', 'tasks for each ECU', wholeNumber(1, 50), 4)
    .option('--managers <n>', 'checkpoint managers (default: one for each 500 ECUs, at least 2)', wholeNumber(1, 200))
    .option('--seed <n>', 'of the simulated world', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--from <file>', 'measure nothing: read what --json printed before')
    .option('--picture <file>', 'draw the result as SVG into this file')
    .option('--json', 'print one JSON object')
    .action(scaleBench);
  withExamples(scale, [
    { does: 'The curve of docs/SCALE.md', line: 'drover bench scale --json --picture docs/scale.svg > docs/scale.json' },
    { does: 'One size', line: 'drover bench scale --ecus 1000 --tasks-per-ecu 10' },
    { does: 'The picture again', line: 'drover bench scale --from docs/scale.json --picture docs/scale.svg' },
  ]);
}

function sizes(text: string): number[] {
  const all = text.split(',').map(Number);
  if (all.every((size) => Number.isInteger(size) && size >= 4 && size <= ECUS_MAX)) return all;
  throw new DroverError('ERR_USAGE', `--ecus ${text}: write whole numbers from 4 to ${ECUS_MAX}, e.g. 10,100,1000`);
}

const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

async function simulateBench({ seconds, samples, json }: SimulateFlags): Promise<void> {
  const { benchSimulate } = await import('../bench/simulate.ts');
  const result = await benchSimulate({ seconds, samples, say });
  if (json !== true) {
    const { timesRealTime: real, timesProcessorTime: cpu, placement, heartbeats, machine } = result;
    const share = (value: number): string => `${(value * 100).toFixed(1)} %`;
    process.stdout.write(
      [
        `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore}`,
        `10 ECUs, 50 tasks at 100 ms   ${real.median} × real time (best ${real.best}; by processor time ${cpu.median}, best ${cpu.best}; aim: 100), ${result.stepsPerSecond} steps a second`,
        `${placement.tasks} tasks among ${placement.ecus} ECUs   ${placement.ms.median} ms (best ${placement.ms.best}, worst ${placement.ms.worst}; of processor time ${placement.cpuMs.median}, best ${placement.cpuMs.best}; aim: 10)`,
        `${heartbeats.ecus} ECUs at ${heartbeats.hertz} Hz   ${share(heartbeats.judgedShare.median)} of a core judged, ${share(heartbeats.withDecodingShare.median)} with decoding (aim: 25 %)`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function scaleBench({ ecus, tasksPerEcu, managers, seed, from, picture, json }: ScaleFlags): Promise<void> {
  const [{ benchScale }, { drawScale }, { readFile, writeFile }] = await Promise.all([
    import('../bench/scale.ts'),
    import('../bench/scale-picture.ts'),
    import('node:fs/promises'),
  ]);
  const result: ScaleBench =
    from === undefined
      ? await benchScale({ sizes: ecus, tasksPerEcu, managers, seed, say })
      : JSON.parse(await readFile(from, 'utf8'));
  if (picture !== undefined) await writeFile(picture, drawScale(result));
  if (json !== true) process.stdout.write(tableOf(result));
  process.stdout.write(`${JSON.stringify(result)}\n`);
  const broken = result.results.flatMap(({ violations }) => violations);
  if (broken.length > 0) throw new DroverError('ERR_BENCH_FAILED', `a promise was broken: ${broken[0]}`);
}

function tableOf({ machine, results }: ScaleBench): string {
  const row = (cells: readonly (string | number)[]): string => cells.map((cell) => String(cell).padStart(12)).join('');
  const settled = (loss: ScaleLoss | undefined): string =>
    loss === undefined ? '-' : `${loss.tasks} in ${loss.settledMs ?? '…'}`;
  const head = [
    'ECUs',
    'tasks',
    'managers',
    'decisions/s',
    'rack: ms',
    'messages',
    '− manager',
    'share',
    'heard/s',
    'MiB',
    's',
  ];
  const rows = results.map((one) =>
    row([
      one.ecus,
      one.tasks,
      one.managers,
      one.place.decisionsPerSecond,
      settled(one.rack),
      one.rack.messages,
      settled(one.rackWithoutManager),
      one.rest.largestShare,
      one.rest.messagesToManager,
      one.peakRssMib,
      one.wallSeconds,
    ]),
  );
  const on = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore}`;
  return `${[on, row(head), ...rows, ''].join('\n')}\n`;
}

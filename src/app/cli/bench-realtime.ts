/** `drover bench realtime`, `bench analysis` and `bench schedule`: sets analysed, jobs simulated and answers learned, a second. */
import type { Command } from 'commander';
import type { Machine } from '../bench/machine.ts';
import type { RealtimeFigure } from '../bench/realtime.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface BenchFlags {
  readonly json?: boolean;
}

export function registerRealtimeBenches(bench: Command): void {
  const realtime = bench
    .command('realtime')
    .description('in one run: FP and EDF analysis, simulated jobs, learned answers, each beside what it should reach')
    .option('--repetitions <n>', 'of each analysis', wholeNumber(1, 10_000), 60)
    .option('--rounds <n>', 'of each simulation', wholeNumber(1, 10_000), 600)
    .option('--json', 'print one JSON object')
    .action(realtimeBench);
  withExamples(realtime, [
    { does: 'All figures', line: 'drover bench realtime' },
    { does: 'What is below its aim', line: "drover bench realtime --json | jq '.figures[] | select(.reached == false)'" },
  ]);
  const schedule = bench
    .command('schedule')
    .description('how many jobs a second the simulator of schedules takes, on one core and on four')
    .option('--rounds <n>', 'over ten task sets each', wholeNumber(1, 10_000), 100)
    .option('--json', 'print one JSON object')
    .action(scheduleBench);
  withExamples(schedule, [
    { does: 'Jobs a second, beside other simulators', line: 'drover bench schedule --json | jq .figures' },
  ]);
  const analysis = bench
    .command('analysis')
    .description('how many task sets a second each real-time analysis decides, beside the peers’ figures')
    .option('--repetitions <n>', 'of which the best and the median are reported', wholeNumber(1, 10_000), 60)
    .option('--millis <n>', 'length of each repetition', wholeNumber(1, 60_000), 5)
    .option('--json', 'print one JSON object')
    .action(analysisBench);
  withExamples(analysis, [
    { does: 'Sets a second, ours and theirs', line: 'drover bench analysis' },
    { does: 'With more patience, for programs', line: 'drover bench analysis --repetitions 300 --json | jq .figures' },
  ]);
}

const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
const on = ({ cpu, cores, node, loadBefore }: Machine): string =>
  `${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}`;

interface RealtimeFlags extends BenchFlags {
  readonly repetitions: number;
  readonly rounds: number;
}

async function realtimeBench({ repetitions, rounds, json }: RealtimeFlags): Promise<void> {
  const [{ benchRealtime }, { createTrainer }] = await Promise.all([
    import('../bench/realtime.ts'),
    import('../../../infra/tensorflow/train.ts'),
  ]);
  const result = await benchRealtime({ repetitions, rounds, say, trainer: () => createTrainer() });
  if (json !== true) {
    const { table } = await import('./table.ts');
    const rows = result.figures.map(({ what, n, unit, best, median, aim, peer, sets }: RealtimeFigure) => [
      what,
      ...[n, best, median].map(String),
      unit,
      aim === undefined ? '-' : String(aim),
      peer === undefined ? '' : `${peer.name} ${peer.figure}`,
      sets,
    ]);
    const { backend, sets, accuracy, auc } = result.learned;
    process.stdout.write(
      `${on(result.machine)}\n${table(['', 'tasks', 'best', 'median', 'unit', 'aim', 'peer', 'sets'], rows)}` +
        `the network: ${sets} sets, ${backend}; right about ${(100 * accuracy).toFixed(1)} % of others, AUC ${auc.toFixed(4)}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

interface ScheduleBenchFlags extends BenchFlags {
  readonly rounds: number;
}

async function scheduleBench(flags: ScheduleBenchFlags): Promise<void> {
  const { benchSchedule } = await import('../bench/schedule.ts');
  const result = benchSchedule({ rounds: flags.rounds });
  if (flags.json !== true) {
    const { cpu, cores, node, loadBefore } = result.machine;
    const lines = result.figures.map(
      ({ what, tasks, jobsPerSecond: { median, best }, jobsPerCpuSecond, peers }) =>
        `${`${what}, ${tasks} tasks`.padEnd(40)}${String(median).padStart(10)}  best ${best}; per second of processor ${jobsPerCpuSecond.median}   (others: ${Object.entries(
          peers,
        )
          .map(([peer, rate]) => `${peer} ${rate}`)
          .join(', ')})`,
    );
    process.stdout.write(
      `${[`${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}`, 'simulated jobs a second: median', ...lines, ''].join('\n')}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

interface AnalysisFlags extends BenchFlags {
  readonly repetitions: number;
  readonly millis: number;
}

async function analysisBench(flags: AnalysisFlags): Promise<void> {
  const { benchAnalysis } = await import('../bench/analysis.ts');
  const result = await benchAnalysis({ repetitions: flags.repetitions, millis: flags.millis, say });
  if (flags.json !== true) {
    const { table } = await import('./table.ts');
    const { cpu, cores, node, loadBefore } = result.machine;
    const rows = result.figures.map(({ what, n, deadlines, sets, schedulable, bestPerSecond, medianPerSecond, peer }) => [
      what,
      String(n),
      deadlines,
      `${schedulable} of ${sets}`,
      ...[bestPerSecond, medianPerSecond].map(String),
      peer === undefined ? '-' : String(peer.perSecond),
      peer?.name ?? '',
    ]);
    process.stdout.write(
      `${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}; ${result.sets} sets; sets a second\n${table(
        ['analysis', 'n', 'deadlines', 'schedulable', 'best', 'median', 'peer', ''],
        rows,
      )}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

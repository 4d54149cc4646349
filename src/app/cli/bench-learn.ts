/** `drover bench learn`: what learning costs a bridge and a manager. */
import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface LearnBenchFlags {
  readonly rows: number;
  readonly json?: boolean;
}

export function registerLearnBench(bench: Command): void {
  const learn = bench
    .command('learn')
    .description('time and memory of one update at a bridge, and how late a manager’s timers are while it trains')
    .option('--rows <n>', 'updates of each network', wholeNumber(100, 1_000_000), 5_000)
    .option('--json', 'print one JSON object')
    .action(learnBench);
  withExamples(learn, [{ does: 'The longest update of a bridge', line: 'drover bench learn --json | jq .updates[].mostUs' }]);
}

async function learnBench({ rows, json }: LearnBenchFlags): Promise<void> {
  const { benchLearn } = await import('../bench/learn.ts');
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const result = await benchLearn({ rows, say });
  if (json === true) return void process.stdout.write(`${JSON.stringify(result)}\n`);
  const { cpu, cores, node, loadBefore } = result.machine;
  const { bound, updates, look, tuning } = result;
  const lines = [
    `${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}`,
    `a row: ${bound.tasks} tasks, ${bound.keep} rows kept, 1 + ${bound.replays} steps, at most ${bound.parameters} parameters`,
    ...updates.map(
      ({ network, parameters, stateBytes, verdictMedianUs, cpuUs, medianUs, p99Us, mostUs }) =>
        `${network} (${parameters} parameters, ${stateBytes} bytes of state): update ${cpuUs} µs of processor time, on the clock ${medianUs} µs, 99 % within ${p99Us} µs, longest ${mostUs} µs; exact test ${verdictMedianUs} µs`,
    ),
    `a look at ${look.tasks} tasks: ${look.cpuUs} µs of processor time (best on the clock ${look.bestUs} µs)`,
    `fine-tuning on ${tuning.sets} sets of ${tuning.reports} reports, ${tuning.backend}: ${tuning.seconds} s; a timer of the main thread was ${tuning.lateMsMedian} ms late, at most ${tuning.lateMsMost} ms (without training ${tuning.idleLateMsMedian} and ${tuning.idleLateMsMost} ms)`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

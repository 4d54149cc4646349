/** `drover bench metrics`: what the metrics agent costs an ECU, and whether that is still little enough. */
import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface MetricsBenchFlags {
  readonly seconds: number;
  readonly tasks: number;
  readonly json?: boolean;
}

const EVERY_MS = [100, 10];
/** The aim is for the first of these intervals. */
const SHARE_MAX = 0.01;

export function registerMetricsBench(bench: Command): void {
  const metrics = bench
    .command('metrics')
    .description('processor time of the metrics agent alone; fails where it takes more than 1 % of a core at 100 ms')
    .option('--seconds <n>', 'length of each measured turn, with and without', wholeNumber(1, 600), 2)
    .option('--tasks <n>', 'tasks that the samples tell of', wholeNumber(0, 1000), 12)
    .option('--json', 'print one JSON object')
    .action(metricsBench);
  withExamples(metrics, [
    { does: 'The share of a core at a sample every 100 ms', line: 'drover bench metrics --json | jq .results[0].share' },
  ]);
}

async function metricsBench({ seconds, tasks, json }: MetricsBenchFlags): Promise<void> {
  const { benchMetrics } = await import('../bench/metrics.ts');
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const result = await benchMetrics({ seconds, tasks, everyMs: EVERY_MS, say });
  const share = result.results[0]?.share ?? Number.NaN;
  const isWithin = share <= SHARE_MAX;
  if (json !== true) {
    const { cpu, cores, node, loadBefore } = result.machine;
    const lines = result.results.map(
      ({ everyMs, share: of, shareBest, cpuUsPerSample }) =>
        `every ${String(everyMs).padStart(4)} ms  ${(of * 100).toFixed(2)} % of a core (best ${(shareBest * 100).toFixed(2)} %), ${cpuUsPerSample} µs a sample`,
    );
    process.stdout.write(
      `${[
        `${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}`,
        `sources ${result.sources.join(', ')}; ${result.tasks} tasks; ${result.bytes} bytes a sample`,
        ...lines,
        '',
      ].join('\n')}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify({ ...result, aim: SHARE_MAX, within: isWithin })}\n`);
  if (!isWithin) process.exitCode = 1;
}

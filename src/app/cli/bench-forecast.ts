/** `drover bench forecast`: what a forecast costs on the hot path, of one series and of ten thousand. */
import type { Command } from 'commander';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface ForecastBenchFlags {
  readonly series: number;
  readonly rounds: number;
  readonly guard?: boolean;
  readonly json?: boolean;
}

export function registerForecastBench(bench: Command): void {
  const forecast = bench
    .command('forecast')
    .description('what taking in a value and forecasting four horizons costs: one series, and ten thousand at 1 Hz')
    .option('--series <n>', 'side by side', wholeNumber(1, 100_000), 10_000)
    .option('--rounds <n>', 'of which the best and the median are reported', wholeNumber(1, 10_000), 30)
    .option('--guard', 'exit with 1 when a median misses its aim (20 µs, a quarter of a core)')
    .option('--json', 'print one JSON object')
    .action(forecastBench);
  withExamples(forecast, [
    { does: 'Microseconds a value', line: 'drover bench forecast' },
    { does: 'The share of a core of ten thousand series', line: 'drover bench forecast --json | jq .many.coreShare' },
    { does: 'As a guard of a build', line: 'drover bench forecast --guard --json' },
  ]);
}

async function forecastBench(flags: ForecastBenchFlags): Promise<void> {
  const { benchForecast } = await import('../bench/forecast.ts');
  const result = await benchForecast({ series: flags.series, rounds: flags.rounds });
  if (flags.json !== true) {
    const { cpu, cores, node, loadBefore } = result.machine;
    const { updateAndForecastUs: one, many, fit, withNetworkUs: networks, heartbeat: beat } = result;
    process.stdout.write(
      [
        `${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}`,
        `one series, fitted models in the race   ${one.median.toFixed(1)} µs a value (best ${one.best.toFixed(1)}; aim: 20)`,
        `${many.series} series at 1 Hz   ${(100 * many.coreShare.median).toFixed(1)} % of a core (best ${(100 * many.coreShare.best).toFixed(1)}; aim: 25), ${many.stateBytesEach} bytes of state each`,
        `fitting in the background to ${fit.values} values   ${fit.ms.toFixed(0)} ms`,
        `with a network in the race   ${Object.entries(networks)
          .map(([family, each]) => `${family} ${each.median.toFixed(1)}`)
          .join(', ')} µs a value`,
        `a beat each 10 ms is late by at most ${beat.nothing.mostMs.toFixed(0)} ms with nothing to do, ${beat.inLine.mostMs.toFixed(0)} ms beside fits in line, ${beat.inThread.mostMs.toFixed(0)} ms beside fits in the background`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (flags.guard === true && !result.withinAims) throw new QuietExit(EXIT_FAILED);
}

/** `drover bench chain`: how long a sample takes through a chain of three tasks, and how long the chain is silent when it moves as one. */
import type { Command } from 'commander';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface ChainFlags {
  readonly samples: number;
  readonly moves: number;
  readonly data?: string;
  readonly json?: boolean;
}

export function registerChainBench(bench: Command): void {
  const command = bench
    .command('chain')
    .description(
      'how long a sample takes from a sensor through a filter to an actuator, and how silent moving all three as one is',
    )
    .option('--samples <n>', 'samples that are timed', wholeNumber(10, 100_000), 500)
    .option('--moves <n>', 'times that the chain moves as one afterwards', wholeNumber(0, 1_000), 6)
    .option('--data <folder>', 'where the fleet keeps its data (default: a new temporary folder)')
    .option('--json', 'print one JSON object')
    .action(chainBench);
  withExamples(command, [
    { does: 'Five hundred samples, six moves', line: 'drover bench chain' },
    { does: 'End to end alone', line: 'drover bench chain --moves 0 --json | jq .sampleToCommandMs' },
  ]);
}

async function chainBench(flags: ChainFlags): Promise<void> {
  const [{ benchChain }, { mkdtemp, rm }, { tmpdir }, { join, resolve }] = await Promise.all([
    import('../bench/chain.ts'),
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const dataFolder = flags.data === undefined ? await mkdtemp(join(tmpdir(), 'drover-bench-')) : resolve(flags.data);
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const { samples, moves } = flags;
  const result = await benchChain({ dataFolder, samples, moves, say });
  if (flags.data === undefined) await rm(dataFolder, { recursive: true, force: true });
  if (flags.json !== true) {
    const row = (name: string, { n, p50, p99, max }: typeof result.routeMs): string =>
      `${name.padEnd(28)}${String(n).padStart(6)}${[p50, p99, max].map((ms) => ms.toFixed(1).padStart(9)).join('')}`;
    const { cpu, cores, memoryGib, node, loadBefore } = result.machine;
    process.stdout.write(
      [
        `${cpu}, ${cores} cores, ${memoryGib} GiB, Node ${node}, load before ${loadBefore}`,
        '',
        `${'ms'.padEnd(28)}${'n'.padStart(6)}${['p50', 'p99', 'max'].map((head) => head.padStart(9)).join('')}`,
        row('sample to command', result.sampleToCommandMs),
        row('tick to command', result.tickToCommandMs),
        row('  one route', result.routeMs),
        row('  one task', result.taskMs),
        row('between commands', result.betweenCommandsMs),
        ...(result.moves === 0 ? [] : [row('silence of a move as one', result.moveSilenceMs)]),
        '',
        `${result.moves} moves as one, ${result.stayed} given up`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

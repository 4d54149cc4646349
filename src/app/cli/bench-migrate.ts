/** `drover bench migrate`: how long a task is silent when it is moved. */
import { type Command, Option } from 'commander';
import type { MigrationMode } from '../../domain/migration/estimate.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface MigrateFlags {
  readonly moves: number;
  readonly others: number;
  readonly mode?: MigrationMode;
  readonly data?: string;
  readonly json?: boolean;
}

export function registerMigrateBench(bench: Command): void {
  const command = bench
    .command('migrate')
    .description('how long a task of 1 MiB at 10 ms ticks is silent when it is moved between two ECUs')
    .option('--moves <n>', 'times it is moved', wholeNumber(1, 10_000), 50)
    .option('--others <n>', 'tasks of the same kind that tick meanwhile', wholeNumber(0, 100), 0)
    .addOption(
      new Option('--mode <mode>', 'how its state is brought over (default: whichever its deadline allows)').choices([
        'live',
        'stop-and-copy',
        'cold',
      ]),
    )
    .option('--data <folder>', 'where the fleet keeps its data (default: a new temporary folder)')
    .option('--json', 'print one JSON object')
    .action(migrateBench);
  withExamples(command, [
    { does: 'Fifty moves', line: 'drover bench migrate' },
    { does: 'The silence alone', line: 'drover bench migrate --json | jq .silenceMs' },
  ]);
}

async function migrateBench(flags: MigrateFlags): Promise<void> {
  const [{ benchMigrate }, { mkdtemp, rm }, { tmpdir }, { join, resolve }] = await Promise.all([
    import('../bench/migrate.ts'),
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const dataFolder = flags.data === undefined ? await mkdtemp(join(tmpdir(), 'drover-bench-')) : resolve(flags.data);
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const { moves, others, mode } = flags;
  const result = await benchMigrate({ dataFolder, moves, others, mode, say });
  if (flags.data === undefined) await rm(dataFolder, { recursive: true, force: true });
  if (flags.json !== true) {
    const row = (name: string, { n, p50, p99, max }: typeof result.silenceMs): string =>
      `${name.padEnd(28)}${String(n).padStart(6)}${[p50, p99, max].map((ms) => ms.toFixed(1).padStart(9)).join('')}`;
    const { cpu, cores, memoryGib, node, loadBefore } = result.machine;
    process.stdout.write(
      [
        `${cpu}, ${cores} cores, ${memoryGib} GiB, Node ${node}, load before ${loadBefore}`,
        '',
        `${'ms'.padEnd(28)}${'n'.padStart(6)}${['p50', 'p99', 'max'].map((head) => head.padStart(9)).join('')}`,
        row('silence', result.silenceMs),
        row('  hand over', result.handOverMs),
        row('  commit', result.commitMs),
        row('  start', result.startMs),
        row('  first output', result.outputMs),
        row('between outputs otherwise', result.betweenOutputsMs),
        '',
        `${result.copiedKib} KiB in ${result.rounds} rounds while it ran; ${result.aborted} given up and asked for again`,
        `${result.outputs} outputs compared with the run alone: ${result.lostOutputs} lost, ${result.duplicateOutputs} doubled, ${result.mismatchedTasks} tasks changed`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

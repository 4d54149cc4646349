/** `drover bench`: what drover costs and how quick it is, on this machine, with the spread and what was measured. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { ReceiveBench } from '../bench/receive.ts';
import { registerChainBench } from './bench-chain.ts';
import { registerForecastBench } from './bench-forecast.ts';
import { registerLearnBench } from './bench-learn.ts';
import { registerMetricsBench } from './bench-metrics.ts';
import { registerMigrateBench } from './bench-migrate.ts';
import { registerRealtimeBenches } from './bench-realtime.ts';
import { registerSimulationBenches } from './bench-simulation.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface BenchFlags {
  readonly json?: boolean;
}

interface FailoverFlags extends BenchFlags {
  readonly kills: number;
  readonly managerKills: number;
  readonly tasks: number;
  readonly checkpointMs: number;
  readonly data?: string;
}

export function registerBench(program: Command): void {
  const bench = program
    .command('bench')
    .description(
      'measure: failover, migration, chains, checkpoints, the managers’ stores, receiving strategies, the loop, compression, metrics, real-time analysis and schedules, simulation, scale, forecasts',
    );
  const failover = bench
    .command('failover')
    .description('how long twelve tasks of 1 MiB at 10 ms ticks stand still when their ECU is killed')
    .option('--kills <n>', 'ECUs killed while the managers live', wholeNumber(1, 1000), 10)
    .option('--manager-kills <n>', 'ECUs killed together with the manager that claims', wholeNumber(0, 1000), 4)
    .option('--tasks <n>', 'tasks on the killed ECU', wholeNumber(1, 100), 12)
    .option('--checkpoint-ms <n>', 'least time between two checkpoints of a task', wholeNumber(1, 60_000), 250)
    .option('--data <folder>', 'where the fleet keeps its data (default: a new temporary folder)')
    .option('--json', 'print one JSON object')
    .action(failoverBench);
  withExamples(failover, [{ does: 'Ten kills, then four with the claiming manager', line: 'drover bench failover' }]);
  registerMigrateBench(bench);
  registerChainBench(bench);
  const checkpoint = bench
    .command('checkpoint')
    .description('what an incremental checkpoint of 64 MiB with 1 % dirty pages costs, against the bare compare')
    .option('--json', 'print one JSON object')
    .action(checkpointBench);
  withExamples(checkpoint, [{ does: 'The ratio alone', line: 'drover bench checkpoint --json | jq .ratio' }]);
  const loop = bench
    .command('loop')
    .description('what one step of the one loop costs, on LMDB and on JetStream records')
    .option('--steps <n>', 'steps of each of the thousand actors in a sample', wholeNumber(1, 10_000), 15)
    .option('--samples <n>', 'samples for each store and durability', wholeNumber(1, 100), 3)
    .option('--json', 'print one JSON object')
    .action(loopBench);
  withExamples(loop, [{ does: 'Steps a second, by store and durability', line: 'drover bench loop' }]);
  const compression = bench
    .command('compression')
    .description('what packing the pages of checkpoints saves and costs, on the states of the examples')
    .option('--json', 'print one JSON object')
    .action(compressionBench);
  withExamples(compression, [
    { does: 'Whether it pays on a link of 100 Mbit/s', line: 'drover bench compression --json | jq .figures' },
  ]);
  const store = bench
    .command('store')
    .description('what receiving and reading checkpoints of 1 MiB with 2 % dirty pages costs a manager')
    .option('--seconds <n>', 'length of each measured part', wholeNumber(1, 600), 4)
    .option('--rounds <n>', 'turns of bare exchange and ingest', wholeNumber(1, 100), 3)
    .option('--json', 'print one JSON object')
    .action(storeBench);
  withExamples(store, [{ does: 'Processor time a checkpoint', line: 'drover bench store --json | jq .cpuPerCheckpointUs' }]);
  const receive = bench
    .command('receive')
    .description('the receiving strategies on the same work: bytes on the wire, age of durable states, memory')
    .option('--ecus <n>', 'ECUs', wholeNumber(1, 32), 2)
    .option('--managers <n>', 'managers, all of which must store', wholeNumber(1, 8), 2)
    .option('--tasks <n>', 'tasks in the fleet', wholeNumber(1, 200), 6)
    .option('--memory <KiB>', 'memory of a task', wholeNumber(64, 65_536), 1024)
    .option('--dirty <percents>', 'how much of it changes between two checkpoints', percents, [2, 20])
    .option('--hot <percent>', 'how much of that is the same pages every time', wholeNumber(0, 100), 75)
    .option('--checkpoint-ms <n>', 'between two checkpoints of a task', wholeNumber(20, 60_000), 500)
    .option('--interval-ms <n>', 'between two rounds of the interval strategy', wholeNumber(10, 600_000), 1_000)
    .option('--seconds <n>', 'length of each measurement', wholeNumber(1, 3_600), 8)
    .option('--from <file>', 'measure nothing: read what --json printed before')
    .option('--picture <file>', 'draw the result as SVG into this file')
    .option('--json', 'print one JSON object')
    .action(receiveBench);
  withExamples(receive, [
    { does: 'Two ECUs, six tasks of 1 MiB, 2 % and 20 % changed', line: 'drover bench receive' },
    { does: 'Another rate of change', line: 'drover bench receive --dirty 50 --json' },
    {
      does: 'The picture of docs/RECEIVING.md again',
      line: 'drover bench receive --from docs/receiving.json --picture docs/receiving.svg',
    },
  ]);
  registerMetricsBench(bench);
  registerSimulationBenches(bench);
  registerForecastBench(bench);
  registerLearnBench(bench);
  registerRealtimeBenches(bench);
  withExamples(bench, [
    { does: 'Where the milliseconds of a failover go', line: 'drover bench failover --json | tail -1' },
    { does: 'Incremental checkpoints', line: 'drover bench checkpoint' },
  ]);
}

async function failoverBench(flags: FailoverFlags): Promise<void> {
  const [{ benchFailover }, { mkdtemp, rm }, { tmpdir }, { join, resolve }] = await Promise.all([
    import('../bench/failover.ts'),
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const dataFolder = flags.data === undefined ? await mkdtemp(join(tmpdir(), 'drover-bench-')) : resolve(flags.data);
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const result = await benchFailover({
    dataFolder,
    kills: flags.kills,
    killsWithManager: flags.managerKills,
    tasks: flags.tasks,
    checkpointIntervalUs: flags.checkpointMs * 1000,
    say,
  });
  if (flags.data === undefined) await rm(dataFolder, { recursive: true, force: true });
  if (flags.json !== true) {
    const row = (name: string, { n, p50, p99, max }: typeof result.failoverMs): string =>
      `${name.padEnd(28)}${String(n).padStart(5)}${p50.toFixed(1).padStart(9)}${p99.toFixed(1).padStart(9)}${max.toFixed(1).padStart(9)}`;
    const { cpu, cores, memoryGib, node, loadBefore } = result.machine;
    process.stdout.write(
      [
        `${cpu}, ${cores} cores, ${memoryGib} GiB, Node ${node}, load before ${loadBefore}`,
        '',
        `${'ms'.padEnd(28)}${'n'.padStart(5)}${'p50'.padStart(9)}${'p99'.padStart(9)}${'max'.padStart(9)}`,
        row('failover, managers alive', result.failoverMs),
        row('  detect', result.detectMs),
        row('  decide', result.decideMs),
        row('  restore', result.restoreMs),
        row('  first output', result.outputMs),
        row('with the claiming manager', result.withManager.failoverMs),
        row('  detect', result.withManager.detectMs),
        row('  decide', result.withManager.decideMs),
        row('  restore', result.withManager.restoreMs),
        row('  first output', result.withManager.outputMs),
        '',
        `bridge at rest: ${result.bridgeRestMib} MiB`,
        `${result.outputs} outputs compared with the run alone: ${result.lostOutputs} lost, ${result.duplicateOutputs} doubled, ${result.mismatchedTasks} tasks changed`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function checkpointBench(flags: BenchFlags): Promise<void> {
  const { benchCheckpoint } = await import('../bench/checkpoint.ts');
  const result = await benchCheckpoint();
  if (flags.json !== true) {
    const { cpu, cores, memoryMiB, node } = result.machine;
    const spread = ({ n, min, p50, p90, max }: typeof result.captureUs): string =>
      `${(p50 / 1000).toFixed(2)} ms (min ${(min / 1000).toFixed(2)}, p90 ${(p90 / 1000).toFixed(2)}, max ${(max / 1000).toFixed(2)}; n ${n})`;
    process.stdout.write(
      [
        `${cpu}, ${cores} cores, ${memoryMiB} MiB, Node ${node}`,
        `bare compare of ${result.memoryBytes / 2 ** 20} MiB  ${spread(result.bareCompareUs)}`,
        `increment of ${result.dirtyPages} pages   ${spread(result.captureUs)}`,
        `ratio ${result.ratio.toFixed(2)}, of the best ${result.ratioOfBest.toFixed(2)} (aim: 1.3)   hash ${result.hash}`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

interface LoopFlags extends BenchFlags {
  readonly steps: number;
  readonly samples: number;
}

async function loopBench(flags: LoopFlags): Promise<void> {
  const { benchLoop } = await import('../bench/loop.ts');
  const result = await benchLoop({ stepsPerActor: flags.steps, samples: flags.samples });
  if (flags.json !== true) {
    const { cpu, cores, node } = result.machine;
    const lines = result.results.map(
      ({ store, durability, stepsPerSecond: { median, least, most }, cpuUsPerStep }) =>
        `${`${store}, ${durability}`.padEnd(44)}${String(median).padStart(8)}  (${least} … ${most})  ${cpuUsPerStep} µs of CPU a step`,
    );
    process.stdout.write(
      `${[`${cpu}, ${cores} cores, Node ${node}`, 'steps a second: median (least … most)', ...lines, ''].join('\n')}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function compressionBench(flags: BenchFlags): Promise<void> {
  const { benchCompression } = await import('../bench/compression.ts');
  const result = await benchCompression();
  if (flags.json !== true) {
    const { cpu, cores, node, loadBefore } = result.machine;
    const row = (cells: readonly (string | number)[]): string =>
      cells.map((cell, at) => (at < 3 ? String(cell).padEnd(12) : String(cell).padStart(14))).join('');
    const lines = result.figures.map((figure) =>
      row([
        figure.state,
        figure.what,
        figure.codec,
        figure.ratio,
        figure.packUsPerMib,
        figure.unpackUsPerMib,
        figure.breakEvenMbps ?? '-',
      ]),
    );
    const head = row(['state', 'pages', 'codec', 'ratio', 'pack µs/MiB', 'unpack µs/MiB', 'below Mbit/s']);
    process.stdout.write(
      `${[`${cpu}, ${cores} cores, Node ${node}, load before ${loadBefore}`, head, ...lines, ''].join('\n')}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

interface StoreFlags extends BenchFlags {
  readonly seconds: number;
  readonly rounds: number;
}

async function storeBench(flags: StoreFlags): Promise<void> {
  const { benchStore } = await import('../bench/store.ts');
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const result = await benchStore({ seconds: flags.seconds, rounds: flags.rounds, say });
  if (flags.json !== true) {
    const { ingest, ingestLocal, paced, restore } = result;
    const { cpu, cores, memoryGib, node, loadBefore } = result.machine;
    const each = (of: Readonly<Record<string, number>>): string =>
      Object.entries(of)
        .map(([manager, value]) => `${manager} ${value}`)
        .join(', ');
    process.stdout.write(
      [
        `${cpu}, ${cores} cores, ${memoryGib} GiB, Node ${node}, load before ${loadBefore}`,
        `ingest, ${ingest.tasks} tasks, one manager    ${ingest.perSecond} checkpoints a second, ${ingest.mibPerSecond} MiB/s`,
        `bare request and reply, same sizes ${ingest.barePerSecond} a second, ${ingest.bareMibPerSecond} MiB/s`,
        `share ${result.ingestShare} (aim: 0.6)   CPU a checkpoint: manager ${ingest.cpuPerCheckpointUs} µs, server ${ingest.serverCpuPerCheckpointUs} µs`,
        `ingest by the local path              ${ingestLocal.perSecond} checkpoints a second, share ${result.ingestLocalShare}   CPU a checkpoint: manager ${ingestLocal.cpuPerCheckpointUs} µs, server ${ingestLocal.serverCpuPerCheckpointUs} µs`,
        `${paced.tasks} tasks, one each ${paced.intervalMs} ms, two managers: CPU a checkpoint in µs: ${each(paced.cpuPerCheckpointUs)} (aim: 400)`,
        `  share of a core: ${each(paced.managerCpuShare)}; with nothing to do ${each(paced.idleCpuShare)}`,
        `restore read of 1 MiB  p50 ${restore.ms.p50} ms, p99 ${restore.ms.p99} ms (aim: 5)   plain LMDB get and digest p50 ${restore.plainMs.p50} ms   share ${restore.share} (aim: 0.6)`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function percents(text: string): number[] {
  const all = text.split(',').map(Number);
  if (all.every((percent) => percent > 0 && percent <= 100)) return all;
  throw new DroverError('ERR_USAGE', `--dirty ${text}: write percents above 0 and up to 100, e.g. 2,20`);
}

interface ReceiveBenchFlags extends BenchFlags {
  readonly ecus: number;
  readonly managers: number;
  readonly tasks: number;
  readonly memory: number;
  readonly dirty: readonly number[];
  readonly hot: number;
  readonly checkpointMs: number;
  readonly intervalMs: number;
  readonly seconds: number;
  readonly from?: string;
  readonly picture?: string;
}

async function receiveBench(flags: ReceiveBenchFlags): Promise<void> {
  const [{ benchReceive }, { drawReceive }, { readFile, writeFile }] = await Promise.all([
    import('../bench/receive.ts'),
    import('../bench/receive-picture.ts'),
    import('node:fs/promises'),
  ]);
  const { memory, dirty, hot, from, picture, json, ...work } = flags;
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const result: ReceiveBench =
    from === undefined
      ? await benchReceive({ ...work, memoryKib: memory, dirtyPercents: dirty, hotPercent: hot, say })
      : JSON.parse(await readFile(from, 'utf8'));
  if (picture !== undefined) await writeFile(picture, drawReceive(result));
  if (json !== true) {
    const { cpu, cores, memoryGib, node, loadBefore } = result.machine;
    const head = [
      '',
      'changed',
      'KiB/s in',
      'out',
      'age p50',
      'p99 ms',
      'managers %',
      'server %',
      'manager MiB',
      'ECU held KiB',
    ];
    const row = (cells: readonly (string | number)[]): string =>
      cells.map((cell, at) => (at === 0 ? String(cell).padEnd(10) : String(cell).padStart(13))).join('');
    const rows = result.results.map((one) =>
      row([
        one.strategy,
        `${one.dirtyPercent} %`,
        one.wireInKib,
        one.wireOutKib,
        one.ageMs.p50,
        one.ageMs.p99,
        one.managersCpuPercent,
        one.serverCpuPercent,
        one.managerPeakMib,
        one.ecuHeldPeakKib,
      ]),
    );
    const idle = row(['no ckpt', '', result.idle.wireInKib, result.idle.wireOutKib]);
    const machine = `${cpu}, ${cores} cores, ${memoryGib} GiB, Node ${node}, load before ${loadBefore}`;
    process.stdout.write(`${[machine, row(head), idle, ...rows, ''].join('\n')}\n`);
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

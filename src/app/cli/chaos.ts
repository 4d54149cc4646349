/** `drover chaos`: kill parts of a fleet under load, then prove that nothing was lost, doubled or changed. */
import { type Command, Option } from 'commander';
import type { ReceiveStrategy } from '../../domain/checkpoint/receiving.ts';
import type { ScenarioHalf } from '../chaos/run-scenario.ts';
import { SCENARIOS, type ScenarioName } from '../chaos/scenarios.ts';
import type { ChaosRuntime } from '../chaos/workload.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { type LocalPathFlags, withLocalPathOption } from './local-path-option.ts';
import { wholeNumber } from './numbers.ts';
import { receiveChoice, withReceiveOptions } from './receive-options.ts';

interface ChaosFlags extends LocalPathFlags {
  readonly ecus: number;
  readonly managers: number;
  readonly tasks: number;
  readonly kills: number;
  readonly seed: number;
  readonly kill: 'ecu' | 'bridge' | 'manager' | 'both' | 'freeze' | 'mixed';
  readonly duration: number;
  readonly spacing: number;
  readonly damage?: 'store';
  readonly runtime?: ChaosRuntime;
  readonly receive?: ReceiveStrategy;
  readonly receiveInterval: number;
  readonly data?: string;
  readonly keep?: boolean;
  readonly scenario?: ScenarioName;
  readonly json?: boolean;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
}

export function registerChaos(program: Command): void {
  const command = program
    .command('chaos')
    .description('kill parts of a fleet under load, then prove that nothing was lost, doubled or changed')
    .option('--ecus <n>', 'ECUs in the fleet', wholeNumber(2, 64), 4)
    .option('--managers <n>', 'checkpoint managers', wholeNumber(1, 16), 2)
    .option('--tasks <n>', 'tasks to run', wholeNumber(1, 200), 12)
    .option('--kills <n>', 'how often to kill', wholeNumber(0, 1000), 6)
    .option('--seed <n>', 'decides who dies when, and what is fed', wholeNumber(0, 2 ** 32 - 1), Date.now() % 100_000)
    .addOption(
      new Option(
        '--kill <kind>',
        'what is killed: an ECU whole, its bridge alone, a manager, an ECU and the manager that claims it, or an ECU stopped and let go',
      )
        .choices(['ecu', 'bridge', 'manager', 'both', 'freeze', 'mixed'])
        .default('mixed'),
    )
    .option('--duration <seconds>', 'keep the load up for at least this long', wholeNumber(0, 86_400), 0)
    .option('--spacing <ms>', 'mean time between two kills', wholeNumber(100, 600_000), 1500)
    .addOption(new Option('--runtime <kind>', 'only tasks of this runtime (default: of all)').choices(['wasm', 'worker']))
    .addOption(
      new Option('--damage <what>', 'between the kills, damage records in the store of a random manager').choices(['store']),
    )
    .addOption(
      new Option(
        '--scenario <name>',
        'one ECU heats up, fills up, or is drained, and dies: with and without predictors, and what came of it',
      ).choices(SCENARIOS),
    )
    .option('--data <folder>', 'where the fleet keeps its data (default: a new temporary folder)')
    .option('--keep', 'keep the data folder, also when all is well')
    .option('--json', 'print the result only; no table')
    .addOption(
      new Option('--log <level>', 'what the processes write to their logs')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(chaos);
  withExamples(withLocalPathOption(withReceiveOptions(command)), [
    {
      does: 'The run of the README: six kills of all kinds in a fleet of four ECUs',
      line: 'drover chaos --ecus 4 --managers 2 --tasks 12 --kills 6 --seed 7',
    },
    { does: 'Only zombies: ECUs that are stopped, replaced, and wake up later', line: 'drover chaos --kill freeze --kills 4' },
    { does: 'Managers lose pages and manifests as well', line: 'drover chaos --kill mixed --kills 6 --damage store' },
    { does: 'Classes that serialise themselves, and nothing else', line: 'drover chaos --runtime worker --tasks 4 --kills 4' },
    { does: 'With another receiving strategy', line: 'drover chaos --receive push --ecus 3 --tasks 4 --kills 2' },
    {
      does: 'One ECU overheats: who left in time, with predictors and without',
      line: 'drover chaos --scenario thermal --json',
    },
    { does: 'One runs out of memory and cores', line: 'drover chaos --scenario overload --ecus 3 --tasks 6' },
    { does: 'One is drained by command and switched off, or just switched off', line: 'drover chaos --scenario drain' },
    { does: 'For scripts: the last line of the output is one JSON object', line: 'drover chaos --seed 3 --json | tail -1' },
  ]).addHelpText(
    'after',
    '\nExit code: 0 when nothing was lost, doubled or changed, 1 otherwise (the data folder is then kept).',
  );
}

async function chaos(flags: ChaosFlags): Promise<void> {
  const [{ runChaos }, { chaosResult, chaosTable, explainFailure }, { mkdtemp, rm }, { tmpdir }, { join, resolve }] =
    await Promise.all([
      import('../chaos/run-chaos.ts'),
      import('../chaos/report.ts'),
      import('node:fs/promises'),
      import('node:os'),
      import('node:path'),
    ]);
  const { seed, ecus, managers, tasks, kills, kill: kind } = flags;
  const dataFolder = flags.data === undefined ? await mkdtemp(join(tmpdir(), 'drover-chaos-')) : resolve(flags.data);
  const beganMs = performance.now();
  const say = (sentence: string): void => {
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(2);
    process.stderr.write(`${seconds.padStart(7)} s  ${sentence}\n`);
  };
  let interrupted = false;
  const interrupt = (): void => {
    if (interrupted) process.exit(130);
    interrupted = true;
    say('interrupted: bringing the fleet to rest and judging what there is (again to leave at once)');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const struck = flags.scenario ?? `${kills} × ${kind}`;
  say(`seed ${seed}: ${ecus} ECUs, ${managers} managers, ${tasks} tasks, ${struck}; data in ${dataFolder}`);
  try {
    if (flags.scenario !== undefined)
      return await scenario(flags.scenario, flags, { dataFolder, say, interrupted: () => interrupted });
    const run = await runChaos({
      seed,
      ecus,
      managers,
      tasks,
      kills,
      kind,
      damage: flags.damage,
      ...(flags.runtime === undefined ? {} : { runtime: flags.runtime }),
      ...receiveChoice(flags),
      localPath: flags.localPath === 'on',
      dataFolder,
      durationUs: flags.duration * 1_000_000,
      spacingUs: flags.spacing * 1_000,
      logLevel: flags.log,
      say,
      interrupted: () => interrupted,
    });
    const { ok } = run.verdict;
    if (flags.json !== true) process.stdout.write(chaosTable(run));
    if (!ok) process.stderr.write(explainFailure(run.verdict, dataFolder));
    process.stdout.write(`${JSON.stringify(chaosResult(run, { seed, kind }))}\n`);
    if (ok && flags.keep !== true && flags.data === undefined) await rm(dataFolder, { recursive: true, force: true });
    if (!ok) throw new QuietExit(EXIT_FAILED);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

interface Running {
  readonly dataFolder: string;
  readonly say: (sentence: string) => void;
  readonly interrupted: () => boolean;
}

/** Both halves one after the other; fails when anything was lost, doubled or changed, or the ECU did not die as it should. */
async function scenario(name: ScenarioName, flags: ChaosFlags, running: Running): Promise<void> {
  const [{ runScenario }, { scenarioNamed }, { rm }] = await Promise.all([
    import('../chaos/run-scenario.ts'),
    import('../chaos/scenarios.ts'),
    import('node:fs/promises'),
  ]);
  const { seed, ecus, managers, tasks } = flags;
  const options = { scenario: scenarioNamed(name), seed, ecus, managers, tasks, ...running };
  const withPredictor = await runScenario(options, true);
  const withoutPredictor = await runScenario(options, false);
  const ok = withPredictor.ok && withoutPredictor.ok;
  if (flags.json !== true) process.stdout.write(await scenarioTable(withPredictor, withoutPredictor));
  process.stdout.write(`${JSON.stringify({ scenario: name, ok, seed, with: withPredictor, without: withoutPredictor })}\n`);
  if (ok && flags.keep !== true && flags.data === undefined) await rm(running.dataFolder, { recursive: true, force: true });
  if (!ok) throw new QuietExit(EXIT_FAILED);
}

async function scenarioTable(...halves: readonly [ScenarioHalf, ScenarioHalf]): Promise<string> {
  const { table } = await import('./table.ts');
  const rows = halves.map((half, at) => [
    at === 0 ? 'with' : 'without',
    ...[half.tasksMovedBefore, half.tasksRestoredAfter, half.silenceMs.p50, half.silenceMs.p99].map(String),
    ...[half.misses, half.falseMoves, half.lostOutputs, half.duplicateOutputs, half.mismatchedTasks].map(String),
  ]);
  const head = ['PREDICTOR', 'MOVED', 'RESTORED', 'SILENCE P50 ms', 'P99 ms', 'MISSES', 'FALSE', 'LOST', 'DOUBLED', 'CHANGED'];
  return table(head, rows);
}

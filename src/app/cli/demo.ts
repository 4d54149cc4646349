/** `drover demo`: the main job in twenty seconds, with its proof. */
import type { Command } from 'commander';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface DemoFlags {
  readonly seconds: number;
  readonly json?: boolean;
}

export function registerDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('watch an ECU die and its tasks go on elsewhere, then see the proof that nothing was lost')
    .option('--seconds <n>', 'how long the tasks run', wholeNumber(3, 3600), 10)
    .option('--json', 'print one JSON object as the last line')
    .action(demo);
  withExamples(command, [
    { does: 'The main job of drover in twenty seconds', line: 'drover demo' },
    { does: 'Longer, with the result for a script', line: 'drover demo --seconds 60 --json | tail -1' },
  ]);
}

async function demo(flags: DemoFlags): Promise<void> {
  const [{ runDemo }, { DemoView }, { summariseFailovers }, { mkdtemp, rm }, { tmpdir }, { join }] = await Promise.all([
    import('../demo/run-demo.ts'),
    import('../demo/view.ts'),
    import('../chaos/failover-times.ts'),
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const { stderr } = process;
  const view = new DemoView({
    write: (text) => void stderr.write(text),
    isTerminal: stderr.isTTY === true,
    columns: stderr.columns ?? Number.POSITIVE_INFINITY,
    nowMs: () => performance.now(),
  });
  let interrupted = false;
  const interrupt = (): void => {
    if (interrupted) process.exit(130);
    interrupted = true;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  view.intro();
  const dataFolder = await mkdtemp(join(tmpdir(), 'drover-demo-'));
  const run = await runDemo({ dataFolder, seconds: flags.seconds, watcher: view, interrupted: () => interrupted });
  const { ok, outputs, lostOutputs, duplicateOutputs, mismatchedTasks, violations } = run.verdict;
  view.ended(run, dataFolder);
  if (ok) await rm(dataFolder, { recursive: true, force: true });
  if (flags.json === true) {
    const tasks = run.failovers.map(({ task, totalUs }) => ({ task, gapMs: Math.round(totalUs / 10) / 100 }));
    const result = {
      ok,
      inputs: run.inputs,
      outputs,
      lostOutputs,
      duplicateOutputs,
      mismatchedTasks,
      violations: violations.length,
      ...summariseFailovers(run.failovers),
      tasks,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  if (!ok) throw new QuietExit(EXIT_FAILED);
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', interrupt);
}

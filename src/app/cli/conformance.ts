/** `drover conformance`: drives a bridge through the protocol, and says where it keeps it and where not. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { parseMac } from '../../domain/model/ids.ts';
import type { RuntimeKind } from '../../domain/model/task.ts';
import { GROUPS } from '../conformance/check.ts';
import type { CheckResult, SuiteResult } from '../conformance/suite.ts';
import { type BrokerFlags, brokerOf, withBrokerOptions } from './broker-options.ts';
import { stderrColours } from './colours.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';

interface ConformanceFlags extends BrokerFlags {
  readonly mac: string;
  readonly runtime: string;
  readonly artefact?: string;
  readonly only?: string;
  readonly patience: string;
  readonly endBridge?: boolean;
  readonly start?: string;
  readonly json?: boolean;
}

const RUNTIMES: readonly RuntimeKind[] = ['wasm', 'worker', 'process', 'container'];

export function registerConformance(program: Command): void {
  const command = program
    .command('conformance')
    .description('drive any bridge through the protocol (docs/PROTOCOL.md) and say what it keeps of it')
    .requiredOption('--mac <mac>', "the bridge's MAC")
    .option('--runtime <kind>', `runtime of the task the bridge is tested with: ${RUNTIMES.join(', ')}`, 'wasm')
    .option(
      '--artefact <file>',
      'the counting program for that runtime (default: the example `counter` for wasm, else a text that names it)',
    )
    .option('--only <group>', `one group (${GROUPS.join(', ')}) or one check (group/name)`)
    .option('--patience <seconds>', 'how long to wait for what is promised without a time', '10')
    .option('--end-bridge', 'at the end, stop the bridge with SIGTERM and look for its goodbye (same machine)')
    .option(
      '--start <command>',
      'how a second bridge of this kind is started on this machine, for the checks of two with one MAC; {mac} and {folder} in it are replaced',
    )
    .option('--json', 'print one JSON object at the end')
    .action(conformance);
  withBrokerOptions(command);
  command.addHelpText(
    'after',
    '\nExit code: 0 when every check passed or was skipped, 1 when one failed.\nNo manager may work on that broker: it would interfere.',
  );
  withExamples(command, [
    { does: 'Test the bridge of an ECU', line: 'drover conformance --mac 02:aa:00:00:00:01 --nats nats://127.0.0.1:4222' },
    {
      does: 'Test also what a second bridge with its MAC does',
      line: 'drover conformance --mac 02:aa:00:00:00:01 --start "./my-bridge --mac {mac} --folder {folder}" --only presence',
    },
    {
      does: 'Test a bridge that has the counting program built in',
      line: 'drover conformance --mac 02:aa:00:00:00:01 --runtime process --json',
    },
  ]);
}

async function conformance(flags: ConformanceFlags): Promise<void> {
  const mac = parseMac(flags.mac);
  if (mac === undefined) throw new DroverError('ERR_USAGE', `${flags.mac} is no MAC: write it as 02:aa:00:00:00:01`);
  const runtime = RUNTIMES.find((kind) => kind === flags.runtime);
  if (runtime === undefined)
    throw new DroverError('ERR_USAGE', `${flags.runtime} is no runtime: write one of ${RUNTIMES.join(', ')}`);
  const patienceUs = Math.round(Number(flags.patience) * 1_000_000);
  if (!(patienceUs > 0)) throw new DroverError('ERR_USAGE', `${flags.patience} is no number of seconds`);
  const { openBench } = await import('../conformance/open-bench.ts');
  const { anotherByCommand } = await import('../conformance/another-bridge.ts');
  const { runSuite, CHECKS } = await import('../conformance/suite.ts');
  const { only } = flags;
  if (only !== undefined && !CHECKS.some(({ group, name }) => only === group || only === `${group}/${name}`)) {
    throw new DroverError('ERR_USAGE', `${only} is neither a group (${GROUPS.join(', ')}) nor a check (group/name)`);
  }
  const leave = flags.endBridge === true ? ('signal' as const) : undefined;
  const { bench, close } = await openBench({
    mac,
    broker: await brokerOf(flags),
    runtime,
    artefactFile: flags.artefact,
    patienceUs,
    leave,
    another: flags.start === undefined ? undefined : anotherByCommand(flags.start),
  });
  try {
    const onResult = (result: CheckResult): void => void process.stderr.write(line(result));
    const result = await runSuite(bench, { ...(only === undefined ? {} : { only }), onResult });
    process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${summary(result)}\n`);
    if (result.failed > 0) throw new QuietExit(EXIT_FAILED);
  } finally {
    await close();
  }
}

function line({ group, name, promise, outcome, because }: CheckResult): string {
  const mark = {
    passed: stderrColours.green('ok     '),
    failed: stderrColours.red('FAILED '),
    skipped: stderrColours.yellow('skipped'),
  }[outcome];
  const why =
    because === undefined ? '' : outcome === 'failed' ? `\n         ${promise}\n         ${because}` : `  (${because})`;
  return `${mark}  ${group}/${name}${why}\n`;
}

const summary = ({ passed, failed, skipped }: SuiteResult): string => `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** `drover doctor`: what drover needs, what this machine has, and the way out. */
import type { Command } from 'commander';
import { checkServer } from '../../../infra/nats/check-server.ts';
import { findServer, lookForServer, type ServerSearch } from '../../../infra/nats/find-server.ts';
import { type Check, checkMachine } from '../../../infra/system/doctor.ts';
import { cacheFolder } from '../../../infra/system/folders.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { stderrColours, stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';

interface DoctorFlags {
  readonly json?: boolean;
  readonly fetch?: boolean;
  readonly data: string;
}

export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('say what drover needs, what is here, and the way out where something is missing')
    .option('--json', 'print one JSON object instead of a table')
    .option('--fetch', 'fetch nats-server (no root needed) when none is found')
    .option('--data <folder>', 'the data folder to look at', '.drover')
    .addHelpText('after', '\nExit code: 0 when drover can run here, 1 when something it needs is missing.')
    .action(doctor);
  withExamples(command, [
    { does: 'Look only; nothing is fetched or written', line: 'drover doctor' },
    { does: 'Also fetch nats-server into the cache when there is none', line: 'drover doctor --fetch' },
    { does: 'What is not as it should be', line: 'drover doctor --json | jq \'.checks[] | select(.state != "ok")\'' },
  ]);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const machine = await checkMachine({ cacheFolder: cacheFolder(), dataFolder: flags.data });
  const [node, ...rest] = machine;
  const server = await serverCheck(flags.fetch === true);
  const checks = [...(node === undefined ? [] : [node]), server, ...rest, await learningCheck()];
  const isUsable = checks.every((check) => check.state !== 'missing');
  process.stdout.write(flags.json === true ? `${JSON.stringify({ ok: isUsable, checks })}\n` : table(checks, isUsable));
  if (!isUsable) process.exitCode = 1;
}

async function serverCheck(mayFetch: boolean): Promise<Check> {
  const local = await lookForServer();
  if (local.server !== undefined || !mayFetch) return checkServer(local);
  try {
    const found = await findServer({ onProgress: (sentence) => process.stderr.write(`${stderrColours.dim(sentence)}\n`) });
    const search: ServerSearch = { server: found, tried: found.tried };
    return checkServer(search);
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return { ...checkServer(local), found: error.message };
  }
}

/** Which TensorFlow.js would train here. Models that are trained already run without any. */
async function learningCheck(): Promise<Check> {
  const name = 'TensorFlow.js';
  try {
    const { findBackend } = await import('../../../infra/tensorflow/backend.ts');
    const { backend, passedOver } = await findBackend();
    const others = passedOver.map((other) => `${other.backend}: ${other.why}`).join(', ');
    return { name, state: 'ok', found: others === '' ? backend : `${backend} (${others})`, wayOut: undefined };
  } catch (error) {
    const found = error instanceof Error ? (error.message.split('\n')[0] ?? 'fails') : String(error);
    return { name, state: 'warn', found, wayOut: 'install the packages again if you want to train here (drover learn)' };
  }
}

function table(checks: readonly Check[], isUsable: boolean): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const mark = {
    ok: stdoutColours.green('ok     '),
    warn: stdoutColours.yellow('warn   '),
    missing: stdoutColours.red('missing'),
  };
  const lines: string[] = [];
  for (const check of checks) {
    lines.push(`${mark[check.state]}  ${check.name.padEnd(width)}  ${check.found}`);
    if (check.wayOut !== undefined) lines.push(`${' '.repeat(9 + width + 2)}${stdoutColours.dim('→')} ${check.wayOut}`);
  }
  lines.push('', isUsable ? 'drover can run here.' : 'drover cannot run here yet: see what is missing above.', '');
  return lines.join('\n');
}

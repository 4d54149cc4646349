/** `drover down`: asks the `drover up` of a data folder to stop its fleet, and waits until it has. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { DATA_FOLDER } from './broker-options.ts';
import { withExamples } from './help.ts';

const STOP_MS_MAX = 30_000;
const POLL_MS = 50;

export function registerDown(program: Command): void {
  const command = program
    .command('down')
    .description('stop the fleet that "drover up" started on this machine')
    .option('--data <folder>', 'the folder it was started with', DATA_FOLDER)
    .option('--json', 'print one JSON object')
    .action((flags: { readonly data: string; readonly json?: boolean }) => down(flags));
  withExamples(command, [
    { does: 'Stop the fleet of the default folder', line: 'drover down' },
    { does: 'Stop another one', line: 'drover down --data /tmp/fleet' },
  ]);
}

async function down(flags: { readonly data: string; readonly json?: boolean }): Promise<void> {
  const { fleetFolders } = await import('../compose/process-config.ts');
  const { readFleetState } = await import('../fleet/fleet-state.ts');
  const { isProcessAlive } = await import('../../../infra/system/process-identity.ts');
  const folders = fleetFolders(flags.data);
  const state = await readFleetState(folders.state);
  if (state === undefined)
    throw new DroverError('ERR_NOT_RUNNING', `no fleet runs in ${folders.root}; "drover up --data ${flags.data}" starts one`);
  process.kill(state.pid, 'SIGTERM');
  const deadline = performance.now() + STOP_MS_MAX;
  while (isProcessAlive(state.pid) && performance.now() < deadline) await sleep(POLL_MS);
  if (isProcessAlive(state.pid))
    throw new DroverError(
      'ERR_BUS_TIMEOUT',
      `process ${state.pid} has not stopped its fleet in ${STOP_MS_MAX / 1000} s; "kill -9 ${state.pid}" ends it, and its children with it`,
    );
  if (flags.json === true)
    process.stdout.write(`${JSON.stringify({ stopped: state.pid, processes: state.processes.length })}\n`);
  else process.stderr.write(`stopped: ${state.processes.length} processes\n`);
}

/** `drover migrate`: a running task goes to another ECU without a gap; or what that would cost. `drover task move` is the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { CandidateEstimate, MigrationEstimate, MigrationMode } from '../../domain/migration/estimate.ts';
import type { FleetTask } from '../../domain/protocol/messages.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';
import { withClient } from './with-client.ts';

interface MigrateFlags extends BrokerFlags {
  readonly to?: string;
  readonly chain?: string;
  readonly mode?: MigrationMode;
  readonly costMax?: number;
  readonly dryRun?: boolean;
  readonly wait: number;
  readonly json?: boolean;
}

const WAIT_S = 15;
const POLL_MS = 50;

export function registerMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .argument('[task]', 'the task')
    .option('--chain <task>', 'all tasks of the chain that this one is in, to one ECU, together or not at all')
    .description('move a running task, or a whole chain, to another ECU without a gap, or say what that would cost');
  withExamples(withMigrateOptions(command), [
    { does: 'Where could it go, and at what cost? Nothing is begun', line: 'drover migrate counter --dry-run' },
    { does: 'Away from where it is', line: 'drover migrate counter' },
    {
      does: 'To one ECU, only if at most two jobs are expected to be late',
      line: 'drover migrate counter --to ecu2 --cost-max 2',
    },
    { does: 'A chain as one: all its tasks go, or none', line: 'drover migrate --chain filter --to ecu3' },
  ]).action(migrateTaskOrChain);
}

async function migrateTaskOrChain(name: string | undefined, flags: MigrateFlags): Promise<void> {
  const { chain } = flags;
  if (name !== undefined && chain === undefined) return migrate(name, flags);
  if (name !== undefined || chain === undefined)
    throw new DroverError('ERR_USAGE', 'name one task, or with --chain one task of the chain that is to move');
  if (flags.mode !== undefined || flags.costMax !== undefined)
    throw new DroverError(
      'ERR_USAGE',
      '--mode and --cost-max are for one task; a chain moves as the deadlines of its tasks allow',
    );
  const { migrateChainCommand } = await import('./migrate-chain.ts');
  await withClient(flags, (client) => migrateChainCommand(client, chain, flags));
}

export function withMigrateOptions(command: Command): Command {
  const options = command
    .option('--to <ecu>', 'the ECU it is to go to, by name or MAC (default: the best one)')
    .addOption(
      new Option(
        '--mode <mode>',
        'how its state is brought over (default: whichever its deadline allows at the least cost)',
      ).choices(['live', 'stop-and-copy', 'cold']),
    )
    .option('--cost-max <jobs>', 'not where more jobs than this are expected to be late (default: whatever it costs)', lateJobs)
    .option('--dry-run', 'print the candidates, their tests and costs, and begin nothing')
    .option('--wait <seconds>', 'how long to wait until it runs there', wholeNumber(1, 3_600), WAIT_S)
    .option('--json', 'print one JSON object');
  return withBrokerOptions(options);
}

function lateJobs(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1_000_000) return value;
  throw new InvalidArgumentError('Give a number between 0 and 1000000.');
}

export async function migrate(name: string, flags: MigrateFlags): Promise<void> {
  await withClient(flags, (client) => (flags.dryRun === true ? dryRun(client, name, flags) : move(client, name, flags)));
}

const optionsOf = ({ to, mode, costMax }: MigrateFlags) => ({ to, mode, costMax });

async function dryRun(client: FleetClient, name: string, flags: MigrateFlags): Promise<void> {
  const [{ estimateMigration }, { estimateTold }] = await Promise.all([
    import('../fleet/fleet-calls.ts'),
    import('../explain/migration-told.ts'),
  ]);
  const { estimate, fleet } = await estimateMigration(client, name, optionsOf(flags));
  if (flags.json === true) return void process.stdout.write(`${JSON.stringify(estimate)}\n`);
  const nameOf = (mac: string): string => fleet.ecus.find((ecu) => ecu.mac === mac)?.name ?? mac;
  const { chosen, from, reason } = estimate;
  const verdict =
    chosen === undefined
      ? `${name} would stay on ${nameOf(from)}: ${reason ?? ''}`
      : `${name} would go from ${nameOf(from)} to ${nameOf(chosen.mac)}, ${wayOf(chosen)}, silent for about ${silentMs(estimate)} ms`;
  process.stdout.write(`${verdict}\n${estimate.candidates.length === 0 ? '' : `\n${estimateTold(estimate, nameOf)}`}`);
}

function wayOf({ mode, modes }: CandidateEstimate): string {
  const { followed, standsStillFor } = modes.find((one) => one.mode === mode) ?? {};
  if (followed === true) return `${mode}, the target keeping up with it`;
  return standsStillFor === undefined ? mode : `${mode}, standing still at the end (${standsStillFor})`;
}

/** Nobody runs it, and then the first job is to be done. */
const silentMs = ({ chosen, facts: { wcetUs } }: MigrationEstimate): string =>
  (((chosen?.blackoutUs ?? 0) + wcetUs) / 1000).toFixed(1);

async function move(client: FleetClient, name: string, flags: MigrateFlags): Promise<void> {
  const [{ migrateTask, queryFleet }, { lastMigration }] = await Promise.all([
    import('../fleet/fleet-calls.ts'),
    import('../fleet/migration-record.ts'),
  ]);
  const before = await migrateTask(client, name, optionsOf(flags));
  const deadline = performance.now() + flags.wait * 1000;
  const taskNow = async (): Promise<FleetTask | undefined> =>
    (await queryFleet(client)).tasks.find(({ task }) => task === name);
  for (;;) {
    const [now, migration] = [await taskNow(), await lastMigration(client, name, before.epoch)];
    const hasMoved = now?.state === 'owned' && now.epoch > before.epoch;
    if (hasMoved) {
      const { mode, rounds = [], following: followed = false } = migration?.context ?? {};
      const { owner: to, epoch } = now;
      const told = { task: name, moved: true, from: before.owner, to, epoch, mode, followed, state: migration?.state, rounds };
      if (flags.json === true) process.stdout.write(`${JSON.stringify(told)}\n`);
      else process.stderr.write(`${name}: runs on ${to} (epoch ${epoch}), was on ${before.owner}\n`);
      return;
    }
    const hasFailed = migration?.isOver === true && (now?.epoch ?? 0) <= before.epoch;
    if (!hasFailed && performance.now() < deadline) {
      await sleep(POLL_MS);
      continue;
    }
    const why = migration?.context.reason ?? now?.reason ?? now?.state;
    const state = migration?.state;
    if (flags.json === true)
      process.stdout.write(
        `${JSON.stringify({ task: name, moved: false, from: before.owner, to: now?.owner, epoch: now?.epoch, state, reason: why })}\n`,
      );
    throw new DroverError(
      'ERR_NO_PLACE',
      hasFailed ? `${name} has not moved (${state}): ${why}` : `${name} has not moved within ${flags.wait} s: ${why}`,
    );
  }
}

/** `drover manager`: one checkpoint manager, until Ctrl-C. A fleet needs at least two, on different machines. */
import type { Command } from 'commander';
import type { ReceiveStrategy } from '../../domain/checkpoint/receiving.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { fleetFolders } from '../compose/process-config.ts';
import { ADVISER_HELP, adviserFile } from './adviser-option.ts';
import { type BrokerFlags, brokerOf, withBrokerOptions } from './broker-options.ts';
import { withExamples } from './help.ts';
import { type LearnFlags, managerLearning, withManagerLearnOption } from './learn-option.ts';
import { type LocalPathFlags, withLocalPathOption } from './local-path-option.ts';
import { PROVE_HELP, provesPerMinute } from './numbers.ts';
import { type PowerFlags, powerConfigOf, withPowerOption } from './power-option.ts';
import { type PredictFlags, withPredictOption } from './predict-option.ts';
import { receiveChoice, withReceiveOptions } from './receive-options.ts';

interface ManagerFlags extends BrokerFlags, LearnFlags, LocalPathFlags, PredictFlags, PowerFlags {
  readonly id: string;
  readonly prove?: number;
  readonly adviser?: string;
  readonly receive?: ReceiveStrategy;
  readonly receiveInterval: number;
  readonly json?: boolean;
}

export function registerManager(program: Command): void {
  const command = program
    .command('manager')
    .description('run a checkpoint manager until Ctrl-C')
    .requiredOption('--id <id>', 'its name in the fleet, e.g. m3; each manager has its own')
    .option('--prove <rate>', PROVE_HELP, provesPerMinute)
    .option('--adviser <model>', ADVISER_HELP)
    .option('--json', 'say that it serves as one JSON object');
  const withAll = withManagerLearnOption(withReceiveOptions(withPowerOption(withPredictOption(command))));
  withExamples(withBrokerOptions(withLocalPathOption(withAll)), [
    { does: 'A third manager for the fleet of "drover up"', line: 'drover manager --id m3' },
    { does: 'And from now on the whole fleet pushes', line: 'drover manager --id m3 --receive push' },
    { does: 'One that trains on what ECUs report', line: 'drover manager --id m3 --learn' },
    {
      does: 'A manager elsewhere',
      line: 'drover manager --id m1 --nats nats://user:password@10.0.0.5 --nats-sys nats://sys:password@10.0.0.5',
    },
  ]).action(async (flags: ManagerFlags) => {
    if (!/^[a-z0-9-]{1,32}$/.test(flags.id))
      throw new DroverError('ERR_USAGE', `--id ${flags.id} is no name: use lower-case letters, digits and hyphens`);
    const broker = await brokerOf(flags);
    const { openManager } = await import('../compose/open-manager.ts');
    const { runInTerminal } = await import('./run-in-terminal.ts');
    const config = {
      id: flags.id,
      ...receiveChoice(flags),
      broker,
      predicts: flags.predict === 'on',
      ...powerConfigOf(flags),
      ...(flags.prove === undefined ? {} : { provesPerMinute: flags.prove }),
      ...(flags.adviser === undefined ? {} : { adviser: await adviserFile(flags.adviser, flags.learn) }),
      ...managerLearning(flags),
      dataFolder: fleetFolders(flags.data).manager(flags.id),
      ...(flags.localPath === 'on' ? { localFolder: fleetFolders(flags.data).local } : {}),
      log: { level: 'info', file: undefined },
    } as const;
    await runInTerminal(() => openManager(config), { what: `manager ${flags.id}`, json: flags.json === true });
  });
}

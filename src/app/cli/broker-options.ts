/** The options by which a command finds its broker: a fleet's data folder on this machine, or a server given by URL. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type BrokerChoice, fleetFolders } from '../compose/process-config.ts';

export interface BrokerFlags {
  readonly data: string;
  readonly nats?: string;
  readonly natsCreds?: string;
  readonly natsSys?: string;
  readonly natsSysCreds?: string;
}

export const DATA_FOLDER = '.drover/fleet';

export const withBrokerOptions = (command: Command): Command =>
  command
    .option('--data <folder>', 'the folder of a fleet on this machine', DATA_FOLDER)
    .option('--nats <url>', 'a NATS server that runs already, e.g. nats://user:password@host:4222')
    .option('--nats-creds <file>', 'credentials file for it')
    .option('--nats-sys <url>', 'the same server as a user of its system account: without it no disconnect events')
    .option('--nats-sys-creds <file>', 'credentials file for the system account');

/** The broker that was named; undefined when only a data folder was. */
export function namedBroker(flags: BrokerFlags): BrokerChoice | undefined {
  const { nats, natsCreds, natsSys, natsSysCreds } = flags;
  if (nats === undefined) {
    if (natsCreds === undefined && natsSys === undefined && natsSysCreds === undefined) return undefined;
    throw new DroverError('ERR_USAGE', 'credentials are given without a server: add --nats URL');
  }
  return {
    kind: 'url',
    url: nats,
    ...(natsCreds === undefined ? {} : { credsFile: natsCreds }),
    ...(natsSys === undefined ? {} : { sysUrl: natsSys }),
    ...(natsSysCreds === undefined ? {} : { sysCredsFile: natsSysCreds }),
  };
}

/** The broker that was named, or that of the fleet in the data folder (which may use a server elsewhere). */
export async function brokerOf(flags: BrokerFlags): Promise<BrokerChoice> {
  const named = namedBroker(flags);
  if (named !== undefined) return named;
  const { readFleetState } = await import('../fleet/fleet-state.ts');
  const folders = fleetFolders(flags.data);
  const state = await readFleetState(folders.state);
  return (state?.broker as BrokerChoice | undefined) ?? { kind: 'folder', folder: folders.server };
}

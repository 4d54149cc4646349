/** Which broker a process talks to, from what it was told. Nothing is connected to here: a process waits for its broker. */

import { type BusTarget, givenTarget, targetOfServer } from '../../../infra/nats/bus-target.ts';
import { readServerFile } from '../../../infra/nats/server-file.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { BrokerChoice } from './process-config.ts';

export async function brokerTarget(choice: BrokerChoice): Promise<BusTarget> {
  if (choice.kind === 'url') return givenTarget(choice);
  const file = await readServerFile(choice.folder);
  if (file === undefined) {
    throw new DroverError(
      'ERR_NOT_RUNNING',
      `no server serves ${choice.folder}: start the fleet with "drover up", or name a server with --nats URL`,
    );
  }
  return targetOfServer({ ...file, host: dialHost(file.host) });
}

const dialHost = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host);

/** Hosts on a real broker, each behind a link of its own that a test can cut. */

import type { NatsConnection } from '@nats-io/transport-node';
import { connect } from '@nats-io/transport-node';
import { createNatsBus } from '../../infra/nats/bus.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { BusHost } from '../contract/bus.contract.ts';
import { collectingCounters, collectingLog } from './collecting.ts';
import type { NatsProcess } from './nats-process.ts';
import { CLIENT_LOGIN, SYSTEM_LOGIN } from './nats-process.ts';
import { realClock } from './real-clock.ts';
import { openTcpLink } from './tcp-link.ts';

export interface NatsHost extends BusHost {
  readonly connection: NatsConnection;
  readonly counters: ReturnType<typeof collectingCounters>;
  readonly log: ReturnType<typeof collectingLog>;
  close(): Promise<void>;
}

export async function connectHost(server: NatsProcess, name: string): Promise<NatsHost> {
  const link = await openTcpLink(server);
  const dial = (login: { readonly user: string; readonly pass: string }, as: string): Promise<NatsConnection> =>
    connect({
      servers: `127.0.0.1:${link.port}`,
      name: as,
      ...login,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => 10,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
    });
  const connection = await dial(CLIENT_LOGIN, name);
  const systemConnection = await dial(SYSTEM_LOGIN, `${name}/sys`);
  const counters = collectingCounters();
  const log = collectingLog();
  const bus: Bus = createNatsBus({ connection, systemConnection, clock: realClock, log, counters });
  return {
    name,
    bus,
    connection,
    counters,
    log,
    cutLink(direction = 'both') {
      link.cut(direction);
    },
    healLink() {
      link.heal();
    },
    kill() {
      link.close();
    },
    async close() {
      await Promise.all([connection.close(), systemConnection.close()]);
      link.close();
    },
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { ensureStreams } from '../../infra/nats/streams.ts';
import type { NatsHost } from '../support/nats-hosts.ts';
import { connectHost } from '../support/nats-hosts.ts';
import { PAYLOAD_BYTES_MAX, startNats } from '../support/nats-process.ts';
import { contractStreams, describeBus } from './bus.contract.ts';

describeBus('nats', {
  async open() {
    const server = await startNats();
    const hosts: NatsHost[] = [];
    const join = async (name: string): Promise<NatsHost> => {
      const host = await connectHost(server, name);
      hosts.push(host);
      return host;
    };
    const a = await join('manager.m1#1');
    const b = await join('manager.m2#1');
    await ensureStreams(a.connection, contractStreams, { replicas: 1, storage: 'file' });
    return {
      hosts: [a, b],
      join,
      elapse: async (us) => {
        await sleep(us / 1000);
      },
      settle: (promise) => promise,
      restartBroker: () => server.restart(),
      payloadBytesMax: PAYLOAD_BYTES_MAX,
      async close() {
        await Promise.all(hosts.map((host) => host.close()));
        await server.stop();
      },
    };
  },
});

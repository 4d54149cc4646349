/** A link between one host and the broker that a test can cut, one way or both, and heal. */

import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export interface TcpLink {
  readonly port: number;
  /** `both`: connections break and new ones are not taken. `answers`: what comes from the broker is dropped, silently. */
  cut(direction: 'both' | 'answers'): void;
  /** Connections from before are broken; new ones pass. */
  heal(): void;
  close(): void;
}

export async function openTcpLink(target: { readonly host: string; port(): number }): Promise<TcpLink> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'open' | 'answers' | 'both' = 'open';

  const server: Server = createServer((near) => {
    if (state === 'both') {
      near.destroy();
      return;
    }
    const far = connect(target.port(), target.host);
    const pair = [near, far] as const;
    pairs.add(pair);
    near.setNoDelay(true);
    far.setNoDelay(true);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
    }
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => {
      if (state === 'open') near.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the link has no port');

  const breakAll = (): void => {
    for (const pair of [...pairs]) for (const socket of pair) socket.destroy();
    pairs.clear();
  };
  return {
    port: address.port,
    cut(direction) {
      state = direction;
      if (direction === 'both') breakAll();
    },
    heal() {
      if (state !== 'open') breakAll();
      state = 'open';
    },
    close() {
      state = 'both';
      breakAll();
      server.close();
    },
  };
}

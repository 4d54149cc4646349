/**
 * Who came and who left, as the broker itself saw it (`$SYS.ACCOUNT.<account>.CONNECT` and `.DISCONNECT`), over a second
 * connection in the system account. A killed process shows here within milliseconds; a host that loses power, or is stopped,
 * does not show until its TCP connection is given up, so heartbeats are watched beside this.
 *
 * Connections of the system account itself are left out: each host has one beside its own, and losing that one alone says
 * nothing about the host.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientEvents } from '../../src/ports/bus.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { Log } from '../../src/ports/log.ts';

const SYSTEM_ACCOUNTS: ReadonlySet<string> = new Set(['$SYS', 'SYS']);

export interface ClientEventsParts {
  /** In the system account. */
  readonly connection: NatsConnection;
  /** The account to watch; undefined: every one but the system's. */
  readonly account: string | undefined;
  readonly log: Log;
  readonly counters: Counters;
}

export function createClientEvents({ connection, account, log, counters }: ClientEventsParts): ClientEvents {
  const left = new Set<(client: { readonly name: string; readonly reason: string }) => void>();
  const came = new Set<(client: { readonly name: string }) => void>();

  const listen = (subject: string, tell: (event: ClientEvent, name: string) => void): void => {
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) {
          log.error('client events cannot be heard', { subject, error: error.message });
          return;
        }
        try {
          if (SYSTEM_ACCOUNTS.has(message.subject.split('.')[2] ?? '')) return;
          const event = message.json<ClientEvent>();
          const name = event.client?.name;
          if (name !== undefined && name !== '') tell(event, name);
        } catch (error) {
          counters.add('bus.handler-threw');
          log.error('a client event could not be handled', { subject: message.subject, error });
        }
      },
    });
  };

  const watched = account ?? '*';
  listen(`$SYS.ACCOUNT.${watched}.DISCONNECT`, (event, name) => {
    for (const handler of [...left]) handler({ name, reason: event.reason ?? 'unknown' });
  });
  listen(`$SYS.ACCOUNT.${watched}.CONNECT`, (_event, name) => {
    for (const handler of [...came]) handler({ name });
  });

  return {
    onDisconnect(handler) {
      left.add(handler);
      return () => {
        left.delete(handler);
      };
    },
    onConnect(handler) {
      came.add(handler);
      return () => {
        came.delete(handler);
      };
    },
  };
}

interface ClientEvent {
  readonly client?: { readonly name?: string };
  readonly reason?: string;
}

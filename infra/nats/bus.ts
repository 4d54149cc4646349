/**
 * The bus on NATS: puts together what the files beside this one do. `link.ts` knows whether we are connected, `replies.ts`
 * matches answers, `append.ts` and `consume.ts` are the two hot paths, `services.ts` the requests, `broker-api.ts` JetStream's
 * own calls, `client-events.ts` the broker's view of who is there.
 *
 * The connections are made elsewhere (`connect.ts`), with reconnecting on and no bound on attempts; the bus owns them from here
 * on and closes them.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { assert } from '../../src/domain/kernel/assert.ts';
import type { Bus, BusMessage, Headers } from '../../src/ports/bus.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { Log } from '../../src/ports/log.ts';
import { createAppender } from './append.ts';
import { createBrokerApi, outward } from './broker-api.ts';
import { createClientEvents } from './client-events.ts';
import { createConsumers } from './consume.ts';
import { decodeHeaders, encodeHeaders, readyHeaders } from './headers.ts';
import { assertFits, assertOpen, createLink } from './link.ts';
import { createReplies } from './replies.ts';
import { createServices } from './services.ts';

export interface NatsBusParts {
  readonly connection: NatsConnection;
  /** In the system account; without it there are no client events. */
  readonly systemConnection?: NatsConnection | undefined;
  /** The account whose clients are watched; undefined: all but the system's own. */
  readonly account?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

export function createNatsBus({ connection, systemConnection, account, clock, log, counters }: NatsBusParts): Bus {
  const link = createLink(connection, clock);
  const systemLink = systemConnection === undefined ? undefined : createLink(systemConnection, clock);
  const replies = createReplies(link, clock);
  const api = createBrokerApi(link, replies, clock);
  const { append, appendBatch } = createAppender({ link, replies, api, clock, log, counters });
  const { consume } = createConsumers({ link, api, clock, log, counters });
  const { request, serve } = createServices({ link, replies, clock, log, counters });

  link.onChange((up) => {
    counters.add(up ? 'bus.connects' : 'bus.disconnects');
    log.info(up ? 'the broker is back' : 'the connection to the broker was lost');
  });

  const publish = (subject: string, payload: Uint8Array, headers?: Headers): void => {
    const encoded = encodeHeaders(headers);
    assertFits(link, subject, payload.length, encoded?.length ?? 0);
    if (!link.up) {
      counters.add('bus.dropped-while-disconnected');
      return;
    }
    connection.publish(subject, payload, encoded === undefined ? undefined : { headers: readyHeaders(encoded) });
  };

  const subscribe: Bus['subscribe'] = (subject, handler, options) => {
    assertOpen(link);
    const subscription = connection.subscribe(subject, {
      ...(options?.queue === undefined ? {} : { queue: options.queue }),
      callback: (error, message) => {
        if (error !== null) {
          log.error('a subscription failed', { subject, error: error.message });
          return;
        }
        const received: BusMessage = {
          subject: message.subject,
          payload: message.data,
          headers: decodeHeaders(message.headers),
        };
        try {
          handler(received);
        } catch (error) {
          counters.add('bus.handler-threw');
          log.error('a handler of messages threw', { subject: message.subject, error });
        }
      },
    });
    return () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  };

  const purge: Bus['purge'] = async (stream, options) => {
    assertOpen(link);
    const { subject } = options;
    assert(!/(^|\.)[*>](\.|$)/.test(subject), 'a purge names one subject, so that its last message can stay');
    const last = await api.lastMessage(stream, subject);
    if (last === undefined) return;
    const bound =
      'keep' in options ? { keep: Math.max(1, options.keep) } : { seq: Math.min(options.beforeSequence, last.sequence) };
    // The broker takes `seq: 0` for no bound at all, and nothing lies below 1.
    if ('seq' in bound && bound.seq <= 1) return;
    try {
      await api.call(`STREAM.PURGE.${stream}`, { filter: subject, ...bound });
    } catch (error) {
      throw outward(error, stream);
    }
  };

  return {
    publish,
    subscribe,
    request,
    serve,
    append,
    appendBatch,
    consume,
    purge,
    async readLast(subject) {
      assertOpen(link);
      const stream = await api.streamOf(subject);
      return api.lastMessage(stream.name, subject);
    },
    async readNext(stream, filter, sequence) {
      assertOpen(link);
      return api.nextMessage(stream, filter, sequence);
    },
    async streamState(stream) {
      assertOpen(link);
      return api.state(stream);
    },
    connected: () => link.up,
    onConnection: (handler) => link.onChange(handler),
    clientEvents:
      systemConnection === undefined ? undefined : createClientEvents({ connection: systemConnection, account, log, counters }),
    async close() {
      await Promise.all([link.close(), systemLink?.close()]);
    },
  };
}

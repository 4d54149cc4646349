/**
 * How long it takes to the broker and back: a ping behind everything that is under way, answered by the server itself. What a message to it
 * would wait in this process counts too, because it would wait there.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Clock } from '../../src/ports/clock.ts';
import type { MetricsSource } from '../../src/ports/metrics-source.ts';

const EVERY_US = 1_000_000;
/** A broker that has not answered for so long is not so many µs away: it is not there. */
const STALE_US = 5_000_000;

export function createRoundTrip(connection: NatsConnection, clock: Clock): MetricsSource {
  let value = Number.NaN;
  let measuredUs = Number.NEGATIVE_INFINITY;
  let askedUs = Number.NEGATIVE_INFINITY;
  let asking = false;
  const ask = async (): Promise<void> => {
    asking = true;
    askedUs = clock.monotonicUs();
    try {
      await connection.flush();
      measuredUs = clock.monotonicUs();
      value = measuredUs - askedUs;
    } catch {
      // Disconnected, or closed: the last answer grows old.
    } finally {
      asking = false;
    }
  };
  return {
    name: 'round-trip',
    metrics: ['network.roundTrip'],
    read: (into, nowUs) => {
      if (!asking && nowUs - askedUs >= EVERY_US) void ask();
      if (nowUs - measuredUs <= STALE_US) into.set('network.roundTrip', value);
    },
    close: () => {},
  };
}

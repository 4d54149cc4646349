/**
 * The state of one connection as everything in this folder sees it. The client reconnects by itself and subscribes anew; the
 * link tells when it went and when it came back, and lets work wait for it instead of being queued inside the client, where
 * nobody could tell what will still be sent.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';

export interface Link {
  readonly connection: NatsConnection;
  /** Connected, as far as this process has noticed. */
  readonly up: boolean;
  /** Closed by us, or for good by the client. */
  readonly closed: boolean;
  onChange(handler: (up: boolean) => void): Cancel;
  /** True as soon as the link is up, false when that takes longer or it was closed. */
  whenUp(timeoutUs: number): Promise<boolean>;
  /** Headers and payload together may be at most this. */
  payloadBytesMax(): number;
  close(): Promise<void>;
}

const PAYLOAD_BYTES_MAX_DEFAULT = 1024 * 1024;
const DRAIN_TIMEOUT_US = 2_000_000;

export function createLink(connection: NatsConnection, clock: Clock): Link {
  const handlers = new Set<(up: boolean) => void>();
  let up = !connection.isClosed();
  let closed = connection.isClosed();
  let payloadBytesMax = connection.info?.max_payload ?? PAYLOAD_BYTES_MAX_DEFAULT;

  const change = (now: boolean): void => {
    if (now === up) return;
    up = now;
    if (up) payloadBytesMax = connection.info?.max_payload ?? payloadBytesMax;
    for (const handler of [...handlers]) handler(now);
  };

  const watch = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') change(false);
      else if (status.type === 'reconnect') change(true);
      else if (status.type === 'close') break;
    }
    closed = true;
    change(false);
  };
  void watch();

  const link: Link = {
    connection,
    get up() {
      return up;
    },
    get closed() {
      return closed;
    },
    onChange(handler) {
      handlers.add(handler);
      return () => {
        handlers.delete(handler);
      };
    },
    whenUp(timeoutUs) {
      if (up) return Promise.resolve(true);
      if (closed) return Promise.resolve(false);
      return new Promise((resolve) => {
        const finish = (): void => {
          stopWaiting();
          cancelTimer();
          resolve(up);
        };
        const stopWaiting = link.onChange(finish);
        const cancelTimer = clock.after(timeoutUs, finish);
      });
    },
    payloadBytesMax: () => payloadBytesMax,
    async close() {
      if (closed) return;
      closed = true;
      if (up) {
        await new Promise<void>((resolve) => {
          const cancelTimer = clock.after(DRAIN_TIMEOUT_US, resolve);
          const done = (): void => {
            cancelTimer();
            resolve();
          };
          connection.drain().then(done, done);
        });
      }
      if (!connection.isClosed()) await connection.close();
      change(false);
    },
  };
  return link;
}

export function assertOpen(link: Link): void {
  if (link.closed) throw new DroverError('ERR_BUS_CLOSED', 'The bus was closed.');
}

export function assertFits(link: Link, subject: string, payloadBytes: number, headerBytes: number): void {
  const bytesMax = link.payloadBytesMax();
  if (payloadBytes + headerBytes > bytesMax) {
    throw new DroverError(
      'ERR_WIRE_OVERSIZED',
      `A message of ${payloadBytes + headerBytes} bytes to ${subject} is above the broker's limit of ${bytesMax} bytes.`,
    );
  }
}

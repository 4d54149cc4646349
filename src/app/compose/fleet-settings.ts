/**
 * What every host of a fleet must agree on is read from the broker; it was written there once, by whoever prepared it first
 * (`up`, or a manager that is started against a broker of its own).
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { pause } from '../../../actors/host.ts';
import { type FleetSettings, prepareBroker, readFleetSettings } from '../../../infra/nats/streams.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { PageEncoding } from '../../domain/protocol/messages.ts';
import type { Clock } from '../../ports/clock.ts';

const LOOK_AGAIN_US = 100_000;

/** Fails with ERR_NOT_RUNNING when nobody has prepared the broker in time. */
export async function awaitFleetSettings(
  connection: NatsConnection,
  options: { readonly clock: Clock; readonly patienceUs: number },
): Promise<FleetSettings> {
  const untilUs = options.clock.monotonicUs() + options.patienceUs;
  for (;;) {
    const settings = await readFleetSettings(connection);
    if (settings !== undefined) return settings;
    if (options.clock.monotonicUs() >= untilUs) {
      throw new DroverError(
        'ERR_NOT_RUNNING',
        'this broker holds no drover fleet yet: start one with "drover up", or a manager with "drover manager"',
      );
    }
    await pause(options.clock, LOOK_AGAIN_US);
  }
}

export interface NewFleet {
  readonly shardCount?: number;
  /** How pages are packed on their way (docs/COMPRESSION.md). */
  readonly compression?: PageEncoding | undefined;
  /** Copies of every stream at the broker: 3 on a cluster of three. */
  readonly replicas?: number;
}

/** Creates what is missing. The settings of a fleet that exists stay as they are. */
export const prepareFleet = (connection: NatsConnection, fleet: NewFleet = {}): Promise<FleetSettings> =>
  prepareBroker(connection, {
    shardCount: fleet.shardCount ?? 1,
    compression: fleet.compression,
    replicas: fleet.replicas ?? 1,
    storage: 'file',
  });

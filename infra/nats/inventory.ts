/**
 * The ECUs of a fleet, each under its MAC in the bucket `inventory`. A bucket is a stream, so this speaks the bus port and
 * follows it as everything else does; `nats kv` reads and writes the same entries.
 *
 * The newest announcement wins: a MAC has one live bridge, and its incarnations rise.
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { EcuDescription } from '../../src/domain/model/ecu.ts';
import type { HostId, Mac } from '../../src/domain/model/ids.ts';
import { decodeEcuDescription, encodeEcuDescription } from '../../src/domain/protocol/codec-ecu.ts';
import { bucket, buckets, header } from '../../src/domain/protocol/subjects.ts';
import type { Bus, Headers } from '../../src/ports/bus.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { Inventory, InventoryEntry } from '../../src/ports/inventory.ts';
import type { Log } from '../../src/ports/log.ts';

export interface BusInventoryParts {
  readonly bus: Bus;
  /** Who announces. */
  readonly sender: HostId;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

/** 0: the inventory does not know this MAC, or what it has there cannot be read. */
export async function incarnationInInventory(bus: Bus, mac: Mac): Promise<number> {
  return (await readEntry(bus, mac)).description?.incarnation ?? 0;
}

async function readEntry(bus: Bus, mac: Mac): Promise<InventoryEntry> {
  const last = await bus.readLast(bucket.entry(buckets.inventory, mac));
  if (last === undefined) return { position: 0, description: undefined, nonce: undefined };
  const forgotten = last.headers[bucket.operation] !== undefined;
  const decoded = forgotten ? undefined : decodeEcuDescription(last.payload);
  const description = decoded?.ok === true ? decoded.value.body : undefined;
  return { position: last.sequence, description, nonce: last.headers[header.nonce] };
}

const APPEND_TIMEOUT_US = 2_000_000;
const ATTEMPTS_MAX = 5;
const RETRY_US = 20_000;
const NO_HEADERS: Headers = {};
const DELETED: Headers = { [bucket.operation]: bucket.deleted };

export function createBusInventory({ bus, sender, clock, log, counters }: BusInventoryParts): Inventory {
  /** Writing an entry twice does no harm, so an append that was not answered is simply made again. */
  const write = async (mac: string, payload: Uint8Array, headers: Headers): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const answer = await bus.append(bucket.entry(buckets.inventory, mac), payload, { headers, timeoutUs: APPEND_TIMEOUT_US });
      if (answer.kind === 'appended' || answer.kind === 'duplicate') return;
      if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', 'The inventory is at its bound.');
      if (attempt === ATTEMPTS_MAX)
        throw new DroverError('ERR_BUS_TIMEOUT', `The inventory entry of ${mac} could not be written.`, { retryable: true });
      await new Promise<void>((resolve) => {
        clock.after(RETRY_US, resolve);
      });
    }
  };

  const payloadOf = (description: EcuDescription): Uint8Array =>
    encodeEcuDescription({
      id: `${description.mac}.${description.incarnation}`,
      sender,
      trace: '',
      sentAtUs: clock.wallUs(),
      body: description,
    });

  return {
    announce: (description) => write(description.mac, payloadOf(description), NO_HEADERS),

    read: (mac) => readEntry(bus, mac),

    async replace(description, { position }, nonce) {
      const subject = bucket.entry(buckets.inventory, description.mac);
      const headers = { [header.nonce]: nonce };
      const options = { expectedSequence: position, headers, timeoutUs: APPEND_TIMEOUT_US };
      const answer = await bus.append(subject, payloadOf(description), options);
      if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', 'The inventory is at its bound.');
      return answer.kind === 'appended' ? 'replaced' : 'unsure';
    },

    forget: (mac) => write(mac, new Uint8Array(0), DELETED),

    async follow(handler) {
      let onCaughtUp: () => void = () => undefined;
      let onFailure: (error: Error) => void = () => undefined;
      const caughtUp = new Promise<void>((resolve, reject) => {
        onCaughtUp = resolve;
        onFailure = reject;
      });
      const options = { filter: bucket.all(buckets.inventory), from: 'last-per-subject', onCaughtUp, onFailure } as const;
      const cancel = await bus.consume(bucket.stream(buckets.inventory), options, (message) => {
        const mac = bucket.keyOf(buckets.inventory, message.subject);
        if (message.headers[bucket.operation] !== undefined) {
          handler(mac, undefined);
          return;
        }
        const decoded = decodeEcuDescription(message.payload);
        if (decoded.ok) {
          handler(mac, decoded.value.body);
          return;
        }
        counters.add('wire.malformed');
        log.warn('an inventory entry cannot be read and is passed over', {
          mac,
          code: decoded.error.code,
          why: decoded.error.sentence,
        });
      });
      await caughtUp;
      return cancel;
    },
  };
}

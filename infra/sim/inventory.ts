/**
 * The inventory on a stream with one message per subject, as a KV bucket is one. Written over the `Bus` port alone; the
 * value is the description as JSON, which is enough inside the simulated world.
 */
import type { EcuDescription } from '../../src/domain/model/ecu.ts';
import { header } from '../../src/domain/protocol/subjects.ts';
import type { Bus, StreamMessage } from '../../src/ports/bus.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Inventory, InventoryEntry } from '../../src/ports/inventory.ts';
import type { SimStreamOptions } from './stream.ts';

const PREFIX = '$KV.inventory.';
const TIMEOUT_US = 500_000;
const RETRY_US = 20_000;

export const inventoryStream: SimStreamOptions = {
  name: 'KV_inventory',
  subjects: [`${PREFIX}>`],
  discard: 'new',
  duplicateWindowUs: 0,
  atomicBatches: false,
  messagesPerSubjectMax: 1,
};

/** The bucket of what was proven, which drover's own adapter writes and reads over the bus. */
export const proofsStream: SimStreamOptions = { ...inventoryStream, name: 'KV_proofs', subjects: ['$KV.proofs.>'] };

/** The bucket of the fleet's model. */
export const learnedStream: SimStreamOptions = { ...inventoryStream, name: 'KV_learned', subjects: ['$KV.learned.>'] };

export class SimInventory implements Inventory {
  private readonly bus: Bus;
  private readonly clock: Clock;

  constructor(bus: Bus, clock: Clock) {
    this.bus = bus;
    this.clock = clock;
  }

  announce(description: EcuDescription): Promise<void> {
    return this.put(description.mac, new TextEncoder().encode(JSON.stringify(description)));
  }

  async read(mac: string): Promise<InventoryEntry> {
    const last = await this.bus.readLast(`${PREFIX}${mac}`);
    return {
      position: last?.sequence ?? 0,
      description: last === undefined ? undefined : descriptionOf(last.payload),
      nonce: last?.headers[header.nonce],
    };
  }

  async replace(description: EcuDescription, { position }: InventoryEntry, nonce: string): Promise<'replaced' | 'unsure'> {
    const payload = new TextEncoder().encode(JSON.stringify(description));
    const options = { expectedSequence: position, headers: { [header.nonce]: nonce }, timeoutUs: TIMEOUT_US };
    const answer = await this.bus.append(`${PREFIX}${description.mac}`, payload, options);
    return answer.kind === 'appended' ? 'replaced' : 'unsure';
  }

  forget(mac: string): Promise<void> {
    return this.put(mac, new Uint8Array(0));
  }

  follow(handler: (mac: string, description: EcuDescription | undefined) => void): Promise<Cancel> {
    return this.bus.consume(
      inventoryStream.name,
      { filter: `${PREFIX}>`, from: 'last-per-subject' },
      (message: StreamMessage) => {
        handler(message.subject.slice(PREFIX.length), descriptionOf(message.payload));
      },
    );
  }

  /** The last word counts and saying it twice changes nothing, so it is said until it is heard. */
  private async put(mac: string, payload: Uint8Array): Promise<void> {
    for (;;) {
      const answer = await this.bus.append(`${PREFIX}${mac}`, payload, { timeoutUs: TIMEOUT_US });
      if (answer.kind === 'appended') return;
      await new Promise<void>((resolve) => this.clock.after(RETRY_US, resolve));
    }
  }
}

const descriptionOf = (payload: Uint8Array): EcuDescription | undefined =>
  payload.length === 0 ? undefined : (JSON.parse(new TextDecoder().decode(payload)) as EcuDescription);

/** What ECUs say of themselves, as a command reads it: the newest that the stream METRICS keeps, all that it keeps, or as it comes. */
import { createBusInventory } from '../../../infra/nats/inventory.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { EcuSample } from '../../domain/metrics/sample.ts';
import type { EcuDescription } from '../../domain/model/ecu.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { decodeEcuSample } from '../../domain/protocol/codec-metrics.ts';
import { ecuSubject, streams } from '../../domain/protocol/subjects.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';

/** `atUs`: by the clock of the stream, or this machine's where it was heard as it came. */
export interface HeardSample {
  readonly sample: EcuSample;
  readonly atUs: number;
}

/** The newest of every ECU that has said anything, whatever became of it since. */
export async function newestSamples(client: FleetClient): Promise<ReadonlyMap<Mac, HeardSample>> {
  const newest = new Map<Mac, HeardSample>();
  await readKept(client, { from: 'last-per-subject' }, (heard) => newest.set(heard.sample.mac, heard));
  return newest;
}

/** In the order in which they were kept. Fails with ERR_BUS_*; where nothing is kept there is nothing. */
export async function readKept(
  { host }: FleetClient,
  what: { readonly from: 1 | 'last-per-subject'; readonly mac?: Mac | undefined },
  onSample: (heard: HeardSample) => void,
): Promise<void> {
  const filter = what.mac === undefined ? ecuSubject.allMetricsKept : ecuSubject.metricsKept(what.mac);
  let cancel: Cancel | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const options = { filter, from: what.from, onCaughtUp: resolve, onFailure: reject } as const;
      host.bus
        .consume(streams.metrics, options, (message) => {
          const decoded = decodeEcuSample(message.payload);
          if (decoded.ok) onSample({ sample: decoded.value.body, atUs: message.atUs });
        })
        .then((stop) => {
          cancel = stop;
        }, reject);
    });
  } catch (cause) {
    // A fleet of an older drover: nobody has made the stream yet.
    if (!(cause instanceof DroverError) || cause.code !== 'ERR_BUS_NO_STREAM') throw cause;
  } finally {
    cancel?.();
  }
}

export function followSamples({ host }: FleetClient, mac: Mac | undefined, onSample: (heard: HeardSample) => void): Cancel {
  const subject = mac === undefined ? ecuSubject.allMetrics : ecuSubject.metrics(mac);
  return host.bus.subscribe(subject, ({ payload }) => {
    const decoded = decodeEcuSample(payload);
    if (decoded.ok) onSample({ sample: decoded.value.body, atUs: host.clock.wallUs() });
  });
}

/** Every ECU that the inventory knows. */
export async function knownEcus({ host }: FleetClient): Promise<ReadonlyMap<Mac, EcuDescription>> {
  const ecus = new Map<Mac, EcuDescription>();
  const stop = await createBusInventory({ ...host, sender: host.id }).follow((mac, description) => {
    if (description === undefined) ecus.delete(mac);
    else ecus.set(mac, description);
  });
  stop();
  return ecus;
}

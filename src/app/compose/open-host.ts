/**
 * A host: one process with its connection, clocks, log and counters, as every actor in it gets them. Its connection is named
 * `<host id>#<incarnation>`, so that the server's disconnect event says which start of which host has gone.
 */
import { randomInt } from 'node:crypto';
import type { Host } from '../../../actors/host.ts';
import { createCounters } from '../../../infra/log/counters.ts';
import { createLog } from '../../../infra/log/pino.ts';
import { createNatsBus } from '../../../infra/nats/bus.ts';
import { type BusLink, connectBus } from '../../../infra/nats/connect.ts';
import { createSystemClock } from '../../../infra/system/clock.ts';
import { createCompression } from '../../../infra/system/compression.ts';
import { FAULT_VARIABLE, plannedFaults } from '../../../infra/system/fault-plan.ts';
import { SocketLocalPath } from '../../../infra/system/local-path.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { ActorKey, HostId } from '../../domain/model/ids.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import type { RecordStore } from '../../ports/record-store.ts';
import { brokerTarget } from './broker-target.ts';
import { awaitFleetSettings, prepareFleet } from './fleet-settings.ts';
import type { BrokerChoice, LogChoice } from './process-config.ts';

export interface HostOptions {
  readonly id: HostId;
  readonly incarnation: number;
  readonly broker: BrokerChoice;
  readonly log: LogChoice;
  /** Managers hear the server's disconnect events. */
  readonly withSys?: boolean;
  /** Create what the broker lacks, instead of waiting until somebody has. */
  readonly prepares?: boolean;
  /** Where the sockets of this machine's hosts lie; absent: everything goes over the bus. */
  readonly localFolder?: string | undefined;
  /** How long a server that does not answer yet is waited for. */
  readonly patienceUs?: number;
}

export interface OpenHost {
  readonly host: Host;
  readonly link: BusLink;
  close(): Promise<void>;
}

/** A server that starts together with the fleet is there long before. */
const PATIENCE_US = 30_000_000;

export async function openHost(options: HostOptions): Promise<OpenHost> {
  const { id, incarnation } = options;
  const clock = createSystemClock();
  const counters = createCounters();
  const log = createLog({
    level: options.log.level,
    host: id,
    ...(options.log.file === undefined ? {} : { destination: options.log.file }),
  });
  const faults = plannedFaults(process.env[FAULT_VARIABLE]);
  const patienceUs = options.patienceUs ?? PATIENCE_US;
  const target = await brokerTarget(options.broker);
  const link = await connectBus({ target, name: `${id}#${incarnation}`, withSys: options.withSys ?? false, patienceUs });
  const bus = createNatsBus({
    connection: link.connection,
    systemConnection: link.sys,
    account: link.account,
    clock,
    log,
    counters,
  });
  try {
    const { compression, ...names } =
      options.prepares === true
        ? await prepareFleet(link.connection)
        : await awaitFleetSettings(link.connection, { clock, patienceUs });
    const rng = createRng(randomInt(2 ** 32), id);
    const packing = compression === undefined ? undefined : createCompression(compression);
    const { localFolder } = options;
    const localPath = localFolder === undefined ? undefined : new SocketLocalPath({ folder: localFolder, log, counters });
    return {
      host: { id, incarnation, names, bus, clock, rng, log, counters, faults, compression: packing, localPath },
      link,
      close: async () => {
        localPath?.close();
        await bus.close();
      },
    };
  } catch (error) {
    await bus.close();
    throw error;
  }
}

/**
 * One more than the last start on record: a host's own actor (`bridge/<mac>`, `manager/<id>`) writes it when it starts. `known` is
 * what others remember of it, because a disk may be new, wiped or put back from an older copy.
 */
export async function nextIncarnation(records: RecordStore, actor: ActorKey, known = 0): Promise<number> {
  const last = await records.load(actor);
  if (last === undefined) return known + 1;
  const record = decodeRecord(last.bytes);
  if (!record.ok) {
    throw new DroverError(
      'ERR_RECORD_CORRUPT',
      `the record of ${actor} cannot be read (${record.error.sentence}): its incarnation is unknown`,
    );
  }
  const snapshot: { readonly context?: { readonly incarnation?: number } } = JSON.parse(record.value.snapshot);
  return Math.max(snapshot.context?.incarnation ?? 0, known) + 1;
}

/** A connection to a fleet for commands of people: asks managers, stores artefacts, reads streams; runs nothing itself. */
import { randomInt } from 'node:crypto';
import type { Host } from '../../../actors/host.ts';
import { createCounters } from '../../../infra/log/counters.ts';
import { createLog } from '../../../infra/log/pino.ts';
import { createNatsBus } from '../../../infra/nats/bus.ts';
import { type BusLink, connectBus } from '../../../infra/nats/connect.ts';
import { createSystemClock } from '../../../infra/system/clock.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { FleetNames } from '../../domain/protocol/subjects.ts';
import { NO_FAULT_POINTS } from '../../ports/fault-points.ts';
import { brokerTarget } from './broker-target.ts';
import { awaitFleetSettings, type NewFleet, prepareFleet } from './fleet-settings.ts';
import type { BrokerChoice } from './process-config.ts';

export interface FleetClient {
  readonly host: Host;
  readonly link: BusLink;
  close(): Promise<void>;
}

export interface FleetClientOptions {
  /** Create what the broker lacks; otherwise a broker without a fleet is ERR_NOT_RUNNING. */
  readonly prepare?: boolean | NewFleet;
  readonly patienceUs?: number;
  readonly withSys?: boolean;
}

export async function openFleetClient(broker: BrokerChoice, options: FleetClientOptions = {}): Promise<FleetClient> {
  const clock = createSystemClock();
  const counters = createCounters();
  const id = `client.${process.pid}`;
  // What goes wrong here is said by the command that asked; the log of a client is for whoever looks for a bug.
  const log = createLog({ level: (process.env['DROVER_DEBUG'] ?? '') === '' ? 'silent' : 'debug', host: id });
  const patienceUs = options.patienceUs ?? 0;
  const link = await connectBus({
    target: await brokerTarget(broker),
    name: `${id}#1`,
    withSys: options.withSys ?? false,
    patienceUs,
  });
  const bus = createNatsBus({
    connection: link.connection,
    systemConnection: link.sys,
    account: link.account,
    clock,
    log,
    counters,
  });
  try {
    const { prepare = false } = options;
    const names: FleetNames =
      prepare === false
        ? await awaitFleetSettings(link.connection, { clock, patienceUs })
        : await prepareFleet(link.connection, prepare === true ? {} : prepare);
    const rng = createRng(randomInt(2 ** 32), id);
    return {
      host: { id, incarnation: 1, names, bus, clock, rng, log, counters, faults: NO_FAULT_POINTS },
      link,
      close: () => bus.close(),
    };
  } catch (error) {
    await bus.close();
    throw error;
  }
}

/** The ECUs on which sets are run: those of a fleet that runs already and were started to measure, or a fleet of our own for as long as it takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { MEASURING } from '../../domain/placement/measuring.ts';
import { type FleetClient, openFleetClient } from '../compose/open-fleet-client.ts';
import type { BrokerChoice } from '../compose/process-config.ts';
import { queryFleet } from '../fleet/fleet-calls.ts';
import { ecuPlans, LocalFleet, managerIds } from '../fleet/local-fleet.ts';

export interface MeasuringFleet {
  readonly client: FleetClient;
  /** In order, so that a run that goes on finds the same. */
  readonly macs: readonly Mac[];
  close(): Promise<void>;
}

/** Ticks need not outlive the machine's power here, and a synced append would only be in their way. */
const SYNC_US = 60_000_000;

/** `ecus` bridges with `cores` lanes each, one manager, in a temporary folder that is removed again. */
export async function startMeasuringFleet(options: {
  readonly ecus: number;
  readonly cores: number;
  readonly say: (sentence: string) => void;
}): Promise<MeasuringFleet> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'drover-runs-'));
  // Nothing is to run beside the sets that need not.
  const quiet = { metricsEveryUs: 0 };
  const plans = ecuPlans(options.ecus, { cores: options.cores, capabilities: [MEASURING], recordJobs: true, ...quiet });
  const fleet = new LocalFleet({
    dataFolder,
    ecus: plans,
    managers: managerIds(1),
    sync: { everyUs: SYNC_US },
    provesPerMinute: 0,
    logLevel: 'warn',
    onEvent: (event) => {
      if (event.kind === 'died') options.say(`${event.host} died: ${event.reason}`);
    },
  });
  const close = async (): Promise<void> => {
    await fleet.stop();
    await rm(dataFolder, { recursive: true, force: true });
  };
  try {
    await fleet.start();
  } catch (cause) {
    await close();
    throw cause;
  }
  return { client: fleet.client, macs: fleet.macs, close };
}

/** Those ECUs of a fleet that measure. */
export async function joinMeasuringFleet(broker: BrokerChoice): Promise<MeasuringFleet> {
  const client = await openFleetClient(broker);
  try {
    const { ecus } = await queryFleet(client);
    const macs = ecus
      .filter(({ state, description }) => state === 'alive' && description?.capabilities.includes(MEASURING) === true)
      .map(({ mac }) => mac)
      .sort();
    if (macs.length === 0)
      throw new DroverError('ERR_NO_ECU', 'no ECU of this fleet measures: start one with "drover ecu --measuring"');
    return { client, macs, close: () => client.close() };
  } catch (cause) {
    await client.close();
    throw cause;
  }
}

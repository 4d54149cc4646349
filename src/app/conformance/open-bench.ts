/** Puts a bench together: the connection, the program under test in the artefact store, and the bridge, once it is there. */
import { readFile } from 'node:fs/promises';
import { type Host, pause } from '../../../actors/host.ts';
import { createNatsArtefacts } from '../../../infra/nats/artefacts.ts';
import { connectBus } from '../../../infra/nats/connect.ts';
import { createBusInventory } from '../../../infra/nats/inventory.ts';
import { readFleetSettings } from '../../../infra/nats/streams.ts';
import { prepareModule } from '../../../infra/runtime/wasm/prepare.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { createProcessTable } from '../../../infra/system/process-table.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { EcuDescription } from '../../domain/model/ecu.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { RuntimeKind } from '../../domain/model/task.ts';
import { decodeHeartbeat } from '../../domain/protocol/codec-heartbeat.ts';
import { ecuSubject, managerSubject } from '../../domain/protocol/subjects.ts';
import { brokerTarget } from '../compose/broker-target.ts';
import { prepareFleet } from '../compose/fleet-settings.ts';
import { openHost } from '../compose/open-host.ts';
import type { BrokerChoice } from '../compose/process-config.ts';
import { exampleModule } from '../task-module.ts';
import type { StartAnother } from './another-bridge.ts';
import { Bench } from './bench.ts';

export interface BenchOptions {
  readonly mac: Mac;
  readonly broker: BrokerChoice;
  readonly runtime: RuntimeKind;
  /** A file that holds the counting program for that runtime; undefined: drover's own. */
  readonly artefactFile: string | undefined;
  readonly patienceUs: number;
  /** How long the broker and the bridge may take to be there; absent: as long as everything else. */
  readonly startPatienceUs?: number;
  /** Ends the bridge for the check of its goodbye. `signal`: SIGTERM to the process in its description, if it is of this machine. */
  readonly leave: 'signal' | (() => void | Promise<void>) | undefined;
  /** Starts a second bridge of this kind; absent: the checks that need one are skipped. */
  readonly another?: StartAnother | undefined;
}

export interface OpenBench {
  readonly bench: Bench;
  close(): Promise<void>;
}

const HOST_ID = 'conformance';
const MEMORY_BYTES_MAX = 512 * 1024;
/** Managers beat several times in this time. */
const MANAGER_LOOK_US = 700_000;
const LOOK_US = 20_000;

/**
 * The program under test where no other is given: a WebAssembly module for `wasm`; for every other runtime a text that names
 * it, so that a bridge that cannot load programs may have it built in.
 */
export const BUILT_IN_PROGRAM = 'drover conformance counter 1\n';

/** Prepares the broker when nobody has, and waits for the bridge. Fails with ERR_NO_PLACE when it does not come. */
export async function openBench(options: BenchOptions): Promise<OpenBench> {
  const { mac, broker, patienceUs, startPatienceUs = patienceUs } = options;
  await prepareEmptyBroker(broker, startPatienceUs);
  const { host, link, close } = await openHost({
    id: HOST_ID,
    incarnation: 1,
    broker,
    log: { level: 'warn', file: undefined },
    patienceUs: startPatienceUs,
  });
  try {
    await refuseManagers(host);
    const bytes = await programBytes(options);
    const artefact = await createNatsArtefacts({ connection: link.connection, hasher: systemHasher }).put(bytes);
    const description = await findBridge(host, mac, startPatienceUs);
    const program = { runtime: options.runtime, artefact, artefactBytes: bytes.length, memoryBytesMax: MEMORY_BYTES_MAX };
    const leave = options.leave === 'signal' ? signalTo(description) : options.leave;
    const bench = new Bench({ host, mac, description, program, patienceUs, leave, another: options.another });
    await bench.start();
    return {
      bench,
      close: async () => {
        bench.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function prepareEmptyBroker(broker: BrokerChoice, patienceUs: number): Promise<void> {
  const link = await connectBus({ target: await brokerTarget(broker), name: HOST_ID, patienceUs });
  try {
    // A fleet that is there keeps its own bounds and replicas.
    if ((await readFleetSettings(link.connection)) === undefined) await prepareFleet(link.connection);
  } finally {
    await link.close();
  }
}

/** A manager would restore the suite's tasks, and take the reports that the suite waits for. */
async function refuseManagers(host: Host): Promise<void> {
  let seen: string | undefined;
  const cancel = host.bus.subscribe(managerSubject.allHeartbeats, ({ subject }) => (seen = subject.split('.')[1]));
  await pause(host.clock, MANAGER_LOOK_US);
  cancel();
  if (seen !== undefined) {
    throw new DroverError(
      'ERR_USAGE',
      `manager ${seen} works on this broker and would interfere: run the suite on a broker of its own, with the bridge alone`,
    );
  }
}

async function programBytes({ runtime, artefactFile }: BenchOptions): Promise<Uint8Array> {
  if (artefactFile === undefined && runtime !== 'wasm') return new TextEncoder().encode(BUILT_IN_PROGRAM);
  const file = artefactFile ?? exampleModule('counter');
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new DroverError('ERR_ARTEFACT_UNREADABLE', `${file} cannot be read`, { cause });
  });
  return runtime === 'wasm' ? prepareModule(bytes, { memoryBytesMax: MEMORY_BYTES_MAX }) : bytes;
}

/** The description of the start that beats now: an older one may still stand in the inventory. */
async function findBridge(host: Host, mac: Mac, patienceUs: number): Promise<EcuDescription> {
  const known = new Map<string, EcuDescription | undefined>();
  const inventory = createBusInventory({
    bus: host.bus,
    sender: host.id,
    clock: host.clock,
    log: host.log,
    counters: host.counters,
  });
  const forget = await inventory.follow((of, description) => known.set(of, description));
  let incarnation: number | undefined;
  const cancel = host.bus.subscribe(ecuSubject.heartbeat(mac), ({ payload }) => {
    const heartbeat = decodeHeartbeat(payload);
    if (heartbeat.ok) incarnation = heartbeat.value.body.incarnation;
  });
  const untilUs = host.clock.monotonicUs() + patienceUs;
  try {
    for (;;) {
      const description = known.get(mac);
      if (description !== undefined && description.incarnation === incarnation) return description;
      if (host.clock.monotonicUs() >= untilUs) {
        const missing =
          incarnation === undefined
            ? 'no heartbeat came'
            : `its description for incarnation ${incarnation} is not in the inventory`;
        throw new DroverError('ERR_NO_PLACE', `no bridge with MAC ${mac} was found in ${patienceUs / 1_000_000} s: ${missing}`);
      }
      await pause(host.clock, LOOK_US);
    }
  } finally {
    cancel();
    forget();
  }
}

function signalTo({ bridge }: EcuDescription): () => void {
  return () => {
    if (createProcessTable().look(bridge) !== 'alive') {
      throw new DroverError(
        'ERR_USAGE',
        `--end-bridge: process ${bridge.pid} of the bridge's description is no process of this machine`,
      );
    }
    process.kill(bridge.pid, 'SIGTERM');
  };
}

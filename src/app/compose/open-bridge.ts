/**
 * A bridge process, put together: the actor and everything it touches. What does not need another part is started at the same
 * time, because after a death every millisecond here is one in which the ECU's tasks stand still.
 */
import { Bridge } from '../../../actors/bridge.ts';
import type { Host } from '../../../actors/host.ts';
import { JournalMirror } from '../../../actors/journal-mirror.ts';
import type { OutcomeWatch } from '../../../actors/outcome-watch.ts';
import { openLmdbCheckpointStore } from '../../../infra/lmdb/checkpoint-store.ts';
import { openLmdbRecordStore } from '../../../infra/lmdb/record-store.ts';
import { createArtefactCache, followArtefacts } from '../../../infra/nats/artefact-cache.ts';
import { createNatsArtefacts } from '../../../infra/nats/artefacts.ts';
import { BusBookingBook } from '../../../infra/nats/booking-book.ts';
import { createBusInventory } from '../../../infra/nats/inventory.ts';
import { BusReceivePolicy } from '../../../infra/nats/receive-policy.ts';
import { CoreTurns } from '../../../infra/runtime/core-turns.ts';
import { createWasmRuntime } from '../../../infra/runtime/wasm/runtime.ts';
import { createWorkerRuntime } from '../../../infra/runtime/worker/runtime.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { createProcessTable } from '../../../infra/system/process-table.ts';
import { capabilitiesOf } from '../../domain/metrics/resource-kinds.ts';
import { limitsOf } from '../../domain/metrics/sensor-profile.ts';
import type { EcuDescription, EcuScheduling, MetricsPlan, SleepState } from '../../domain/model/ecu.ts';
import type { Digest } from '../../domain/model/ids.ts';
import type { RuntimeKind } from '../../domain/model/task.ts';
import { ownScheduling } from '../../domain/placement/platform-of.ts';
import type { TaskRuntime } from '../../ports/task-runtime.ts';
import { VERSION } from '../version.ts';
import { nextIncarnation, openHost } from './open-host.ts';
import { openMetrics } from './open-metrics.ts';
import { type BridgeConfig, METRICS_EVERY_US, METRICS_KEPT_EVERY_US } from './process-config.ts';

export interface OpenBridge {
  readonly bridge: Bridge;
  readonly incarnation: number;
  stop(reason: string): Promise<void>;
}

/** Small beside what a bridge takes at rest; the programs of tasks that run are held by the runtime in any case. */
const ARTEFACTS_BYTES_MAX = 8 * 1024 ** 2;
/**
 * Charged twice a job. Between two jobs a lane's thread looks at what has been asked, decides, and answers: 3.4 to 5.3 µs in the median on two
 * shared cores at a load of 19 (31 jobs of 2 µs more in one request).
 */
const LANE_SWITCH_US = 5;
/** Larger ones are fetched when a task needs them. */
const ARTEFACT_AHEAD_BYTES_MAX = 1024 ** 2;
/** Entries of one actor's journal kept on the ECU; `replay` reads older ones from the JOURNAL stream. */
const HISTORY_MAX = 1_000;

/** Starts a bridge and resolves when it serves. Fails with ERR_MAC_TAKEN and everything a broker or a disk can fail with. */
export async function openBridge(config: BridgeConfig): Promise<OpenBridge> {
  const damaged: string[] = [];
  const records = openLmdbRecordStore({
    path: `${config.dataFolder}/records`,
    durability: 'process',
    historyMax: HISTORY_MAX,
    onDamage: (_actor, { message }) => damaged.push(message),
  });
  const localStore = openLmdbCheckpointStore({
    path: `${config.dataFolder}/checkpoints`,
    hasher: systemHasher,
    durable: false,
  });
  const closing: (() => Promise<unknown>)[] = [() => localStore.close(), () => records.close()];
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const incarnation = await nextIncarnation(records, `bridge/${config.mac}`, config.incarnationKnown);
    const { host, link, close } = await openHost({
      id: `bridge.${config.mac}`,
      incarnation,
      broker: config.broker,
      log: config.log,
      localFolder: config.localFolder,
    });
    closing.push(close);
    const order = config.scheduling?.scheduler === 'edf' ? 'edf' : 'fp';
    const turns = Array.from({ length: config.cores }, () => new CoreTurns());
    const shared = { clock: host.clock, log: host.log, order, turns } as const;
    const wasm = createWasmRuntime({ ...shared, lanes: config.cores });
    closing.push(() => wasm.close());
    const worker = createWorkerRuntime(shared);
    closing.push(() => worker.close());
    const runtimes = new Map<RuntimeKind, TaskRuntime>([wasm, worker].map((runtime) => [runtime.kind, runtime]));
    const stored = createNatsArtefacts({ connection: link.connection, hasher: systemHasher });
    const artefacts = createArtefactCache({ source: stored, bytesMax: ARTEFACTS_BYTES_MAX });
    const plan = metricsPlanOf(config);
    const bridge = new Bridge({
      host,
      description: describe(config, incarnation, [...runtimes.values()], plan),
      runtimes,
      artefacts,
      inventory: createBusInventory({
        bus: host.bus,
        sender: host.id,
        clock: host.clock,
        log: host.log,
        counters: host.counters,
      }),
      records,
      hasher: systemHasher,
      localStore,
      coLocatedManagers: new Set(config.coLocatedManagers),
      receive: new BusReceivePolicy(host),
      bookings: new BusBookingBook(host),
      recordJobs: config.recordJobs ?? false,
    });
    await bridge.start();
    for (const sentence of damaged) {
      host.counters.add('records.corrupt');
      host.log.error('a local record is damaged; its actor stands still', { code: 'ERR_RECORD_CORRUPT', why: sentence });
    }
    // What a restore will need is fetched and compiled before one is asked for.
    const prepare = async (digest: Digest): Promise<void> => wasm.compile(digest, await artefacts.get(digest));
    const onArtefact = (digest: Digest): void =>
      void prepare(digest).catch((cause: unknown) =>
        host.log.debug('an artefact could not be prepared ahead', { digest, cause }),
      );
    const forget = await followArtefacts(host.bus, { bytesMax: ARTEFACT_AHEAD_BYTES_MAX, onArtefact });
    closing.push(async () => forget());
    const mirror = new JournalMirror({ host, journal: records });
    mirror.start();
    // Whoever waits for this bridge does not wait for that.
    const learning = config.learnWindowUs === undefined ? undefined : learningOf(host, { config, bridge });
    learning?.catch((cause: unknown) => host.log.error('this bridge does not learn', { cause }));
    const metrics = plan === undefined ? undefined : openMetrics({ host, connection: link.connection, config, plan, bridge });
    // The monotonic clock of a process begins with it: how long a restart takes is in every log.
    host.log.info('the bridge serves', {
      mac: config.mac,
      incarnation,
      startUs: host.clock.monotonicUs(),
      cpuUs: process.cpuUsage().user + process.cpuUsage().system,
    });
    return {
      bridge,
      incarnation,
      stop: async (reason) => {
        metrics?.stop();
        (await learning?.catch(() => undefined))?.stop();
        await bridge.stop(reason);
        await mirror.stop();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Loaded only where it is asked for: what learns is nothing that a bridge has to start with. */
async function learningOf(
  host: Host,
  { config, bridge }: { readonly config: BridgeConfig; readonly bridge: Bridge },
): Promise<OutcomeWatch> {
  const [{ OutcomeWatch }, { openModelBoard }] = await Promise.all([
    import('../../../actors/outcome-watch.ts'),
    import('../learn/open-model-board.ts'),
  ]);
  const { mac, cores, learnWindowUs: windowUs = 0 } = config;
  const watch = new OutcomeWatch({
    host,
    mac,
    ecu: { cores, scheduling: schedulingOf(config) },
    windowUs,
    board: openModelBoard(host),
    tasks: () => bridge.running().all(),
  });
  await watch.start();
  return watch;
}

const schedulingOf = ({ scheduling }: BridgeConfig): EcuScheduling =>
  ownScheduling({ contextSwitchUs: LANE_SWITCH_US, ...scheduling });

function metricsPlanOf(config: BridgeConfig): MetricsPlan | undefined {
  const { metricsEveryUs: everyUs = METRICS_EVERY_US, metricsKeptEveryUs: keptEveryUs = METRICS_KEPT_EVERY_US } = config;
  const { simulatedSensors, limits } = config;
  const simulated = simulatedSensors === undefined ? {} : limitsOf(simulatedSensors);
  return everyUs === 0 ? undefined : { everyUs, keptEveryUs, ...simulated, ...limits };
}

/** A machine that is not there takes what its sensors show, and sleeps as such machines do. */
const SIMULATED_SLEEP: SleepState = { name: 'suspend', watts: 0.4, wakeUs: 1_500_000, wakeJoules: 12 };

function powerOf({ power, simulatedSensors }: BridgeConfig): Pick<EcuDescription, 'power'> {
  if (power !== undefined) return { power };
  if (simulatedSensors === undefined) return {};
  return { power: { idleWatts: simulatedSensors.idle, busyWatts: simulatedSensors.max, sleep: [SIMULATED_SLEEP] } };
}

function describe(
  config: BridgeConfig,
  incarnation: number,
  runtimes: readonly TaskRuntime[],
  metrics: MetricsPlan | undefined,
): EcuDescription {
  const { mac, name, ecuClass, resourceKind, cores, memoryBytes, capabilities, labels, supervisor, heartbeatIntervalUs } =
    config;
  return {
    mac,
    incarnation,
    name,
    ecuClass,
    resourceKind,
    cores,
    memoryBytes,
    capabilities: capabilitiesOf(resourceKind, capabilities),
    labels,
    runtimes: runtimes.map(({ kind }) => kind),
    offers: runtimes.map(({ offer }) => offer),
    bridge: createProcessTable().self(),
    supervisor,
    heartbeatIntervalUs,
    version: VERSION,
    scheduling: schedulingOf(config),
    ...(metrics === undefined ? {} : { metrics }),
    ...powerOf(config),
    followsReservations: true,
  };
}

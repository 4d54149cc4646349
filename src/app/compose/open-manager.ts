/** A manager process, put together: the actor, its stores, and a second connection that hears the server's disconnect events. */
import type { Host } from '../../../actors/host.ts';
import { JournalMirror } from '../../../actors/journal-mirror.ts';
import { Manager } from '../../../actors/manager.ts';
import { createWorkerFitter } from '../../../infra/forecast/worker-fitter.ts';
import { openLmdbCheckpointStore, type StoreDamage } from '../../../infra/lmdb/checkpoint-store.ts';
import { openLmdbRecordStore } from '../../../infra/lmdb/record-store.ts';
import { createNatsArtefacts } from '../../../infra/nats/artefacts.ts';
import { createBusInventory } from '../../../infra/nats/inventory.ts';
import { createBusPlacementBoard } from '../../../infra/nats/placement-board.ts';
import { createBusProofBoard } from '../../../infra/nats/proof-board.ts';
import { BusReceivePolicy, chooseReceiving } from '../../../infra/nats/receive-policy.ts';
import { createStreamRecordStore } from '../../../infra/nats/record-store.ts';
import { FAULT_VARIABLE, plannedFaults } from '../../../infra/system/fault-plan.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { createProcessTable } from '../../../infra/system/process-table.ts';
import { nextIncarnation, openHost } from './open-host.ts';
import type { OpenLearning } from './open-learning.ts';
import { openSandbox } from './open-sandbox.ts';
import { type ManagerConfig, PROVES_PER_MINUTE } from './process-config.ts';

export interface OpenManager {
  readonly manager: Manager;
  readonly incarnation: number;
  stop(reason: string): Promise<void>;
}

const HISTORY_MAX = 1_000;
/** The key by which managers share out who trains. */
const LEARNING = 'learning';

export async function openManager(config: ManagerConfig): Promise<OpenManager> {
  const damaged: string[] = [];
  // What a manager sees for itself it can see again after a power cut; the fleet's decisions are in the shared records.
  const localRecords = openLmdbRecordStore({
    path: `${config.dataFolder}/records`,
    durability: 'process',
    historyMax: HISTORY_MAX,
    onDamage: (_actor, { message }) => damaged.push(message),
  });
  const storeDamage: StoreDamage[] = [];
  let onStoreDamage = (damage: StoreDamage): void => void storeDamage.push(damage);
  const store = openLmdbCheckpointStore({
    path: `${config.dataFolder}/checkpoints`,
    hasher: systemHasher,
    durable: true,
    onDamage: (damage) => onStoreDamage(damage),
    faults: plannedFaults(process.env[FAULT_VARIABLE]),
  });
  const closing: (() => Promise<unknown>)[] = [() => store.close(), () => localRecords.close()];
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const incarnation = await nextIncarnation(localRecords, `manager/${config.id}`);
    const { host, link, close } = await openHost({
      id: `manager.${config.id}`,
      incarnation,
      broker: config.broker,
      log: config.log,
      localFolder: config.localFolder,
      withSys: true,
      prepares: true,
    });
    closing.push(close);
    const learning = config.adviser === undefined && config.learns === undefined ? undefined : await learningOf(host, config);
    if (config.receive !== undefined) await chooseReceiving(host.bus, config.receive);
    const fitter = createWorkerFitter();
    closing.push(() => fitter.close());
    const manager = new Manager({
      host,
      manager: config.id,
      sharedRecords: createStreamRecordStore({ bus: host.bus, names: host.names }),
      localRecords,
      store,
      hasher: systemHasher,
      upkeep: store,
      proving: {
        perMinute: config.provesPerMinute ?? PROVES_PER_MINUTE,
        board: createBusProofBoard(host.bus),
        artefacts: createNatsArtefacts({ connection: link.connection, hasher: systemHasher }),
        openSandbox: () => openSandbox(host.clock),
      },
      inventory: createBusInventory({
        bus: host.bus,
        sender: host.id,
        clock: host.clock,
        log: host.log,
        counters: host.counters,
      }),
      processTable: createProcessTable(),
      board: createBusPlacementBoard(host.bus),
      predicts: config.predicts ?? true,
      ...(config.power === undefined ? {} : { power: config.power }),
      fitter,
      receive: new BusReceivePolicy(host),
      ...(learning === undefined ? {} : { advising: learning.advising }),
    });
    onStoreDamage = ({ checkpoint, what, pages, reason }) => {
      host.counters.add('store.damagedFound', Math.max(1, pages));
      host.log.error('the store is damaged; it is set aside and fetched again', {
        code: 'ERR_STORE_CORRUPT',
        ...checkpoint,
        what,
        pages,
        why: reason,
      });
      manager.storeDamaged();
    };
    for (const damage of storeDamage) onStoreDamage(damage);
    await manager.start();
    await learning?.start(() => manager.rankOf(LEARNING));
    for (const sentence of damaged) {
      host.counters.add('records.corrupt');
      host.log.error('a local record is damaged; its actor stands still', { code: 'ERR_RECORD_CORRUPT', why: sentence });
    }
    const mirror = new JournalMirror({ host, journal: localRecords });
    mirror.start();
    host.log.info('the manager watches', { manager: config.id, incarnation });
    return {
      manager,
      incarnation,
      stop: async (reason) => {
        await learning?.stop();
        await manager.stop(reason);
        await mirror.stop();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Loaded only where it is asked for. */
async function learningOf(host: Host, config: ManagerConfig): Promise<OpenLearning> {
  const { openLearning } = await import('./open-learning.ts');
  return openLearning(host, config);
}

/** A supervisor process, put together. Its imports stay few: no runtime, no checkpoint store, no command line. */
import { fileURLToPath } from 'node:url';
import { type BridgeFact, Supervisor } from '../../../actors/supervisor.ts';
import { openLmdbRecordStore } from '../../../infra/lmdb/record-store.ts';
import { incarnationInInventory } from '../../../infra/nats/inventory.ts';
import { createBridgeProcesses } from '../../../infra/system/bridge-process.ts';
import { FAULT_VARIABLE } from '../../../infra/system/fault-plan.ts';
import { createProcessTable } from '../../../infra/system/process-table.ts';
import { nextIncarnation, openHost } from './open-host.ts';
import { tellParent } from './parent-link.ts';
import { type BridgeConfig, CONFIG_VARIABLE, type EcuConfig } from './process-config.ts';
import { BRIDGE_FLAGS, EXIT_FOR_GOOD, entryFile } from './process-entries.ts';

export interface OpenSupervisor {
  readonly incarnation: number;
  stop(reason: string): Promise<void>;
}

const HISTORY_MAX = 200;
const RECORDS_BYTES_MAX = 64 * 1024 ** 2;

export async function openSupervisor(config: EcuConfig): Promise<OpenSupervisor> {
  const records = openLmdbRecordStore({
    path: `${config.dataFolder}/supervisor`,
    durability: 'process',
    historyMax: HISTORY_MAX,
    sizeBytesMax: RECORDS_BYTES_MAX,
  });
  try {
    const incarnation = await nextIncarnation(records, `supervisor/${config.mac}`);
    const processTable = createProcessTable();
    let bridgeConfig: BridgeConfig = { ...config, supervisor: processTable.self() };
    const { [FAULT_VARIABLE]: fault, ...environment } = process.env;
    const processes = createBridgeProcesses({
      entry: fileURLToPath(entryFile('bridge')),
      nodeFlags: BRIDGE_FLAGS,
      exitForGood: EXIT_FOR_GOOD,
      environment: (start) => ({
        ...environment,
        [CONFIG_VARIABLE]: JSON.stringify(bridgeConfig),
        ...(start === 1 && fault !== undefined ? { [FAULT_VARIABLE]: fault } : {}),
      }),
    });
    // A planned death is the bridge's, not ours.
    delete process.env[FAULT_VARIABLE];
    const { host, close } = await openHost({
      id: `supervisor.${config.mac}`,
      incarnation,
      broker: config.broker,
      log: config.log,
    });
    const { mac, heartbeatIntervalUs } = config;
    const stop = async (): Promise<void> => {
      await supervisor.stop();
      await close();
      await records.close();
    };
    const onBridge = (fact: BridgeFact): void => {
      passOn(fact);
      // A supervisor without a bridge to come is of no use, and its exit code says why it ended.
      if (fact.kind === 'given-up' && fact.forGood) void stop().finally(() => process.exit(EXIT_FOR_GOOD));
    };
    const supervisor = new Supervisor({ host, mac, heartbeatIntervalUs, records, processes, processTable, onBridge });
    try {
      bridgeConfig = { ...bridgeConfig, incarnationKnown: await incarnationInInventory(host.bus, mac) };
      await supervisor.start();
    } catch (error) {
      await close();
      throw error;
    }
    return { incarnation, stop };
  } catch (error) {
    await records.close();
    throw error;
  }
}

function passOn(fact: BridgeFact): void {
  switch (fact.kind) {
    case 'spawned':
      tellParent({ kind: 'bridge-spawned', pid: fact.pid });
      return;
    case 'ready':
      tellParent({ kind: 'bridge-ready', pid: fact.pid, incarnation: fact.incarnation });
      return;
    case 'ended':
      tellParent({ kind: 'bridge-ended', pid: fact.pid, reason: fact.reason });
      return;
    case 'given-up':
      tellParent({ kind: 'bridge-given-up', reason: fact.reason });
      process.stderr.write(`drover: the bridge is not started again: ${fact.reason}\n`);
  }
}

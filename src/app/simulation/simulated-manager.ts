/** One checkpoint manager in the simulated world: drover's own, on simulated ports, on a machine of its own or an ECU's. */

import type { JanitorPolicy } from '../../../actors/janitor.ts';
import { Manager } from '../../../actors/manager.ts';
import type { PowerChoice } from '../../../actors/power-manager.ts';
import type { Proving } from '../../../actors/prover.ts';
import { createBusProofBoard } from '../../../infra/nats/proof-board.ts';
import { BusReceivePolicy } from '../../../infra/nats/receive-policy.ts';
import { createStreamRecordStore } from '../../../infra/nats/record-store.ts';
import { DiskRecordStore } from '../../../infra/sim/disk-records.ts';
import type { SimProcess } from '../../../infra/sim/host.ts';
import { createSimFitter } from '../../../infra/sim/model-fitter.ts';
import { simHasher } from '../../../infra/sim/page-digests.ts';
import type { StorePlace } from '../../../infra/sim/weather.ts';
import type { SimPorts, SimWorld } from '../../../infra/sim/world.ts';
import type { HostId } from '../../domain/model/ids.ts';
import type { FleetNames } from '../../domain/protocol/subjects.ts';
import type { Plants } from '../../ports/plants.ts';
import { exit, hostOf, nextIncarnation } from './simulated-ecu.ts';

export const managerHost = (name: string): HostId => `manager.${name}`;
const folderOf = (name: string): string => `manager-${name}/`;

/** Where its checkpoints are; `machine`: an ECU's, or its own. */
export const storeOf = (name: string, machine = managerHost(name)): StorePlace => ({
  machine,
  table: `${folderOf(name)}checkpoints`,
});

export interface SimulatedManagerParts {
  readonly world: SimWorld;
  readonly names: FleetNames;
  readonly name: string;
  readonly machine: string;
  readonly janitor: JanitorPolicy | undefined;
  readonly plants: Plants;
  /** Checkpoints tried a minute; 0: none. */
  readonly provesPerMinute: number;
  readonly predicts: boolean;
  /** Whether it lets ECUs sleep; absent: no. */
  readonly power?: PowerChoice | undefined;
  /** Whether the fleet's receiving strategy can be chosen. */
  readonly chooses: boolean;
}

export class SimulatedManager {
  readonly name: string;
  /** The manager that runs now, for looking at; undefined while none does. */
  manager: Manager | undefined;
  private readonly parts: SimulatedManagerParts;

  constructor(parts: SimulatedManagerParts) {
    this.parts = parts;
    this.name = parts.name;
    parts.world.add({ id: managerHost(parts.name), machine: parts.machine, boot: (process) => void this.boot(process) });
  }

  private async boot(process: SimProcess): Promise<void> {
    const { world, names, name, machine, janitor, plants, provesPerMinute, predicts, power, chooses } = this.parts;
    const id = managerHost(name);
    const folder = folderOf(name);
    process.onEnd(() => {
      this.manager = undefined;
    });
    try {
      const localRecords = new DiskRecordStore(world.disk(machine), process, `${folder}records`);
      const incarnation = await nextIncarnation(localRecords, `manager/${name}`);
      const ports = await world.portsOf(process, { connection: `${id}#${incarnation}`, folder });
      const manager = new Manager({
        host: { ...hostOf({ id, incarnation, names, ports }), plants },
        manager: name,
        sharedRecords: createStreamRecordStore({ bus: ports.bus, names }),
        localRecords,
        store: ports.checkpoints,
        upkeep: ports.checkpoints,
        hasher: simHasher,
        inventory: ports.inventory,
        processTable: ports.processes,
        ...(provesPerMinute === 0 ? {} : { proving: provingWith(ports, provesPerMinute) }),
        ...(janitor === undefined ? {} : { janitor }),
        predicts,
        ...(power === undefined ? {} : { power }),
        fitter: createSimFitter(ports.clock),
        ...(chooses ? { receive: new BusReceivePolicy(ports) } : {}),
      });
      await manager.start();
      this.manager = manager;
    } catch (cause) {
      exit(world, process, cause);
    }
  }
}

const provingWith = ({ bus, artefacts, runtime }: SimPorts, perMinute: number): Proving => ({
  perMinute,
  board: createBusProofBoard(bus),
  artefacts,
  // Its programs end with their trial; nothing else of it has to.
  openSandbox: async () => ({ runtimes: new Map([[runtime.kind, runtime]]), close: async () => {} }),
});

/** What one manager answers when it is asked what the fleet looks like: its own view, put together on the spot. */
import { RECEIVE_DEFAULT } from '../src/domain/checkpoint/receiving.ts';
import type { FleetEcu, FleetTask, FleetView } from '../src/domain/protocol/messages.ts';
import type { Advising } from '../src/ports/advising.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { StoreUpkeep } from '../src/ports/store-upkeep.ts';
import type { CheckpointReceiver } from './checkpoint.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import { isPlaced, type PlacementView } from './placement-index.ts';
import type { Prover } from './prover.ts';
import type { Routes } from './routes.ts';

export interface ManagerViewParts {
  readonly host: Host;
  readonly manager: string;
  readonly knowledge: FleetKnowledge;
  readonly receiver: CheckpointReceiver;
  readonly prover: Prover | undefined;
  readonly receive: ReceivePolicy | undefined;
  readonly upkeep: StoreUpkeep | undefined;
  readonly managers: () => FleetView['managers'];
  readonly advising: Advising | undefined;
  readonly routes: () => Routes;
}

export class ManagerView {
  private readonly parts: ManagerViewParts;

  constructor(parts: ManagerViewParts) {
    this.parts = parts;
  }

  fleet(): FleetView {
    const placements = [...this.parts.knowledge.placements()];
    const ecus = [...this.parts.knowledge.descriptions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([mac, description]) => {
        const ecu = this.parts.knowledge.ecu(mac);
        const tasks = placements
          .filter((placement) => isPlaced(placement) && placement.context.owner?.mac === mac)
          .map(({ context }) => context.task)
          .sort();
        return {
          mac,
          name: description.name,
          incarnation: ecu?.context.incarnation ?? description.incarnation,
          state: ecu?.state ?? 'unknown',
          draining: this.parts.knowledge.index.draining.has(mac),
          ...this.powerOf(mac),
          description,
          tasks,
        };
      });
    const tasks = placements.map((placement) => this.fleetTask(placement)).sort((a, b) => (a.task < b.task ? -1 : 1));
    return {
      manager: this.parts.manager,
      ecus,
      tasks,
      managers: this.parts.managers(),
      counters: this.parts.host.counters.read(),
      receive: (this.parts.receive?.current() ?? RECEIVE_DEFAULT).strategy,
      ...this.store(),
      ...(this.parts.advising === undefined ? {} : { learning: this.parts.advising.told() }),
    };
  }

  private powerOf(mac: string): Pick<FleetEcu, 'power'> {
    const record = this.parts.knowledge.index.power.get(mac);
    return record === undefined ? {} : { power: { state: record.state, ...record.context } };
  }

  /** This manager's own store; the others answer for theirs. */
  private store(): Pick<FleetView, 'store'> {
    const { upkeep } = this.parts;
    return upkeep === undefined ? {} : { store: upkeep.usage() };
  }

  private fleetTask({ context, state }: PlacementView): FleetTask {
    const { checkpoint, ageUs, durability } = this.parts.knowledge.safety(context, this.parts.host.clock.wallUs());
    return {
      task: context.task,
      state,
      epoch: context.epoch,
      owner: context.owner?.mac,
      programId: this.parts.receiver.programOf(context.task, context.owner),
      reason: context.reason,
      fed: this.parts.routes().told(context.task),
      checkpoint:
        checkpoint === undefined
          ? undefined
          : { epoch: checkpoint.epoch, sequence: checkpoint.sequence, holders: checkpoint.holders, ageUs },
      durability,
      ...this.parts.prover?.shown(context.task),
    };
  }
}

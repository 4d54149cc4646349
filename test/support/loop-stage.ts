/** What the parts of the simulated loop fleet see of the world they play in. */
import type { SimBroker } from '../../infra/sim/broker.ts';
import type { FaultPlan } from '../../infra/sim/faults.ts';
import type { SimLogBook } from '../../infra/sim/log.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { Incarnation } from '../../src/domain/model/ecu.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import type { ActorKey, HostId, Mac, TaskName } from '../../src/domain/model/ids.ts';
import type { Plants } from '../../src/ports/plants.ts';
import type { LoopJudge } from './loop-judge.ts';

export interface DeployCommand {
  readonly kind: 'deploy' | 'stop';
  readonly task: TaskName;
  readonly epoch: number;
  readonly target: Incarnation;
  readonly by: string;
}

/** Something that happened outside; every manager is told until it has acknowledged. */
export interface Fact {
  readonly actor: ActorKey;
  readonly event: ActorEvent;
  readonly acknowledged: Set<HostId>;
}

export interface LoopStage {
  readonly rng: Rng;
  readonly broker: SimBroker;
  readonly judge: LoopJudge;
  readonly plan: FaultPlan;
  readonly book: SimLogBook;
  readonly plants: Plants;
  readonly facts: readonly Fact[];
  commanded(command: DeployCommand, mac: Mac): void;
}

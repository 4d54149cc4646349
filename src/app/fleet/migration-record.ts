/** The last word of a migration's own record, read from the fleet's journal: no manager needs to be asked how it went. */
import { stateName } from '../../../actors/chart.ts';
import type { ChainContext } from '../../../statecharts/chain.machine.ts';
import type { MigrationContext } from '../../../statecharts/migration.machine.ts';
import type { ActorKey, TaskName } from '../../domain/model/ids.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorSubject } from '../../domain/protocol/subjects.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';

export interface MigrationNow {
  readonly actor: ActorKey;
  readonly state: string;
  readonly context: MigrationContext;
  readonly isOver: boolean;
}

/** The newest of the migrations out of this epoch. */
export async function lastMigration({ host }: FleetClient, task: TaskName, epoch: number): Promise<MigrationNow | undefined> {
  let last: MigrationNow | undefined;
  for (let attempt = 0; ; attempt++) {
    const actor = `migration/${task}.${epoch}.${attempt}`;
    const message = await host.bus.readLast(actorSubject(host.names, actor));
    if (message === undefined) return last;
    const record = decodeRecord(message.payload);
    if (!record.ok) return last;
    const snapshot = JSON.parse(record.value.snapshot) as {
      readonly value: unknown;
      readonly status: string;
      readonly context: MigrationContext;
    };
    last = { actor, state: stateName(snapshot.value), context: snapshot.context, isOver: snapshot.status !== 'active' };
  }
}

export interface ChainMoveNow {
  readonly state: string;
  readonly context: ChainContext;
  readonly isOver: boolean;
}

export async function chainMoveNow({ host }: FleetClient, actor: ActorKey): Promise<ChainMoveNow | undefined> {
  const message = await host.bus.readLast(actorSubject(host.names, actor));
  const record = message === undefined ? undefined : decodeRecord(message.payload);
  if (record?.ok !== true) return undefined;
  const { value, status, context } = JSON.parse(record.value.snapshot) as {
    readonly value: unknown;
    readonly status: string;
    readonly context: ChainContext;
  };
  return { state: stateName(value), context, isOver: status !== 'active' };
}

/** What a proposal led to: the newest migration out of the epoch that it is about, by that migration's own record. */
import type { ActorKey, Mac } from '../../domain/model/ids.ts';
import type { ProposalNotice } from '../../domain/proposal/proposal-notice.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { lastMigration } from '../fleet/migration-record.ts';

export interface ProposedMigration {
  readonly actor: ActorKey;
  readonly state: string;
  readonly to: Mac | undefined;
  /** Why it was given up. */
  readonly reason: string | undefined;
  /** The one that it carries out; absent: somebody asked for it. */
  readonly proposal: string | undefined;
}

export async function migrationOf(
  client: FleetClient,
  { task, epoch }: Pick<ProposalNotice, 'task' | 'epoch'>,
): Promise<ProposedMigration | undefined> {
  const found = await lastMigration(client, task, epoch);
  if (found === undefined) return undefined;
  const { actor, state, context } = found;
  return { actor, state, to: context.target?.mac, reason: context.reason, proposal: context.cause?.proposal?.id };
}

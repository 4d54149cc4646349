/** Who can answer a call better than the manager that got it, where the fleet is shared out: who keeps what it is about, or has the restore in hand. */
import type { ManagerCall } from '../src/domain/protocol/messages.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { ManagerShare } from './manager-share.ts';
import type { Shell } from './shell.ts';

export interface BetterPlacedParts {
  readonly manager: string;
  readonly knowledge: FleetKnowledge;
  readonly replicated: Shell;
  readonly share: () => Pick<ManagerShare, 'keeps' | 'keepersOf'>;
}

/** The first choice first; nobody: it is answered here. */
export async function betterPlaced(
  { manager, knowledge, replicated, share }: BetterPlacedParts,
  call: ManagerCall,
): Promise<readonly string[]> {
  if (knowledge.elsewhere.size === 0) return [];
  const isOther = (other: string): boolean => other !== manager && !knowledge.deadManagers.has(other);
  const about = await ecuOf(call, knowledge);
  if (about !== undefined && !share().keeps(about)) return (share().keepersOf(about) ?? []).filter(isOther);
  if (call.kind !== 'instance-report' || call.what !== 'caught-up') return [];
  const arbiter = (await knowledge.freshPlacement(call.task))?.context.takenBy;
  const view = arbiter === undefined ? undefined : (replicated.view(arbiter) ?? (await replicated.refresh(arbiter)));
  const writer = view?.record.writer.slice('manager.'.length);
  return writer !== undefined && isOther(writer) ? [writer] : [];
}

/** That the call is about, itself or where its task runs. */
async function ecuOf(call: ManagerCall, knowledge: FleetKnowledge): Promise<string | undefined> {
  switch (call.kind) {
    case 'request-restore':
    case 'drain-ecu':
      return call.mac;
    case 'migrate-task':
      return (await knowledge.freshPlacement(call.task))?.context.owner?.mac;
    case 'query-forecast':
      return call.mac ?? (await knowledge.freshPlacement(call.task ?? ''))?.context.owner?.mac;
    default:
      return undefined;
  }
}

/**
 * conservation (DESIGN 3): nothing that was begun is left over. A record that has come to its end holds no timer that somebody
 * would count for ever, and no outbox entry that every new writer would perform again.
 *
 *   V1. At rest, no record in a final state holds timers.
 *   V2. At rest, no record in a final state holds open entries.
 *   V3. At rest, what an ECU has accepted is what it owns: no place is kept for a task that runs elsewhere or no more.
 *   V4. At rest, an ECU holds no more captures of a task than its fleet's receiving strategy allows it.
 *   V5. At rest, a store has no page that none of its checkpoints needs, and not more checkpoints of a task than retention keeps.
 */
import type { ActorKey, Mac, TaskName } from '../model/ids.ts';
import type { ActorRecord } from '../model/record.ts';
import type { Violation } from './violation.ts';

export function leftOver(actor: ActorKey, record: Pick<ActorRecord, 'timers' | 'outbox' | 'revision'>): Violation | undefined {
  const { revision } = record;
  const timers = record.timers.map(({ id }) => id);
  const entries = record.outbox.map(({ key }) => key);
  if (timers.length === 0 && entries.length === 0) return undefined;
  const what = timers.length > 0 ? `the timers ${timers.join(', ')} (V1)` : `the entries ${entries.join(', ')} (V2)`;
  return {
    invariant: 'conservation',
    sentence: `${actor} has come to its end and still holds ${what}`,
    details: { actor, revision, timers, entries },
  };
}

/** V3. */
export function keptForNobody(
  mac: Mac,
  accepted: readonly TaskName[],
  owns: (task: TaskName) => boolean,
): Violation | undefined {
  const kept = accepted.filter((task) => !owns(task));
  if (kept.length === 0) return undefined;
  const sentence = `ECU ${mac} keeps a place for ${kept.join(', ')}, which it does not own (V3)`;
  return { invariant: 'conservation', sentence, details: { mac, kept } };
}

/** V4 and V5: more of something than there may be. */
export function tooMany(what: string, count: number, most: number): Violation | undefined {
  if (count <= most) return undefined;
  return {
    invariant: 'conservation',
    sentence: `${what}: ${count}, not ${most} at most (V4, V5)`,
    details: { what, count, most },
  };
}

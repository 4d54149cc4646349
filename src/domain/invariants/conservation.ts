/**
 * conservation (DESIGN 3): nothing that was begun is left over. A record that has come to its end holds no timer that somebody
 * would count for ever, and no outbox entry that every new writer would perform again.
 *
 *   V1. At rest, no record in a final state holds timers.
 *   V2. At rest, no record in a final state holds open entries.
 */
import type { ActorKey } from '../model/ids.ts';
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

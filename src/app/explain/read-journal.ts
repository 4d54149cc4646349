/**
 * Reads, of the fleet's journal, what a decision about a task left there: the journal of its placement, and those of the arbiters that
 * planned for it. No manager is asked, so it also explains a fleet whose managers are gone.
 */
import type { Host } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type ActorKey, parseActorKey, shardOf, type TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorSubject, streams } from '../../domain/protocol/subjects.ts';
import type { Cancel } from '../../ports/clock.ts';
import { type Deciders, decidersOf } from './decision.ts';

export interface TaskJournal extends Deciders {
  /** And migrations. */
  readonly arbiters: ReadonlyMap<ActorKey, readonly ActorRecord[]>;
}

/** Requests for one epoch are numbered, when the first of them came to nothing. */
const ATTEMPTS_MAX = 16;

export async function readTaskJournal(host: Host, task: TaskName): Promise<TaskJournal> {
  const placement = await readJournal(host, `placement/${task}`);
  if (placement.length === 0) throw new DroverError('ERR_NO_TASK', `there is no task ${task}, and there never was one`);
  const { named, requests, migrations } = decidersOf(task, placement);
  const arbiters = new Map<ActorKey, readonly ActorRecord[]>();
  for (const actor of named) arbiters.set(actor, arbiters.get(actor) ?? (await readJournal(host, actor)));
  // A request that was refused leaves no trace in the placement.
  for (const request of requests) {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const actor = attempt === 0 ? request : `${request}.${attempt}`;
      const records = arbiters.get(actor) ?? (await readJournal(host, actor));
      if (records.length === 0) break;
      arbiters.set(actor, records);
    }
  }
  for (const migration of migrations) {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const actor = `${migration}.${attempt}`;
      const records = arbiters.get(actor) ?? (await readJournal(host, actor));
      if (records.length === 0) break;
      arbiters.set(actor, records);
    }
  }
  return { placement, arbiters };
}

/** Oldest first; what does not decode is passed over, because the rest may still explain. */
async function readJournal({ bus, names }: Host, actor: ActorKey): Promise<ActorRecord[]> {
  const subject = actorSubject(names, actor);
  if ((await bus.readLast(subject)) === undefined) return [];
  const records: ActorRecord[] = [];
  const stream = streams.actors(shardOf(parseActorKey(actor).id, names.shardCount));
  let cancel: Cancel = () => undefined;
  await new Promise<void>((resolve, reject) => {
    bus
      .consume(stream, { filter: subject, from: 1, onCaughtUp: resolve, onFailure: reject }, ({ payload }) => {
        const decoded = decodeRecord(payload);
        if (decoded.ok) records.push(decoded.value);
      })
      .then((stop) => {
        cancel = stop;
      }, reject);
  });
  cancel();
  return records;
}

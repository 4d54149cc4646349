/**
 * Actors' records as messages of the ACTORS streams: one subject per actor, whose last message is the record and whose
 * messages are the journal. Written over the bus port alone, so the simulator runs this very file over its own bus.
 *
 * The position of a record is its sequence in its shard's stream. Compare-and-set is the bus's `expectedSequence`, so R1 and R4
 * are the broker's own promises; R2 is its promise for what it answered; R3 holds because `readLast` asks the leader.
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { ActorKey } from '../../src/domain/model/ids.ts';
import { parseActorKey, shardOf } from '../../src/domain/model/ids.ts';
import type { FleetNames } from '../../src/domain/protocol/subjects.ts';
import { actorOfSubject, actorSubject, actorsOfShard, header, streams } from '../../src/domain/protocol/subjects.ts';
import type { AppendAnswer, Bus, Headers, StreamMessage } from '../../src/ports/bus.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { RecordAppend, RecordLabel, RecordStore, StoredRecord } from '../../src/ports/record-store.ts';

export interface StreamRecordStoreParts {
  readonly bus: Bus;
  readonly names: FleetNames;
  /** How long an append may take before it counts as `unknown`. */
  readonly appendTimeoutUs?: number;
}

const APPEND_TIMEOUT_US = 2_000_000;

export function createStreamRecordStore({
  bus,
  names,
  appendTimeoutUs = APPEND_TIMEOUT_US,
}: StreamRecordStoreParts): RecordStore {
  const streamOf = (actor: ActorKey): string => streams.actors(shardOf(parseActorKey(actor).id, names.shardCount));

  return {
    async load(actor) {
      const last = await bus.readLast(actorSubject(names, actor));
      return last === undefined ? undefined : { ...recordOf(last), bytes: last.payload.slice() };
    },

    async append(actor, expectedPosition, record, label) {
      try {
        return outcomeOf(
          // A bus may keep the very array, and hand it to readers.
          await bus.append(actorSubject(names, actor), record.slice(), {
            expectedSequence: expectedPosition,
            timeoutUs: appendTimeoutUs,
            ...(label === undefined ? {} : { headers: headersOf(label) }),
          }),
          actor,
        );
      } catch (error) {
        if (error instanceof DroverError && error.code === 'ERR_WIRE_OVERSIZED') {
          throw tooLarge(actor, record.length, error);
        }
        throw error;
      }
    },

    async follow(handler) {
      const shards = Array.from({ length: names.shardCount }, (_, shard) => shard);
      const followed = await Promise.allSettled(shards.map((shard) => followShard(bus, shard, handler)));
      const cancels = followed.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const cancelAll = (): void => {
        for (const cancel of cancels) cancel();
      };
      const failed = followed.find((outcome) => outcome.status === 'rejected');
      if (failed === undefined) return cancelAll;
      cancelAll();
      throw failed.reason;
    },

    history: (actor) => readHistory(bus, streamOf(actor), actorSubject(names, actor)),
  };
}

const tooLarge = (actor: ActorKey, bytes: number, cause: DroverError): DroverError =>
  new DroverError('ERR_RECORD_TOO_LARGE', `The record of ${actor} has ${bytes} bytes, more than the broker takes.`, { cause });

/** Resolves when the newest record of every actor of the shard has been handed over. */
async function followShard(bus: Bus, shard: number, handler: (actor: ActorKey, record: StoredRecord) => void): Promise<Cancel> {
  let onCaughtUp: () => void = () => undefined;
  let onFailure: (error: Error) => void = () => undefined;
  const caughtUp = new Promise<void>((resolve, reject) => {
    onCaughtUp = resolve;
    onFailure = reject;
  });
  const cancel = await bus.consume(
    streams.actors(shard),
    { filter: actorsOfShard(shard), from: 'last-per-subject', onCaughtUp, onFailure },
    (message) => {
      const actor = actorOfSubject(message.subject);
      if (actor !== undefined) handler(actor, recordOf(message));
    },
  );
  await caughtUp;
  return cancel;
}

/** What is there when the reading starts; what is appended meanwhile may come too. */
async function* readHistory(bus: Bus, stream: string, subject: string): AsyncGenerator<StoredRecord> {
  for (let sequence = 1; ; ) {
    const message = await bus.readNext(stream, subject, sequence);
    if (message === undefined) return;
    yield recordOf(message);
    sequence = message.sequence + 1;
  }
}

function recordOf({ sequence: position, payload: bytes, headers }: StreamMessage): StoredRecord {
  const writer = headers[header.writer];
  if (writer === undefined) return { position, bytes };
  return { position, bytes, label: { key: headers[header.key], writer, from: headers[header.from] } };
}

const headersOf = ({ key, writer, from }: RecordLabel): Headers => ({
  [header.writer]: writer,
  ...(key === undefined ? {} : { [header.key]: key }),
  ...(from === undefined ? {} : { [header.from]: from }),
});

function outcomeOf(answer: AppendAnswer, actor: ActorKey): RecordAppend {
  switch (answer.kind) {
    case 'appended':
      return { kind: 'appended', position: answer.sequence };
    case 'duplicate':
      // Records carry no message id, so this is another message's; the last record tells.
      return { kind: 'unknown' };
    case 'full':
      throw new DroverError(
        'ERR_BUS_STREAM_FULL',
        `The stream that keeps the record of ${actor} is at its bound; the janitor must trim or its bound be raised.`,
      );
    default:
      return answer;
  }
}

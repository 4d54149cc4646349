/** Actors' records on a simulated disk: `RecordStore` for what a manager or bridge sees for itself (LMDB in production). */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { ActorKey } from '../../src/domain/model/ids.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { RecordAppend, RecordStore, StoredRecord } from '../../src/ports/record-store.ts';
import type { SimDisk, WriteEffect } from './disk.ts';
import type { SimProcess } from './host.ts';

interface Follower {
  readonly process: SimProcess;
  readonly handler: (actor: ActorKey, record: StoredRecord) => void;
}

interface RecordTable {
  readonly journals: Map<ActorKey, StoredRecord[]>;
  readonly followers: Set<Follower>;
  position: number;
}

const RECORD_BYTES_MAX = 16 * 1024 ** 2;

const tableNamed = (disk: SimDisk, name: string): RecordTable =>
  disk.table(name, () => ({ journals: new Map(), followers: new Set(), position: 0 }));

/** Every store of records on the disk, each as its actors' journals: what a judge reads when all is over. */
export function* storedJournals(disk: SimDisk): Iterable<ReadonlyMap<ActorKey, readonly Uint8Array[]>> {
  for (const name of disk.names()) {
    if (!name.endsWith('records')) continue;
    const { journals } = tableNamed(disk, name);
    yield new Map([...journals].map(([actor, records]) => [actor, records.map(({ bytes }) => bytes)]));
  }
}

export class DiskRecordStore implements RecordStore {
  private readonly disk: SimDisk;
  private readonly process: SimProcess;
  private readonly table: RecordTable;

  constructor(disk: SimDisk, process: SimProcess, name = 'records') {
    this.disk = disk;
    this.process = process;
    this.table = tableNamed(disk, name);
  }

  load(actor: ActorKey): Promise<StoredRecord | undefined> {
    return this.process.promise((settle) => {
      const last = this.table.journals.get(actor)?.at(-1);
      settle.resolve(last === undefined ? undefined : copy(last));
    });
  }

  append(actor: ActorKey, expectedPosition: number, record: Uint8Array): Promise<RecordAppend> {
    if (record.length > RECORD_BYTES_MAX)
      return Promise.reject(new DroverError('ERR_RECORD_TOO_LARGE', `a record of ${record.length} bytes for ${actor}`));
    const bytes = record.slice();
    // As the hosts' own: what is lost here was never anybody's only copy.
    const kind = { bytes: bytes.length, durability: 'process' } as const;
    return this.disk.write<RecordAppend>(this.process, kind, () => this.apply(actor, expectedPosition, bytes));
  }

  follow(handler: (actor: ActorKey, record: StoredRecord) => void): Promise<Cancel> {
    return this.process.promise((settle) => {
      const follower: Follower = { process: this.process, handler };
      const lasts = [...this.table.journals].flatMap(([actor, records]) =>
        records.slice(-1).map((record) => ({ actor, record })),
      );
      lasts.sort((a, b) => a.record.position - b.record.position);
      for (const { actor, record } of lasts) handler(actor, copy(record));
      this.table.followers.add(follower);
      settle.resolve(() => this.table.followers.delete(follower));
    });
  }

  async *history(actor: ActorKey): AsyncIterable<StoredRecord> {
    for (const record of [...(this.table.journals.get(actor) ?? [])]) {
      yield await this.process.promise<StoredRecord>((settle) => settle.resolve(copy(record)));
    }
  }

  private apply(actor: ActorKey, expectedPosition: number, bytes: Uint8Array): WriteEffect<RecordAppend> {
    const { journals, followers } = this.table;
    const records = journals.get(actor) ?? [];
    if ((records.at(-1)?.position ?? 0) !== expectedPosition) return { answer: { kind: 'refused' }, bytes: 0 };
    const record: StoredRecord = { position: ++this.table.position, bytes };
    records.push(record);
    const { recordsKept, syncUs } = this.disk.options;
    if (recordsKept !== undefined && syncUs === undefined && records.length > recordsKept) records.shift();
    journals.set(actor, records);
    for (const follower of [...followers]) {
      if (!follower.process.alive()) followers.delete(follower);
      else follower.process.deliver(() => followers.has(follower) && follower.handler(actor, copy(record)));
    }
    const undo = (): void => {
      records.splice(records.indexOf(record), 1);
      if (records.length === 0) journals.delete(actor);
    };
    return { answer: { kind: 'appended', position: record.position }, bytes: bytes.length, undo };
  }
}

const copy = (record: StoredRecord): StoredRecord => ({ position: record.position, bytes: record.bytes.slice() });

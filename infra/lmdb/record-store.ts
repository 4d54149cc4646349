/**
 * Actors' records in LMDB: one journal for the whole store and one head per actor.
 *
 *   journal   position (u64, big-endian key)  →  entry (record-format.ts), linked to the same actor's entry before
 *   heads     actor (UTF-8)                   →  position of its last entry (u64), entries kept (u64)
 *
 * Positions are places in the one journal, so they grow over all actors together (R4), new entries always go to the end of
 * the tree, and whoever mirrors the journal needs one number to go on from (`since`). An actor's last entry is never
 * trimmed, therefore neither is the journal's last, and no position is given twice.
 *
 * Appends of one turn of the event loop, and those that arrive while a commit is under way, share the next commit: each is
 * compared with its own head inside that one transaction (R1), and each is answered after the commit (R2). A commit's
 * cost (~0.5 ms with sync) is then shared by hundreds of appends.
 *
 * One process owns the folder. Several handles in it share one environment and hear of each other's appends. A second
 * process may append too, compared-and-set like everyone; followers here hear of that with the next append made here.
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { ActorKey } from '../../src/domain/model/ids.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { RecordJournal } from '../../src/ports/record-journal.ts';
import type { RecordAppend, RecordStore, StoredRecord } from '../../src/ports/record-store.ts';
import type { Durability, Environment, Table } from './environment.ts';
import { exact, openEnvironment, peek } from './environment.ts';
import {
  corrupt,
  draftEntry,
  ENTRY_HEADER_BYTES,
  previousOf,
  readEntry,
  readU64,
  sealEntry,
  writeU64,
} from './record-format.ts';

export interface LmdbRecordStoreOptions {
  readonly path: string;
  /** Bound on the bytes in use; an append beyond it fails with ERR_STORE_FULL. */
  readonly sizeBytesMax?: number;
  /** `sync` (default): an answered append survives a power cut. `process`: it survives this process. */
  readonly durability?: Durability;
  /** Entries kept per actor, at least 1; undefined keeps all. Trimmed lazily: up to twice as many may be there. */
  readonly historyMax?: number;
  readonly recordBytesMax?: number;
  /** An actor whose last record cannot be read: `follow` passes over it, `load` fails. */
  readonly onDamage?: OnDamage;
}

export type OnDamage = (actor: ActorKey, damage: DroverError) => void;

export function openLmdbRecordStore(options: LmdbRecordStoreOptions): LmdbRecordStore {
  const environment = openEnvironment({
    path: options.path,
    sizeBytesMax: options.sizeBytesMax ?? SIZE_BYTES_MAX,
    durability: options.durability ?? 'sync',
  });
  return new LmdbRecordStore(environment, options);
}

const SIZE_BYTES_MAX = 1024 ** 3;
const RECORD_BYTES_MAX = 16 * 1024 ** 2;
const ACTOR_BYTES_MAX = 512;
const HEAD_BYTES = 16;
const POSITION_BYTES = 8;
/** What an entry costs beside its own bytes: keys, nodes, its share of half-filled pages, its head rewritten. */
const ENTRY_OVERHEAD_BYTES = 128;

export class LmdbRecordStore implements RecordStore, RecordJournal {
  readonly #environment: Environment;
  readonly #journal: Journal;
  readonly #historyMax: number;
  readonly #recordBytesMax: number;
  readonly #onDamage: OnDamage | undefined;
  #closed = false;

  constructor(environment: Environment, options: LmdbRecordStoreOptions) {
    this.#environment = environment;
    this.#journal = environment.attachment('records', () => new Journal(environment));
    this.#historyMax = Math.max(1, options.historyMax ?? Number.POSITIVE_INFINITY);
    this.#recordBytesMax = options.recordBytesMax ?? RECORD_BYTES_MAX;
    this.#onDamage = options.onDamage;
  }

  async load(actor: ActorKey): Promise<StoredRecord | undefined> {
    this.#assertOpen();
    return this.#journal.last(actor);
  }

  /** Not `async`: the promise that the journal makes is the caller's, and this is the hottest call there is. */
  append(actor: ActorKey, expectedPosition: number, record: Uint8Array): Promise<RecordAppend> {
    try {
      this.#assertOpen();
      if (record.length > this.#recordBytesMax) {
        throw new DroverError(
          'ERR_RECORD_TOO_LARGE',
          `a record of ${record.length} bytes for ${actor}; the store takes ${this.#recordBytesMax}`,
        );
      }
      return this.#journal.append(actor, expectedPosition, record, this.#historyMax);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async follow(handler: (actor: ActorKey, record: StoredRecord) => void): Promise<Cancel> {
    this.#assertOpen();
    return this.#journal.follow(handler, this.#onDamage);
  }

  async *history(actor: ActorKey): AsyncIterable<StoredRecord> {
    this.#assertOpen();
    for (const position of this.#journal.positionsOf(actor)) {
      this.#assertOpen();
      // One that was trimmed meanwhile is no longer part of the history.
      const entry = this.#journal.at(position);
      if (entry !== undefined) yield { position, bytes: entry.record };
    }
  }

  /** Every kept entry of every actor after `position`, in the order of the appends: what a mirror sends on. */
  *since(position: number): Iterable<{ readonly actor: ActorKey; readonly record: StoredRecord }> {
    this.#assertOpen();
    yield* this.#journal.since(position);
  }

  /** Bytes in use, and their bound. */
  size(): { readonly bytes: number; readonly bytesMax: number } {
    this.#assertOpen();
    return { bytes: this.#environment.usedBytes(), bytesMax: this.#environment.sizeBytesMax };
  }

  /** Waits for the appends under way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#journal.idle();
    if (this.#closed) return;
    this.#closed = true;
    await this.#environment.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new DroverError('ERR_STORE_CLOSED', `the record store in ${this.#environment.path} is closed`);
  }
}

interface PendingAppend {
  readonly actor: ActorKey;
  readonly key: Buffer;
  readonly expectedPosition: number;
  readonly entry: Buffer;
  readonly historyMax: number;
  readonly answer: (answer: RecordAppend) => void;
  readonly fail: (error: unknown) => void;
}

type Outcome =
  | { readonly kind: 'appended'; readonly position: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'full' };

const REFUSED: Outcome = { kind: 'refused' };
const FULL: Outcome = { kind: 'full' };

interface Follower {
  readonly handler: (actor: ActorKey, record: StoredRecord) => void;
  /** Everything up to here was given to the handler. */
  position: number;
  cancelled: boolean;
}

/** The two tables, the queue of appends and the followers: one per environment, whatever the number of handles. */
class Journal {
  readonly #environment: Environment;
  readonly #entries: Table;
  readonly #heads: Table;
  readonly #followers = new Set<Follower>();
  /** Written again and again: inside a transaction a put has read its key and value when it returns. */
  readonly #headValue = Buffer.alloc(HEAD_BYTES);
  readonly #positionKey = Buffer.alloc(POSITION_BYTES);
  /** Where each actor's last entries are, newest last, so that trimming need not read its way back to them. */
  readonly #trails = new Map<ActorKey, number[]>();
  #queue: PendingAppend[] = [];
  #committing: Promise<void> | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#entries = environment.table('journal');
    this.#heads = environment.table('heads');
  }

  append(actor: ActorKey, expectedPosition: number, record: Uint8Array, historyMax: number): Promise<RecordAppend> {
    const key = keyOfActor(actor);
    const entry = draftEntry(key, record);
    return new Promise((answer, fail) => {
      this.#queue.push({ actor, key, expectedPosition, entry, historyMax, answer, fail });
      this.#committing ??= this.#commitAll();
    });
  }

  async idle(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
  }

  async #commitAll(): Promise<void> {
    // Begins in a later microtask, so that whoever queued first has returned; the batch itself is taken inside the
    // transaction, when the writer has the lock: everything that arrived until then rides along.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      let batch: PendingAppend[] = [];
      let outcomes: readonly Outcome[] = [];
      try {
        await this.#environment.transact(() => {
          batch = this.#queue;
          this.#queue = [];
          outcomes = this.#write(batch);
        });
      } catch (error) {
        if (batch.length === 0) [batch, this.#queue] = [this.#queue, []];
        // The appends and removals were taken back, and their places will be given again.
        this.#trails.clear();
        for (const append of batch) append.fail(error);
        continue;
      }
      this.#answer(batch, outcomes);
    }
    this.#committing = undefined;
  }

  /** Inside the transaction: compares and sets, one append after the other. */
  #write(batch: readonly PendingAppend[]): readonly Outcome[] {
    const outcomes: Outcome[] = [];
    const headValue = this.#headValue;
    const positionKey = this.#positionKey;
    let position = this.#lastPosition();
    for (const { actor, key, expectedPosition, entry, historyMax } of batch) {
      const head = this.#heads.getBinaryFast(key);
      const previous = head === undefined ? 0 : headPosition(head);
      if (previous !== expectedPosition) {
        outcomes.push(REFUSED);
        continue;
      }
      let count = head === undefined ? 1 : headCount(head) + 1;
      if (!this.#environment.reserve(entry.length + key.length + ENTRY_OVERHEAD_BYTES)) {
        outcomes.push(FULL);
        continue;
      }
      position += 1;
      sealEntry(entry, { position, previous });
      writePosition(positionKey, position);
      this.#entries.put(positionKey, entry);
      if (historyMax !== Number.POSITIVE_INFINITY) {
        const trail = this.#trailOf(actor, previous);
        trail.push(position);
        if (count > 2 * historyMax) count = this.#trim(trail, count, historyMax);
      }
      writeU64(headValue, 0, position);
      writeU64(headValue, 8, count);
      this.#heads.put(key, headValue);
      outcomes.push({ kind: 'appended', position });
    }
    return outcomes;
  }

  /** The places of an actor's entries as far back as they are known; none when others appended since. */
  #trailOf(actor: ActorKey, last: number): number[] {
    const known = this.#trails.get(actor);
    if (known !== undefined && known.at(-1) === last) return known;
    const trail: number[] = [];
    this.#trails.set(actor, trail);
    return trail;
  }

  /** Removes all of an actor's entries but the newest `keep`; done once for as many appends without. Answers how many are left. */
  #trim(trail: number[], count: number, keep: number): number {
    if (trail.length < count) return this.#trimByReading(trail, keep);
    for (const position of trail.splice(0, trail.length - keep)) {
      writePosition(this.#positionKey, position);
      this.#entries.remove(this.#positionKey);
    }
    return keep;
  }

  /** The same where the trail does not reach back to the oldest; afterwards it does. */
  #trimByReading(trail: number[], keep: number): number {
    const kept: number[] = [];
    let position = trail.at(-1) ?? 0;
    while (position !== 0) {
      const key = keyOfPosition(position);
      const entry = peek(this.#entries, key);
      if (entry === undefined) break;
      const previous = previousOf(entry, position);
      if (kept.length < keep) kept.push(position);
      else this.#entries.remove(key);
      position = previous;
    }
    trail.splice(0, trail.length, ...kept.reverse());
    return kept.length;
  }

  #answer(batch: readonly PendingAppend[], outcomes: readonly Outcome[]): void {
    const appended: { actor: ActorKey; record: StoredRecord }[] = [];
    for (const [index, { actor, key, entry, answer, fail }] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome.kind === 'full') {
        fail(this.#environment.storeFull());
        continue;
      }
      answer(outcome);
      if (outcome.kind === 'appended' && this.#followers.size > 0) {
        // The entry is nobody else's and no longer written to: followers get its record where it lies.
        const header = ENTRY_HEADER_BYTES + key.length;
        const bytes = new Uint8Array(entry.buffer, entry.byteOffset + header, entry.length - header);
        appended.push({ actor, record: { position: outcome.position, bytes } });
      }
    }
    const first = appended[0]?.record.position;
    if (first === undefined) return;
    for (const follower of [...this.#followers]) {
      // A gap means that another process appended in between: then the journal itself is read.
      this.#deliver(follower, follower.position + 1 >= first ? appended : this.since(follower.position));
    }
  }

  #deliver(follower: Follower, records: Iterable<{ readonly actor: ActorKey; readonly record: StoredRecord }>): void {
    for (const { actor, record } of records) {
      if (follower.cancelled) return;
      if (record.position <= follower.position) continue;
      follower.position = record.position;
      try {
        follower.handler(actor, record);
      } catch (error) {
        // A handler's bug is nobody's failed append: it goes where uncaught errors go.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  follow(handler: (actor: ActorKey, record: StoredRecord) => void, onDamage?: OnDamage): Cancel {
    // One synchronous run reads one snapshot. What is committed but not yet answered is in it, and is not given again.
    const lasts: { actor: ActorKey; record: StoredRecord }[] = [];
    for (const { key, value } of this.#heads.getRange()) {
      const position = headPosition(value);
      try {
        const entry = this.at(position);
        if (entry === undefined) throw corrupt(position, 'is named by a head and is not there');
        lasts.push({ actor: entry.actor, record: { position, bytes: entry.record } });
      } catch (error) {
        // One damaged record stops its own actor (`load` fails), not everybody's start.
        if (!(error instanceof DroverError && error.code === 'ERR_RECORD_CORRUPT')) throw error;
        onDamage?.(exact(key).toString('utf8'), error);
      }
    }
    lasts.sort((a, b) => a.record.position - b.record.position);
    const follower: Follower = { handler, position: 0, cancelled: false };
    this.#deliver(follower, lasts);
    this.#followers.add(follower);
    return () => {
      follower.cancelled = true;
      this.#followers.delete(follower);
    };
  }

  last(actor: ActorKey): StoredRecord | undefined {
    const position = this.#headPositionOf(actor);
    if (position === 0) return undefined;
    const entry = this.at(position);
    if (entry === undefined || entry.actor !== actor) throw corrupt(position, `is not the last one of ${actor}`);
    return { position, bytes: entry.record };
  }

  at(position: number): ReturnType<typeof readEntry> | undefined {
    const entry = peek(this.#entries, keyOfPosition(position));
    return entry === undefined ? undefined : readEntry(entry, position);
  }

  /** Oldest first; what is named here may be trimmed before it is read. */
  positionsOf(actor: ActorKey): readonly number[] {
    const positions: number[] = [];
    let position = this.#headPositionOf(actor);
    while (position !== 0) {
      const entry = peek(this.#entries, keyOfPosition(position));
      if (entry === undefined) break;
      positions.push(position);
      position = previousOf(entry, position);
    }
    return positions.reverse();
  }

  *since(position: number): Iterable<{ readonly actor: ActorKey; readonly record: StoredRecord }> {
    for (const { key, value } of this.#entries.getRange({ start: keyOfPosition(position + 1) })) {
      const entry = readEntry(exact(value), positionOfKey(key));
      yield { actor: entry.actor, record: { position: entry.position, bytes: entry.record } };
    }
  }

  /** 0 when the actor has none. */
  #headPositionOf(actor: ActorKey): number {
    const head = this.#heads.getBinaryFast(keyOfActor(actor));
    return head === undefined ? 0 : headPosition(head);
  }

  #lastPosition(): number {
    for (const key of this.#entries.getKeys({ reverse: true, limit: 1 })) return positionOfKey(key);
    return 0;
  }
}

/** A head's two numbers, from what `getBinaryFast` hands out as it is: the hottest read. */
function headPosition(head: Uint8Array): number {
  if (head.length !== HEAD_BYTES) throw new DroverError('ERR_RECORD_CORRUPT', `a head of ${head.length} bytes`);
  return readU64(head as Buffer, 0);
}

const headCount = (head: Uint8Array): number => readU64(head as Buffer, 8);

function keyOfActor(actor: ActorKey): Buffer {
  const key = Buffer.from(actor, 'utf8');
  if (key.length === 0 || key.length > ACTOR_BYTES_MAX) {
    throw new DroverError(
      'ERR_RECORD_TOO_LARGE',
      `an actor key of ${key.length} bytes; the store takes 1 to ${ACTOR_BYTES_MAX}`,
    );
  }
  return key;
}

function keyOfPosition(position: number): Buffer {
  const key = Buffer.allocUnsafe(POSITION_BYTES);
  writePosition(key, position);
  return key;
}

/** Big-endian, so that the order of the keys is the order of the positions. */
function writePosition(key: Buffer, position: number): void {
  key.writeUInt32BE(Math.floor(position / 4294967296), 0);
  key.writeUInt32BE(position >>> 0, 4);
}

function positionOfKey(key: Uint8Array): number {
  const bytes = exact(key);
  return bytes.readUInt32BE(0) * 4294967296 + bytes.readUInt32BE(4);
}

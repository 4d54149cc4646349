/**
 * Checkpoints in LMDB: content-addressed pages (page-pool.ts) and one manifest per checkpoint (manifest-format.ts), keyed by
 * task, epoch and sequence. Putting one, and dropping some, is one transaction each (S1); so whatever the moment of a crash,
 * the store opens with the checkpoints that were answered and no half of another.
 *
 * Nothing is believed: pages are digested when they come and again when a state is rebuilt, manifests carry their own
 * digest, and a state counts as stored only when its page table, globals and cursors give its state digest (S2, S3). What
 * fails that is quarantined and counts as missing, so that the same two calls that brought it (`missing`, `put`) bring it
 * again. LMDB's own tree pages have no checksums: that damage shows as ERR_STORE_CORRUPT or ERR_STORE_IO where LMDB notices.
 *
 * Verified page tables are kept in memory, newest first, up to a bound: an increment is then checked by copying its base's
 * table, and 16,384 pages (64 MiB) cost half a megabyte of copying and digesting, not a walk down the chain.
 */
import { chainOf, planFold, planKeep } from '../../src/domain/checkpoint/chain.ts';
import type { PageTable } from '../../src/domain/checkpoint/delta.ts';
import { applyManifest } from '../../src/domain/checkpoint/delta.ts';
import { checkManifest, foldManifest, stateDigest, stateOf } from '../../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { CheckpointManifest, CheckpointOrder } from '../../src/domain/model/checkpoint.ts';
import { DIGEST_BYTES, laterCheckpoint, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { TaskName } from '../../src/domain/model/ids.ts';
import type { CheckpointStore, RebuiltState } from '../../src/ports/checkpoint-store.ts';
import type { Hasher } from '../../src/ports/digest.ts';
import { FaultPoint, type FaultPoints, NO_FAULT_POINTS } from '../../src/ports/fault-points.ts';
import type { DamagedCheckpoint, ScrubResult, StoreUpkeep, StoreUsage } from '../../src/ports/store-upkeep.ts';
import { assertSound, nameOf, roomFor } from './checkpoint-checks.ts';
import { type CheckpointName, isKey, keyOf, nameOfKey, ORDER_MAX, orderOfKey, taskOfKey } from './checkpoint-keys.ts';
import type { Environment, Table } from './environment.ts';
import { exact, openEnvironment, peek } from './environment.ts';
import { ManifestCache } from './manifest-cache.ts';
import { decodeManifest, describeDamagedManifest, encodeManifest } from './manifest-format.ts';
import { PagePool, POOLED_PAGE_BYTES } from './page-pool.ts';
import { type DamagedPages, Quarantine } from './quarantine.ts';
import { count, countDigests, countReplaced } from './reference-counts.ts';
import { forgetOwner, noteOwner } from './store-owner.ts';
import { TableCache } from './table-cache.ts';

export interface LmdbCheckpointStoreOptions {
  readonly path: string;
  readonly hasher: Hasher;
  /** Managers: `put` answers after the disk has it. A bridge's local store: after it survives the process. */
  readonly durable: boolean;
  /** Bound on the bytes in use; a `put` beyond it fails with ERR_STORE_FULL and changes nothing. */
  readonly sizeBytesMax?: number;
  /** Bound on the page tables kept in memory. */
  readonly tableCacheBytesMax?: number;
  /** Told of every piece of damage when it is found. */
  readonly onDamage?: (damage: StoreDamage) => void;
  /** For kill tests. */
  readonly faults?: FaultPoints;
}

export interface StoreDamage {
  /** Whose rebuild found it; undefined where the scrubber did. */
  readonly checkpoint: CheckpointName | undefined;
  readonly what: 'manifest' | 'pages';
  /** How many pages were quarantined. */
  readonly pages: number;
  readonly reason: string;
}

/** Where a store is given no other bound. */
export const CHECKPOINT_STORE_BYTES_MAX = 4 * 1024 ** 3;
const TABLE_CACHE_BYTES_MAX = 8 * 1024 ** 2;
/** A dozen checkpoints of a hundred tasks, or the full ones of small states. */
const MANIFEST_CACHE_BYTES_MAX = 4 * 1024 ** 2;
/** Pages read between two turns of the event loop while a state is rebuilt: about a millisecond's worth. */
const PAGES_PER_TURN = 256;
/** Its share of tree pages, and of the last overflow page. */
const MANIFEST_OVERHEAD_BYTES = 5120;
/** Counting so many takes some twenty milliseconds, in which nothing else is done. */
const RECOUNTED_PAGES_MAX = 16_384;
const EMPTY_TABLE: PageTable = new Uint8Array(0);
const PAGES_REASON = 'pages are not there, or do not have their digests';

export function openLmdbCheckpointStore(options: LmdbCheckpointStoreOptions): LmdbCheckpointStore {
  const environment = openEnvironment({
    path: options.path,
    sizeBytesMax: options.sizeBytesMax ?? CHECKPOINT_STORE_BYTES_MAX,
    durability: options.durable ? 'sync' : 'process',
  });
  noteOwner(environment.path);
  return new LmdbCheckpointStore(environment, options);
}

export class LmdbCheckpointStore implements CheckpointStore, StoreUpkeep {
  readonly #environment: Environment;
  readonly #manifests: Table;
  readonly #pool: PagePool;
  readonly #hasher: Hasher;
  readonly #onDamage: (damage: StoreDamage) => void;
  readonly #tables: TableCache;
  readonly #decoded = new ManifestCache(MANIFEST_CACHE_BYTES_MAX);
  readonly #quarantine: Quarantine;
  readonly #faults: FaultPoints;
  /** Keys of damaged manifests that are about to be set aside, one character a byte. */
  readonly #toSetAside = new Set<string>();
  #closed = false;

  constructor(environment: Environment, options: LmdbCheckpointStoreOptions) {
    this.#environment = environment;
    this.#manifests = environment.table('manifests');
    this.#pool = environment.attachment('pages', () => new PagePool(environment));
    this.#hasher = options.hasher;
    this.#onDamage = options.onDamage ?? (() => {});
    this.#tables = new TableCache(options.tableCacheBytesMax ?? TABLE_CACHE_BYTES_MAX);
    this.#quarantine = new Quarantine({ environment, pool: this.#pool, hasher: options.hasher });
    this.#faults = options.faults ?? NO_FAULT_POINTS;
  }

  missing(manifest: CheckpointManifest): Uint32Array {
    this.#assertOpen();
    assertSound(manifest);
    const named = new Set<string>();
    const positions: number[] = [];
    const digests = exact(manifest.pageDigests);
    for (let position = 0; position < manifest.pageIndexes.length; position++) {
      const digest = digests.subarray(position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES);
      if (this.#pool.has(digest)) continue;
      // A page that occurs twice is asked for once.
      const text = digest.toString('latin1');
      if (named.has(text)) continue;
      named.add(text);
      positions.push(position);
    }
    return Uint32Array.from(positions);
  }

  async put(manifest: CheckpointManifest, pages: Uint8Array): Promise<{ readonly stored: boolean }> {
    this.#assertOpen();
    assertSound(manifest);
    const references = countDigests(manifest);
    const brought = this.#digestPages(manifest, pages, references);
    const encoded = encodeManifest(manifest, this.#hasher);
    const key = keyOf(manifest);
    const table = await this.#transact(() => {
      if (!this.#environment.reserve(encoded.length + MANIFEST_OVERHEAD_BYTES + brought.size * POOLED_PAGE_BYTES))
        throw this.#environment.storeFull();
      const known = this.#read(manifest);
      if (known !== undefined && known.stateDigest !== manifest.stateDigest) {
        throw new DroverError('ERR_STORE_CORRUPT', `${nameOf(manifest)} is here with another state`);
      }
      if (known !== undefined && (known.baseSequence === undefined || manifest.baseSequence !== undefined)) {
        // Here already, perhaps folded: its references are counted. What was brought mends what is missing.
        this.#mend(brought);
        return this.#tableOf(known);
      }
      // A full one replaces the same state's increment. The references of a damaged manifest cannot be known and stay counted:
      // too many keep a page too long (until `recount`), too few would lose one.
      if (known !== undefined) count(references, known, -1);
      for (const [text, change] of references) {
        const digest = Buffer.from(text, 'latin1');
        const here = this.#pool.has(digest);
        const page = here ? undefined : brought.get(text);
        if (!here && page === undefined)
          throw new DroverError('ERR_STORE_MISSING', `${nameOf(manifest)} came without a page that is not here`, {
            retryable: true,
          });
        if (change >= 0) this.#pool.add(digest, page, change);
        else this.#pool.drop(digest, -change);
      }
      this.#reach(FaultPoint.storePages);
      this.#manifests.put(key, encoded);
      this.#quarantine.release(key);
      this.#tables.delete(manifest);
      this.#reach(FaultPoint.storeManifest);
      // Refuses what does not give its state digest, which takes everything back; undefined when the base is not here (yet).
      return this.#tableOf(manifest);
    });
    this.#reach(FaultPoint.storeCommitted);
    if (table === undefined) return { stored: false };
    this.#decoded.set(key, encoded, manifest);
    this.#tables.set(manifest, table);
    return { stored: this.#pool.holdsAll(table) };
  }

  newest(task: TaskName): CheckpointManifest | undefined {
    this.#assertOpen();
    for (const key of this.#manifests.getKeys({
      start: keyOf({ task, epoch: ORDER_MAX, sequence: ORDER_MAX }),
      end: Buffer.from(`${task}\u0000`, 'latin1'),
      reverse: true,
    })) {
      const manifest = isKey(key) ? this.#find(nameOfKey(key)) : undefined;
      if (manifest !== undefined && this.#canRebuild(manifest)) return manifest;
    }
    return undefined;
  }

  find(task: TaskName, epoch: number, sequence: number): CheckpointManifest | undefined {
    this.#assertOpen();
    return this.#find({ task, epoch, sequence });
  }

  async rebuild(task: TaskName, epoch: number, sequence: number): Promise<RebuiltState> {
    this.#assertOpen();
    const manifest = this.#find({ task, epoch, sequence });
    if (manifest === undefined) {
      const key = keyOf({ task, epoch, sequence });
      const damaged = this.#manifests.getBinaryFast(key) !== undefined || this.#quarantine.isAside(key);
      throw new DroverError(
        damaged ? 'ERR_STORE_CORRUPT' : 'ERR_STORE_MISSING',
        `${nameOf({ task, epoch, sequence })} is ${damaged ? 'damaged' : 'not'} here`,
      );
    }
    const table = this.#tableOf(manifest);
    if (table !== undefined) this.#tables.set(manifest, table);
    if (table === undefined)
      throw new DroverError('ERR_STORE_MISSING', `${nameOf(manifest)} stands on a checkpoint that is not here`);
    const memory = await this.#readMemory(manifest, table);
    return { manifest, memory, globals: manifest.globals, pageDigests: table };
  }

  async retain(task: TaskName, oldest: CheckpointOrder): Promise<number> {
    this.#assertOpen();
    return this.#transact(() => {
      this.#quarantine.forgetBefore(keyOf({ task, epoch: 0, sequence: 0 }), keyOf({ task, ...oldest }));
      return this.#apply(planFold(this.#manifestsOf(task), oldest, (manifest) => this.#canRebuild(manifest)));
    });
  }

  async keepOnly(task: TaskName, kept: readonly CheckpointOrder[]): Promise<number> {
    this.#assertOpen();
    const isWanted = ({ epoch, sequence }: CheckpointOrder): boolean =>
      kept.some((order) => order.epoch === epoch && order.sequence === sequence);
    return this.#transact(() =>
      this.#apply(planKeep(this.#manifestsOf(task), isWanted, (manifest) => this.#canRebuild(manifest))),
    );
  }

  /** Removes a task altogether, the newest state too. */
  async forget(task: TaskName): Promise<number> {
    this.#assertOpen();
    return this.#transact(() => this.#apply({ fold: [], drop: this.#manifestsOf(task) }));
  }

  /** Counts all references anew, sets damaged manifests aside and frees what none names. Returns how many counts were wrong. */
  async recount(): Promise<number> {
    this.#assertOpen();
    return this.#transact(() => {
      const counts = new Map<string, number>();
      for (const key of this.#allKeys()) {
        const manifest = isKey(key) ? this.#read(nameOfKey(key)) : undefined;
        if (manifest === undefined) this.#takeManifest(key);
        else count(counts, manifest, 1);
      }
      return this.#pool.recount(counts);
    });
  }

  tasks(): readonly TaskName[] {
    this.#assertOpen();
    const tasks: TaskName[] = [];
    let start: Buffer = Buffer.of(0);
    for (;;) {
      const [key] = [...this.#manifests.getKeys({ start, limit: 1 })];
      if (key === undefined) return tasks;
      if (!isKey(key)) {
        start = Buffer.concat([exact(key), Buffer.of(0)]);
        continue;
      }
      const task = taskOfKey(key);
      tasks.push(task);
      start = Buffer.from(`${task}\u0001`, 'latin1');
    }
  }

  orders(task: TaskName): readonly CheckpointOrder[] {
    this.#assertOpen();
    return this.#keysOf(task).filter(isKey).map(orderOfKey);
  }

  /** Into an existing, empty folder: the same contents without the room that was freed. */
  copyTo(folder: string): Promise<void> {
    this.#assertOpen();
    return this.#environment.copyTo(folder);
  }

  // ——— upkeep ———

  usage(): StoreUsage {
    this.#assertOpen();
    return {
      bytes: this.#environment.usedBytes(),
      bytesMax: this.#environment.sizeBytesMax,
      damagedPages: this.#pool.quarantinedCount(),
      damagedManifests: this.#quarantine.manifestCount(),
    };
  }

  /** A round ends with counting the references anew, which reads every manifest; a large store leaves that to `recount`. */
  async scrub(pagesMax: number): Promise<ScrubResult> {
    this.#assertOpen();
    const { damaged, result } = this.#quarantine.scan(pagesMax);
    if (damaged.size > 0) await this.#takePages(damaged, undefined);
    if (result.wrapped && this.#pool.count() <= RECOUNTED_PAGES_MAX) await this.recount();
    return result;
  }

  damaged(): readonly DamagedCheckpoint[] {
    this.#assertOpen();
    const found: DamagedCheckpoint[] = this.#quarantine
      .manifests()
      .filter(({ key }) => isKey(key))
      .map(({ key, reason }) => ({ ...nameOfKey(key), what: 'manifest', pages: 0, reason }));
    if (this.#pool.quarantinedCount() > 0) {
      for (const key of this.#allKeys()) {
        const manifest = isKey(key) ? this.#find(nameOfKey(key)) : undefined;
        const pages = manifest === undefined ? 0 : this.#quarantinedOf(manifest);
        if (manifest === undefined || pages === 0) continue;
        const { task, epoch, sequence } = manifest;
        found.push({ task, epoch, sequence, what: 'pages', pages, reason: PAGES_REASON });
      }
    }
    return found.sort((a, b) => (a.task === b.task ? (laterCheckpoint(a, b) ? -1 : 1) : a.task < b.task ? -1 : 1));
  }

  #quarantinedOf(manifest: CheckpointManifest): number {
    try {
      return this.#pool.quarantinedIn(this.#tableOf(manifest) ?? manifest.pageDigests);
    } catch (error) {
      if (error instanceof DroverError && error.code === 'ERR_STORE_CORRUPT') return 0;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#environment.close();
    if (!this.#environment.isOpen) forgetOwner(this.#environment.path);
  }

  // ——— reading ———

  /** A damaged manifest is not there: it can be put again. */
  #find(name: CheckpointName): CheckpointManifest | undefined {
    const manifest = this.#read(name);
    if (manifest === undefined) this.#setAside(keyOf(name));
    return manifest;
  }

  /** In a transaction of its own, as soon as there is one: whoever found it may be in the middle of reading. */
  #setAside(key: Buffer): void {
    const text = key.toString('latin1');
    if (this.#toSetAside.has(text) || this.#manifests.getBinaryFast(key) === undefined) return;
    this.#toSetAside.add(text);
    const moved = Promise.resolve().then(async () => {
      if (!this.#closed) await this.#transact(() => this.#takeManifest(key));
    });
    // A store that cannot be written keeps it where it is: it is not served there either, and is found again.
    moved.catch(() => {}).finally(() => this.#toSetAside.delete(text));
  }

  /** In a transaction: unless it was put anew meanwhile. */
  #takeManifest(key: Buffer): void {
    const bytes = peek(this.#manifests, key);
    if (bytes === undefined || (isKey(key) && this.#read(nameOfKey(key)) !== undefined)) return;
    const reason = isKey(key) ? describeDamagedManifest(Buffer.from(bytes), this.#hasher) : 'its key names no checkpoint';
    this.#quarantine.takeManifest(key, reason);
    this.#reach(FaultPoint.storeAside);
    this.#onDamage({ checkpoint: isKey(key) ? nameOfKey(key) : undefined, what: 'manifest', pages: 0, reason });
  }

  #read(name: CheckpointName): CheckpointManifest | undefined {
    const key = keyOf(name);
    const bytes = peek(this.#manifests, key);
    if (bytes === undefined) return undefined;
    const known = this.#decoded.get(key, bytes);
    if (known !== undefined) return known;
    const encoded = Buffer.from(bytes);
    const manifest = decodeManifest(encoded, this.#hasher);
    // Whole, but under another's key: as good as damaged.
    if (
      manifest === undefined ||
      manifest.task !== name.task ||
      manifest.epoch !== name.epoch ||
      manifest.sequence !== name.sequence ||
      // Its own digest says only that it is what was written; a forged one may say anything.
      !checkManifest(manifest).ok
    )
      return undefined;
    this.#decoded.set(key, encoded, manifest);
    return manifest;
  }

  #manifestsOf(task: TaskName): CheckpointManifest[] {
    const manifests: CheckpointManifest[] = [];
    for (const key of this.#keysOf(task)) {
      const manifest = isKey(key) ? this.#find(nameOfKey(key)) : undefined;
      if (manifest !== undefined) manifests.push(manifest);
    }
    return manifests;
  }

  #canRebuild(manifest: CheckpointManifest): boolean {
    try {
      const table = this.#tableOf(manifest);
      return table !== undefined && this.#pool.holdsAll(table);
    } catch (error) {
      if (error instanceof DroverError && error.code === 'ERR_STORE_CORRUPT') return false;
      throw error;
    }
  }

  /**
   * The page table of a checkpoint, proved by its state digest. undefined when its chain is not whole here; fails with
   * ERR_STORE_CORRUPT when it is and gives another state.
   */
  #tableOf(manifest: CheckpointManifest): PageTable | undefined {
    const known = this.#tables.get(manifest);
    if (known !== undefined) return known;
    let start: PageTable = EMPTY_TABLE;
    // Down to a full checkpoint, or to one whose table is known.
    const chain = chainOf(manifest, (order) => {
      const base = this.#find({ task: manifest.task, ...order });
      const table = base === undefined ? undefined : this.#tables.get(base);
      if (base === undefined || table === undefined) return base;
      start = table;
      return { ...base, baseSequence: undefined, pageIndexes: new Uint32Array(0), pageDigests: EMPTY_TABLE };
    });
    if (!chain.ok) return undefined;
    let table = start;
    for (const link of chain.value) {
      const next =
        link.pageIndexes.length === 0 && link.pageCount * DIGEST_BYTES === table.length
          ? { ok: true as const, value: table }
          : applyManifest(table, link);
      if (!next.ok) throw new DroverError('ERR_STORE_CORRUPT', `${nameOf(link)} does not fit on its base: ${next.error.kind}`);
      table = next.value;
    }
    if (stateDigest(stateOf(manifest, table), this.#hasher.hex) !== manifest.stateDigest) {
      throw new DroverError('ERR_STORE_CORRUPT', `${nameOf(manifest)} does not give the state its digest names`);
    }
    return table;
  }

  async #readMemory(manifest: CheckpointManifest, table: PageTable): Promise<Uint8Array> {
    const memory = roomFor(manifest);
    const digests = exact(table);
    const found = Buffer.alloc(DIGEST_BYTES);
    const damaged: DamagedPages = new Map();
    let missing = 0;
    for (let page = 0; page < manifest.pageCount; page++) {
      const offset = page * PAGE_BYTES;
      const at = page * DIGEST_BYTES;
      const digest = digests.subarray(at, at + DIGEST_BYTES);
      // Runs of one page (mostly zeros) are read and digested once.
      if (page > 0 && digests.compare(digests, at - DIGEST_BYTES, at, at, at + DIGEST_BYTES) === 0) {
        memory.copyWithin(offset, offset - PAGE_BYTES, offset);
        continue;
      }
      if (page > 0 && page % PAGES_PER_TURN === 0) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        this.#assertOpen();
      }
      if (!this.#pool.read(digest, memory, offset)) {
        missing += 1;
        damaged.set(digest.toString('latin1'), EMPTY_TABLE);
        continue;
      }
      this.#hasher.digestInto(memory.subarray(offset, offset + PAGE_BYTES), found, 0);
      if (!found.equals(digest)) damaged.set(digest.toString('latin1'), memory.slice(offset, offset + PAGE_BYTES));
    }
    if (damaged.size === 0) return memory;
    await this.#takePages(damaged, manifest);
    if (damaged.size > missing) {
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `${nameOf(manifest)}: ${damaged.size} pages do not have their digests and are quarantined`,
      );
    }
    throw new DroverError('ERR_STORE_MISSING', `${nameOf(manifest)}: ${missing} pages are not here`);
  }

  async #takePages(damaged: DamagedPages, manifest: CheckpointManifest | undefined): Promise<void> {
    const taken = await this.#transact(() => {
      const { pages, uncounted } = this.#quarantine.takePages(damaged);
      this.#reach(FaultPoint.storeAside);
      return { pages, uncounted };
    });
    const checkpoint = manifest === undefined ? undefined : nameOnly(manifest);
    // Dropped while it was read, or its count of references is lost: then counting anew finds and sets aside what is missing.
    const lost = taken.uncounted && checkpoint !== undefined && this.#read(checkpoint) !== undefined ? await this.recount() : 0;
    const pages = taken.pages + lost;
    if (pages > 0) this.#onDamage({ checkpoint, what: 'pages', pages, reason: PAGES_REASON });
  }

  // ——— writing ———

  async #transact<T>(action: () => T): Promise<T> {
    try {
      return await this.#environment.transact(action);
    } catch (error) {
      if (this.#environment.isOpen) this.#pool.reload();
      throw error;
    }
  }

  /** In a transaction: pages that stored manifests name and that are not here. */
  #mend(brought: ReadonlyMap<string, Uint8Array>): void {
    for (const [text, page] of brought) {
      const digest = Buffer.from(text, 'latin1');
      if (!this.#pool.has(digest) && this.#pool.isReferenced(digest)) this.#pool.add(digest, page, 0);
    }
  }

  /** Every page brought has a digest that the manifest names. Keyed by digest, one character a byte. */
  #digestPages(
    manifest: CheckpointManifest,
    pages: Uint8Array,
    references: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, Uint8Array> {
    if (pages.length % PAGE_BYTES !== 0)
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `${nameOf(manifest)} came with ${pages.length} bytes, which are no whole pages`,
      );
    const brought = new Map<string, Uint8Array>();
    const digest = Buffer.alloc(DIGEST_BYTES);
    // A copy: what is digested now is what is written later, whatever the caller does with its buffer meanwhile.
    const own = Uint8Array.from(pages);
    for (let offset = 0; offset < own.length; offset += PAGE_BYTES) {
      const page = own.subarray(offset, offset + PAGE_BYTES);
      this.#hasher.digestInto(page, digest, 0);
      const text = digest.toString('latin1');
      if (!references.has(text))
        throw new DroverError(
          'ERR_STORE_CORRUPT',
          `${nameOf(manifest)} came with a page that has none of the digests it names`,
        );
      brought.set(text, page);
    }
    return brought;
  }

  /**
   * In a transaction. A fold keeps the pages its checkpoint stands on: its references are those that the dropped links of its
   * chain had, less the ones a later link replaced. So a fold of 16,384 pages changes the counts of the few that differ, not
   * of all. A link that two folds stand on can hand its references to one of them only; the other counts its own.
   */
  #apply(plan: { readonly fold: readonly CheckpointManifest[]; readonly drop: readonly CheckpointManifest[] }): number {
    const changes = new Map<string, number>();
    const dropped = new Map(plan.drop.map((manifest) => [`${manifest.epoch}/${manifest.sequence}`, manifest]));
    const handedOn = new Set<CheckpointManifest>();
    let freed = 0;
    for (const manifest of plan.fold) {
      const table = this.#tableOf(manifest);
      if (table === undefined)
        throw new DroverError('ERR_STORE_MISSING', `${nameOf(manifest)} cannot be folded: its chain is not whole`);
      const folded = foldManifest(manifest, table);
      const encoded = encodeManifest(folded, this.#hasher);
      // Not reserved: a fold replaces at least one full manifest of its size, and a full store must be able to get smaller.
      this.#manifests.put(keyOf(manifest), encoded);
      const chain = chainOf(manifest, ({ epoch, sequence }) => dropped.get(`${epoch}/${sequence}`));
      this.#reach(FaultPoint.storeFolded);
      if (chain.ok && !chain.value.some((link) => handedOn.has(link))) {
        countReplaced(changes, chain.value);
        for (const link of chain.value) handedOn.add(link);
      } else {
        count(changes, folded, 1);
        count(changes, manifest, -1);
      }
    }
    for (const manifest of plan.drop) {
      if (!handedOn.has(manifest)) count(changes, manifest, -1);
      freed += peek(this.#manifests, keyOf(manifest))?.length ?? 0;
      this.#manifests.remove(keyOf(manifest));
      this.#decoded.delete(keyOf(manifest));
      this.#tables.delete(manifest);
    }
    for (const [text, change] of changes) {
      if (change > 0) this.#pool.add(Buffer.from(text, 'latin1'), undefined, change);
      if (change < 0) freed += this.#pool.drop(Buffer.from(text, 'latin1'), -change);
    }
    this.#reach(FaultPoint.storeDropped);
    return freed;
  }

  #keysOf(task: TaskName): Buffer[] {
    const range = { start: keyOf({ task, epoch: 0, sequence: 0 }), end: Buffer.from(`${task}\u0001`, 'latin1') };
    return [...this.#manifests.getKeys(range)].map((raw) => Buffer.from(exact(raw)));
  }

  #allKeys(): Buffer[] {
    return [...this.#manifests.getKeys()].map((raw) => Buffer.from(exact(raw)));
  }

  /** Inside a transaction nothing can be waited for: a planned death there is a signal to oneself, which does not return. */
  #reach(point: FaultPoint): void {
    void this.#faults.reach(point);
  }

  #assertOpen(): void {
    if (this.#closed) throw new DroverError('ERR_STORE_CLOSED', `the checkpoint store in ${this.#environment.path} is closed`);
  }
}

const nameOnly = ({ task, epoch, sequence }: CheckpointName): CheckpointName => ({ task, epoch, sequence });

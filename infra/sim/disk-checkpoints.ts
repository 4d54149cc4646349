/**
 * Checkpoints on a simulated disk: pages by content, manifests by task (`CheckpointStore`, S1–S3), damage noticed and set aside
 * (`StoreUpkeep`, U1–U2). Small and plain on purpose, so that it also serves as the yardstick for the LMDB store. What was found
 * out of a manifest (its digests in writing, the page table at the end of its chain) is remembered beside it: a simulated
 * fleet asks a hundred times a second.
 */
import { planKeep } from '../../src/domain/checkpoint/chain.ts';
import type { PageTable } from '../../src/domain/checkpoint/delta.ts';
import { checkManifest, describeManifestError, foldManifest } from '../../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import {
  type CheckpointManifest,
  type CheckpointOrder,
  laterCheckpoint,
  PAGE_BYTES,
} from '../../src/domain/model/checkpoint.ts';
import type { Digest, TaskName } from '../../src/domain/model/ids.ts';
import type { CheckpointStore, RebuiltState } from '../../src/ports/checkpoint-store.ts';
import type { DamagedCheckpoint, ScrubResult, StoreUpkeep, StoreUsage } from '../../src/ports/store-upkeep.ts';
import type { SimDisk, SimDurability, WriteEffect } from './disk.ts';
import type { SimProcess } from './host.ts';
import { isCaptured, pageDigest } from './page-digests.ts';
import { inWriting, NO_PAGES, statedTable } from './stated-tables.ts';

interface CheckpointTable {
  readonly pages: Map<Digest, Uint8Array>;
  readonly manifests: Map<TaskName, CheckpointManifest[]>;
  /** How many manifests name a page; one that none does goes. */
  readonly uses: Map<Digest, number>;
  /** Page tables found whole. Replaced when something was lost that they may stand on. */
  whole: WeakMap<CheckpointManifest, PageTable>;
  /** Pages found damaged that are still needed and have not come again. */
  readonly aside: Set<Digest>;
}

const tableNamed = (disk: SimDisk, name: string): CheckpointTable =>
  disk.table(name, () => ({
    pages: new Map(),
    manifests: new Map(),
    uses: new Map(),
    whole: new WeakMap(),
    aside: new Set(),
  }));

export class DiskCheckpointStore implements CheckpointStore, StoreUpkeep {
  private readonly disk: SimDisk;
  private readonly process: SimProcess;
  private readonly table: CheckpointTable;
  private readonly durability: SimDurability;
  /** Pages still to be looked at in this round of scrubbing. */
  private round: Digest[] = [];

  constructor(
    disk: SimDisk,
    process: SimProcess,
    options: { readonly name?: string; readonly durability?: SimDurability } = {},
  ) {
    const { name = 'checkpoints', durability = 'sync' } = options;
    this.disk = disk;
    this.process = process;
    this.durability = durability;
    this.table = tableNamed(disk, name);
  }

  missing(manifest: CheckpointManifest): Uint32Array {
    const positions: number[] = [];
    const digests = digestsOf(manifest);
    for (let at = 0; at < digests.length; at++) {
      const digest = digests[at] as Digest;
      // Of one digest that occurs several times the first is asked for.
      if (!this.table.pages.has(digest) && digests.indexOf(digest) === at) positions.push(at);
    }
    return Uint32Array.from(positions);
  }

  async put(manifest: CheckpointManifest, pages: Uint8Array): Promise<{ readonly stored: boolean }> {
    const given = this.judged(manifest, pages);
    const kind = { bytes: pages.length, durability: this.durability };
    return this.disk.write(this.process, kind, () => this.apply(manifest, given));
  }

  newest(task: TaskName): CheckpointManifest | undefined {
    let newest: CheckpointManifest | undefined;
    for (const manifest of this.table.manifests.get(task) ?? []) {
      if ((newest === undefined || laterCheckpoint(manifest, newest)) && this.tableOf(manifest) !== undefined)
        newest = manifest;
    }
    return newest;
  }

  find(task: TaskName, epoch: number, sequence: number): CheckpointManifest | undefined {
    return findIn(this.table, task, epoch, sequence);
  }

  rebuild(task: TaskName, epoch: number, sequence: number): Promise<RebuiltState> {
    return this.process.promise((settle) => {
      try {
        settle.resolve(this.rebuilt(task, { epoch, sequence }));
      } catch (error) {
        settle.reject(error as Error);
      }
    });
  }

  /** What stood on a dropped one is folded first; the newest state that can be rebuilt always stays. */
  retain(task: TaskName, oldest: CheckpointOrder): Promise<number> {
    return this.keep(task, (manifest) => !laterCheckpoint(oldest, manifest));
  }

  keepOnly(task: TaskName, kept: readonly CheckpointOrder[]): Promise<number> {
    return this.keep(task, ({ epoch, sequence }) => kept.some((order) => order.epoch === epoch && order.sequence === sequence));
  }

  private keep(task: TaskName, isWanted: (manifest: CheckpointManifest) => boolean): Promise<number> {
    return this.disk.write(this.process, { bytes: 0, durability: this.durability }, () => {
      const all = this.table.manifests.get(task) ?? [];
      const { fold, drop } = planKeep(all, isWanted, (manifest) => this.tableOf(manifest) !== undefined);
      const kept = all
        .filter((manifest) => !drop.includes(manifest))
        .map((manifest) => {
          const table = fold.includes(manifest) ? this.tableOf(manifest) : undefined;
          return table === undefined ? manifest : foldManifest(manifest, table);
        });
      this.table.manifests.set(task, kept);
      // First the folded ones take hold of what they name, then what went lets go.
      for (const manifest of kept) if (!all.includes(manifest)) this.count(manifest, 1);
      let freed = 0;
      for (const manifest of all) if (!kept.includes(manifest)) freed += this.count(manifest, -1);
      this.disk.freed(freed);
      return { answer: freed, bytes: 0 };
    });
  }

  tasks(): readonly TaskName[] {
    return [...this.table.manifests].filter(([, manifests]) => manifests.length > 0).map(([task]) => task);
  }

  orders(task: TaskName): readonly CheckpointOrder[] {
    return (this.table.manifests.get(task) ?? [])
      .map(({ epoch, sequence }) => ({ epoch, sequence }))
      .sort((a, b) => (laterCheckpoint(a, b) ? 1 : -1));
  }

  close(): Promise<void> {
    return this.process.promise((settle) => settle.resolve(undefined));
  }

  /** A byte of a stored page flips, as a bad disk does it. Answers whether there was such a page. */
  damage(task: TaskName, position = 0): boolean {
    const newest = this.newest(task);
    const digest = newest === undefined ? undefined : digestsOf(newest)[position];
    const page = digest === undefined ? undefined : this.table.pages.get(digest);
    if (digest === undefined || page === undefined) return false;
    this.table.pages.set(digest, withFlippedBit(page));
    return true;
  }

  // ——— StoreUpkeep ———

  usage(): StoreUsage {
    const { bytesMax = Number.POSITIVE_INFINITY } = this.disk.options;
    return { bytes: this.disk.bytes(), bytesMax, damagedPages: this.table.aside.size, damagedManifests: 0 };
  }

  scrub(pagesMax: number): Promise<ScrubResult> {
    return this.process.promise((settle) => {
      const { pages } = this.table;
      if (this.round.length === 0) this.round = [...pages.keys()];
      let damaged = 0;
      const batch = this.round.splice(0, pagesMax);
      for (const digest of batch) {
        const page = pages.get(digest);
        if (page === undefined || pageDigest(page) === digest) continue;
        this.setAside(digest);
        damaged++;
      }
      settle.resolve({ checked: batch.length, damaged, wrapped: this.round.length === 0 });
    });
  }

  damaged(): readonly DamagedCheckpoint[] {
    if (this.table.aside.size === 0) return [];
    const found: DamagedCheckpoint[] = [];
    for (const [task, manifests] of this.table.manifests) {
      for (const manifest of manifests) {
        const { epoch, sequence } = manifest;
        let pages = 0;
        for (const digest of digestsOf(manifest)) if (this.table.aside.has(digest)) pages++;
        if (pages > 0) found.push({ task, epoch, sequence, what: 'pages', pages, reason: 'a page has not its digest' });
      }
    }
    return found.sort((a, b) => (laterCheckpoint(a, b) ? -1 : 1));
  }

  /** From here on it counts as missing, and whoever brings it again mends it. */
  private setAside(digest: Digest): void {
    this.table.pages.delete(digest);
    this.table.aside.add(digest);
    this.table.whole = new WeakMap();
  }

  /** The pages by digest, or why they are refused (S1). */
  private judged(manifest: CheckpointManifest, pages: Uint8Array): Map<Digest, Uint8Array> {
    const sound = checkManifest(manifest);
    if (!sound.ok)
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `the manifest of ${describe(manifest)}: ${describeManifestError(sound.error)}`,
      );
    const named = digestsOf(manifest);
    const given = new Map<Digest, Uint8Array>();
    const stays = isCaptured(pages);
    for (let from = 0; from < pages.length; from += PAGE_BYTES) {
      const page = stays ? pages.subarray(from, from + PAGE_BYTES) : pages.slice(from, from + PAGE_BYTES);
      const digest = pageDigest(page);
      if (!named.includes(digest))
        throw new DroverError(
          'ERR_STORE_CORRUPT',
          `a page of ${describe(manifest)} has none of the digests that its manifest names`,
        );
      given.set(digest, page);
    }
    for (const digest of named) {
      if (!given.has(digest) && !this.table.pages.has(digest))
        throw new DroverError('ERR_STORE_MISSING', `a page of ${describe(manifest)} is neither here nor given`);
    }
    const known = this.table.whole.has(manifest) || this.statesItself(manifest);
    if (!known) {
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `the state of ${describe(manifest)} does not have the digest that its manifest names`,
      );
    }
    return given;
  }

  private apply(
    manifest: CheckpointManifest,
    given: ReadonlyMap<Digest, Uint8Array>,
  ): WriteEffect<{ readonly stored: boolean }> {
    const { pages, manifests } = this.table;
    const added: Digest[] = [];
    for (const [digest, page] of given) {
      if (pages.has(digest)) continue;
      pages.set(digest, page);
      this.table.aside.delete(digest);
      added.push(digest);
    }
    const known = this.find(manifest.task, manifest.epoch, manifest.sequence) !== undefined;
    if (!known) {
      const others = manifests.get(manifest.task);
      if (others === undefined) manifests.set(manifest.task, [manifest]);
      else others.push(manifest);
      this.count(manifest, 1);
    }
    const undo = (): void => {
      for (const digest of added) pages.delete(digest);
      this.table.whole = new WeakMap();
      if (known) return;
      this.count(manifest, -1);
      manifests.set(
        manifest.task,
        (manifests.get(manifest.task) ?? []).filter((other) => other !== manifest),
      );
    };
    return { answer: { stored: this.tableOf(manifest) !== undefined }, bytes: added.length * PAGE_BYTES, undo };
  }

  /** The page table of the whole state; undefined where a link or a page of it is not here, or it is not what it says. */
  private tableOf(manifest: CheckpointManifest): PageTable | undefined {
    const known = this.table.whole.get(manifest);
    if (known !== undefined) return known;
    const base = this.baseOf(manifest);
    if (base === 'missing') return undefined;
    const under = base === undefined ? NO_PAGES : this.tableOf(base);
    if (under === undefined || !this.hasPagesOf(manifest)) return undefined;
    const table = statedTable(manifest, under);
    if (table !== undefined) this.table.whole.set(manifest, table);
    return table;
  }

  private hasPagesOf(manifest: CheckpointManifest): boolean {
    for (const digest of digestsOf(manifest)) if (!this.table.pages.has(digest)) return false;
    return true;
  }

  /** What it stands on; undefined: nothing. A base comes before, so that a walk down always ends. */
  private baseOf({ task, epoch, sequence, baseSequence }: CheckpointManifest): CheckpointManifest | undefined | 'missing' {
    if (baseSequence === undefined) return undefined;
    return (baseSequence < sequence ? this.find(task, epoch, baseSequence) : undefined) ?? 'missing';
  }

  /** Whether its state digest is that of its own chain; true where the chain is not here to tell. */
  private statesItself(manifest: CheckpointManifest): boolean {
    const base = this.baseOf(manifest);
    const under = base === undefined ? NO_PAGES : base === 'missing' ? undefined : this.namedTable(base);
    return under === undefined || (under !== 'unsound' && statedTable(manifest, under) !== undefined);
  }

  /** The table that a chain names, whether or not its pages are here; undefined where a link is not. */
  private namedTable(manifest: CheckpointManifest): PageTable | undefined | 'unsound' {
    const known = this.table.whole.get(manifest);
    if (known !== undefined) return known;
    const base = this.baseOf(manifest);
    if (base === 'missing') return undefined;
    const under = base === undefined ? NO_PAGES : this.namedTable(base);
    return under === undefined || under === 'unsound' ? under : (statedTable(manifest, under) ?? 'unsound');
  }

  private rebuilt(task: TaskName, order: CheckpointOrder): RebuiltState {
    const manifest = this.find(task, order.epoch, order.sequence);
    const table = manifest === undefined ? undefined : this.tableOf(manifest);
    if (manifest === undefined || table === undefined) {
      throw new DroverError('ERR_STORE_MISSING', `checkpoint ${task} ${order.epoch}.${order.sequence} cannot be rebuilt here`);
    }
    const memory = new Uint8Array(manifest.pageCount * PAGE_BYTES);
    for (const [index, digest] of inWriting(table).entries()) {
      const page = this.table.pages.get(digest);
      if (page === undefined) throw new DroverError('ERR_STORE_MISSING', `page ${index} of ${describe(manifest)} is not here`);
      if (pageDigest(page) !== digest) {
        this.setAside(digest);
        throw new DroverError('ERR_STORE_CORRUPT', `page ${index} of ${describe(manifest)} is damaged`);
      }
      memory.set(page, index * PAGE_BYTES);
    }
    return { manifest, memory, globals: manifest.globals.slice(), pageDigests: table.slice() };
  }

  /** Another manifest names its pages, or one fewer does. Returns the bytes of pages that nobody names any more. */
  private count(manifest: CheckpointManifest, by: 1 | -1): number {
    const { uses, pages, aside } = this.table;
    let freed = 0;
    for (const digest of digestsOf(manifest)) {
      const count = (uses.get(digest) ?? 0) + by;
      if (count > 0) uses.set(digest, count);
      else {
        uses.delete(digest);
        aside.delete(digest);
        if (pages.delete(digest)) freed += PAGE_BYTES;
      }
    }
    return freed;
  }
}

/** The newest are the ones that are asked for. */
function findIn(
  { manifests }: CheckpointTable,
  task: TaskName,
  epoch: number,
  sequence: number,
): CheckpointManifest | undefined {
  const all = manifests.get(task);
  for (let at = (all?.length ?? 0) - 1; at >= 0; at--) {
    const manifest = all?.[at];
    if (manifest?.sequence === sequence && manifest.epoch === epoch) return manifest;
  }
  return undefined;
}

/** The digests of a manifest's pages, in writing. */
const digestsOf = ({ pageDigests }: CheckpointManifest): readonly Digest[] => inWriting(pageDigests);

/** A store as a bad disk sees it, and as a judge does: by what lies there, whatever process has it open. */
export class StoredPages {
  private readonly table: CheckpointTable;

  constructor(disk: SimDisk, name: string) {
    this.table = tableNamed(disk, name);
  }

  /** Whether everything of this checkpoint, or of a later one of the task, was put here and not dropped: damage does not count. */
  hasStored(task: TaskName, order: CheckpointOrder): boolean {
    return this.orders(task).some((one) => !laterCheckpoint(order, one) && this.isWhole(task, one));
  }

  private isWhole(task: TaskName, { epoch, sequence }: CheckpointOrder): boolean {
    const table = this.tableOf(task, epoch, sequence);
    if (table === undefined) return false;
    for (const digest of inWriting(table)) if (!this.table.pages.has(digest) && !this.table.aside.has(digest)) return false;
    return true;
  }

  private tableOf(task: TaskName, epoch: number, sequence: number): PageTable | undefined {
    const manifest = findIn(this.table, task, epoch, sequence);
    if (manifest === undefined) return undefined;
    const { baseSequence } = manifest;
    if (baseSequence === undefined) return statedTable(manifest, NO_PAGES);
    const base = baseSequence < sequence ? this.tableOf(task, epoch, baseSequence) : undefined;
    return base === undefined ? undefined : statedTable(manifest, base);
  }

  orders(task: TaskName): readonly CheckpointOrder[] {
    return this.table.manifests.get(task) ?? [];
  }

  tasks(): readonly TaskName[] {
    return [...this.table.manifests.keys()];
  }

  isIntact(digest: Digest): boolean {
    const page = this.table.pages.get(digest);
    return page !== undefined && pageDigest(page) === digest;
  }

  /** Pages that no manifest here needs: none, or something leaks. */
  unused(): number {
    const used = new Set<Digest>();
    for (const manifests of this.table.manifests.values()) {
      for (const manifest of manifests) for (const digest of digestsOf(manifest)) used.add(digest);
    }
    let unused = 0;
    for (const digest of this.table.pages.keys()) if (!used.has(digest)) unused++;
    return unused;
  }

  /** Spoils a page that `elsewhere` has intact: a bit of it flips, or its second half was never written. */
  spoil(rng: Rng, elsewhere: (digest: Digest) => boolean): 'bit flipped' | 'page torn' | undefined {
    const candidates = [...this.table.pages.keys()].filter((digest) => this.isIntact(digest) && elsewhere(digest));
    if (candidates.length === 0) return undefined;
    const digest = candidates[rng.below(candidates.length)] as Digest;
    const page = this.table.pages.get(digest) as Uint8Array;
    const torn = rng.below(2) === 0 && page.subarray(PAGE_BYTES / 2).some((byte) => byte !== 0);
    this.table.pages.set(digest, torn ? page.slice().fill(0, PAGE_BYTES / 2) : withFlippedBit(page));
    return torn ? 'page torn' : 'bit flipped';
  }

  /** The disk was replaced by an empty one. */
  lose(): void {
    const { pages, manifests, uses, aside } = this.table;
    for (const part of [pages, manifests, uses, aside]) part.clear();
    this.table.whole = new WeakMap();
  }
}

/** Another array: others may have the page that was spoiled here. */
function withFlippedBit(page: Uint8Array): Uint8Array {
  const spoiled = page.slice();
  spoiled[0] = (page[0] as number) ^ 1;
  return spoiled;
}

const describe = (manifest: CheckpointManifest): string => `${manifest.task} ${manifest.epoch}.${manifest.sequence}`;

/**
 * Checkpoints on a simulated disk: pages by content, manifests by task (`CheckpointStore`, S1–S3). Small and plain on
 * purpose, so that it also serves as the yardstick for the LMDB store.
 */
import { hash } from 'node:crypto';
import { stateDigest, stateOf } from '../../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, DIGEST_BYTES, laterCheckpoint, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { Digest, TaskName } from '../../src/domain/model/ids.ts';
import type { CheckpointStore, RebuiltState } from '../../src/ports/checkpoint-store.ts';
import type { SimDisk, WriteEffect } from './disk.ts';
import type { SimProcess } from './host.ts';

interface CheckpointTable {
  readonly pages: Map<Digest, Uint8Array>;
  readonly manifests: Map<TaskName, CheckpointManifest[]>;
}

export class DiskCheckpointStore implements CheckpointStore {
  private readonly disk: SimDisk;
  private readonly process: SimProcess;
  private readonly table: CheckpointTable;

  constructor(disk: SimDisk, process: SimProcess, name = 'checkpoints') {
    this.disk = disk;
    this.process = process;
    this.table = disk.table(name, () => ({ pages: new Map(), manifests: new Map() }));
  }

  missing(manifest: CheckpointManifest): Uint32Array {
    const positions: number[] = [];
    for (let at = 0; at < manifest.pageIndexes.length; at++) if (!this.table.pages.has(digestAt(manifest, at))) positions.push(at);
    return Uint32Array.from(positions);
  }

  put(manifest: CheckpointManifest, pages: Uint8Array): Promise<{ readonly stored: boolean }> {
    const given = new Map<Digest, Uint8Array>();
    for (let from = 0; from < pages.length; from += PAGE_BYTES) {
      const page = pages.slice(from, from + PAGE_BYTES);
      given.set(sha256(page), page);
    }
    for (let at = 0; at < manifest.pageIndexes.length; at++) {
      const digest = digestAt(manifest, at);
      if (given.has(digest) || this.table.pages.has(digest)) continue;
      return Promise.reject(new DroverError('ERR_STORE_CORRUPT', `a page of ${describe(manifest)} does not have the digest that its manifest names`));
    }
    return this.disk.write(this.process, pages.length, () => this.apply(manifest, given));
  }

  newest(task: TaskName): CheckpointManifest | undefined {
    let newest: CheckpointManifest | undefined;
    for (const manifest of this.table.manifests.get(task) ?? []) {
      if (this.chain(manifest) !== undefined && (newest === undefined || laterCheckpoint(manifest, newest))) newest = manifest;
    }
    return newest;
  }

  find(task: TaskName, epoch: number, sequence: number): CheckpointManifest | undefined {
    return this.table.manifests.get(task)?.find((manifest) => manifest.epoch === epoch && manifest.sequence === sequence);
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

  retain(task: TaskName, oldest: CheckpointOrder): Promise<number> {
    return this.disk.write(this.process, 0, () => {
      const all = this.table.manifests.get(task) ?? [];
      const needed = new Set<CheckpointManifest>();
      for (const manifest of all) {
        if (laterCheckpoint(oldest, manifest)) continue;
        needed.add(manifest);
        for (const link of this.chain(manifest) ?? []) needed.add(link);
      }
      this.table.manifests.set(task, all.filter((manifest) => needed.has(manifest)));
      const freed = this.collect();
      this.disk.freed(freed);
      return { answer: freed, bytes: 0 };
    });
  }

  tasks(): readonly TaskName[] {
    return [...this.table.manifests].filter(([, manifests]) => manifests.length > 0).map(([task]) => task);
  }

  close(): Promise<void> {
    return this.process.promise((settle) => settle.resolve(undefined));
  }

  /** A byte of a stored page flips, as a bad disk does it. Answers whether there was such a page. */
  damage(task: TaskName, position = 0): boolean {
    const newest = this.newest(task);
    const page = newest === undefined ? undefined : this.table.pages.get(digestAt(newest, position));
    if (page === undefined) return false;
    page[0] = (page[0] as number) ^ 0xff;
    return true;
  }

  private apply(manifest: CheckpointManifest, given: ReadonlyMap<Digest, Uint8Array>): WriteEffect<{ readonly stored: boolean }> {
    const { pages, manifests } = this.table;
    const added: Digest[] = [];
    for (let at = 0; at < manifest.pageIndexes.length; at++) {
      const digest = digestAt(manifest, at);
      const page = given.get(digest);
      if (page === undefined || pages.has(digest)) continue;
      pages.set(digest, page);
      added.push(digest);
    }
    const before = manifests.get(manifest.task) ?? [];
    const known = before.some((other) => other.epoch === manifest.epoch && other.sequence === manifest.sequence);
    if (!known) manifests.set(manifest.task, [...before, manifest]);
    const undo = (): void => {
      for (const digest of added) pages.delete(digest);
      if (!known) manifests.set(manifest.task, (manifests.get(manifest.task) ?? []).filter((other) => other !== manifest));
    };
    return { answer: { stored: this.chain(manifest) !== undefined }, bytes: added.length * PAGE_BYTES, undo };
  }

  /** From the full checkpoint up to this one; undefined where a link or a page is not here. */
  private chain(manifest: CheckpointManifest): readonly CheckpointManifest[] | undefined {
    const chain: CheckpointManifest[] = [];
    for (let link: CheckpointManifest | undefined = manifest; ; ) {
      if (link === undefined || this.missing(link).length > 0) return undefined;
      chain.unshift(link);
      if (link.baseSequence === undefined) return chain;
      link = this.find(link.task, link.epoch, link.baseSequence);
    }
  }

  private rebuilt(task: TaskName, order: CheckpointOrder): RebuiltState {
    const manifest = this.find(task, order.epoch, order.sequence);
    const chain = manifest === undefined ? undefined : this.chain(manifest);
    if (manifest === undefined || chain === undefined) {
      throw new DroverError('ERR_STORE_MISSING', `checkpoint ${task} ${order.epoch}.${order.sequence} cannot be rebuilt here`);
    }
    const memory = new Uint8Array(manifest.pageCount * PAGE_BYTES);
    const digests = new Uint8Array(manifest.pageCount * DIGEST_BYTES);
    for (const link of chain) {
      for (let at = 0; at < link.pageIndexes.length; at++) {
        const index = link.pageIndexes[at] as number;
        const digest = digestAt(link, at);
        const page = this.table.pages.get(digest) as Uint8Array;
        if (sha256(page) !== digest) throw new DroverError('ERR_STORE_CORRUPT', `page ${index} of ${describe(manifest)} is damaged`);
        if (index >= manifest.pageCount) continue;
        memory.set(page, index * PAGE_BYTES);
        digests.set(link.pageDigests.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES), index * DIGEST_BYTES);
      }
    }
    if (stateDigest(stateOf(manifest, digests), sha256) !== manifest.stateDigest) throw new DroverError('ERR_STORE_CORRUPT', `the state of ${describe(manifest)} does not have its digest`);
    return { manifest, memory, globals: manifest.globals.slice() };
  }

  private collect(): number {
    const used = new Set<Digest>();
    for (const manifests of this.table.manifests.values()) {
      for (const manifest of manifests) for (let at = 0; at < manifest.pageIndexes.length; at++) used.add(digestAt(manifest, at));
    }
    let freed = 0;
    for (const digest of [...this.table.pages.keys()]) {
      if (used.has(digest)) continue;
      this.table.pages.delete(digest);
      freed += PAGE_BYTES;
    }
    return freed;
  }
}

const sha256 = (bytes: Uint8Array): Digest => hash('sha256', bytes, 'hex');
const digestAt = (manifest: CheckpointManifest, at: number): Digest => Buffer.from(manifest.pageDigests.buffer, manifest.pageDigests.byteOffset + at * DIGEST_BYTES, DIGEST_BYTES).toString('hex');
const describe = (manifest: CheckpointManifest): string => `${manifest.task} ${manifest.epoch}.${manifest.sequence}`;

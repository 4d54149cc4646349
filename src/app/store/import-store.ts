/**
 * Takes the checkpoints of an archive (archive-format.ts) into a store. The file is read twice: first everything in it is
 * verified, without a trace in the store; only then it is taken, checkpoint by checkpoint, each all or nothing.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { LmdbCheckpointStore } from '../../../infra/lmdb/checkpoint-store.ts';
import { decodeManifest } from '../../../infra/lmdb/manifest-format.ts';
import { POOLED_PAGE_BYTES } from '../../../infra/lmdb/page-pool.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { checkManifest, describeManifestError, stateDigest, stateOf } from '../../domain/checkpoint/manifest.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, DIGEST_BYTES, PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { type ArchiveSource, END_BYTES, invalid, readHeader, readSectionHeader, SECTION } from './archive-format.ts';
import { digestsOf } from './check-store.ts';

export interface VerifiedArchive {
  readonly checkpoints: readonly VerifiedCheckpoint[];
  readonly pages: number;
  /** Where each page's bytes lie, by digest, one character a byte. */
  readonly pagesAt: ReadonlyMap<string, number>;
}

interface VerifiedCheckpoint extends CheckpointOrder {
  readonly task: TaskName;
  readonly stateDigest: string;
  readonly at: number;
  readonly length: number;
}

export interface ImportResult {
  readonly taken: readonly ({ readonly task: TaskName } & CheckpointOrder)[];
  /** Those that were whole in the store already. */
  readonly known: number;
  readonly pages: number;
}

const READ_BYTES = 1 << 20;

export async function importArchive(options: {
  readonly file: string;
  readonly store: LmdbCheckpointStore;
  readonly onProgress?: (done: number, all: number) => void;
}): Promise<ImportResult> {
  const { file, store, onProgress } = options;
  const handle = await openArchive(file);
  try {
    const archive = await verifyArchive(handle);
    await assertFits(handle, archive, store);
    const taken: ({ readonly task: TaskName } & CheckpointOrder)[] = [];
    let known = 0;
    let pages = 0;
    for (const [done, { task, epoch, sequence, at, length }] of archive.checkpoints.entries()) {
      const manifest = decodeManifest(await readAt(handle, at, length), systemHasher);
      if (manifest === undefined) throw invalid('it changed while it was read', at);
      const before = store.find(task, epoch, sequence);
      const missing = store.missing(manifest);
      const bytes = await readPages(handle, manifest, missing, archive.pagesAt);
      const { stored } = await store.put(manifest, bytes);
      if (!stored)
        throw new DroverError('ERR_STORE_CORRUPT', `checkpoint ${epoch}.${sequence} of ${task} was put and is not whole`);
      if (before !== undefined && missing.length === 0) known += 1;
      else taken.push({ task, epoch, sequence });
      pages += missing.length;
      onProgress?.(done + 1, archive.checkpoints.length);
    }
    return { taken, known, pages };
  } finally {
    await handle.close();
  }
}

/** Everything that can be known without a store. Fails with ERR_ARCHIVE_INVALID. */
export async function verifyArchive(handle: FileHandle): Promise<VerifiedArchive> {
  const source = new FileSource(handle);
  await readHeader(source);
  const pagesAt = new Map<string, number>();
  const checkpoints: VerifiedCheckpoint[] = [];
  const names = new Set<string>();
  for (;;) {
    const digest = source.digest();
    const { kind, length } = await readSectionHeader(source);
    const { at } = source;
    if (kind === SECTION.end) {
      await checkEnd(source, length, { pages: pagesAt.size, manifests: checkpoints.length, digest });
      return { checkpoints, pages: pagesAt.size, pagesAt };
    }
    const bytes = await source.take(length);
    if (kind === SECTION.page) {
      if (length !== PAGE_BYTES) throw invalid(`a page of ${length} bytes`, at);
      const text = createHash('sha256').update(bytes).digest().toString('latin1');
      if (pagesAt.has(text)) throw invalid('a page that came before', at);
      pagesAt.set(text, at);
    } else {
      const manifest = checkedManifest(bytes, at, pagesAt);
      const { task, epoch, sequence } = manifest;
      const name = `${task} ${epoch}.${sequence}`;
      if (names.has(name)) throw invalid(`checkpoint ${name} comes twice`, at);
      names.add(name);
      checkpoints.push({ task, epoch, sequence, stateDigest: manifest.stateDigest, at, length });
    }
  }
}

function checkedManifest(bytes: Buffer, at: number, pagesAt: ReadonlyMap<string, number>): CheckpointManifest {
  const manifest = decodeManifest(bytes, systemHasher);
  if (manifest === undefined) throw invalid('a manifest is damaged', at);
  const sound = checkManifest(manifest);
  if (!sound.ok) throw invalid(`a manifest is not sound: ${describeManifestError(sound.error)}`, at);
  if (manifest.baseSequence !== undefined) throw invalid('a manifest is an increment', at);
  if (!digestsOf(manifest.pageDigests).every((text) => pagesAt.has(text)))
    throw invalid('a manifest names a page that did not come', at);
  if (stateDigest(stateOf(manifest, manifest.pageDigests), systemHasher.hex) !== manifest.stateDigest)
    throw invalid('a manifest’s pages do not give the state it names', at);
  return manifest;
}

async function checkEnd(
  source: FileSource,
  length: number,
  counted: { readonly pages: number; readonly manifests: number; readonly digest: Buffer },
): Promise<void> {
  const { at } = source;
  if (length !== END_BYTES) throw invalid('its end is damaged', at);
  const end = await source.take(length);
  const pages = Number(end.readBigUInt64LE(0));
  const manifests = Number(end.readBigUInt64LE(8));
  if (pages !== counted.pages || manifests !== counted.manifests)
    throw invalid(`it says ${pages} pages and ${manifests} checkpoints, and has ${counted.pages} and ${counted.manifests}`, at);
  if (!end.subarray(16).equals(counted.digest)) throw invalid('its bytes do not have the digest at its end', at);
  if (!(await source.isAtEnd())) throw invalid('something follows its end', source.at);
}

/** Before anything is taken: what contradicts the store, and what has no room. */
async function assertFits(handle: FileHandle, archive: VerifiedArchive, store: LmdbCheckpointStore): Promise<void> {
  const missing = new Set<string>();
  let needed = 0;
  for (const { task, epoch, sequence, stateDigest: state, at, length } of archive.checkpoints) {
    const known = store.find(task, epoch, sequence);
    if (known !== undefined && known.stateDigest !== state)
      throw new DroverError(
        'ERR_ARCHIVE_INVALID',
        `checkpoint ${epoch}.${sequence} of ${task} is in the store with another state`,
      );
    const manifest = decodeManifest(await readAt(handle, at, length), systemHasher);
    if (manifest === undefined) throw invalid('it changed while it was read', at);
    const digests = digestsOf(manifest.pageDigests);
    for (const position of store.missing(manifest)) missing.add(digests[position] ?? '');
    needed += 2 * length;
  }
  needed += missing.size * POOLED_PAGE_BYTES;
  const { bytes, bytesMax } = store.usage();
  if (bytes + needed > bytesMax)
    throw new DroverError(
      'ERR_STORE_FULL',
      `the archive needs up to ${needed} bytes; the store has ${bytesMax - bytes} left of its bound`,
    );
}

async function readPages(
  handle: FileHandle,
  manifest: CheckpointManifest,
  missing: Uint32Array,
  pagesAt: ReadonlyMap<string, number>,
): Promise<Uint8Array> {
  const pages = new Uint8Array(missing.length * PAGE_BYTES);
  const digests = Buffer.from(manifest.pageDigests);
  for (const [order, position] of missing.entries()) {
    const at = pagesAt.get(digests.toString('latin1', position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES));
    if (at === undefined) throw invalid('it changed while it was read');
    pages.set(await readAt(handle, at, PAGE_BYTES), order * PAGE_BYTES);
  }
  return pages;
}

export async function openArchive(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (cause) {
    throw new DroverError('ERR_ARCHIVE_INVALID', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, at);
  if (bytesRead !== length) throw invalid('it ends too early', at + bytesRead);
  return bytes;
}

/** The file from its beginning, in large pieces, digested as it is taken. */
class FileSource implements ArchiveSource {
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #ahead = Buffer.alloc(0);
  #readAt = 0;
  #at = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get at(): number {
    return this.#at;
  }

  /** Of everything taken so far. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  async take(bytes: number): Promise<Buffer> {
    while (this.#ahead.length < bytes)
      if (!(await this.#more(bytes))) throw invalid('it ends too early', this.#at + this.#ahead.length);
    const taken = this.#ahead.subarray(0, bytes);
    this.#ahead = this.#ahead.subarray(bytes);
    this.#hash.update(taken);
    this.#at += bytes;
    return taken;
  }

  async isAtEnd(): Promise<boolean> {
    return this.#ahead.length === 0 && !(await this.#more(1));
  }

  async #more(bytes: number): Promise<boolean> {
    const piece = Buffer.alloc(Math.max(READ_BYTES, bytes));
    const { bytesRead } = await this.#handle.read(piece, 0, piece.length, this.#readAt);
    this.#readAt += bytesRead;
    this.#ahead = Buffer.concat([this.#ahead, piece.subarray(0, bytesRead)]);
    return bytesRead > 0;
  }
}

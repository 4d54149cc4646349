/**
 * A checkpoint store as it is at one moment, read by another process than the one that writes it: one read transaction of
 * LMDB, which sees neither half a write nor what comes later. Nothing is changed, whatever is found.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, RootDatabase, Transaction } from 'lmdb';
import { open } from 'lmdb';
import { chainOf, tableOfChain } from '../../src/domain/checkpoint/chain.ts';
import type { PageTable } from '../../src/domain/checkpoint/delta.ts';
import { checkManifest, describeManifestError, stateDigest, stateOf } from '../../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Result } from '../../src/domain/kernel/result.ts';
import { err, ok } from '../../src/domain/kernel/result.ts';
import { type CheckpointManifest, DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { Hasher } from '../../src/ports/digest.ts';
import { type CheckpointName, isKey, keyOf, nameOfKey } from './checkpoint-keys.ts';
import { exact, LMDB_PAGE_BYTES, TABLES_MAX } from './environment.ts';
import { decodeManifest, describeDamagedManifest } from './manifest-format.ts';
import { HEAD_BYTES, TAIL_BYTES, TAIL_ENTRY_BYTES } from './page-pool.ts';

type ReadTable = Database<Uint8Array, Uint8Array>;
/** lmdb-js takes the transaction here as in `get`; its types leave it out. */
interface SnapshotRead {
  getBinaryFast(key: Uint8Array, options: { readonly transaction: Transaction }): Uint8Array | undefined;
}

export interface FoundManifest {
  /** undefined: its key names no checkpoint. */
  readonly name: CheckpointName | undefined;
  readonly manifest: Result<CheckpointManifest, string>;
}

export interface FoundPage {
  readonly digest: Buffer;
  /** As stored; undefined where its count is lost. */
  readonly references: number | undefined;
  readonly bytes: 'whole' | 'damaged' | 'lost';
}

export class StoreReader {
  readonly path: string;
  readonly #hasher: Hasher;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #moment: Transaction;
  readonly #found = Buffer.alloc(DIGEST_BYTES);
  readonly #scratch = Buffer.alloc(PAGE_BYTES);

  constructor(path: string, hasher: Hasher) {
    if (!existsSync(join(path, 'data.mdb'))) throw new DroverError('ERR_STORE_MISSING', `there is no store in ${path}`);
    this.path = path;
    this.#hasher = hasher;
    try {
      this.#root = open<Uint8Array, Uint8Array>({
        path,
        noSubdir: false,
        readOnly: true,
        maxDbs: TABLES_MAX,
        encoding: 'binary',
        keyEncoding: 'binary',
        pageSize: LMDB_PAGE_BYTES,
      } as Parameters<typeof open>[0]) as RootDatabase<Uint8Array, Uint8Array>;
      // All tables before the transaction: opening one begins a read of its own.
      for (const name of TABLES) this.#tables.set(name, this.#openTable(name));
      this.#moment = this.#root.useReadTransaction();
    } catch (cause) {
      throw new DroverError('ERR_STORE_CORRUPT', `the store in ${path} cannot be opened: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  readonly #tables = new Map<string, ReadTable | undefined>();

  /** Every manifest in the order of its key, with why it cannot be used where it cannot. */
  *manifests(): IterableIterator<FoundManifest> {
    const table = this.#tables.get('manifests');
    if (table === undefined) return;
    for (const raw of table.getKeys({ transaction: this.#moment })) {
      const key = Buffer.from(exact(raw));
      if (isKey(key)) yield { name: nameOfKey(key), manifest: this.#manifest(nameOfKey(key), key) };
      else yield { name: undefined, manifest: err('its key names no checkpoint') };
    }
  }

  find(name: CheckpointName): CheckpointManifest | undefined {
    const found = this.#manifest(name, keyOf(name));
    return found.ok ? found.value : undefined;
  }

  /** The table of the whole state, proved by its digest; or why there is none. */
  tableOf(manifest: CheckpointManifest): Result<PageTable, string> {
    const chain = chainOf(manifest, ({ epoch, sequence }) => this.find({ task: manifest.task, epoch, sequence }));
    if (!chain.ok) return err('it stands on a checkpoint that is not here');
    const table = tableOfChain(chain.value);
    if (!table.ok) return err(`it does not fit on its base (${table.error.kind})`);
    const digest = stateDigest(stateOf(manifest, table.value), (bytes) => this.#hasher.hex(bytes));
    return digest === manifest.stateDigest ? ok(table.value) : err('it does not give the state its digest names');
  }

  /** Every page that has an entry in either table. */
  *pages(): IterableIterator<FoundPage> {
    const [heads, tails] = [this.#tables.get('pages'), this.#tables.get('tails')];
    if (tails !== undefined) {
      for (const raw of tails.getKeys({ transaction: this.#moment })) {
        const digest = Buffer.from(exact(raw));
        const entry = this.#get('tails', digest);
        const references = entry?.length === TAIL_ENTRY_BYTES ? entry.readUInt32LE(TAIL_BYTES) : undefined;
        yield { digest, references, bytes: this.#judge(digest) };
      }
    }
    if (heads === undefined) return;
    for (const raw of heads.getKeys({ transaction: this.#moment })) {
      const digest = Buffer.from(exact(raw));
      if (this.#get('tails', digest) === undefined) yield { digest, references: undefined, bytes: 'damaged' };
    }
  }

  /** The bytes of a page, only if they have its digest. Valid until the next call. */
  page(digest: Uint8Array): Buffer | undefined {
    return this.#judge(digest) === 'whole' ? this.#scratch : undefined;
  }

  /** What was set aside already, and waits to be fetched again. */
  setAside(): { readonly pages: number; readonly manifests: readonly { name: CheckpointName; reason: string }[] } {
    const manifests: { name: CheckpointName; reason: string }[] = [];
    const aside = this.#tables.get('aside');
    if (aside !== undefined) {
      for (const { key: raw, value } of aside.getRange({ transaction: this.#moment })) {
        const key = Buffer.from(exact(raw));
        const bytes = exact(value);
        if (isKey(key))
          manifests.push({ name: nameOfKey(key), reason: bytes.toString('utf8', 0, Math.max(0, bytes.indexOf(0))) });
      }
    }
    return { pages: this.#count('damaged'), manifests };
  }

  /** Bytes of the file, and of the pages of it that are in use. */
  sizes(): { readonly fileBytes: number; readonly usedBytes: number } {
    let pages = 2;
    for (const table of [this.#root, ...this.#tables.values()]) {
      const stats = (table?.getStats() ?? {}) as Record<string, number>;
      pages += (stats['treeBranchPageCount'] ?? 0) + (stats['treeLeafPageCount'] ?? 0) + (stats['overflowPages'] ?? 0);
    }
    return { fileBytes: statSync(join(this.path, 'data.mdb')).size, usedBytes: pages * LMDB_PAGE_BYTES };
  }

  pageCount(): number {
    return this.#count('tails');
  }

  async close(): Promise<void> {
    this.#moment.done();
    await this.#root.close();
  }

  #openTable(name: string): ReadTable | undefined {
    // Not made yet in a store that nothing was put into.
    return this.#root.openDB<Uint8Array, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' }) as
      | ReadTable
      | undefined;
  }

  #count(table: string): number {
    return (this.#tables.get(table)?.getStats() as { readonly entryCount?: number } | undefined)?.entryCount ?? 0;
  }

  #get(table: string, key: Uint8Array): Buffer | undefined {
    const raw = (this.#tables.get(table) as unknown as SnapshotRead | undefined)?.getBinaryFast(key, {
      transaction: this.#moment,
    });
    return raw === undefined ? undefined : exact(raw);
  }

  #manifest(name: CheckpointName, key: Uint8Array): Result<CheckpointManifest, string> {
    const raw = this.#get('manifests', key);
    if (raw === undefined) return err('it is not here');
    const bytes = Buffer.from(raw);
    const manifest = decodeManifest(bytes, this.#hasher);
    if (manifest === undefined) return err(describeDamagedManifest(bytes, this.#hasher));
    if (manifest.task !== name.task || manifest.epoch !== name.epoch || manifest.sequence !== name.sequence)
      return err('it is another checkpoint’s');
    const sound = checkManifest(manifest);
    return sound.ok ? sound : err(describeManifestError(sound.error));
  }

  /** Leaves the bytes in the scratch buffer. */
  #judge(digest: Uint8Array): FoundPage['bytes'] {
    const head = this.#get('pages', digest);
    if (head === undefined) return 'lost';
    if (head.length !== HEAD_BYTES) return 'damaged';
    head.copy(this.#scratch);
    const tail = this.#get('tails', digest);
    if (tail?.length !== TAIL_ENTRY_BYTES) return 'damaged';
    tail.copy(this.#scratch, HEAD_BYTES, 0, TAIL_BYTES);
    this.#hasher.digestInto(this.#scratch, this.#found, 0);
    return this.#found.equals(digest) ? 'whole' : 'damaged';
  }
}

const TABLES = ['manifests', 'pages', 'tails', 'damaged', 'aside'] as const;

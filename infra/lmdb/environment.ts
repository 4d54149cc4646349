/**
 * One LMDB environment (a folder with `data.mdb`), as the record store and the checkpoint store use it: named tables with
 * binary keys and values, all-or-nothing transactions, a bound on the bytes in use, and failures as `DroverError`s.
 *
 * What lmdb-js 3.5 does, tried here, and what follows from it:
 * - With its default, `overlappingSync`, a write's promise resolves when the commit is *visible*, before it is on the disk.
 *   So `sync` durability turns that off: LMDB then writes the pages, syncs, writes the meta page, syncs, and only then shows
 *   the commit. An answered write is on the disk, and nobody can read one that is not. `process` durability leaves it on:
 *   a commit survives the process at once, the power a little later, and the file stays consistent either way.
 *   (`noSync` would be faster still, but a power cut may then leave a tree that brings down whoever opens it.)
 * - The map grows by itself: `mapSize` is no bound. The bound is kept here, on the pages the tables use.
 * - A full disk fails the commit with EIO (a short write), which a probe tells from a broken one; and with `eventTurnBatching` also rejects a promise that nobody
 *   holds, which would end the process. Grouping is done by the stores themselves, so it is off.
 * - A callback that throws in `transaction` leaves what it wrote to be committed; `childTransaction` takes it back.
 * - Two handles on one file in one process can wait for each other for ever (a synchronous transaction of one against the
 *   callback of the other, on the same thread). So a process has one environment per folder, shared and counted.
 */
import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import { open } from 'lmdb';
import { assert } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';

export type Table = Database<Uint8Array, Uint8Array>;

/** `sync`: an answered write survives a power cut. `process`: it survives this process. */
export type Durability = 'sync' | 'process';

export interface EnvironmentOptions {
  /** A folder; created when it is not there. */
  readonly path: string;
  /** Bound on the bytes in use; the file may be larger by what one transaction rewrites. */
  readonly sizeBytesMax: number;
  readonly durability: Durability;
}

/** Bytes of an LMDB page, and of its header: a value of up to their difference takes exactly one overflow page (measured). */
export const LMDB_PAGE_BYTES = 4096;
export const LMDB_PAGE_HEADER_BYTES = 24;

/**
 * The value of a key where it lies: valid until the next read or write of this environment, so parse it at once and copy
 * what is kept. (lmdb-js hands out one large reused buffer with `length` overridden, which only some methods respect.)
 */
export function peek(table: Table, key: Uint8Array): Buffer | undefined {
  const raw = table.getBinaryFast(key);
  return raw === undefined ? undefined : exact(raw);
}

/** The same for the values and keys of a range. */
export const exact = (raw: Uint8Array): Buffer => Buffer.from(raw.buffer, raw.byteOffset, raw.length);

export const TABLES_MAX = 12;
const openEnvironments = new Map<string, Environment>();

/** Opens the environment of a folder, or shares the one this process has open there already. Release it with `close`. */
export function openEnvironment(options: EnvironmentOptions): Environment {
  try {
    mkdirSync(options.path, { recursive: true });
  } catch (cause) {
    throw translate(cause, options.path);
  }
  const path = realpathSync(options.path);
  const shared = openEnvironments.get(path);
  if (shared !== undefined) {
    assert(shared.durability === options.durability, 'two stores in one folder ask for the same durability');
    shared.share();
    return shared;
  }
  const environment = new Environment(path, options);
  openEnvironments.set(path, environment);
  return environment;
}

export class Environment {
  readonly path: string;
  readonly durability: Durability;
  readonly #sizeBytesMax: number;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #tables = new Map<string, Table>();
  readonly #attachments = new Map<string, unknown>();
  readonly #inFlight = new Set<Promise<unknown>>();
  #users = 1;
  /** Bytes in use when last measured, plus everything reserved since: never too low, corrected when it matters. */
  #usedBytes = Number.POSITIVE_INFINITY;

  constructor(path: string, options: EnvironmentOptions) {
    this.path = path;
    this.durability = options.durability;
    this.#sizeBytesMax = options.sizeBytesMax;
    try {
      this.#root = open<Uint8Array, Uint8Array>({
        path,
        noSubdir: false,
        maxDbs: TABLES_MAX,
        encoding: 'binary',
        keyEncoding: 'binary',
        mapSize: Math.max(options.sizeBytesMax, 1 << 20),
        pageSize: LMDB_PAGE_BYTES,
        overlappingSync: options.durability === 'process',
        eventTurnBatching: false,
      } as Parameters<typeof open>[0]) as RootDatabase<Uint8Array, Uint8Array>;
    } catch (cause) {
      throw translate(cause, path);
    }
  }

  /** One more user; each has to `close`. */
  share(): void {
    this.#users += 1;
  }

  table(name: string): Table {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = this.#root.openDB<Uint8Array, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' });
    this.#tables.set(name, table);
    return table;
  }

  /** Something that all users of this environment share, made by the first who asks. */
  attachment<T>(name: string, create: () => T): T {
    if (!this.#attachments.has(name)) this.#attachments.set(name, create());
    return this.#attachments.get(name) as T;
  }

  /**
   * Runs `action` in a write transaction: everything it wrote is committed, or nothing is. Resolves once the commit is as
   * durable as this environment makes it. Transactions run one after the other, in the order of the calls.
   */
  transact<T>(action: () => T): Promise<T> {
    this.assertOpen();
    const committed = this.#root.childTransaction(action).catch(async (cause: unknown) => {
      throw translate(await causeOf(cause), this.path);
    });
    this.#inFlight.add(committed);
    const done = (): void => void this.#inFlight.delete(committed);
    committed.then(done, done);
    return committed;
  }

  /** Takes `bytes` from what is left of the bound; false when they do not fit. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#sizeBytesMax) this.#usedBytes = this.usedBytes();
    if (this.#usedBytes + bytes > this.#sizeBytesMax) return false;
    this.#usedBytes += bytes;
    return true;
  }

  storeFull(): DroverError {
    return new DroverError('ERR_STORE_FULL', `the store in ${this.path} is at its bound of ${this.#sizeBytesMax} bytes`);
  }

  /** Bytes of the pages that the tables use now; what was freed and is kept for reuse does not count. */
  usedBytes(): number {
    this.assertOpen();
    let pages = 2;
    for (const table of [this.#root, ...this.#tables.values()]) {
      const stats = table.getStats() as Record<string, number>;
      pages += (stats['treeBranchPageCount'] ?? 0) + (stats['treeLeafPageCount'] ?? 0) + (stats['overflowPages'] ?? 0);
    }
    return pages * LMDB_PAGE_BYTES;
  }

  /** A copy without the room that was freed, as `data.mdb` in an existing, empty folder. */
  async copyTo(folder: string): Promise<void> {
    this.assertOpen();
    try {
      await this.#root.backup(folder, true);
    } catch (cause) {
      throw translate(cause, folder);
    }
  }

  get sizeBytesMax(): number {
    return this.#sizeBytesMax;
  }

  get isOpen(): boolean {
    return this.#users > 0;
  }

  assertOpen(): void {
    if (this.#users === 0) throw new DroverError('ERR_STORE_CLOSED', `the store in ${this.path} is closed`);
  }

  /** The last user's close waits for what is in flight, then closes the file. */
  async close(): Promise<void> {
    this.assertOpen();
    this.#users -= 1;
    if (this.#users > 0) return;
    await Promise.allSettled(this.#inFlight);
    openEnvironments.delete(this.path);
    await this.#root.close();
  }
}

/** A failed commit's error carries the real one in a promise of its own. */
async function causeOf(cause: unknown): Promise<unknown> {
  const pending = (cause as { readonly commitError?: Promise<never> } | undefined)?.commitError;
  if (pending === undefined) return cause;
  try {
    return await pending;
  } catch (real) {
    return real;
  }
}

const ERRNO = { EIO: 5, EFBIG: 27, ENOSPC: 28, EDQUOT: 122 } as const;
const MDB_MAP_FULL = -30792;
const FULL_CODES: readonly unknown[] = [MDB_MAP_FULL, ERRNO.ENOSPC, ERRNO.EFBIG, ERRNO.EDQUOT, 'ENOSPC', 'EFBIG', 'EDQUOT'];
const MDB_CORRUPT_CODES: readonly unknown[] = [-30796, -30797, -30793, -30794];
/** A disk that does not take this much more is full. */
const PROBE_BYTES = 1 << 20;

/** LMDB and the file system report by number: full, damaged, or broken. What is a `DroverError` already stays one. */
function translate(cause: unknown, path: string): Error {
  if (cause instanceof DroverError) return cause;
  if (cause instanceof Error && cause.name === 'AssertionError') return cause;
  const { code, message } = cause as { readonly code?: unknown; readonly message?: string };
  if (FULL_CODES.includes(code) || (code === ERRNO.EIO && isFull(path))) {
    return new DroverError('ERR_STORE_FULL', `no room on the disk for the store in ${path}`, { cause });
  }
  if (MDB_CORRUPT_CODES.includes(code) || /MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH)/.test(message ?? '')) {
    return new DroverError('ERR_STORE_CORRUPT', `the store in ${path} is damaged: ${message ?? 'no reason given'}`, { cause });
  }
  return new DroverError('ERR_STORE_IO', `the store in ${path} failed: ${message ?? 'no reason given'}`, {
    cause,
    retryable: true,
  });
}

/** LMDB calls a short write an I/O error, whatever cut it short. Asking the disk for a little more tells which it was. */
function isFull(path: string): boolean {
  const probe = join(path, `.probe-${process.pid}`);
  try {
    writeFileSync(probe, new Uint8Array(PROBE_BYTES));
    return false;
  } catch (error) {
    return FULL_CODES.includes((error as { readonly code?: unknown }).code);
  } finally {
    rmSync(probe, { force: true });
  }
}

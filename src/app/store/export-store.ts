/** Writes checkpoints of a store into one file that says all that is needed to restore them (archive-format.ts). */
import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { encodeManifest } from '../../../infra/lmdb/manifest-format.ts';
import type { StoreReader } from '../../../infra/lmdb/store-reader.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { foldManifest } from '../../domain/checkpoint/manifest.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { VERSION } from '../version.ts';
import { encodeEnd, encodeHeader, encodeSectionHeader, SECTION } from './archive-format.ts';
import { digestsOf } from './check-store.ts';

export interface ExportOptions {
  readonly reader: StoreReader;
  readonly file: string;
  /** undefined: every task of the store. */
  readonly tasks: readonly TaskName[] | undefined;
  /** Every checkpoint that is whole, not only the newest of each task. */
  readonly all: boolean;
  readonly exportedAt: string;
  readonly onProgress?: (done: number, all: number) => void;
}

export interface ExportResult {
  readonly checkpoints: readonly ({ readonly task: TaskName } & CheckpointOrder)[];
  readonly pages: number;
  readonly bytes: number;
  /** What was wanted and is damaged in this store. */
  readonly leftOut: readonly ({ readonly task: TaskName; readonly why: string } & CheckpointOrder)[];
}

const WRITE_BYTES = 1 << 20;

export async function exportStore(options: ExportOptions): Promise<ExportResult> {
  const { reader, file, exportedAt, onProgress } = options;
  const { chosen, leftOut } = choose(options);
  for (const task of options.tasks ?? [])
    if (!chosen.some(({ manifest }) => manifest.task === task))
      throw new DroverError('ERR_STORE_MISSING', `the store in ${reader.path} has no whole checkpoint of task ${task}`);
  const checkpoints = chosen.map(({ manifest: { task, epoch, sequence } }) => ({ task, epoch, sequence }));
  const part = `${file}.part`;
  const out = await Sink.open(part);
  try {
    await out.write(encodeHeader({ drover: VERSION, exportedAt, checkpoints }));
    const written = new Set<string>();
    for (const [done, { manifest, table }] of chosen.entries()) {
      for (const text of digestsOf(table)) {
        if (written.has(text)) continue;
        written.add(text);
        const page = reader.page(Buffer.from(text, 'latin1'));
        if (page === undefined) throw new DroverError('ERR_STORE_CORRUPT', 'a page changed while it was exported');
        await out.write(encodeSectionHeader(SECTION.page, PAGE_BYTES));
        await out.write(page);
      }
      const encoded = encodeManifest(foldManifest(manifest, table), systemHasher);
      await out.write(encodeSectionHeader(SECTION.manifest, encoded.length));
      await out.write(encoded);
      onProgress?.(done + 1, chosen.length);
    }
    const end = encodeEnd(written.size, chosen.length, out.digest());
    await out.write(encodeSectionHeader(SECTION.end, end.length));
    await out.write(end);
    const bytes = await out.close();
    // Only a whole file gets the name.
    await rename(part, file);
    return { checkpoints, pages: written.size, bytes, leftOut };
  } catch (error) {
    await out.abandon();
    await rm(part, { force: true });
    throw error;
  }
}

interface Chosen {
  readonly manifest: CheckpointManifest;
  readonly table: Uint8Array;
}

function choose({ reader, tasks, all }: ExportOptions): {
  readonly chosen: readonly Chosen[];
  readonly leftOut: ExportResult['leftOut'];
} {
  const byTask = new Map<TaskName, Chosen[]>();
  const leftOut: ExportResult['leftOut'][number][] = [];
  for (const { name, manifest } of reader.manifests()) {
    if (name === undefined || (tasks !== undefined && !tasks.includes(name.task))) continue;
    const judged = manifest.ok ? wholeTable(reader, manifest.value) : manifest.error;
    if (typeof judged === 'string') leftOut.push({ ...name, why: judged });
    else if (manifest.ok) {
      const chosen = { manifest: manifest.value, table: judged };
      byTask.set(name.task, all ? [...(byTask.get(name.task) ?? []), chosen] : [chosen]);
    }
  }
  return { chosen: [...byTask.values()].flat(), leftOut };
}

function wholeTable(reader: StoreReader, manifest: CheckpointManifest): Uint8Array | string {
  const table = reader.tableOf(manifest);
  if (!table.ok) return table.error;
  const bad = new Set(digestsOf(table.value).filter((text) => reader.page(Buffer.from(text, 'latin1')) === undefined));
  return bad.size === 0 ? table.value : `${bad.size} of its pages are damaged or not here`;
}

/** Buffered writing that digests what it writes. */
class Sink {
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #hash = createHash('sha256');
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #bytes = 0;

  private constructor(handle: Awaited<ReturnType<typeof open>>) {
    this.#handle = handle;
  }

  static async open(path: string): Promise<Sink> {
    try {
      return new Sink(await open(path, 'w'));
    } catch (cause) {
      throw fileError(path, cause);
    }
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    this.#pending.push(Buffer.from(bytes));
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= WRITE_BYTES) await this.#flush();
  }

  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  async close(): Promise<number> {
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    return this.#bytes;
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }

  async #flush(): Promise<void> {
    const chunk = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      for (let at = 0; at < chunk.length; ) at += (await this.#handle.write(chunk, at)).bytesWritten;
    } catch (cause) {
      throw fileError('the archive', cause);
    }
    this.#bytes += chunk.length;
  }
}

function fileError(what: string, cause: unknown): DroverError {
  const { code, message } = cause as { readonly code?: string; readonly message?: string };
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return new DroverError(
    full ? 'ERR_STORE_FULL' : 'ERR_STORE_IO',
    `${what} cannot be written: ${message ?? 'no reason given'}`,
    {
      cause,
    },
  );
}

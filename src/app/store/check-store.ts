/**
 * Reads a whole checkpoint store and judges it: every page by its digest, every manifest by its own and by what it says, every
 * chain by the state it gives, every count of references by the manifests that are there.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { StoreReader } from '../../../infra/lmdb/store-reader.ts';
import { type CheckpointManifest, type CheckpointOrder, DIGEST_BYTES } from '../../domain/model/checkpoint.ts';
import type { TaskName } from '../../domain/model/ids.ts';

export interface StoreFinding {
  readonly what: 'page' | 'manifest' | 'checkpoint' | 'references';
  /** A checkpoint's name, or a digest in hex. */
  readonly which: string;
  readonly why: string;
}

export interface CheckedTask {
  readonly task: TaskName;
  readonly checkpoints: number;
  /** The newest that can be rebuilt from this store. */
  readonly newest: CheckpointOrder | undefined;
}

export interface StoreCheck {
  readonly ok: boolean;
  readonly tasks: readonly CheckedTask[];
  readonly checkpoints: number;
  readonly pages: number;
  /** By what is wrong; set aside: noticed before, and waiting to be fetched again. */
  readonly damagedPages: number;
  readonly lostPages: number;
  readonly damagedManifests: number;
  readonly brokenCheckpoints: number;
  /** Counted too low: the page may go while a manifest still names it. */
  readonly wrongReferences: number;
  /** Counted too high: kept for longer than needed, which the manager's next round mends. No damage. */
  readonly uncollectedPages: number;
  readonly pagesSetAside: number;
  readonly manifestsSetAside: number;
  /** The first of them. */
  readonly findings: readonly StoreFinding[];
}

export interface CheckOptions {
  readonly onProgress?: (done: number, all: number) => void;
}

const FINDINGS_MAX = 100;
const PAGES_PER_TURN = 512;

export async function checkStore(reader: StoreReader, { onProgress }: CheckOptions = {}): Promise<StoreCheck> {
  const findings: StoreFinding[] = [];
  const found = (finding: StoreFinding): void => {
    if (findings.length < FINDINGS_MAX) findings.push(finding);
  };
  const manifests: CheckpointManifest[] = [];
  let damagedManifests = 0;
  for (const { name, manifest } of reader.manifests()) {
    if (manifest.ok) manifests.push(manifest.value);
    else {
      damagedManifests += 1;
      const which = name === undefined ? 'unknown' : `${name.task} ${name.epoch}.${name.sequence}`;
      found({ what: 'manifest', which, why: manifest.error });
    }
  }
  const { bad, seen, uncollectedPages, ...pageCounts } = await checkPages(reader, manifests, found, onProgress);
  let brokenCheckpoints = 0;
  const newest = new Map<TaskName, CheckedTask>();
  for (const manifest of manifests) {
    const { task, epoch, sequence } = manifest;
    const before = newest.get(task);
    const why = brokenWhy(reader, manifest, bad);
    if (why !== undefined) {
      brokenCheckpoints += 1;
      found({ what: 'checkpoint', which: `${task} ${epoch}.${sequence}`, why });
    }
    // In the order of their keys: the last that can be rebuilt is the newest.
    newest.set(task, {
      task,
      checkpoints: (before?.checkpoints ?? 0) + 1,
      newest: why === undefined ? { epoch, sequence } : before?.newest,
    });
    if (manifest.pageCount > PAGES_PER_TURN) await turn();
  }
  const aside = reader.setAside();
  for (const { name, reason } of aside.manifests)
    found({ what: 'manifest', which: `${name.task} ${name.epoch}.${name.sequence}`, why: `set aside: ${reason}` });
  const counts = {
    ...pageCounts,
    damagedManifests,
    brokenCheckpoints,
    pagesSetAside: aside.pages,
    manifestsSetAside: aside.manifests.length,
  };
  const ok = Object.values(counts).every((count) => count === 0);
  const tasks = [...newest.values()];
  return { ok, tasks, checkpoints: manifests.length, pages: seen, ...counts, uncollectedPages, findings };
}

interface CheckedPages {
  readonly seen: number;
  readonly damagedPages: number;
  readonly lostPages: number;
  readonly wrongReferences: number;
  readonly uncollectedPages: number;
  /** Digests, one character a byte. */
  readonly bad: ReadonlySet<string>;
}

async function checkPages(
  reader: StoreReader,
  manifests: readonly CheckpointManifest[],
  found: (finding: StoreFinding) => void,
  onProgress: CheckOptions['onProgress'],
): Promise<CheckedPages> {
  const references = countReferences(manifests);
  const bad = new Set<string>();
  const all = reader.pageCount();
  const counts = { damagedPages: 0, lostPages: 0, wrongReferences: 0, uncollectedPages: 0 };
  let seen = 0;
  for (const { digest, references: stored, bytes } of reader.pages()) {
    seen += 1;
    const text = digest.toString('latin1');
    const named = references.get(text) ?? 0;
    references.delete(text);
    if (bytes !== 'whole') bad.add(text);
    if (bytes === 'damaged') {
      counts.damagedPages += 1;
      found({ what: 'page', which: digest.toString('hex'), why: 'its bytes do not have this digest' });
    }
    if (bytes === 'lost' && named > 0) counts.lostPages += 1;
    if (stored !== undefined && stored > named) counts.uncollectedPages += 1;
    if (stored !== undefined && stored < named) {
      counts.wrongReferences += 1;
      found({ what: 'references', which: digest.toString('hex'), why: `${stored} are counted, ${named} are there` });
    }
    if (seen % PAGES_PER_TURN === 0) {
      onProgress?.(seen, all);
      await turn();
    }
  }
  for (const text of references.keys()) {
    bad.add(text);
    counts.lostPages += 1;
    found({ what: 'page', which: Buffer.from(text, 'latin1').toString('hex'), why: 'a manifest names it and it is not here' });
  }
  onProgress?.(seen, seen);
  return { seen, bad, ...counts };
}

function brokenWhy(reader: StoreReader, manifest: CheckpointManifest, bad: ReadonlySet<string>): string | undefined {
  const table = reader.tableOf(manifest);
  if (!table.ok) return table.error;
  if (bad.size === 0) return undefined;
  const damaged = digestsOf(table.value).filter((text) => bad.has(text)).length;
  return damaged === 0 ? undefined : `${damaged} of its pages are damaged or not here`;
}

function countReferences(manifests: readonly CheckpointManifest[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { pageDigests } of manifests)
    for (const text of digestsOf(pageDigests)) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** One character a byte. */
export function digestsOf(table: Uint8Array): string[] {
  const bytes = Buffer.from(table.buffer, table.byteOffset, table.length);
  return Array.from({ length: table.length / DIGEST_BYTES }, (_, at) =>
    bytes.toString('latin1', at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
  );
}

/**
 * Fetches nats-server into drover's cache, without root: from the platform's own package source where there is one, else
 * from the project's release archives.
 *
 * F1. `<cache>/nats-server/<version>/nats-server` appears by one rename and is whole and runnable when it does.
 * F2. Of several processes that fetch at once one does; the others wait for it and use what it fetched. (F1 holds even
 *     where they cannot see each other's lock, as in two containers with one cache.)
 * F3. Nothing unverified is run: apt's signatures, or the release's checksums.
 */
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { takeProcessLock } from '../system/process-lock.ts';
import { examine } from './examine-server.ts';
import { fetchFromApt } from './fetch-from-apt.ts';
import { fetchFromRelease } from './fetch-from-release.ts';
import type { FetchContext, ServerSource } from './server-source.ts';

export interface FetchServerOptions {
  readonly cacheFolder: string;
  readonly onProgress?: (sentence: string) => void;
  /** The sources to try, in order. Tests name their own. */
  readonly sources?: readonly ServerSource[];
}

/** A fetch takes seconds on a good line; this is for a bad one. */
const LOCK_TIMEOUT_US = 600_000_000;

/** The path of the fetched server. Fails with ERR_SERVER_NOT_FOUND and what each source said. */
export async function fetchServer(options: FetchServerOptions): Promise<string> {
  const folder = join(options.cacheFolder, 'nats-server');
  const onProgress = options.onProgress ?? ((): void => {});
  await mkdir(folder, { recursive: true });
  const lock = await takeProcessLock({
    folder,
    name: '.lock',
    timeoutUs: LOCK_TIMEOUT_US,
    onWait: (pid) => onProgress(`Process ${pid} is fetching nats-server; waiting for it.`),
  });
  if (lock === undefined) {
    throw new DroverError(
      'ERR_SERVER_NOT_FOUND',
      `another process has been fetching nats-server into ${folder} for 10 minutes; end it and try again`,
    );
  }
  try {
    return (await alreadyThere(folder)) ?? (await fetchInto(folder, options.sources ?? [aptSource, releaseSource], onProgress));
  } finally {
    await lock.release();
  }
}

const aptSource: ServerSource = { name: 'apt', fetch: fetchFromApt };
const releaseSource: ServerSource = { name: 'release archive', fetch: (context) => fetchFromRelease(context) };

async function fetchInto(
  folder: string,
  sources: readonly ServerSource[],
  onProgress: (sentence: string) => void,
): Promise<string> {
  await removeLeftovers(folder);
  const notes: string[] = [];
  for (const source of sources) {
    const scratch = await mkdtemp(join(folder, '.fetch-'));
    let accepted: { readonly path: string; readonly version: string } | undefined;
    const accept: FetchContext['accept'] = async (path) => {
      const { server, tried } = await examine('fetched', path);
      if (server !== undefined) accepted = { path, version: server.version.text };
      return { accepted: server !== undefined, note: tried.note };
    };
    try {
      for (const note of await source.fetch({ scratch, onProgress, accept })) notes.push(`${source.name}: ${note}`);
      if (accepted !== undefined) return await install(folder, scratch, accepted);
    } catch (error) {
      notes.push(`${source.name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  throw new DroverError('ERR_SERVER_NOT_FOUND', notes.join('; '));
}

/** A version folder that is in the way holds a server that does not run (else it had been found): it is replaced. */
async function install(
  folder: string,
  scratch: string,
  accepted: { readonly path: string; readonly version: string },
): Promise<string> {
  const ready = join(scratch, 'ready');
  const target = join(folder, accepted.version);
  await mkdir(ready);
  await rename(accepted.path, join(ready, 'nats-server'));
  await rename(target, join(scratch, 'replaced')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(ready, target);
  return join(target, 'nats-server');
}

/** What the process that held the lock before us has fetched. */
async function alreadyThere(folder: string): Promise<string | undefined> {
  for (const entry of await readdir(folder)) {
    if (entry.startsWith('.')) continue;
    const path = join(folder, entry, 'nats-server');
    if ((await examine('cache', path)).server !== undefined) return path;
  }
  return undefined;
}

/** Scratch folders of fetches that were killed. Called under the lock, so that none belongs to a live one. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (entry.startsWith('.fetch-')) await rm(join(folder, entry), { recursive: true, force: true });
  }
}

/**
 * One holder at a time among the processes of this host, by files `<name>.<generation>` in a folder.
 *
 * L1. The lock is held by the process named in the file with the highest generation, as long as that process lives.
 * L2. A file appears whole (written aside, then hard-linked to a name that must not exist), so that a reader never sees half.
 * L3. The highest generation is never removed: a lock is given back by appending a generation that names nobody. Otherwise
 *     two processes that both saw a dead holder could each remove the other's fresh lock.
 * L4. Only a holder removes generations, and only those below its own. Whoever linked a generation below the highest
 *     (it looked before that one was removed) sees the higher one when it looks again, and steps back.
 *
 * A holder that dies frees the lock by dying. Processes in other PID namespaces are not seen: they take the lock over.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive, processStart } from './process-identity.ts';

export interface LockOptions {
  readonly folder: string;
  readonly name: string;
  /** How long to wait for another holder before giving up. */
  readonly timeoutUs: number;
  /** Called once when somebody else holds the lock. */
  readonly onWait?: (pid: number) => void;
}

export interface ProcessLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly start: string;
}

const NOBODY: Holder = { pid: 0, start: '' };
const POLL_MS = 25;

/** The lock, or undefined when another live process still held it after `timeoutUs`. */
export async function takeProcessLock(options: LockOptions): Promise<ProcessLock | undefined> {
  await mkdir(options.folder, { recursive: true });
  const self: Holder = { pid: process.pid, start: processStart(process.pid) ?? '' };
  const giveUpAt = performance.now() + options.timeoutUs / 1000;
  let told = false;
  for (;;) {
    const highest = (await generations(options)).at(-1) ?? 0;
    const holder = highest === 0 ? NOBODY : await readHolder(options, highest);
    if (holder !== undefined && !isHeld(holder)) {
      const mine = highest + 1;
      if (await append(options, mine, self)) {
        if ((await generations(options)).at(-1) === mine) return hold(options, mine);
        await unlink(fileOf(options, mine)).catch(ignoreMissing);
      }
      continue;
    }
    if (performance.now() >= giveUpAt) return undefined;
    if (!told && holder !== undefined) {
      told = true;
      options.onWait?.(holder.pid);
    }
    await sleep(POLL_MS);
  }
}

async function hold(options: LockOptions, mine: number): Promise<ProcessLock> {
  for (const generation of await generations(options)) {
    if (generation < mine) await unlink(fileOf(options, generation)).catch(ignoreMissing);
  }
  let released = false;
  return {
    release: async () => {
      if (released) return;
      released = true;
      await append(options, mine + 1, NOBODY);
      await unlink(fileOf(options, mine)).catch(ignoreMissing);
    },
  };
}

function isHeld(holder: Holder): boolean {
  if (holder.pid === 0) return false;
  // The same process asking twice waits for itself, as it should: the lock excludes tasks of one process too.
  return isProcessAlive(holder.pid) && (holder.start === '' || processStart(holder.pid) === holder.start);
}

async function append(options: LockOptions, generation: number, holder: Holder): Promise<boolean> {
  const aside = join(options.folder, `.${options.name}.${randomUUID()}`);
  await writeFile(aside, JSON.stringify(holder), { mode: 0o600 });
  try {
    await link(aside, fileOf(options, generation));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(aside).catch(ignoreMissing);
  }
}

async function generations(options: LockOptions): Promise<number[]> {
  const prefix = `${options.name}.`;
  const found: number[] = [];
  for (const entry of await readdir(options.folder)) {
    const generation = entry.startsWith(prefix) ? entry.slice(prefix.length) : '';
    if (/^[1-9][0-9]*$/.test(generation)) found.push(Number(generation));
  }
  return found.sort((a, b) => a - b);
}

/** Undefined when the file went away in between: look again. */
async function readHolder(options: LockOptions, generation: number): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(fileOf(options, generation), 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number') return NOBODY;
    return { pid: value.pid, start: 'start' in value && typeof value.start === 'string' ? value.start : '' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // A file torn by a power cut names nobody who still lives.
    if (error instanceof SyntaxError) return NOBODY;
    throw error;
  }
}

function fileOf(options: LockOptions, generation: number): string {
  return join(options.folder, `${options.name}.${generation}`);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

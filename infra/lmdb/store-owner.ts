/**
 * Who has a store open for writing: a small file beside it, written when it is opened and removed when it is closed. Only a
 * hint for people and tools (LMDB itself lets several processes write in turn): whoever reads it checks that the process lives.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProcessAlive, processStart } from '../system/process-identity.ts';

export interface StoreOwner {
  readonly pid: number;
  /** What no other process of this host ever has; absent where the system does not tell. */
  readonly start?: string | undefined;
}

const FILE = 'owner.json';

/** A disk that does not take the file has worse to say soon. */
export function noteOwner(path: string): void {
  try {
    writeFileSync(join(path, FILE), JSON.stringify({ pid: process.pid, start: processStart(process.pid) }));
  } catch {}
}

export function forgetOwner(path: string): void {
  if (readOwner(path)?.pid === process.pid) rmSync(join(path, FILE), { force: true });
}

/** The living process that has it open, if there is one. */
export function storeOwner(path: string): StoreOwner | undefined {
  const owner = readOwner(path);
  if (owner === undefined || !isProcessAlive(owner.pid)) return undefined;
  const start = processStart(owner.pid);
  return owner.start !== undefined && start !== undefined && start !== owner.start ? undefined : owner;
}

function readOwner(path: string): StoreOwner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(path, FILE), 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number') return undefined;
    return { pid: value.pid, start: 'start' in value && typeof value.start === 'string' ? value.start : undefined };
  } catch {
    return undefined;
  }
}

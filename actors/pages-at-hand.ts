/**
 * Pages that a manager has in memory and not yet in its store: pushed ones, that came ahead of their announcement, and those of a
 * pull that a newer checkpoint cut short. They are known by their digest, so it does not matter whose they were.
 *
 * H1. What is found was compared with its digest when it came: a wrong page is never found.
 * H2. Bound: `bytesMax` in all. Above that the pages of the task longest without news go first, all of them: they are pulled.
 * H3. A task's pages go when a checkpoint as new as they are is stored.
 */
import { type CheckpointOrder, laterCheckpoint, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { Hasher } from '../src/ports/digest.ts';

interface HeldPage extends CheckpointOrder {
  readonly page: Uint8Array;
}

export class PagesAtHand {
  private readonly hasher: Hasher;
  private readonly bytesMax: number;
  /** By task, the one longest without news first; then by digest. */
  private readonly pages = new Map<TaskName, Map<string, HeldPage>>();
  private count = 0;

  constructor(parts: { readonly hasher: Hasher; readonly bytesMax: number }) {
    this.hasher = parts.hasher;
    this.bytesMax = parts.bytesMax;
  }

  get bytes(): number {
    return this.count * PAGE_BYTES;
  }

  /** `pages`: any number of them, one after another. Answers how many tasks had to make room. */
  add(task: TaskName, { epoch, sequence }: CheckpointOrder, pages: Uint8Array): number {
    const held = this.pages.get(task) ?? new Map<string, HeldPage>();
    this.pages.delete(task);
    this.pages.set(task, held);
    for (let at = 0; at < pages.length; at += PAGE_BYTES) {
      const page = pages.subarray(at, at + PAGE_BYTES);
      const digest = this.hasher.hex(page);
      const before = held.get(digest);
      if (before === undefined) this.count++;
      else if (laterCheckpoint(before, { epoch, sequence })) continue;
      held.set(digest, { epoch, sequence, page });
    }
    return this.bound();
  }

  has(task: TaskName): boolean {
    return this.pages.has(task);
  }

  /** The page with this digest; a view, to be copied. */
  find(task: TaskName, digest: Uint8Array): Uint8Array | undefined {
    const held = this.pages.get(task);
    return held === undefined || held.size === 0 ? undefined : held.get(hexOf(digest))?.page;
  }

  /** H3. */
  stored(task: TaskName, order: CheckpointOrder): void {
    const held = this.pages.get(task);
    if (held === undefined) return;
    for (const [digest, page] of held) {
      if (laterCheckpoint(page, order)) continue;
      held.delete(digest);
      this.count--;
    }
    if (held.size === 0) this.pages.delete(task);
  }

  private bound(): number {
    let dropped = 0;
    for (const [task, held] of this.pages) {
      if (this.bytes <= this.bytesMax) break;
      this.pages.delete(task);
      this.count -= held.size;
      dropped++;
    }
    return dropped;
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(digest: Uint8Array): string {
  let hex = '';
  for (let at = 0; at < digest.length; at++) hex += HEX[digest[at] as number];
  return hex;
}

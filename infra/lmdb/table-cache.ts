/** Proved page tables in memory, so that an increment is checked by copying its base's table and not by walking down the chain. */
import type { PageTable } from '../../src/domain/checkpoint/delta.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';

/** Proved page tables, the most recently used ones, up to a number of bytes. */
export class TableCache {
  readonly #bytesMax: number;
  readonly #tables = new Map<string, PageTable>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(manifest: CheckpointManifest): PageTable | undefined {
    const key = cacheKeyOf(manifest);
    const table = this.#tables.get(key);
    if (table === undefined) return undefined;
    // A Map remembers the order of insertion: the first is the least recently used.
    this.#tables.delete(key);
    this.#tables.set(key, table);
    return table;
  }

  set(manifest: CheckpointManifest, table: PageTable): void {
    this.delete(manifest);
    this.#tables.set(cacheKeyOf(manifest), table);
    this.#bytes += table.length;
    for (const [key, oldest] of this.#tables) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#tables.delete(key);
      this.#bytes -= oldest.length;
    }
  }

  delete(manifest: CheckpointManifest): void {
    const key = cacheKeyOf(manifest);
    this.#bytes -= this.#tables.get(key)?.length ?? 0;
    this.#tables.delete(key);
  }
}

/** With the state digest: a table was proved for that state and for no other. */
const cacheKeyOf = (manifest: CheckpointManifest): string =>
  `${manifest.task}/${manifest.epoch}/${manifest.sequence}/${manifest.stateDigest}`;

/**
 * A simulated disk. It belongs to a machine, outlives every process on it, and writes one thing after the other; the two
 * stores on it are `disk-records.ts` and `disk-checkpoints.ts`.
 *
 * D1. A write takes time, then it is there, all of it, and only then answered. A process that dies before leaves it written
 *     or not; what it wrote later is then never there without what it wrote earlier.
 * D2. What was answered survives a power cut, unless the store does not wait for the sync (`durability: 'process'`): then what
 *     was written in the last moments (`syncUs`) is gone, as it is for drover's stores of the same durability.
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { SimScheduler } from './clock.ts';
import type { SimProcess } from './host.ts';
import { drawUs, type RangeUs } from './network.ts';

export interface DiskOptions {
  readonly writeUs: RangeUs;
  /** How much later a write that nobody waits for is durable by itself; undefined: at once. */
  readonly syncUs?: RangeUs;
  readonly bytesMax?: number;
  /** Records of an actor that are kept; all of them where this is not given. Not together with `syncUs`. */
  readonly recordsKept?: number;
}

export const CALM_DISK: DiskOptions = { writeUs: { min: 200, max: 700 } };

/** `sync`: an answered write survives a power cut. `process`: it survives its process. */
export type SimDurability = 'sync' | 'process';

/** What a write did when its time came, and how to take it back. */
export interface WriteEffect<T> {
  readonly answer: T;
  readonly bytes: number;
  readonly undo?: () => void;
}

export class SimDisk {
  readonly scheduler: SimScheduler;
  options: DiskOptions;
  /** Every write fails with ERR_STORE_FULL while this is set. */
  full = false;
  private readonly rng: Rng;
  private busyUntilUs = 0;
  private usedBytes = 0;
  private readonly unsynced: { readonly undo: () => void }[] = [];
  private readonly torn = new WeakSet<SimProcess>();
  private readonly tables = new Map<string, unknown>();

  constructor(scheduler: SimScheduler, rng: Rng, options: DiskOptions = CALM_DISK) {
    this.scheduler = scheduler;
    this.rng = rng;
    this.options = options;
  }

  /** What a store keeps here, by name; made empty the first time. */
  table<T>(name: string, empty: () => T): T {
    let table = this.tables.get(name) as T | undefined;
    if (table === undefined) {
      table = empty();
      this.tables.set(name, table);
    }
    return table;
  }

  /** The tables there are, by name. */
  names(): Iterable<string> {
    return this.tables.keys();
  }

  bytes(): number {
    return this.usedBytes;
  }

  freed(bytes: number): void {
    this.usedBytes -= bytes;
  }

  /** `bytes`: about how much it adds, for the bound. `apply` runs when the write's time has come. */
  write<T>(
    process: SimProcess,
    { bytes, durability }: { readonly bytes: number; readonly durability: SimDurability },
    apply: () => WriteEffect<T>,
  ): Promise<T> {
    return process.promise<T>((settle) => {
      if (this.full || this.usedBytes + bytes > (this.options.bytesMax ?? Number.POSITIVE_INFINITY)) {
        // It takes its time to say so: whoever tries again at once must not stop the world's time.
        const full = new DroverError('ERR_STORE_FULL', `the disk of ${process.host.machine} is full`);
        process.after(drawUs(this.rng, this.options.writeUs), () => settle.reject(full));
        return;
      }
      this.busyUntilUs = Math.max(this.busyUntilUs, this.scheduler.nowUs()) + drawUs(this.rng, this.options.writeUs);
      this.scheduler.at(this.busyUntilUs, () => {
        if (!this.survives(process)) return;
        const effect = apply();
        this.usedBytes += effect.bytes;
        if (effect.undo !== undefined && this.options.syncUs !== undefined && durability === 'process')
          this.holdUnsynced(effect.bytes, effect.undo);
        settle.resolve(effect.answer);
      });
    });
  }

  /** The machine loses power: what was not synced is gone, the newest first. Kill its processes with it. */
  powerLoss(): void {
    for (const { undo } of this.unsynced.splice(0).reverse()) undo();
  }

  private survives(process: SimProcess): boolean {
    if (process.alive()) return true;
    if (this.torn.has(process)) return false;
    if (this.rng.below(2) === 0) return true;
    this.torn.add(process);
    return false;
  }

  private holdUnsynced(bytes: number, undo: () => void): void {
    const entry = {
      undo: () => {
        this.usedBytes -= bytes;
        undo();
      },
    };
    this.unsynced.push(entry);
    this.scheduler.after(drawUs(this.rng, this.options.syncUs as RangeUs), () => {
      // A sync makes durable everything that was written before it, too.
      const at = this.unsynced.indexOf(entry);
      if (at >= 0) this.unsynced.splice(0, at + 1);
    });
  }
}

/**
 * Keeps a manager's store within its bound (DESIGN 4: every store has one).
 *
 * R1. While no quorum confirms, checkpoints that are neither among the newest nor possibly the newest durable one are dropped
 *     from the middle: a manager that is alone for a day keeps a handful per task.
 * R2. A store that is full drops the same of every task at once, then takes what came. What does not fit even then is refused
 *     with ERR_STORE_FULL: the ECU keeps its state, nothing that is stored goes.
 * R3. The newest durable checkpoint of a task and the newest that can be rebuilt always stay.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, laterCheckpoint } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Host } from './host.ts';

/** Checkpoints of a task that are stored without one being confirmed, before the middle is dropped. */
const UNCONFIRMED_MAX = 32;
/** Where the newest durable one is not known: as many of the oldest as retention may leave before it, so that it is among them. */
const OLDEST_KEPT = 19;
const NEWEST_KEPT = 2;

export class StoreRoom {
  private readonly host: Host;
  private readonly store: CheckpointStore;
  private readonly durable = new Map<TaskName, CheckpointOrder>();
  private readonly bounding = new Set<TaskName>();
  /** One shrinking for all the puts that did not fit meanwhile. */
  private shrinking: Promise<number> | undefined;

  constructor(parts: { readonly host: Host; readonly store: CheckpointStore }) {
    this.host = parts.host;
    this.store = parts.store;
  }

  noteDurable(task: TaskName, order: CheckpointOrder): void {
    const before = this.durable.get(task);
    if (before === undefined || laterCheckpoint(order, before)) this.durable.set(task, { ...order });
  }

  async put(manifest: CheckpointManifest, pages: Uint8Array): Promise<{ readonly stored: boolean }> {
    try {
      return await this.store.put(manifest, pages);
    } catch (cause) {
      if (!(cause instanceof DroverError && cause.code === 'ERR_STORE_FULL')) throw cause;
      this.host.counters.add('store.full');
      this.shrinking ??= this.shrinkAll().finally(() => {
        this.shrinking = undefined;
      });
      if ((await this.shrinking) === 0) throw cause;
      return this.store.put(manifest, pages);
    }
  }

  /** `count` are stored: too many, when none was confirmed for so long. Answers what is left, where something was dropped. */
  async bound(task: TaskName, count: number): Promise<readonly CheckpointOrder[] | undefined> {
    if (count <= UNCONFIRMED_MAX || this.bounding.has(task)) return undefined;
    this.bounding.add(task);
    try {
      await this.store.keepOnly(task, this.keptOf(task));
      // As the store has them now: more may have come meanwhile.
      const left = this.store.orders(task);
      this.host.counters.add('store.intermediatesDropped', Math.max(0, count - left.length));
      return left;
    } finally {
      this.bounding.delete(task);
    }
  }

  private async shrinkAll(): Promise<number> {
    let freed = 0;
    for (const task of this.store.tasks()) {
      const durable = this.durable.get(task);
      // Older than the newest durable one: kept for comfort only.
      if (durable !== undefined) freed += await this.store.retain(task, durable);
      freed += await this.store.keepOnly(task, this.keptOf(task));
    }
    this.host.log.warn('the store is full; checkpoints that nobody needs to restore were dropped', { freedBytes: freed });
    return freed;
  }

  private keptOf(task: TaskName): CheckpointOrder[] {
    const sorted = this.store.orders(task);
    const durable = this.durable.get(task);
    const isDurable = (order: CheckpointOrder, at: number): boolean =>
      durable === undefined ? at < OLDEST_KEPT : order.epoch === durable.epoch && order.sequence === durable.sequence;
    return sorted.filter((order, at) => isDurable(order, at) || at >= sorted.length - NEWEST_KEPT);
  }
}

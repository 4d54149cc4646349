/**
 * Keeps the board (KV `placement`) along with the placement records. Of each record the manager that wrote it tells; after a start
 * or a takeover, what it holds is told again.
 *
 * V1. Best effort: a put that fails is tried again with the task's newest record, and holds up nothing.
 * V2. One put per task at a time and at most one per PUT_EVERY_US, always of the newest record: what came in between is left out.
 */
import type { ActorKey, TaskName } from '../src/domain/model/ids.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { PlacementBoard } from '../src/ports/placement-board.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import { stateName } from './chart.ts';
import type { Host } from './host.ts';
import type { ActorView } from './shell.ts';

const PUT_EVERY_US = 50_000;
const RETRY_US = 1_000_000;

export class BoardKeeper {
  private readonly host: Host;
  private readonly board: PlacementBoard;
  private readonly newest = new Map<TaskName, ActorView>();
  private readonly told = new Map<TaskName, string>();
  private putting: Cancel | undefined;
  private stopped = false;

  constructor(parts: { readonly host: Host; readonly board: PlacementBoard }) {
    this.host = parts.host;
    this.board = parts.board;
  }

  stop(): void {
    this.stopped = true;
    this.putting?.();
  }

  changed(view: ActorView): void {
    if (!view.actor.startsWith('placement/')) return;
    const { task } = view.snapshot.context as PlacementContext;
    if (view.record.writer !== this.host.id) {
      // Another tells of it now, and what was told here may be overwritten there.
      this.newest.delete(task);
      this.told.delete(task);
      return;
    }
    this.newest.set(task, view);
    this.putLater(PUT_EVERY_US);
  }

  /** Another manager tells of it by now. */
  forgotten(actor: ActorKey): void {
    const task = actor.slice(actor.indexOf('/') + 1);
    this.newest.delete(task);
    this.told.delete(task);
  }

  private putLater(afterUs: number): void {
    if (this.stopped || this.putting !== undefined) return;
    this.putting = this.host.clock.after(afterUs, () => void this.putAll());
  }

  private async putAll(): Promise<void> {
    const views = [...this.newest.values()];
    this.newest.clear();
    const failed = (await Promise.all(views.map((view) => this.put(view)))).some((done) => !done);
    this.putting = undefined;
    if (this.newest.size > 0) this.putLater(failed ? RETRY_US : PUT_EVERY_US);
  }

  private async put(view: ActorView): Promise<boolean> {
    const { task, epoch, owner, reason } = view.snapshot.context as PlacementContext;
    const entry = { task, state: stateName(view.snapshot.value), epoch, owner, reason };
    const text = JSON.stringify(entry);
    if (this.told.get(task) === text) return true;
    try {
      await this.board.put(entry);
      this.told.set(task, text);
      return true;
    } catch (cause) {
      this.host.counters.add('board.putFailed');
      this.host.log.info('the placement view could not be told; it will be', { task, cause });
      if (!this.newest.has(task)) this.newest.set(task, view);
      return false;
    }
  }
}

/**
 * When tasks did not run: looks at every task each millisecond of simulated time, and keeps the stretches in which no living
 * owner ran its instance. A stretch ends when the new instance has caught up.
 */
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { FleetWorld } from './fleet-world.ts';

export interface Downtime {
  readonly task: TaskName;
  readonly fromUs: number;
  readonly us: number;
  readonly before: Mac | undefined;
  readonly after: Mac | undefined;
}

const LOOK_US = 1_000;

export class DowntimeWatch {
  readonly past: Downtime[] = [];
  private readonly fleet: FleetWorld;
  private readonly down = new Map<TaskName, { readonly fromUs: number; readonly before: Mac | undefined }>();
  private readonly ranOn = new Map<TaskName, Mac>();

  constructor(fleet: FleetWorld) {
    this.fleet = fleet;
    this.look();
  }

  /** Tasks that ran once and do not now. */
  downNow(): readonly TaskName[] {
    return [...this.down.keys()];
  }

  private look(): void {
    const { fleet } = this;
    const { scheduler } = fleet.world;
    const nowUs = scheduler.nowUs();
    for (const task of fleet.wanted) {
      const down = this.down.get(task);
      if (fleet.runs(task)) {
        const after = fleet.owner(task);
        if (after !== undefined) this.ranOn.set(task, after);
        if (down === undefined) continue;
        this.down.delete(task);
        this.past.push({ task, fromUs: down.fromUs, us: nowUs - down.fromUs, before: down.before, after });
      } else if (down === undefined && this.ranOn.has(task))
        this.down.set(task, { fromUs: nowUs, before: this.ranOn.get(task) });
    }
    for (const task of this.down.keys()) if (!fleet.wanted.has(task)) this.down.delete(task);
    scheduler.after(LOOK_US, () => this.look());
  }
}

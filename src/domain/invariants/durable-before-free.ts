/**
 * durable-before-free (DESIGN 2, 5): an ECU frees what a checkpoint needs only after the quorum stored it.
 *
 * Watches the words that are said of each task's checkpoints, in the order of their stream:
 *
 *   F1. When an ECU says that it freed what lies below a checkpoint, as many managers as the quorum asks for had said before
 *       that they stored it, or a later one of the same epoch.
 *   F2. A manager on the task's own ECU does not count.
 *   F3. A manager that says that it stored a checkpoint can rebuild that state, or a later one, from its own store.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface StoredWord {
  readonly task: TaskName;
  readonly epoch: number;
  readonly sequence: number;
  readonly manager: string;
}

export interface FreedWord {
  readonly task: TaskName;
  readonly epoch: number;
  readonly sequence: number;
  readonly quorum: number;
  /** Managers on the ECU that frees. */
  readonly coLocated: ReadonlySet<string>;
}

/** F3. `rebuildable`: whether the manager's store holds everything of that checkpoint or of a later one. */
export function unstored(word: StoredWord, rebuildable: boolean): Violation | undefined {
  if (rebuildable) return undefined;
  const { task, epoch, sequence, manager } = word;
  return {
    invariant: 'durable-before-free',
    sentence: `${task}: ${manager} says that it stored checkpoint ${epoch}.${sequence}, and cannot rebuild it (F3)`,
    details: { task, epoch, sequence, manager },
  };
}

export class DurableBeforeFree {
  /** The newest sequence that each manager has stored, by task and epoch. */
  private readonly newest = new Map<string, Map<string, number>>();

  stored({ task, epoch, sequence, manager }: StoredWord): void {
    const key = `${task} ${epoch}`;
    const byManager = this.newest.get(key) ?? new Map<string, number>();
    this.newest.set(key, byManager);
    byManager.set(manager, Math.max(sequence, byManager.get(manager) ?? 0));
  }

  freed({ task, epoch, sequence, quorum, coLocated }: FreedWord): Violation | undefined {
    const holders: string[] = [];
    for (const [manager, newest] of this.newest.get(`${task} ${epoch}`) ?? []) {
      if (newest >= sequence && !coLocated.has(manager)) holders.push(manager);
    }
    if (holders.length >= quorum) return undefined;
    return {
      invariant: 'durable-before-free',
      sentence: `${task}: checkpoint ${epoch}.${sequence} was freed when ${holders.length} of ${quorum} managers had stored it (F1)`,
      details: { task, epoch, sequence, quorum, holders, coLocated: [...coLocated] },
    };
  }
}

import type { Incarnation } from '../domain/model/ecu.ts';
import type { TaskName } from '../domain/model/ids.ts';

/** What people and tools read of a placement: where the task is, or why it is nowhere. */
export interface BoardEntry {
  readonly task: TaskName;
  readonly state: string;
  readonly epoch: number;
  readonly owner: Incarnation | undefined;
  readonly reason: string | undefined;
}

/**
 * KV `placement`: a view derived from the placement records, which alone decide. It may be behind, and nothing of drover reads it.
 * A put that fails leaves the entry as it was.
 */
export interface PlacementBoard {
  put(entry: BoardEntry): Promise<void>;
}

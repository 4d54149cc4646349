/** Answers of other tools, beside the repository where they are at hand; never copied into it. */
import { existsSync, readFileSync } from 'node:fs';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';

const FOLDER = new URL('../../../shared/vectors/', import.meta.url);

export const vectorsAtHand = existsSync(FOLDER);
export const WITHOUT_VECTORS = 'skipped where ../shared/vectors is not beside the repository';

export interface VectorTask {
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  readonly jitterUs: number;
  readonly blockingUs?: number;
}

export interface Vector {
  readonly id: string;
  readonly tasks: readonly VectorTask[];
}

export const readVectors = <T extends Vector>(name: string): T[] =>
  readFileSync(new URL(name, FOLDER), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

/** The vectors' priority 1 is the most urgent. */
export const ours = ({ tasks }: Vector): RealtimeTask[] => tasks.map((one) => ({ ...one, priority: -one.priority }));

/** Peers that go on past a deadline are compared with deadlines that nobody misses. */
export const relaxed = (tasks: readonly RealtimeTask[]): RealtimeTask[] =>
  tasks.map((one) => ({ ...one, deadlineUs: 2 ** 50 }));

/** Labelled task sets for the tests of learning, drawn from a seed; half of them schedulable. */
import { createRng } from '../../src/domain/kernel/rng.ts';
import { labelExactly } from '../../src/domain/learn/exact-label.ts';
import { columnsOf, type LabelledSets } from '../../src/domain/learn/task-sets.ts';
import { type DrawSpec, drawTaskSet } from '../../src/domain/realtime/draw/task-sets.ts';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';

export const DRAW: DrawSpec = {
  tasks: { least: 3, most: 12 },
  utilisation: { least: 0.43, most: 1 },
  utilisations: 'uunifast-discard',
  periods: 'log-uniform',
  periodUs: { least: 1_000, most: 1_000_000 },
  deadlines: 'constrained',
};

export function drawSets(seed: number, count: number): RealtimeTask[][] {
  const rng = createRng(seed, 'tests');
  return Array.from({ length: count }, () => drawTaskSet(rng, DRAW) ?? []);
}

export const labelledSets = (seed: number, count: number): LabelledSets => labelExactly(columnsOf(drawSets(seed, count)));

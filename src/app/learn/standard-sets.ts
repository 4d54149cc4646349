/**
 * The sets by which learning is judged (docs/LEARNING.md), labelled by the exact analysis: one core, constrained deadlines, 3 to 20
 * tasks, utilisation such that half of them are schedulable. `drover dataset generate` draws the same without options.
 */
import { createRng } from '../../domain/kernel/rng.ts';
import { labelExactly } from '../../domain/learn/exact-label.ts';
import { columnsOf, type LabelledSets } from '../../domain/learn/task-sets.ts';
import { type DrawSpec, drawTaskSet } from '../../domain/realtime/draw/task-sets.ts';

export const STANDARD_DRAW: DrawSpec = {
  tasks: { least: 3, most: 20 },
  utilisation: { least: 0.43, most: 1 },
  utilisations: 'uunifast-discard',
  periods: 'log-uniform',
  periodUs: { least: 1_000, most: 1_000_000 },
  deadlines: 'constrained',
};

export function standardSets(count: number, seed: number, stream: string): LabelledSets {
  const rng = createRng(seed, stream);
  return labelExactly(columnsOf(Array.from({ length: count }, () => drawTaskSet(rng, STANDARD_DRAW) ?? [])));
}

/**
 * Task sets as a model reads them, all features brought to mean 0 and deviation 1. The scale is learned from the sets that are trained on
 * and goes with the model, because a model fed with other units is another model.
 */
import { type FeatureSet, featureCount, rowLength, writeSetRow, writeTaskRows } from './features.ts';
import type { TaskSets } from './task-sets.ts';

export interface Scale {
  readonly mean: Float32Array;
  /** One over the deviation; 1 where a feature never changes. */
  readonly factor: Float32Array;
}

/** `row`: one row of fixed length a set. `tasks`: one row a task. */
export type Shape = 'row' | 'tasks';

/** Larger sets are cut to their most urgent tasks where a network reads tasks. */
export const TASKS_MAX = 32;

export const inputLength = (shape: Shape, reads: FeatureSet): number =>
  shape === 'row' ? rowLength(reads) : featureCount(reads);

export interface Inputs {
  readonly values: Float32Array;
  /** Numbers a row. */
  readonly width: number;
  readonly rowsPerExample: number;
  readonly rowCounts: Uint16Array;
}

/** All sets, not yet scaled. `rowsPerExample` is as large as the largest set needs. */
export function writeInputs(sets: TaskSets, shape: Shape, reads: FeatureSet): Inputs {
  const width = inputLength(shape, reads);
  const rowCounts = new Uint16Array(sets.count);
  let rowsPerExample = 1;
  for (let s = 0; s < sets.count; s++) {
    const tasks = (sets.starts[s + 1] as number) - (sets.starts[s] as number);
    rowCounts[s] = shape === 'row' ? 1 : Math.min(tasks, TASKS_MAX);
    rowsPerExample = Math.max(rowsPerExample, rowCounts[s] as number);
  }
  const values = new Float32Array(sets.count * rowsPerExample * width);
  const rows = new Float32Array(TASKS_MAX * featureCount(reads));
  for (let s = 0; s < sets.count; s++) {
    const at = s * rowsPerExample * width;
    if (shape === 'row') writeSetRow(sets, s, { reads, out: values, at, rows });
    else writeTaskRows(sets, s, { reads, out: values, at, tasksMax: TASKS_MAX });
  }
  return { values, width, rowsPerExample, rowCounts };
}

export function learnScale({ values, width, rowsPerExample, rowCounts }: Inputs): Scale {
  const sums = new Float64Array(width);
  const squares = new Float64Array(width);
  let rows = 0;
  eachRow({ rowsPerExample, rowCounts, width }, (at) => {
    rows++;
    for (let f = 0; f < width; f++) {
      const x = values[at + f] as number;
      sums[f] = (sums[f] as number) + x;
      squares[f] = (squares[f] as number) + x * x;
    }
  });
  const mean = Float32Array.from(sums, (sum) => sum / Math.max(1, rows));
  const factor = Float32Array.from(squares, (square, f) => {
    const variance = square / Math.max(1, rows) - ((sums[f] as number) / Math.max(1, rows)) ** 2;
    return variance > 1e-9 ? 1 / Math.sqrt(variance) : 1;
  });
  return { mean, factor };
}

/** In place. Rows that are not used stay zeros. */
export function applyScale({ values, width, rowsPerExample, rowCounts }: Inputs, scale: Scale): void {
  eachRow({ rowsPerExample, rowCounts, width }, (at) => scaleRow(values, at, scale));
}

export function scaleRow(values: Float32Array, at: number, { mean, factor }: Scale): void {
  for (let f = 0; f < mean.length; f++) {
    values[at + f] = ((values[at + f] as number) - (mean[f] as number)) * (factor[f] as number);
  }
}

function eachRow(
  { rowsPerExample, rowCounts, width }: Pick<Inputs, 'rowsPerExample' | 'rowCounts' | 'width'>,
  visit: (at: number) => void,
): void {
  for (let s = 0; s < rowCounts.length; s++) {
    for (let r = 0; r < (rowCounts[s] as number); r++) visit((s * rowsPerExample + r) * width);
  }
}

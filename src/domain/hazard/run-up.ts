/**
 * The run-up to a failure, as blocks of rows counted back from it: what a twin of rare situations learns from and is measured by.
 *
 *   block      a sixth of the horizon, in rows (the twin works in rows of the median period)
 *   level      of each sensor the mean of a block; of a block without a value that of the block before it in time
 *   residual   a row less the level of its block: noise, which is always taken from real blocks
 *   run-up     the last BLOCKS_MOST blocks: three horizons, or half a median life where lives are short
 *
 * Block 0 ends with the failure. `offset` moves all borders back by so many rows: the same unit, seen from a little earlier.
 */
import type { UnitHistory } from './unit-history.ts';

const BLOCKS_A_HORIZON = 6;
const BLOCKS_MOST = 3 * BLOCKS_A_HORIZON;
/** Fewer blocks show no run-up. */
const BLOCKS_LEAST = 3;

export interface RunUpShape {
  readonly sensors: number;
  readonly horizon: number;
  /** Time from row to row. */
  readonly period: number;
  /** Rows a block. */
  readonly block: number;
  /** Blocks of a run-up. */
  readonly blocks: number;
}

/** Undefined where the failed units are too short for the horizon, or none failed. */
export function runUpShape(units: readonly UnitHistory[], sensors: number, horizon: number): RunUpShape | undefined {
  const failed = units.filter((unit) => unit.failed && unit.times.length > 1);
  const steps = failed.flatMap(({ times }) => Array.from(times.subarray(1), (time, i) => time - (times[i] as number)));
  const period = median(steps);
  const rows = median(failed.map(({ times }) => times.length));
  if (period === undefined || rows === undefined) return undefined;
  const block = Math.max(1, Math.round(horizon / BLOCKS_A_HORIZON / period));
  const blocks = Math.min(BLOCKS_MOST, Math.floor(rows / 2 / block));
  return blocks < BLOCKS_LEAST ? undefined : { sensors, horizon, period, block, blocks };
}

/** Blocks that a unit has, counted back from `offset` rows before its end. */
export const blocksOf = ({ block }: RunUpShape, { times }: UnitHistory, offset: number): number =>
  Math.max(0, Math.floor((times.length - offset) / block));

/** The levels of all blocks, block 0 first. */
export function levelsOf(shape: RunUpShape, unit: UnitHistory, offset = 0): Float64Array {
  const { sensors, block } = shape;
  const count = blocksOf(shape, unit, offset);
  const levels = new Float64Array(count * sensors).fill(Number.NaN);
  for (let k = count - 1; k >= 0; k--) {
    const from = unit.times.length - offset - (k + 1) * block;
    for (let s = 0; s < sensors; s++) {
      let [sum, seen] = [0, 0];
      for (let i = from; i < from + block; i++) {
        const value = unit.values[i * sensors + s] as number;
        if (!Number.isFinite(value)) continue;
        sum += value;
        seen++;
      }
      levels[k * sensors + s] = seen > 0 ? sum / seen : (levels[(k + 1) * sensors + s] ?? Number.NaN);
    }
  }
  return levels;
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

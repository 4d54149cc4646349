/**
 * The models that are fitted to the whole history, now and then, away from the hot path (a worker thread, an evaluation): NLinear and
 * boosted trees, a set for all horizons. Pure: the same history and seed give the same models.
 */
import { createRng } from '../kernel/rng.ts';
import { type BoostedTrees, type BoostOptions, fitBoostedTrees, intoBuckets } from './boosted-trees.ts';
import { Ewmas, TREE_CONTEXT, TREE_WIDTH, treeFeatures } from './features.ts';
import { fitNLinear, type NLinear } from './nlinear.ts';
import { StateArena } from './state-arena.ts';

export interface BatchModels {
  readonly nlinear: NLinear | undefined;
  /** A model a horizon. */
  readonly trees: readonly BoostedTrees[];
  /** What the trees' level is counted from. */
  readonly origin: number;
}

const BOOST: BoostOptions = { trees: 80, depth: 4, rate: 0.1, leafLeast: 15, featureShare: 0.5, rowShare: 0.7 };
export const BATCH_LEAST = 2 * TREE_CONTEXT;

export function fitBatch(series: Float64Array, horizons: readonly number[], seed: number, boost: Partial<BoostOptions> = {}): BatchModels {
  const origin = series[0] ?? 0;
  return { nlinear: fitNLinear(series, horizons, TREE_CONTEXT), trees: fitTrees(series, horizons, { origin, seed, boost }), origin };
}

function fitTrees(
  series: Float64Array,
  horizons: readonly number[],
  { origin, seed, boost }: { readonly origin: number; readonly seed: number; readonly boost: Partial<BoostOptions> },
): BoostedTrees[] {
  const rows = series.length - TREE_CONTEXT;
  if (rows < 2 * Math.max(...horizons) || rows < 64) return [];
  const table = new Float32Array(rows * TREE_WIDTH);
  const row = new Float32Array(TREE_WIDTH);
  const ewmas = new Ewmas(new StateArena());
  for (let t = 0; t < series.length; t++) {
    ewmas.push(series[t] as number);
    const i = t - TREE_CONTEXT;
    if (i < 0) continue;
    treeFeatures(row, series, t, ewmas.values, origin);
    for (let f = 0; f < TREE_WIDTH; f++) table[f * rows + i] = row[f] as number;
  }
  const buckets = intoBuckets(table, rows, TREE_WIDTH);
  const rng = createRng(seed, 'boosted trees');
  return horizons.map((horizon) => {
    const target = Float32Array.from({ length: rows - horizon }, (_, i) => {
      const t = i + TREE_CONTEXT;
      return (series[t + horizon] as number) - (series[t] as number);
    });
    return fitBoostedTrees(buckets, target, rng.stream(`h${horizon}`), { ...BOOST, ...boost });
  });
}

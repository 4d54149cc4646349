/**
 * The models that are fitted to the whole history, now and then, away from the hot path (a worker thread, an evaluation): NLinear, boosted
 * trees, and trees for what NLinear leaves (a line goes on where trees end, trees bend where a line cannot), a set for all horizons. Pure: the same
 * history and seed give the same models.
 */
import { createRng } from '../kernel/rng.ts';
import { type BoostedTrees, type BoostOptions, fitBoostedTrees, intoBuckets } from './boosted-trees.ts';
import { Ewmas, TREE_CONTEXT, TREE_WIDTH, treeFeatures } from './features.ts';
import { fitNLinear, type NLinear, predictNLinear } from './nlinear.ts';
import { findRhythm } from './rhythm.ts';
import { StateArena } from './state-arena.ts';

export interface BatchModels {
  readonly nlinear: NLinear | undefined;
  /** A model a horizon. */
  readonly trees: readonly BoostedTrees[];
  /** What is to be added to NLinear, a model a horizon; none without NLinear. */
  readonly rests: readonly BoostedTrees[];
  /** What the logarithm of the size of an error is expected to be, a model a horizon. */
  readonly spreads: readonly BoostedTrees[];
  /** What the trees' level is counted from. */
  readonly origin: number;
  /** Steps after which the series does the same again, if it does. */
  readonly rhythm: number | undefined;
}

export interface FitRequest {
  /** Oldest first. */
  readonly series: Float64Array;
  readonly horizons: readonly number[];
  readonly seed: number;
}

const BOOST: BoostOptions = { trees: 50, depth: 4, rate: 0.15, leafLeast: 15, featureShare: 0.35, rowShare: 0.5 };
const SPREAD: BoostOptions = { trees: 12, depth: 3, rate: 0.3, leafLeast: 20, featureShare: 0.35, rowShare: 0.5 };

export function fitBatch({ series, horizons, seed }: FitRequest): BatchModels {
  const origin = series[0] ?? 0;
  const nlinear = fitNLinear(series, horizons, TREE_CONTEXT);
  return {
    nlinear,
    ...fitTrees(series, horizons, { origin, seed, nlinear }),
    origin,
    rhythm: findRhythm(series),
  };
}

function fitTrees(
  series: Float64Array,
  horizons: readonly number[],
  { origin, seed, nlinear }: { readonly origin: number; readonly seed: number; readonly nlinear: NLinear | undefined },
): { trees: BoostedTrees[]; rests: BoostedTrees[]; spreads: BoostedTrees[] } {
  const rows = series.length - TREE_CONTEXT;
  if (rows < 2 * Math.max(...horizons) || rows < 64) return { trees: [], rests: [], spreads: [] };
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
  const all = horizons.map((horizon, k) => {
    const target = Float32Array.from({ length: rows - horizon }, (_, i) => {
      const t = i + TREE_CONTEXT;
      return (series[t + horizon] as number) - (series[t] as number);
    });
    const { model, rest } = fitBoostedTrees(buckets, target, rng.stream(`h${horizon}`), BOOST);
    const sorted = rest.map(Math.abs).sort();
    const least = Math.max(1e-3 * (sorted[(sorted.length * 3) >> 2] as number), 1e-12);
    const sizes = rest.map((error) => Math.log(Math.abs(error) + least));
    const left = nlinear && target.map((change, i) => change - predictNLinear(nlinear, k, series, i + TREE_CONTEXT));
    return {
      trees: model,
      rests: left === undefined ? [] : [fitBoostedTrees(buckets, left, rng.stream(`r${horizon}`), BOOST).model],
      spreads: fitBoostedTrees(buckets, sizes, rng.stream(`s${horizon}`), SPREAD).model,
    };
  });
  return {
    trees: all.map(({ trees }) => trees),
    rests: all.flatMap(({ rests }) => rests),
    spreads: all.map(({ spreads }) => spreads),
  };
}

/**
 * What a network learns from: a series replayed as a forecaster would see it, a row of inputs a step, and for each horizon what came, in usual
 * changes times √h. `weights` make an error count as a share of the last value's mean error on that series, so that series of all sizes and
 * tempers count alike; where the future is not known it is 0.
 */
import { ChangeSizes } from './change-sizes.ts';
import { Ewmas, TREE_CONTEXT, TREE_WIDTH, treeFeatures } from './features.ts';
import { inputWidth, type NetworkShape, networkInputs, wideInputs } from './network.ts';
import { StateArena } from './state-arena.ts';

export interface NetworkExamples {
  readonly steps: number;
  /** Step by step. */
  readonly inputs: Float32Array;
  /** Step by step, a horizon each. */
  readonly targets: Float32Array;
  readonly weights: Float32Array;
}

const TARGET_MOST = 50;
/** Before that the measure is not steady. */
const WARM_UP = 20;

/** Nothing for a series that is too short, or on which the last value makes no error. */
export function networkExamples(
  series: Float64Array,
  { family, horizons }: Pick<NetworkShape, 'family' | 'horizons'>,
): NetworkExamples | undefined {
  const from = family === 'fnn' ? TREE_CONTEXT : WARM_UP;
  const steps = series.length - from;
  const naive = horizons.map((h) => meanChange(series, h));
  if (steps <= Math.max(...horizons) || naive.some((each) => !(each > 0))) return undefined;
  const [width, outputs] = [inputWidth(family), horizons.length];
  const inputs = new Float32Array(steps * width);
  const targets = new Float32Array(steps * outputs);
  const weights = new Float32Array(steps * outputs);
  const arena = new StateArena();
  const [ewmas, changes] = [new Ewmas(arena), new ChangeSizes(arena)];
  const treeRow = new Float32Array(TREE_WIDTH);
  for (let t = 0; t < series.length; t++) {
    const last = series[t] as number;
    const change = t === 0 ? 0 : last - (series[t - 1] as number);
    ewmas.push(last);
    if (t > 0) changes.push(t, Math.abs(change));
    const step = t - from;
    if (step < 0 || changes.now === 0) continue;
    const row = inputs.subarray(step * width, (step + 1) * width);
    const { now, general, still } = changes;
    networkInputs(row, { last, change, ewmas: ewmas.values, now, general, still });
    if (family === 'fnn') {
      treeFeatures(treeRow, series, t, ewmas.values, 0);
      wideInputs(row, treeRow, now);
    }
    for (const [k, h] of horizons.entries()) {
      if (t + h >= series.length) continue;
      const unit = now * Math.sqrt(h);
      const target = ((series[t + h] as number) - last) / unit;
      targets[step * outputs + k] = Math.max(-TARGET_MOST, Math.min(TARGET_MOST, target));
      weights[step * outputs + k] = unit / (naive[k] as number);
    }
  }
  return { steps, inputs, targets, weights };
}

function meanChange(series: Float64Array, horizon: number): number {
  let sum = 0;
  for (let t = horizon; t < series.length; t++) sum += Math.abs((series[t] as number) - (series[t - horizon] as number));
  return sum / (series.length - horizon);
}

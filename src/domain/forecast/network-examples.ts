/**
 * What a network learns from: a series replayed as a forecaster would see it, a row of inputs a step, and for each horizon what came, in usual
 * changes times √h. `weights` make an error count as a share of the last value's mean error on that series, so that series of all sizes and
 * tempers count alike; where the future is not known it is 0.
 */
import { ChangeSizes } from './change-sizes.ts';
import { Ewmas, TREE_CONTEXT, TREE_WIDTH, treeFeatures } from './features.ts';
import { inputWidth, type NetworkFamily, type NetworkShape, networkInputs, wideInputs } from './network.ts';
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
const WARM_UP = 20;

/** Nothing for a series that is too short, or on which the last value makes no error. */
export function networkExamples(
  series: Float64Array,
  { family, horizons }: Pick<NetworkShape, 'family' | 'horizons'>,
): NetworkExamples | undefined {
  const from = firstRow(family);
  const steps = series.length - from;
  const naive = horizons.map((h) => meanChange(series, h));
  if (steps <= Math.max(...horizons) || naive.some((each) => !(each > 0))) return undefined;
  const [width, outputs] = [inputWidth(family), horizons.length];
  const inputs = new Float32Array(steps * width);
  const targets = new Float32Array(steps * outputs);
  const weights = new Float32Array(steps * outputs);
  for (const { t, row, now } of networkRows(series, family)) {
    const step = t - from;
    inputs.set(row, step * width);
    for (const [k, h] of horizons.entries()) {
      if (t + h >= series.length) continue;
      const unit = now * Math.sqrt(h);
      const target = ((series[t + h] as number) - (series[t] as number)) / unit;
      targets[step * outputs + k] = Math.max(-TARGET_MOST, Math.min(TARGET_MOST, target));
      weights[step * outputs + k] = unit / (naive[k] as number);
    }
  }
  return { steps, inputs, targets, weights };
}

export interface NetworkRow {
  readonly t: number;
  /** Written over by the next. */
  readonly row: Float32Array;
  /** A usual change now. */
  readonly now: number;
}

/** A series replayed: what a network is given at each step at which it can speak. */
export function* networkRows(series: Float64Array, family: NetworkFamily): Generator<NetworkRow> {
  const arena = new StateArena();
  const [ewmas, changes] = [new Ewmas(arena), new ChangeSizes(arena)];
  const row = new Float32Array(inputWidth(family));
  const treeRow = new Float32Array(TREE_WIDTH);
  for (let t = 0; t < series.length; t++) {
    const last = series[t] as number;
    const change = t === 0 ? 0 : last - (series[t - 1] as number);
    ewmas.push(last);
    if (t > 0) changes.push(t, Math.abs(change));
    const { now, general, still } = changes;
    if (t < firstRow(family) || now === 0) continue;
    networkInputs(row, { last, change, ewmas: ewmas.values, now, general, still });
    if (family === 'fnn') {
      treeFeatures(treeRow, series, t, ewmas.values, 0);
      wideInputs(row, treeRow, now);
    }
    yield { t, row, now };
  }
}

/** Before, the measure is not steady, or the trees' context not there. */
const firstRow = (family: NetworkFamily): number => (family === 'fnn' ? TREE_CONTEXT : WARM_UP);

function meanChange(series: Float64Array, horizon: number): number {
  let sum = 0;
  for (let t = horizon; t < series.length; t++) sum += Math.abs((series[t] as number) - (series[t - horizon] as number));
  return sum / (series.length - horizon);
}

/**
 * Making probabilities mean what they say, learned from predictions about units that the model had not seen.
 *
 *   none      as they are
 *   platt     σ(a·logit p + b): two numbers, good from few failures on (Platt, 1999)
 *   isotonic  the closest non-decreasing steps (pool adjacent violators), straight lines between their middles: any shape, needs many
 *
 * Which one is chosen on units apart, by Brier score: a calibration is a model and can be fitted too closely like any other.
 */
import { fitLogistic, logit, sigmoid } from './logistic.ts';

export type Calibration =
  | { readonly kind: 'none' }
  | { readonly kind: 'platt'; readonly slope: number; readonly offset: number }
  | { readonly kind: 'isotonic'; readonly from: Float64Array; readonly to: Float64Array };

export type CalibrationKind = Calibration['kind'];

const CERTAIN = 1e-12;
const PLATT_RIDGE = 1e-3;

export function calibrated(calibration: Calibration, p: number): number {
  switch (calibration.kind) {
    case 'none':
      return p;
    case 'platt':
      return sigmoid(calibration.slope * boundedLogit(p) + calibration.offset);
    case 'isotonic':
      return between(calibration.from, calibration.to, p);
  }
}

export function fitCalibration(kind: CalibrationKind, probabilities: Float64Array, labels: Uint8Array): Calibration {
  if (kind === 'none' || probabilities.length === 0) return { kind: 'none' };
  if (kind === 'isotonic') return fitIsotonic(probabilities, labels);
  const data = { rows: probabilities.map(boundedLogit), width: 1, labels };
  const [slope, offset] = fitLogistic(data, PLATT_RIDGE, Float64Array.of(1, 0));
  // Turned round, it would order the units the wrong way: then there was nothing to learn from.
  return slope !== undefined && offset !== undefined && slope > 0 ? { kind, slope, offset } : { kind: 'none' };
}

/**
 * The kind that does best on the half of the units that it was not fitted on, then fitted on all. `groups` names the unit of each
 * prediction; rows of one unit never stand on both sides.
 */
export function chooseCalibration(probabilities: Float64Array, labels: Uint8Array, groups: Uint32Array): Calibration {
  const halves = [0, 1].map((half) => Uint32Array.from(labels.keys()).filter((i) => (groups[i] as number) % 2 === half));
  const at = (rows: Uint32Array): readonly [Float64Array, Uint8Array] => [
    Float64Array.from(rows, (i) => probabilities[i] as number),
    Uint8Array.from(rows, (i) => labels[i] as number),
  ];
  let best: { kind: CalibrationKind; loss: number } = { kind: 'none', loss: Number.POSITIVE_INFINITY };
  for (const kind of ['none', 'platt', 'isotonic'] as const) {
    let loss = 0;
    for (const [half, rows] of halves.entries()) {
      const calibration = fitCalibration(kind, ...at(halves[1 - half] as Uint32Array));
      for (const i of rows) loss += (calibrated(calibration, probabilities[i] as number) - (labels[i] as number)) ** 2;
    }
    if (loss < best.loss) best = { kind, loss };
  }
  return fitCalibration(best.kind, probabilities, labels);
}

function fitIsotonic(probabilities: Float64Array, labels: Uint8Array): Calibration {
  const order = Uint32Array.from(labels.keys()).sort(
    (a, b) => (probabilities[a] as number) - (probabilities[b] as number) || a - b,
  );
  const blocks: { from: number; to: number; count: number }[] = [];
  for (const i of order) {
    let block = { from: probabilities[i] as number, to: labels[i] as number, count: 1 };
    for (let last = blocks.at(-1); last !== undefined && last.to >= block.to; last = blocks.at(-1)) {
      blocks.pop();
      const count = last.count + block.count;
      const mean = (a: number, b: number): number => (a * (last?.count ?? 0) + b * block.count) / count;
      block = { from: mean(last.from, block.from), to: mean(last.to, block.to), count };
    }
    blocks.push(block);
  }
  return {
    kind: 'isotonic',
    from: Float64Array.from(blocks, ({ from }) => from),
    to: Float64Array.from(blocks, ({ to }) => to),
  };
}

/** `xs` ascending; flat beyond its ends. */
function between(xs: Float64Array, ys: Float64Array, x: number): number {
  let [low, high] = [0, xs.length - 1];
  if (x <= (xs[low] as number)) return ys[low] as number;
  if (x >= (xs[high] as number)) return ys[high] as number;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((xs[middle] as number) <= x) low = middle;
    else high = middle;
  }
  const [x0, x1] = [xs[low] as number, xs[high] as number];
  const [y0, y1] = [ys[low] as number, ys[high] as number];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

const boundedLogit = (p: number): number => logit(Math.max(CERTAIN, Math.min(1 - CERTAIN, p)));

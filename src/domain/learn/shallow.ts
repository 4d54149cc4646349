/**
 * The plain learners that a network must beat to be worth its trouble: naive Bayes and the k nearest neighbours. (Logistic regression
 * is a network without hidden layers; the forest has a file of its own.) All read one scaled row a set.
 */

/** Gaussian naive Bayes: each feature normal within a class and independent of the others. */
export interface Bayes {
  /** Class 0, then class 1: mean and variance of each feature. */
  readonly means: Float32Array;
  readonly variances: Float32Array;
  /** ln(share of class 1 / share of class 0) */
  readonly prior: number;
}

const VARIANCE_LEAST = 1e-3;

export function trainBayes(rows: Float32Array, labels: Uint8Array, width: number): Bayes {
  const means = new Float32Array(2 * width);
  const variances = new Float32Array(2 * width).fill(1);
  const counts: [number, number] = [0, 0];
  for (const kind of [0, 1] as const) {
    const examples = [...labels.keys()].filter((i) => labels[i] === kind);
    counts[kind] = examples.length;
    for (let f = 0; f < width && examples.length > 0; f++) {
      let [sum, squares] = [0, 0];
      for (const i of examples) {
        const x = rows[i * width + f] as number;
        sum += x;
        squares += x * x;
      }
      const mean = sum / examples.length;
      means[kind * width + f] = mean;
      variances[kind * width + f] = Math.max(VARIANCE_LEAST, squares / examples.length - mean * mean);
    }
  }
  return { means, variances, prior: Math.log((counts[1] + 1) / (counts[0] + 1)) };
}

/** Log-odds of a schedulable set. */
export function askBayes({ means, variances, prior }: Bayes, row: Float32Array, at: number): number {
  const width = means.length / 2;
  let odds = prior;
  for (let f = 0; f < width; f++) {
    const x = row[at + f] as number;
    const [v0, v1] = [variances[f] as number, variances[width + f] as number];
    const [d0, d1] = [x - (means[f] as number), x - (means[width + f] as number)];
    odds += (d0 * d0) / v0 / 2 - (d1 * d1) / v1 / 2 + Math.log(v0 / v1) / 2;
  }
  return odds;
}

/** The share of schedulable sets among the k nearest of those kept. */
export interface Neighbours {
  readonly k: number;
  readonly rows: Float32Array;
  readonly labels: Uint8Array;
}

export function askNeighbours({ k, rows, labels }: Neighbours, row: Float32Array, at: number): number {
  const count = labels.length;
  const width = rows.length / Math.max(1, count);
  const near = new Float64Array(k).fill(Number.POSITIVE_INFINITY);
  const found = new Uint8Array(k);
  for (let i = 0; i < count; i++) {
    const farthest = near[k - 1] as number;
    let distance = 0;
    for (let f = 0; f < width && distance < farthest; f++) {
      const d = (rows[i * width + f] as number) - (row[at + f] as number);
      distance += d * d;
    }
    if (distance >= farthest) continue;
    let place = k - 1;
    for (; place > 0 && (near[place - 1] as number) > distance; place--) {
      near[place] = near[place - 1] as number;
      found[place] = found[place - 1] as number;
    }
    near[place] = distance;
    found[place] = labels[i] as number;
  }
  const neighbours = Math.min(k, count);
  let good = 0;
  for (let n = 0; n < neighbours; n++) good += found[n] as number;
  return neighbours === 0 ? 0 : good / neighbours;
}

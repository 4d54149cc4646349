/**
 * A random forest: trees that each learn from a sample drawn with replacement, look at a few features at each split, and vote with the share
 * of schedulable examples in their leaf (Breiman, Machine Learning 45, 2001). The tree ensemble that networks are measured against.
 *
 * Features are first sorted into BINS buckets with about equally many examples each; splits are between buckets, so that finding one is
 * counting. A tree is four columns: `feature` (−1: a leaf), `threshold` (x ≤ goes left), `left` (right is the next), `value`. Children
 * stand behind their parent, which is also what makes a forest from a file safe to walk.
 */
import type { Rng } from '../kernel/rng.ts';

export interface Forest {
  /** Where each tree begins. */
  readonly roots: Uint32Array;
  readonly feature: Int16Array;
  readonly threshold: Float32Array;
  readonly left: Uint32Array;
  readonly value: Float32Array;
}

export interface ForestOptions {
  readonly trees: number;
  readonly depthMost: number;
  /** Examples of a leaf. */
  readonly leafLeast: number;
  readonly onTree?: (tree: number) => void;
}

const BINS = 64;

interface Columns {
  readonly count: number;
  readonly width: number;
  readonly labels: Uint8Array;
  /** Feature by feature: the bucket of each example. */
  readonly buckets: Uint8Array;
  /** Feature by feature, the largest value of each bucket. */
  readonly edges: Float32Array;
}

/** `rows` are `labels.length` rows of `width` numbers. */
export function trainForest(rows: Float32Array, labels: Uint8Array, width: number, rng: Rng, options: ForestOptions): Forest {
  const columns = intoBuckets(rows, labels, width);
  const nodes: Nodes = { feature: [], threshold: [], left: [], value: [] };
  const roots: number[] = [];
  for (let tree = 0; tree < options.trees; tree++) {
    roots.push(nodes.feature.length);
    growTree(columns, nodes, rng.stream(`tree ${tree}`), options);
    options.onTree?.(tree + 1);
  }
  return {
    roots: Uint32Array.from(roots),
    feature: Int16Array.from(nodes.feature),
    threshold: Float32Array.from(nodes.threshold),
    left: Uint32Array.from(nodes.left),
    value: Float32Array.from(nodes.value),
  };
}

/** Mean share of schedulable examples in the leaves. */
export function askForest({ roots, feature, threshold, left, value }: Forest, row: Float32Array, at: number): number {
  let sum = 0;
  for (let tree = 0; tree < roots.length; tree++) {
    let node = roots[tree] as number;
    for (let f = feature[node] as number; f >= 0; f = feature[node] as number) {
      node = (left[node] as number) + ((row[at + f] as number) <= (threshold[node] as number) ? 0 : 1);
    }
    sum += value[node] as number;
  }
  return sum / Math.max(1, roots.length);
}

interface Nodes {
  readonly feature: number[];
  readonly threshold: number[];
  readonly left: number[];
  readonly value: number[];
}

function growTree(columns: Columns, nodes: Nodes, rng: Rng, { depthMost, leafLeast }: ForestOptions): void {
  const sample = Uint32Array.from({ length: columns.count }, () => rng.below(columns.count));
  const add = (): number => {
    for (const column of [nodes.threshold, nodes.left, nodes.value]) column.push(0);
    return nodes.feature.push(-1) - 1;
  };
  const open = [{ node: add(), from: 0, to: sample.length, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, from, to, depth } = next;
    let good = 0;
    for (let i = from; i < to; i++) good += columns.labels[sample[i] as number] as number;
    nodes.value[node] = to === from ? 0 : good / (to - from);
    if (depth === depthMost || good === 0 || good === to - from || to - from < 2 * leafLeast) continue;
    const split = bestSplit(columns, sample, { from, to, good, leafLeast }, rng);
    if (split === undefined) continue;
    const middle = partition(columns, sample, { from, to }, split);
    nodes.feature[node] = split.feature;
    nodes.threshold[node] = columns.edges[split.feature * BINS + split.bucket] as number;
    const left = add();
    const right = add();
    nodes.left[node] = left;
    open.push({ node: right, from: middle, to, depth: depth + 1 }, { node: left, from, to: middle, depth: depth + 1 });
  }
}

interface Split {
  readonly feature: number;
  /** The last bucket that goes left. */
  readonly bucket: number;
}

/** By Gini impurity, among √width features drawn for this node. */
function bestSplit(
  { count, width, labels, buckets }: Columns,
  sample: Uint32Array,
  {
    from,
    to,
    good,
    leafLeast,
  }: { readonly from: number; readonly to: number; readonly good: number; readonly leafLeast: number },
  rng: Rng,
): Split | undefined {
  const all = new Uint32Array(BINS);
  const goods = new Uint32Array(BINS);
  let best: Split | undefined;
  let bestScore = (good * good + (to - from - good) ** 2) / (to - from) + 1e-9;
  for (let tried = Math.max(1, Math.round(Math.sqrt(width))); tried > 0; tried--) {
    const feature = rng.below(width);
    all.fill(0);
    goods.fill(0);
    for (let i = from; i < to; i++) {
      const example = sample[i] as number;
      const bucket = buckets[feature * count + example] as number;
      all[bucket] = (all[bucket] as number) + 1;
      goods[bucket] = (goods[bucket] as number) + (labels[example] as number);
    }
    let [n, p] = [0, 0];
    for (let bucket = 0; bucket < BINS - 1; bucket++) {
      n += all[bucket] as number;
      p += goods[bucket] as number;
      const m = to - from - n;
      if (n < leafLeast || all[bucket] === 0) continue;
      if (m < leafLeast) break;
      const score = (p * p + (n - p) ** 2) / n + ((good - p) ** 2 + (m - good + p) ** 2) / m;
      if (score <= bestScore) continue;
      bestScore = score;
      best = { feature, bucket };
    }
  }
  return best;
}

function partition(
  { count, buckets }: Columns,
  sample: Uint32Array,
  { from, to }: { readonly from: number; readonly to: number },
  { feature, bucket }: Split,
): number {
  let [i, j] = [from, to];
  while (i < j) {
    const example = sample[i] as number;
    if ((buckets[feature * count + example] as number) <= bucket) i++;
    else {
      sample[i] = sample[--j] as number;
      sample[j] = example;
    }
  }
  return i;
}

function intoBuckets(rows: Float32Array, labels: Uint8Array, width: number): Columns {
  const count = labels.length;
  const buckets = new Uint8Array(count * width);
  const edges = new Float32Array(width * BINS);
  const sorted = new Float32Array(count);
  for (let f = 0; f < width; f++) {
    for (let i = 0; i < count; i++) sorted[i] = rows[i * width + f] as number;
    sorted.sort();
    for (let b = 0; b < BINS; b++) {
      edges[f * BINS + b] = sorted[Math.min(count - 1, Math.ceil(((b + 1) * count) / BINS) - 1)] as number;
    }
    for (let i = 0; i < count; i++) {
      const x = rows[i * width + f] as number;
      let [low, high] = [0, BINS - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (x <= (edges[f * BINS + middle] as number)) high = middle;
        else low = middle + 1;
      }
      buckets[f * count + i] = low;
    }
  }
  return { count, width, labels, buckets, edges };
}

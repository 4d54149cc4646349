/**
 * Gradient-boosted regression trees for the absolute error: each tree follows the signs of what is still wrong, its leaves hold the medians
 * of what is still wrong there, and a share of them is added. (src/domain/learn/forest.ts votes on labels; this one measures.)
 *
 * Features are sorted into at most BINS buckets of about equally many examples; a split is between buckets, found by counting. Trees are
 * complete, `depth` levels of inner nodes in heap order (children of i are 2i + 1 and 2i + 2), so that walking one is arithmetic; an
 * inner node that does not split has the highest threshold and sends everything left.
 *
 * Asked hundreds of times a step, a walk must not guess: numbers are turned into whole ones of the same order (codes), and the sign of a difference is
 * the way down: comparisons of floats would be foreseen wrongly half of the time. Powers of two are shifts, for `2 **` gives the compiler a float
 * and makes every index after it one (seven times as slow).
 *
 * Source: Friedman, Annals of Statistics 29(5), 2001 (LAD boosting); histograms as in LightGBM and scikit-learn.
 * Cost:   trees · depth · rows · features · featureShare additions to fit (background); trees · depth comparisons to ask.
 */
import { assert } from '../kernel/assert.ts';
import type { Rng } from '../kernel/rng.ts';

export interface BoostedTrees {
  readonly trees: number;
  readonly depth: number;
  readonly base: number;
  /** Tree by tree, 2^depth − 1 inner nodes. */
  readonly feature: Uint8Array;
  /** As codes (intoCodes). */
  readonly threshold: Int32Array;
  /** Tree by tree, 2^depth leaves. */
  readonly value: Float32Array;
}

export interface BoostOptions {
  readonly trees: number;
  readonly depth: number;
  /** How much of each tree is added. */
  readonly rate: number;
  readonly leafLeast: number;
  readonly featureShare: number;
  readonly rowShare: number;
}

const BINS = 32;
/** Levels of a tree, at least: as many are written out where it is asked. */
const LEVELS_LEAST = 3;

/** Rows in buckets; made once, used for every horizon. */
export interface Buckets {
  readonly rows: number;
  readonly width: number;
  /** Feature by feature. */
  readonly bucket: Uint8Array;
  /** Feature by feature, the largest value of each bucket. */
  readonly edge: Float32Array;
}

/** `table` is feature by feature, `rows` numbers each. */
export function intoBuckets(table: Float32Array, rows: number, width: number): Buckets {
  const bucket = new Uint8Array(rows * width);
  const edge = new Float32Array(width * BINS);
  for (let f = 0; f < width; f++) {
    const column = table.subarray(f * rows, (f + 1) * rows);
    const sorted = column.slice().sort();
    for (let b = 0; b < BINS; b++)
      edge[f * BINS + b] = sorted[Math.min(rows - 1, Math.ceil(((b + 1) * rows) / BINS) - 1)] as number;
    for (let i = 0; i < rows; i++) {
      const x = column[i] as number;
      let [low, high] = [0, BINS - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (x <= (edge[f * BINS + middle] as number)) high = middle;
        else low = middle + 1;
      }
      bucket[f * rows + i] = low;
    }
  }
  return { rows, width, bucket, edge };
}

/** `target` may be shorter than the rows: the last ones have none yet. `rest` is what the model leaves of it. */
export function fitBoostedTrees(
  buckets: Buckets,
  target: Float32Array,
  rng: Rng,
  options: BoostOptions,
): { readonly model: BoostedTrees; readonly rest: Float32Array } {
  const { trees, depth, rate, rowShare } = options;
  const inner = (1 << depth) - 1;
  const leaves = inner + 1;
  const count = target.length;
  assert(depth >= LEVELS_LEAST, 'trees are deep enough to be asked as they are');
  assert(count <= ROWS_MOST, 'the history that trees are fitted to is bounded');
  const model: BoostedTrees = {
    trees,
    depth,
    base: medianOf(target.slice(), 0, count),
    feature: new Uint8Array(trees * inner),
    threshold: new Int32Array(trees * inner).fill(CODE_MOST),
    value: new Float32Array(trees * leaves),
  };
  const rest = target.map((value) => value - model.base);
  const node = new Uint8Array(count);
  const room = new Float32Array(count);
  const sampled = new Uint32Array(count);
  const ends = new Uint32Array(leaves + 1);
  const signs = new Int32Array(count);
  const edges = new Int32Array(buckets.edge.length);
  intoCodes(buckets.edge, edges);
  const finder = new SplitFinder(buckets, options);
  for (let tree = 0; tree < trees; tree++) {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      if (rowShare < 1 && rng.unit() >= rowShare) continue;
      signs[taken] = ONE + Math.sign(rest[i] as number);
      sampled[taken++] = i;
    }
    node.fill(0);
    const features = chooseFeatures(buckets.width, options.featureShare, rng);
    for (let level = 0; level < depth; level++) {
      const first = (1 << level) - 1;
      const splits = finder.find(level, { sampled, taken, node, signs, features });
      for (let n = 0; n <= first; n++) {
        const feature = splits.feature[n] as number;
        if (feature < 0) continue;
        model.feature[tree * inner + first + n] = feature;
        model.threshold[tree * inner + first + n] = edges[feature * BINS + (splits.bucket[n] as number)] as number;
      }
      for (let i = 0; i < count; i++) {
        const n = node[i] as number;
        const feature = splits.feature[n] as number;
        const right = feature >= 0 && (buckets.bucket[feature * buckets.rows + i] as number) > (splits.bucket[n] as number);
        node[i] = 2 * n + (right ? 1 : 0);
      }
    }
    // Rest by leaf, side by side, for the medians.
    ends.fill(0);
    for (let i = 0; i < count; i++) ends[(node[i] as number) + 1] = (ends[(node[i] as number) + 1] as number) + 1;
    for (let leaf = 0; leaf < leaves; leaf++) ends[leaf + 1] = (ends[leaf + 1] as number) + (ends[leaf] as number);
    const next = ends.slice(0, leaves);
    for (let i = 0; i < count; i++) {
      const leaf = node[i] as number;
      const at = next[leaf] as number;
      room[at] = rest[i] as number;
      next[leaf] = at + 1;
    }
    for (let leaf = 0; leaf < leaves; leaf++) {
      const [from, to] = [ends[leaf] as number, ends[leaf + 1] as number];
      model.value[tree * leaves + leaf] = from === to ? 0 : rate * medianOf(room, from, to);
    }
    for (let i = 0; i < count; i++)
      rest[i] = (rest[i] as number) - (model.value[tree * leaves + (node[i] as number)] as number);
  }
  return { model, rest };
}

/**
 * `codes` are those of the row's features. Two trees at a time, three levels written out: a walk is a chain of loads that wait for each other, and two
 * chains wait at the same time.
 */
export function askBoostedTrees({ trees, depth, base, feature, threshold, value }: BoostedTrees, codes: Int32Array): number {
  const inner = (1 << depth) - 1;
  const deeper = depth - LEVELS_LEAST;
  let sum = base;
  let at = 0;
  for (let tree = 0; tree < trees; tree += 2, at += 2 * inner) {
    // An odd one at the end is walked twice and added once.
    const both = tree + 1 < trees;
    const next = both ? at + inner : at;
    let here = at;
    let there = next;
    let node = 1 + (((threshold[here] as number) - (codes[feature[here] as number] as number)) >>> 31);
    let twin = 1 + (((threshold[there] as number) - (codes[feature[there] as number] as number)) >>> 31);
    here = at + node;
    there = next + twin;
    node = 2 * node + 1 + (((threshold[here] as number) - (codes[feature[here] as number] as number)) >>> 31);
    twin = 2 * twin + 1 + (((threshold[there] as number) - (codes[feature[there] as number] as number)) >>> 31);
    here = at + node;
    there = next + twin;
    node = 2 * node + 1 + (((threshold[here] as number) - (codes[feature[here] as number] as number)) >>> 31);
    twin = 2 * twin + 1 + (((threshold[there] as number) - (codes[feature[there] as number] as number)) >>> 31);
    for (let level = 0; level < deeper; level++) {
      here = at + node;
      there = next + twin;
      node = 2 * node + 1 + (((threshold[here] as number) - (codes[feature[here] as number] as number)) >>> 31);
      twin = 2 * twin + 1 + (((threshold[there] as number) - (codes[feature[there] as number] as number)) >>> 31);
    }
    sum += value[at + tree + node - inner] as number;
    if (both) sum += value[next + tree + 1 + twin - inner] as number;
  }
  return sum;
}

/** The code of +∞: no number's is higher. */
const CODE_MOST = 0x7f80_0000 >> 1;

/**
 * Whole numbers in the order of `row`'s: its bits, the negative ones' turned around, without the last so that any two differ by less than 2³¹.
 * Numbers that differ in their last bit alone have one code.
 */
export function intoCodes(row: Float32Array, codes: Int32Array): void {
  const bits = new Int32Array(row.buffer, row.byteOffset, row.length);
  for (let f = 0; f < row.length; f++) {
    const each = bits[f] as number;
    codes[f] = (each ^ ((each >> 31) & 0x7fff_ffff)) >> 1;
  }
}

function chooseFeatures(width: number, share: number, rng: Rng): Uint8Array {
  const all = Uint8Array.from({ length: width }, (_, f) => f);
  const count = Math.max(1, Math.round(width * share));
  for (let i = 0; i < count; i++) {
    const j = i + rng.below(width - i);
    const swapped = all[i] as number;
    all[i] = all[j] as number;
    all[j] = swapped;
  }
  return all.subarray(0, count);
}

interface LevelRows {
  readonly sampled: Uint32Array;
  readonly taken: number;
  /** Which node of the level each row is in. */
  readonly node: Uint8Array;
  /** ONE and the sign of what is wrong with it, a sampled row each. */
  readonly signs: Int32Array;
  readonly features: Uint8Array;
}

/** A count in the upper half of a number, a sum of signs in the lower: one addition a row and feature instead of two. */
const ONE = 65_536;
const HALF = 32_768;
/** More could run over. */
const ROWS_MOST = 32_000;

class SplitFinder {
  readonly feature: Int16Array;
  readonly bucket: Uint8Array;
  readonly #buckets: Buckets;
  readonly #leafLeast: number;
  readonly #cells: Int32Array;
  readonly #score: Float64Array;
  readonly #base: Int32Array;

  constructor(buckets: Buckets, { depth, leafLeast }: BoostOptions) {
    const nodes = 1 << (depth - 1);
    this.#buckets = buckets;
    this.#leafLeast = leafLeast;
    this.feature = new Int16Array(nodes);
    this.bucket = new Uint8Array(nodes);
    this.#cells = new Int32Array(nodes * BINS);
    this.#score = new Float64Array(nodes);
    this.#base = new Int32Array(buckets.rows);
  }

  /** The best split of each node of a level, by the sum of squared gradient sums over counts; feature −1 where none helps. */
  find(
    level: number,
    { sampled, taken, node, signs, features }: LevelRows,
  ): { readonly feature: Int16Array; readonly bucket: Uint8Array } {
    const nodes = 1 << level;
    const [cells, base] = [this.#cells, this.#base];
    const { bucket, rows } = this.#buckets;
    this.feature.fill(-1);
    this.#score.fill(Number.NaN);
    for (let s = 0; s < taken; s++) base[s] = (node[sampled[s] as number] as number) * BINS;
    for (const f of features) {
      cells.fill(0, 0, nodes * BINS);
      const column = f * rows;
      for (let s = 0; s < taken; s++) {
        const cell = (base[s] as number) + (bucket[column + (sampled[s] as number)] as number);
        cells[cell] = (cells[cell] as number) + (signs[s] as number);
      }
      for (let n = 0; n < nodes; n++) this.#bestOf(f, n);
    }
    return this;
  }

  #bestOf(f: number, n: number): void {
    const [cells, score] = [this.#cells, this.#score];
    const from = n * BINS;
    let [count, sign] = [0, 0];
    for (let b = 0; b < BINS; b++) {
      const cell = cells[from + b] as number;
      const inCell = (cell + HALF) >> 16;
      count += inCell;
      sign += cell - inCell * ONE;
    }
    if (count < 2 * this.#leafLeast) return;
    // The node's own score is what a split has to beat.
    if (Number.isNaN(score[n])) score[n] = (sign * sign) / count + 1e-9;
    let [left, leftSign] = [0, 0];
    for (let b = 0; b < BINS - 1; b++) {
      const cell = cells[from + b] as number;
      const inCell = (cell + HALF) >> 16;
      left += inCell;
      leftSign += cell - inCell * ONE;
      if (left < this.#leafLeast || inCell === 0) continue;
      const right = count - left;
      if (right < this.#leafLeast) break;
      const rightSign = sign - leftSign;
      const gain = (leftSign * leftSign) / left + (rightSign * rightSign) / right;
      if (gain <= (score[n] as number)) continue;
      score[n] = gain;
      this.feature[n] = f;
      this.bucket[n] = b;
    }
  }
}

/** The lower median of `values[from, to)`, by Hoare's selection; their order changes. */
function medianOf(values: Float32Array, from: number, to: number): number {
  const wanted = from + ((to - from - 1) >> 1);
  let [low, high] = [from, to - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1] as number;
    let [i, j] = [low, high];
    while (i <= j) {
      while ((values[i] as number) < pivot) i++;
      while ((values[j] as number) > pivot) j--;
      if (i > j) break;
      const swapped = values[i] as number;
      values[i++] = values[j] as number;
      values[j--] = swapped;
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return values[wanted] as number;
}

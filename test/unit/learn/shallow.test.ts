import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { askForest, trainForest } from '../../../src/domain/learn/forest.ts';
import { askBayes, askNeighbours, trainBayes } from '../../../src/domain/learn/shallow.ts';

/** Inside a ring or not: nothing that a straight line could tell. */
function ring(seed: number, count: number): { readonly rows: Float32Array; readonly labels: Uint8Array } {
  const rng = createRng(seed);
  const rows = Float32Array.from({ length: 2 * count }, () => 2 * rng.unit() - 1);
  const labels = Uint8Array.from({ length: count }, (_, i) =>
    (rows[2 * i] as number) ** 2 + (rows[2 * i + 1] as number) ** 2 < 0.5 ? 1 : 0,
  );
  return { rows, labels };
}

const [train, test] = [ring(1, 2_000), ring(2, 1_000)];
const accuracy = (yes: (at: number) => boolean): number =>
  [...test.labels].filter((label, i) => yes(2 * i) === (label === 1)).length / test.labels.length;

describe('a random forest', () => {
  const options = { trees: 15, depthMost: 10, leafLeast: 3 };
  it('learns a ring', () => {
    const forest = trainForest(train.rows, train.labels, 2, createRng(1), options);
    expect(accuracy((at) => askForest(forest, test.rows, at) > 0.5)).toBeGreaterThan(0.94);
  });

  it('is the same for the same seed, and has children behind their parents', () => {
    const forest = trainForest(train.rows, train.labels, 2, createRng(1), options);
    expect(trainForest(train.rows, train.labels, 2, createRng(1), options)).toEqual(forest);
    for (const [node, feature] of forest.feature.entries())
      if (feature >= 0) expect(forest.left[node] as number).toBeGreaterThan(node);
  });

  it('of one class says that class', () => {
    const forest = trainForest(train.rows, new Uint8Array(2_000).fill(1), 2, createRng(1), options);
    expect(askForest(forest, test.rows, 0)).toBe(1);
  });
});

describe('the plain learners', () => {
  it('Bayes learns a ring: its classes differ in spread', () => {
    const bayes = trainBayes(train.rows, train.labels, 2);
    expect(accuracy((at) => askBayes(bayes, test.rows, at) > 0)).toBeGreaterThan(0.85);
  });

  it('neighbours learn a ring; one neighbour of a known example is itself', () => {
    expect(accuracy((at) => askNeighbours({ k: 9, ...train }, test.rows, at) > 0.5)).toBeGreaterThan(0.95);
    for (let i = 0; i < 50; i++) expect(askNeighbours({ k: 1, ...train }, train.rows, 2 * i)).toBe(train.labels[i]);
  });
});

import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { type Architecture, initialParameters } from '../../../src/domain/learn/architecture.ts';
import { createNetwork } from '../../../src/domain/learn/network.ts';
import { createDescent, OnlineLearner } from '../../../src/domain/learn/online.ts';

const architecture: Architecture = { family: 'fnn', inputs: 5, widths: [7, 6], outputs: 1 };
const input = Float32Array.of(0.3, -1.2, 0.8, 0, 2);

describe('descent on typed arrays', () => {
  it('goes against the gradient that differences of the loss show', () => {
    for (const label of [0, 1]) {
      const parameters = initialParameters(architecture, createRng(5));
      const lossAt = (at: number, shift: number): number => {
        const shifted = Float64Array.from(parameters);
        shifted[at] = (shifted[at] as number) + shift;
        // In doubles: single precision would drown the difference.
        const z = createNetwork(architecture, shifted as unknown as Float32Array, 1).run(input, 0, 1)[0] as number;
        return Math.log1p(Math.exp(z)) - label * z;
      };
      const stepped = Float64Array.from(parameters);
      const rate = 1e-3;
      createDescent(architecture, stepped as unknown as Float32Array).step(input, 0, label, rate);
      let moved = 0;
      for (const [at, before] of parameters.entries()) {
        const gradient = (before - (stepped[at] as number)) / rate;
        expect(gradient).toBeCloseTo((lossAt(at, 1e-5) - lossAt(at, -1e-5)) / 2e-5, 5);
        if (gradient !== 0) moved++;
      }
      expect(moved).toBeGreaterThan(20);
    }
  });

  it('gives the loss before the step', () => {
    const parameters = initialParameters(architecture, createRng(6));
    const z = createNetwork(architecture, parameters, 1).run(input, 0, 1)[0] as number;
    expect(createDescent(architecture, parameters.slice()).step(input, 0, 1, 0.01)).toBeCloseTo(Math.log1p(Math.exp(-z)), 6);
  });
});

describe('learning online', () => {
  const rowOf = (rng: ReturnType<typeof createRng>): Float32Array => Float32Array.from({ length: 5 }, () => 2 * rng.unit() - 1);
  const truth = (row: Float32Array): number => ((row[0] as number) + (row[1] as number) * 2 - (row[2] as number) > 0 ? 1 : 0);
  const start = initialParameters(architecture, createRng(1));

  function learnerAfter(examples: number, label: (row: Float32Array) => number, seed = 1): OnlineLearner {
    const learner = new OnlineLearner(architecture, start, createRng(seed, 'kept'), { keep: 64, replays: 4, rate: 0.02 });
    const rng = createRng(seed, 'stream');
    for (let k = 0; k < examples; k++) {
      const row = rowOf(rng);
      learner.learn(row, 0, label(row));
    }
    return learner;
  }

  function accuracyOf(parameters: Float32Array, label: (row: Float32Array) => number): number {
    const network = createNetwork(architecture, parameters, 1);
    const rng = createRng(99, 'test');
    const right = Array.from({ length: 500 }, () => rowOf(rng)).filter(
      (row) => (network.run(row, 0, 1)[0] as number) > 0 === (label(row) === 1),
    );
    return right.length / 500;
  }

  it('learns what the stream shows, and leaves the parameters it began with alone', () => {
    const before = start.slice();
    expect(accuracyOf(learnerAfter(3_000, truth).parameters, truth)).toBeGreaterThan(0.93);
    expect(start).toEqual(before);
  });

  it('holds as much after many examples as before the first', () => {
    const bytes = learnerAfter(0, truth).stateBytes;
    expect(learnerAfter(1_000, truth).stateBytes).toBe(bytes);
    expect(bytes).toBeLessThan(8_192);
  });

  it('is the same for the same seed, to the last bit', () => {
    expect(learnerAfter(300, truth).parameters).toEqual(learnerAfter(300, truth).parameters);
    expect(learnerAfter(300, truth, 2).parameters).not.toEqual(learnerAfter(300, truth).parameters);
  });

  it('survives examples that are absurd', () => {
    const learner = learnerAfter(100, truth);
    for (let k = 0; k < 50; k++) learner.learn(Float32Array.of(1e4, -1e4, 1e4, 1e4, -1e4), 0, k % 2);
    expect(learner.parameters.every((value) => Number.isFinite(value))).toBe(true);
  });
});

/** Small networks by hand: what each family computes. Against TensorFlow they are held in test/integration/learn-tensorflow.test.ts. */
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import {
  type Architecture,
  FAMILIES,
  initialParameters,
  parameterCount,
  parameterShapes,
} from '../../../src/domain/learn/architecture.ts';
import { createNetwork } from '../../../src/domain/learn/network.ts';

const run = (architecture: Architecture, parameters: readonly number[], input: readonly number[], tasks: number): number =>
  createNetwork(architecture, Float32Array.from(parameters), 8).run(Float32Array.from(input), 0, tasks)[0] as number;

describe('by hand', () => {
  it('fnn: a unit below zero is silent', () => {
    // Hidden: 2·1 − 1·3 + 0.5 = −0.5 → 0, and 1·1 + 1·3 + 0 = 4; out: 10·0 + 2·4 + 1.
    expect(run({ family: 'fnn', inputs: 2, widths: [2], outputs: 1 }, [2, 1, -1, 1, 0.5, 0, 10, 2, 1], [1, 3], 1)).toBeCloseTo(
      9,
      6,
    );
  });

  it('cnn: a task sees its neighbours, and nothing beyond the set', () => {
    // Kernel 1, 10, 100 for before, itself, after: 1+0 → 10·1+100·2 = 210; 1·1+10·2 = 21. Largest 210, mean 115.5.
    expect(run({ family: 'cnn', inputs: 1, widths: [1], outputs: 1 }, [1, 10, 100, 0, 1, 1, 0], [1, 2], 2)).toBeCloseTo(
      325.5,
      5,
    );
    expect(run({ family: 'cnn', inputs: 1, widths: [1], outputs: 1 }, [1, 10, 100, 0, 1, 1, 0], [1, 2, 50, 60], 2)).toBeCloseTo(
      325.5,
      5,
    );
  });

  it('snn: leaks, fires at 1, and loses 1', () => {
    // Currents of 0.6: 0.6; 0.48+0.6 = 1.08 fires → 0.08; 0.064+0.6 = 0.664; 0.5312+0.6 = 1.1312 fires. Out: 5 a spike, from 1.
    expect(run({ family: 'snn', inputs: 1, widths: [1], outputs: 1 }, [1, 0, 5, 1], [0.6, 0.6, 0.6, 0.6], 4)).toBeCloseTo(
      11,
      6,
    );
  });

  it('gru: with an open update gate the state stays 0; with a closed one it is the candidate', () => {
    const gru: Architecture = { family: 'gru', inputs: 1, widths: [1], outputs: 1 };
    // kernel (update, reset, candidate), recurrent, bias, out
    expect(run(gru, [0, 0, 1, 0, 0, 0, 50, 0, 0, 1, 0], [0.7], 1)).toBeCloseTo(0, 6);
    expect(run(gru, [0, 0, 1, 0, 0, 0, -50, 0, 0, 1, 0], [0.7], 1)).toBeCloseTo(Math.tanh(0.7), 6);
  });

  it('lstm: what is forgotten is gone', () => {
    const lstm: Architecture = { family: 'lstm', inputs: 1, widths: [1], outputs: 1 };
    const gates = (forget: number): number[] => [0, 0, 1, 0, 0, 0, 0, 0, 50, forget, 0, 50, 1, 0];
    const [first, second] = [Math.tanh(0.7), Math.tanh(0.2)];
    expect(run(lstm, gates(50), [0.7, 0.2], 2)).toBeCloseTo(Math.tanh(first + second), 6);
    expect(run(lstm, gates(-50), [0.7, 0.2], 2)).toBeCloseTo(Math.tanh(second), 6);
  });
});

describe('every family', () => {
  it.each(FAMILIES)('%s has room for each parameter once, and begins the same for the same seed', (family) => {
    const architecture: Architecture = { family, inputs: 5, widths: [4, 3], outputs: 2 };
    let at = 0;
    for (const shape of parameterShapes(architecture)) {
      expect(shape.at).toBe(at);
      at += shape.rows * shape.columns;
    }
    expect(parameterCount(architecture)).toBe(at);
    expect(initialParameters(architecture, createRng(1))).toEqual(initialParameters(architecture, createRng(1)));
  });

  it.each(FAMILIES)('%s remembers nothing of the set before', (family) => {
    const architecture: Architecture = { family, inputs: 3, widths: [4], outputs: 1 };
    const network = createNetwork(architecture, initialParameters(architecture, createRng(2)), 8);
    const [one, other] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(-5, 3, 0, 9, 9, -9)];
    const first = network.run(one, 0, 2)[0];
    network.run(other, 0, 2);
    expect(network.run(one, 0, 2)[0]).toBe(first);
  });
});

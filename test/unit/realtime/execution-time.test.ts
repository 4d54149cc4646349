/** Drawn execution times stay within bounds, come as often as they should, and distributions without sense are refused. */
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import {
  drawExecutionUs,
  type ExecutionTime,
  executionProblem,
  prepareDraw,
} from '../../../src/domain/realtime/simulation/execution-time.ts';

const WCET_US = 1000;
const DRAWS = 20_000;

function draws(execution: ExecutionTime): number[] {
  const [draw, rng] = [prepareDraw(execution, WCET_US), createRng(3)];
  return Array.from({ length: DRAWS }, () => drawExecutionUs(draw, rng));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};

describe('draws', () => {
  it.each([
    [{ kind: 'constant', us: 7 }, 7, 0],
    [{ kind: 'uniform', minUs: 100, maxUs: 300 }, 200, 58],
    [{ kind: 'triangular', minUs: 100, modeUs: 100, maxUs: 700 }, 300, 141],
    [{ kind: 'triangular', minUs: 5, modeUs: 5, maxUs: 5 }, 5, 0],
    [{ kind: 'normal', meanUs: 500, deviationUs: 50 }, 500, 50],
    [
      {
        kind: 'measured',
        values: [
          { us: 100, weight: 6 },
          { us: 200, weight: 3 },
          { us: 900, weight: 1 },
        ],
      },
      210,
      234,
    ],
  ] as const)('%j', (execution, expectedMean, expectedDeviation) => {
    const values = draws(execution);
    expect(values.every((us) => Number.isInteger(us) && us >= 1 && us <= WCET_US)).toBe(true);
    expect(Math.abs(mean(values) - expectedMean)).toBeLessThanOrEqual(4);
    expect(Math.abs(deviation(values) - expectedDeviation)).toBeLessThanOrEqual(4);
  });

  it('a wide normal distribution ends at 1 µs and at the WCET', () => {
    const values = draws({ kind: 'normal', meanUs: 900, deviationUs: 900 });
    expect([Math.min(...values), Math.max(...values)]).toEqual([1, WCET_US]);
  });

  it('measured values come as often as they weigh', () => {
    const values = draws({ kind: 'measured', values: Array.from({ length: 10 }, (_, at) => ({ us: at + 1, weight: at + 1 })) });
    for (let us = 1; us <= 10; us++)
      expect(Math.abs(values.filter((one) => one === us).length - (DRAWS * us) / 55)).toBeLessThan(200);
  });
});

describe('distributions without sense', () => {
  it.each([
    [{ kind: 'constant', us: 0 }, 'us is 0'],
    [{ kind: 'constant', us: 1001 }, 'us is 1001'],
    [{ kind: 'uniform', minUs: 5, maxUs: 4 }, 'above maxUs'],
    [{ kind: 'uniform', minUs: 1.5, maxUs: 4 }, 'minUs is 1.5'],
    [{ kind: 'triangular', minUs: 1, modeUs: 9, maxUs: 4 }, 'do not ascend'],
    [{ kind: 'normal', meanUs: 5, deviationUs: -1 }, 'deviationUs is -1'],
    [{ kind: 'normal', meanUs: 5, deviationUs: Number.NaN }, 'deviationUs is NaN'],
    [{ kind: 'measured', values: [] }, 'empty'],
    [{ kind: 'measured', values: [{ us: 1, weight: 0 }] }, 'weight is 0'],
    [{ kind: 'measured', values: Array.from({ length: 10_001 }, () => ({ us: 1, weight: 1 })) }, '10001 entries'],
  ] as const)('%j'.slice(0, 60), (execution, words) => {
    expect(executionProblem(execution as ExecutionTime, WCET_US)).toContain(words);
  });
});

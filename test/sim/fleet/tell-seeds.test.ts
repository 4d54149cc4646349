/** What is said of seeds: sums that add up, and of a failure all that is needed to see it again. */
import { beforeAll, describe, expect, test } from 'vitest';
import { judgeSeed, type SeedVerdict, shrink } from '../../../src/app/simulation/judge-seed.ts';
import { SeedsTally, tellFailure, tellSum } from '../../../src/app/simulation/tell-seeds.ts';

let good: SeedVerdict;
let bad: SeedVerdict;

beforeAll(async () => {
  good = await judgeSeed(5, { faultsUs: 200_000 });
  bad = await judgeSeed(1, { faultsUs: 200_000, plant: 'skip-marker' });
});

describe('a tally', () => {
  test('adds up what was played, and names each seed that failed with its kind', () => {
    const tally = new SeedsTally();
    for (const verdict of [good, bad]) tally.add(verdict);
    const sum = tally.sum({ first: 1, last: 5 }, 2.04);
    expect(sum).toMatchObject({ seeds: 2, violations: 1, unsettled: 0, errors: 0, wallSeconds: 2 });
    expect(sum.steps).toBe(good.outcome.steps + bad.outcome.steps);
    expect(sum.failed).toEqual([{ seed: 1, kind: 'single-writer', sentence: bad.failure?.sentence }]);
    expect(tellSum(sum)).toMatch(/2 seeds \(1\.\.5\): 1 failed: 1\n/);
  });
});

describe('a failure', () => {
  test('is shrunk to the faults that it needs: a bug that needs none is found without any', async () => {
    const shortest = await shrink(bad, { faultsUs: 200_000, plant: 'skip-marker' });
    expect(shortest.failure?.kind).toBe('single-writer');
    expect(shortest.suffered.length).toBeLessThanOrEqual(1);
  });

  test('is told with its commit, its sequence and the line to type', () => {
    const { failure } = bad;
    if (failure === undefined) throw new Error('it fails');
    const told = tellFailure({
      verdict: { ...bad, failure },
      commit: 'abc1234',
      plant: undefined,
      shortest: undefined,
      again: './drover simulate --seed 1',
    });
    expect(told).toContain('seed 1 failed at commit abc1234\n');
    expect(told).toContain(failure.sentence);
    for (const line of failure.sequence) expect(told).toContain(line);
    expect(told).toContain('again: ./drover simulate --seed 1\n');
  });
});

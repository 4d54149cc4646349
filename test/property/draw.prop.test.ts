/** Random task sets: what a drawn set promises, whatever the seed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { GROW_DEFAULTS, growSets } from '../../src/domain/realtime/draw/grow.ts';
import {
  DEADLINE_METHODS,
  type DrawSpec,
  drawTaskSet,
  PERIOD_METHODS,
  UTILISATION_METHODS,
} from '../../src/domain/realtime/draw/task-sets.ts';
import { randFixedSum, uuniFast, uuniFastDiscard } from '../../src/domain/realtime/draw/utilisations.ts';
import { responseTimesUs } from '../../src/domain/realtime/response-time.ts';

const seeds = fc.nat({ max: 2 ** 32 - 1 });
const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

describe('utilisations', () => {
  test('add up to what was asked for, within their bounds', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 20 }), fc.double({ min: 0, max: 1, noNaN: true }), (seed, count, place) => {
        const [least, most] = [0.05, 0.6];
        const total = count * (least + place * (most - least));
        const drawn = randFixedSum(createRng(seed), { count, total, least, most });
        expect(drawn).toHaveLength(count);
        expect(sumOf(drawn as Float64Array)).toBeCloseTo(total, 9);
        for (const share of drawn as Float64Array) {
          expect(share).toBeGreaterThanOrEqual(least - 1e-9);
          expect(share).toBeLessThanOrEqual(most + 1e-9);
        }
        expect(sumOf(uuniFast(createRng(seed), count, total))).toBeCloseTo(total, 9);
      }),
      // All at their upper bound: 5 × 0.6 in floating point is a little more than 3.
      { examples: [[0, 5, 1]] },
    );
  });

  test('RandFixedSum and UUniFast-Discard draw from the same distribution', () => {
    const [a, b] = [createRng(1), createRng(2)];
    const moments = (draw: () => Float64Array | undefined): readonly number[] => {
      const sums = [0, 0, 0];
      for (let k = 0; k < 20_000; k++) {
        const first = draw()?.[0] ?? Number.NaN;
        for (let power = 0; power < 3; power++) sums[power] = (sums[power] as number) + first ** (power + 1) / 20_000;
      }
      return sums;
    };
    const bounds = { count: 4, total: 1.7 };
    const discarded = moments(() => uuniFastDiscard(b, bounds));
    for (const [power, moment] of moments(() => randFixedSum(a, bounds)).entries()) {
      expect(Math.abs(moment - (discarded[power] as number))).toBeLessThan(0.01);
    }
  });

  test('that no draw can reach are refused', () => {
    expect(uuniFastDiscard(createRng(1), { count: 2, total: 2.1 })).toBeUndefined();
    expect(randFixedSum(createRng(1), { count: 2, total: 2.1 })).toBeUndefined();
    expect(randFixedSum(createRng(1), { count: 3, total: 0.1, least: 0.05 })).toBeUndefined();
  });
});

describe('task sets', () => {
  const specs: fc.Arbitrary<DrawSpec> = fc.record({
    tasks: fc.constant({ least: 3, most: 20 }),
    utilisation: fc.constant({ least: 0.2, most: 1 }),
    utilisations: fc.constantFrom(...UTILISATION_METHODS),
    periods: fc.constantFrom(...PERIOD_METHODS),
    periodUs: fc.constant({ least: 1_000, most: 1_000_000 }),
    deadlines: fc.constantFrom(...DEADLINE_METHODS),
  });

  test('are whole numbers in deadline-monotonic order, and the same for the same seed', () => {
    fc.assert(
      fc.property(specs, seeds, (spec, seed) => {
        const set = drawTaskSet(createRng(seed), spec) ?? [];
        expect(set.length).toBeGreaterThanOrEqual(3);
        expect(drawTaskSet(createRng(seed), spec)).toEqual(set);
        for (const [i, { wcetUs, periodUs, deadlineUs, priority }] of set.entries()) {
          expect([wcetUs, periodUs, deadlineUs].every((time) => Number.isSafeInteger(time) && time > 0)).toBe(true);
          expect(deadlineUs).toBeGreaterThanOrEqual(wcetUs);
          if (spec.deadlines !== 'arbitrary') expect(deadlineUs).toBeLessThanOrEqual(Math.max(periodUs, wcetUs));
          expect(priority).toBe(set.length - i);
          expect(deadlineUs).toBeGreaterThanOrEqual(set[i - 1]?.deadlineUs ?? 0);
        }
      }),
    );
  });
});

describe('growing', () => {
  test('a candidate is a good set of one less and a task that is good alone', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const good = new Set<string>();
        const keyOf = (
          tasks: readonly {
            readonly work: string;
            readonly argument: number;
            readonly wcetUs: number;
            readonly periodUs: number;
            readonly jobs: number;
          }[],
        ) =>
          tasks
            .map(({ work, argument, periodUs, jobs }) => `${work} ${argument} ${periodUs} ${jobs}`)
            .sort()
            .join('|');
        const growing = growSets(createRng(seed), { ...GROW_DEFAULTS, perSize: 30 });
        const sizes: number[] = [];
        for (let next = growing.next(); next.done !== true; ) {
          const set = next.value;
          sizes.push(set.length);
          expect(new Set(set.map(({ priority }) => priority)).size).toBe(set.length);
          if (set.length > 1) {
            const without = set.map((one) => [set.filter((other) => other !== one), one] as const);
            expect(without.some(([rest, one]) => good.has(keyOf(rest)) && good.has(keyOf([one])))).toBe(true);
          }
          const isGood = responseTimesUs(set).ok;
          if (isGood) good.add(keyOf(set));
          next = growing.next(isGood);
        }
        expect(sizes).toEqual([1, 2, 3, 4, 5].flatMap((size) => Array<number>(30).fill(size)));
      }),
      { numRuns: 20 },
    );
  });

  test('ends when nothing good is left', () => {
    const growing = growSets(createRng(1), { ...GROW_DEFAULTS, perSize: 5 });
    let candidates = 0;
    for (let next = growing.next(); next.done !== true; next = growing.next(false)) candidates++;
    expect(candidates).toBe(5);
  });
});

/** What learning promises whatever was learned: the label is the analysis, features see no units, a certificate is never wrong. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { initialParameters } from '../../src/domain/learn/architecture.ts';
import { CANDIDATE_FEATURES, checkCertificate, createProposer } from '../../src/domain/learn/certificate.ts';
import { labelExactly } from '../../src/domain/learn/exact-label.ts';
import { writeInputs } from '../../src/domain/learn/examples.ts';
import { FEATURE_SETS } from '../../src/domain/learn/features.ts';
import { areaUnderCurve, calibrateDeferral, judgeDeferral } from '../../src/domain/learn/metrics.ts';
import { createNetwork } from '../../src/domain/learn/network.ts';
import { columnsOf } from '../../src/domain/learn/task-sets.ts';
import { periodRangeOf, readTwinRow, writeTwinRow } from '../../src/domain/learn/twin.ts';
import { responseTimeUs } from '../../src/domain/realtime/response-time.ts';
import { drawSets, labelledSets } from '../support/learn-sets.ts';

const seeds = fc.nat({ max: 2 ** 32 - 1 });

describe('labels', () => {
  test('are what the response-time analysis says', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const drawn = drawSets(seed, 5);
        const { responseUs, schedulable } = labelExactly(columnsOf(drawn));
        const expected = drawn.flatMap((tasks) =>
          tasks.map((_, i) => {
            const response = responseTimeUs(tasks, i);
            return response.ok ? response.value : 0;
          }),
        );
        expect([...responseUs]).toEqual(expected);
        let at = 0;
        for (const [s, tasks] of drawn.entries()) {
          expect(schedulable[s]).toBe(expected.slice(at, at + tasks.length).every((response) => response > 0) ? 1 : 0);
          at += tasks.length;
        }
      }),
    );
  });
});

describe('features', () => {
  test('do not depend on the unit of time, nor on the order in which tasks were written down', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 2, max: 1000 }), fc.constantFrom(...FEATURE_SETS), (seed, factor, reads) => {
        const drawn = drawSets(seed, 3);
        const slower = drawn.map((tasks) =>
          tasks
            .map((task) => ({
              ...task,
              wcetUs: task.wcetUs * factor,
              periodUs: task.periodUs * factor,
              deadlineUs: task.deadlineUs * factor,
            }))
            .reverse(),
        );
        for (const shape of ['row', 'tasks'] as const) {
          const [here, there] = [writeInputs(columnsOf(drawn), shape, reads), writeInputs(columnsOf(slower), shape, reads)];
          for (const [i, value] of here.values.entries())
            expect(Math.abs(value - (there.values[i] as number))).toBeLessThan(5e-5); // ∛ makes much of rounding near 0
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe('certificates', () => {
  test('hold for every time at which the demand is met, and bound the exact response', () => {
    fc.assert(
      fc.property(seeds, fc.double({ min: 0, max: 1, noNaN: true }), (seed, place) => {
        const sets = labelledSets(seed, 4);
        for (let s = 0; s < sets.count; s++) {
          const [start, end] = [sets.starts[s] as number, sets.starts[s + 1] as number];
          const proposedUs = sets.deadlineUs.slice(start, end).map((deadline, i) => {
            const response = sets.responseUs[start + i] as number;
            return response === 0 ? Math.round(deadline * place) : Math.round(response + place * (deadline - response));
          });
          if (!checkCertificate(sets, s, proposedUs)) continue;
          expect(sets.schedulable[s]).toBe(1);
          for (let i = start; i < end; i++)
            expect(sets.responseUs[i] as number).toBeLessThanOrEqual(proposedUs[i - start] as number);
        }
      }),
    );
  });

  test('of exact responses are accepted, those of one less are not', () => {
    const sets = labelledSets(3, 300);
    for (let s = 0; s < sets.count; s++) {
      if (sets.schedulable[s] !== 1) continue;
      const responses = sets.responseUs.slice(sets.starts[s], sets.starts[s + 1]);
      expect(checkCertificate(sets, s, responses)).toBe(true);
      expect(
        checkCertificate(
          sets,
          s,
          responses.map((response, i) => (i === responses.length - 1 ? response - 1 : response)),
        ),
      ).toBe(false);
    }
  });

  test('no network whatsoever gets an unschedulable set accepted, nor does nonsense', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const sets = labelledSets(seed, 20);
        const architecture = { family: 'fnn', inputs: CANDIDATE_FEATURES.length, widths: [4], outputs: 1 } as const;
        const scale = { mean: new Float32Array(architecture.inputs), factor: new Float32Array(architecture.inputs).fill(1) };
        const proposer = createProposer(
          createNetwork(architecture, initialParameters(architecture, createRng(seed)), 1),
          scale,
          32,
        );
        const proposedUs = new Float64Array(32);
        for (let s = 0; s < sets.count; s++) {
          proposer.propose(sets, s, proposedUs);
          if (checkCertificate(sets, s, proposedUs)) expect(sets.schedulable[s]).toBe(1);
          for (const nonsense of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 0.5]) {
            expect(checkCertificate(sets, s, proposedUs.fill(nonsense))).toBe(false);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  test('do not reach beyond deadlines up to the period', () => {
    // Lehoczky's set: the first job of the second task is done at 114, within its deadline of 115; a later one takes 118.
    const sets = columnsOf([
      [
        { wcetUs: 26, periodUs: 70, deadlineUs: 70, priority: 2 },
        { wcetUs: 62, periodUs: 100, deadlineUs: 115, priority: 1 },
      ],
    ]);
    expect(checkCertificate(sets, 0, Float64Array.of(26, 114))).toBe(false);
  });
});

describe('scores', () => {
  const judged = fc.array(fc.record({ score: fc.integer({ min: -5, max: 5 }), label: fc.integer({ min: 0, max: 1 }) }), {
    minLength: 1,
    maxLength: 60,
  });

  test('the area under the curve is the share of pairs in the right order', () => {
    fc.assert(
      fc.property(judged, (examples) => {
        const [goods, bads] = [examples.filter(({ label }) => label === 1), examples.filter(({ label }) => label === 0)];
        const pairs = goods.flatMap((good) =>
          bads.map((bad) => (good.score > bad.score ? 1 : good.score === bad.score ? 0.5 : 0) as number),
        );
        const expected = pairs.length === 0 ? 0.5 : pairs.reduce((sum, pair) => sum + pair, 0) / pairs.length;
        const [scores, labels] = [
          Float64Array.from(examples, ({ score }) => score),
          Uint8Array.from(examples, ({ label }) => label),
        ];
        expect(areaUnderCurve(scores, labels)).toBeCloseTo(expected, 12);
      }),
    );
  });

  test('a calibrated band leaves no more errors than were allowed, on what it was calibrated on', () => {
    fc.assert(
      fc.property(judged, fc.constantFrom(0, 0.01, 0.1), (examples, errorsMost) => {
        const [scores, labels] = [
          Float64Array.from(examples, ({ score }) => score),
          Uint8Array.from(examples, ({ label }) => label),
        ];
        const { accuracy } = judgeDeferral(scores, labels, calibrateDeferral(scores, labels, errorsMost));
        expect(1 - accuracy).toBeLessThanOrEqual(errorsMost + 1e-12);
      }),
    );
  });
});

describe('the twin', () => {
  test('a set survives being written as a row, but for rounding', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const sets = columnsOf(drawSets(seed, 1));
        const range = periodRangeOf(sets);
        const row = new Float32Array(60);
        writeTwinRow(sets, 0, range, row, 0);
        const again = readTwinRow(row, sets.starts[1] as number, range);
        expect(again).toHaveLength(sets.starts[1] as number);
        for (const { wcetUs, periodUs, deadlineUs } of again) {
          expect(wcetUs).toBeLessThanOrEqual(deadlineUs);
          expect(deadlineUs).toBeLessThanOrEqual(periodUs);
          expect([...sets.periodUs].some((other) => Math.abs(other - periodUs) <= 0.01 * other)).toBe(true);
        }
      }),
    );
  });
});

/** What tasks will take of an ECU, added up: medians as they are, spreads as those of independent things. */
import { expect, test } from 'vitest';
import { OverloadWatch } from '../../../src/domain/proposal/overload-watch.ts';
import { joined, loadByTasks, sumAhead } from '../../../src/domain/proposal/tasks-ahead.ts';
import { levelText } from '../../../src/domain/proposal/threat-text.ts';

test('two tasks: medians add, spreads by the root of the sum of their squares, in shares of the cores', () => {
  const sum = sumAhead(
    [
      { now: 0.1, quantiles: [0.2, 0.5, 0.8] },
      { now: 0.3, quantiles: [0.1, 0.5, 0.9] },
    ],
    2,
  );
  expect(sum?.now).toBeCloseTo(0.2, 12);
  expect(sum?.quantiles[0]).toBeCloseTo((1 - 0.5) / 2, 12);
  expect(sum?.quantiles[1]).toBeCloseTo(0.5, 12);
  expect(sum?.quantiles[2]).toBeCloseTo((1 + 0.5) / 2, 12);
  expect(sumAhead([], 2)).toBeUndefined();
});

test('what is not theirs stays as it is now, what is planned comes on top, and more than there is may be asked', () => {
  const load = loadByTasks(0.6, { now: 0.2, quantiles: [0.5, 0.7, 0.9] }, 0.1);
  for (const [at, value] of [1, 1.2, 1.4].entries()) expect(load[at]).toBeCloseTo(value, 12);
  // A task that has just come took nothing of this ECU yet.
  expect(loadByTasks(0, { now: 0.4, quantiles: [0.4, 0.4, 0.4] }, 0)).toEqual([0.4, 0.4, 0.4]);
  expect(joined([0, 0.1, 0.2], [0, 0, 0])).toEqual([0, 0.1, 0.2]);
});

test('an overload is foreseen by the tasks where the ECU itself has seen nothing of it, and never made less likely by them', () => {
  const watch = new OverloadWatch({ loadLimit: 0.95 }, 30);
  for (let second = 0; second < 60; second++)
    watch.observe({ atUs: second * 1e6, memory: Number.NaN, load: 0.5, misses: Number.NaN, backlog: 0 });
  const threat = (byTasks?: readonly [number, number, number]) =>
    watch.threats(undefined, 0, byTasks).find(({ level }) => level === 'load');
  expect(threat()?.probability).toBeLessThan(0.01);
  const foreseen = threat([1, 1.1, 1.2]);
  expect(foreseen).toMatchObject({ byTasks: true, quantiles: [1, 1.1, 1.2] });
  expect(foreseen?.probability).toBeGreaterThan(0.9);
  expect(foreseen === undefined ? '' : levelText(foreseen)).toBe('load 50 of 95 %, by its tasks’ own series 110 %');
  expect(threat([0, 0, 0])).toEqual(threat());
  expect(watch.overloadAt([1, 1.1, 1.2])).toBeGreaterThan(0.9);
  expect(new OverloadWatch({}, 30).overloadAt([1, 1, 1])).toBeUndefined();
});

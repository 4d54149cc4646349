/** Who keeps copies of a task's state: everybody agrees, the copies spread, and little moves when an ECU comes or goes. */
import { expect, test } from 'vitest';
import { NO_AFFINITY } from '../../src/domain/model/task.ts';
import { standbyOrder } from '../../src/domain/placement/standby.ts';
import { candidateOf, macOf, specOf } from '../support/placement-builders.ts';

const FLEET = Array.from({ length: 10 }, (_, at) => candidateOf(at));
const tasks = Array.from({ length: 300 }, (_, at) => specOf(`task-${at}`));
const firstOf = (fleet: typeof FLEET) => tasks.map((task) => standbyOrder(task, fleet, macOf(0))[0]);

test('the owner is no standby, and the order does not depend on who was listed first', () => {
  for (const task of tasks) {
    const order = standbyOrder(task, FLEET, macOf(0));
    expect(order).not.toContain(macOf(0));
    expect(standbyOrder(task, [...FLEET].reverse(), macOf(0))).toEqual(order);
  }
});

test('the copies of one ECU’s tasks lie at all the others', () => {
  const count = new Map<string | undefined, number>();
  for (const mac of firstOf(FLEET)) count.set(mac, (count.get(mac) ?? 0) + 1);
  expect(count.size).toBe(9);
  // A third of what each would have if they were dealt out evenly: far below what chance does with 300 tasks.
  for (const copies of count.values()) expect(copies).toBeGreaterThan(300 / 9 / 3);
});

test('when an ECU leaves, only the tasks that chose it choose anew', () => {
  const before = firstOf(FLEET);
  const gone = macOf(4);
  const after = firstOf(FLEET.filter(({ mac }) => mac !== gone));
  for (const [at, mac] of before.entries()) if (mac !== gone) expect(after[at]).toBe(mac);
});

test('an ECU that could not run the task keeps no copy of it', () => {
  const picky = specOf('picky', { capabilities: ['can0'] });
  const able = candidateOf(20, { description: { capabilities: ['can0'] } });
  expect(standbyOrder(picky, [...FLEET, able], macOf(0))).toEqual([macOf(20)]);
  const bound = specOf('bound', { affinity: { ...NO_AFFINITY, requiredEcus: [macOf(0), macOf(3)] } });
  expect(standbyOrder(bound, FLEET, macOf(0))).toEqual([macOf(3)]);
});

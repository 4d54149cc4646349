/** What a look at a fleet of a thousand ECUs costs, in exact tests: the first all of them, the next only what has changed. */
import { describe, expect, test } from 'vitest';
import type { EcuPower } from '../../../src/domain/model/ecu.ts';
import type { TaskSpec } from '../../../src/domain/model/task.ts';
import { acceptedTaskOf } from '../../../src/domain/placement/admit.ts';
import { POWER_POLICY, PowerPlanner } from '../../../src/domain/power/plan-power.ts';
import type { PowerView } from '../../../src/domain/power/power-view.ts';
import { candidateOf, specOf } from '../../support/placement-builders.ts';

const ECUS = 1_000;
const TASKS_EACH = 3;
const POWER: EcuPower = {
  idleWatts: 8,
  busyWatts: 20,
  sleep: [{ name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 }],
};

/** A tenth of a core each. */
const small = (name: string): TaskSpec => specOf(name, { periodUs: 100_000, wcetUs: 10_000, deadlineUs: 100_000 });
const view = (number: number, tasks: readonly TaskSpec[], more: Partial<PowerView> = {}): PowerView => ({
  candidate: candidateOf(number, { accepted: tasks.map((spec) => acceptedTaskOf(spec, 1)), description: { power: POWER } }),
  ...{ state: 'awake', tasks, threatened: false, load: undefined, rested: true, ...more },
});
const tasksOf = (number: number): TaskSpec[] => Array.from({ length: TASKS_EACH }, (_, at) => small(`t${number}-${at}`));

describe(`a share of ${ECUS} ECUs`, () => {
  test('costs a few tests a task at first, nothing while nothing changes, and a change only what it touches', () => {
    const planner = new PowerPlanner();
    const views = Array.from({ length: ECUS }, (_, at) => view(at + 1, tasksOf(at + 1), { rested: false }));
    const look = () => planner.plan(views, [], { policy: POWER_POLICY });
    expect(look()).toEqual({ wake: [], empty: undefined });
    const first = planner.tests;
    expect(first).toBeGreaterThanOrEqual(ECUS * TASKS_EACH);
    expect(first).toBeLessThan(ECUS * TASKS_EACH * 8);
    look();
    expect(planner.tests).toBe(0);
    views[600] = view(601, [...tasksOf(601), small('more')], { rested: false });
    look();
    expect(planner.tests).toBeGreaterThan(0);
    expect(planner.tests).toBeLessThan(first / 50);
  });

  test('finds one to be emptied within looks of a thousand tests, and stays with it', () => {
    const planner = new PowerPlanner();
    const views = Array.from({ length: ECUS }, (_, at) => view(at + 1, tasksOf(at + 1)));
    const testsMost = 1_000;
    let empty: ReturnType<PowerPlanner['plan']>['empty'];
    let looks = 0;
    for (; empty === undefined && looks < 100; looks++) {
      const plan = planner.plan(views, [], { policy: POWER_POLICY, testsMost });
      expect(plan.wake).toEqual([]);
      // What was begun is carried to its end.
      expect(planner.tests).toBeLessThan(testsMost * 2);
      empty = plan.empty;
    }
    expect(looks).toBeGreaterThan(10);
    expect(empty).toBeDefined();
    for (let again = 0; again < 5; again++) {
      expect(planner.plan(views, [], { policy: POWER_POLICY, testsMost }).empty?.mac).toBe(empty?.mac);
      expect(planner.tests).toBeLessThan(500);
    }
  });
});

/** What a fleet's samples teach of its tasks: where one would be slower before it was ever there. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { FleetKnowledge } from '../../../actors/fleet-knowledge.ts';
import { FleetPerformance } from '../../../actors/fleet-performance.ts';
import type { TaskSample } from '../../../src/domain/metrics/sample.ts';
import type { EcuDescription } from '../../../src/domain/model/ecu.ts';
import { ecuOf, macOf, specOf } from '../../support/placement-builders.ts';

const [FAST, SLOW, NEW] = [macOf(1), macOf(2), macOf(3)] as const;
const MS = 1_000;
const specs = new Map(
  ['alpha', 'beta', 'gamma'].map((name) => [name, specOf(name, { periodUs: 10 * MS, deadlineUs: 10 * MS })]),
);

/** As much of what a manager knows as is asked here. */
const knowledge = {
  descriptions: new Map<string, EcuDescription>([FAST, SLOW, NEW].map((mac) => [mac, ecuOf(mac, { cores: 1 })])),
  placement: (task: string) => {
    const spec = specs.get(task);
    return spec === undefined ? undefined : { context: { spec }, state: 'owned' };
  },
} as unknown as FleetKnowledge;

let fleet: FleetPerformance;
beforeEach(() => {
  fleet = new FleetPerformance(knowledge);
});

const sample = (task: string, jobs: number, us: { executionUs: number; responseUs: number }): TaskSample => ({
  ...{ task, epoch: 1, jobs, executionUs: jobs * us.executionUs, executionUsMax: us.executionUs },
  ...{ responses: jobs, responseUs: jobs * us.responseUs, responseUsMax: us.responseUs, misses: 0, fuel: 0, outputs: 0 },
  ...{ captures: 0, captureUs: 0, dirtyPages: 0, pages: 0, inputsBehind: 0 },
});

/** So many seconds at a hundred jobs each. */
function runs(mac: string, task: string, executionUs: number, seconds = 30): void {
  const us = { executionUs, responseUs: executionUs * 1.1 };
  for (let second = 1; second <= seconds; second++) {
    const [before, now] = [[sample(task, (second - 1) * 100, us)], [sample(task, second * 100, us)]];
    fleet.measured({ mac, passedUs: 1_000_000, load: (100 * executionUs) / 1e6, before, now });
  }
}

const compare = (task: string, from: { mac: string; load: number }, to: { mac: string; load: number }) =>
  fleet.compare(specs.get(task) ?? specOf(task), [from, to], { jobsPerS: 100, horizonS: 30 });

describe('learned from counters', () => {
  test('a task that never ran on the slow ECU is foretold to be slow there, because the others are', () => {
    for (const [task, us] of [['beta', 1_000] as const, ['gamma', 3_000] as const]) {
      runs(FAST, task, us);
      runs(SLOW, task, us * 2);
    }
    runs(FAST, 'alpha', 2_000);
    const found = compare('alpha', { mac: FAST, load: 0.2 }, { mac: SLOW, load: 0 });
    expect(found?.here).toMatchObject({ basis: 'measured' });
    expect(found?.here.executionUs.expected).toBeCloseTo(2_000, -2);
    expect(found?.there.basis).toBe('kind');
    expect(found?.there.executionUs.expected).toBeGreaterThan(3_000);
    expect(found?.there.error).toBeGreaterThan(found?.here.error ?? 1);
    expect(found?.there.lateJobs).toBeGreaterThanOrEqual(found?.here.lateJobs ?? 0);
  });

  test('a busy place makes jobs late; the load where it runs is its own as well', () => {
    runs(FAST, 'alpha', 4_000);
    const busy = compare('alpha', { mac: FAST, load: 0.4 }, { mac: NEW, load: 0.7 });
    expect(busy?.here.load).toBeCloseTo(0, 1);
    expect(busy?.there.lateJobs).toBeGreaterThan(100);
    const calm = compare('alpha', { mac: FAST, load: 0.4 }, { mac: NEW, load: 0 });
    expect(calm?.there.lateJobs).toBeCloseTo(calm?.here.lateJobs ?? -1, 0);
  });

  test('of a task that was never measured nothing is said; another instance of it begins anew', () => {
    expect(compare('alpha', { mac: FAST, load: 0 }, { mac: SLOW, load: 0 })).toBeUndefined();
    const us = { executionUs: 1_000, responseUs: 1_000 };
    const later = { ...sample('alpha', 10, us), epoch: 2 };
    fleet.measured({ mac: FAST, passedUs: 1_000_000, load: 0, before: [sample('alpha', 500, us)], now: [later] });
    expect(compare('alpha', { mac: FAST, load: 0 }, { mac: SLOW, load: 0 })).toBeUndefined();
  });

  test('a thousand new tasks in one second do not keep anybody waiting for their effects', () => {
    for (let n = 0; n < 1_000; n++) specs.set(`t${n}`, specOf(`t${n}`));
    const us = { executionUs: 100, responseUs: 110 };
    const names = Array.from({ length: 1_000 }, (_, n) => `t${n}`);
    const [before, now] = [0, 100].map((jobs) => names.map((name) => sample(name, jobs, us)));
    fleet.measured({ mac: FAST, passedUs: 1_000_000, load: 0.1, before: before ?? [], now: now ?? [] });
    expect(
      fleet.compare(
        specs.get('t7') ?? specOf('t7'),
        [
          { mac: FAST, load: 0 },
          { mac: NEW, load: 0 },
        ],
        { jobsPerS: 1, horizonS: 1 },
      ),
    ).toBeDefined();
  });
});

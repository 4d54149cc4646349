/** Sleep is planned so that nothing becomes impossible by it: against a twin that tries all placements, on fleets small enough for that. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EcuPower } from '../../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../../src/domain/model/ids.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import { acceptedTaskOf, admits, admittingEcuOf } from '../../src/domain/placement/admit.ts';
import { Awake, Cover } from '../../src/domain/power/cover.ts';
import { groupsOf } from '../../src/domain/power/groups.ts';
import { TestMeter } from '../../src/domain/power/places.ts';
import { POWER_POLICY, PowerPlanner } from '../../src/domain/power/plan-power.ts';
import type { PowerView } from '../../src/domain/power/power-view.ts';
import { candidateOf, specOf } from '../support/placement-builders.ts';

const POWER: EcuPower = {
  idleWatts: 8,
  busyWatts: 20,
  sleep: [{ name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 }],
};
const PERIODS = [10, 20, 40];

const arbitraryTask = fc.record({
  periodUs: fc.constantFrom(...PERIODS),
  share: fc.integer({ min: 5, max: 60 }),
  memoryBytesMax: fc.integer({ min: 1, max: 40 }),
  hardDeadline: fc.boolean(),
});

interface Drawn {
  readonly views: readonly PowerView[];
}

/** Up to five ECUs with up to three tasks each that they could run, some asleep, some that cannot sleep, some threatened. */
const arbitraryFleet: fc.Arbitrary<Drawn> = fc
  .array(
    fc.record({
      tasks: fc.array(arbitraryTask, { maxLength: 3 }),
      asleep: fc.integer({ min: 0, max: 4 }),
      able: fc.integer({ min: 0, max: 4 }),
      threatened: fc.integer({ min: 0, max: 9 }),
      cores: fc.integer({ min: 1, max: 2 }),
    }),
    { minLength: 2, maxLength: 5 },
  )
  .map((ecus) => ({
    views: ecus.map(({ tasks, asleep, able, threatened, cores }, at) => {
      const description = { cores, memoryBytes: 100, ...(able === 0 ? {} : { power: POWER }) };
      const isAsleep = asleep === 0;
      const specs: TaskSpec[] = [];
      for (const [index, { periodUs, share, ...rest }] of isAsleep ? [] : tasks.entries()) {
        const wcetUs = Math.max(1, Math.floor((periodUs * share) / 100));
        const spec = specOf(`t${at}-${index}`, { ...rest, periodUs, deadlineUs: periodUs, wcetUs });
        if (runs([...specs, spec], candidateOf(at + 1, { description }))) specs.push(spec);
      }
      return viewOf(at + 1, specs, { description, isAsleep, isThreatened: threatened === 0 && !isAsleep });
    }),
  }));

const runs = (specs: readonly TaskSpec[], { description }: PowerView['candidate']): boolean =>
  admits(
    specs.map((spec) => acceptedTaskOf(spec, 1)),
    [],
    admittingEcuOf(description, false),
  ).ok;

function viewOf(
  number: number,
  tasks: readonly TaskSpec[],
  { description, isAsleep, isThreatened }: { description: object; isAsleep: boolean; isThreatened: boolean },
): PowerView {
  const candidate = candidateOf(number, { accepted: tasks.map((spec) => acceptedTaskOf(spec, 1)), description });
  return { candidate, state: isAsleep ? 'asleep' : 'awake', tasks, threatened: isThreatened, load: undefined, rested: true };
}

const withTasks = (view: PowerView, tasks: readonly TaskSpec[], state: PowerView['state'] = view.state): PowerView => ({
  ...view,
  ...{ tasks, state },
  candidate: { ...view.candidate, accepted: tasks.map((spec) => acceptedTaskOf(spec, 1)) },
});

/** The plan, carried out. */
function emptied(views: readonly PowerView[], mac: Mac, moves: ReadonlyMap<TaskName, Mac>): PowerView[] {
  const leaving = views.find(({ candidate }) => candidate.mac === mac)?.tasks ?? [];
  return views.map((view) => {
    if (view.candidate.mac === mac) return withTasks(view, [], 'asleep');
    const coming = leaving.filter(({ name }) => moves.get(name) === view.candidate.mac);
    return coming.length === 0 ? view : withTasks(view, [...view.tasks, ...coming]);
  });
}

/** The dumb twin: any placement of all of them at all. */
function findPlaces(tasks: readonly TaskSpec[], views: readonly PowerView[]): boolean {
  const [first, ...rest] = tasks;
  if (first === undefined) return true;
  return views.some((view, at) => {
    const ecu = admittingEcuOf(view.candidate.description, false);
    if (!admits(view.candidate.accepted, [first], ecu).ok) return false;
    const after = views.map((one, index) => (index === at ? withTasks(one, [...one.tasks, first]) : one));
    return findPlaces(rest, after);
  });
}

const calmOf = (views: readonly PowerView[]): PowerView[] =>
  views.filter(({ state, threatened }) => state === 'awake' && !threatened);
const policy = { ...POWER_POLICY };

describe('an ECU that is emptied', () => {
  it('leaves every task where the exact test admits it, all of them or none, and never on one that sleeps or is threatened', () => {
    fc.assert(
      fc.property(arbitraryFleet, fc.boolean(), ({ views }, isBounded) => {
        const { empty } = new PowerPlanner().plan(views, [], { policy, ...(isBounded ? { testsMost: 200 } : {}) });
        if (empty === undefined) return;
        const view = views.find(({ candidate }) => candidate.mac === empty.mac) as PowerView;
        expect([...empty.moves.keys()].sort()).toEqual(view.tasks.map(({ name }) => name).sort());
        for (const mac of empty.moves.values()) expect(calmOf(views).map(({ candidate }) => candidate.mac)).toContain(mac);
        for (const after of emptied(views, empty.mac, empty.moves)) expect(runs(after.tasks, after.candidate)).toBe(true);
      }),
    );
  });

  it('is not needed for the loss of any other: whatever could be lost before can be lost after, by the twin', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ views }) => {
        const calm = calmOf(views);
        fc.pre(views.every(({ threatened }) => !threatened));
        const before = new Cover();
        const awake = new Awake(calm);
        before.see(awake, []);
        fc.pre(before.uncovered(awake, { meter: new TestMeter() })?.length === 0);
        const { empty } = new PowerPlanner().plan(views, [], { policy });
        if (empty === undefined) return;
        const after = calmOf(emptied(views, empty.mac, empty.moves));
        for (const lost of after)
          expect(
            findPlaces(
              lost.tasks,
              after.filter((one) => one !== lost),
            ),
          ).toBe(true);
      }),
    );
  });
});

describe('carried out look after look, while nothing else happens', () => {
  it('no ECU that was put to sleep is woken, none that was woken is put to sleep, and it comes to an end', () => {
    fc.assert(
      fc.property(arbitraryFleet, fc.boolean(), ({ views: drawn }, isBounded) => {
        const planner = new PowerPlanner();
        let views: readonly PowerView[] = drawn;
        const done = new Map<Mac, string>();
        let quiet = 0;
        // One that has had enough of tests goes on with the next look.
        for (let look = 0; quiet < 12; look++) {
          expect(look).toBeLessThan(100);
          const { wake, empty } = planner.plan(views, [], { policy, ...(isBounded ? { testsMost: 40 } : {}) });
          quiet = wake.length === 0 && empty === undefined ? quiet + 1 : 0;
          for (const { mac } of wake) {
            expect(done.get(mac)).toBeUndefined();
            done.set(mac, 'woken');
            views = views.map((view) => (view.candidate.mac === mac ? { ...view, state: 'awake' as const } : view));
          }
          if (empty === undefined) continue;
          expect(done.get(empty.mac)).toBeUndefined();
          done.set(empty.mac, 'asleep');
          views = emptied(views, empty.mac, empty.moves);
        }
        // Never more awake than without: who wakes has work waiting, or a loss that could not be borne.
        const awakeCount = (of: readonly PowerView[]): number => of.filter(({ state }) => state === 'awake').length;
        const woken = [...done.values()].filter((what) => what === 'woken').length;
        expect(awakeCount(views)).toBeLessThanOrEqual(awakeCount(drawn) + woken);
      }),
    );
  });

  it('from a fleet that is all awake, none is ever woken', () => {
    fc.assert(
      fc.property(arbitraryFleet, ({ views: drawn }) => {
        const planner = new PowerPlanner();
        let views: readonly PowerView[] = drawn.map((view) => ({ ...view, state: 'awake' as const }));
        for (let look = 0; look < 10; look++) {
          const { wake, empty } = planner.plan(views, [], { policy });
          expect(wake).toEqual([]);
          if (empty === undefined) break;
          views = emptied(views, empty.mac, empty.moves);
        }
      }),
    );
  });
});

describe('tasks that belong together', () => {
  it('are in one group, and go to one ECU', () => {
    const feeding = specOf('b', { inputs: { ...specOf('b').inputs, from: 'a' } });
    const wished = specOf('d', { affinity: { ...specOf('d').affinity, together: ['c', 'far'] } });
    const groups = groupsOf([specOf('a'), feeding, specOf('c'), wished, specOf('e')]);
    expect(groups.map((group) => group.map(({ name }) => name))).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    const half = { periodUs: 100, deadlineUs: 100, wcetUs: 40, memoryBytesMax: 1 };
    const pair = [specOf('a', half), { ...feeding, ...half }];
    const sizes = (more: readonly TaskSpec[]): PowerView[] => [
      viewOf(1, pair, { description: { power: POWER }, isAsleep: false, isThreatened: false }),
      ...more.map((spec, at) => viewOf(at + 2, [spec], { description: {}, isAsleep: false, isThreatened: false })),
      viewOf(9, [], { description: {}, isAsleep: false, isThreatened: false }),
    ];
    // Each has a place for one of them; only the last for both.
    const filled = [2, 3, 4].map((at) => specOf(`f${at}`, half));
    const { empty } = new PowerPlanner().plan(sizes(filled), [], { policy });
    expect(empty === undefined ? 'nobody' : new Set(empty.moves.values()).size).toBe(1);
  });
});

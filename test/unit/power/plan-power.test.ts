/** Which ECUs may sleep, and which must wake: by the exact test, with the loss of any one in it. */
import { describe, expect, test } from 'vitest';
import type { EcuPower } from '../../../src/domain/model/ecu.ts';
import type { TaskSpec } from '../../../src/domain/model/task.ts';
import { acceptedTaskOf } from '../../../src/domain/placement/admit.ts';
import { POWER_POLICY, planPower, wokenFor } from '../../../src/domain/power/plan-power.ts';
import type { PowerView } from '../../../src/domain/power/power-view.ts';
import { candidateOf, macOf, specOf } from '../../support/placement-builders.ts';

const POWER: EcuPower = {
  idleWatts: 8,
  busyWatts: 20,
  sleep: [
    { name: 'nap', watts: 4, wakeUs: 10_000, wakeJoules: 0 },
    { name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 },
  ],
};
/** A third of a core each. */
const small = (name: string): TaskSpec => specOf(name, { periodUs: 90_000, wcetUs: 30_000, deadlineUs: 90_000 });
const view = (
  number: number,
  tasks: readonly TaskSpec[] = [],
  more: Partial<PowerView> & { power?: EcuPower } = {},
): PowerView => {
  const { power = POWER, ...rest } = more;
  const candidate = candidateOf(number, { accepted: tasks.map((spec) => acceptedTaskOf(spec, 1)), description: { power } });
  return { candidate, state: 'awake', tasks, threatened: false, load: undefined, rested: true, ...rest };
};
const plan = (views: readonly PowerView[], waiting: readonly TaskSpec[] = []) =>
  planPower(views, waiting, { policy: POWER_POLICY });

describe('what may sleep', () => {
  test('one whose tasks find places elsewhere, in its deepest sleep, when any one of the rest may still fail', () => {
    const { wake, empty } = plan([view(1, [small('a')]), view(2, [small('b')]), view(3, [small('c')])]);
    expect(wake).toEqual([]);
    expect(empty).toMatchObject({ mac: macOf(3), sleep: { name: 'suspend' }, savesWatts: 7.5 });
    expect([...(empty?.moves ?? [])]).toHaveLength(1);
  });

  test('nobody, when the tasks would not survive one more loss', () => {
    // Two thirds of a core on each: two ECUs hold four, one does not.
    const views = [view(1, [small('a'), small('b')]), view(2, [small('c'), small('d')])];
    expect(plan(views).empty).toBeUndefined();
    expect(plan([...views, view(3)]).empty).toBeUndefined();
    expect(plan([...views, view(3), view(4)]).empty).toMatchObject({ mac: macOf(4), moves: new Map() });
  });

  test('not the last two that have tasks, not one that rests, is threatened, cannot sleep, or saves too little', () => {
    expect(plan([view(1, [small('a')]), view(2)]).empty).toBeUndefined();
    const three = (more: Partial<PowerView> & { power?: EcuPower }) => [view(1, [small('a')]), view(2), view(3, [], more)];
    expect(plan(three({})).empty).toMatchObject({ mac: macOf(3) });
    for (const more of [{ rested: false }, { power: { ...POWER, sleep: [] } }, { state: 'waking' as const }])
      expect(plan(three(more)).empty?.mac).not.toBe(macOf(3));
    const dear = { ...POWER, sleep: [{ name: 'off', watts: 7, wakeUs: 0, wakeJoules: 301 }] };
    expect(plan(three({ power: dear })).empty?.mac).not.toBe(macOf(3));
    expect(plan([view(1, [small('a')]), view(2), view(3, [], { threatened: true })]).empty).toBeUndefined();
  });

  test('the one that saves most; tasks are packed where others are, not where it is busy already', () => {
    const hungry = { ...POWER, idleWatts: 12 };
    expect(plan([view(1, [], { power: hungry }), view(2, [small('a')]), view(3)]).empty).toMatchObject({ mac: macOf(1) });
    const { empty } = plan([view(1, [small('a')]), view(2), view(3, [small('b')], { power: hungry }), view(4)]);
    expect(empty).toMatchObject({ mac: macOf(3), moves: new Map([['b', macOf(1)]]) });
    const busy = [
      view(1, [small('a')], { rested: false, load: 0.7 }),
      view(2, [], { rested: false, load: 0.7 }),
      view(3, [small('b')]),
    ];
    expect(plan(busy).empty).toBeUndefined();
  });
});

describe('what must wake', () => {
  test('no more than are needed for what waits, and nothing for what nobody could take', () => {
    const views = [view(1, [small('a'), small('b')]), ...[2, 3, 4].map((number) => view(number, [], { state: 'asleep' }))];
    expect(plan(views, [small('x'), small('y')]).wake).toHaveLength(1);
    const able = specOf('able', { capabilities: ['can0'] });
    expect(plan([view(1, [small('a')]), view(2)], [able]).wake).toEqual([]);
  });

  test('one more, while the loss of any one could not be borne; whoever is being emptied is kept first', () => {
    const loaded = [view(1, [small('a'), small('b')]), view(2, [small('c'), small('d')])];
    const asleep = view(3, [], { state: 'asleep' });
    expect(plan([...loaded, asleep]).wake).toMatchObject([{ mac: macOf(3), reason: /would find no place if .* failed/ }]);
    expect(plan([...loaded, asleep, view(4, [], { state: 'emptying' })]).wake).toMatchObject([{ mac: macOf(4) }]);
    expect(plan([view(1, [small('a')]), view(2), asleep])).toEqual({ wake: [], empty: undefined });
  });

  test('one more, before the tasks of a threatened one have to leave it', () => {
    const views = [view(1, [small('a')], { threatened: true }), view(2), view(3, [], { state: 'asleep' })];
    expect(plan(views).wake).toMatchObject([{ mac: macOf(3), reason: /after 02aa00000001/ }]);
  });

  test('those that are gone or draining count for nothing', () => {
    const gone = view(2);
    const views = [
      view(1, [small('a')]),
      { ...gone, candidate: { ...gone.candidate, alive: false } },
      view(3, [], { state: 'asleep' }),
    ];
    expect(plan(views).wake).toMatchObject([{ mac: macOf(3) }]);
  });
});

describe('a reservation', () => {
  const three = (reserved: PowerView['reserved']) => [view(1, [small('a')]), view(2), view(3, [], { reserved })];

  test('keeps an ECU from sleeping that would have to be woken before it has slept for a minute', () => {
    // 0.8 s to wake, 5 s for the word.
    expect(plan(three({ id: 'r1', inUs: 65_700_000 })).empty?.mac).not.toBe(macOf(3));
    expect(plan(three({ id: 'r1', inUs: 65_800_000 })).empty?.mac).toBe(macOf(3));
    expect(plan(three({ id: 'r1', inUs: 0 })).empty?.mac).not.toBe(macOf(3));
    expect(plan(three(undefined)).empty?.mac).toBe(macOf(3));
  });

  test('wakes one in time, and not before', () => {
    const woken = (inUs: number) => wokenFor({ reserved: { id: 'r1', inUs } }, { wakeUs: 800_000 });
    expect(woken(5_800_001)).toBeUndefined();
    expect(woken(5_800_000)).toBe('reservation r1 begins there in 5.8 s');
    expect(woken(0)).toBe('reservation r1 lasts there');
    expect(wokenFor({}, { wakeUs: 800_000 })).toBeUndefined();
  });
});

/** `actors/chart.ts` is XState, only cheaper: the same snapshots, the same actions, the same text. */
import { describe, expect, test } from 'vitest';
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  assign,
  enqueueActions,
  initialTransition,
  setup,
  transition,
} from 'xstate';
import {
  type Chart,
  type ChartRequest,
  initialStep,
  persistSnapshot,
  restoreSnapshot,
  stateName,
  stepChart,
} from '../../actors/chart.ts';
import { CHARTS } from '../../src/app/charts.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import { CLOSE, effectActions, OPEN } from '../../statecharts/effects.ts';
import { eventDrawer } from '../support/chart-events.ts';

const RUNS = 40;
const STEPS = 50;

interface XStateAction {
  readonly type: string;
  readonly params: unknown;
}

/** XState's own list of actions, told as the loop's requests. */
function asRequests(actions: readonly XStateAction[]): readonly ChartRequest[] {
  return actions.flatMap(({ type, params }): readonly ChartRequest[] => {
    const given = params as {
      key: string;
      effect: unknown;
      event: { type: string };
      id: string;
      delay?: number;
      sendId: string;
    };
    if (type === OPEN) return [{ kind: 'open', key: given.key, effect: given.effect }];
    if (type === CLOSE) return [{ kind: 'close', key: given.key }];
    if (type === 'xstate.cancel') return [{ kind: 'disarm', id: given.sendId }];
    if (type === 'xstate.raise' && given.delay !== undefined)
      return [{ kind: 'arm', id: given.id, eventType: given.event.type, delayUs: given.delay * 1000 }];
    return [];
  });
}

const textOf = (machine: AnyStateMachine, snapshot: AnyMachineSnapshot): unknown =>
  JSON.parse(JSON.stringify(machine.getPersistedSnapshot(snapshot)));

function walk(chart: Chart, seed: number, visit?: (snapshot: AnyMachineSnapshot) => void): void {
  const { machine } = chart;
  const draw = eventDrawer(chart.kind, seed);
  const [xInitial, xActions] = initialTransition(machine, { id: 'x' });
  const begin = initialStep(chart, 'x');
  let theirs = xInitial as AnyMachineSnapshot;
  let ours = begin.snapshot;
  expect(begin.requests).toEqual(asRequests(xActions as XStateAction[]));
  let timers: string[] = [];
  const note = (requests: readonly ChartRequest[]): void => {
    for (const request of requests) {
      if (request.kind === 'arm') timers = [...timers.filter((id) => id !== request.id), request.id];
      if (request.kind === 'disarm') timers = timers.filter((id) => id !== request.id);
    }
  };
  note(begin.requests);
  for (let step = 0; step < STEPS; step++) {
    const event = draw(timers);
    const [xNext, xDone] = transition(machine, theirs, event as never);
    const stepped = stepChart(chart, ours, event);
    expect(stepped.requests, event.type).toEqual(asRequests(xDone as XStateAction[]));
    theirs = xNext as AnyMachineSnapshot;
    ours = stepped.snapshot;
    expect(JSON.parse(persistSnapshot(chart, ours)), event.type).toEqual(textOf(machine, theirs));
    note(stepped.requests);
    visit?.(ours);
    if (ours.status !== 'active') return;
  }
}

describe('one inert scope for all steps', () => {
  test.each(CHARTS.map((chart) => [chart.kind, chart] as const))(
    '%s: as XState’s transition and initialTransition, over random walks',
    (_, chart) => {
      for (let seed = 1; seed <= RUNS; seed++) walk(chart, seed);
    },
  );

  test.each(CHARTS.map((chart) => [chart.kind, chart] as const))(
    '%s: a context is plain JSON, and a step after a restart gives the same text',
    (_, chart) => {
      for (let seed = 100; seed < 100 + RUNS; seed++) {
        const draw = eventDrawer(chart.kind, seed);
        let inMemory = initialStep(chart, 'x').snapshot;
        let restarted = restoreSnapshot(chart, persistSnapshot(chart, inMemory));
        for (let step = 0; step < STEPS; step++) {
          const event = draw([]);
          inMemory = stepChart(chart, inMemory, event).snapshot;
          restarted = restoreSnapshot(chart, persistSnapshot(chart, stepChart(chart, restarted, event).snapshot));
          expect(persistSnapshot(chart, inMemory)).toBe(persistSnapshot(chart, restarted));
          expect(JSON.parse(JSON.stringify(inMemory.context))).toStrictEqual(inMemory.context);
        }
      }
    },
  );
});

/** A chart that has everything a chart can have: nested, parallel, history and final states, several effects in a step. */
const toyMachine = setup({
  types: { context: {} as { count: number; last?: string | undefined }, events: {} as ActorEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<{ kind: string; n: number }>(),
    count: assign({ count: ({ context }) => context.count + 1 }),
    openThree: enqueueActions(({ enqueue, context }) => {
      for (let n = 0; n < 3; n++)
        enqueue({ type: OPEN, params: { key: `k${n}`, effect: { kind: 'say', n: n + context.count } } });
      enqueue({ type: CLOSE, params: { key: 'k1' } });
    }),
  },
}).createMachine({
  id: 'toy',
  initial: 'work',
  context: { count: 0 },
  states: {
    work: {
      type: 'parallel',
      on: { INTERRUPT: 'paused', END: 'over' },
      states: {
        left: {
          initial: 'a',
          states: {
            a: { on: { LEFT: 'b' } },
            b: {
              initial: 'b1',
              states: { b1: { on: { DEEPER: 'b2' } }, b2: { on: { LEFT: { target: 'done' } } }, done: { type: 'final' } },
            },
            hist: { type: 'history', history: 'deep' },
          },
        },
        right: {
          initial: 'one',
          states: {
            one: { after: { 250: 'two' }, on: { RIGHT: { target: 'two', actions: 'count' } } },
            two: { entry: 'openThree', on: { RIGHT: 'one' } },
            hist: { type: 'history' },
          },
        },
      },
    },
    paused: { on: { RESUME: [{ target: ['work.left.hist', 'work.right.hist'] }] }, after: { 1000: 'work' } },
    over: { type: 'final' },
  },
});
const toy: Chart = { kind: 'toy', version: 1, machine: toyMachine };

const run = (snapshot: AnyMachineSnapshot, ...types: readonly string[]): AnyMachineSnapshot =>
  types.reduce(
    (at, type, index) =>
      stepChart(toy, restoreSnapshot(toy, persistSnapshot(toy, at)), { type, id: `${type}.${index}` }).snapshot,
    snapshot,
  );

describe('what goes into a record comes back', () => {
  test('nested and parallel states', () => {
    const at = run(initialStep(toy, 'x').snapshot, 'LEFT', 'DEEPER', 'RIGHT');
    expect(at.value).toEqual({ work: { left: { b: 'b2' }, right: 'two' } });
    expect(restoreSnapshot(toy, persistSnapshot(toy, at)).value).toEqual(at.value);
    expect(stateName(at.value)).toBe('work.left.b.b2|right.two');
  });

  test('history, deep and shallow', () => {
    const paused = run(initialStep(toy, 'x').snapshot, 'LEFT', 'DEEPER', 'RIGHT', 'INTERRUPT');
    expect(paused.value).toBe('paused');
    expect(run(paused, 'RESUME').value).toEqual({ work: { left: { b: 'b2' }, right: 'two' } });
    expect(JSON.parse(persistSnapshot(toy, paused))).toEqual(textOf(toyMachine, paused));
  });

  test('final states, within and at the end', () => {
    const inner = run(initialStep(toy, 'x').snapshot, 'LEFT', 'DEEPER', 'LEFT');
    expect(inner.value).toEqual({ work: { left: { b: 'done' }, right: 'one' } });
    const over = run(inner, 'END');
    expect(over.status).toBe('done');
    expect(restoreSnapshot(toy, persistSnapshot(toy, over)).status).toBe('done');
    expect(stepChart(toy, over, { type: 'LEFT', id: 'late' }).handling).toBe('over');
  });

  test('the text is XState’s own, byte for byte', () => {
    for (const types of [[], ['LEFT'], ['LEFT', 'DEEPER', 'INTERRUPT'], ['END']]) {
      const at = run(initialStep(toy, 'x').snapshot, ...types);
      expect(persistSnapshot(toy, at)).toBe(JSON.stringify(toyMachine.getPersistedSnapshot(at)));
    }
    for (const chart of CHARTS)
      walk(chart, 7, (snapshot) =>
        expect(persistSnapshot(chart, snapshot)).toBe(JSON.stringify(chart.machine.getPersistedSnapshot(snapshot))),
      );
  });
});

describe('what a step asks for', () => {
  test('enqueueActions opens several effects, in order', () => {
    const { requests } = stepChart(toy, initialStep(toy, 'x').snapshot, { type: 'RIGHT', id: '1' });
    expect(requests).toEqual([
      { kind: 'disarm', id: 'xstate.after.250.toy.work.right.one' },
      { kind: 'open', key: 'k0', effect: { kind: 'say', n: 1 } },
      { kind: 'open', key: 'k1', effect: { kind: 'say', n: 2 } },
      { kind: 'open', key: 'k2', effect: { kind: 'say', n: 3 } },
      { kind: 'close', key: 'k1' },
    ]);
  });

  test('a delay arms on entry and is disarmed on exit', () => {
    expect(initialStep(toy, 'x').requests).toEqual([
      {
        kind: 'arm',
        id: 'xstate.after.250.toy.work.right.one',
        eventType: 'xstate.after.250.toy.work.right.one',
        delayUs: 250_000,
      },
    ]);
    const { requests } = stepChart(toy, initialStep(toy, 'x').snapshot, { type: 'INTERRUPT', id: '1' });
    expect(requests).toContainEqual({ kind: 'disarm', id: 'xstate.after.250.toy.work.right.one' });
    expect(requests).toContainEqual({
      kind: 'arm',
      id: 'xstate.after.1000.toy.paused',
      eventType: 'xstate.after.1000.toy.paused',
      delayUs: 1_000_000,
    });
  });

  test('an event that other states take without any change is not unknown', () => {
    const arbiter = CHARTS.find((chart) => chart.kind === 'arbiter') as Chart;
    expect(stepChart(arbiter, initialStep(arbiter, 'x').snapshot, { type: 'SHED.RECORDED', id: '1', task: 'a' }).handling).toBe(
      'not-now',
    );
  });

  test('not now, never, over', () => {
    const { snapshot } = initialStep(toy, 'x');
    expect(stepChart(toy, snapshot, { type: 'DEEPER', id: '1' }).handling).toBe('not-now');
    expect(stepChart(toy, snapshot, { type: 'NONSENSE', id: '1' }).handling).toBe('never');
    expect(stepChart(toy, snapshot, { type: 'LEFT', id: '1' }).handling).toBe('taken');
  });
});

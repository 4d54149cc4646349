/** In which order the tasks of a failed ECU come up where they come up. */
import { expect, it } from 'vitest';
import { StartTurns, type Turn } from '../../../actors/start-turns.ts';
import type { Clock } from '../../../src/ports/clock.ts';

/** Timers run when the test says so. */
function handClock(): { clock: Clock; ring: () => void } {
  const timers = new Set<() => void>();
  const after = (_: number, run: () => void) => {
    timers.add(run);
    return () => timers.delete(run);
  };
  const ring = (): void => {
    for (const run of [...timers]) {
      timers.delete(run);
      run();
    }
  };
  return { clock: { monotonicUs: () => 0, wallUs: () => 0, after }, ring };
}

/** Asks for turns in the order of the names; `begun` grows as they begin. */
function askFor(turns: StartTurns, tasks: readonly { name: string; criticality: number; priority: number }[]) {
  const begun: string[] = [];
  const held = new Map<string, Turn>();
  for (const { name, ...urgency } of tasks) {
    void turns.next(urgency).then((turn) => {
      begun.push(name);
      held.set(name, turn);
    });
  }
  return { begun, end: (name: string) => held.get(name)?.end() };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const plain = (name: string) => ({ name, criticality: 0, priority: 10 });

it('a few begin at once, the others when one of these has ended, the most urgent first', async () => {
  const { clock } = handClock();
  const { begun, end } = askFor(new StartTurns(clock), [
    ...['a', 'b', 'c', 'd', 'e'].map(plain),
    { name: 'urgent', criticality: 0, priority: 11 },
    { name: 'critical', criticality: 1, priority: 0 },
  ]);
  await settle();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  end('b');
  end('b'); // a second time gives no second place
  await settle();
  expect(begun.slice(4)).toEqual(['critical']);
  end('a');
  end('c');
  await settle();
  expect(begun.slice(5)).toEqual(['urgent', 'e']);
});

it('one that takes long does not hold up the others', async () => {
  const { clock, ring } = handClock();
  const { begun } = askFor(new StartTurns(clock), ['a', 'b', 'c', 'd', 'e'].map(plain));
  await settle();
  expect(begun).not.toContain('e');
  ring();
  await settle();
  expect(begun).toContain('e');
});

it('a place that was given back is free for one that comes later', async () => {
  const turns = new StartTurns(handClock().clock);
  for (let round = 0; round < 10; round++) (await turns.next(plain('a'))).end();
  const { begun } = askFor(turns, ['a', 'b', 'c', 'd', 'e'].map(plain));
  await settle();
  expect(begun).toHaveLength(4);
});

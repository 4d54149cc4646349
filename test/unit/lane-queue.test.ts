/** Which of what waits a core takes up next. */
import { describe, expect, it } from 'vitest';
import { type LaneEntry, type LaneOrder, LaneQueue, UPKEEP_WAIT_US } from '../../src/domain/instance/lane-queue.ts';

type Entry = LaneEntry<string>;

let programs = 0;

const entryOf = (name: string, overrides: Partial<Entry> & Partial<Entry['urgency']> = {}): Entry => {
  const { priority = 1, periodUs = 1_000, deadlineUs = 1_000, ...rest } = overrides;
  const urgency = { priority, periodUs, deadlineUs };
  return { program: ++programs, kind: 'jobs', urgency, arrivedUs: 0, queuedUs: 0, work: name, ...rest };
};

function taken(order: LaneOrder, entries: readonly Entry[], nowUs = 0): string[] {
  const queue = new LaneQueue<string>(order);
  for (const entry of entries) queue.add(entry);
  const names: string[] = [];
  for (let entry = queue.next(nowUs); entry !== undefined; entry = queue.next(nowUs)) {
    names.push(entry.work);
    queue.remove(entry);
  }
  return names;
}

describe('the queue of a core', () => {
  it('takes the larger priority first, and of equals who came first', () => {
    const entries = [
      entryOf('low'),
      entryOf('a', { priority: 5 }),
      entryOf('b', { priority: 5 }),
      entryOf('high', { priority: 9 }),
    ];
    expect(taken('fp', entries)).toEqual(['high', 'a', 'b', 'low']);
  });

  it('takes the earliest deadline first where deadlines decide, whatever the priority', () => {
    const entries = [
      entryOf('late', { priority: 9, arrivedUs: 10, deadlineUs: 500 }),
      entryOf('early', { arrivedUs: 100, deadlineUs: 200 }),
      entryOf('by its period', { arrivedUs: 0, deadlineUs: 0, periodUs: 400 }),
    ];
    expect(taken('edf', entries)).toEqual(['early', 'by its period', 'late']);
  });

  it('leaves what has no period to the end, whatever its priority', () => {
    const entries = [entryOf('on data', { priority: 99, periodUs: 0 }), entryOf('periodic')];
    for (const order of ['fp', 'edf'] as const) expect(taken(order, entries)).toEqual(['periodic', 'on data']);
  });

  it('keeps the order within a program, and lends it the urgency of what waits behind', () => {
    const first = entryOf('job', { priority: 1 });
    const stop = entryOf('stop', { program: first.program, kind: 'command' });
    expect(taken('fp', [entryOf('high', { priority: 9 }), first, stop])).toEqual(['job', 'stop', 'high']);
  });

  it('does commands before all jobs', () => {
    expect(taken('fp', [entryOf('high', { priority: 9 }), entryOf('start', { kind: 'command' })])).toEqual(['start', 'high']);
  });

  it('takes upkeep at its task’s urgency, and before all jobs once it has waited for longer than the deadline', () => {
    const high = entryOf('high', { priority: 9 });
    const capture = entryOf('capture', { kind: 'upkeep', deadlineUs: 700 });
    expect(taken('fp', [high, capture], 700)).toEqual(['high', 'capture']);
    expect(taken('fp', [high, capture], 701)).toEqual(['capture', 'high']);
    const without = entryOf('pages', { kind: 'upkeep', periodUs: 0, deadlineUs: 0 });
    expect(taken('fp', [high, without], UPKEEP_WAIT_US)).toEqual(['high', 'pages']);
    expect(taken('fp', [high, without], UPKEEP_WAIT_US + 1)).toEqual(['pages', 'high']);
  });

  it('decides anew after each of several jobs, by when the next of them arrived', () => {
    const queue = new LaneQueue<string>('edf');
    const several = entryOf('several', { arrivedUs: 0 });
    const other = entryOf('other', { arrivedUs: 300 });
    queue.add(several);
    queue.add(other);
    expect(queue.next(0)).toBe(several);
    several.arrivedUs = 400;
    expect(queue.next(0)).toBe(other);
    queue.remove(other);
    expect(queue.next(0)).toBe(several);
    queue.remove(several);
    queue.remove(several);
    expect(queue.next(0)).toBeUndefined();
  });
});

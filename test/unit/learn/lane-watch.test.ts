/** What is said of a lane's set, and when nothing is. */
import { describe, expect, it } from 'vitest';
import { LaneWatch, type WatchedTask } from '../../../src/domain/learn/fleet/lane-watch.ts';
import { keyOfSet, measuredWcetUs } from '../../../src/domain/learn/fleet/outcome.ts';

const WINDOW_US = 10_000_000;

interface Running extends WatchedTask {
  runs: boolean;
  responses: number;
  misses: number;
  skipped: number;
  waiting: number;
  longestUs: number;
}

const task = (more: Partial<Running> = {}): Running => {
  const made: Running = {
    ...{ instance: {}, lane: 0, wcetUs: 1_000, periodUs: 10_000, deadlineUs: 5_000, priority: 1, runs: true },
    ...{ responses: 0, misses: 0, skipped: 0, waiting: 0, longestUs: 0 },
    takeLongestUs: () => {
      const { longestUs } = made;
      made.longestUs = 0;
      return longestUs;
    },
    ...more,
  };
  return made;
};

const answer = (tasks: readonly Running[], jobs = 1_000): void => {
  for (const one of tasks) one.responses += jobs;
};

function watching(tasks: Running[]) {
  const watch = new LaneWatch({ windowUs: WINDOW_US, lanesMax: 2 });
  let nowUs = 0;
  const look = (passedUs: number, disturbed = false) => {
    nowUs += passedUs;
    return watch.look(nowUs, tasks, disturbed);
  };
  look(0);
  return { watch, look };
}

describe('a lane that is watched', () => {
  it('met its deadlines when all tasks answered and none was late', () => {
    const tasks = [task({ priority: 1 }), task({ priority: 9, periodUs: 2_000, deadlineUs: 2_000 })];
    const { look } = watching(tasks);
    answer(tasks);
    expect(look(WINDOW_US - 1)).toEqual([]);
    const [seen] = look(1);
    expect(seen).toMatchObject({ lane: 0, outcome: 'met', jobs: 2_000, misses: 0, observedUs: WINDOW_US });
    // The most urgent first, however they stood.
    expect(keyOfSet(seen?.tasks ?? [])).toBe('1000/2000/2000 1000/10000/5000');
    expect(look(WINDOW_US)).toEqual([]);
  });

  it.each([
    ['a job was late', { misses: 1 }, 1],
    ['ticks were skipped', { skipped: 3 }, 3],
    // Released 0, 10, 20 and 30 ms ago, and due within 5.
    ['jobs wait for longer than their deadline', { waiting: 4 }, 3],
  ])('missed one when %s', (_, change, misses) => {
    const tasks = [task(), task()];
    const { look } = watching(tasks);
    answer(tasks);
    Object.assign(tasks[1] as Running, change);
    expect(look(WINDOW_US)).toMatchObject([{ outcome: 'missed', misses }]);
  });

  it('missed one when a task got no job done at all', () => {
    const tasks = [task(), task({ waiting: 900 })];
    const { look } = watching(tasks);
    answer([tasks[0] as Running]);
    expect(look(WINDOW_US)).toMatchObject([{ outcome: 'missed' }]);
  });

  it('is looked at for longer where jobs are few, and given up where they do not come', () => {
    const tasks = [task({ periodUs: 8_000_000, deadlineUs: 8_000_000 })];
    const { look, watch } = watching(tasks);
    answer(tasks, 1);
    expect(look(WINDOW_US)).toEqual([]);
    answer(tasks, 2);
    expect(look(WINDOW_US)).toMatchObject([{ outcome: 'met', jobs: 3, observedUs: 2 * WINDOW_US }]);
    for (let n = 0; n < 6; n++) expect(look(WINDOW_US)).toEqual([]);
    expect(watch.dropped).toBe(1);
  });

  it.each([
    ['a task comes', (tasks: Running[]) => void tasks.push(task())],
    ['a task goes', (tasks: Running[]) => void tasks.pop()],
    ['one is restored', (tasks: Running[]) => void tasks.splice(0, 1, task())],
    ['one stands still', (tasks: Running[]) => void Object.assign(tasks[0] as Running, { runs: false })],
  ])('says nothing of a window in which %s', (_, change) => {
    const tasks = [task(), task()];
    const { look, watch } = watching(tasks);
    answer(tasks);
    change(tasks);
    (tasks[0] as Running).misses++;
    expect(look(WINDOW_US)).toEqual([]);
    expect(watch.dropped).toBe(1);
  });

  it('says nothing of what was disturbed, and begins anew', () => {
    const tasks = [task()];
    const { look } = watching(tasks);
    (tasks[0] as Running).misses = 7;
    expect(look(WINDOW_US, true)).toEqual([]);
    answer(tasks);
    expect(look(WINDOW_US)).toMatchObject([{ outcome: 'met', misses: 0 }]);
  });

  it('is not looked at where a task has no period or deadline, or where there are more lanes than cores', () => {
    const strange = [task({ periodUs: 0 }), task({ deadlineUs: 0, lane: 1 }), task({ lane: 2 })];
    const { look } = watching(strange);
    answer(strange);
    expect(look(WINDOW_US)).toEqual([]);
    expect(look(WINDOW_US)).toEqual([]);
  });

  it('takes the longest execution of the window for a WCET that nobody has declared', () => {
    const tasks = [task({ wcetUs: 0, longestUs: 80_000 })];
    const { look } = watching(tasks);
    answer(tasks);
    (tasks[0] as Running).longestUs = 900;
    const [seen] = look(WINDOW_US);
    expect(seen?.tasks).toEqual([{ wcetUs: 1_024, periodUs: 10_000, deadlineUs: 5_000, isMeasured: true }]);
  });
});

it('says nothing of a set that no model is needed for', () => {
  const tasks = [task({ wcetUs: 6_000 })];
  const { look, watch } = watching(tasks);
  Object.assign(tasks[0] as Running, { responses: 900, misses: 900 });
  expect(look(WINDOW_US)).toEqual([]);
  expect(watch.dropped).toBe(1);
});

it('rounds what is measured up to few different numbers', () => {
  expect([0, 1, 1_024, 1_025, 900].map(measuredWcetUs)).toEqual([1, 1, 1_024, 1_218, 1_024]);
  const between = new Set(Array.from({ length: 1_000 }, (_, at) => measuredWcetUs(1_000 + at)));
  expect(between.size).toBe(5);
});

/** The entry to the analyses: by hand, at the edges, and with numbers that mean nothing. */
import { describe, expect, test } from 'vitest';
import { type Analysis, analyse } from '../../../src/domain/realtime/analyse.ts';
import type { Platform, Scheduler } from '../../../src/domain/realtime/platform.ts';
import type { RealtimeTask } from '../../../src/domain/realtime/realtime-task.ts';
import { sentenceOfRefusal } from '../../../src/domain/realtime/refusal.ts';
import { largestWcetUs, smallestCheckpointIntervalUs } from '../../../src/domain/realtime/sensitivity.ts';
import { TIME_US_MAX } from '../../../src/domain/realtime/set-check.ts';
import {
  compareLoad,
  isRateMonotonic,
  withinHyperbolic,
  withinLiuLayland,
} from '../../../src/domain/realtime/utilisation-bounds.ts';

const task = (wcetUs: number, periodUs: number, deadlineUs: number, priority: number): RealtimeTask => ({
  wcetUs,
  periodUs,
  deadlineUs,
  priority,
});
const on = (scheduler: Scheduler, more: Partial<Platform> = {}): Platform => ({
  cores: 1,
  scheduler,
  preemptive: true,
  placement: 'partitioned',
  ...more,
});
const PLATFORMS: readonly (readonly [string, Platform])[] = [
  ['fp', on('fp')],
  ['npfp', on('fp', { preemptive: false })],
  ['edf', on('edf')],
  ['npedf', on('edf', { preemptive: false })],
  ['rr', on('rr')],
  ['gfp', on('fp', { cores: 2, placement: 'global' })],
  ['gedf', on('edf', { cores: 2, placement: 'global' })],
  ['partitioned-fp', on('fp', { cores: 2 })],
  ['partitioned-edf', on('edf', { cores: 2 })],
];
const responses = ({ tasks }: Analysis): (number | undefined)[] => tasks.map(({ responseUs }) => responseUs);
const said = ({ refusal }: Analysis): string =>
  refusal === undefined ? '' : sentenceOfRefusal(refusal, (index) => `T${index + 1}`);

describe('by hand', () => {
  const three = [task(1, 4, 4, 3), task(2, 6, 6, 2), task(3, 13, 13, 1)];

  test('three tasks, one core, fixed priorities with and without pre-emption', () => {
    expect(responses(analyse(three, on('fp')))).toEqual([1, 3, 10]);
    // All of T3 (3 µs) is in front of T1 and T2; T1 comes twice before T2 can start at 5, and once before T3 can at 3.
    const notStopped = [task(1, 4, 4, 3), task(2, 8, 8, 2), task(3, 13, 13, 1)];
    expect(responses(analyse(notStopped, on('fp', { preemptive: false })))).toEqual([4, 7, 6]);
    const late = analyse([task(1, 4, 3, 3), ...notStopped.slice(1)], on('fp', { preemptive: false }));
    expect(late.schedulable).toBe(false);
    expect(late.refusal).toEqual({ kind: 'deadline-missed', index: 0, responseUs: 4, deadlineUs: 3 });
    expect(said(late)).toBe('T1 would answer after 4 µs or more, its deadline is 3 µs');
  });

  test.each(['fp', 'edf'] as const)('bound to the cores that packing found, %s: the same answer', (scheduler) => {
    const set = [task(3, 5, 5, 3), task(4, 8, 8, 2), task(5, 20, 20, 1), task(2, 9, 6, 4)];
    const packed = analyse(set, on(scheduler, { cores: 2 }));
    const bound = set.map((one, index) => ({ ...one, core: packed.tasks[index]?.core as number }));
    const again = analyse(bound, on(scheduler, { cores: 2 }));
    expect(again).toMatchObject({ schedulable: true, tasks: packed.tasks, loadPpm: packed.loadPpm });
    const quick = analyse(bound, on(scheduler, { cores: 2 }), { responses: false });
    expect([quick.schedulable, quick.tasks.map(({ core }) => core)]).toEqual([true, bound.map(({ core }) => core)]);
  });

  test('bound tasks: a core that fails names its task, and one that is half bound is refused', () => {
    const two = [
      { ...task(3, 5, 5, 2), core: 1 },
      { ...task(3, 10, 5, 1), core: 1 },
    ];
    // In truth after 9; that 8 is too late is known before.
    const late = analyse(two, on('fp', { cores: 2 }));
    expect([late.schedulable, said(late)]).toEqual([false, 'T2 would answer after 8 µs or more, its deadline is 5 µs']);
    expect(analyse([two[0] as RealtimeTask, task(1, 9, 9, 1)], on('fp', { cores: 2 })).refusal).toMatchObject({
      kind: 'bad-platform',
      what: expect.stringContaining('bind all or none'),
    });
  });

  test('two long tasks and a short one: EDF needs no more than the load, fixed priorities do', () => {
    const set = [task(2, 5, 5, 2), task(4, 7, 7, 1)];
    expect(analyse(set, on('edf')).schedulable).toBe(true);
    expect(said(analyse(set, on('fp')))).toBe('T2 would answer after 8 µs or more, its deadline is 7 µs');
  });

  test('Dhall: one heavy task fails global EDF and packs', () => {
    const set = [task(1, 10, 10, 3), task(1, 10, 10, 2), task(11, 11, 11, 1)];
    expect(analyse(set, on('edf', { cores: 2, placement: 'global' })).schedulable).toBeUndefined();
    const packed = analyse(set, on('edf', { cores: 2 }));
    expect(packed.schedulable).toBe(true);
    expect(packed.tasks.map(({ core }) => core)).toEqual([1, 1, 0]);
  });

  test('round robin: a slice of each other for every slice of its own, never more than they have to do', () => {
    const set = [task(4, 100, 100, 1), task(10, 100, 100, 1), task(1, 100, 100, 1)];
    // T1: two slices of 2 µs; T2 takes two slices, T3 its single µs.
    expect(responses(analyse(set, on('rr', { sliceUs: 2 })))[0]).toBe(4 + 4 + 1);
  });

  test('more tasks than fit: which one found no core, and who would be late', () => {
    // 15 = 6 / (1 − 0.6): the bound from which the fixed point (18) would have been looked for.
    const set = [task(6, 10, 10, 3), task(6, 10, 10, 2), task(6, 10, 10, 1)];
    const refused = analyse(set, on('fp', { cores: 2 }));
    expect(refused.schedulable).toBeUndefined();
    expect(said(refused)).toBe('no core was found for T3: T3 would answer after 15 µs or more, its deadline is 10 µs');
    expect(said(analyse([...set, task(6, 10, 10, 0)], on('fp', { cores: 2 })))).toBe(
      'the tasks need 240.00 % of one core, there are 200 %',
    );
  });
});

describe('overheads', () => {
  const set = [task(10, 100, 100, 2), task(40, 200, 200, 1)];
  const withOverheads = (overheads: Platform['overheads'], scheduler: Scheduler = 'fp') =>
    analyse(set, on(scheduler, overheads === undefined ? {} : { overheads }));

  test('checkpoints: C + n·O; switches: 2·S', () => {
    expect(responses(withOverheads(undefined))).toEqual([10, 50]);
    expect(responses(withOverheads({ checkpoint: { intervalUs: 10, costUs: 2 } }))).toEqual([12, 60]);
    expect(responses(withOverheads({ contextSwitchUs: 3 }))).toEqual([16, 62]);
  });

  test('Punnekkat: a fault repeats the largest stretch of those at least as urgent; checkpoints make it short', () => {
    // Without checkpoints: 10 + 10 and 50 + max(10, 40).
    expect(responses(withOverheads({ faults: { everyUs: 1_000, rollbackUs: 0 } }))).toEqual([20, 90]);
    const checkpoint = { intervalUs: 10, costUs: 2 };
    expect(responses(withOverheads({ checkpoint, faults: { everyUs: 1_000, rollbackUs: 1 } }))).toEqual([12 + 13, 60 + 13]);
  });

  test('a migration is demand before everything, once in its time, also under EDF', () => {
    const migration = { everyUs: 1_000, blackoutUs: 20 };
    expect(responses(withOverheads({ migration }))).toEqual([30, 70]);
    expect(responses(withOverheads({ migration }, 'edf'))).toEqual([30, 70]);
    expect(withOverheads({ migration: { everyUs: 1_000, blackoutUs: 91 } }, 'edf')).toMatchObject({
      schedulable: false,
      refusal: { kind: 'deadline-missed', index: 0, responseUs: 101, deadlineUs: 100 },
    });
  });

  test('what no test covers is refused by name, never answered', () => {
    const faults = { everyUs: 1_000, rollbackUs: 0 };
    for (const platform of [
      on('fp', { preemptive: false, overheads: { faults } }),
      on('rr', { overheads: { faults } }),
      on('edf', { cores: 2, placement: 'global', overheads: { faults } }),
      on('fp', { cores: 2, placement: 'global', preemptive: false }),
      on('rr', { cores: 2, placement: 'global' }),
    ]) {
      expect(analyse(set, platform)).toMatchObject({ schedulable: undefined, refusal: { kind: 'not-modelled' } });
    }
  });
});

describe('sensitivity', () => {
  test('the largest WCET, also of a set that fails as it is', () => {
    const set = [task(2, 5, 5, 2), task(4, 7, 7, 1)];
    expect(largestWcetUs(set, 1, on('fp'))).toBe(3);
    expect(largestWcetUs(set, 0, on('fp'))).toBe(1);
    expect(largestWcetUs([task(5, 5, 5, 2), task(1, 5, 5, 1)], 1, on('fp'))).toBeUndefined();
  });

  test('the smallest checkpoint interval: 100 µs of work, 160 µs of time, 5 µs a checkpoint: twelve fit', () => {
    const overheads = { checkpoint: { intervalUs: 1, costUs: 5 } };
    expect(smallestCheckpointIntervalUs([task(100, 1_000, 160, 1)], on('fp', { overheads }))).toBe(9);
    expect(smallestCheckpointIntervalUs([task(100, 1_000, 104, 1)], on('fp', { overheads }))).toBeUndefined();
  });
});

describe('bounds', () => {
  test('⅓ + ⅓ + ⅓ is one core, exactly; one µs more is not', () => {
    const third = task(1, 3, 3, 1);
    expect(compareLoad([third, third, third], 1)).toBe(0);
    expect(compareLoad([third, third, { wcetUs: 333_333_334, periodUs: 1_000_000_000 }], 1)).toBe(1);
    expect(compareLoad([third, third, { wcetUs: 333_333_333, periodUs: 1_000_000_000 }], 1)).toBe(-1);
    expect(analyse([third, third, third], on('edf')).schedulable).toBe(true);
  });

  test('hyperbolic accepts what Liu & Layland do not: ½ and ⅓, exactly at the bound', () => {
    const set = [task(1, 2, 2, 2), task(1, 3, 3, 1)];
    expect([withinLiuLayland(set), withinHyperbolic(set)]).toEqual([false, true]);
    expect(withinHyperbolic([set[0] as RealtimeTask, { wcetUs: 333_334, periodUs: 1_000_000 }])).toBe(false);
    expect(isRateMonotonic(set)).toBe(true);
    expect(isRateMonotonic([task(1, 2, 1, 2)])).toBe(false);
  });
});

describe('numbers that mean nothing', () => {
  const good = task(1, 4, 4, 1);
  const bad: readonly (readonly [string, readonly RealtimeTask[], string])[] = [
    ['no task', [], 'empty-set'],
    ['a zero WCET', [{ ...good, wcetUs: 0 }], 'not-positive'],
    ['a negative period', [{ ...good, periodUs: -4 }], 'not-positive'],
    ['a zero deadline', [{ ...good, deadlineUs: 0 }], 'not-positive'],
    ['negative jitter', [{ ...good, jitterUs: -1 }], 'not-positive'],
    ['half a µs', [{ ...good, wcetUs: 0.5 }, good], 'not-positive'],
    ['a fraction', [good, { ...good, periodUs: 4.5 }], 'not-whole'],
    ['no number', [{ ...good, wcetUs: Number.NaN }], 'not-whole'],
    ['infinity', [{ ...good, deadlineUs: Number.POSITIVE_INFINITY }], 'too-large'],
    ['more than can be added exactly', [{ ...good, periodUs: TIME_US_MAX + 2 }], 'too-large'],
    ['a fractional priority', [{ ...good, priority: 1.5 }], 'not-whole'],
    ['too many tasks', Array.from({ length: 3_000 }, () => good), 'too-many-tasks'],
  ];

  test.each(PLATFORMS)('%s: each is refused by its name', (_, platform) => {
    for (const [, tasks, kind] of bad) {
      const { schedulable, refusal } = analyse(tasks, platform);
      expect([schedulable, refusal?.kind]).toEqual([undefined, kind]);
    }
  });

  test.each(PLATFORMS)('%s: a WCET above its deadline or its period is never a yes', (_, platform) => {
    for (const hopeless of [task(5, 40, 4, 1), task(5, 4, 40, 1)]) {
      for (const tasks of [[hopeless], [good, { ...hopeless, priority: 2 }]]) {
        const { schedulable, refusal } = analyse(tasks, platform);
        expect(schedulable).not.toBe(true);
        expect(refusal).toBeDefined();
      }
    }
  });

  test('cores, slices and overheads that mean nothing', () => {
    const platforms: readonly Platform[] = [
      on('edf', { cores: 0 }),
      on('edf', { cores: 1.5 }),
      on('edf', { cores: 1_000_000 }),
      on('rr', { sliceUs: 0 }),
      on('fp', { overheads: { checkpoint: { intervalUs: 0, costUs: 1 } } }),
      on('fp', { overheads: { faults: { everyUs: Number.NaN, rollbackUs: 1 } } }),
    ];
    for (const platform of platforms) {
      expect(analyse([good], platform)).toMatchObject({ schedulable: undefined, refusal: { kind: 'bad-platform' } });
    }
  });
});

describe('hard to decide', () => {
  const prime = 1_000_000_007;

  test.each(PLATFORMS)('%s: equal priorities are charged to each other', (_, platform) => {
    const { schedulable, tasks } = analyse([task(2, 6, 4, 1), task(2, 6, 4, 1)], platform);
    expect(schedulable).toBe(true);
    if (platform.cores === 1 && platform.scheduler === 'fp') expect(tasks.map(({ responseUs }) => responseUs)).toEqual([4, 4]);
  });

  test('a load of exactly 1 and a period that is a large prime: no hang, and no yes without a proof', () => {
    // ½ + (p − 1) / 2p + 1 / 2p = 1, with periods that have nothing in common.
    const full = [task(1, 2, 2, 3), task((prime - 1) / 2, prime, prime - 1, 2), task(1, 2 * prime, 2 * prime - 1, 1)];
    expect(compareLoad(full, 1)).toBe(0);
    for (const [, platform] of PLATFORMS) {
      const { schedulable, refusal } = analyse(full, platform);
      if (schedulable !== true) expect(refusal).toBeDefined();
    }
    const one = [task(1, 2, 1, 2), task(1, 2, 2, 1)];
    expect(analyse(one, on('edf')).schedulable).toBe(true);
    expect(analyse([task(1, 2, 1, 2), task(1, 2, 1, 1)], on('edf')).schedulable).toBe(false);
  });

  test('a busy period that never ends is given up, and named', () => {
    const endless = [task(2, 4, 4, 2), { ...task(500_000_000, 1_000_000_000, TIME_US_MAX, 1), blockingUs: 1 }];
    const { schedulable, refusal } = analyse(endless, on('fp'));
    expect([schedulable, refusal?.kind]).toEqual([undefined, 'work-limit']);
  });

  test('the float trap: a start value one µs too high would refuse this set', () => {
    // C / (1 − U) is exactly 10⁶; in doubles it may come out above.
    const hp = [task(1, 10, 10, 9), task(1, 10, 10, 8), task(1, 10, 10, 7)];
    const set = [...hp, task(700_000, 1_000_000, 1_000_000, 1)];
    expect(analyse(set, on('fp'))).toMatchObject({ schedulable: true });
    expect(responses(analyse(set, on('fp')))[3]).toBe(1_000_000);
  });
});

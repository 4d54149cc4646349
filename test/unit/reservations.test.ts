/** Reservations: what is absurd, when they count, whom they keep out, and what an ECU has left to be reserved. */
import { describe, expect, test } from 'vitest';
import { acceptedTaskOf, admits } from '../../src/domain/placement/admit.ts';
import { admitsBooking, brokenBookings } from '../../src/domain/placement/admits-booking.ts';
import { assign } from '../../src/domain/placement/assign.ts';
import { mergeViews } from '../../src/domain/placement/merge-views.ts';
import type { FleetView } from '../../src/domain/protocol/messages.ts';
import { BOOKINGS_MAX, EMPTY_BOOK, keptOn, withBooking, withoutBooking } from '../../src/domain/reservation/book.ts';
import { type Booking, bookedPeak, bookedShareAhead, moments } from '../../src/domain/reservation/booking.ts';
import { type BookingDraft, checkBooking } from '../../src/domain/reservation/booking-draft.ts';
import { candidateOf, MIB, macOf, specOf } from '../support/placement-builders.ts';

const SECOND = 1_000_000;
const NOW = 1_700_000_000 * SECOND;
const NO_DEMAND = { cpuPpm: 0, memoryBytes: 0, periodUs: 0, wcetUs: 0, deadlineUs: 0, priority: 10, hardDeadline: false };

/** From and until in seconds from now. */
const booking = (id: string, from: number, until: number, more: Partial<Booking> = {}): Booking => ({
  id,
  ecu: macOf(1),
  labels: undefined,
  fromUs: NOW + from * SECOND,
  untilUs: NOW + until * SECOND,
  task: undefined,
  criticality: 4,
  demand: { ...NO_DEMAND, cpuPpm: 500_000 },
  madeAtUs: NOW,
  note: '',
  ...more,
});
const ids = (sets: ReturnType<typeof moments>): string[] => sets.map((set) => set.map(({ id }) => id).join('+'));
const ALWAYS = { fromUs: Number.NEGATIVE_INFINITY, untilUs: Number.POSITIVE_INFINITY };
const ecu = (booked: readonly Booking[] = []) => ({
  ...{ cores: 1, memoryBytes: 256 * MIB, capabilities: [], runtimes: ['wasm'] as const, draining: false },
  scheduling: { scheduler: 'fp' } as const,
  booked,
});

describe('what may be asked for', () => {
  const draft: BookingDraft = booking('', 0, 3600);
  const problem = (more: Partial<BookingDraft>, demand: Partial<Booking['demand']> = {}): string => {
    const checked = checkBooking({ ...draft, ...more, demand: { ...draft.demand, ...demand } }, NOW);
    return checked.ok ? '' : checked.error;
  };

  test('a share of an ECU for an hour', () => {
    expect(problem({})).toBe('');
    expect(problem({}, { cpuPpm: 0, periodUs: 10_000, wcetUs: 1000, deadlineUs: 5000, hardDeadline: true })).toBe('');
    expect(problem({ ecu: undefined, labels: { zone: 'front' } })).toBe('');
  });

  test.each([
    ['nowhere', { ecu: undefined }, {}, /neither an ECU nor labels/],
    ['a window that is over', { fromUs: NOW - 50 * SECOND, untilUs: NOW - SECOND }, {}, /over already/],
    ['a window that began long ago', { fromUs: NOW - 3600 * SECOND }, {}, /begins in the past/],
    ['an end before the beginning', { untilUs: NOW - SECOND }, {}, /shorter than a second/],
    ['two months', { untilUs: NOW + 61 * 86_400 * SECOND }, {}, /longer than 31 days/],
    [
      'in two years',
      { fromUs: NOW + 2 * 366 * 86_400 * SECOND, untilUs: NOW + 2 * 366 * 86_400 * SECOND + 60 * SECOND },
      {},
      /more than a year/,
    ],
    ['no time at all', { fromUs: Number.NaN }, {}, /no time/],
    ['a thousand cores', {}, { cpuPpm: 1e9 }, /64 at most/],
    ['half a ppm', {}, { cpuPpm: 0.5 }, /64 at most/],
    ['more memory than there is', {}, { memoryBytes: 2 ** 50 }, /1 TiB/],
    ['nothing', {}, { cpuPpm: 0 }, /books nothing/],
    ['cores and a period', {}, { periodUs: 1000, wcetUs: 1, deadlineUs: 1000 }, /both cores and a period/],
    ['a WCET beyond the period', {}, { cpuPpm: 0, periodUs: 1000, wcetUs: 2000, deadlineUs: 1000 }, /WCET/],
    ['a deadline without a period', {}, { cpuPpm: 0, deadlineUs: 1000 }, /no period/],
    [
      'a deadline below the WCET',
      {},
      { cpuPpm: 0, periodUs: 1000, wcetUs: 500, deadlineUs: 400 },
      /between its WCET and its period/,
    ],
    ['a criticality that is none', { criticality: 7 }, {}, /criticality/],
  ])('not %s', (_, more, demand, sentence) => {
    expect(problem(more, demand)).toMatch(sentence);
  });
});

describe('when they count', () => {
  test('only those that are kept at the same time are tested together', () => {
    expect(ids(moments([booking('a', 0, 10), booking('b', 20, 30)], ALWAYS))).toEqual(['a', 'b']);
    expect(ids(moments([booking('a', 0, 10), booking('b', 10, 30)], ALWAYS))).toEqual(['a', 'b']);
    expect(ids(moments([booking('a', 0, 30), booking('b', 20, 40), booking('c', 25, 35)], ALWAYS))).toEqual([
      'a',
      'a+b',
      'a+b+c',
    ]);
    expect(
      ids(moments([booking('a', 0, 30), booking('b', 20, 40)], { fromUs: NOW + 35 * SECOND, untilUs: NOW + 50 * SECOND })),
    ).toEqual(['b']);
  });

  test('the peak, and the load that is known to come', () => {
    const two = [booking('a', 0, 30), booking('b', 20, 40)];
    expect(bookedPeak(two)).toEqual({ ppm: 1_000_000, memoryBytes: 0 });
    const at = (s: number) => bookedShareAhead(two, { nowUs: NOW + SECOND, atUs: NOW + s * SECOND, cores: 2 });
    expect([at(10), at(25), at(45)]).toEqual([0, 0.25, 0]);
  });

  test('the book gives each id once, forgets what has been over for an hour, and has an end', () => {
    const { id: _, madeAtUs: __, ...made } = booking('', 0, 10);
    const first = withBooking(EMPTY_BOOK, made, NOW);
    const idsAfter = (nowUs: number): unknown => {
      const second = withBooking(first.ok ? first.value.book : EMPTY_BOOK, made, nowUs);
      return second.ok && second.value.book.bookings.map(({ id }) => id);
    };
    // Whoever writes may have a clock that goes wrong.
    expect(idsAfter(NOW + 11 * SECOND)).toEqual(['r1', 'r2']);
    expect(idsAfter(NOW + 3_611 * SECOND)).toEqual(['r2']);
    const full = {
      next: 5000,
      refused: [],
      bookings: Array.from({ length: BOOKINGS_MAX }, (_, at) => booking(`r${at}`, 0, 10)),
    };
    expect(withBooking(full, made, NOW).ok).toBe(false);
    const later = withBooking(full, made, NOW + 20 * SECOND);
    expect(later.ok && later.value.book.bookings.length).toBe(BOOKINGS_MAX);
    expect(withoutBooking(full, 'r3', NOW)?.bookings.length).toBe(BOOKINGS_MAX - 1);
    expect(withoutBooking(full, 'r9999', NOW)).toBeUndefined();
    expect(keptOn(full, macOf(2), NOW)).toEqual([]);
  });
});

describe('whom they keep out', () => {
  const needs60 = specOf('heavy', { periodUs: 10_000, wcetUs: 6_000, hardDeadline: false });

  test('what fits now does not fit beside a reservation that begins tomorrow', () => {
    const answer = admits([], [needs60], ecu([booking('r1', 86_400, 90_000)]));
    expect(answer.ok ? undefined : answer.error).toMatchObject({
      kind: 'reserved',
      bookings: ['r1'],
      fromUs: NOW + 86_400 * SECOND,
    });
    expect(admits([], [needs60], ecu([booking('r1', 86_400, 90_000, { demand: { ...NO_DEMAND, cpuPpm: 400_000 } })])).ok).toBe(
      true,
    );
  });

  test('not the task that it is kept for, nor one of higher criticality', () => {
    expect(admits([], [needs60], ecu([booking('r1', 0, 10, { task: 'heavy' })])).ok).toBe(true);
    expect(admits([], [needs60], ecu([booking('r1', 0, 10, { criticality: 0 })])).ok).toBe(true);
    expect(admits([], [needs60], ecu([booking('r1', 0, 10, { criticality: 1 })])).ok).toBe(false);
  });

  test('by the exact test: a task whose utilisation fits and whose deadline does not', () => {
    const demand = { ...NO_DEMAND, periodUs: 5_000, wcetUs: 2_000, deadlineUs: 5_000, priority: 20, hardDeadline: true };
    const tight = specOf('tight', { periodUs: 10_000, wcetUs: 3_000, deadlineUs: 4_000, priority: 10 });
    const answer = admits([], [tight], ecu([booking('r1', 0, 10, { demand })]));
    expect(answer.ok ? '' : answer.error).toMatchObject({
      kind: 'reserved',
      why: expect.stringContaining('tight would answer after'),
    });
    const lower = { ...demand, priority: 1, hardDeadline: false };
    const beside = admits([], [tight], ecu([booking('r1', 0, 10, { demand: lower })]));
    expect(beside.ok && beside.value.reserved).toEqual({ bookings: ['r1'], utilisationPpm: 700_000, memoryUsedBytes: MIB });
  });

  test('room that nobody has taken yet delays no job, also where jobs are not interrupted', () => {
    const uninterrupted = { ...ecu([booking('r1', 0, 10)]), scheduling: { scheduler: 'fp', nonPreemptive: true } as const };
    expect(admits([], [specOf('tight', { periodUs: 10_000, wcetUs: 4_000, deadlineUs: 4_000 })], uninterrupted).ok).toBe(true);
    expect(admits([], [needs60], uninterrupted).ok).toBe(false);
  });

  test('memory is kept as well', () => {
    const demand = { ...NO_DEMAND, memoryBytes: 200 * MIB };
    const big = specOf('big', { memoryBytesMax: 64 * MIB });
    expect(admits([], [big], ecu([booking('r1', 0, 10, { demand })]))).toMatchObject({
      ok: false,
      error: { kind: 'reserved' },
    });
  });

  test('several cores are kept as several, on a machine of several', () => {
    const demand = { ...NO_DEMAND, cpuPpm: 2_500_000 };
    const four = { ...ecu([booking('r1', 0, 10, { demand })]), cores: 4 };
    const whole = (name: string) => specOf(name, { periodUs: 10_000, wcetUs: 10_000, hardDeadline: false });
    expect(admits([], [whole('a')], four).ok).toBe(true);
    expect(admits([acceptedTaskOf(whole('a'), 1)], [whole('b')], four)).toMatchObject({
      ok: false,
      error: { kind: 'reserved' },
    });
  });

  test('a plan goes where nothing is reserved, and says why not there', () => {
    const booked = candidateOf(1, { booked: [booking('r1', 60, 120)] });
    const plan = assign({
      newcomers: [{ spec: specOf('light', { hardDeadline: false }) }],
      candidates: [booked, candidateOf(2)],
    });
    expect(plan.assignments[0]?.mac).toBe(macOf(2));
    const heavy = assign({ newcomers: [{ spec: needs60 }], candidates: [booked] });
    expect(heavy.unplaced[0]?.sentence).toContain('1 reserved (has room now, but r1 is reserved there');
  });

  test('evicting a less critical task helps only as far as the reservation lets it', () => {
    const [low, high] = [specOf('low', { wcetUs: 4_000, criticality: 0 }), specOf('high', { wcetUs: 6_000, criticality: 2 })];
    const there = { accepted: [acceptedTaskOf(low, 1)] };
    const criticalityOfRunning = () => 0;
    const room = (booked: readonly Booking[]) =>
      assign({ newcomers: [{ spec: high }], candidates: [candidateOf(1, { ...there, booked })], criticalityOfRunning })
        .unplaced[0];
    const quarter = { ...NO_DEMAND, cpuPpm: 250_000 };
    expect(room([booking('r1', 0, 10, { demand: quarter })])?.roomBy?.tasks).toEqual(['low']);
    expect(room([booking('r1', 0, 10)])).toMatchObject({ roomBy: undefined });
  });
});

describe('what is left to be reserved', () => {
  const { booked: _, ...free } = ecu();
  const half = acceptedTaskOf(specOf('half', { wcetUs: 5_000 }), 1);

  test('what overlaps beyond the capacity is refused, what comes after it is not', () => {
    const there = {
      ecu: free,
      accepted: [half],
      bookings: [booking('r1', 100, 200, { demand: { ...NO_DEMAND, cpuPpm: 300_000 } })],
    };
    const late = admitsBooking(there, booking('r2', 150, 300));
    expect(late.ok ? undefined : late.error).toMatchObject({ beside: ['r1'], refusal: { kind: 'utilisation' } });
    expect(admitsBooking(there, booking('r2', 200, 300))).toEqual({ ok: true, value: 1 });
    expect(admitsBooking(there, booking('r2', 0, 100))).toEqual({ ok: true, value: 1 });
  });

  test('for a task that runs there, its own share is not asked for twice', () => {
    const demand = { ...NO_DEMAND, periodUs: 10_000, wcetUs: 6_000, deadlineUs: 10_000, hardDeadline: true };
    expect(admitsBooking({ ecu: free, accepted: [half], bookings: [] }, booking('r1', 0, 10, { demand })).ok).toBe(false);
    expect(
      admitsBooking({ ecu: free, accepted: [half], bookings: [] }, booking('r1', 0, 10, { demand, task: 'half' })).ok,
    ).toBe(true);
  });

  test('one that could not be kept any more is said to be broken', () => {
    const full = acceptedTaskOf(specOf('full', { wcetUs: 8_000 }), 1);
    const there = {
      ecu: free,
      accepted: [full],
      bookings: [booking('r1', 0, 10), booking('r2', 20, 30, { demand: { ...NO_DEMAND, cpuPpm: 1000 } })],
    };
    expect([...brokenBookings(there)]).toEqual([['r1', expect.stringContaining('ppm')]]);
  });

  test('of two managers’ words, the one that knows of the damage counts', () => {
    const view = { manager: 'm1', ecus: [], tasks: [], managers: [], counters: {} } satisfies FleetView;
    const merged = mergeViews({ ...view, reservations: [booking('r1', 0, 10)] }, [
      { ...view, reservations: [{ ...booking('r1', 0, 10), broken: 'no room' }] },
    ]);
    expect(merged.reservations?.[0]?.broken).toBe('no room');
  });
});

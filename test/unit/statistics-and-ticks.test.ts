import { describe, expect, it } from 'vitest';
import { START_OF_INPUTS } from '../../src/domain/model/checkpoint.ts';
import { nearestRank, summarise } from '../../src/domain/statistics/quantiles.ts';
import { advance, belowTrimMark, contiguityOf } from '../../src/domain/task/contiguity.ts';
import { adoptTick, dueTicks, resumeTicks, startTicks } from '../../src/domain/task/ticks.ts';

describe('quantiles', () => {
  it('are measured values by nearest rank', () => {
    expect(summarise([])).toEqual({ n: 0, p50: 0, p99: 0, max: 0 });
    expect(summarise([7])).toEqual({ n: 1, p50: 7, p99: 7, max: 7 });
    expect(summarise([10, 2, 33, 4])).toEqual({ n: 4, p50: 4, p99: 33, max: 33 });
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(summarise(hundred)).toEqual({ n: 100, p50: 50, p99: 99, max: 100 });
    expect(nearestRank([1, 2, 3], 1)).toBe(1);
  });
});

describe('ticks', () => {
  const policy = { periodUs: 10_000, catchUp: false, catchUpMax: 4 };

  it('are never early and keep their phase (K2, K3)', () => {
    let state = startTicks(policy, 5_000);
    expect(dueTicks(policy, state, 14_999).ticks).toEqual([]);
    const first = dueTicks(policy, state, 17_123);
    expect(first.ticks).toEqual([{ number: 1, skipped: 0 }]);
    state = first.next;
    expect(state).toEqual({ number: 1, dueUs: 25_000 });
  });

  it('skips and counts what was missed in one tick (K1, K4)', () => {
    const late = dueTicks(policy, { number: 7, dueUs: 100_000 }, 145_000);
    expect(late.ticks).toEqual([{ number: 12, skipped: 4 }]);
    expect(late.next).toEqual({ number: 12, dueUs: 150_000 });
  });

  it('makes up at most catchUpMax and counts the rest (K4)', () => {
    const late = dueTicks({ ...policy, catchUp: true }, { number: 7, dueUs: 100_000 }, 165_000);
    expect(late.ticks).toEqual([
      { number: 11, skipped: 3 },
      { number: 12, skipped: 0 },
      { number: 13, skipped: 0 },
      { number: 14, skipped: 0 },
    ]);
    expect(late.next).toEqual({ number: 14, dueUs: 170_000 });
  });

  it('goes on after another ticker, here or elsewhere', () => {
    const resumed = resumeTicks(policy, { lastNumber: 41, sinceLastUs: 33_000, nowUs: 1_000_000 });
    expect(dueTicks(policy, resumed, 1_000_000).ticks).toEqual([{ number: 44, skipped: 2 }]);
    expect(resumeTicks(policy, { lastNumber: 1, sinceLastUs: -5, nowUs: 0 }).dueUs).toBe(10_000);
    expect(adoptTick(policy, { number: 3, dueUs: 40_000 }, 5)).toEqual({ number: 5, dueUs: 60_000 });
  });
});

describe('contiguity', () => {
  const cursor = { sequence: 90, dataNumber: 10, tickNumber: 20 };

  it.each([
    [{ kind: 'data', number: 11, skipped: 0 }, { kind: 'ok' }],
    [{ kind: 'data', number: 10, skipped: 0 }, { kind: 'duplicate' }],
    [
      { kind: 'data', number: 13, skipped: 0 },
      { kind: 'gap', expectedNumber: 11, firstNumber: 13 },
    ],
    [{ kind: 'tick', number: 21, skipped: 0 }, { kind: 'ok' }],
    [{ kind: 'tick', number: 25, skipped: 4 }, { kind: 'ok' }],
    [
      { kind: 'tick', number: 25, skipped: 3 },
      { kind: 'gap', expectedNumber: 21, firstNumber: 22 },
    ],
    [
      { kind: 'tick', number: 25, skipped: 6 },
      { kind: 'gap', expectedNumber: 21, firstNumber: 19 },
    ],
    [{ kind: 'tick', number: 20, skipped: 0 }, { kind: 'duplicate' }],
  ] as const)('%o → %o', (input, expected) => {
    expect(contiguityOf(cursor, input)).toEqual(expected);
  });

  it('moves only the cursor of its own kind', () => {
    expect(advance(cursor, { kind: 'tick', number: 25, skipped: 4 }, 91)).toEqual({
      sequence: 91,
      dataNumber: 10,
      tickNumber: 25,
    });
    expect(advance(START_OF_INPUTS, { kind: 'data', number: 1, skipped: 0 }, 3)).toEqual({
      sequence: 3,
      dataNumber: 1,
      tickNumber: 0,
    });
  });
});

describe('the trim mark', () => {
  const at = (sequence: number) => ({ sequence, dataNumber: 3, tickNumber: 4 });

  it('lets start what has read everything up to it, and whatever there is where nothing was trimmed', () => {
    expect(belowTrimMark(at(9), at(9))).toBeUndefined();
    expect(belowTrimMark(at(10), at(9))).toBeUndefined();
    expect(belowTrimMark(undefined, undefined)).toBeUndefined();
    expect(belowTrimMark(at(1), undefined)).toBeUndefined();
  });

  it('keeps what has read less from starting, a start from the first input among it', () => {
    expect(belowTrimMark(at(8), at(9))).toContain('up to sequence 8');
    expect(belowTrimMark(undefined, at(9))).toContain('up to sequence 0');
  });
});

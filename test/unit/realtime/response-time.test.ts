import { describe, expect, it } from 'vitest';
import type { RealtimeTask } from '../../../src/domain/realtime/realtime-task.ts';
import { responseTimesUs, responseTimeUs } from '../../../src/domain/realtime/response-time.ts';

const task = (wcetUs: number, periodUs: number, deadlineUs: number, priority: number): RealtimeTask => ({
  wcetUs,
  periodUs,
  deadlineUs,
  priority,
});

describe('response times', () => {
  it('Joseph & Pandya: three tasks by hand', () => {
    // R1 = 1; R2 = 2 + ⌈3/4⌉·1 = 3; R3: 3 → 3+1+2=6 → 3+2+2=7 → 3+2+4=9 → 3+3+4=10 → 3+3+4=10
    const set = [task(1, 4, 4, 3), task(2, 6, 6, 2), task(3, 13, 13, 1)];
    expect(responseTimesUs(set)).toEqual({ ok: true, value: [1, 3, 10] });
  });

  it('reports the deadline missed with the bound reached', () => {
    expect(responseTimeUs([task(3, 5, 5, 2), task(3, 10, 8, 1)], 1)).toEqual({
      ok: false,
      error: { kind: 'deadline-missed', responseUsMin: 9, deadlineUs: 8 },
    });
  });

  it('Lehoczky: with a deadline beyond the period a later job is the worst', () => {
    // The published example: C = 26, 62; T = 70, 100. Responses of the second task's jobs: 114, 102, 116, 104, 118, 106, 94.
    expect(responseTimeUs([task(26, 70, 70, 2), task(62, 100, 120, 1)], 1)).toEqual({ ok: true, value: 118 });
  });

  it('own jitter adds, a higher task’s jitter brings its jobs closer together', () => {
    const base = [task(2, 10, 10, 2), task(3, 20, 20, 1)];
    expect(responseTimeUs([base[0] as RealtimeTask, { ...(base[1] as RealtimeTask), jitterUs: 4 }], 1)).toEqual({
      ok: true,
      value: 9,
    });
    expect(responseTimeUs([{ ...(base[0] as RealtimeTask), jitterUs: 6 }, base[1] as RealtimeTask], 1)).toEqual({
      ok: true,
      value: 7,
    });
    expect(responseTimeUs([base[0] as RealtimeTask, { ...(base[1] as RealtimeTask), blockingUs: 5 }], 1)).toEqual({
      ok: true,
      value: 10,
    });
  });

  it('gives up on a hopeless busy period instead of running for ever', () => {
    const endless = [task(1, 2, 2, 2), task(500_000_000_001, 1_000_000_000_002, Number.MAX_SAFE_INTEGER, 1)];
    expect(responseTimeUs(endless, 1).ok).toBe(true);
    const overloaded = [task(2, 3, 3, 2), task(2, 3, 2 ** 50, 1)];
    expect(responseTimeUs(overloaded, 1)).toMatchObject({ ok: false, error: { kind: 'no-fixed-point' } });
  });
});

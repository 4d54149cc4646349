import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';
import { responseTimesUs, responseTimeUs } from '../../src/domain/realtime/response-time.ts';

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

// Answers of other tools, beside the repository where they are at hand; never copied into it.
const folder = new URL('../../../shared/vectors/', import.meta.url);
const atHand = existsSync(folder);

interface VectorTask {
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  readonly jitterUs: number;
  readonly blockingUs?: number;
}
type Vector = { readonly id: string; readonly tasks: readonly VectorTask[] } & Record<
  string,
  readonly (number | null)[] | boolean | null
>;

const read = (name: string): Vector[] =>
  readFileSync(new URL(name, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Vector);
/** The vectors' priority 1 is the most urgent. */
const ours = (tasks: readonly VectorTask[]): RealtimeTask[] => tasks.map((one) => ({ ...one, priority: -one.priority }));
const UNBOUNDED = 2 ** 50;
const responseOf = (tasks: RealtimeTask[], index: number): number | null => {
  const result = responseTimeUs(tasks, index);
  return result.ok ? result.value : null;
};

describe.skipIf(!atHand)('response times against peers (skipped where ../shared/vectors is not beside the repository)', () => {
  it('SchedCAT: every response and verdict, deadline up to the period', () => {
    let compared = 0;
    for (const vector of read('schedcat_uni.jsonl')) {
      const expected = vector['fpResponseUs'] as readonly (number | null)[] | null;
      if (expected === null) continue;
      const tasks = ours(vector.tasks);
      expect([vector.id, ...tasks.map((_, index) => responseOf(tasks, index))]).toEqual([vector.id, ...expected]);
      expect(responseTimesUs(tasks).ok).toBe(vector['fpSchedulable']);
      compared += tasks.length;
    }
    expect(compared).toBeGreaterThan(10_000);
  });

  it('SchedCAT: jitter and blocking, from the arrival, where the first job is the whole busy period', () => {
    let compared = 0;
    for (const vector of read('schedcat_jitter_blocking.jsonl')) {
      const expected = vector['fpResponseFromArrivalUs'] as readonly (number | null)[];
      const tasks = ours(vector.tasks);
      expected.forEach((value, index) => {
        const { periodUs, jitterUs } = vector.tasks[index] as VectorTask;
        // The peer looks at the first job alone; w + J > T means that there is a second one.
        if (value === null || value > periodUs || jitterUs > periodUs) return;
        const relaxed = tasks.map((one) => ({ ...one, deadlineUs: UNBOUNDED }));
        expect([vector.id, index, responseOf(relaxed, index)]).toEqual([vector.id, index, value]);
        compared++;
      });
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  it('pyCPA: jitter and arbitrary deadlines, several jobs of the busy period', () => {
    let compared = 0;
    for (const vector of read('pycpa_spp_spnp.jsonl')) {
      const expected = vector['sppWcrtFromReleaseUs'] as readonly (number | null)[] | null;
      if (expected === null) continue;
      const tasks = ours(vector.tasks).map((one) => ({ ...one, deadlineUs: UNBOUNDED }));
      expected.forEach((fromReleaseUs, index) => {
        if (fromReleaseUs === null) return;
        // From release, the peer's measure, R − J bounds the first job exactly and later ones by less than J.
        const value = responseOf(tasks, index);
        const jitterUs = (vector.tasks[index] as VectorTask).jitterUs;
        expect(value).not.toBeNull();
        if (jitterUs === 0) expect([vector.id, index, value]).toEqual([vector.id, index, fromReleaseUs]);
        else {
          expect(fromReleaseUs).toBeLessThanOrEqual(value as number);
          expect((value as number) - jitterUs).toBeLessThanOrEqual(fromReleaseUs);
        }
        compared++;
      });
    }
    expect(compared).toBeGreaterThan(1_000);
  });

  it('Rust response-time-analysis: arbitrary deadlines without jitter', () => {
    let compared = 0;
    for (const vector of read('rtars_fp_npfp_edf_npedf.jsonl')) {
      const expected = vector['fpResponseUs'] as readonly (number | null)[] | null;
      if (expected === null) continue;
      const tasks = ours(vector.tasks).map((one) => ({ ...one, deadlineUs: UNBOUNDED }));
      expected.forEach((value, index) => {
        if (value === null) return;
        expect([vector.id, index, responseOf(tasks, index)]).toEqual([vector.id, index, value]);
        compared++;
      });
    }
    expect(compared).toBeGreaterThan(1_000);
  });
});

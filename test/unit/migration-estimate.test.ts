/** The arithmetic of what a move costs: its terms, the blackouts of the modes, and which mode a deadline allows. */
import { describe, expect, test } from 'vitest';
import {
  byCost,
  type EstimatedCandidate,
  estimateCandidate,
  type MigrationFacts,
  type MigrationMode,
  silenceToAdmit,
} from '../../src/domain/migration/estimate.ts';

const MIB = 1024 ** 2;
const speed = { bytesPerSecond: 100 * MIB, switchUs: 10_000, followedUs: 4_000, keepUpUs: 50_000 };
const NOT = 'its bridge has kept up with no task so far';
const facts = (more: Partial<MigrationFacts> = {}): MigrationFacts => ({
  periodUs: 100_000,
  deadlineUs: 100_000,
  wcetUs: 1_000,
  jobsPerSecond: 10,
  stateBytes: 100 * MIB,
  dirtyBytesPerSecond: MIB,
  checkpointUs: 500_000,
  ...more,
});
const target = (more: Partial<EstimatedCandidate> = {}): EstimatedCandidate => ({
  mac: '02aa00000002',
  incarnation: 1,
  score: 0.5,
  responseUs: 2_000,
  busy: { jobsPerSecond: 100, utilisation: 0.5 },
  bytesAtHand: 0,
  ...more,
});
const estimate = (given: { facts?: MigrationFacts; target?: EstimatedCandidate; gain?: number; mode?: MigrationMode } = {}) =>
  estimateCandidate(given.target ?? target(), {
    facts: given.facts ?? facts(),
    speed,
    source: { jobsPerSecond: 50, utilisation: 0.2 },
    gain: given.gain ?? 0,
    mode: given.mode,
  });
const modeOf = (estimated: ReturnType<typeof estimate>, mode: MigrationMode) =>
  estimated.modes.find((one) => one.mode === mode);

describe('what a move costs', () => {
  test('a large state is copied live where standing still for it would break the deadline', () => {
    const estimated = estimate();
    expect(estimated).toMatchObject({ mode: 'live', bearable: true });
    expect(modeOf(estimated, 'stop-and-copy')).toMatchObject({ blackoutUs: 1_010_000, bearable: false });
    expect(modeOf(estimated, 'live')?.blackoutUs).toBeLessThan(11_000);
  });

  test('stop-and-copy: the switch and the whole state; the jobs beyond the slack are late', () => {
    const { cost } = estimate({ mode: 'stop-and-copy' });
    // 1,010 ms of silence, 98 ms of slack, a job each 100 ms.
    expect(cost.during).toBeCloseTo((1_010_000 - 98_000) / 100_000, 5);
    // One second of giving away at a source with 50 jobs a second, a fifth of which find their core busy.
    expect(cost.transfer).toBeCloseTo(50 * 0.2, 5);
    expect(cost.disturbance).toBeCloseTo(1.01 * 100 * 0.5, 5);
    expect(cost.total).toBeCloseTo(cost.during + cost.transfer + cost.disturbance, 9);
  });

  test('a state that is dirtied faster than it is moved never becomes small: live gains nothing over standing still', () => {
    const estimated = estimate({
      facts: facts({ dirtyBytesPerSecond: 400 * MIB }),
      target: target({ notFollowed: NOT }),
    });
    expect(modeOf(estimated, 'live')?.blackoutUs).toBe(modeOf(estimated, 'stop-and-copy')?.blackoutUs);
  });

  test('what is at hand is not moved; cold takes nothing from the source and replays', () => {
    const here = estimate({ target: target({ bytesAtHand: 100 * MIB }) });
    expect(modeOf(here, 'stop-and-copy')).toMatchObject({ blackoutUs: 10_000, bytes: 0 });
    const cold = modeOf(estimate(), 'cold');
    expect(cold?.cost.transfer).toBe(0);
    expect(cold?.blackoutUs).toBe(1_010_000 + 5_000);
  });

  test('a gain is taken off; a task without a deadline bears any blackout and takes the cheapest mode', () => {
    expect(estimate({ gain: 3 }).cost.total).toBeCloseTo(estimate().cost.total - 3, 9);
    const soft = estimate({ facts: facts({ periodUs: 0, deadlineUs: 0 }) });
    expect(soft.modes.every(({ bearable }) => bearable)).toBe(true);
    // But for half a late job, for which nobody stands still.
    expect(soft.cost.total).toBeLessThanOrEqual(Math.min(...soft.modes.map(({ cost }) => cost.total)) + 0.5);
  });

  test('the exact test of the target has the last word about a blackout, and its reason stays', () => {
    const brokenBy = (blackoutUs: number) => (blackoutUs > 12_000 ? 'beta would be late' : undefined);
    const estimated = estimate({ target: target({ brokenBy }) });
    expect(modeOf(estimated, 'live')).not.toHaveProperty('broken');
    expect(modeOf(estimated, 'live')?.otherwise).not.toHaveProperty('broken');
    expect(modeOf(estimated, 'cold')).toMatchObject({ bearable: false, broken: 'beta would be late' });
    expect(estimate({ target: target({ brokenBy }), facts: facts({ deadlineUs: 0 }), mode: 'cold' }).bearable).toBe(false);
  });

  test('where the target keeps up nobody stands still: the switch alone, and the task’s jobs at the target beside its own', () => {
    const live = modeOf(estimate(), 'live');
    expect(live).toMatchObject({ followed: true, blackoutUs: 4_000, bearable: true });
    // A second of copying and the switch; and 50 ms of keeping up, in a hundredth of which the core is the task's.
    const copiedS = (live?.bytes ?? 0) / (100 * MIB);
    expect(live?.cost.disturbance).toBeCloseTo((copiedS + 0.004) * 100 * 0.5 + 0.05 * 100 * 0.01, 5);
    expect(live?.cost.transfer).toBeCloseTo(copiedS * 50 * 0.2, 5);
    expect(live?.otherwise).toMatchObject({ blackoutUs: 10_001, bearable: true });
  });

  test('nobody stands still in the mode that is taken, also where standing still is reckoned to cost far less', () => {
    const busy = target({ busy: { jobsPerSecond: 5_000, utilisation: 0.5 }, bytesAtHand: 100 * MIB });
    const given = { facts: facts({ jobsPerSecond: 100 }), target: busy };
    const [live, stop] = (['live', 'stop-and-copy'] as const).map((mode) => modeOf(estimate(given), mode));
    expect(stop?.bearable).toBe(true);
    expect((live?.cost.total ?? 0) - (stop?.cost.total ?? 0)).toBeGreaterThan(1);
    expect(estimate(given)).toMatchObject({ mode: 'live' });
  });

  test('so it is where they cost about the same; where no target keeps up the cheapest is taken', () => {
    const small = { facts: facts({ stateBytes: 65_536, jobsPerSecond: 100 }), target: target() };
    const [live, stop] = (['live', 'stop-and-copy'] as const).map((mode) => modeOf(estimate(small), mode));
    expect(live?.cost.total).toBeGreaterThan(stop?.cost.total as number);
    expect(estimate(small)).toMatchObject({ mode: 'live' });
    expect(estimate({ ...small, target: target({ notFollowed: NOT }) }).mode).not.toBe('live');
  });

  test('where it does not, it is what standing still is, and says why', () => {
    const live = modeOf(estimate({ target: target({ notFollowed: NOT }) }), 'live');
    expect(live).toMatchObject({ standsStillFor: NOT, blackoutUs: modeOf(estimate(), 'live')?.otherwise?.blackoutUs });
    expect([live?.followed, live?.otherwise]).toEqual([undefined, undefined]);
    expect(live?.cost).toEqual(modeOf(estimate(), 'live')?.otherwise?.cost);
  });

  test('the target is asked to admit the longest silence that may come of it and is borne', () => {
    expect(silenceToAdmit(estimate({ mode: 'live' }))).toBe(10_001);
    const only = (most: number) => target({ brokenBy: (blackoutUs) => (blackoutUs > most ? 'beta would be late' : undefined) });
    expect(silenceToAdmit(estimate({ mode: 'live', target: only(5_000) }))).toBe(4_000);
    expect(silenceToAdmit(estimate({ mode: 'live', target: only(1_000) }))).toBeUndefined();
    expect(silenceToAdmit(estimate({ mode: 'stop-and-copy', facts: facts({ stateBytes: 0 }) }))).toBe(10_000);
  });

  test('of places that cost about the same the placement’s score decides; what is dearer comes after', () => {
    const at = (mac: string, score: number, gain: number) =>
      estimateCandidate(target({ mac, score }), {
        ...{ facts: facts(), speed, mode: 'live' as const, gain },
        source: { jobsPerSecond: 50, utilisation: 0.2 },
      });
    const ranked = byCost([at('best-score', 0.9, 0), at('near', 0.8, 0.3), at('much-better', 0.1, 5), at('worse', 0.7, -9)]);
    expect(ranked.map(({ mac }) => mac)).toEqual(['much-better', 'near', 'best-score', 'worse']);
    expect(byCost([at('first', 0.9, 0), at('second', 0.8, 0.3)]).map(({ mac }) => mac)).toEqual(['first', 'second']);
  });
});

/** A user's own fleet: what is said of each loss is what becomes of it, and the sum of all says whether it survives. */
import { describe, expect, test, vi } from 'vitest';
import { judgeSeed } from '../../../src/app/simulation/judge-seed.ts';
import { playLoss } from '../../../src/app/simulation/loss-trial.ts';
import { lossesOf, type OwnFleet, withoutTasks } from '../../../src/app/simulation/own-fleet.ts';
import { OwnTally } from '../../../src/app/simulation/own-report.ts';
import { plantsNamed } from '../../../src/ports/plants.ts';
import { ECU1, ECU2, ECU3 } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

const MIB = 1024 * 1024;

interface Asked {
  readonly name: string;
  readonly criticality: number;
  readonly mustSurvive?: boolean;
}

/** Three ECUs with room for two tasks each. */
const fleetOf = (tasks: readonly Asked[], more: Partial<OwnFleet> = {}): OwnFleet => ({
  ecus: [ECU1, ECU2, ECU3].map((mac, at) => ({ mac, name: `ecu${at + 1}`, memoryBytes: 2 * MIB })),
  managers: [{ name: 'm1' }, { name: 'm2' }],
  tasks: tasks.map(({ name, criticality, mustSurvive = false }) => ({
    draft: { name, criticality, periodUs: 10_000, wcetUs: 300, memoryBytesMax: MIB, checkpoint: { intervalUs: 50_000 } },
    mustSurvive,
  })),
  receive: undefined,
  ...more,
});

const FOUR = fleetOf([
  { name: 'a', criticality: 4, mustSurvive: true },
  { name: 'b', criticality: 3 },
  { name: 'c', criticality: 1 },
  { name: 'd', criticality: 0 },
]);

describe('a loss', () => {
  test('of nothing leaves everything as it is', async () => {
    const outcome = await playLoss(FOUR, { lost: [], seed: 1 });
    expect(outcome).toMatchObject({ failovers: [], shed: [], down: [], failure: undefined });
    for (const { due, late, skipped } of Object.values(outcome.deadlines)) {
      expect(due).toBeGreaterThan(50);
      expect([late, skipped]).toEqual([0, 0]);
    }
  });

  test('of one ECU moves what ran there, for so long as ticks were skipped', async () => {
    const outcome = await playLoss(FOUR, { lost: [ECU1], seed: 1 });
    expect(outcome).toMatchObject({ shed: [], down: [], failure: undefined });
    expect(outcome.failovers.length).toBeGreaterThan(0);
    for (const { task, before, after, us } of outcome.failovers) {
      expect([before, after === ECU1]).toEqual([ECU1, false]);
      expect(us).toBeGreaterThan(100_000);
      expect(outcome.deadlines[task]?.skipped).toBeGreaterThan(us / 10_000 - 20);
    }
  });

  test('of two ECUs sheds the least critical tasks, and says why', async () => {
    const { shed, down, failure } = await playLoss(FOUR, { lost: [ECU1, ECU2], seed: 1 });
    expect([down, failure]).toEqual([[], undefined]);
    expect(shed.map(({ task }) => task).sort()).toEqual(['c', 'd']);
    for (const { reason } of shed) expect(reason).toMatch(/memory|made room/);
  });

  test('of the ECU that has the only manager leaves nobody to restore what ran there', async () => {
    const own = fleetOf([{ name: 'a', criticality: 4 }], { managers: [{ name: 'm1', onEcu: ECU1 }] });
    const there = own.tasks.map((task) => {
      const draft = { ...task.draft, affinity: { preferredEcus: [ECU1] }, checkpoint: { intervalUs: 50_000, quorum: 1 } };
      return { ...task, draft };
    });
    const outcome = await playLoss({ ...own, tasks: there }, { lost: [ECU1], seed: 1 });
    expect(outcome).toMatchObject({ failovers: [], shed: [], down: [{ task: 'a', state: 'owned' }], failure: undefined });
    expect((await playLoss({ ...own, tasks: there }, { lost: [ECU2], seed: 1 })).down).toEqual([]);
  });

  test('finds a bug that is planted', async () => {
    const outcome = await playLoss(FOUR, { lost: [ECU1], seed: 1 }, plantsNamed(['skip-marker']));
    expect(outcome.failure?.kind).toBe('single-writer');
    const tally = new OwnTally(FOUR);
    tally.addLoss(outcome);
    const { survives, broken } = tally.report();
    expect([survives, broken[0]?.lost, broken[0]?.kind]).toEqual([false, ['ecu1'], 'single-writer']);
    expect(broken[0]?.sequence.length).toBeGreaterThan(5);
  });
});

describe('the sum', () => {
  test('survives where only tasks are lost that need not, and not where one must', async () => {
    const outcome = await playLoss(FOUR, { lost: [ECU1, ECU2], seed: 1 });
    const tally = new OwnTally(FOUR);
    tally.addLoss(outcome);
    expect(tally.report()).toMatchObject({ survives: true, trials: 1, losses: [{ lost: ['ecu1', 'ecu2'] }, {}] });
    const strict = { ...FOUR, tasks: FOUR.tasks.map((task) => ({ ...task, mustSurvive: true })) };
    const strictly = new OwnTally(strict);
    strictly.addLoss(outcome);
    const report = strictly.report();
    expect(report.survives).toBe(false);
    expect(report.tasks.map(({ task, lostTimes }) => [task, lostTimes])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 1],
      ['d', 1],
    ]);
    expect(report.failovers).toBe(outcome.failovers.length);
  });

  test('names what finds no place with every ECU there', async () => {
    const own = fleetOf([{ name: 'huge', criticality: 4, mustSurvive: true }]);
    const huge = {
      ...own,
      tasks: own.tasks.map(({ draft }) => ({ draft: { ...draft, memoryBytesMax: 64 * MIB }, mustSurvive: true })),
    };
    const tally = new OwnTally(huge);
    tally.addBaseline(await playLoss(huge, { lost: [], seed: 1 }));
    const report = tally.report();
    expect(report).toMatchObject({ survives: false, broken: [], neverPlaced: [{ task: 'huge', mustSurvive: true }] });
    expect(withoutTasks(huge, new Set(['huge'])).tasks).toEqual([]);
  });
});

describe('the losses', () => {
  test('are every set of so many ECUs and fewer, or a sample of them, the same for the same seed', () => {
    expect(lossesOf(FOUR, 2, { most: 100, seed: 1 })).toEqual({
      losses: [[ECU1], [ECU2], [ECU3], [ECU1, ECU2], [ECU1, ECU3], [ECU2, ECU3]],
      possible: 6,
    });
    const sample = lossesOf(FOUR, 3, { most: 4, seed: 2 });
    expect([sample.losses.length, sample.possible]).toEqual([4, 7]);
    expect(new Set(sample.losses.map((lost) => lost.join())).size).toBe(4);
    expect(lossesOf(FOUR, 3, { most: 4, seed: 2 })).toEqual(sample);
  });
});

test('random faults: its own ECUs and tasks, everything else drawn; every promise is kept', async () => {
  const { outcome, drawn, failure } = await judgeSeed(3, { own: FOUR, faultsUs: 1_000_000 });
  expect(failure).toBeUndefined();
  expect(drawn.ecus).toEqual(FOUR.ecus);
  expect(drawn.tasks.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  expect(outcome.deadlines.due).toBeGreaterThan(50);
});

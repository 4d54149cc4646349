/**
 * The scenarios of `drover chaos`, shortened, the half with predictors: an ECU of real processes runs out of simulated memory, or is drained, and is killed.
 * Whatever the machine is busy with, every task that was there moved before or came back after, and nothing was lost. How many were in time is printed
 * and not judged here: that is the simulated world's (`test/sim/fleet/predicting.test.ts`), whose time does not depend on anybody.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runScenario } from '../../src/app/chaos/run-scenario.ts';
import { type Scenario, scenarioNamed } from '../../src/app/chaos/scenarios.ts';
import { SENSOR_PROFILES } from '../../src/domain/metrics/sensor-profile.ts';

const TASKS = 3;

const SHORT: readonly Scenario[] = [
  scenarioNamed('overload', { sensors: { ...SENSOR_PROFILES.overload, after: 4, filling: 0.02 }, loadUs: 0 }),
  scenarioNamed('drain', { moments: { drainUs: 1_000_000, offUs: 8_000_000 }, loadUs: 0 }),
];

test.each(SHORT)('$name: all tasks of the ECU that dies go on elsewhere, with every output once', async (scenario) => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'drover-scenario-'));
  try {
    const running = { dataFolder, say: () => {}, interrupted: () => false };
    const half = await runScenario({ scenario, seed: 7, ecus: 3, managers: 2, tasks: TASKS, ...running }, true);
    process.stdout.write(`${scenario.name}: ${JSON.stringify(half)}\n`);
    expect(half).toMatchObject({ ok: true, lostOutputs: 0, duplicateOutputs: 0, mismatchedTasks: 0 });
    expect(half.tasksMovedBefore + half.tasksRestoredAfter).toBe(TASKS);
    expect(Object.keys(half).sort()).toEqual([
      ...['duplicateOutputs', 'falseMoves', 'lostOutputs', 'mismatchedTasks', 'misses', 'ok', 'silenceMs'],
      ...['tasksMovedBefore', 'tasksRestoredAfter'],
    ]);
  } finally {
    rmSync(dataFolder, { recursive: true, force: true });
  }
});

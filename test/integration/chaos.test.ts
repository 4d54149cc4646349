/**
 * A small chaos run, whole, a task of every kind in it (the seventh is a class on the `worker` runtime): separate processes on a real server, an ECU, a bridge and a frozen ECU among the kills. It must find
 * nothing, after having had something to find.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chaosResult } from '../../src/app/chaos/report.ts';
import { type ChaosRun, runChaos } from '../../src/app/chaos/run-chaos.ts';

const said: string[] = [];
let dataFolder: string;
let run: ChaosRun;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'drover-chaos-test-'));
  run = await runChaos({
    seed: 7,
    ecus: 3,
    managers: 2,
    tasks: 7,
    kills: 3,
    kind: 'mixed',
    dataFolder,
    durationUs: 0,
    spacingUs: 1_500_000,
    say: (sentence) => void said.push(sentence),
    interrupted: () => false,
  });
}, 300_000);

afterAll(() => rm(dataFolder, { recursive: true, force: true }));

describe('a small chaos run', () => {
  it('loses, doubles and changes nothing', () => {
    const { verdict } = run;
    expect(verdict.violations, said.join('\n')).toEqual([]);
    expect(verdict).toMatchObject({
      ok: true,
      lostOutputs: 0,
      duplicateOutputs: 0,
      mismatchedTasks: 0,
      doubleRestores: 0,
      shed: 0,
    });
  });

  it('had something to lose: every task gave outputs, and somebody died', () => {
    expect(run.verdict.tasks.map(({ outputs }) => outputs > 0)).toEqual(Array.from({ length: 7 }, () => true));
    expect(run.kills.length).toBeGreaterThanOrEqual(3);
    expect(new Set(run.kills.map(({ kind }) => kind))).toEqual(new Set(['ecu', 'bridge', 'manager']));
  });

  it('saw tasks go on in later instances, and says how long that took', () => {
    expect(run.failovers.length).toBeGreaterThan(0);
    for (const { totalUs, detectUs, decideUs, restoreUs, outputUs } of run.failovers) {
      expect(detectUs + decideUs + restoreUs + outputUs).toBe(totalUs);
      expect(totalUs).toBeGreaterThan(0);
    }
    const result = chaosResult(run, { seed: 7, kind: 'mixed' });
    expect(result).toMatchObject({ ok: true, seed: 7, kills: 3, tasks: 7, lostOutputs: 0 });
    expect(result.failoverMs.n).toBe(run.failovers.length);
  });
});

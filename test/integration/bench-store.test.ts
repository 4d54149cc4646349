/** The bench of the managers' stores runs on a real server and real manager processes, and every figure is one. */
import { expect, test } from 'vitest';
import { benchStore } from '../../src/app/bench/store.ts';

test('the store’s bench measures ingest, cost and restore read against their yardsticks', { timeout: 120_000 }, async () => {
  const said: string[] = [];
  const report = await benchStore({
    seconds: 1,
    rounds: 1,
    ingestTasks: 4,
    pacedTasks: 3,
    pacedIntervalMs: 100,
    restoreRounds: 2,
    say: (sentence) => said.push(sentence),
  });
  expect(report.machine).toMatchObject({ cores: expect.any(Number), node: process.version });
  expect(report.ingest.checkpoints).toBeGreaterThan(4);
  expect(report.ingest.barePerSecond).toBeGreaterThan(0);
  expect(report.ingestShare).toBeCloseTo(report.ingest.perSecond / report.ingest.barePerSecond, 1);
  expect(report.ingest.cpuPerCheckpointUs).toBeGreaterThan(0);
  expect(report.ingest.asked).toMatchObject({ overBus: expect.any(Number), locally: 0 });
  expect(report.ingestLocal.checkpoints).toBeGreaterThan(4);
  expect(report.ingestLocal.asked.locally).toBeGreaterThan(4);
  expect(report.ingestLocalShare).toBeGreaterThan(0);
  expect(Object.keys(report.paced.cpuPerCheckpointUs)).toEqual(['m1', 'm2']);
  expect(report.cpuPerCheckpointUs).toBe(Math.max(...Object.values(report.paced.cpuPerCheckpointUs)));
  expect(report.paced.checkpoints).toBeGreaterThan(3);
  expect(report.restore).toMatchObject({ samples: 24, memoryBytes: 1024 * 1024 });
  expect(report.restore.ms.p99).toBeGreaterThanOrEqual(report.restore.ms.p50);
  expect(report.restore.share).toBeGreaterThan(0);
  expect(said).toHaveLength(3);
});

/**
 * A ticking task of 1 MiB goes back and forth between two ECUs of real processes: its outputs are those of the task run alone, whatever the
 * machine is busy with. How long it was silent is printed and not judged: that is `drover bench migrate`'s, on a quiet machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { benchMigrate } from '../../src/app/bench/migrate.ts';
import { estimateMigration, migrateTask } from '../../src/app/fleet/fleet-calls.ts';
import { lastMigration } from '../../src/app/fleet/migration-record.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';

let run: FleetRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

test('a task of 1 MiB, moved back and forth live, gives what it gives alone', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'drover-migrate-'));
  try {
    const result = await benchMigrate({ dataFolder, moves: 4, others: 0, mode: 'live', say: () => {} });
    const { silenceMs, handOverMs, commitMs, startMs, outputMs } = result;
    process.stdout.write(`${JSON.stringify({ silenceMs, handOverMs, commitMs, startMs, outputMs })}\n`);
    expect(result).toMatchObject({ moves: 4, lostOutputs: 0, duplicateOutputs: 0, mismatchedTasks: 0 });
    expect(result.outputs).toBeGreaterThan(50);
  } finally {
    rmSync(dataFolder, { recursive: true, force: true });
  }
});

test('a class in TypeScript is moved by its name, from the state at which it stood still', async () => {
  run = await startFleet({ ecus: 2, managers: 2 });
  const { fleet } = run;
  await fleet.deploy(await prepareTask(exampleFolder('window')));
  await fleet.deploy(await prepareTask(exampleFolder('counter')));
  const runs = async (name: string): Promise<boolean> => (await run?.task(name))?.checkpoint !== undefined;
  await until('both have checkpoints', async () => (await runs('counter')) && (await runs('window')));
  const outputs = await run.outputs('counter');
  for (const name of ['window', 'counter']) {
    const options = { to: undefined, mode: 'stop-and-copy', costMax: undefined } as const;
    const { estimate } = await estimateMigration(fleet.client, name, options);
    expect(estimate.chosen).toMatchObject({ mode: 'stop-and-copy' });
    const { epoch } = await migrateTask(fleet.client, name, options);
    await until(`${name} has gone`, async () => ((await run?.task(name))?.epoch ?? 0) > epoch);
    await until('its source is stopped', async () => (await lastMigration(fleet.client, name, epoch))?.state === 'done');
  }
  const before = outputs.length;
  await until('100 more outputs', () => outputs.length > before + 100);
  expect(outputs.map(text)).toEqual(outputs.map((_, index) => String(index + 1)));
});

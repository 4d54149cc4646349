/**
 * A ticking task of 1 MiB goes back and forth between two ECUs of real processes: its outputs are those of the task run alone, whatever the
 * machine is busy with. How long it was silent is printed and not judged: that is `drover bench migrate`'s, on a quiet machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { benchMigrate } from '../../src/app/bench/migrate.ts';
import { estimateMigration, migrateTask, queryFleet, queryManagers } from '../../src/app/fleet/fleet-calls.ts';
import { lastMigration } from '../../src/app/fleet/migration-record.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';
import { runDrover } from '../support/run-drover.ts';

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

test('from the command line: what it would cost, and an ECU that is to be empty', { timeout: 300_000 }, async () => {
  run = await startFleet({ ecus: 2, managers: 2 });
  const { fleet, folder } = run;
  await fleet.deploy(await prepareTask(exampleFolder('counter')));
  await until('it has a checkpoint', async () => (await run?.task('counter'))?.checkpoint !== undefined);
  const from = (await run.task('counter'))?.owner as string;
  const drover = (...args: string[]) => runDrover(...args, '--data', folder);
  /** Any manager answers a call: the one that took the order knows at once, the other when it hears of it. */
  const allKnow = (draining: boolean): Promise<void> =>
    until(`both managers know that it is ${draining ? '' : 'not '}drained`, async () => {
      const views = await queryManagers(fleet.client, await queryFleet(fleet.client));
      return views.length === 2 && views.every(({ ecus }) => ecus.find(({ mac }) => mac === from)?.draining === draining);
    });
  const told = await drover('migrate', 'counter', '--dry-run');
  expect(told.error).toBe('');
  expect(told.out).toMatch(/would go from ecu\d to ecu\d[\s\S]*BLACKOUT[\s\S]*late jobs/);
  expect(JSON.parse((await drover('drain', from, '--json')).out)).toMatchObject({ ecu: from, draining: true, left: [] });
  await allKnow(true);
  const there: string = JSON.parse((await drover('task', 'show', 'counter', '--json')).out).owner;
  expect(there).not.toBe(from);
  expect((await drover('status')).out).toContain('draining');
  expect(await drover('migrate', 'counter', '--json')).toMatchObject({
    exitCode: 1,
    error: expect.stringContaining('1 draining (ERR_NO_PLACE)'),
  });
  expect(JSON.parse((await drover('drain', from, '--undo', '--json')).out)).toMatchObject({ draining: false });
  await allKnow(false);
  expect(JSON.parse((await drover('migrate', 'counter', '--to', from, '--json')).out)).toMatchObject({
    moved: true,
    from: there,
    to: from,
  });
  expect((await drover('explain', 'task/counter')).out).toMatch(/because it was to move[\s\S]*migration: /);
});

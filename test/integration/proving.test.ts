/** Managers of real processes try checkpoints of real tasks, in sandboxes of their own, beside a fleet that goes on. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { createTaskSkeleton } from '../../src/app/task-skeleton.ts';
import type { FleetTask } from '../../src/domain/protocol/messages.ts';
import { header, taskSubject } from '../../src/domain/protocol/subjects.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';

let run: FleetRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

async function shown(name: string, holds: (task: FleetTask) => boolean): Promise<FleetTask> {
  let found: FleetTask | undefined;
  await until(`${name} is tried as expected`, async () => {
    found = await run?.task(name);
    return found !== undefined && holds(found);
  });
  return found as FleetTask;
}

describe('in a fleet of processes', () => {
  test('tasks of both runtimes are proven, and one that does not keep its whole state is refuted before it fails', async () => {
    run = await startFleet({ ecus: 2, managers: 2 }, { provesPerMinute: 600 });
    const { fleet, folder } = run;
    await fleet.deploy(await prepareTask(exampleFolder('counter')));
    await createTaskSkeleton(`${folder}/class`, 'class', 'worker');
    await fleet.deploy(await prepareTask(`${folder}/class`));
    await createTaskSkeleton(`${folder}/forgetful`, 'forgetful', 'worker');
    const source = `${folder}/forgetful/index.ts`;
    const whole = await readFile(source, 'utf8');
    await writeFile(source, whole.replace('this.count = count;', 'this.count = count - 1;'));
    await fleet.deploy(await prepareTask(`${folder}/forgetful`));
    const outputs = await run.outputs('counter');

    for (const name of ['counter', 'class']) {
      const { proven, refuted } = await shown(name, (task) => task.proven !== undefined);
      expect(proven).toMatchObject({ epoch: 1, by: expect.stringMatching(/^m[12]$/) });
      expect(proven?.outputs).toBeGreaterThan(0);
      expect(refuted).toBeUndefined();
    }
    const forgetful = await shown('forgetful', ({ refuted, tried }) => refuted !== undefined && tried?.verdict === 'refuted');
    expect(forgetful.proven).toBeUndefined();
    expect(forgetful.tried).toMatchObject({ verdict: 'refuted', why: expect.stringMatching(/^output \d+ (differs|has)/) });

    // Nothing of all that came onto the bus: one instance each, and the counter goes on counting.
    const before = outputs.length;
    await until('50 more outputs', () => outputs.length > before + 50);
    expect(outputs.map(text)).toEqual(outputs.map((_, index) => String(index + 1)));
    const { bus, names } = fleet.client.host;
    const epochs: number[] = [];
    for (const name of ['counter', 'class', 'forgetful']) {
      const last = await bus.readLast(taskSubject.outputs(names, name));
      epochs.push(Number(last?.headers[header.epoch]));
    }
    expect(epochs).toEqual([1, 1, 1]);
  });
});

/** A fleet of real processes, harmed in the ways the issue names: what dies comes back or is replaced, and nothing is lost. */
import { afterEach, describe, expect, test } from 'vitest';
import { queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ECU_DEFAULTS, LocalFleet } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { createTaskSkeleton } from '../../src/app/task-skeleton.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { type FleetRun, isAlive, startFleet, text, until } from '../support/fleet-run.ts';

let run: FleetRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

/** The counter says 1, 2, 3, … whatever happened to the processes it ran in: nothing lost, nothing twice. */
function expectCounted(outputs: readonly StreamMessage[]): void {
  expect(outputs.map(text)).toEqual(outputs.map((_, index) => String(index + 1)));
}

async function deployCounter(fleet: LocalFleet): Promise<void> {
  await fleet.deploy(await prepareTask(exampleFolder('counter')));
}

async function ownerOf(running: FleetRun, task: string): Promise<string> {
  await until(`${task} runs`, async () => (await running.task(task))?.state === 'owned');
  return (await running.task(task))?.owner ?? '';
}

describe('a fleet of processes', () => {
  test('goes on elsewhere when an ECU is killed, and takes the ECU back', async () => {
    run = await startFleet({ ecus: 2, managers: 2 });
    const { fleet } = run;
    await deployCounter(fleet);
    const first = await ownerOf(run, 'counter');
    const outputs = await run.outputs('counter');
    await until('100 outputs', () => outputs.length > 100);
    await fleet.kill(first, 'ecu');
    const before = outputs.length;
    await until('another owner', async () => {
      const owner = (await run?.task('counter'))?.owner;
      return owner !== undefined && owner !== first;
    });
    await until('100 more outputs', () => outputs.length > before + 100);
    expectCounted(outputs);
    // On one machine: the managers came by the pages past the server. Either may be the one that answers.
    await until('pages are asked for past the server', async () => {
      return ((await queryFleet(fleet.client)).counters['pages.askedLocally'] ?? 0) > 0;
    });
    await fleet.restart(first);
    expect(
      fleet
        .processes()
        .filter(({ host }) => host.endsWith(first))
        .map(({ state }) => state),
    ).toEqual(['ready', 'ready']);
  });

  test('a class in TypeScript goes on elsewhere when its ECU is killed, byte for byte, its pages packed and over the server', async () => {
    run = await startFleet({ ecus: 2, managers: 2 }, { compression: 'brotli', localPath: false });
    const { fleet, folder } = run;
    await createTaskSkeleton(`${folder}/task`, 'class', 'worker');
    await fleet.deploy(await prepareTask(`${folder}/task`));
    const first = await ownerOf(run, 'class');
    const outputs = await run.outputs('class');
    await until('20 outputs and a checkpoint', async () => {
      return outputs.length > 20 && (await run?.task('class'))?.checkpoint !== undefined;
    });
    await fleet.kill(first, 'ecu');
    const before = outputs.length;
    await until('another owner', async () => {
      const owner = (await run?.task('class'))?.owner;
      return owner !== undefined && owner !== first;
    });
    await until('20 more outputs', () => outputs.length > before + 20);
    expectCounted(outputs);
    // Both managers have pulled its first state of 64 KiB, which is mostly zeros.
    await until('packed pages', async () => {
      const { counters } = await queryFleet(fleet.client);
      expect(counters['pages.askedLocally']).toBeUndefined();
      return (counters['pages.bytesSaved'] ?? 0) > 60_000 && (counters['pages.askedOverBus'] ?? 0) > 0;
    });
  });

  test('a killed bridge is started again by its supervisor, with the next incarnation, and its task goes on', async () => {
    run = await startFleet({ ecus: 1, managers: 2 });
    const { fleet, events } = run;
    await deployCounter(fleet);
    const mac = await ownerOf(run, 'counter');
    const outputs = await run.outputs('counter');
    await until('50 outputs', () => outputs.length > 50);
    await fleet.kill(mac, 'bridge');
    await until('the bridge is back', () =>
      events.some((event) => event.kind === 'ready' && event.host === `bridge.${mac}` && event.incarnation === 2),
    );
    const before = outputs.length;
    await until('100 more outputs', () => outputs.length > before + 100);
    expectCounted(outputs);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'died', host: `bridge.${mac}`, forGood: false }));
  });

  test('goes on after its server was restarted under it', async () => {
    run = await startFleet({ ecus: 2, managers: 2 });
    const { fleet, events } = run;
    await deployCounter(fleet);
    await ownerOf(run, 'counter');
    const outputs = await run.outputs('counter');
    await until('50 outputs', () => outputs.length > 50);
    await fleet.restartServer();
    const before = outputs.length;
    await until('100 more outputs', () => outputs.length > before + 100);
    expectCounted(outputs);
    expect(events.filter(({ kind }) => kind === 'died')).toEqual([]);
  });

  test('a frozen ECU is replaced, and when it wakes up its appends are refused', async () => {
    run = await startFleet({ ecus: 2, managers: 2 });
    const { fleet } = run;
    await deployCounter(fleet);
    const first = await ownerOf(run, 'counter');
    const outputs = await run.outputs('counter');
    await until('50 outputs', () => outputs.length > 50);
    fleet.freeze(first);
    await until('another owner', async () => {
      const found = await run?.task('counter');
      return found?.state === 'owned' && found.owner !== first;
    });
    const before = outputs.length;
    await until('50 more outputs', () => outputs.length > before + 50);
    fleet.thaw(first);
    const awake = outputs.length;
    await until('100 more outputs', () => outputs.length > awake + 100);
    expectCounted(outputs);
  });

  test('a second ECU with the same MAC says so and does not start; the first goes on', async () => {
    run = await startFleet({ ecus: 1, managers: 1 });
    const { fleet } = run;
    const [mac = ''] = fleet.macs;
    const second = new LocalFleet({
      dataFolder: `${run.folder}/second`,
      broker: fleet.broker,
      ecus: [{ ...ECU_DEFAULTS, mac }],
      managers: [],
    });
    await expect(second.start()).rejects.toThrow(/ERR_MAC_TAKEN|another supervisor answers for MAC/);
    expect(fleet.processes().every(({ state }) => state === 'ready')).toBe(true);
  });

  test('stopping leaves no process behind', async () => {
    run = await startFleet({ ecus: 2, managers: 2 });
    const { fleet } = run;
    const pids = fleet.processes().map(({ pid }) => pid);
    expect(pids).toHaveLength(7);
    expect(pids.every(isAlive)).toBe(true);
    await fleet.stop();
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

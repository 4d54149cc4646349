/**
 * A sensor, a filter and an actuator on three ECUs of real processes, each fed by the one before. The ECU of the one in the middle and the
 * manager that routes to it are killed, then the server: what comes out at the end is byte for byte what the three give alone, one
 * after the other, over the ticks that were recorded.
 */
import { afterEach, expect, test } from 'vitest';
import { parseInput } from '../../actors/instance.ts';
import { queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { openAlone } from '../../src/app/open-alone.ts';
import { type PreparedTask, prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import type { InstanceInput } from '../../src/domain/instance/requests.ts';
import { streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { JobInput } from '../../src/ports/task-runtime.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';
import { runDrover } from '../support/run-drover.ts';

const CHAIN = ['chain-sensor', 'chain-filter', 'chain-actuator'] as const;

let run: FleetRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

const hex = (payload: Uint8Array): string => Buffer.from(payload).toString('hex');

async function alone(task: PreparedTask, inputs: readonly JobInput[]): Promise<Uint8Array[]> {
  const program = await openAlone(task);
  return inputs.flatMap((input) => {
    const result = program.runJob(input);
    if (result.kind !== 'done') throw new Error(`a job failed: ${JSON.stringify(result)}`);
    return result.outputs.map(({ payload }) => payload);
  });
}

const asData = (payloads: readonly Uint8Array[]): JobInput[] =>
  payloads.map((payload, index) => ({ kind: 'data', number: index + 1, skipped: 0, payload }));

/** The whole chain, deployed; and the ticks of its sensor, recorded from the first on. */
async function deployChain({ fleet }: FleetRun): Promise<{ tasks: readonly PreparedTask[]; ticks: InstanceInput[] }> {
  const { bus, names } = fleet.client.host;
  const ticks: InstanceInput[] = [];
  await bus.consume(streams.inputs(0), { filter: taskSubject.inputs(names, CHAIN[0]), from: 1 }, (message) => {
    const input = parseInput(message);
    if (input !== undefined) ticks.push(input);
  });
  const tasks = await Promise.all(CHAIN.map((name) => prepareTask(exampleFolder(name))));
  for (const task of tasks) await fleet.deploy(task);
  return { tasks, ticks };
}

async function chainAlone(tasks: readonly PreparedTask[], ticks: readonly JobInput[]): Promise<string[]> {
  let inputs = ticks;
  for (const task of tasks) inputs = asData(await alone(task, inputs));
  return inputs.map(({ payload }) => hex(payload));
}

test('its end is what its tasks give alone, though the middle, its router and the server die', {
  timeout: 300_000,
}, async () => {
  run = await startFleet({ ecus: 3, managers: 2 });
  const { fleet } = run;
  const { tasks, ticks } = await deployChain(run);
  const [sensed, ends] = [await run.outputs('chain-sensor'), await run.outputs('chain-actuator')];
  await until('all have durable checkpoints', async () => {
    const { tasks: known } = await queryFleet(fleet.client);
    return CHAIN.every((name) => known.find(({ task }) => task === name)?.durability === 'durable');
  });
  await until('something comes out at the end', () => ends.length > 20);

  const middle = await run.task('chain-filter');
  expect(middle?.fed).toMatchObject({ from: 'chain-sensor', state: 'routing' });
  await fleet.kill(middle?.owner as string, 'ecu');
  await fleet.killManager(middle?.fed?.by?.slice('manager.'.length) as string);
  await until('the filter runs elsewhere', async () => {
    const now = await run?.task('chain-filter');
    return now?.state === 'owned' && now.epoch > (middle?.epoch ?? 0) && now.fed?.by !== middle?.fed?.by;
  });
  const before = ends.length;
  await until('the end goes on', () => ends.length > before + 50);

  await fleet.restartServer();
  const then = ends.length;
  await until('and after the server', () => ends.length > then + 50);

  const drover = (...args: string[]) => runDrover(...args, '--data', run?.folder ?? '');
  expect((await drover('migrate', '--chain', 'chain-filter', '--dry-run')).out).toMatch(
    /would go to ecu\d, together\n(chain-\w+: followed, it does not stand still\n)+[\s\S]*chosen/,
  );
  const told = await drover('migrate', '--chain', 'chain-filter', '--wait', '120', '--json');
  expect(told).toMatchObject({ exitCode: 0, error: '' });
  const { to, owners, members } = JSON.parse(told.out);
  expect(owners).toEqual({ 'chain-sensor': to, 'chain-filter': to, 'chain-actuator': to });
  const moved = ends.length;
  await until('the end goes on there', () => ends.length > moved + 50);
  expect((await drover('explain', `task/${members[0].task}`)).out).toContain('the chain of chain-');
  expect((await drover('explain', 'task/chain-filter')).out).toMatch(/It is fed by chain-sensor \(routing/);

  const expected = await chainAlone(tasks, ticks.slice());
  await until('all that was sensed has come out', () => ends.length >= Math.min(expected.length, sensed.length));
  const got = ends.map(({ payload }) => hex(payload));
  const count = Math.min(got.length, expected.length);
  expect(count).toBeGreaterThan(120);
  expect(got.slice(0, count)).toEqual(expected.slice(0, count));

  const { chains } = JSON.parse((await drover('route', '--json')).out);
  expect(chains).toMatchObject([{ tasks: CHAIN, routes: [{ state: 'routing' }, { state: 'routing' }] }]);
  expect((await drover('route', 'chain-sensor')).out).toMatch(
    /chain-sensor +chain-filter +routing[\s\S]*chain-filter +chain-actuator/,
  );
  expect((await drover('status')).out).toContain('FED BY');
  expect(await drover('route', 'nothing')).toMatchObject({ exitCode: 1, error: expect.stringContaining('ERR_NO_TASK') });
});

test('what cannot be fed as its file says is refused, with the reason', async () => {
  run = await startFleet({ ecus: 1, managers: 1 });
  const { fleet } = run;
  const [sensor, filter] = await Promise.all([prepareTask(exampleFolder(CHAIN[0])), prepareTask(exampleFolder(CHAIN[1]))]);
  await expect(fleet.deploy(filter)).rejects.toMatchObject({
    code: 'ERR_CHAIN',
    message: expect.stringContaining('deploy chain-sensor first'),
  });
  await fleet.deploy(sensor);
  await fleet.deploy(filter);
  await until('it is fed', async () => (await run?.task('chain-filter'))?.fed?.state === 'routing');
});

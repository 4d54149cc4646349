/** The commands of a person, as processes: up, task, feed, status, down; and what is left when `up` is killed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFleetClient } from '../../src/app/compose/open-fleet-client.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { isAlive, until } from '../support/fleet-run.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');

let folder: string;
let up: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-cli-'));
});
afterEach(async () => {
  if (up !== undefined && up.exitCode === null && up.signalCode === null) {
    up.kill('SIGTERM');
    await once(up, 'exit');
  }
  up = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves when the fleet is up. */
async function startUp(...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, 'up', '--data', folder, '--json', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  up = child;
  for await (const line of createInterface({ input: child.stdout })) {
    if ((JSON.parse(line) as { readonly kind: string }).kind === 'up') return child;
  }
  throw new Error('it ended before the fleet was up');
}

interface Run {
  readonly exitCode: number | null;
  readonly out: string;
  readonly error: string;
}

/** With `CI` set, as build machines have it: what is read by a program stays plain there too. */
function drover(...args: string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args, '--data', folder], {
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
  });
  return { exitCode: status, out: stdout, error: stderr };
}

const pidsOf = (): number[] =>
  (
    JSON.parse(readFileSync(join(folder, 'fleet.json'), 'utf8')) as { readonly processes: readonly { readonly pid: number }[] }
  ).processes.map(({ pid }) => pid);

test('a fleet is started, used and stopped from the command line', async () => {
  const child = await startUp('--ecus', '2', '--managers', '2');
  const deployed = drover('task', 'deploy', exampleFolder('counter'), '--json');
  expect(JSON.parse(deployed.out)).toMatchObject({ task: 'counter', state: 'owned', epoch: 1 });
  expect(drover('task', 'deploy', exampleFolder('counter'))).toMatchObject({
    exitCode: 1,
    error: expect.stringContaining('(ERR_TASK_EXISTS)'),
  });
  const file = join(folder, 'numbers.csv');
  writeFileSync(file, 'value\n10\n20\n30\n');
  expect(JSON.parse(drover('feed', 'counter', file, '--rate', '100/s', '--json').out)).toEqual({
    task: 'counter',
    inputs: 3,
    lastNumber: 3,
  });
  expect(JSON.parse(drover('feed', 'counter', file, '--rate', '100/s', '--json').out)).toEqual({
    task: 'counter',
    inputs: 3,
    lastNumber: 6,
  });
  interface Status {
    readonly ecus: readonly { readonly state: string }[];
    readonly streams: readonly { readonly stream: string; readonly messages: number }[];
  }
  const shown = (): Status => JSON.parse(drover('status', '--json').out);
  // One that the machine kept from running for a while is suspected for a moment.
  await until('both are alive', () => shown().ecus.filter(({ state }) => state === 'alive').length === 2);
  const status = shown();
  expect(status.ecus).toHaveLength(2);
  expect(status.streams.find(({ stream }) => stream === 'OUTPUTS_0')?.messages).toBeGreaterThan(0);
  expect(drover('status')).toMatchObject({ exitCode: 0, out: expect.stringMatching(/counter +owned[\s\S]*INPUTS_0/) });
  const moved = JSON.parse(drover('task', 'move', 'counter', '--json').out);
  expect(moved).toMatchObject({ task: 'counter', moved: true, epoch: 2 });
  expect(moved.to).not.toBe(moved.from);
  expect(drover('task', 'move', 'counter', '--to', 'ecu9')).toMatchObject({
    exitCode: 1,
    error: expect.stringContaining('there are ecu1, ecu2 (ERR_NO_ECU)'),
  });
  expect(drover('up')).toMatchObject({ exitCode: 2, error: expect.stringContaining('drover down') });
  const pids = pidsOf();
  expect(drover('down', '--json').exitCode).toBe(0);
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  // A process that has ended may stand in the table for a moment longer.
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  expect(existsSync(join(folder, 'fleet.json'))).toBe(false);
  expect(drover('down')).toMatchObject({ exitCode: 1, error: expect.stringContaining('(ERR_NOT_RUNNING)') });
});

test('what a bridge has counted stands in `status`, under its ECU', async () => {
  await startUp('--ecus', '2', '--managers', '1');
  const client = await openFleetClient({ kind: 'folder', folder: join(folder, 'server') });
  const nonsense = client.host.bus.request('ecu.02aa00000002.command', Uint8Array.of(1, 2, 3), { timeoutUs: 10_000_000 });
  await expect(nonsense).rejects.toMatchObject({ code: expect.stringContaining('ERR_WIRE_') });
  await client.close();
  interface Counted {
    readonly mac: string;
    readonly counters?: Readonly<Record<string, number>>;
  }
  const wire = ({ counters = {} }: Counted) => Object.entries(counters).filter(([name]) => name.startsWith('wire.'));
  const refused = () => {
    const { ecus }: { readonly ecus: readonly Counted[] } = JSON.parse(drover('status', '--json').out);
    return Object.fromEntries(ecus.map((ecu) => [ecu.mac, wire(ecu)]));
  };
  // `status` waits half a second for the bridges: what one that had no processor meanwhile has counted is shown the next time.
  let seen: ReturnType<typeof refused> = {};
  await until('it is shown', () => {
    seen = refused();
    return (seen['02aa00000002'] ?? []).length > 0;
  });
  expect(seen).toEqual({ '02aa00000001': [], '02aa00000002': [[expect.stringMatching(/^wire\./), 1]] });
  await until('the table shows it', () => /counted by ecu2 {2}.*wire\.\w+ 1/.test(drover('status').out));
});

test('without a fleet every command says how to get one', () => {
  expect(drover('status')).toMatchObject({
    exitCode: 1,
    error: expect.stringMatching(/^drover: no server serves .*drover up.*\(ERR_NOT_RUNNING\)\n$/),
  });
  expect(drover('task', 'list')).toMatchObject({ exitCode: 1, error: expect.stringContaining('(ERR_NOT_RUNNING)') });
  expect(drover('feed', 'counter')).toMatchObject({ exitCode: 2, error: expect.stringContaining('(ERR_USAGE)') });
  expect(drover('ecu', '--mac', 'nonsense')).toMatchObject({
    exitCode: 2,
    error: expect.stringContaining('02:aa:00:00:00:01'),
  });
});

test('when `up` is killed with SIGKILL, its children leave by themselves', async () => {
  const child = await startUp('--ecus', '1', '--managers', '1');
  const pids = pidsOf();
  expect(pids).toHaveLength(4);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await until('every child is gone', () => pids.every((pid) => !isAlive(pid)));
});

test('SIGTERM while the fleet still starts stops what has started', async () => {
  const child = spawn(process.execPath, [MAIN, 'up', '--data', folder, '--ecus', '2'], { stdio: ['ignore', 'ignore', 'pipe'] });
  up = child;
  for await (const line of createInterface({ input: child.stderr })) if (line.startsWith('nats-server')) break;
  const server = Number(readFileSync(join(folder, 'server', 'nats-server.pid'), 'utf8'));
  child.stderr.resume();
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect(isAlive(server)).toBe(false);
});

test('a server that takes the connection and never says a word: said, and the command ends', async () => {
  const mute = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const { port } = mute.address() as AddressInfo;
  try {
    const asked = spawn(process.execPath, [MAIN, 'drain', 'ecu1', '--nats', `nats://127.0.0.1:${port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let error = '';
    asked.stderr.setEncoding('utf8').on('data', (text: string) => {
      error += text;
    });
    expect(await once(asked, 'exit')).toEqual([1, null]);
    expect(error).toMatch(/^drover: no NATS server answers at .* \(ERR_BUS_DISCONNECTED\)\n$/);
  } finally {
    mute.close();
  }
});

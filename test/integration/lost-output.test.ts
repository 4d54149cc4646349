/** Whoever watches `drover up` goes away, by closing a pipe or a terminal: the fleet stops cleanly and the exit code says why. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';
import { isAlive, until } from '../support/fleet-run.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const LOST_TERMINAL = join(import.meta.dirname, 'children', 'lost-terminal.py');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-lost-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface FleetState {
  readonly processes: readonly { readonly host: string; readonly pid: number }[];
}
const fleetState = (): FleetState => JSON.parse(readFileSync(join(folder, 'fleet.json'), 'utf8'));
const UP = ['up', '--ecus', '1', '--managers', '1', '--json'];

test('a pipe that is closed by its reader: nothing has failed', async () => {
  const up = spawn(process.execPath, [MAIN, ...UP, '--data', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  up.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  for await (const line of createInterface({ input: up.stdout })) if (line.includes('"kind":"up"')) break;
  up.stdout.destroy();
  const { processes } = fleetState();
  // News to write, to nobody.
  process.kill(processes.find(({ host }) => host.startsWith('bridge.'))?.pid ?? 0, 'SIGKILL');
  const [exitCode, signal] = await once(up, 'exit');
  expect({ exitCode, signal, said }).toEqual({ exitCode: 0, signal: null, said: '' });
  await until('nothing is left', () => processes.every(({ pid }) => !isAlive(pid)));
  expect(existsSync(join(folder, 'fleet.json'))).toBe(false);
});

test('a terminal that is destroyed: it ends as after SIGHUP, and Node does not abort', async ({ skip }) => {
  if (spawnSync('python3', ['-c', 'import pty']).status !== 0) skip('there is no Python to make a terminal with');
  const errors = join(folder, 'errors.txt');
  const args = [LOST_TERMINAL, errors, '"kind":"up"', process.execPath, MAIN, ...UP, '--data', folder];
  const watcher = spawn('python3', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let result = '';
  watcher.stdout.on('data', (chunk) => {
    result += String(chunk);
  });
  await once(watcher, 'close');
  expect(JSON.parse(result)).toEqual({ exitCode: 129, signal: null });
  expect(readFileSync(errors, 'utf8')).toBe('');
  expect(existsSync(join(folder, 'fleet.json'))).toBe(false);
});

test('a command that only prints ends at once', () => {
  const help = spawnSync('sh', ['-c', `"$0" "$1" --help | true; "$0" "$1" --help >&-; echo $?`, process.execPath, MAIN], {
    encoding: 'utf8',
  });
  expect(help.stderr).toBe('');
  expect(help.stdout).toBe('0\n');
});

/** `drover analyze` as a process: exit codes, what goes to which stream, and lines through pipes. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const ENGINE = join('examples', 'task-sets', 'engine.yaml');
const DRIVE = join('examples', 'task-sets', 'drive.yaml');

function analyze(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'analyze', ...args], {
    cwd: projectRoot(),
    encoding: 'utf8',
    input,
    env: { ...process.env, CI: 'true' },
  });
  return { exitCode: status, out: stdout, error: stderr };
}

test('a set that fits: 0, a table with every task and the verdict', () => {
  const { exitCode, out, error } = analyze([ENGINE]);
  expect([exitCode, error]).toEqual([0, '']);
  expect(out).toMatch(/^injection +150 +1000 +1000 +150 +850 +496$/m);
  expect(out).toMatch(/^schedulable under fp on 1 core$/m);
});

test('one that does not: 1, and the reason; nothing is said to be an error', () => {
  const { exitCode, out, error } = analyze([ENGINE, '--policy', 'npfp', '--json']);
  expect([exitCode, error]).toEqual([1, '']);
  expect(JSON.parse(out)).toMatchObject({
    schedulable: false,
    reason: 'injection would answer after 9150 µs or more, its deadline is 1000 µs',
  });
});

test('the example of drover schedule: its platform counts, and what is not looked at is said', () => {
  const { out, error } = analyze([DRIVE]);
  expect(error).toBe('');
  expect(out).toMatch(/ under gedf on 2 cores/);
  expect(out).toMatch(/^note: execution of speed, position, vision, log: not looked at/m);
  const packed = JSON.parse(analyze([DRIVE, '--policy', 'partitioned-edf', '--json']).out) as Record<string, unknown>;
  expect(packed).toMatchObject({ policy: 'partitioned-edf', cores: 2, tasks: [{ name: 'current' }, {}, {}, {}, {}, {}] });
  expect(packed['notes']).toContainEqual(expect.stringMatching(/^offset of vision: /));
});

test('the tasks of examples share an ECU', () => {
  const tasks = ['kalman', 'pid'].map((name) => join('examples', 'tasks', name));
  const { exitCode, out } = analyze([...tasks, '--policy', 'partitioned-fp', '--cores', '2', '--json']);
  expect([exitCode, JSON.parse(out)]).toMatchObject([0, { schedulable: true, cores: 2 }]);
});

test.each([
  [['--policy', 'edf', '--cores', '2', ENGINE], 2, /--policy edf is for one core.*\(ERR_USAGE\)/],
  [['--policy', 'edf', DRIVE], 2, /--policy edf is for one core; for 2 say gedf.*\(ERR_USAGE\)/],
  [['--policy', 'best', ENGINE], 2, /ERR_USAGE/],
  [[], 2, /name a task-set file.*\(ERR_USAGE\)/],
  [['nowhere.yaml'], 1, /nowhere\.yaml cannot be read.*\(ERR_TASK_SET\)/],
  [[join('examples', 'fleets', 'small.yaml')], 1, /\(ERR_TASK_SET\)/],
])('%s is a mistake that is explained, without a stack trace', (args, code, sentence) => {
  const { exitCode, out, error } = analyze(args);
  expect([exitCode, out]).toEqual([code, '']);
  expect(error.replaceAll('\n', ' ')).toMatch(sentence);
  expect(error).not.toMatch(/^ {4}at /m);
});

test('lines: as many out as in, in their order, bad ones among them, exit code 0', () => {
  const set = { tasks: [{ wcetUs: 1, periodUs: 4, deadlineUs: 4, priority: 1 }] };
  const lines = Array.from({ length: 3_000 }, (_, id) => (id === 7 ? 'nonsense' : JSON.stringify({ id, ...set })));
  const { exitCode, out, error } = analyze(['--policy', 'fp', '--jsonl'], `${lines.join('\n')}\n\n`);
  expect([exitCode, error]).toEqual([0, '']);
  const verdicts = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly id: unknown; readonly schedulable: unknown });
  expect(verdicts.map(({ id }) => id)).toEqual(lines.map((_, id) => (id === 7 ? null : id)));
  expect(verdicts.filter(({ schedulable }) => schedulable === true).length).toBe(2_999);
});

test.each(['analyze', 'schedule'])('%s: a folder on standard input is no empty list of sets', (command) => {
  const input = openSync(projectRoot(), 'r');
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, command, '--jsonl'], {
    encoding: 'utf8',
    stdio: [input, 'pipe', 'pipe'],
  });
  closeSync(input);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/standard input cannot be read \(it is a folder\).*\(ERR_TASK_SET\)/);
});

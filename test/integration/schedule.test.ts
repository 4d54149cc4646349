/** `drover schedule` as a program reads it, in a process of its own, with `CI` set and no terminal. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const TASK_SET = join(projectRoot(), 'examples', 'task-sets', 'drive.yaml');
const ENGINE = join(projectRoot(), 'examples', 'task-sets', 'engine.yaml');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-schedule-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function drover(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'schedule', ...args], {
    encoding: 'utf8',
    input,
    env: { ...process.env, CI: 'true' },
  });
  return { exitCode: status, out: stdout, error: stderr };
}

it('prints a table for people, one object for programs, and draws a picture', () => {
  const picture = join(folder, 'out.svg');
  const told = drover([TASK_SET, '--for', '200ms', '--cores', '2', '--scheduler', 'edf', '--gantt', picture]);
  expect(told).toMatchObject({ exitCode: 0, error: '' });
  expect(told.out).toContain('no deadline was missed here');
  expect(readFileSync(picture, 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  const json = () =>
    JSON.parse(drover([TASK_SET, '--for', '200ms', '--cores', '1', '--scheduler', 'fp', '--json']).out) as Record<
      string,
      unknown
    >;
  expect(json()).toMatchObject({
    cores: 1,
    durationUs: 200_000,
    jobs: 85,
    tasks: [{ name: 'current', released: 41, maxResponseUs: 1200 }, {}, {}, {}, {}, {}],
  });
  expect(json()).toEqual(json());
});

it('the example of drover analyze, and task folders: what is not simulated is said', () => {
  const told = drover([ENGINE, '--for', '100ms']);
  expect(told).toMatchObject({ exitCode: 0, error: '' });
  expect(told.out).toContain('note: blocking of lambda: not simulated; drover analyze counts it');
  expect(JSON.parse(drover([ENGINE, '--json']).out)).toMatchObject({
    missedPending: 0,
    tasks: [{ name: 'injection', released: 1001, maxResponseUs: 150 }, {}, {}, {}],
    notes: [expect.stringMatching(/^blocking of lambda/)],
  });
  const tasks = ['kalman', 'pid'].map((name) => join(projectRoot(), 'examples', 'tasks', name));
  expect(JSON.parse(drover([...tasks, '--json']).out)).toMatchObject({
    tasks: [{ name: 'kalman' }, { name: 'pid' }],
    notes: [],
  });
});

it('answers a line a line, with the reason where there is no answer', () => {
  const sets = [
    {
      id: 'a',
      tasks: [
        { wcetUs: 1, periodUs: 4, priority: 2 },
        { name: 'x', wcetUs: 2, periodUs: 8, priority: 1 },
      ],
    },
    { id: 'b', tasks: [{ wcetUs: 0, periodUs: 4 }] },
    { id: 'c', tasks: [] },
  ];
  const { exitCode, out, error } = drover(
    ['--policy', 'fp', '--duration-us', '7', '--jsonl'],
    `${sets.map((set) => JSON.stringify(set)).join('\n')}\nnonsense\n`,
  );
  expect({ exitCode, error }).toEqual({ exitCode: 1, error: '' });
  const answers = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers).toMatchObject([
    {
      id: 'a',
      policy: 'fp',
      reason: null,
      tasks: [
        { name: 'T1', maxResponseUs: 3, completed: 2 },
        { name: 'x', maxResponseUs: 2 },
      ],
    },
    { id: 'b', tasks: null, reason: expect.stringContaining('wcetUs is 0') },
    { id: 'c', tasks: null, reason: 'there is no task in the set' },
    { id: null, tasks: null },
  ]);
});

it('says what is wrong, with a code and no stack', () => {
  const bad = join(folder, 'bad.yaml');
  writeFileSync(bad, 'tasks: [{ wcet: 1, period: 1 }]');
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [[], 2, '(ERR_USAGE)'],
    [[TASK_SET, '--for', 'soon'], 2, 'Give a time with its unit'],
    [[TASK_SET, '--global', '--partitioned'], 2, 'cannot be used with'],
    [[join(folder, 'none.yaml')], 1, '(ERR_TASK_SET)'],
    [[bad, '--for', '25d'], 2, 'Give a time'],
    [[bad, '--for', '600h'], 1, '(ERR_WORK_LIMIT)'],
    [[TASK_SET, '--cores', '1', '--partitioned'], 1, 'fits on none of the 1 cores'],
  ];
  for (const [args, exitCode, words] of cases) {
    const said = drover(args);
    expect({ args, ...said }).toMatchObject({ exitCode, out: '', error: expect.stringContaining(words) });
    expect(said.error).not.toContain('    at ');
  }
});

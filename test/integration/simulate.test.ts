/** `drover simulate` as a process: a seed is the same life each time, good seeds end with 0, a planted bug is found and told. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';
import type { SeedVerdict } from '../../src/app/simulation/judge-seed.ts';
import type { SeedsSum } from '../../src/app/simulation/tell-seeds.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');

/** With `CI` set, as build machines have it. */
function simulate(...args: string[]): { readonly exitCode: number | null; readonly out: string; readonly error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'simulate', ...args], {
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
    maxBuffer: 64 * 1024 * 1024,
  });
  return { exitCode: status, out: stdout, error: stderr };
}

const verdictOf = (...args: string[]): SeedVerdict => JSON.parse(simulate(...args, '--json').out) as SeedVerdict;

describe('one seed', () => {
  test('is told whole, and is the same life each time', () => {
    const first = verdictOf('--seed', '5');
    expect(first.failure).toBeUndefined();
    expect(verdictOf('--seed', '5')).toEqual(first);
    const { exitCode, out } = simulate('--seed', '5');
    expect(exitCode).toBe(0);
    for (const { mac } of first.drawn.ecus) expect(out).toContain(mac);
    expect(out).toContain(`suffered ${first.suffered.length} faults`);
    expect(out).toContain(`fingerprint ${first.outcome.fingerprint}`);
  });

  test('takes what is not left to it', () => {
    const { drawn, outcome } = verdictOf('--seed', '3', '--ecus', '6', '--tasks', '9', '--managers', '4', '--duration', '2');
    expect([drawn.ecus.length, drawn.tasks.length, drawn.managers.length, drawn.faultsUs]).toEqual([6, 9, 4, 2_000_000]);
    expect(outcome.restores).toBeGreaterThanOrEqual(9);
  });
});

describe('many seeds', () => {
  test('are played on all cores, and are what they are alone', () => {
    const { exitCode, out } = simulate('--seeds', '5..6', '--workers', '2', '--json');
    const sum = JSON.parse(out) as SeedsSum;
    expect(exitCode).toBe(0);
    expect(sum).toMatchObject({ seeds: 2, first: 5, last: 6, violations: 0, unsettled: 0, errors: 0, failed: [] });
    const alone = [5, 6].map((seed) => verdictOf('--seed', String(seed)).outcome);
    expect(sum.steps).toBe(alone.reduce((steps, outcome) => steps + outcome.steps, 0));
  });

  test('and one seed exclude each other', () => {
    expect(simulate('--seeds', '1..2', '--seed', '1').exitCode).toBe(2);
  });
});

describe('a failure', () => {
  test('is told: the seed, the commit, the way there, and how to see it again', () => {
    const one = simulate('--seed', '1', '--plant', 'skip-marker');
    expect(one.exitCode).toBe(0);
    expect(one.out).toMatch(/seed 1 failed at commit \S+ with skip-marker planted/);
    expect(one.out).toMatch(/single-writer at .* ms/);
    expect(one.out).toMatch(/shortest: with \d+ of \d+ faults it still fails/);
    expect(one.out).toContain('placement/task-1#1 TASK.DECLARED');
    expect(one.out).toContain('again: ./drover simulate --seed 1 --plant skip-marker');
  });
});

describe('a planted bug', () => {
  test('is found, and it is said after how many seeds', () => {
    const { exitCode, out } = simulate('--plant', 'skip-marker', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ plant: 'skip-marker', found: true, seed: 1, afterSeeds: 1, kind: 'single-writer' });
  });

  test('that these seeds do not find ends with 1', () => {
    const { exitCode, out } = simulate('--plant', 'append-blindly', '--seeds', '5', '--duration', '1');
    expect(out).toBe('append-blindly was not found in the seeds 5..5\n');
    expect(exitCode).toBe(1);
  });
});

describe('a fleet of one’s own', () => {
  const EXAMPLE = ['--fleet', join(projectRoot(), 'examples', 'fleets', 'tasks.yaml')];

  test('is played with every loss; what must survive does, the rest is named with the reason', () => {
    const { exitCode, out } = simulate(...EXAMPLE, '--lose', '1', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      survives: true,
      ecus: 4,
      lose: 1,
      possible: 4,
      trials: 4,
      broken: [],
      neverPlaced: [],
    });
  });

  test('does not survive where a task is lost that must, and the exit code says so', () => {
    const lost = ['--lost', 'body-1', 'gateway', '--must-survive', 'all'];
    const { exitCode, out } = simulate(...EXAMPLE, ...lost);
    expect(exitCode).toBe(1);
    expect(out).toMatch(/\(must survive\) is shed without body-1 and gateway: .*memory/);
    expect(out).toMatch(/does not survive: \d+ times a task was lost that must survive/);
  });

  test.each([
    [['--lost', 'nobody'], /there is no ECU nobody; there are body-1/],
    [['--must-survive', 'nothing'], /there is no such task; there are pid-1/],
    [['--plant', 'skip-marker'], /ERR_USAGE/],
  ])('%j is no way to ask', (args, said) => {
    const { exitCode, error } = simulate(...EXAMPLE, ...args);
    expect(exitCode).toBeGreaterThan(0);
    expect(error).toMatch(said);
  });
});

test.each([
  ['--lose', '2'],
  ['--seeds', '9..3'],
  ['--seeds', 'all'],
  ['--plant', 'no-such-bug'],
])('%s %s is no way to ask', (...args) => {
  const { exitCode, error } = simulate(...args);
  expect(exitCode).toBe(2);
  expect(error).toMatch(/ERR_USAGE/);
});

/** `drover hazard evaluate` as a program reads it, and its aim on units that nothing was learned from. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';
import { asCsv, wearingFleet } from '../support/wearing-units.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const ENGINES = new URL('../../../shared/data/cmapss/FD001_train_units1-60.csv', import.meta.url);

let folder: string;
let [train, test] = ['', ''];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-hazard-'));
  train = write('a.csv', asCsv(wearingFleet(1, 8)));
  test = write('b.csv', asCsv(wearingFleet(2, 4)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

function evaluate(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'hazard', 'evaluate', ...args], {
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
  });
  return { exitCode: status, out: stdout, error: stderr };
}

it('prints tables for people and one object for programs; progress is not among them', () => {
  const files = ['--train', train, '--test', test, '--unit', 'unit', '--time', 'cycle', '--horizon', '15'];
  const told = evaluate(...files);
  expect(told.exitCode).toBe(0);
  expect(told.out).toMatch(/hazard \*.*100\.0 %/);
  expect(told.out).toContain('note: left out, the same in all training rows: always');
  expect(told.error).toMatch(/of \d+ steps/);
  const json = evaluate(...files, '--json');
  const report = JSON.parse(json.out) as Record<string, unknown>;
  expect(report).toMatchObject({ useful: 1, early: 0, missed: 0, horizon: 15, method: 'hazard' });
  for (const figure of ['auc', 'brier', 'leadMedian', 'n', 'baseRate']) expect(report[figure]).toEqual(expect.any(Number));
  expect(report['reliability']).toHaveLength(10);
});

it('a mistake ends with its code and no stack', () => {
  const gone = evaluate('--train', train, '--test', join(folder, 'gone.csv'));
  expect(gone).toMatchObject({ exitCode: 1, out: '' });
  expect(gone.error).toMatch(/gone\.csv cannot be read.*\(ERR_UNIT_TABLE\)/);
  expect(gone.error).not.toMatch(/\n\s+at /);
  expect(evaluate('--train', train, '--test', test, '--horizon', '-3')).toMatchObject({ exitCode: 2 });
});

describe.skipIf(!existsSync(ENGINES))('engines (skipped where ../shared/data is not beside the repository)', () => {
  it('Brier at most 0.015 and every alarm useful, learned from 1–40 and judged on 41–60', () => {
    const [head, ...rows] = readFileSync(ENGINES, 'utf8').trim().split('\n');
    const split = (name: string, keep: (unit: number) => boolean): string =>
      write(name, [head, ...rows.filter((row) => keep(Number.parseInt(row, 10)))].join('\n'));
    const first = split('first.csv', (unit) => unit <= 40);
    const last = split('last.csv', (unit) => unit > 40);
    const { out } = evaluate(
      '--train',
      first,
      '--test',
      last,
      '--unit',
      'unit',
      '--time',
      'cycle',
      '--horizon',
      '30',
      '--json',
    );
    const report = JSON.parse(out) as Record<string, number>;
    expect(report['brier']).toBeLessThanOrEqual(0.015);
    expect(report).toMatchObject({ useful: 1, early: 0, missed: 0 });
    expect(report['calibrationError']).toBeLessThan(0.01);
  });
});

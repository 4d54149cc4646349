/** `drover forecast` and its bench as processes: what is printed where, and what is said of bad input. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-forecast-'));
  const rows = Array.from({ length: 500 }, (_, t) => {
    const load = 40 + 20 * Math.sin(t / 9) + ((t * 7919) % 17) / 4;
    return `${t};${t % 50 === 7 ? '' : load.toFixed(3)};${t % 2 === 0 ? 'a' : 'b'};7`;
  });
  writeFileSync(join(folder, 'load.csv'), `t;cpu;unit;still\n${rows.join('\n')}\n`);
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'words.csv'), 'a,b\nx,y\n');
  writeFileSync(
    join(folder, 'list.csv'),
    'file,column,by,group,split\nload.csv,cpu,,,mine\nload.csv,cpu,unit,b,mine\nload.csv,t,,,other\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function drover(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
  });
  return { exitCode: status, out: stdout, error: stderr };
}

test('one column: a row for every horizon and model, ours and the baselines', () => {
  const { exitCode, out, error } = drover(
    ...['forecast', 'evaluate', '--file', 'load.csv', '--delimiter', ';', '--column', 'cpu', '--season', '57'],
    ...['--horizons', '1,5', '--json'],
  );
  expect([exitCode, error]).toEqual([0, '']);
  const { results, series } = JSON.parse(out) as { results: Record<string, unknown>[]; series: { missing: number }[] };
  expect(series[0]?.missing).toBe(10);
  expect(results.map(({ horizon, model }) => `${horizon} ${model}`)).toEqual(
    [1, 5].flatMap((h) => ['drover', 'naive', 'ses', 'seasonalNaive'].map((model) => `${h} ${model}`)),
  );
  for (const row of results)
    for (const name of ['mae', 'mase', 'smape', 'scrps', 'coverage80', 'width80', 'relMae', 'relCrps'])
      expect(row[name]).toEqual(expect.any(Number));
  expect(results[0]?.['relMae']).toBeLessThan(0.9);
});

test('several series: progress on standard error, a summary, a picture', () => {
  const { exitCode, out, error } = drover(
    ...['forecast', 'evaluate', '--list', 'list.csv', '--split', 'mine', '--horizons', '1,5', '--picture', 'summary.svg'],
  );
  expect(exitCode).toBe(0);
  expect(error).toContain('2 of 2 series');
  expect(out).toMatch(/^geometric means over 2 series\n/);
  expect(out).toMatch(/^ +5 +naive +2 +1\.000 +1\.000/m);
  expect(readFileSync(join(folder, 'summary.svg'), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
});

test('a column split by another, all numeric columns of a folder: a series that does not vary is passed over', () => {
  const { out, error } = drover(
    'forecast',
    'evaluate',
    'load.csv',
    '--column',
    'still',
    '--column',
    'cpu',
    '--by',
    'unit',
    '--horizons',
    '1',
  );
  expect(error).toMatch(/load\.csv:still:a: passed over/);
  expect(out).toMatch(/^geometric means over 2 series/);
});

test('every key in every row, null where the last value never errs; what was judged of a long file is said', () => {
  const rows = Array.from({ length: 6_400 }, (_, t) => `${t < 3_500 ? (t * 7) % 5 : 2}`);
  writeFileSync(join(folder, 'falls-still.csv'), `cpu\n${rows.join('\n')}\n`);
  const { exitCode, out, error } = drover(
    'forecast',
    'evaluate',
    'falls-still.csv',
    '--season',
    '5000',
    '--horizons',
    '1',
    '--json',
  );
  expect(exitCode).toBe(0);
  const { results, series } = JSON.parse(out) as { results: Record<string, unknown>[]; series: { notes: string[] }[] };
  expect(results.map(({ model }) => model)).toEqual(['drover', 'naive', 'ses']);
  for (const row of results) expect(row).toMatchObject({ relMae: null, relCrps: expect.any(Number) });
  expect(series[0]?.notes).toEqual([
    'the first 6000 of 6400 values are judged, as the protocol has it',
    'no seasonal naive forecast of 5000 steps: it is fitted on 2400 values, less than one season',
  ]);
  expect(error).toBe(series[0]?.notes.map((note) => `falls-still.csv:cpu: ${note}\n`).join(''));
});

describe('what is wrong is said in one line', () => {
  test.each([
    [['evaluate'], /give either CSV files or a --list/],
    [['evaluate', 'none.csv'], /none\.csv cannot be read/],
    [['evaluate', 'empty'], /there is no \.csv file in empty/],
    [['evaluate', 'load.csv', '--column', 'gpu'], /load\.csv has no column gpu; it has t, cpu, unit, still/],
    [['evaluate', 'load.csv', '--column', 'unit'], /column unit of load\.csv holds no number/],
    [['evaluate', 'words.csv'], /words\.csv has no column of numbers that vary/],
    [['evaluate', 'load.csv', '--column', 'still'], /no series is long enough, and varies/],
    [['evaluate', 'load.csv', '--column', 'cpu', '--horizons', '900'], /no series is long enough/],
    [['evaluate', 'load.csv', '--horizons', '0,5'], /--horizons 0,5: write up to/],
    [['evaluate', 'load.csv', '--horizons', 'five'], /--horizons five/],
    [['evaluate', 'load.csv', '--delimiter', ';;'], /--delimiter ;;: give one character/],
    [['evaluate', 'load.csv', '--delimiter', '"'], /--delimiter ": give one character that is no quote/],
    [['evaluate', '--list', 'list.csv', '--split', 'none'], /list\.csv lists no series of split none/],
    [['evaluate', '--protocol', 'ltsf', 'load.csv', '--column', 'cpu'], /the ltsf protocol needs 14400 rows/],
    [['evaluate', '--protocol', 'ltsf', 'load.csv', '--horizons', '1,5'], /takes one file and one horizon/],
  ] as const)('%j', (args, said) => {
    const { exitCode, out, error } = drover('forecast', ...args);
    expect([exitCode, out]).toEqual([2, '']);
    expect(error.trim().split('\n').at(-1)).toMatch(said);
    expect(error).toMatch(/\(ERR_USAGE\)\n$/);
  });
});

test('the long-horizon benchmark judges every window of the test part', () => {
  const rows = Array.from(
    { length: 14_400 },
    (_, t) => `${t},${(10 * Math.sin((2 * Math.PI * t) / 24) + ((t * 31) % 11) / 50).toFixed(4)}`,
  );
  writeFileSync(join(folder, 'hours.csv'), `hour,OT\n${rows.join('\n')}\n`);
  const { exitCode, out } = drover(
    ...[
      'forecast',
      'evaluate',
      '--protocol',
      'ltsf',
      'hours.csv',
      '--column',
      'OT',
      '--horizons',
      '24',
      '--context',
      '48',
      '--json',
    ],
  );
  expect(exitCode).toBe(0);
  const { mse, naiveMse, testWindows } = JSON.parse(out) as { mse: number; naiveMse: number; testWindows: number };
  expect(testWindows).toBe(2_880 - 24 + 1);
  expect(mse).toBeLessThan(0.05 * naiveMse);
});

test('the bench does the same work every time, and its guard has an exit code', () => {
  const bench = (...args: readonly string[]) => {
    const { out, exitCode } = drover('bench', 'forecast', '--series', '20', '--rounds', '2', '--json', ...args);
    return { exitCode, ...(JSON.parse(out) as { sumOfForecasts: number; withinAims: boolean; many: { series: number } }) };
  };
  const [first, second] = [bench(), bench('--guard')];
  expect(second.sumOfForecasts).toBe(first.sumOfForecasts);
  expect([first.exitCode, first.many.series]).toEqual([0, 20]);
  expect(second.exitCode).toBe(second.withinAims ? 0 : 1);
});

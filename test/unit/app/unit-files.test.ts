/** Tables of units: what is read, what is left out, what is refused and with which words; and the whole way from two files to a report. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluateUnitFiles, type HazardRequest } from '../../../src/app/hazard/evaluate-files.ts';
import { matchSensors, readUnits } from '../../../src/app/hazard/unit-files.ts';
import { asCsv, wearingFleet } from '../../support/wearing-units.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-units-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const ROLES = { unit: 'unit', time: 'cycle' };
const GOOD = 'unit,cycle,a,b\n1,1,5,1\n1,2,6,2\n2,1,5,3\n';

describe('reading', () => {
  test('units in any order, rows in any order, what is no number as not measured', async () => {
    const { units, columns } = await readUnits(
      file('order.csv', 'cycle,a,unit,b\n2,5,left,n/a\n1,4,right,0.5\n1,3,left,\n7,6,left,inf\n'),
      ROLES,
    );
    expect(columns).toEqual(['a', 'b']);
    expect(units).toEqual([
      {
        name: 'left',
        times: Float64Array.of(1, 2, 7),
        values: Float64Array.of(3, Number.NaN, 5, Number.NaN, 6, Number.NaN),
        failed: true,
      },
      { name: 'right', times: Float64Array.of(1), values: Float64Array.of(4, 0.5), failed: true },
    ]);
  });

  test('whatever stands between the cells', async () => {
    const known = await readUnits(file('commas.csv', GOOD), ROLES);
    for (const [name, mark] of Object.entries({ semicolon: ';', tab: '\t', bar: '|' })) {
      const { units, columns } = await readUnits(file(`${name}.csv`, GOOD.replaceAll(',', mark)), ROLES);
      expect([columns, units]).toEqual([known.columns, known.units]);
    }
  });

  test('the outcome of the last row says whether the unit failed', async () => {
    const table = await readUnits(file('out.csv', 'unit,cycle,a,dead\n1,1,5,0\n1,2,6,1\n2,1,5,0\n'), {
      ...ROLES,
      outcome: 'dead',
    });
    expect(table.columns).toEqual(['a']);
    expect(table.units.map(({ failed }) => failed)).toEqual([true, false]);
  });

  test('what cannot be a sensor is left out, and that is said', async () => {
    const train = await readUnits(file('t1.csv', 'unit,cycle,same,word,a,b\n1,1,7,x,1,9\n1,2,7,y,2,8\n'), ROLES);
    const other = await readUnits(file('t2.csv', 'unit,cycle,b,more,a,word,same\n1,1,4,0,3,z,7\n1,2,5,0,4,z,7\n'), ROLES);
    const { training, test: tested, notes } = matchSensors(train, other);
    expect(training.columns).toEqual(['a', 'b']);
    expect(tested.units[0]?.values).toEqual(Float64Array.of(3, 4, 4, 5));
    expect(notes).toEqual([
      'left out, the same in all training rows: same',
      'left out, hardly any numbers in training: word',
      'left out, only in the test file: more',
    ]);
  });

  test('units that are in both files are no test, and that is said', async () => {
    const table = await readUnits(file('good.csv', GOOD), ROLES);
    expect(matchSensors(table, table).notes).toEqual(['NOT unseen, the same rows are in the training file: unit 1, 2']);
  });

  test.each([
    ['gone', undefined, /gone\.csv cannot be read/],
    ['empty', '', /holds no rows below a head line/],
    ['head', 'unit,cycle,a\n', /holds no rows below a head line/],
    ['headless', '1,2,3\n1,3,4\n', /has no head line/],
    ['names', 'unit,zyklus,a\n1,2,3\n', /has no column cycle; it has unit, zyklus, a/],
    ['twice', 'unit,cycle,a,a\n1,2,3,4\n', /two columns named "a"/],
    ['word', 'unit,cycle,a\n1,1,3\n1,soon,3\n', /row 3: column cycle must be a number, not "soon"/],
    ['nobody', 'unit,cycle,a\n,1,3\n', /row 2: column unit is empty/],
    ['again', 'unit,cycle,a\n1,4,3\n1,4,5\n', /unit 1 has two rows at time 4/],
    ['broken', 'unit,cycle,a\n1,"4,3\n', /is no CSV/],
  ])('%s is refused with a reason', async (name, content, words) => {
    const path = content === undefined ? join(folder, `${name}.csv`) : file(`${name}.csv`, content);
    await expect(readUnits(path, ROLES)).rejects.toThrow(words);
    await expect(readUnits(path, ROLES)).rejects.toMatchObject({ code: 'ERR_UNIT_TABLE' });
  });

  test('an outcome that is neither yes nor no is refused', async () => {
    const path = file('outcome.csv', 'unit,cycle,a,dead\n1,1,5,maybe\n');
    await expect(readUnits(path, { ...ROLES, outcome: 'dead' })).rejects.toThrow(/row 2: column dead must be 0 or 1/);
  });
});

describe('from two files to a report', () => {
  const request = (more: Partial<HazardRequest>): HazardRequest => ({
    ...{ train: join(folder, 'a.csv'), test: join(folder, 'b.csv') },
    ...ROLES,
    horizon: 15,
    method: undefined,
    alarmRows: 3,
    ...more,
  });
  beforeAll(() => {
    file('a.csv', asCsv(wearingFleet(1, 10)));
    file('b.csv', asCsv(wearingFleet(2, 5)));
    file('few.csv', asCsv(wearingFleet(1, 2)));
  });

  test('figures, the notes, the picture', async () => {
    const picture = join(folder, 'reliability.svg');
    const report = await evaluateUnitFiles(request({ picture }));
    expect(report).toMatchObject({
      ...{ method: 'hazard', horizon: 15, useful: 1, early: 0, missed: 0, falseAlarms: null },
      units: { train: 10, trainFailed: 10, test: 5, testFailed: 5 },
      columns: ['heat', 'flow', 'hum'],
      alarm: { rows: 3, earliest: 30, latest: 2.5 },
      notes: ['left out, the same in all training rows: always'],
    });
    expect(report.brier).toBeLessThan(0.5 * report.brierOfBaseRate);
    expect(report.methods.map(({ method }) => method)).toEqual(['hazard', 'wiener']);
    const svg = readFileSync(picture, 'utf8');
    expect(svg.match(/<circle/g)?.length).toBeGreaterThan(4);
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  test('few failures: first passage answers and says so; asking for a hazard is refused', async () => {
    const report = await evaluateUnitFiles(request({ train: join(folder, 'few.csv') }));
    expect(report).toMatchObject({ method: 'wiener', folds: 0, brierInTraining: null });
    expect(report.notes.join()).toMatch(/few failures \(2\)/);
    const refused = evaluateUnitFiles(request({ train: join(folder, 'few.csv'), method: 'hazard' }));
    await expect(refused).rejects.toThrow(/only 2 units .* take --method wiener/);
  });

  const allAlive = (): Partial<HazardRequest> => {
    const path = file('alive.csv', 'unit,cycle,a,dead\n1,1,3,0\n1,2,4,0\n');
    return { train: path, test: path, outcome: 'dead' };
  };

  test.each<[string, () => Partial<HazardRequest>, RegExp]>([
    ['a test file without a column', () => ({ test: file('less.csv', 'unit,cycle,heat,hum\n1,1,3,4\n') }), /lacks flow, which/],
    [
      'nothing that varies',
      () => ({ train: file('flat.csv', 'unit,cycle,a\n1,1,3\n1,2,3\n') }),
      /no column of numbers that vary/,
    ],
    ['a horizon beyond all lives', () => ({ horizon: 1e6 }), /every row of .* is within 1000000 of a failure/],
    ['no failure at all', allAlive, /no unit of .* failed/],
    ['alarms that cannot be useful', () => ({ earliest: 3, latest: 9 }), /--latest 9 is before --earliest 3/],
    ['a picture where none can be', () => ({ picture: join(folder, 'no', 'way.svg') }), /way\.svg cannot be written/],
  ])('%s is refused', async (_, more, words) => {
    await expect(evaluateUnitFiles(request(more()))).rejects.toThrow(words);
  });
});

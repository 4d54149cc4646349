/**
 * A table of units from a CSV file: one row is one unit at one time. Rows may come in any order; what is neither the unit, the time nor the
 * outcome is a sensor. What cannot be a sensor is left out with a note: a column that never varies among the training units, one
 * that holds hardly any numbers. A single cell that is no number is a value that was not measured.
 */

import type { Fleet, UnitHistory } from '../../domain/hazard/unit-history.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { csvCells, isHead } from '../feed/csv-cells.ts';

export interface UnitColumns {
  readonly unit: string;
  readonly time: string;
  /** 1 in a unit's last row when it failed there, else it was still alive. Without one every unit fails at its last row. */
  readonly outcome?: string | undefined;
}

export interface UnitTable {
  readonly file: string;
  /** Candidates: whatever has another role is not among them. */
  readonly columns: readonly string[];
  readonly units: readonly UnitHistory[];
}

const CODE = 'ERR_UNIT_TABLE';
/** A sensor is a column of which at least this share are numbers. */
const NUMBERS_LEAST = 0.5;

export async function readUnits(file: string, roles: UnitColumns): Promise<UnitTable> {
  let layout: Layout | undefined;
  const rowsOfUnit = new Map<string, Row[]>();
  let line = 0;
  for await (const cells of csvCells(file, { code: CODE, delimiter: 'guess' })) {
    line++;
    if (layout === undefined) {
      layout = layoutOf(cells, roles, file);
      continue;
    }
    const name = cells[layout.unit] ?? '';
    if (name === '') throw new DroverError(CODE, `${file}, row ${line}: column ${roles.unit} is empty`);
    const time = numberOf(cells[layout.time]);
    if (!Number.isFinite(time)) {
      throw new DroverError(
        CODE,
        `${file}, row ${line}: column ${roles.time} must be a number, not ${JSON.stringify(cells[layout.time] ?? '')}`,
      );
    }
    const outcome = layout.outcome === undefined ? 1 : numberOf(cells[layout.outcome]);
    if (outcome !== 0 && outcome !== 1)
      throw new DroverError(CODE, `${file}, row ${line}: column ${roles.outcome} must be 0 or 1`);
    const rows = rowsOfUnit.get(name) ?? [];
    if (rows.length === 0) rowsOfUnit.set(name, rows);
    rows.push({ time, outcome, values: layout.sensors.map((column) => numberOf(cells[column])) });
  }
  if (layout === undefined || rowsOfUnit.size === 0) throw new DroverError(CODE, `${file} holds no rows below a head line`);
  const units = [...rowsOfUnit].map(([name, rows]) => historyOf(name, rows, file));
  return { file, columns: layout.names, units };
}

/** Both tables with the sensors that the training units have and vary in, in the training file's order. */
export function matchSensors(
  training: UnitTable,
  test: UnitTable,
): { readonly training: Fleet; readonly test: Fleet; readonly notes: readonly string[] } {
  const [constant, sparse]: [string[], string[]] = [[], []];
  const kept = training.columns.filter((name, column) => {
    const { numbers, rows, varies } = lookAt(training, column);
    if (numbers < NUMBERS_LEAST * rows) sparse.push(name);
    else if (!varies) constant.push(name);
    else return true;
    return false;
  });
  if (kept.length === 0)
    throw new DroverError(CODE, `${training.file} has no column of numbers that vary, besides unit and time`);
  const missing = kept.filter((name) => !test.columns.includes(name));
  if (missing.length > 0)
    throw new DroverError(
      CODE,
      `${test.file} lacks ${missing.join(', ')}, which ${training.file} has: give both the same columns`,
    );
  const extra = test.columns.filter((name) => !training.columns.includes(name));
  const notes = [
    ...(constant.length > 0 ? [`left out, the same in all training rows: ${constant.join(', ')}`] : []),
    ...(sparse.length > 0 ? [`left out, hardly any numbers in training: ${sparse.join(', ')}`] : []),
    ...(extra.length > 0 ? [`left out, only in the test file: ${extra.join(', ')}`] : []),
    ...seenBefore(training, test),
  ];
  return { training: withSensors(training, kept), test: withSensors(test, kept), notes };
}

interface Layout {
  readonly unit: number;
  readonly time: number;
  readonly outcome: number | undefined;
  readonly sensors: readonly number[];
  readonly names: readonly string[];
}

interface Row {
  readonly time: number;
  readonly outcome: number;
  readonly values: readonly number[];
}

function layoutOf(head: readonly string[], { unit, time, outcome }: UnitColumns, file: string): Layout {
  if (!isHead(head)) throw new DroverError(CODE, `${file} has no head line: its first row must name the columns`);
  const twice = head.find((name, place) => head.indexOf(name) !== place);
  if (twice !== undefined) throw new DroverError(CODE, `${file} has two columns named ${JSON.stringify(twice)}`);
  const place = (name: string): number => {
    const found = head.indexOf(name);
    if (found < 0) throw new DroverError(CODE, `${file} has no column ${name}; it has ${head.join(', ')}`);
    return found;
  };
  const roles = { unit: place(unit), time: place(time), outcome: outcome === undefined ? undefined : place(outcome) };
  if (roles.unit === roles.time) throw new DroverError(CODE, `--unit and --time are both ${unit}: they must be two columns`);
  const taken = [roles.unit, roles.time, roles.outcome];
  const sensors = [...head.keys()].filter((column) => !taken.includes(column));
  return { ...roles, sensors, names: sensors.map((column) => head[column] ?? '') };
}

/** NaN for whatever is no finite number: empty, "n/a", "inf". */
function numberOf(cell: string | undefined): number {
  if (cell === undefined || cell === '') return Number.NaN;
  const value = Number(cell);
  return Number.isFinite(value) ? value : Number.NaN;
}

function historyOf(name: string, rows: Row[], file: string): UnitHistory {
  rows.sort((a, b) => a.time - b.time);
  const twice = rows.find((row, i) => i > 0 && row.time === rows[i - 1]?.time);
  if (twice !== undefined) throw new DroverError(CODE, `${file}: unit ${name} has two rows at time ${twice.time}`);
  return {
    name,
    times: Float64Array.from(rows, ({ time }) => time),
    values: Float64Array.from(rows.flatMap(({ values }) => values)),
    failed: rows.at(-1)?.outcome === 1,
  };
}

function lookAt({ units, columns }: UnitTable, column: number): { numbers: number; rows: number; varies: boolean } {
  let [numbers, rows, least, most] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { values } of units) {
    for (let at = column; at < values.length; at += columns.length) {
      rows++;
      const value = values[at] as number;
      if (Number.isNaN(value)) continue;
      numbers++;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  return { numbers, rows, varies: most > least };
}

function withSensors({ columns, units }: UnitTable, kept: readonly string[]): Fleet {
  const places = kept.map((name) => columns.indexOf(name));
  return {
    columns: kept,
    units: units.map((unit) => ({
      ...unit,
      values: Float64Array.from(
        { length: unit.times.length * kept.length },
        (_, i) => unit.values[Math.floor(i / kept.length) * columns.length + (places[i % kept.length] as number)] as number,
      ),
    })),
  };
}

/** A unit that is in both files, row for row, is no test. */
function seenBefore(training: UnitTable, test: UnitTable): string[] {
  const printOf = ({ times, values }: UnitHistory): string => `${times.join()};${values.join()}`;
  const seen = new Set(training.units.map(printOf));
  const again = test.units.filter((unit) => seen.has(printOf(unit))).map(({ name }) => name);
  return again.length === 0 ? [] : [`NOT unseen, the same rows are in the training file: unit ${again.join(', ')}`];
}

/**
 * Columns of numbers from a CSV file: one delimiter, a head line or none, cells that are no number as NaN. What a missing value means is the
 * reader's business; that a column is not there at all, or holds no number, is an error with the names that are, or what it holds instead.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { DroverError } from '../domain/kernel/error-codes.ts';
import { guessDelimiter } from './csv-delimiter.ts';

export interface SeriesTable {
  readonly file: string;
  /** Names from the head line; positions from 1 where there is none. */
  readonly names: readonly string[];
  /** Row by row, as text. */
  readonly rows: readonly (readonly string[])[];
}

export interface SeriesFileOptions {
  /** One character; found out by itself when not given. */
  readonly delimiter?: string | undefined;
}

export function readSeriesFile(file: string, options: SeriesFileOptions = {}): SeriesTable {
  let text: string;
  try {
    text = decoded(readFileSync(file));
  } catch (cause) {
    throw new DroverError('ERR_USAGE', `${file} cannot be read: ${(cause as Error).message}; give a CSV file`, { cause });
  }
  let rows: string[][];
  try {
    rows = parse(text, {
      bom: true,
      delimiter: options.delimiter ?? guessDelimiter(text),
      relaxColumnCount: true,
      skipEmptyLines: true,
      trim: true,
    });
  } catch (cause) {
    throw new DroverError('ERR_USAGE', `${file} is no CSV: ${(cause as Error).message}`, { cause });
  }
  const [head] = rows;
  if (head === undefined) throw new DroverError('ERR_USAGE', `${file} is empty`);
  const named = head.every((cell) => Number.isNaN(numberOf(cell)));
  return { file, names: named ? head : head.map((_, position) => String(position + 1)), rows: named ? rows.slice(1) : rows };
}

/** A column by its name in the head line, or by its position from 1. */
export function columnOf(table: SeriesTable, column: string): Float64Array {
  const position = positionOf(table, column);
  const values = Float64Array.from(table.rows, (row) => numberOf(row[position] ?? ''));
  if (values.every(Number.isNaN))
    throw new DroverError('ERR_USAGE', `column ${column} of ${table.file} holds no number${instead(table, position)}`);
  return values;
}

/** What a column holds where one looked for numbers, so that a comma or a unit in it is seen at once. */
function instead({ rows }: SeriesTable, position: number): string {
  const cells = rows.map((row) => row[position] ?? '').filter((cell) => cell !== '');
  if (cells.length === 0) return ': it is empty';
  const how = cells.some((cell) => /\d/.test(cell)) ? '; a number is written 1234.5, without a unit' : '';
  return `, but ${[...new Set(cells)]
    .slice(0, 3)
    .map((cell) => JSON.stringify(cell.slice(0, 40)))
    .join(', ')}${how}`;
}

/** The columns that hold more numbers than anything else, and more than one value. */
export function numericColumns(table: SeriesTable): readonly string[] {
  return table.names.filter((name) => {
    const position = table.names.indexOf(name);
    let [numbers, first, varies] = [0, Number.NaN, false];
    for (const row of table.rows) {
      const value = numberOf(row[position] ?? '');
      if (Number.isNaN(value)) continue;
      numbers++;
      if (numbers === 1) first = value;
      else if (value !== first) varies = true;
    }
    return varies && 2 * numbers > table.rows.length;
  });
}

/** One table for each value of a column, in the order in which they first appear. */
export function splitBy(table: SeriesTable, column: string): ReadonlyMap<string, SeriesTable> {
  const position = positionOf(table, column);
  const groups = new Map<string, (readonly string[])[]>();
  for (const row of table.rows) {
    const key = row[position] ?? '';
    const rows = groups.get(key);
    if (rows === undefined) groups.set(key, [row]);
    else rows.push(row);
  }
  return new Map([...groups].map(([key, rows]) => [key, { ...table, rows }]));
}

function positionOf({ names, file }: SeriesTable, column: string): number {
  const named = names.indexOf(column);
  const position = named >= 0 || !/^\d+$/.test(column) ? named : Number(column) - 1;
  if (position >= 0 && position < names.length) return position;
  throw new DroverError('ERR_USAGE', `${file} has no column ${column}; it has ${names.join(', ')}`);
}

/** NaN for what is no number: empty, `NaN`, `NA`, a word, an infinity. */
function numberOf(cell: string): number {
  if (cell === '') return Number.NaN;
  const value = Number(cell);
  return Number.isFinite(value) ? value : Number.NaN;
}

/** UTF-8 unless the file's first two bytes say UTF-16, as spreadsheets write it. */
function decoded(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff)
    return new TextDecoder('utf-16le').decode(bytes.subarray(0, bytes.length & ~1).swap16());
  return bytes.toString('utf8');
}

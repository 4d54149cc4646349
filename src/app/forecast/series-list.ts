/**
 * Which series a command is about: files, folders of files, columns, groups of rows; or a list of them in a CSV of its own
 * (`file,column,by,group,split`), so that a table of figures is one command again.
 */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { columnOf, numericColumns, readSeriesFile, type SeriesTable, splitBy } from '../series-file.ts';

export interface NamedSeries {
  readonly name: string;
  readonly values: Float64Array;
}

export interface SeriesChoice {
  readonly files: readonly string[];
  readonly columns: readonly string[];
  readonly delimiter: string | undefined;
  /** A series for each value of this column. */
  readonly by: string | undefined;
}

/** Every chosen column of every chosen file; all numeric columns where none is chosen. */
export function* chosenSeries({ files, columns, delimiter, by }: SeriesChoice): Generator<NamedSeries> {
  for (const file of files.flatMap(csvFiles)) {
    const table = readSeriesFile(file, { delimiter });
    const chosen = columns.length > 0 ? columns : numericColumns(table).filter((column) => column !== by);
    if (chosen.length === 0) throw new DroverError('ERR_USAGE', `${file} has no column of numbers that vary`);
    const groups: Iterable<[string, SeriesTable]> = by === undefined ? [['', table]] : splitBy(table, by);
    for (const [group, rows] of groups)
      for (const column of chosen)
        yield { name: `${file}:${column}${group === '' ? '' : `:${group}`}`, values: columnOf(rows, column) };
  }
}

export interface ListOptions {
  readonly list: string;
  /** Where the files of the list lie; beside it when not given. */
  readonly folder: string | undefined;
  readonly split: string | undefined;
}

export function* listedSeries({ list, folder, split }: ListOptions): Generator<NamedSeries> {
  const table = readSeriesFile(list, { delimiter: ',' });
  const cell = (row: readonly string[], name: string): string => row[table.names.indexOf(name)] ?? '';
  const rows = table.rows.filter((row) => split === undefined || cell(row, 'split') === split);
  if (rows.length === 0 || !table.names.includes('file') || !table.names.includes('column'))
    throw new DroverError(
      'ERR_USAGE',
      `${list} lists no series${split === undefined ? '' : ` of split ${split}`}: rows of file,column,by,group,split`,
    );
  const tables = new Map<string, SeriesTable>();
  for (const row of rows) {
    const [file, column, by, group] = ['file', 'column', 'by', 'group'].map((name) => cell(row, name)) as [
      string,
      string,
      string,
      string,
    ];
    const path = resolve(folder ?? dirname(list), file);
    const whole = tables.get(path) ?? readSeriesFile(path);
    tables.set(path, whole);
    const part = by === '' ? whole : splitBy(whole, by).get(group);
    if (part === undefined) throw new DroverError('ERR_USAGE', `${path} has no rows whose ${by} is ${group}`);
    yield { name: [file, column, ...(group === '' ? [] : [group])].join(':'), values: columnOf(part, column) };
  }
}

function csvFiles(path: string): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (cause) {
    throw new DroverError('ERR_USAGE', `${path} cannot be read: give CSV files, or folders of them`, { cause });
  }
  if (!isFolder) return [path];
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.csv$/i.test(name))
    .sort();
  if (files.length === 0) throw new DroverError('ERR_USAGE', `there is no .csv file in ${path}`);
  return files.map((name) => join(path, name));
}

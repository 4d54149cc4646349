/** The inputs in a file, one payload each: rows of a CSV (some columns or all, joined by commas) or lines of JSON as they are. */
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { csvCells, isHead } from './csv-cells.ts';

export interface RowOptions {
  /** CSV: names from the head line, or positions from 1. Empty: all columns. */
  readonly columns: readonly string[];
}

/** Fails with ERR_USAGE on a file that is neither, and on columns it does not have. */
export async function* rowsOf(file: string, options: RowOptions): AsyncGenerator<Uint8Array> {
  await access(file).catch((cause: unknown) => {
    throw new DroverError('ERR_USAGE', `${file} cannot be read: give a .csv or a .jsonl file`, { cause });
  });
  if (/\.(jsonl|ndjson)$/i.test(file)) yield* jsonLines(file);
  else if (/\.csv$/i.test(file)) yield* csvRows(file, options.columns);
  else throw new DroverError('ERR_USAGE', `${file} is neither .csv nor .jsonl: rename it to what it is`);
}

const encoder = new TextEncoder();

async function* jsonLines(file: string): AsyncGenerator<Uint8Array> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    try {
      JSON.parse(line);
    } catch (error) {
      throw unreadable(`${file}, line ${number} is no JSON`, error);
    }
    yield encoder.encode(line);
  }
}

async function* csvRows(file: string, columns: readonly string[]): AsyncGenerator<Uint8Array> {
  let chosen: readonly number[] | undefined;
  for await (const row of csvCells(file)) {
    if (chosen === undefined) {
      chosen = choose(row, columns, file);
      if (isHead(row)) continue;
    }
    yield encoder.encode(chosen.map((column) => row[column] ?? '').join(','));
  }
}

const unreadable = (what: string, cause: unknown): DroverError =>
  new DroverError('ERR_USAGE', `${what}: ${(cause as Error).message}`, { cause });

function choose(head: readonly string[], columns: readonly string[], file: string): number[] {
  if (columns.length === 0) return head.map((_, column) => column);
  return columns.map((column) => {
    const position = /^\d+$/.test(column) ? Number(column) - 1 : head.indexOf(column);
    if (position < 0 || position >= head.length)
      throw new DroverError('ERR_USAGE', `${file} has no column ${column}; it has ${head.join(', ')}`);
    return position;
  });
}

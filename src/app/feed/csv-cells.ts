/** The one reader of CSV files: rows of trimmed cells. What the first row is, and what a cell must be, is its caller's business. */
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { DroverError, type ErrorCode } from '../../domain/kernel/error-codes.ts';

export interface CsvOptions {
  readonly delimiter?: string;
  /** Of the failure when the file is no CSV, or is not there. */
  readonly code?: ErrorCode;
}

export async function* csvCells(file: string, options: CsvOptions = {}): AsyncGenerator<readonly string[]> {
  const { delimiter = ',', code = 'ERR_USAGE' } = options;
  const source = createReadStream(file);
  const parser = parse({ bom: true, delimiter, relaxColumnCount: true, skipEmptyLines: true, trim: true });
  // `pipe` does not carry failures of the source along: a file that is not there would never end.
  source.on('error', (error) => parser.destroy(error));
  try {
    yield* source.pipe(parser) as AsyncIterable<readonly string[]>;
  } catch (error) {
    if (error instanceof DroverError) throw error;
    const isThere = !(error instanceof Error && 'syscall' in error);
    const what = isThere ? `${file} is no CSV` : `${file} cannot be read`;
    throw new DroverError(code, `${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether a first row is a head line: it holds a word. */
export const isHead = (row: readonly string[]): boolean => row.some((cell) => cell !== '' && Number.isNaN(Number(cell)));

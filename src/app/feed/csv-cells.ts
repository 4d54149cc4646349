/** The one reader of CSV files: rows of trimmed cells. What the first row is, and what a cell must be, is its caller's business. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { DroverError, type ErrorCode } from '../../domain/kernel/error-codes.ts';
import { guessDelimiter } from '../csv-delimiter.ts';

export interface CsvOptions {
  /** One character, or `guess`: what the first line shows. A comma when not given. */
  readonly delimiter?: string;
  /** Of the failure when the file is no CSV, or is not there. */
  readonly code?: ErrorCode;
}

export async function* csvCells(file: string, options: CsvOptions = {}): AsyncGenerator<readonly string[]> {
  const { delimiter = ',', code = 'ERR_USAGE' } = options;
  try {
    // Read once from beginning to end: it may be a pipe.
    const chunks: AsyncIterator<Buffer> = createReadStream(file)[Symbol.asyncIterator]();
    const first = await chunks.next();
    const head = first.done === true ? Buffer.alloc(0) : first.value;
    const mark = delimiter === 'guess' ? guessDelimiter(head.toString('utf8')) : delimiter;
    const parser = parse({ bom: true, delimiter: mark, relaxColumnCount: true, skipEmptyLines: true, trim: true });
    const source = Readable.from(from(head, chunks));
    // `pipe` does not carry failures of the source along: a file that ends in one would never end.
    source.on('error', (error) => parser.destroy(error));
    yield* source.pipe(parser) as AsyncIterable<readonly string[]>;
  } catch (error) {
    if (error instanceof DroverError) throw error;
    const isThere = !(error instanceof Error && 'syscall' in error);
    const what = isThere ? `${file} is no CSV` : `${file} cannot be read`;
    throw new DroverError(code, `${what}: ${(error as Error).message}`, { cause: error });
  }
}

async function* from(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/** Whether a first row is a head line: it holds a word. */
export const isHead = (row: readonly string[]): boolean => row.some((cell) => cell !== '' && Number.isNaN(Number(cell)));

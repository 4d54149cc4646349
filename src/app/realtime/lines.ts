/**
 * Lines of standard input, one by one, for the commands that take a set a line. A line is bounded, so that a file without an end to its first
 * one fills no memory; what is too long or no UTF-8 comes as what it is, and the next line is read all the same. A byte order mark in front of
 * the first line and a carriage return behind any are not of the line. Input that cannot be read is a failure, never an empty answer.
 */
import { fstatSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { DroverError } from '../../domain/kernel/error-codes.ts';

/** A hundred times what the largest set that is analysed takes. */
export const LINE_BYTES_MAX = 64 * 2 ** 20;

export type InputLine =
  | { readonly kind: 'line'; readonly text: string }
  /** `sentence` begins with a kind that programs can match, as a line's reason does. */
  | { readonly kind: 'unreadable'; readonly sentence: string };

const [NEWLINE, RETURN] = [0x0a, 0x0d];

/** Of standard input. A folder there has to be asked for: Node makes an input of it that is empty. */
export function standardInputLines(): AsyncGenerator<InputLine> {
  if (fstatSync(process.stdin.fd).isDirectory()) throw unreadableInput('it is a folder');
  return inputLines(process.stdin);
}

const unreadableInput = (why: string, cause?: unknown): DroverError =>
  new DroverError('ERR_TASK_SET', `standard input cannot be read (${why}): give a file with one set a line`, { cause });

export async function* inputLines(input: Readable, bytesMax = LINE_BYTES_MAX): AsyncGenerator<InputLine> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let isFirst = true;
  const add = (bytes: Uint8Array): void => {
    // Beyond the bound only counted.
    if (length <= bytesMax) parts.push(bytes);
    length += bytes.length;
  };
  const take = (): InputLine => {
    const line = length > bytesMax ? tooLong(length, bytesMax) : decoded(Buffer.concat(parts, length), isFirst);
    parts = [];
    length = 0;
    isFirst = false;
    return line;
  };
  try {
    for await (const chunk of input as AsyncIterable<Uint8Array>) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        add(chunk.subarray(from, end));
        yield take();
        from = end + 1;
      }
      add(chunk.subarray(from));
    }
  } catch (cause) {
    if (typeof (cause as NodeJS.ErrnoException).code !== 'string') throw cause;
    throw unreadableInput(String((cause as NodeJS.ErrnoException).code), cause);
  }
  if (length > 0) yield take();
}

const tooLong = (bytes: number, bytesMax: number): InputLine => ({
  kind: 'unreadable',
  sentence: `too-long: a line of ${bytes} bytes; a set has room in ${bytesMax}`,
});

function decoded(bytes: Uint8Array, isFirst: boolean): InputLine {
  const end = bytes.at(-1) === RETURN ? bytes.length - 1 : bytes.length;
  try {
    return {
      kind: 'line',
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: !isFirst }).decode(bytes.subarray(0, end)),
    };
  } catch {
    return { kind: 'unreadable', sentence: 'not-utf8: the line is no UTF-8' };
  }
}

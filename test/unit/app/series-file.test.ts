/** Columns of numbers as people have them in files: whatever stands between cells, whoever wrote them; and what is said of those that are none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { protocolFor, unfitFor } from '../../../src/app/forecast/rolling-origin.ts';
import { columnOf, readSeriesFile } from '../../../src/app/series-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-series-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const swapped = (text: string): Uint8Array => Buffer.from(text, 'utf16le').swap16();

describe('the same two columns', () => {
  test.each<[string, string | Uint8Array]>([
    ['comma', 't,cpu\n0,1.5\n1,-2\n'],
    ['semicolon', 't;cpu\n0;1.5\n1;-2\n'],
    ['tab', 't\tcpu\n0\t1.5\n1\t-2\n'],
    ['bar', 't|cpu\n0|1.5\n1|-2\n'],
    ['commas in a quoted head', '"t, in s, from the start";cpu\n0;1.5\n1;-2\n'],
    ['lines that end as on Windows', 't;cpu\r\n0;1.5\r\n1;-2\r\n'],
    ['UTF-8 that says so', '\ufefft,cpu\n0,1.5\n1,-2\n'],
    ['UTF-16', Buffer.from('\ufefft\tcpu\r\n0\t1.5\r\n1\t-2\r\n', 'utf16le')],
    ['UTF-16, the other way round', swapped('\ufefft,cpu\n0,1.5\n1,-2\n')],
    ['an empty line before the head', '\n\nt|cpu\n0|1.5\n1|-2\n'],
  ])('%s', (name, content) => {
    expect([...columnOf(readSeriesFile(file(`${name}.csv`, content)), 'cpu')]).toEqual([1.5, -2]);
  });
});

describe('a column without a number says what it holds', () => {
  test.each([
    [
      'a;b\n1;"0,5"\n2;"0,7"\n3;"0,5"\n',
      /column b of .* holds no number, but "0,5", "0,7"; a number is written 1234\.5, without a unit$/,
    ],
    ['a,b\n1,12 %\n', /but "12 %"; a number is written/],
    ['a,b\n1,on\n2,off\n', /holds no number, but "on", "off"$/],
    ['a,b\n1,\n2,\n', /holds no number: it is empty$/],
  ])('%j', (content, said) => {
    const table = readSeriesFile(file('words.csv', content));
    expect(() => columnOf(table, 'b')).toThrow(said);
  });
});

test('what cannot be judged: how many values it would take, or that it never changes', () => {
  const line = (length: number): Float64Array => Float64Array.from({ length }, (_, t) => t);
  expect(unfitFor(line(5), [1, 60])).toBe(
    '5 values are too few to look 60 steps ahead in the last two fifths of them: 148 at least',
  );
  expect([147, 148].map((length) => protocolFor(line(length), [1, 60]) !== undefined)).toEqual([false, true]);
  expect(unfitFor(new Float64Array(500).fill(3), [1])).toMatch(/^it is constant over its first 300 values/);
});

/** What of a file becomes inputs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rowsOf } from '../../../src/app/feed/rows.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-rows-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function rows(name: string, content: string, columns: readonly string[] = []): Promise<string[]> {
  const file = join(folder, name);
  writeFileSync(file, content);
  const found: string[] = [];
  for await (const row of rowsOf(file, { columns })) found.push(new TextDecoder().decode(row));
  return found;
}

test('CSV: a head line is left out, numbers are not', async () => {
  expect(await rows('a.csv', 'time,cpu\n1,2\n3,4\n')).toEqual(['1,2', '3,4']);
  expect(await rows('b.csv', '1,2\n3,4\n')).toEqual(['1,2', '3,4']);
});

test('CSV: columns by name and by position, quoted cells, a byte order mark, a missing cell', async () => {
  expect(await rows('c.csv', '\ufefftime,cpu,note\n1,2,"a, b"\n3,4\n', ['cpu', 'time'])).toEqual(['2,1', '4,3']);
  expect(await rows('c.csv', 'time,cpu,note\n1,2,"a, b"\n3,4\n', ['3'])).toEqual(['a, b', '']);
});

test('JSON lines go as they are, empty lines not at all', async () => {
  expect(await rows('d.jsonl', '{"a": 1}\n\n{"a": 2}\r\n')).toEqual(['{"a": 1}', '{"a": 2}']);
});

test.each([
  ['e.csv', 'a,b\n1,2\n', ['c'], /has no column c; it has a, b/],
  ['f.jsonl', '{"a":1}\nnonsense\n', [], /line 2 is no JSON/],
  ['g.txt', '1\n', [], /neither \.csv nor \.jsonl/],
  ['h.csv', 'a,"b\n1,2\n', [], /is no CSV/],
])('%s: wrong input is named', async (name, content, columns, sentence) => {
  await expect(rows(name, content, columns)).rejects.toMatchObject({
    code: 'ERR_USAGE',
    message: expect.stringMatching(sentence),
  });
});

test('a file that is not there', async () => {
  const iterator = rowsOf(join(folder, 'absent.csv'), { columns: [] });
  await expect(iterator.next()).rejects.toMatchObject({ code: 'ERR_USAGE' });
});

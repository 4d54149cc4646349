/** Text in columns, numbers and amounts to the right. Widths are counted without colours. */
import { stripVTControlCharacters } from 'node:util';
import { stdoutColours } from './colours.ts';

/** A number, with a unit or without; `-` and nothing stand for one that is not there. */
const AMOUNT = /^(?:[\d.]+(?: (?:B|KiB|MiB|GiB|TiB|%|s|min|h))?|-|none)?$/;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = (cell: string): number => stripVTControlCharacters(cell).length;
  const widths = head.map((title, column) => Math.max(width(title), ...rows.map((row) => width(row[column] ?? ''))));
  const toTheRight = head.map((_, column) => {
    const cells = rows.map((row) => stripVTControlCharacters(row[column] ?? ''));
    return cells.every((cell) => AMOUNT.test(cell)) && cells.some((cell) => /\d/.test(cell));
  });
  const line = (cells: readonly string[], paint: (cell: string) => string): string =>
    cells
      .map((cell, column) => {
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell)));
        return toTheRight[column] === true ? padding + paint(cell) : paint(cell) + padding;
      })
      .join('  ')
      .trimEnd();
  return `${[line(head, stdoutColours.dim), ...rows.map((row) => line(row, (cell) => cell))].join('\n')}\n`;
}

/** Text in columns. Widths are counted without colours. */
import { stripVTControlCharacters } from 'node:util';
import picocolors from 'picocolors';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = (cell: string): number => stripVTControlCharacters(cell).length;
  const widths = head.map((title, column) => Math.max(width(title), ...rows.map((row) => width(row[column] ?? ''))));
  const line = (cells: readonly string[], paint: (cell: string) => string): string =>
    cells
      .map((cell, column) => paint(cell) + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd();
  return `${[line(head, picocolors.dim), ...rows.map((row) => line(row, (cell) => cell))].join('\n')}\n`;
}

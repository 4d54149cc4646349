/**
 * Runs as they are made, in `OUT.parts`: a file of JSON lines a series, its head first, then a line a set. A set takes seconds and cannot be
 * had again as it was, so each is written when it is judged. Whoever goes on reads the lines back; one that was cut short is dropped.
 */
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetRow } from '../../../infra/arrow/dataset-file.ts';
import type { RunColumns } from '../../../infra/arrow/run-columns.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { GrownTask } from '../../domain/realtime/draw/grow.ts';
import type { Calibration } from '../../domain/realtime/runs/calibration.ts';
import { makeFolder } from '../learn/files.ts';

/** In the order of the series' offers; `tasks` and lists in the order of the file. */
export interface RunRow extends DatasetRow {
  readonly tasks: readonly GrownTask[];
  readonly run: RunColumns;
}

export interface SeriesHead {
  /** As it was asked for: what is of another is not mixed in. */
  readonly spec: string;
  readonly series: number;
  readonly mac: Mac;
  readonly calibration: Calibration;
  readonly calibratedAt: string;
  /** Of the machine that measured, over a minute, when the series began. */
  readonly loadAverage: number;
}

export interface Series {
  readonly head: SeriesHead;
  readonly rows: RunRow[];
  /** Nothing more comes of it. */
  ended: boolean;
}

export class SeriesStore {
  readonly series: Series[];
  private readonly folder: string;

  static async open(folder: string, spec: string): Promise<SeriesStore> {
    await makeFolder(folder);
    const found: Series[] = [];
    for (const name of (await readdir(folder)).sort()) {
      const series = parse(await readFile(join(folder, name), 'utf8'));
      if (series === undefined) continue; // its head was cut short: nothing is lost
      if (series.head.spec !== spec)
        throw new DroverError(
          'ERR_DATASET_FILE',
          `${folder} holds the beginning of another data set: remove it, or name another --out`,
        );
      // So that what follows begins on a line of its own.
      await writeFile(join(folder, name), textOf(series));
      found.push(series);
    }
    return new SeriesStore(folder, found);
  }

  private constructor(folder: string, series: Series[]) {
    this.folder = folder;
    this.series = series;
  }

  get count(): number {
    return this.series.reduce((sum, { rows }) => sum + rows.length, 0);
  }

  nextNumber(): number {
    return this.series.reduce((most, { head }) => Math.max(most, head.series + 1), 0);
  }

  async begin(head: SeriesHead): Promise<Series> {
    const series: Series = { head, rows: [], ended: false };
    this.series.push(series);
    await writeFile(this.pathOf(head), textOf(series));
    return series;
  }

  async append(series: Series, row: RunRow): Promise<void> {
    series.rows.push(row);
    await appendFile(this.pathOf(series.head), lineOf(row));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  private pathOf({ series }: SeriesHead): string {
    return join(this.folder, `series-${String(series).padStart(6, '0')}.jsonl`);
  }
}

const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`;
const textOf = ({ head, rows }: Series): string => [head, ...rows].map(lineOf).join('');

function parse(text: string): Series | undefined {
  // What stands behind the last line end was cut short.
  const lines = text.split('\n').slice(0, -1);
  const values = lines.map((line) => JSON.parse(line) as unknown);
  const [head, ...rows] = values as [SeriesHead | undefined, ...RunRow[]];
  return head === undefined ? undefined : { head, rows, ended: false };
}

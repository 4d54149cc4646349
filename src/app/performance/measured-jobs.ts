/** Jobs that ran, from a CSV file with a head line: one row a job, in the order in which they ran. Only task and execution time must be there. */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { MeasuredJob } from '../../domain/performance/judge-performance.ts';
import { csvCells, isHead } from '../feed/csv-cells.ts';

export interface JobColumns {
  readonly task: string;
  readonly execution: string;
  readonly family?: string;
  readonly resource?: string;
  readonly kind?: string;
  readonly contention?: string;
  readonly load?: string;
  readonly response?: string;
  readonly size?: string;
}

export async function readMeasuredJobs(file: string, columns: JobColumns): Promise<MeasuredJob[]> {
  const jobs: MeasuredJob[] = [];
  let places: Partial<Record<keyof JobColumns, number>> | undefined;
  let row = 0;
  for await (const cells of csvCells(file)) {
    row++;
    if (places === undefined) {
      places = placesOf(cells, columns, file);
      continue;
    }
    const { task: taskAt, execution: executionAt, ...others } = places;
    const word = (place: number | undefined, otherwise: string): string =>
      place === undefined ? otherwise : (cells[place] ?? '');
    const number = (place: number | undefined, otherwise: number): number => {
      if (place === undefined) return otherwise;
      const value = Number(cells[place]);
      return cells[place] === '' || !Number.isFinite(value) ? Number.NaN : value;
    };
    const id = word(taskAt, '');
    const executionUs = number(executionAt, Number.NaN);
    if (id === '') throw new DroverError('ERR_USAGE', `${file}, row ${row}: column ${columns.task} is empty`);
    // A job that took no time was not measured; there are such rows in real traces.
    if (!(executionUs > 0)) continue;
    const kind = word(others.kind, 'cpu');
    jobs.push({
      resource: { id: word(others.resource, 'resource'), kind, nominalSpeed: 1 },
      task: { id, family: word(others.family, id), size: number(others.size, 1), jobsPerS: undefined },
      counters: {
        executionUs,
        responseUs: number(others.response, Number.NaN),
        load: number(others.load, 0),
        contention: number(others.contention, 0),
      },
    });
  }
  if (jobs.length < 2)
    throw new DroverError(
      'ERR_USAGE',
      `${file} holds ${jobs.length} jobs with an execution time above 0: at least two are needed`,
    );
  return jobs;
}

function placesOf(head: readonly string[], columns: JobColumns, file: string): Partial<Record<keyof JobColumns, number>> {
  if (!isHead(head)) throw new DroverError('ERR_USAGE', `${file} has no head line: its first row must name the columns`);
  const named = Object.entries(columns) as [keyof JobColumns, string][];
  return Object.fromEntries(
    named.map(([role, name]) => {
      const place = head.indexOf(name);
      if (place < 0) throw new DroverError('ERR_USAGE', `${file} has no column ${name}; it has ${head.join(', ')}`);
      return [role, place];
    }),
  );
}

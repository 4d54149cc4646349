/** Tables of units and model files of twins: what the commands about rare situations read and write. */
import { drawFromTwin, judgeTwin, unitsOfPool } from '../../domain/hazard/rare-twin.ts';
import type { Fleet, UnitHistory } from '../../domain/hazard/unit-history.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { RareTwinModel } from '../../domain/learn/model.ts';
import { readModel } from '../learn/files.ts';
import { matchSensors, readUnits, type UnitColumns } from './unit-files.ts';

/** With the columns that can be sensors; what was left out is told in the notes. */
export async function readFleet(
  file: string,
  roles: UnitColumns,
): Promise<{ readonly fleet: Fleet; readonly notes: readonly string[] }> {
  const table = await readUnits(file, roles);
  const { training, notes } = matchSensors(table, table);
  // It was matched with itself: that the units are the same is no news.
  return { fleet: training, notes: notes.filter((note) => !note.startsWith('NOT unseen')) };
}

export async function readTwin(file: string): Promise<RareTwinModel> {
  const model = await readModel(file);
  if (model.purpose === 'rare-twin') return model;
  throw new DroverError(
    'ERR_USAGE',
    `${file} holds a ${model.purpose} model, no twin of rare situations: drover hazard twin train makes one`,
  );
}

/** Units from a twin that is worth it; ERR_TWIN_NOT_KEPT where it is not. */
export function drawKept(
  { twin }: RareTwinModel,
  { file, count, seed }: { readonly file: string; readonly count: number; readonly seed: number },
): UnitHistory[] {
  const { kept, brier } = judgeTwin(twin.judged);
  if (!kept) {
    const [own, bootstrap, real] = [brier.generator, brier.bootstrap, brier.real].map((score) => score.toFixed(4));
    throw new DroverError(
      'ERR_TWIN_NOT_KEPT',
      `${file} is not kept, so nothing is drawn from it: on units held back the Brier score was ${own} with its units, ${bootstrap} with the bootstrap's, ${real} with neither`,
    );
  }
  return drawFromTwin(twin, { source: 'generator', count, rng: createRng(seed, 'besides all') });
}

/** What of the twin does not fit a table that a hazard is to learn from with its help, or undefined. */
export function misfitOf({ twin }: RareTwinModel, { columns }: Fleet, horizon: number): string | undefined {
  if (twin.shape.horizon !== horizon) return `is of a horizon of ${twin.shape.horizon}, and --horizon is ${horizon}`;
  if (twin.columns.length === columns.length && twin.columns.every((column, s) => column === columns[s])) return undefined;
  return `has the sensors ${twin.columns.join(', ')}, and the table has ${columns.join(', ')}`;
}

/** Test units that the twin learned from: with those nothing is unseen. */
export function seenByTwin({ twin }: RareTwinModel, test: Fleet): string[] {
  const printOf = ({ times, values }: UnitHistory): string => `${times.join()};${values.join()}`;
  const seen = new Set(unitsOfPool(twin.pool, twin.shape.sensors).map(printOf));
  return test.units.filter((unit) => seen.has(printOf(unit))).map(({ name }) => name);
}

/** As a table with the roles that the twin's own table had. */
export function unitsAsCsv(
  units: readonly UnitHistory[],
  { columns, unit, time, outcome }: { readonly columns: readonly string[] } & UnitColumns,
): string {
  const head = [unit, time, ...columns, ...(outcome === undefined ? [] : [outcome])];
  const lines = units.flatMap(({ name, times, values, failed }) =>
    Array.from(times, (at, i) => {
      const row = Array.from(values.subarray(i * columns.length, (i + 1) * columns.length), (value) =>
        Number.isFinite(value) ? String(Number(value.toPrecision(7))) : '',
      );
      const ends = i === times.length - 1 && failed ? '1' : '0';
      return [name, String(at), ...row, ...(outcome === undefined ? [] : [ends])].join(',');
    }),
  );
  return `${[head.join(','), ...lines].join('\n')}\n`;
}

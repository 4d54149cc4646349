/** Units that wear out: two sensors show it through noise, one does not. What becomes of each follows from the seed. */
import type { Fleet, UnitHistory } from '../../src/domain/hazard/unit-history.ts';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';

export function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit());
}

export const WEAR_COLUMNS = ['heat', 'flow', 'hum'];

/** Wear rises faster and faster until it reaches one. */
export function wearingUnit(rng: Rng, name: string): UnitHistory {
  const life = 60 + rng.below(60);
  const times = Float64Array.from({ length: life }, (_, i) => i + 1);
  const values = Float64Array.from(
    [...times].flatMap((time) => {
      const wear = Math.exp(5 * (time / life - 1));
      return [600 + 12 * wear + 1.2 * normal(rng), 40 - 3 * wear + 0.4 * normal(rng), normal(rng)];
    }),
  );
  return { name, times, values, failed: true };
}

export function wearingFleet(seed: number, count: number): Fleet {
  const rng = createRng(seed);
  return {
    columns: WEAR_COLUMNS,
    units: Array.from({ length: count }, (_, u) => wearingUnit(rng.stream(`unit ${u}`), `unit ${u}`)),
  };
}

/** The unit as it was known at row `rows`: still alive. */
export const cutShort = (unit: UnitHistory, rows: number): UnitHistory => ({
  ...unit,
  times: unit.times.slice(0, rows),
  values: unit.values.slice(0, (rows * unit.values.length) / unit.times.length),
  failed: false,
});

/** As CSV text, with a column that never varies. */
export function asCsv({ columns, units }: Fleet): string {
  const lines = units.flatMap(({ name, times, values }) =>
    Array.from(times, (time, i) =>
      [name, time, 7, ...values.slice(i * columns.length, (i + 1) * columns.length)]
        .map((cell) => (Number.isNaN(cell) ? '' : cell))
        .join(','),
    ),
  );
  return `${['unit', 'cycle', 'always', ...columns].join(',')}\n${lines.join('\n')}\n`;
}

/**
 * What is known of one unit (an engine, an ECU, a fan): rows of sensor values in the order of time, and how it ended. A value that was
 * not measured is NaN. A unit that was still alive at its last row is *censored*: it says that nothing happened until then, and no more.
 */
export interface UnitHistory {
  readonly name: string;
  /** Ascending, without repetition; in whatever unit the horizon is in. */
  readonly times: Float64Array;
  /** `times.length` rows of one value a column. */
  readonly values: Float64Array;
  /** Whether it failed at its last row. */
  readonly failed: boolean;
}

export interface Fleet {
  readonly columns: readonly string[];
  readonly units: readonly UnitHistory[];
}

/** Of row `at`: the time from it to the unit's last row. */
export function remaining({ times }: UnitHistory, at: number): number {
  return (times[times.length - 1] as number) - (times[at] as number);
}

/** Whether the unit fails within `within` of row `at`; undefined where its history ends before one could know. */
export function failsWithin(unit: UnitHistory, at: number, within: number): boolean | undefined {
  const left = remaining(unit, at);
  if (unit.failed) return left <= within;
  return left >= within ? false : undefined;
}

export const rowsOf = (units: readonly UnitHistory[]): number => units.reduce((sum, { times }) => sum + times.length, 0);

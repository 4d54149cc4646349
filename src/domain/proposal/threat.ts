/** Something of an ECU that rises towards where the ECU dies or its tasks suffer, and what is said of it. */
import { normalCdf } from '../statistics/normal.ts';

/** °C, shares, and of `backlog` seconds of work that wait. `misses` are a share of the jobs. */
export type LevelName = 'temperature' | 'memory' | 'load' | 'wear' | 'misses' | 'backlog';

/** `failure` is said by a model that does not tell why. */
export type ThreatCause = 'failure' | 'overload' | 'heat' | 'ageing';

/** 10 %, 50 %, 90 %. */
export type Quantiles = readonly [number, number, number];

export interface Threat {
  readonly cause: ThreatCause;
  readonly level: LevelName;
  /** Its processes are gone when it gets there; otherwise its tasks are late. */
  readonly deadly: boolean;
  /** That it is there within the horizon. */
  readonly probability: number;
  readonly now: number;
  readonly limit: number;
  /** At the horizon, if nothing is moved: 10 %, 50 %, 90 %. */
  readonly quantiles: Quantiles;
  /** Until it is likelier than not to be there; the horizon at most. */
  readonly inS: number;
  /** Seen by the series of the ECU's tasks (`tasks-ahead.ts`), and not by the ECU's own; absent: by the ECU's own. */
  readonly byTasks?: true | undefined;
}

/** z of 10 % and 90 %. */
export const DECILE = 1.2815515655446004;

/** P(value > limit) where the quantiles are those of two half normals joined at the median. */
export function chanceAbove([low, median, high]: Quantiles, limit: number): number {
  const spread = (limit >= median ? high - median : median - low) / DECILE;
  if (!(spread > 0)) return median > limit ? 1 : 0;
  return 1 - normalCdf((limit - median) / spread);
}

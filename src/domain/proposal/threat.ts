/**
 * Something of an ECU that rises towards where the ECU dies or its tasks suffer: what is said of each such level, and what follows of all of them
 * together for the ECU.
 *
 *   failure   1 − Π (1 − P) over the deadly ones, each taken to come by itself
 *   overload  the greatest P of the others: what makes tasks late is mostly one thing seen from several sides
 */
import type { Mac } from '../model/ids.ts';
import { normalCdf } from '../statistics/normal.ts';
import type { Outlook } from './proposal.ts';

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
}

export function outlookOf(
  ecu: { readonly mac: Mac; readonly incarnation: number; readonly horizonS: number },
  threats: readonly Threat[],
  loadQuantiles: Quantiles,
): Outlook {
  const ranked = [...threats].sort((a, b) => b.probability - a.probability || (a.level < b.level ? -1 : 1));
  const deadly = ranked.filter((threat) => threat.deadly);
  return {
    mac: ecu.mac,
    incarnation: ecu.incarnation,
    failure: 1 - deadly.reduce((calm, { probability }) => calm * (1 - probability), 1),
    overload: ranked.find((threat) => !threat.deadly)?.probability ?? 0,
    loadQuantiles,
    failsInS: deadly[0]?.inS ?? ecu.horizonS,
    threats: ranked,
  };
}

/** z of 10 % and 90 %. */
export const DECILE = 1.2815515655446004;

/** P(value > limit) where the quantiles are those of two half normals joined at the median. */
export function chanceAbove([low, median, high]: Quantiles, limit: number): number {
  const spread = (limit >= median ? high - median : median - low) / DECILE;
  if (!(spread > 0)) return median > limit ? 1 : 0;
  return 1 - normalCdf((limit - median) / spread);
}

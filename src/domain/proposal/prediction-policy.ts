/**
 * By what managers foresee and move: thresholds, how far ahead and how often, hysteresis, budget, and limits of single kinds of ECUs. What a
 * fleet's owner may choose; `docs/PREDICTION.md` has the fields as they are written in a file.
 *
 * P1. A limit applies to the ECUs of its kind that have its labels; of several the first that names a value counts.
 * P2. A temperature limit of the policy counts where it is below what the ECU says of itself, or the ECU says nothing.
 */
import type { EcuDescription } from '../model/ecu.ts';
import type { ResourceKind } from '../model/task.ts';
import { REVIEW_POLICY, type ReviewPolicy } from './review.ts';

export interface PredictionPolicy {
  readonly review: ReviewPolicy;
  /** Between two reviews. */
  readonly reviewUs: number;
  /** Late jobs that a move may cost above what it is seen to save: the prices are estimates. */
  readonly costMost: number;
  /** Migrations away from one ECU at a time. */
  readonly atOnce: number;
  /** Whether what the series of tasks foretell counts beside the ECU's own. */
  readonly taskSeries: boolean;
  readonly limits: readonly EcuLimit[];
  /** The file it was read from, for people; absent: what drover does by itself. */
  readonly file?: string;
}

/** What of the policy is another for some ECUs; what is absent is as for all. */
export interface EcuLimit {
  readonly labels: Readonly<Record<string, string>>;
  readonly kind?: ResourceKind;
  readonly temperatureC?: number;
  readonly raiseAt?: number;
  readonly clearAt?: number;
  readonly atOnce?: number;
  /** False: nothing is moved away from there by itself. */
  readonly moves?: boolean;
}

export const PREDICTION_POLICY: PredictionPolicy = {
  // A slow task is worth its move as well: late jobs are counted from a twentieth on.
  review: { ...REVIEW_POLICY, benefitLeast: 0.05 },
  reviewUs: 1_000_000,
  costMost: 1,
  atOnce: 3,
  taskSeries: true,
  limits: [],
};

export type Thresholds = Pick<ReviewPolicy, 'raiseAt' | 'clearAt'>;

export interface EcuRules extends Thresholds {
  readonly temperatureC: number | undefined;
  readonly atOnce: number;
  readonly moves: boolean;
}

type Described = Pick<EcuDescription, 'labels' | 'resourceKind' | 'metrics'>;

/** P1, P2. */
export function rulesFor({ review, atOnce, limits }: PredictionPolicy, ecu: Described): EcuRules {
  const mine = limits.filter((limit) => applies(limit, ecu));
  const first = <T>(of: (limit: EcuLimit) => T | undefined): T | undefined => {
    for (const limit of mine) if (of(limit) !== undefined) return of(limit);
    return undefined;
  };
  const own = ecu.metrics?.temperatureLimit;
  const given = first(({ temperatureC }) => temperatureC);
  return {
    raiseAt: first(({ raiseAt }) => raiseAt) ?? review.raiseAt,
    clearAt: first(({ clearAt }) => clearAt) ?? review.clearAt,
    temperatureC: own === undefined ? given : Math.min(own, given ?? own),
    atOnce: first((limit) => limit.atOnce) ?? atOnce,
    moves: first(({ moves }) => moves) ?? true,
  };
}

const applies = ({ labels, kind }: EcuLimit, ecu: Described): boolean =>
  (kind === undefined || kind === ecu.resourceKind) &&
  Object.entries(labels).every(([label, value]) => ecu.labels[label] === value);

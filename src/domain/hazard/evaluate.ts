/**
 * Learn from some units, judge on others.
 *
 *   choosing   the ridge, the calibration and the threshold come from predictions about training units that the fold's model had not seen:
 *              the units are dealt into folds, never the rows, since two rows of one unit are nearly the same row
 *   judging    once, on units of which nothing was used before; row by row (probabilities) and unit by unit (alarms)
 *
 * Both models are judged: the hazard, and first passage, which needs hardly any failures. With fewer than `FAILURES_LEAST` failed units there
 * is nothing to deal, and first passage answers alone with its threshold at one half.
 */
import { type Alarmed, type AlarmJudgement, type AlarmRule, chooseThreshold, judgeAlarms } from './alarm.ts';
import { type Calibration, type CalibrationKind, calibrated, chooseCalibration } from './calibration.ts';
import { coldProbabilities, fitCold } from './cold.ts';
import {
  type FeatureRows,
  failureProbabilities,
  featureRows,
  fitHazard,
  periodLabels,
  scaleFor,
  scaleRows,
} from './discrete-hazard.ts';
import { fitLogistic, IGNORED, scoreOf, sigmoid } from './logistic.ts';
import { scaledCount } from './scale.ts';
import { type ProbabilityScore, scoreProbabilities } from './score.ts';
import { type Fleet, failsWithin, rowsOf, type UnitHistory } from './unit-history.ts';

export const HAZARD_METHODS = ['hazard', 'wiener'] as const;
export type HazardMethod = (typeof HAZARD_METHODS)[number];

export interface EvaluationOptions {
  readonly horizon: number;
  /** By default whichever did better on the training units' folds. */
  readonly method: HazardMethod | undefined;
  /** Those that are tried; by default all. */
  readonly methods?: readonly HazardMethod[];
  readonly alarm: AlarmRule;
  /** Units that are learned from besides, and never asked about: for a fold, whose units nobody may have made them from, or for the end. */
  readonly besides?: (heldBack: ReadonlySet<number> | undefined) => readonly UnitHistory[];
  /** Chosen before: it is not looked for again. */
  readonly ridge?: number;
  /** How many folds there are at most. */
  readonly foldsMost?: number;
  readonly onStep?: (done: number, total: number) => void;
}

export interface MethodResult extends ProbabilityScore, AlarmJudgement {
  readonly method: HazardMethod;
  readonly threshold: number;
  readonly calibration: CalibrationKind;
  /** Of the folds; undefined where there were none. */
  readonly brierInTraining: number | undefined;
}

export interface HazardEvaluation {
  readonly chosen: MethodResult;
  readonly all: readonly MethodResult[];
  readonly ridge: number;
  readonly folds: number;
  /** What was said about each training unit while it was held back: sums of squared errors and rows, by the chosen method; empty without folds. */
  readonly heldBack: readonly { readonly squares: number; readonly rows: number }[];
}

export const FAILURES_LEAST = 4;
const FOLDS_MOST = 5;
const PERIODS = 3;
const TOLERANCE = 0.03;
/** From much to little: the solution with more ridge is where the next begins. */
const RIDGES = [30, 10, 3, 1, 0.3, 0.1];

export function evaluateHazard(training: Fleet, test: Fleet, options: EvaluationOptions): HazardEvaluation {
  const { horizon, alarm, onStep, besides = () => [] } = options;
  const sensors = training.columns.length;
  const trainRows = featureRows([...training.units, ...besides(undefined)], sensors, horizon);
  const testRows = featureRows(test.units, sensors, horizon);
  const folds = foldsOf(training.units, options.foldsMost);
  const tried = options.methods ?? HAZARD_METHODS;
  const steps = folds.length * (options.ridge === undefined ? 2 : 1) + tried.length;
  let done = 0;
  const step = (): void => onStep?.(++done, steps);

  const searched = options.ridge === undefined && folds.length > 0;
  const ridge = searched ? chooseRidge(training.units, folds, sensors, horizon, step) : (options.ridge ?? RIDGES[0] ?? 1);
  const learners: Readonly<Record<HazardMethod, (rows: FeatureRows, share: number) => (asked: FeatureRows) => Float64Array>> = {
    hazard: (rows, share) => {
      const model = fitHazard(rows, { horizon, periods: PERIODS, ridge: ridge / share });
      return (asked) => failureProbabilities(model, asked);
    },
    wiener: (rows) => {
      const model = fitCold(rows, horizon);
      return (asked) => coldProbabilities(model, asked.units);
    },
  };
  // The ridge was chosen for what is real: units besides say again what those said, so the ridge grows with them.
  const realShare = (rows: FeatureRows, real: number): number => real / Math.max(1, rows.units.length);
  const methods = tried.filter((method) => method === 'wiener' || folds.length > 0);
  const unseen = new Map(methods.map((method) => [method, new Float64Array(rowsOf(training.units))] as const));
  const starts = startsOf(training.units);
  for (const held of folds) {
    const learned = featureRows([...training.units.filter((_, u) => !held.has(u)), ...besides(held)], sensors, horizon);
    const asked = featureRows(
      training.units.filter((_, u) => held.has(u)),
      sensors,
      horizon,
    );
    for (const method of methods) {
      const answers = learners[method](learned, realShare(learned, training.units.length - held.size))(asked);
      let from = 0;
      for (const u of [...held].sort((a, b) => a - b)) {
        const length = (training.units[u] as UnitHistory).times.length;
        unseen.get(method)?.set(answers.subarray(from, from + length), starts[u] as number);
        from += length;
      }
    }
    step();
  }

  const all = methods.map((method): MethodResult => {
    const before = unseen.get(method) as Float64Array;
    const known = knownRows(training.units, horizon);
    const calibration: Calibration =
      folds.length === 0 ? { kind: 'none' } : chooseCalibration(pick(before, known.rows), known.labels, known.unitOf);
    const correct = (p: number): number => calibrated(calibration, p);
    const threshold = folds.length === 0 ? 0.5 : chooseThreshold(byUnit(training.units, before.map(correct)), alarm);
    const answers = learners[method](trainRows, realShare(trainRows, training.units.length))(testRows).map(correct);
    const judged = knownRows(test.units, horizon);
    const inTraining = scoreProbabilities(pick(before.map(correct), known.rows), known.labels).brier;
    step();
    return {
      method,
      threshold,
      calibration: calibration.kind,
      brierInTraining: folds.length === 0 ? undefined : inTraining,
      ...scoreProbabilities(pick(answers, judged.rows), judged.labels),
      ...judgeAlarms(byUnit(test.units, answers), threshold, alarm),
    };
  });
  const rank = ({ brierInTraining }: MethodResult): number => brierInTraining ?? 0;
  const asked = all.find(({ method }) => method === options.method);
  const chosen = asked ?? all.reduce((best, one) => (rank(one) < rank(best) ? one : best));
  return {
    chosen,
    all,
    ridge,
    folds: folds.length,
    heldBack: folds.length === 0 ? [] : squaresByUnit(training.units, unseen.get(chosen.method) as Float64Array, horizon),
  };
}

/** Of probabilities as they were said, not calibrated: calibration was chosen from these units. */
function squaresByUnit(units: readonly UnitHistory[], probabilities: Float64Array, horizon: number) {
  const sums = units.map(() => ({ squares: 0, rows: 0 }));
  const known = knownRows(units, horizon);
  for (const [i, row] of known.rows.entries()) {
    const sum = sums[known.unitOf[i] as number];
    if (sum === undefined) continue;
    sum.squares += ((probabilities[row] as number) - (known.labels[i] as number)) ** 2;
    sum.rows++;
  }
  return sums;
}

/** Units of each fold, dealt in turn: those that failed first, so that every fold has some. */
export function foldsOf(units: readonly UnitHistory[], most = FOLDS_MOST): ReadonlySet<number>[] {
  const failed = [...units.keys()].filter((u) => units[u]?.failed);
  if (failed.length < FAILURES_LEAST) return [];
  const alive = [...units.keys()].filter((u) => !units[u]?.failed);
  const count = Math.min(most, Math.floor(failed.length / 2));
  const order = [...failed, ...alive];
  return Array.from({ length: count }, (_, fold) => new Set(order.filter((_, place) => place % count === fold)));
}

/** By Brier score on the folds, with one period as long as the horizon: the weights of shorter ones want about the same. */
function chooseRidge(
  units: readonly UnitHistory[],
  folds: readonly ReadonlySet<number>[],
  sensors: number,
  horizon: number,
  onFold: () => void,
): number {
  const losses = RIDGES.map(() => 0);
  const width = scaledCount(sensors);
  const within = { from: Number.NEGATIVE_INFINITY, to: horizon };
  for (const held of folds) {
    const learned = featureRows(
      units.filter((_, u) => !held.has(u)),
      sensors,
      horizon,
    );
    const asked = featureRows(
      units.filter((_, u) => held.has(u)),
      sensors,
      horizon,
    );
    const scale = scaleFor(learned, horizon);
    const data = { rows: scaleRows(scale, learned), width, labels: periodLabels(learned.units, within) };
    const rows = scaleRows(scale, asked);
    const labels = periodLabels(asked.units, within);
    let weights: Float64Array | undefined;
    for (const [r, ridge] of RIDGES.entries()) {
      weights = fitLogistic(data, ridge, weights);
      for (let i = 0; i < labels.length; i++) {
        if (labels[i] === IGNORED) continue;
        losses[r] = (losses[r] as number) + (sigmoid(scoreOf(weights, rows, i * width)) - (labels[i] as number)) ** 2;
      }
    }
    onFold();
  }
  // A little worse is taken for more ridge: with few units the folds cannot tell the two apart, and less ridge is the greater risk.
  const enough = Math.min(...losses) * (1 + TOLERANCE);
  return RIDGES[losses.findIndex((loss) => loss <= enough)] as number;
}

// ——— rows and units ———

function startsOf(units: readonly UnitHistory[]): number[] {
  let at = 0;
  return units.map(({ times }) => {
    const start = at;
    at += times.length;
    return start;
  });
}

interface KnownRows {
  readonly rows: Uint32Array;
  readonly labels: Uint8Array;
  readonly unitOf: Uint32Array;
}

/** Those of which the histories tell whether the unit failed within the horizon. */
export function knownRows(units: readonly UnitHistory[], horizon: number): KnownRows {
  const [rows, labels, unitOf]: [number[], number[], number[]] = [[], [], []];
  let row = 0;
  for (const [u, unit] of units.entries()) {
    for (let i = 0; i < unit.times.length; i++, row++) {
      const fails = failsWithin(unit, i, horizon);
      if (fails === undefined) continue;
      rows.push(row);
      labels.push(fails ? 1 : 0);
      unitOf.push(u);
    }
  }
  return { rows: Uint32Array.from(rows), labels: Uint8Array.from(labels), unitOf: Uint32Array.from(unitOf) };
}

const pick = (values: Float64Array, rows: Uint32Array): Float64Array => Float64Array.from(rows, (row) => values[row] as number);

function byUnit(units: readonly UnitHistory[], probabilities: Float64Array): Alarmed[] {
  const starts = startsOf(units);
  return units.map((unit, u) => {
    const start = starts[u] as number;
    return { unit, probabilities: probabilities.subarray(start, start + unit.times.length) };
  });
}

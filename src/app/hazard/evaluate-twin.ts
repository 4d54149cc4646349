/**
 * What a twin of rare situations is worth where few units have failed: of one table so many units are drawn to learn from, and the hazards
 * are asked about all others, which nothing was learned from or chosen by. Again for each seed: another draw of units, another twin.
 *
 *   real                 the hazard learned from the real units alone
 *   bootstrap, generator the same with units drawn from either besides
 *   …Alone               learned from as many drawn units alone: what was learned from them is tested on real ones
 */
import { evaluateHazard, type HazardEvaluation } from '../../domain/hazard/evaluate.ts';
import { drawFromTwin, type RUN_UP_SOURCES, type TwinVerdict } from '../../domain/hazard/rare-twin.ts';
import type { Fleet, UnitHistory } from '../../domain/hazard/unit-history.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { type TrainTwinOptions, trainTwin } from './train-twin.ts';

export const TWIN_ARMS = ['real', 'bootstrap', 'generator', 'bootstrapAlone', 'generatorAlone'] as const;
export type TwinArm = (typeof TWIN_ARMS)[number];

export interface ArmFigures {
  readonly brier: number;
  readonly auc: number;
  readonly useful: number;
}

export interface TwinTrial {
  readonly size: number;
  readonly seed: number;
  readonly verdict: TwinVerdict;
  readonly arms: Readonly<Record<TwinArm, ArmFigures>>;
}

/** Mean over the seeds, and the standard deviation between them. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

export interface SizeSummary {
  readonly size: number;
  readonly seeds: number;
  readonly tested: number;
  /** In how many of the trials the rule kept the generator. */
  readonly kept: number;
  readonly arms: Readonly<Record<TwinArm, Readonly<Record<keyof ArmFigures, Spread>>>>;
  /** Brier score of what the rule leaves: with the generator where it was kept, real alone elsewhere. */
  readonly byRule: Spread;
}

export interface EvaluateTwinOptions extends Omit<TrainTwinOptions, 'seed' | 'onProgress'> {
  readonly sizes: readonly number[];
  readonly seeds: number;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/** Undefined when it was interrupted. */
export async function evaluateTwin(
  fleet: Fleet,
  options: EvaluateTwinOptions,
): Promise<{ readonly summaries: readonly SizeSummary[]; readonly trials: readonly TwinTrial[] } | undefined> {
  const failed = fleet.units.filter((unit) => unit.failed);
  const alive = fleet.units.filter((unit) => !unit.failed);
  for (const size of options.sizes) {
    if (size >= failed.length)
      throw new DroverError(
        'ERR_USAGE',
        `--sizes ${size}: the table has ${failed.length} failed units, and some must be left to be tested on`,
      );
  }
  const total = options.sizes.length * options.seeds;
  const trials: TwinTrial[] = [];
  for (const size of options.sizes) {
    for (let seed = 1; seed <= options.seeds; seed++) {
      const order = shuffled(failed, createRng(seed, `units ${size}`));
      const learnFrom = { columns: fleet.columns, units: order.slice(0, size) };
      const test = { columns: fleet.columns, units: [...order.slice(size), ...alive] };
      const trial = await tryOnce(learnFrom, test, { ...options, seed });
      if (trial === undefined) return undefined;
      trials.push({ size, seed, ...trial });
      options.onProgress?.(trials.length, total, `${size} units, seed ${seed}: ${trial.verdict.kept ? 'kept' : 'not kept'}`);
    }
  }
  const summaries = options.sizes.map((size) => {
    const own = trials.filter((trial) => trial.size === size);
    return summarise(own, { size, tested: fleet.units.length - size });
  });
  return { summaries, trials };
}

async function tryOnce(
  learnFrom: Fleet,
  test: Fleet,
  options: Omit<TrainTwinOptions, 'onProgress'>,
): Promise<Pick<TwinTrial, 'verdict' | 'arms'> | undefined> {
  const { onProgress: _, ...quiet } = options as TrainTwinOptions;
  const trained = await trainTwin(learnFrom, test, quiet);
  if (trained === undefined) return undefined;
  const { arms, model, verdict } = trained;
  const alone = (source: (typeof RUN_UP_SOURCES)[number]): ArmFigures => {
    const drawn = drawFromTwin(model.twin, {
      source,
      count: options.draws,
      rng: createRng(options.seed, 'besides all'),
    });
    return aloneFigures(
      { columns: learnFrom.columns, units: drawn },
      test,
      options,
      (arms.real.ridge * options.draws) / learnFrom.units.length,
    );
  };
  return {
    verdict,
    arms: {
      real: figuresOf(arms.real),
      bootstrap: figuresOf(arms.bootstrap),
      generator: figuresOf(arms.generator),
      bootstrapAlone: alone('bootstrap'),
      generatorAlone: alone('generator'),
    },
  };
}

const figuresOf = ({ chosen: { brier, auc, useful } }: HazardEvaluation): ArmFigures => ({ brier, auc, useful });

/** The ridge is that of the real units, for as many as were drawn. */
function aloneFigures(
  drawn: Fleet,
  test: Fleet,
  { horizon, alarm }: Pick<TrainTwinOptions, 'horizon' | 'alarm'>,
  ridge: number,
): ArmFigures {
  return figuresOf(evaluateHazard(drawn, test, { horizon, alarm, method: 'hazard', methods: ['hazard'], ridge, foldsMost: 2 }));
}

function summarise(
  trials: readonly TwinTrial[],
  { size, tested }: { readonly size: number; readonly tested: number },
): SizeSummary {
  const arms = Object.fromEntries(
    TWIN_ARMS.map((arm) => {
      const spread = (figure: keyof ArmFigures): Spread => spreadOf(trials.map((trial) => trial.arms[arm][figure]));
      return [arm, { brier: spread('brier'), auc: spread('auc'), useful: spread('useful') }];
    }),
  ) as unknown as SizeSummary['arms'];
  const byRule = trials.map(({ verdict, arms: own }) => (verdict.kept ? own.generator : own.real).brier);
  return {
    ...{ size, seeds: trials.length, tested, kept: trials.filter(({ verdict }) => verdict.kept).length },
    ...{ arms, byRule: spreadOf(byRule) },
  };
}

function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

function shuffled(units: readonly UnitHistory[], rng: Rng): UnitHistory[] {
  const order = [...units];
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [order[i], order[j]] = [order[j] as UnitHistory, order[i] as UnitHistory];
  }
  return order;
}

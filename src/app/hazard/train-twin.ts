/**
 * Trains the twin of rare situations (`domain/hazard/rare-twin.ts`), and says whether it is worth having: for every fold of the units another
 * twin is trained on the rest, so that neither it nor the hazard has seen the units that are asked about.
 */
import {
  type EvaluationOptions,
  evaluateHazard,
  FAILURES_LEAST,
  foldsOf,
  type HazardEvaluation,
} from '../../domain/hazard/evaluate.ts';
import {
  drawFromTwin,
  type HeldBackScores,
  judgeTwin,
  poolUnits,
  type RareTwin,
  RUN_UP_SOURCES,
  type TwinVerdict,
} from '../../domain/hazard/rare-twin.ts';
import { type RunUpShape, runUpShape } from '../../domain/hazard/run-up.ts';
import { runUpArchitectures, runUpExamples, runUpScale } from '../../domain/hazard/run-up-twin.ts';
import type { Fleet, UnitHistory } from '../../domain/hazard/unit-history.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { RareTwinModel } from '../../domain/learn/model.ts';
import type { Trainer } from '../../ports/trainer.ts';

/** The energy score weighs thirty times the critic, as in the twin of traces: a few hundred blocks are few. */
const [WIDTHS, BATCH, RATE, ENERGY] = [[32, 32], 64, 3e-3, 30];
const STEPS = 200;
/** Each fold costs a training of its own. */
const FOLDS_MOST = 3;
const ARMS = 3;

export interface TrainTwinOptions {
  readonly horizon: number;
  readonly alarm: EvaluationOptions['alarm'];
  /** Units that are drawn beside the real ones. */
  readonly draws: number;
  readonly steps?: number | undefined;
  readonly seed: number;
  readonly trainer: () => Promise<Trainer>;
  /** `done` of `total` trainings and judgements. */
  readonly onProgress?: (done: number, total: number, what: string) => void;
  readonly signal?: AbortSignal;
}

/** One hazard, as it was judged on units held back and on the test units. */
export type Arms = Readonly<Record<'real' | (typeof RUN_UP_SOURCES)[number], HazardEvaluation>>;

export interface TrainedTwin {
  readonly model: RareTwinModel;
  readonly verdict: TwinVerdict;
  readonly arms: Arms;
}

/** `test`: units that nothing is learned from; nothing is chosen by them. Undefined when it was interrupted. */
export async function trainTwin(fleet: Fleet, test: Fleet, options: TrainTwinOptions): Promise<TrainedTwin | undefined> {
  const { horizon, draws, seed, signal } = options;
  const { failed, shape } = learnable(fleet, horizon);
  const trainer = await options.trainer();
  const folds = foldsOf(fleet.units, FOLDS_MOST);
  const steps = options.steps ?? STEPS;
  // A judgement takes about as long as a training.
  const total = steps * (folds.length + 1 + ARMS);
  let done = 0;
  const tell = (count: number, what: string): void => {
    done += count;
    options.onProgress?.(done, total, what);
  };
  const learn = (units: readonly UnitHistory[], what: string) =>
    learnRunUps(units, shape, trainer, { ...options, steps, onStep: () => tell(1, what) });
  const partial = new Map<string, Awaited<ReturnType<typeof learn>>>();
  for (const held of folds) {
    partial.set(
      [...held].join(),
      await learn(
        fleet.units.filter((unit, u) => unit.failed && !held.has(u)),
        'a twin for a fold',
      ),
    );
    if (isAborted(signal)) return undefined;
  }
  const whole = await learn(failed, 'the twin');
  if (isAborted(signal)) return undefined;

  const judge = async (besides?: EvaluationOptions['besides'], ridge?: number): Promise<HazardEvaluation> => {
    const evaluation = evaluateHazard(fleet, test, {
      ...{ horizon, alarm: options.alarm, method: 'hazard' as const, methods: ['hazard' as const], foldsMost: FOLDS_MOST },
      ...(besides === undefined ? {} : { besides }),
      ...(ridge === undefined ? {} : { ridge }),
    });
    // A signal is heard between judgements.
    await new Promise((resolve) => setImmediate(resolve));
    tell(steps, 'judging');
    return evaluation;
  };
  const real = await judge();
  const judged: HazardEvaluation[] = [];
  for (const source of RUN_UP_SOURCES) {
    if (isAborted(signal)) return undefined;
    const besides = (held: ReadonlySet<number> | undefined): UnitHistory[] => {
      const twin = held === undefined ? whole : partial.get([...held].join());
      if (twin === undefined) return [];
      return drawFromTwin(twin, {
        source,
        count: draws,
        rng: createRng(seed, `besides ${held === undefined ? 'all' : [...held]}`),
      });
    };
    judged.push(await judge(besides, real.ridge));
  }
  const [generator, bootstrap] = judged as [HazardEvaluation, HazardEvaluation];
  const isFailed = (_: unknown, u: number): boolean => fleet.units[u]?.failed === true;
  const scores = (of: HazardEvaluation): Float64Array =>
    Float64Array.from(of.heldBack.filter(isFailed), ({ squares, rows }) => squares / Math.max(1, rows));
  const heldBack: HeldBackScores = { real: scores(real), bootstrap: scores(bootstrap), generator: scores(generator) };
  const trained = { network: 'rare-gan', backend: trainer.backend, seed, sets: failed.length };
  const model: RareTwinModel = {
    purpose: 'rare-twin',
    trained,
    twin: { ...whole, columns: fleet.columns, judged: heldBack },
  };
  return { model, verdict: judgeTwin(heldBack), arms: { real, bootstrap, generator } };
}

/** The units that a twin can be learned from, or a sentence why not. */
function learnable(
  { units, columns }: Fleet,
  horizon: number,
): { readonly failed: readonly UnitHistory[]; readonly shape: RunUpShape } {
  const shape = runUpShape(units, columns.length, horizon);
  const all = units.filter((unit) => unit.failed);
  if (all.length === 0)
    throw new DroverError(
      'ERR_UNIT_TABLE',
      'no unit failed: nobody can learn from these what running up to a failure looks like',
    );
  if (shape === undefined)
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `the failed units have too few rows for a horizon of ${horizon}: give longer histories or a shorter --horizon`,
    );
  const short = all.find(({ times }) => times.length < 2 * shape.block);
  if (short !== undefined)
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `unit ${short.name} has ${short.times.length} rows, too few to learn from: at least ${2 * shape.block} with this horizon`,
    );
  if (all.length < FAILURES_LEAST)
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `only ${all.length} units failed: with fewer than ${FAILURES_LEAST} nobody can tell whether a twin is worth having`,
    );
  return { failed: all, shape };
}

async function learnRunUps(
  units: readonly UnitHistory[],
  shape: RunUpShape,
  trainer: Trainer,
  {
    seed,
    signal,
    steps,
    onStep,
  }: Pick<TrainTwinOptions, 'seed' | 'signal'> & { readonly steps: number; readonly onStep: () => void },
): Promise<Omit<RareTwin, 'columns' | 'judged'>> {
  const scale = runUpScale(shape, units);
  const { generator, critic } = runUpArchitectures(shape.sensors, WIDTHS);
  const parameters = await trainer.trainTwin({
    ...runUpExamples(shape, scale, units),
    ...{ generator, critic, steps, batch: BATCH, learningRate: RATE, energy: ENERGY, seed, onStep },
    ...(signal === undefined ? {} : { signal }),
  });
  return { shape, scale, architecture: generator, parameters, pool: poolUnits(units) };
}

/** A function, because the answer may be another one after each wait. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

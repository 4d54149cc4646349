/** Two files of units in, a report for people and programs out. What is not a number (no alarm, no fold) is null. */
import { access, constants, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { evaluateHazard, FAILURES_LEAST, type HazardMethod, type MethodResult } from '../../domain/hazard/evaluate.ts';
import { type Fleet, failsWithin, type UnitHistory } from '../../domain/hazard/unit-history.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { drawReliability } from './reliability-picture.ts';
import { drawKept, misfitOf, readTwin, seenByTwin } from './twin-files.ts';
import { matchSensors, readUnits } from './unit-files.ts';

export interface HazardRequest {
  readonly train: string;
  readonly test: string;
  readonly unit: string;
  readonly time: string;
  readonly outcome?: string;
  readonly horizon: number;
  readonly method: HazardMethod | undefined;
  readonly alarmRows: number;
  readonly earliest?: number;
  readonly latest?: number;
  readonly picture?: string;
  /** A twin of rare situations, and how many units of it the hazard learns from besides. */
  readonly twin?: string;
  readonly twinUnits?: number;
  readonly onStep?: (done: number, total: number) => void;
}

type Nullable<T> = { readonly [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] };

export type HazardReport = Nullable<MethodResult> & {
  readonly horizon: number;
  readonly units: {
    readonly train: number;
    readonly trainFailed: number;
    readonly test: number;
    readonly testFailed: number;
  };
  readonly columns: readonly string[];
  readonly ridge: number;
  readonly folds: number;
  readonly alarm: { readonly rows: number; readonly earliest: number; readonly latest: number };
  readonly methods: readonly Figures[];
  /** The hazard as it is among the methods, and what becomes of it with units of a twin besides. */
  readonly twin?: { readonly file: string; readonly units: number; readonly before: Figures; readonly after: Figures };
  readonly notes: readonly string[];
};

type Figures = Omit<Nullable<MethodResult>, 'reliability'>;

export async function evaluateUnitFiles(request: HazardRequest): Promise<HazardReport> {
  const { horizon, picture } = request;
  // Learning takes seconds: whoever cannot have the picture should not wait for that.
  if (picture !== undefined) await access(dirname(picture), constants.W_OK).catch(cannotWrite(picture));
  const roles = { unit: request.unit, time: request.time, outcome: request.outcome };
  const [trainTable, testTable] = await Promise.all([readUnits(request.train, roles), readUnits(request.test, roles)]);
  const { training, test, notes } = matchSensors(trainTable, testTable);
  const trainFailed = failedOf(training.units);
  if (trainFailed === 0)
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `no unit of ${request.train} failed: nobody can learn from it what failing looks like`,
    );
  if (!someLive(training.units, horizon)) {
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `every row of ${request.train} is within ${horizon} of a failure: give a shorter --horizon or longer histories`,
    );
  }
  const alarm = {
    rows: request.alarmRows,
    earliest: request.earliest ?? 2 * horizon,
    latest: request.latest ?? horizon / 6,
  };
  if (alarm.latest > alarm.earliest)
    throw new DroverError(
      'ERR_USAGE',
      `--latest ${alarm.latest} is before --earliest ${alarm.earliest}: no alarm could be useful`,
    );
  const few = trainFailed < FAILURES_LEAST;
  if (few && request.method === 'hazard') {
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `only ${trainFailed} units of ${request.train} failed and a hazard needs ${FAILURES_LEAST}: take --method wiener`,
    );
  }
  const { twin: twinFile } = request;
  if (few && twinFile !== undefined)
    throw new DroverError(
      'ERR_UNIT_TABLE',
      `only ${trainFailed} units of ${request.train} failed: --twin helps a hazard, and that needs ${FAILURES_LEAST}`,
    );
  const besides = twinFile === undefined ? undefined : await unitsBesides(twinFile, request, training, test);
  const { chosen, all, ridge, folds } = evaluateHazard(training, test, {
    horizon,
    method: request.method,
    alarm,
    ...(request.onStep === undefined ? {} : { onStep: request.onStep }),
  });
  const before = all.find(({ method }) => method === 'hazard');
  const after =
    besides === undefined
      ? undefined
      : evaluateHazard(training, test, {
          ...{ horizon, alarm, ridge, method: 'hazard', methods: ['hazard'] },
          // The twin has seen the units of every fold: calibration and threshold are chosen without it.
          besides: (heldBack) => (heldBack === undefined ? besides.units : []),
        }).chosen;
  if (picture !== undefined) {
    const title = `Fails within ${horizon} (${request.time})? Learned from ${basename(request.train)}, judged on ${basename(request.test)}`;
    await writeFile(picture, drawReliability(all, title)).catch(cannotWrite(picture));
  }
  return {
    ...withNulls(chosen),
    horizon,
    units: {
      train: training.units.length,
      trainFailed,
      test: test.units.length,
      testFailed: failedOf(test.units),
    },
    columns: training.columns,
    ridge,
    folds,
    alarm,
    methods: all.map(withoutBins),
    ...(twinFile === undefined || besides === undefined || before === undefined || after === undefined
      ? {}
      : {
          twin: {
            ...{ file: twinFile, units: besides.units.length },
            ...{ before: withoutBins(before), after: withoutBins(after) },
          },
        }),
    notes: [
      ...notes,
      ...(besides?.notes ?? []),
      ...(few ? [`few failures (${trainFailed}) to learn from: first passage, its threshold not fitted`] : []),
    ],
  };
}

async function unitsBesides(file: string, { horizon, twinUnits = 20 }: HazardRequest, training: Fleet, test: Fleet) {
  const model = await readTwin(file);
  const misfit = misfitOf(model, training, horizon);
  if (misfit !== undefined) throw new DroverError('ERR_USAGE', `--twin: ${file} ${misfit}`);
  const seen = seenByTwin(model, test);
  const notes = seen.length === 0 ? [] : [`NOT unseen, ${file} was learned from the same rows: unit ${seen.join(', ')}`];
  return { units: drawKept(model, { file, count: twinUnits, seed: model.trained.seed }), notes };
}

function withoutBins(result: MethodResult): Figures {
  const { reliability: _, ...rest } = withNulls(result);
  return rest;
}

const withNulls = (result: MethodResult): Nullable<MethodResult> => ({
  ...result,
  brierInTraining: result.brierInTraining ?? null,
  falseAlarms: result.falseAlarms ?? null,
  leadMedian: result.leadMedian ?? null,
  leadP10: result.leadP10 ?? null,
});

const cannotWrite = (picture: string) => (cause: unknown) => {
  throw new DroverError('ERR_USAGE', `${picture} cannot be written: ${(cause as Error).message}`, { cause });
};

const failedOf = (units: readonly UnitHistory[]): number => units.filter(({ failed }) => failed).length;

const someLive = (units: readonly UnitHistory[], horizon: number): boolean =>
  units.some((unit) => unit.times.some((_, i) => failsWithin(unit, i, horizon) === false));

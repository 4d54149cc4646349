/** Fits in the background: one at a time, adopted when they come, and a failure is only a fit that did not happen. */
import { expect, test } from 'vitest';
import { BackgroundFits } from '../../../actors/background-fits.ts';
import type { Host } from '../../../actors/host.ts';
import { type BatchModels, fitBatch } from '../../../src/domain/forecast/batch.ts';
import { Forecaster } from '../../../src/domain/forecast/forecaster.ts';
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import type { ModelFitter } from '../../../src/ports/model-fitter.ts';

interface Given {
  readonly series: Float64Array;
  readonly resolve: (models: BatchModels) => void;
  readonly reject: (error: Error) => void;
}

function setUp() {
  const given: Given[] = [];
  const fitter: ModelFitter = {
    fit: ({ series }) => new Promise((resolve, reject) => given.push({ series, resolve, reject })),
    close: async () => {},
  };
  const counts = new Map<string, number>();
  const host = {
    counters: { add: (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1) },
    log: { info: () => {} },
  } as unknown as Host;
  return { given, counts, fits: new BackgroundFits(host, fitter) };
}

function fed(count: number, seed: number): Forecaster {
  const rng = createRng(seed);
  const forecaster = new Forecaster({ horizons: [1], memory: 256 });
  for (let t = 0; t < count; t++) forecaster.observe(Math.sin(t / 5) + rng.unit());
  return forecaster;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const usesTrees = (forecaster: Forecaster): boolean => !Number.isNaN(forecaster.saidBy(0).get('trees'));

test('one at a time; who is not due is not fitted; what comes is adopted', async () => {
  const { given, counts, fits } = setUp();
  const [young, first, second] = [fed(60, 1), fed(250, 2), fed(250, 3)];
  fits.look([young, first, second]);
  fits.look([young, first, second]);
  expect(given).toHaveLength(1);
  const [one] = given as [Given];
  one.resolve(fitBatch({ series: one.series, horizons: [1], seed: 1 }));
  await turn();
  expect(counts.get('forecast.fitted')).toBe(1);
  first.observe(0.5);
  second.observe(0.5);
  expect([usesTrees(first), usesTrees(second)]).toEqual([true, false]);
  fits.look([young, first, second]);
  fits.look([young, first, second]);
  expect(given).toHaveLength(2);
});

test('a fit that fails is counted, and the next one is asked for', async () => {
  const { given, counts, fits } = setUp();
  const [first, second] = [fed(250, 2), fed(250, 3)];
  fits.look([first, second]);
  given[0]?.reject(new DroverError('ERR_FIT_FAILED', 'the thread died'));
  await turn();
  expect(counts.get('forecast.fitFailed')).toBe(1);
  fits.look([first, second]);
  expect(given).toHaveLength(2);
});

/**
 * Forecasting networks with TensorFlow.js: what it computes over whole stretches is what drover's typed arrays compute a step a time, a seed
 * gives the same numbers, and training makes them better than the last value. Then the commands, as processes; and the threads.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkerFitter } from '../../infra/forecast/worker-fitter.ts';
import { findBackend } from '../../infra/tensorflow/backend.ts';
import { forecastGraph, networkVariables } from '../../infra/tensorflow/forecast-graph.ts';
import { trainForecastNetwork } from '../../infra/tensorflow/forecast-train.ts';
import { trainInThread } from '../../infra/tensorflow/train-in-thread.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { fitBatch } from '../../src/domain/forecast/batch.ts';
import {
  type ForecastNetwork,
  INPUT_WIDTH,
  initialNetwork,
  inputWidth,
  NETWORK_FAMILIES,
  type NetworkFamily,
  NetworkRunner,
} from '../../src/domain/forecast/network.ts';
import { type NetworkExamples, networkExamples } from '../../src/domain/forecast/network-examples.ts';
import { StateArena } from '../../src/domain/forecast/state-arena.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';

const HORIZONS = [1, 5];

/** A load that is pulled back to its level: the last value errs more than it has to. */
function pulledBack(count: number, seed: number): Float64Array {
  const rng = createRng(seed);
  let level = 0;
  return Float64Array.from({ length: count }, () => {
    level += -0.5 * level + rng.unit() - 0.5;
    return 40 + 10 * level;
  });
}

const examplesOf = (family: NetworkFamily): NetworkExamples[] =>
  [1, 2, 3].map((seed) => networkExamples(pulledBack(400, seed), { family, horizons: HORIZONS }) as NetworkExamples);

function drawn(family: NetworkFamily): ForecastNetwork {
  const rng = createRng(4, family);
  const network = initialNetwork({ family, width: 7, layers: 3, horizons: HORIZONS }, rng);
  // Everything speaks: the last layer and the biases begin at 0.
  for (let i = 0; i < network.parameters.length; i++)
    if (network.parameters[i] === 0) network.parameters[i] = 0.3 * (rng.unit() - 0.5);
  return network;
}

describe.each(NETWORK_FAMILIES)('%s', (family) => {
  test('says the same on typed arrays, step by step', async () => {
    await findBackend(['cpu']);
    const network = drawn(family);
    const [steps, width] = [90, inputWidth(family)];
    const rng = createRng(9);
    const inputs = Float32Array.from({ length: steps * width }, () => 3 * (rng.unit() - 0.5));
    const variables = networkVariables(network);
    const said = tf.tidy(() =>
      forecastGraph(network, variables, tf.tensor3d(inputs, [1, steps, width]), INPUT_WIDTH).dataSync(),
    );
    const runner = new NetworkRunner(new StateArena(), network);
    let apart = 0;
    for (let t = 0; t < steps; t++) {
      runner.push(inputs.subarray(t * width, (t + 1) * width));
      for (let h = 0; h < HORIZONS.length; h++)
        if (Math.abs((runner.outputs[h] as number) - (said[t * HORIZONS.length + h] as number)) > 1e-4) apart++;
    }
    // A potential within rounding of the threshold fires here and not there, and its trace fades over many steps.
    expect(apart).toBeLessThanOrEqual(family === 'snn' ? steps : 0);
    tf.dispose([...variables.values()]);
  });

  test('learns to be better than the last value; a seed gives the same numbers', async () => {
    const training = {
      shape: { family, width: 8, layers: 1, horizons: HORIZONS },
      examples: examplesOf(family),
      batches: 12,
      learningRate: 0.05,
      seed: 3,
      ladder: ['wasm'] as const,
    };
    const first = await trainForecastNetwork(training);
    expect(first.loss).toBeLessThan(0.93);
    expect((await trainForecastNetwork({ ...training, batches: 3 })).network).toEqual(
      (await trainForecastNetwork({ ...training, batches: 3 })).network,
    );
  });
});

describe('threads', () => {
  test('a network trained in a thread is the same as one trained here; one that is stopped is none', async () => {
    const training = {
      shape: { family: 'tcn' as const, width: 4, layers: 2, horizons: HORIZONS },
      examples: examplesOf('tcn'),
      batches: 10,
      learningRate: 0.01,
      seed: 1,
      ladder: ['wasm'] as const,
    };
    let told = 0;
    const there = await trainInThread(training, { onBatch: () => told++ });
    expect(there).toEqual(await trainForecastNetwork(training));
    expect(told).toBe(1);
    const stop = new AbortController();
    const stopped = trainInThread({ ...training, batches: 100_000 }, { onBatch: () => stop.abort(), signal: stop.signal });
    expect(await stopped).toBeUndefined();
  });

  test('models fitted in a thread are those that would be fitted here, in the order asked; closed, it fits no more', async () => {
    const fitter = createWorkerFitter();
    const requests = [1, 2, 3].map((seed) => ({ series: pulledBack(300, seed), horizons: [1, 12], seed }));
    const here = requests.map((request) => fitBatch(request));
    const there = await Promise.all(requests.map((request) => fitter.fit({ ...request, series: request.series.slice() })));
    expect(there).toEqual(here);
    const open = fitter.fit({ series: pulledBack(4_000, 1), horizons: [1, 12], seed: 1 });
    const failed = expect(open).rejects.toMatchObject({ code: 'ERR_FIT_FAILED' });
    await fitter.close();
    await failed;
    await expect(fitter.fit({ series: pulledBack(300, 1), horizons: [1], seed: 1 })).rejects.toMatchObject({
      code: 'ERR_FIT_FAILED',
    });
  });
});

describe('the commands', () => {
  const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-networks-'));
    for (const seed of [1, 2])
      writeFileSync(
        join(folder, `s${seed}.csv`),
        `load,flat\n${[...pulledBack(500, seed)].map((y) => `${y.toFixed(3)},1`).join('\n')}\n`,
      );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const drover = (...args: readonly string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, encoding: 'utf8', env: { ...process.env, CI: 'true' } });

  test('train on one series, judge on another: the network alone, and in the race', () => {
    const train = drover(
      ...['forecast', 'train', 's1.csv', '--column', 'load', '--network', 'tcn', '--out', 'tcn.model'],
      ...['--horizons', '1,5', '--batches', '20', '--layers', '2', '--width', '6', '--json'],
    );
    expect(train.stderr).toContain('20 of 20 batches');
    expect(train.status).toBe(0);
    expect(JSON.parse(train.stdout)).toMatchObject({ network: 'tcn', series: 1, out: 'tcn.model' });
    const judged = drover(
      ...['forecast', 'evaluate', 's2.csv', '--column', 'load', '--horizons', '1,5', '--model', 'tcn.model', '--json'],
    );
    expect([judged.status, judged.stderr]).toEqual([0, '']);
    const { results } = JSON.parse(judged.stdout) as { results: { horizon: number; model: string; relMae: number }[] };
    expect(results.map(({ horizon, model }) => `${horizon} ${model}`)).toEqual(
      [1, 5].flatMap((h) => ['drover', 'tcn', 'naive', 'ses'].map((model) => `${h} ${model}`)),
    );
    for (const { model, relMae } of results) if (model === 'drover') expect(relMae).toBeLessThan(1);
  });

  test('what cannot be learned from, and what is no such model, is said', () => {
    const flat = drover('forecast', 'train', 's1.csv', '--column', 'flat', '--out', 'x.model', '--network', 'gru');
    expect([flat.status, flat.stdout]).toEqual([2, '']);
    expect(flat.stderr).toContain('no series is long enough');
    writeFileSync(join(folder, 'broken.model'), readFileSync(join(folder, 's1.csv')));
    const broken = drover('forecast', 'evaluate', 's2.csv', '--column', 'load', '--model', 'broken.model');
    expect(broken.stderr).toContain('is no learned model of drover');
    expect(broken.status).not.toBe(0);
  });
});

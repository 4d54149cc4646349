/**
 * Learning with TensorFlow.js: what it computes is what drover's typed arrays compute, its gradients are the slopes of the loss, and a seed
 * gives the same bytes. Then the commands, as processes, on tiny data.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBackend } from '../../infra/tensorflow/backend.ts';
import { fire, forward, makeVariables } from '../../infra/tensorflow/graph.ts';
import { createTrainer, crossEntropy } from '../../infra/tensorflow/train.ts';
import { benchRealtime } from '../../src/app/bench/realtime.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import {
  type Architecture,
  FAMILIES,
  initialParameters,
  parameterShapes,
  readsTasks,
} from '../../src/domain/learn/architecture.ts';
import { applyScale, learnScale, TASKS_MAX, writeInputs } from '../../src/domain/learn/examples.ts';
import { createNetwork } from '../../src/domain/learn/network.ts';
import type { Examples } from '../../src/ports/trainer.ts';
import { labelledSets } from '../support/learn-sets.ts';

const sets = labelledSets(7, 600);

function examplesFor(family: Architecture['family']): { readonly examples: Examples; readonly width: number } {
  const inputs = writeInputs(sets, readsTasks(family) ? 'tasks' : 'row', 'closed');
  applyScale(inputs, learnScale(inputs));
  const { values, rowsPerExample, rowCounts, width } = inputs;
  return { examples: { inputs: values, rowsPerExample, rowCounts, labels: sets.schedulable }, width };
}

describe('TensorFlow.js and typed arrays', () => {
  test.each(FAMILIES)('%s: the same answers, whatever the number of tasks', async (family) => {
    const trainer = await createTrainer(['wasm']);
    const { examples, width } = examplesFor(family);
    const stride = examples.rowsPerExample * width;
    for (const widths of family === 'fnn' ? [[], [16], [12, 9]] : [[16], [12, 9]]) {
      const architecture = { family, inputs: width, widths, outputs: 1 };
      const parameters = initialParameters(architecture, createRng(3));
      const answers = await trainer.answer({ architecture, parameters, examples, batch: 200 });
      const network = createNetwork(architecture, parameters, TASKS_MAX);
      // A potential within rounding of the threshold fires here and not there: rare, and then a whole spike apart.
      let apart = 0;
      for (const [s, tasks] of examples.rowCounts.entries()) {
        const here = network.run(examples.inputs, s * stride, tasks)[0] as number;
        if (Math.abs(here - (answers[s] as number)) > 1e-4 * Math.max(1, Math.abs(here))) apart++;
      }
      expect(apart).toBeLessThanOrEqual(family === 'snn' ? 3 : 0);
    }
  });

  test.each(['fnn', 'cnn', 'gru', 'lstm'] as const)('%s: gradients are the slopes of the loss', async (family) => {
    await findBackend(['cpu']);
    const { examples, width } = examplesFor(family);
    const architecture = { family, inputs: width, widths: [5, 4], outputs: 1 };
    // Biases of 0 leave a unit under silent ones exactly at the kink of its ReLU, where there is no slope.
    const parameters = initialParameters(architecture, createRng(4)).map((value) => (value === 0 ? 0.1 : value));
    const [batch, rows] = [16, examples.rowsPerExample];
    const inputs = tf.tensor3d(examples.inputs.slice(0, batch * rows * width), [batch, rows, width]);
    const mask = tf.tensor2d(
      Float32Array.from({ length: batch * rows }, (_, i) =>
        i % rows < (examples.rowCounts[Math.floor(i / rows)] as number) ? 1 : 0,
      ),
      [batch, rows],
    );
    const labels = tf.tensor2d(Float32Array.from(examples.labels.subarray(0, batch)), [batch, 1]);
    const lossOf = (values: Float32Array): number =>
      tf.tidy(
        () =>
          crossEntropy(
            forward(architecture, makeVariables(architecture, values), inputs, mask),
            labels,
          ).dataSync()[0] as number,
      );
    const variables = makeVariables(architecture, parameters);
    const { grads } = tf.variableGrads(
      () => crossEntropy(forward(architecture, variables, inputs, mask), labels),
      [...variables.values()],
    );
    const rng = createRng(5);
    for (const { name, rows: r, columns, at } of parameterShapes(architecture)) {
      const gradient = grads[(variables.get(name) as tf.Variable).name]?.dataSync() as Float32Array;
      expect(gradient).toHaveLength(r * columns);
      const element = rng.below(r * columns);
      // So small that hardly any unit of the batch starts or stops firing on the way, where the loss has a kink.
      const shift = 1e-3;
      const slope =
        (lossOf(parameters.with(at + element, (parameters[at + element] as number) + shift)) -
          lossOf(parameters.with(at + element, (parameters[at + element] as number) - shift))) /
        (2 * shift);
      expect(Math.abs((gradient[element] as number) - slope)).toBeLessThan(2e-3 + 0.03 * Math.abs(slope));
    }
  });

  test('a spike is a step forwards and a fast sigmoid backwards', async () => {
    await findBackend(['cpu']);
    const potentials = [-1, 0.5, 0.999, 1, 1.25, 3];
    const x = tf.tensor1d(potentials);
    expect([...(fire(x) as tf.Tensor).dataSync()]).toEqual([0, 0, 0, 1, 1, 1]);
    const slopes = tf
      .grad((v) => fire(v) as tf.Tensor)(x)
      .dataSync();
    for (const [i, v] of potentials.entries()) expect(slopes[i]).toBeCloseTo(1 / (1 + 4 * Math.abs(v - 1)) ** 2, 4);
  });

  test.each(FAMILIES)('%s: learns, and the same seed gives the same bytes', async (family) => {
    const trainer = await createTrainer(['wasm']);
    const { examples, width } = examplesFor(family);
    const architecture = { family, inputs: width, widths: [8], outputs: 1 };
    const losses: number[] = [];
    const request = {
      architecture,
      parameters: initialParameters(architecture, createRng(1)),
      examples,
      epochs: family === 'fnn' ? 20 : 4,
      batch: 64,
      learningRate: 5e-3,
      seed: 1,
      onEpoch: (_: number, loss: number) => losses.push(loss),
    };
    const first = await trainer.train(request);
    expect(losses[request.epochs - 1] as number).toBeLessThan((losses[0] as number) * 0.95);
    expect(await trainer.train(request)).toEqual(first);
    expect(await trainer.train({ ...request, seed: 2 })).not.toEqual(first);
    // Nothing is left in TensorFlow's memory.
    const { numTensors } = tf.memory();
    await trainer.train({ ...request, epochs: 1 });
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  test('an unknown backend is passed over, and said so; none at all is an error', async () => {
    const found = await findBackend(['tfjs-node-gpu', 'wasm']);
    if (found.backend === 'wasm') expect(found.passedOver).toEqual([{ backend: 'tfjs-node-gpu', why: expect.any(String) }]);
    await expect(findBackend([])).rejects.toMatchObject({ code: 'ERR_LEARN_BACKEND' });
  });
});

test('the bench of everything real-time reports each figure that has an aim, and a network better than chance', async () => {
  const { figures, learned } = await benchRealtime({
    ...{ repetitions: 1, millis: 1, sizes: [10], rounds: 1, simulatedUs: 100_000, trainSets: 600, epochs: 2 },
    trainer: () => createTrainer(['wasm']),
  });
  const withAim = figures.filter(({ aim }) => aim !== undefined).map(({ what, n }) => `${what} ${n}`);
  expect(withAim).toEqual(['FP response times 10', 'QPA 10', 'simulation, one core FP 10', 'learned answer 3']);
  for (const { best, median, unit } of figures) {
    expect(median).toBeGreaterThan(0);
    expect(unit === 'µs' ? median >= best : best >= median).toBe(true);
  }
  expect(learned).toMatchObject({ backend: 'wasm', sets: 540 });
  expect(learned.auc).toBeGreaterThan(0.8);
});

describe('the commands', () => {
  const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-learn-'));
    run('dataset', 'generate', '--sets', '3000', '--tasks', '3..6', '--out', 'train.arrow');
    run('dataset', 'generate', '--sets', '1000', '--tasks', '3..6', '--seed', '2', '--out', 'test.arrow');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function start(...args: string[]) {
    return spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, encoding: 'utf8', env: { ...process.env, CI: 'true' } });
  }
  function run(...args: string[]): Record<string, unknown> {
    const { status, stdout, stderr } = start(...args, '--json');
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  }
  const evaluate = (model: string) => run('learn', 'evaluate', '--model', model, '--data', 'test.arrow');

  test('a yes/no network is trained twice alike, and is far better than chance', () => {
    for (const out of ['a.model', 'b.model'])
      run('learn', 'train', '--network', 'fnn', '--backend', 'wasm', '--epochs', '6', '--data', 'train.arrow', '--out', out);
    expect(readFileSync(join(folder, 'a.model'))).toEqual(readFileSync(join(folder, 'b.model')));
    const judged = evaluate('a.model') as { accuracy: number; auc: number; majorityRate: number; deferringAccuracy: number };
    expect(judged.accuracy).toBeGreaterThan(0.9);
    expect(judged.auc).toBeGreaterThan(0.96);
    expect(judged.majorityRate).toBeLessThan(0.6);
    expect(judged.deferringAccuracy).toBeGreaterThan(judged.accuracy);
    expect(judged).toMatchObject({
      unsafeRate: expect.any(Number),
      deferralRate: expect.any(Number),
      latencyUs: { bestUs: expect.any(Number) },
    });
    const updated = run('learn', 'update', '--model', 'a.model', '--data', 'test.arrow', '--out', 'c.model');
    expect(updated).toMatchObject({ accuracyFrozen: judged.accuracy, stateBytes: expect.any(Number) });
    expect(
      run('learn', 'train', '--from', 'a.model', '--data', 'test.arrow', '--epochs', '1', '--out', 'd.model'),
    ).toMatchObject({ purpose: 'yes-no' });
  });

  test.each(['logistic', 'forest', 'knn', 'bayes', 'rnn', 'cnn', 'snn'])('%s is trained and judged', (network) => {
    const few =
      {
        rnn: ['--epochs', '2', '--widths', '8'],
        cnn: ['--epochs', '2', '--widths', '8'],
        snn: ['--epochs', '8', '--widths', '16'],
      }[network] ?? [];
    run('learn', 'train', '--network', network, ...few, '--data', 'train.arrow', '--out', `${network}.model`);
    const judged = evaluate(`${network}.model`) as { accuracy: number; majorityRate: number };
    expect(judged.accuracy).toBeGreaterThan(judged.majorityRate);
  });

  test('the certified one accepts most, and nothing wrongly', () => {
    run('learn', 'train', '--network', 'certified', '--epochs', '5', '--data', 'train.arrow', '--out', 'certified.model');
    const judged = evaluate('certified.model') as { acceptedRate: number; acceptedRateByDeadlines: number };
    expect(judged).toMatchObject({ unsafe: 0, unsafeRate: 0 });
    expect(judged.acceptedRate).toBeGreaterThan(0.9);
    expect(judged.acceptedRate).toBeGreaterThanOrEqual(judged.acceptedRateByDeadlines);
  });

  test('the twin is judged by what can be learned from it', () => {
    run('learn', 'train', '--network', 'gan', '--epochs', '1', '--data', 'train.arrow', '--out', 'twin.model');
    expect(evaluate('twin.model')).toMatchObject({
      accuracy: expect.any(Number),
      trainedOnReal: { accuracy: expect.any(Number) },
      agreement: expect.any(Number),
    });
    const drawn = run('learn', 'draw', '--model', 'twin.model', '--sets', '50', '--out', 'drawn.arrow');
    expect(drawn).toMatchObject({ sets: 50, jobs: 0 });
    expect(run('learn', 'evaluate', '--model', 'a.model', '--data', 'drawn.arrow')).toMatchObject({ sets: 50 });
    const { status, stderr } = start('learn', 'draw', '--model', 'twin.model', '--jobs', '3', '--out', 'x.arrow');
    expect([status, stderr]).toEqual([2, expect.stringMatching(/--jobs is for a twin of traces/)]);
  });

  test('a twin of traces is judged beside the bootstrap, and draws a data set from which others learn', () => {
    const drawn = ['--label', 'simulation', '--policy', 'npfp', '--traces', '8', '--tasks', '2..5', '--sets', '300'];
    run('dataset', 'generate', ...drawn, '--seed', '1', '--out', 'traces.arrow');
    run('dataset', 'generate', ...drawn, '--seed', '2', '--out', 'more.arrow');
    run('learn', 'train', '--network', 'trace-gan', '--epochs', '1', '--data', 'traces.arrow', '--out', 'traces.model');
    const judged = run('learn', 'evaluate', '--model', 'traces.model', '--data', 'more.arrow') as {
      uses: string;
      accuracy: number;
      crps: Record<string, { response: number }>;
      trainOnSyntheticTestOnReal: Record<string, { accuracy: number }>;
      trainedOnReal: { accuracy: number };
    };
    expect(judged).toMatchObject({ purpose: 'trace-twin', sets: 300, beatsBootstrap: { crps: expect.any(Boolean) } });
    expect(judged.accuracy).toBe(judged.trainOnSyntheticTestOnReal[judged.uses]?.accuracy);
    expect(judged.trainedOnReal.accuracy).toBeGreaterThan(0.8);
    // A hundred steps: what matters here is that it has learned what sets the tasks apart.
    expect(judged.crps['generator']?.response).toBeLessThan(judged.crps['blindBootstrap']?.response ?? 0);
    const draw = ['learn', 'draw', '--model', 'traces.model', '--data', 'more.arrow', '--times', '3'];
    expect(run(...draw, '--out', 'synthetic.arrow')).toMatchObject({ sets: 900, jobs: expect.any(Number) });
    run(...draw, '--out', 'again.arrow');
    expect(readFileSync(join(folder, 'again.arrow'))).toEqual(readFileSync(join(folder, 'synthetic.arrow')));
    run('learn', 'train', '--network', 'bayes', '--data', 'synthetic.arrow', '--out', 'synthetic.model');
    const real = run('learn', 'evaluate', '--model', 'synthetic.model', '--data', 'more.arrow') as Record<string, number>;
    expect(real['auc']).toBeGreaterThan(0.7);
    const refused = start('learn', 'train', '--network', 'trace-gan', '--data', 'train.arrow', '--out', 'x.model');
    expect([refused.status, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/train.arrow: holds no jobs: .*ERR_DATASET_FILE/s),
    ]);
  });

  test('the study writes its page and its pictures', () => {
    const study = run(
      'learn',
      'study',
      '--networks',
      'fnn,gan',
      '--backends',
      'tfjs-node-gpu,wasm',
      '--widths',
      '4,8',
      '--depths',
      '2',
      '--sets',
      '400',
      '--epochs',
      '1',
      '--out',
      'study.md',
    ) as { results: unknown[] };
    expect(study.results).toHaveLength(4);
    const page = readFileSync(join(folder, 'study.md'), 'utf8');
    for (const name of ['trade-off', 'accuracy', 'answer', 'train-wasm']) {
      expect(page).toContain(`(study-${name}.svg)`);
      expect(readFileSync(join(folder, `study-${name}.svg`), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
    }
    // What an interrupted one had measured is not measured again.
    const { results, ...about } = study as { results: Record<string, unknown>[]; [more: string]: unknown };
    const request = JSON.stringify({ sets: 400, epochs: 1, seed: 1, backends: 'wasm' });
    const known = results.map((result) => ({ ...result, answerUs: 7.5 }));
    writeFileSync(join(folder, 'on.json.part'), JSON.stringify({ request, results: known }));
    const sizes = ['--networks', 'fnn,gan', '--widths', '4,8', '--depths', '2', '--sets', '400', '--epochs', '1'];
    expect(run('learn', 'study', ...sizes, '--backends', 'wasm', '--out', 'on.md')).toMatchObject({
      sets: about['sets'],
      results: known,
    });
    expect(existsSync(join(folder, 'on.json.part'))).toBe(false);
    const picture = readFileSync(join(folder, 'study-accuracy.svg'));
    rmSync(join(folder, 'study-accuracy.svg'));
    run('learn', 'study', '--from', 'study.json', '--out', 'study.md');
    expect(readFileSync(join(folder, 'study-accuracy.svg'))).toEqual(picture);
    expect(readFileSync(join(folder, 'study.md'), 'utf8')).toBe(page);
  });

  test('what is wrong is said in one line, with its code', () => {
    writeFileSync(join(folder, 'no.model'), 'not a model');
    for (const [args, code] of [
      [['learn', 'evaluate', '--model', 'no.model', '--data', 'test.arrow'], 'ERR_MODEL_FILE'],
      [['learn', 'evaluate', '--model', 'none.model', '--data', 'test.arrow'], 'ERR_MODEL_FILE'],
      [['learn', 'train', '--data', 'no.model', '--out', 'x.model'], 'ERR_DATASET_FILE'],
      [['learn', 'study', '--networks', 'perceptron'], 'ERR_USAGE'],
      [['learn', 'study', '--from', 'no.model'], 'ERR_USAGE'],
    ] as const) {
      const { status, stderr } = start(...args);
      expect(stderr).toMatch(new RegExp(`^drover: .* \\(${code}\\)\\n$`));
      expect(status).not.toBe(0);
    }
  });
});

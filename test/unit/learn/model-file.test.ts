/** Models as files: every kind comes back as it was; what is damaged, cut short or forged is refused with a sentence. */
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../../infra/learned/model-file.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { initialNetwork } from '../../../src/domain/forecast/network.ts';
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { type Architecture, initialParameters } from '../../../src/domain/learn/architecture.ts';
import { CANDIDATE_FEATURES } from '../../../src/domain/learn/certificate.ts';
import { inputLength, learnScale, writeInputs } from '../../../src/domain/learn/examples.ts';
import { trainForest } from '../../../src/domain/learn/forest.ts';
import {
  createScorer,
  type Learned,
  type Model,
  type TraceTwinModel,
  type YesNoModel,
} from '../../../src/domain/learn/model.ts';
import { trainBayes } from '../../../src/domain/learn/shallow.ts';
import { TASK_CONDITIONS, TRACE_CONDITIONS, TRACE_NOISE, TRACE_WIDTH } from '../../../src/domain/learn/trace-twin.ts';
import { TWIN_CONDITIONS, TWIN_NOISE, TWIN_WIDTH } from '../../../src/domain/learn/twin.ts';
import { labelledSets } from '../../support/learn-sets.ts';

const sets = labelledSets(1, 120);
const trained = { network: 'test', backend: 'none', seed: 1, sets: sets.count };

function yesNo(learnedOf: (width: number, rows: Float32Array) => Learned, shape: 'row' | 'tasks' = 'row'): YesNoModel {
  const inputs = writeInputs(sets, shape, 'closed');
  const learned = learnedOf(inputs.width, inputs.values);
  return {
    purpose: 'yes-no',
    trained,
    reads: 'closed',
    shape,
    scale: learnScale(inputs),
    deferral: { no: -0.5, yes: Number.POSITIVE_INFINITY },
    learned,
  };
}

const network = (architecture: Architecture): Learned => ({
  kind: 'network',
  architecture,
  parameters: initialParameters(architecture, createRng(1)),
});
const forest = (width: number, rows: Float32Array): Learned => ({
  kind: 'forest',
  ...trainForest(rows, sets.schedulable, width, createRng(1), { trees: 3, depthMost: 5, leafLeast: 2 }),
});

const scale = {
  mean: new Float32Array(CANDIDATE_FEATURES.length),
  factor: new Float32Array(CANDIDATE_FEATURES.length).fill(1),
};
const proposing: Architecture = { family: 'fnn', inputs: CANDIDATE_FEATURES.length, widths: [3], outputs: 1 };
const generating: Architecture = { family: 'fnn', inputs: TWIN_NOISE + TWIN_CONDITIONS, widths: [3], outputs: TWIN_WIDTH };
const tracing: Architecture = { family: 'fnn', inputs: TRACE_NOISE + TRACE_CONDITIONS, widths: [3], outputs: TRACE_WIDTH };
const MODELS: Readonly<Record<string, Model>> = {
  fnn: yesNo((inputs) => network({ family: 'fnn', inputs, widths: [4, 3], outputs: 1 })),
  gru: yesNo((inputs) => network({ family: 'gru', inputs, widths: [3], outputs: 1 }), 'tasks'),
  forest: yesNo(forest),
  bayes: yesNo((width, rows) => ({ kind: 'bayes', ...trainBayes(rows, sets.schedulable, width) })),
  knn: yesNo((_, rows) => ({ kind: 'knn', k: 3, rows, labels: sets.schedulable })),
  certified: {
    purpose: 'certified',
    trained,
    scale,
    architecture: proposing,
    parameters: initialParameters(proposing, createRng(1)),
  },
  twin: {
    purpose: 'twin',
    trained,
    range: { leastUs: 1000, mostUs: 2000 },
    architecture: generating,
    parameters: initialParameters(generating, createRng(1)),
  },
  traces: {
    purpose: 'trace-twin',
    trained,
    uses: 'bootstrap',
    architecture: tracing,
    parameters: initialParameters(tracing, createRng(1)),
    scale: { mean: new Float32Array(TASK_CONDITIONS), factor: new Float32Array(TASK_CONDITIONS).fill(1) },
    traces: { execution: { mean: 0, deviation: 1 }, wait: { mean: 0.5, deviation: 0.25 } },
    pool: {
      conditions: new Float32Array(2 * TASK_CONDITIONS),
      starts: Uint32Array.of(0, 1, 3),
      jobs: Float32Array.of(1, 2, 3, 4, 5, 6),
    },
  },
  forecast: {
    purpose: 'forecast',
    trained,
    network: initialNetwork({ family: 'tcn', width: 4, layers: 2, horizons: [1, 12] }, createRng(1)),
  },
};

/** The sentence with which it is refused. */
function refusal(bytes: Uint8Array): string {
  try {
    decodeModel(bytes, 'it');
  } catch (error) {
    expect(error).toBeInstanceOf(DroverError);
    expect((error as DroverError).code).toBe('ERR_MODEL_FILE');
    return (error as DroverError).message;
  }
  throw new Error('it was not refused');
}

/** With a digest that is right: what somebody makes who means harm. */
function resealed(bytes: Uint8Array): Uint8Array {
  systemHasher.digestInto(bytes.subarray(0, bytes.length - 32), bytes, bytes.length - 32);
  return bytes;
}

function withHeader(bytes: Uint8Array, from: string, to: string): Uint8Array {
  expect(to).toHaveLength(from.length);
  const text = Buffer.from(bytes).toString('latin1');
  expect(text).toContain(from);
  return resealed(new Uint8Array(Buffer.from(text.replace(from, to), 'latin1')));
}

describe('a model in a file', () => {
  it.each(Object.keys(MODELS))('%s comes back as it was', (name) => {
    const model = MODELS[name] as Model;
    const again = decodeModel(encodeModel(model), name);
    expect(again).toEqual(model);
    expect(encodeModel(again)).toEqual(encodeModel(model));
    if (model.purpose !== 'yes-no' || again.purpose !== 'yes-no') return;
    const [here, there] = [createScorer(model), createScorer(again)];
    for (let s = 0; s < 20; s++) expect(there.score(sets, s)).toBe(here.score(sets, s));
  });

  it('is refused wherever it is cut off, and wherever a byte is another one', () => {
    const bytes = encodeModel(MODELS['bayes'] as Model);
    for (let length = 0; length < bytes.length; length += 97) expect(refusal(bytes.slice(0, length))).toMatch(/cut short/);
    for (let at = 0; at < bytes.length; at += 89) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ 0x10;
      expect(refusal(damaged)).toMatch(/damaged|no learned model/);
    }
  });

  it('with a right digest is still not believed', () => {
    const fnn = encodeModel(MODELS['fnn'] as Model);
    expect(refusal(withHeader(fnn, '"widths":[4,3]', '"widths":[4,9]'))).toMatch(/parameters/);
    expect(refusal(withHeader(fnn, '"family":"fnn"', '"family":"xnn"'))).toMatch(/family/);
    expect(refusal(withHeader(fnn, '"purpose"', '"porpose"'))).toMatch(/header/);
    expect(refusal(withHeader(fnn, '"name":"mean"', '"name":"moan"'))).toMatch(/no column mean/);
    expect(refusal(withHeader(fnn, '"shape":"row"', '"shape":"raw"'))).toMatch(/shape/);
    const forecast = encodeModel(MODELS['forecast'] as Model);
    expect(refusal(withHeader(forecast, '"layers":2', '"layers":3'))).toMatch(/parameters/);
    expect(refusal(withHeader(forecast, '[1,12]', '[9,2 ]'))).toMatch(/ascend/);
    const version = encodeModel(MODELS['fnn'] as Model);
    version[8] = 9;
    expect(refusal(resealed(version))).toMatch(/version 9/);
    const endless = encodeModel(MODELS['fnn'] as Model);
    new DataView(endless.buffer).setUint32(12, 2 ** 31, true);
    expect(refusal(resealed(endless))).toMatch(/longer than the file/);
  });

  it('a forest whose branches lead back would never end: refused', () => {
    const model = MODELS['forest'] as YesNoModel;
    const learned = model.learned as Extract<Learned, { kind: 'forest' }>;
    const branch = learned.feature.findIndex((feature, node) => feature >= 0 && node > 0);
    const backwards = { ...learned, left: learned.left.with(branch, 0) };
    expect(refusal(encodeModel({ ...model, learned: backwards }))).toMatch(/leads nowhere/);
    const outside = { ...learned, feature: learned.feature.with(branch, inputLength('row', 'closed')) };
    expect(refusal(encodeModel({ ...model, learned: outside }))).toMatch(/leads nowhere/);
  });

  it('a pool from which a draw would reach beyond its end is refused', () => {
    const model = MODELS['traces'] as TraceTwinModel;
    for (const starts of [Uint32Array.of(0, 1, 4), Uint32Array.of(0, 3, 3), Uint32Array.of(1, 2, 3), Uint32Array.of(0)]) {
      expect(refusal(encodeModel({ ...model, pool: { ...model.pool, starts } }))).toMatch(/pool/);
    }
    const wide = { ...model.traces, wait: { mean: 0, deviation: 1e6 } };
    expect(refusal(encodeModel({ ...model, traces: wide }))).toMatch(/absurd/);
  });

  it('numbers that are none are refused', () => {
    const model = MODELS['certified'] as Extract<Model, { purpose: 'certified' }>;
    expect(refusal(encodeModel({ ...model, parameters: model.parameters.with(0, Number.NaN) }))).toMatch(/not finite/);
    const yes = MODELS['fnn'] as YesNoModel;
    expect(refusal(encodeModel({ ...yes, deferral: { no: 1, yes: 0 } }))).toMatch(/deferring/);
  });
});

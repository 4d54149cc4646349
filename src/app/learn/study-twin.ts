/**
 * One size of the digital twin in the study of width and depth: generator and critic have the same hidden layers. An answer is a task
 * set drawn; its accuracy is that of a forest which learned from such sets alone and is asked about real ones. Trained by steps of one batch of real sets
 * each, STEPS_PER_EPOCH for each epoch that the other networks get.
 */

import { assert } from '../../domain/kernel/assert.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { normal, parameterCount } from '../../domain/learn/architecture.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import type { LabelledSets } from '../../domain/learn/task-sets.ts';
import { drawTwin, TWIN_TASKS_MAX, twinArchitectures, twinExamples } from '../../domain/learn/twin.ts';
import type { Examples } from '../../ports/trainer.ts';
import { tryTwin } from './evaluate-model.ts';
import { leastUs, processorMs } from './processor-time.ts';
import type { Ready, Studied, StudyResult } from './study-result.ts';

const [BATCH, RATE, STEPS_PER_EPOCH, TIMED_DRAWS] = [128, 1e-3, 60, 512];
/** Timed together, as a single step is too short; a slow backend takes that many steps in all. */
const STEPS_TIMED = 4;

export async function studyTwin(
  widths: readonly number[],
  {
    learnFrom,
    testSets,
    backends,
    epochs,
    seed,
    signal,
  }: {
    readonly learnFrom: LabelledSets;
    readonly testSets: LabelledSets;
    readonly backends: Ready;
    readonly epochs: number;
    readonly seed: number;
    readonly signal: AbortSignal;
  },
): Promise<Studied> {
  const { generator, critic } = twinArchitectures(widths, widths);
  const examples = twinExamples(learnFrom);
  assert(examples !== undefined, 'the standard sets have room in a row');
  const noise = noiseFor(generator.inputs, seed);
  let parameters: Float32Array = new Float32Array(0);
  const times: StudyResult['backends'][number][] = [];
  for (const [rank, { backend, start }] of backends.entries()) {
    const trainer = await start();
    const steps = rank === 0 ? epochs * STEPS_PER_EPOCH : STEPS_TIMED;
    let leastMs = Number.POSITIVE_INFINITY;
    let beganMs = processorMs();
    const onStep = (step: number): void => {
      if (step % STEPS_TIMED !== 0) return;
      leastMs = Math.min(leastMs, processorMs() - beganMs);
      beganMs = processorMs();
    };
    const trained = await trainer.trainTwin({
      ...examples,
      ...{ generator, critic, steps, batch: BATCH, learningRate: RATE, seed, onStep, signal },
    });
    if (rank === 0) parameters = trained;
    const request = { architecture: generator, parameters, examples: noise, batch: BATCH };
    const answerUs = await leastUs(TIMED_DRAWS, () => trainer.answer(request));
    times.push({ backend, answerUs, trainMsPerThousand: Math.round((leastMs * 10_000) / (STEPS_TIMED * BATCH)) / 10 });
  }
  const trained = { network: 'gan', backend: backends[0]?.backend ?? '', seed, sets: learnFrom.count };
  const model = { purpose: 'twin', trained, range: examples.range, architecture: generator, parameters } as const;
  const { accuracy, auc } = tryTwin(model, testSets).fromSynthetic();
  const network = createNetwork(generator, parameters, 1);
  const rng = createRng(seed, 'draws');
  const answerUs = await leastUs(TIMED_DRAWS, () => {
    for (let k = 0; k < TIMED_DRAWS; k++)
      drawTwin(network, rng, { schedulable: k % 2 === 0, tasks: 3 + (k % (TWIN_TASKS_MAX - 2)), range: examples.range });
  });
  return { parameters: parameterCount(generator), accuracy, auc, answerUs, backends: times };
}

function noiseFor(width: number, seed: number): Examples {
  const rng = createRng(seed, 'noise');
  return {
    inputs: Float32Array.from({ length: TIMED_DRAWS * width }, () => normal(rng)),
    rowsPerExample: 1,
    rowCounts: new Uint16Array(TIMED_DRAWS).fill(1),
    labels: new Uint8Array(TIMED_DRAWS),
  };
}

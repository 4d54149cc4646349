/**
 * Fine-tunes a fleet's model: reports in, a file and its figures out. What a manager's training thread runs (`tuner-worker.ts`).
 *
 * The examples are the fleet's sets, and drawn ones that the exact test of the fleet's scheduling has answered: a fleet runs few different
 * sets, most of them met, and a network that learned from those alone would soon say yes to everything. A set of the fleet counts as often as
 * makes both halves equal. The scale stays the parent's, so that learners at bridges can go on with what they kept.
 *
 * What is held back (`outcome-sets.ts`, S3) is learned from by nobody, and by it the result and its parent are judged.
 */
import { decodeModel, encodeModel } from '../../../infra/learned/model-file.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { boundedVerdict } from '../../domain/learn/fleet/bounded-verdict.ts';
import { whyNot } from '../../domain/learn/fleet/bridge-learner.ts';
import type { SchedulingKind } from '../../domain/learn/fleet/outcome.ts';
import { type LabelledTasks, labelledSetsOf, OutcomeSets } from '../../domain/learn/fleet/outcome-sets.ts';
import { judge } from '../../domain/learn/metrics.ts';
import { createScorer, type YesNoModel } from '../../domain/learn/model.ts';
import type { LabelledSets } from '../../domain/learn/task-sets.ts';
import type { EcuScheduling } from '../../domain/model/ecu.ts';
import { decodeOutcomeReport } from '../../domain/protocol/codec-learn.ts';
import { drawTaskSet } from '../../domain/realtime/draw/task-sets.ts';
import type { Tuned, TuneRequest } from '../../ports/fine-tuner.ts';
import type { Trainer } from '../../ports/trainer.ts';
import { STANDARD_DRAW } from './standard-sets.ts';
import { trainModel } from './train-model.ts';

/** Fine-tuning, and learning from the beginning. */
const GOES_ON = { drawn: 2_000, epochs: 4 };
const BEGINS = { drawn: 6_000, epochs: 12 };
/** A single set that the fleet always runs should not outweigh all drawn ones. */
const REPEATS_MAX = 100;
/** Of the sets held back; fewer would judge by chance alone. */
const HELD_BACK_LEAST = 3;

export async function tune(request: TuneRequest, createTrainer: () => Promise<Trainer>): Promise<Tuned> {
  const beganMs = performance.now();
  const outcomes = new OutcomeSets();
  for (const bytes of request.reports) {
    const report = decodeOutcomeReport(bytes);
    // Whoever read it from the stream has counted it.
    if (report.ok) outcomes.add(report.value.body);
  }
  const { scheduling, rows, learn, heldBack } = outcomes.gathered();
  const sets = learn.length + heldBack.length;
  if (sets < request.setsLeast || heldBack.length < HELD_BACK_LEAST) return { kind: 'too-few', scheduling, rows, sets };
  const parent = request.parent === undefined ? undefined : parentOf(request.parent);
  const { drawn, epochs } = parent === undefined ? BEGINS : GOES_ON;
  const examples = mixed(learn, drawnSets(drawn, scheduling, request.seed), request.seed);
  const trained = await trainModel(labelledSetsOf(examples), {
    network: 'fnn',
    cell: 'gru',
    reads: parent?.reads ?? 'demand',
    epochs,
    seed: request.seed,
    from: parent,
    trainer: createTrainer,
  });
  if (trained.purpose !== 'yes-no') throw new DroverError('ERR_LEARN_WORKER', `training gave a ${trained.purpose} model`);
  const file = encodeModel(trained);
  const held = labelledSetsOf(heldBack);
  return {
    kind: 'tuned',
    file,
    digest: systemHasher.hex(file),
    scheduling,
    backend: trained.trained.backend,
    rows,
    sets: learn.length,
    heldBack: heldBack.length,
    drawn,
    accuracy: accuracyOf(trained, held),
    parentAccuracy: parent === undefined ? undefined : accuracyOf(parent, held),
    tookUs: Math.round((performance.now() - beganMs) * 1000),
  };
}

function parentOf(file: Uint8Array): YesNoModel {
  const model = decodeModel(file, 'the model to go on from');
  const fault = whyNot(model);
  if (model.purpose === 'yes-no' && fault === undefined) return model;
  throw new DroverError('ERR_MODEL_FILE', `the model to go on from ${fault}`);
}

const SCHEDULING: Readonly<Record<SchedulingKind, EcuScheduling>> = {
  fp: { scheduler: 'fp' },
  npfp: { scheduler: 'fp', nonPreemptive: true },
  edf: { scheduler: 'edf' },
  npedf: { scheduler: 'edf', nonPreemptive: true },
  rr: { scheduler: 'rr' },
  other: { scheduler: 'other' },
};

/** Those of which the bounded test knows the answer. */
function drawnSets(count: number, kind: SchedulingKind, seed: number): LabelledTasks[] {
  const rng = createRng(seed, 'drawn for tuning');
  const scheduling = SCHEDULING[kind];
  const sets: LabelledTasks[] = [];
  for (let at = 0; at < count; at++) {
    const tasks = [...(drawTaskSet(rng, STANDARD_DRAW) ?? [])]
      .sort((a, b) => b.priority - a.priority)
      .map(({ wcetUs, periodUs, deadlineUs }) => ({ wcetUs, periodUs, deadlineUs, isMeasured: false }));
    const verdict = tasks.length === 0 ? 'unknown' : boundedVerdict(tasks, { cores: 1, scheduling });
    if (verdict !== 'unknown') sets.push({ tasks, met: verdict === 'yes' });
  }
  return sets;
}

/** In random order, because the trainer calibrates by the last tenth. */
function mixed(learn: readonly LabelledTasks[], drawn: readonly LabelledTasks[], seed: number): LabelledTasks[] {
  const repeats = learn.length === 0 ? 0 : Math.max(1, Math.min(REPEATS_MAX, Math.round(drawn.length / learn.length)));
  const all = [...drawn];
  for (let repeat = 0; repeat < repeats; repeat++) all.push(...learn);
  const rng = createRng(seed, 'order for tuning');
  for (let at = all.length - 1; at > 0; at--) {
    const other = rng.below(at + 1);
    [all[at], all[other]] = [all[other] as LabelledTasks, all[at] as LabelledTasks];
  }
  return all;
}

export function accuracyOf(model: YesNoModel, sets: LabelledSets): number {
  const scorer = createScorer(model);
  const scores = Float64Array.from({ length: sets.count }, (_, s) => scorer.score(sets, s));
  return judge(scores, sets.schedulable, 0).accuracy;
}

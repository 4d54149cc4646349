/**
 * Learning on at a bridge: the fleet's newest version, moved on by what this ECU sees itself, one row after the other.
 *
 *   memory  a copy of the parameters, KEEP rows (a uniform sample of all), and the room of one pass through the network: all taken when a
 *           version comes; nothing grows afterwards
 *   time    a row: the features of OUTCOME_TASKS_MAX tasks at most, two answers, 1 + REPLAYS steps of gradient descent on PARAMETERS_MAX
 *           parameters at most. A version with more is not taken (`whyNot`).
 *
 * A newer version of the same shape replaces the parameters; the kept rows stay, so that what was seen here is not forgotten. Each row is
 * answered before it is learned from, by the version as it came and by the learner: which of them was right more often is what learning here
 * is worth, and is reported.
 */
import type { Rng } from '../../kernel/rng.ts';
import { parameterCount } from '../architecture.ts';
import { inputLength, type Scale, scaleRow, TASKS_MAX } from '../examples.ts';
import { featureCount, writeSetRow } from '../features.ts';
import type { Model, YesNoModel } from '../model.ts';
import { createNetwork, type Network } from '../network.ts';
import { OnlineLearner } from '../online.ts';
import { columnsOf } from '../task-sets.ts';
import { type LearnerState, type OutcomeRow, realtimeTasksOf } from './outcome.ts';

export const KEEP = 128;
export const REPLAYS = 8;
const RATE = 1e-3;
/** Four times the usual network of 32 × 32; a row is then about three milliseconds on a slow board. */
export const PARAMETERS_MAX = 16_384;

type FeedForward = YesNoModel & { readonly learned: { readonly kind: 'network' } };

interface Begun {
  readonly model: FeedForward;
  readonly version: number;
  readonly frozen: Network;
  readonly learner: OnlineLearner;
  readonly input: Float32Array;
  readonly rows: Float32Array;
}

export class BridgeLearner {
  private readonly rng: Rng;
  private readonly nowUs: () => number;
  private begun: Begun | undefined;
  private learned = 0;
  private rightAsCame = 0;
  private rightLearning = 0;
  private updateUsMax = 0;

  constructor(parts: { readonly rng: Rng; readonly nowUs: () => number }) {
    this.rng = parts.rng;
    this.nowUs = parts.nowUs;
  }

  begin(version: number, model: Model): void {
    if (!isLearnable(model)) return;
    const { learned, reads } = model;
    const frozen = createNetwork(learned.architecture, learned.parameters, 1);
    const before = this.begun;
    const isSameShape =
      before !== undefined &&
      before.model.reads === reads &&
      JSON.stringify(before.model.learned.architecture) === JSON.stringify(learned.architecture) &&
      isSameScale(before.model.scale, model.scale);
    if (isSameShape) {
      before.learner.rebase(learned.parameters);
      this.begun = { ...before, model, version, frozen };
      return;
    }
    const options = { keep: KEEP, replays: REPLAYS, rate: RATE };
    const learner = new OnlineLearner(learned.architecture, learned.parameters, this.rng, options);
    const input = new Float32Array(inputLength('row', reads));
    const rows = new Float32Array(TASKS_MAX * featureCount(reads));
    this.begun = { model, version, frozen, learner, input, rows };
  }

  learn({ tasks, outcome }: OutcomeRow): void {
    if (this.begun === undefined) return;
    const { model, frozen, learner, input, rows } = this.begun;
    const beganUs = this.nowUs();
    writeSetRow(columnsOf([realtimeTasksOf(tasks)]), 0, { reads: model.reads, out: input, at: 0, rows });
    scaleRow(input, 0, model.scale);
    const met = outcome === 'met';
    if ((frozen.run(input, 0, 1)[0] as number) > 0 === met) this.rightAsCame++;
    if (learner.answer(input, 0) > 0 === met) this.rightLearning++;
    learner.learn(input, 0, met ? 1 : 0);
    this.learned++;
    this.updateUsMax = Math.max(this.updateUsMax, this.nowUs() - beganUs);
  }

  state(): LearnerState {
    const { begun, learned, rightAsCame, rightLearning, updateUsMax } = this;
    const room = begun === undefined ? 0 : begun.learner.stateBytes + begun.input.byteLength + begun.rows.byteLength;
    return { version: begun?.version ?? 0, learned, rightAsCame, rightLearning, stateBytes: room, updateUsMax };
  }
}

/** Why a bridge cannot go on from a model; undefined: it can. The sentence goes on after "the model". */
export function whyNot(model: Model): string | undefined {
  if (model.purpose !== 'yes-no') return `is a ${model.purpose} one, and only a yes/no one ranks and learns on`;
  if (model.learned.kind !== 'network' || model.learned.architecture.family !== 'fnn')
    return 'is no feed-forward network, and only those learn on (--network fnn or logistic)';
  const parameters = parameterCount(model.learned.architecture);
  return parameters > PARAMETERS_MAX
    ? `has ${parameters} parameters, and a bridge learns on with ${PARAMETERS_MAX} at most`
    : undefined;
}

const isLearnable = (model: Model): model is FeedForward => whyNot(model) === undefined;

const isSameScale = (a: Scale, b: Scale): boolean =>
  a.mean.every((mean, f) => mean === b.mean[f]) && a.factor.every((factor, f) => factor === b.factor[f]);

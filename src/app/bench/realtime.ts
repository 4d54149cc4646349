/**
 * How quick real-time analysis, simulation and learned answers are, in one run: `drover bench realtime`.
 *
 * Put together of the benches of analysis and of simulation (`analysis.ts`, `schedule.ts`: the peers' own sets where they are at hand), and
 * of a network that is trained here for a few seconds, as `drover learn train` shapes it: what an answer costs depends on its shape, not
 * on how much it has learned (how good it is stands beside it). Features are part of an answer.
 *
 * `reached` compares the best with the aim: another process on the machine can only make a figure worse.
 */
import { assert } from '../../domain/kernel/assert.ts';
import { judge } from '../../domain/learn/metrics.ts';
import { createScorer } from '../../domain/learn/model.ts';
import { columnsOf } from '../../domain/learn/task-sets.ts';
import type { Trainer } from '../../ports/trainer.ts';
import { latencyOf } from '../learn/latency.ts';
import { standardSets } from '../learn/standard-sets.ts';
import { trainModel } from '../learn/train-model.ts';
import { type AnalysisBenchOptions, benchAnalysis, drawnSets, tasksOf } from './analysis.ts';
import { type Machine, machine } from './machine.ts';
import { peerSets } from './peer-sets.ts';
import { benchSchedule } from './schedule.ts';

export interface RealtimeFigure {
  readonly what: string;
  readonly n: number;
  readonly unit: 'sets/s' | 'jobs/s' | 'µs';
  readonly best: number;
  readonly median: number;
  readonly aim?: number;
  readonly reached?: boolean;
  readonly peer?: { readonly name: string; readonly figure: number };
  readonly sets: 'shared' | 'drawn';
}

export interface RealtimeBench {
  readonly machine: Machine;
  readonly figures: readonly RealtimeFigure[];
  /** Of the network that answered, on sets it had not seen. */
  readonly learned: { readonly backend: string; readonly sets: number; readonly accuracy: number; readonly auc: number };
}

export interface RealtimeBenchOptions extends AnalysisBenchOptions {
  readonly rounds?: number;
  readonly simulatedUs?: number;
  readonly trainSets?: number;
  readonly epochs?: number;
  readonly trainer: () => Promise<Trainer>;
}

const AIMS: Readonly<Record<string, number>> = {
  'FP response times 10': 700_000,
  'FP response times 20': 200_000,
  'FP response times 50': 25_000,
  'QPA 10': 80_000,
  'simulation, one core FP 10': 3_000_000,
  'learned answer 3': 5,
};
/** A round then takes two milliseconds: on a machine that others use too, some of many such pass undisturbed. */
const SIMULATED_US = 2_000_000;
const LEARNED_SIZES = [3, 10, 20];
const [TEST_SETS, ANSWERED_SETS] = [4_000, 500];

export async function benchRealtime(options: RealtimeBenchOptions): Promise<RealtimeBench> {
  const {
    rounds = 600,
    simulatedUs = SIMULATED_US,
    trainSets = 6_000,
    epochs = 8,
    trainer,
    say = () => {},
    ...patience
  } = options;
  const measuredOn = machine();
  const figures: RealtimeFigure[] = [];
  const add = (figure: Omit<RealtimeFigure, 'aim' | 'reached'>): void => {
    const aim = figure.what.includes('implicit') ? undefined : AIMS[`${figure.what} ${figure.n}`];
    const isMet = aim !== undefined && (figure.unit === 'µs' ? figure.best <= aim : figure.best >= aim);
    figures.push({ ...figure, ...(aim === undefined ? {} : { aim, reached: isMet }) });
  };

  const analysis = await benchAnalysis({ ...patience, say, whats: ['fp-responses', 'qpa'] });
  for (const { what, n, deadlines, bestPerSecond, medianPerSecond, peer } of analysis.figures) {
    add({
      what: `${what === 'qpa' ? 'QPA' : 'FP response times'}${deadlines === 'implicit' ? ', implicit deadlines' : ''}`,
      n,
      unit: 'sets/s',
      best: bestPerSecond,
      median: medianPerSecond,
      ...(peer === undefined ? {} : { peer: { name: peer.name, figure: peer.perSecond } }),
      sets: analysis.sets,
    });
  }

  say('simulation');
  for (const scene of benchSchedule({ rounds, simulatedUs }).figures) {
    const about = { n: scene.tasks, unit: 'jobs/s', sets: scene.from } as const;
    const what = `simulation, ${scene.cores === 1 ? 'one core FP' : `${scene.cores} cores global EDF`}`;
    const peer = { name: 'SimSo', figure: scene.peers['simso'] ?? 0 };
    add({ ...about, what, ...scene.jobsPerSecond, peer });
    add({ ...about, what: `${what}, by processor time`, ...scene.jobsPerCpuSecond });
  }

  say('a network');
  const learnFrom = standardSets(trainSets, 1, 'bench');
  const model = await trainModel(learnFrom, { network: 'fnn', cell: 'gru', reads: 'demand', epochs, seed: 1, trainer });
  assert(model.purpose === 'yes-no', 'a feed-forward network answers yes or no');
  const scorer = createScorer(model);
  for (const n of LEARNED_SIZES) {
    const atHand = peerSets(`uni_n${n}.jsonl`);
    const rows = atHand ?? drawnSets(n, ANSWERED_SETS);
    const sets = columnsOf(rows.map((row) => tasksOf(row, 'constrained')));
    const { bestUs, medianUs } = latencyOf(sets.count, (s) => scorer.score(sets, s));
    const from = atHand === undefined ? 'drawn' : 'shared';
    add({ what: 'learned answer', n, unit: 'µs', best: bestUs, median: medianUs, sets: from });
  }
  const test = standardSets(TEST_SETS, 2, 'bench');
  const scores = Float64Array.from({ length: test.count }, (_, s) => scorer.score(test, s));
  const { accuracy, auc } = judge(scores, test.schedulable, 0);
  const { backend, sets } = model.trained;
  return { machine: measuredOn, figures, learned: { backend, sets, accuracy, auc } };
}

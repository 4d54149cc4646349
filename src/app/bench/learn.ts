/**
 * What learning costs where it runs: `drover bench learn`.
 *
 *   update   at a bridge: the exact test within its bound and one update of the learner, for a row of the largest set that is observed; with the usual
 *            network and with the largest that a bridge takes
 *   look     at a bridge: a look at as many running tasks as there are lanes for
 *   tuning   at a manager: one fine-tuning in its thread, and how late a timer of the main thread came meanwhile, as a heartbeat would; beside it, the
 *            same for as long without training
 *
 * Not measured: what the training thread takes from other processes of a machine whose cores are all busy.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeModel } from '../../../infra/learned/model-file.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { initialParameters } from '../../domain/learn/architecture.ts';
import { learnScale, writeInputs } from '../../domain/learn/examples.ts';
import { boundedVerdict } from '../../domain/learn/fleet/bounded-verdict.ts';
import { BridgeLearner, KEEP, PARAMETERS_MAX, REPLAYS } from '../../domain/learn/fleet/bridge-learner.ts';
import { LaneWatch, type WatchedTask } from '../../domain/learn/fleet/lane-watch.ts';
import { OUTCOME_TASKS_MAX, type OutcomeRow, type OutcomeTask } from '../../domain/learn/fleet/outcome.ts';
import type { YesNoModel } from '../../domain/learn/model.ts';
import { encodeOutcomeReport } from '../../domain/protocol/codec-learn.ts';
import { drawTaskSet } from '../../domain/realtime/draw/task-sets.ts';
import { createTuner } from '../learn/open-tuner.ts';
import { processorMs } from '../learn/processor-time.ts';
import { STANDARD_DRAW, standardSets } from '../learn/standard-sets.ts';
import { type Machine, machine } from './machine.ts';

export interface LearnBenchOptions {
  readonly rows: number;
  readonly say: (sentence: string) => void;
}

export interface LearnBench {
  readonly bench: 'learn';
  readonly machine: Machine;
  /** Tasks of the sets, rows kept, steps a row beside its own. */
  readonly bound: { readonly tasks: number; readonly keep: number; readonly replays: number; readonly parameters: number };
  readonly updates: readonly UpdateCost[];
  readonly look: { readonly tasks: number; readonly cpuUs: number; readonly bestUs: number };
  readonly tuning: {
    readonly reports: number;
    readonly sets: number;
    readonly seconds: number;
    readonly backend: string;
    /** Of the main thread's timer, every 10 ms: how late, with and without training. */
    readonly lateMsMost: number;
    readonly lateMsMedian: number;
    readonly idleLateMsMost: number;
    readonly idleLateMsMedian: number;
  };
}

interface UpdateCost {
  readonly network: string;
  readonly parameters: number;
  readonly stateBytes: number;
  readonly verdictMedianUs: number;
  /** Of processor time, the mean; then what passed on the clock, with whatever else the machine did. */
  readonly cpuUs: number;
  readonly medianUs: number;
  readonly p99Us: number;
  readonly mostUs: number;
}

const USUAL = [32, 32];
/** With 82 inputs the widest pair of layers within PARAMETERS_MAX. */
const WIDEST = [92, 92];
const LANES = 64;
const LOOKS = 200;
const TUNED_SETS = 400;
const SETS_PER_REPORT = 8;
const EVERY_MS = 10;

export async function benchLearn({ rows, say }: LearnBenchOptions): Promise<LearnBench> {
  const before = machine();
  say(`${rows} updates of each network`);
  const updates = [USUAL, WIDEST].map((widths) => measureUpdates(widths, rows));
  const look = measureLook();
  say(`one fine-tuning on ${TUNED_SETS} sets in a thread`);
  const tuning = await measureTuning();
  const bound = { tasks: OUTCOME_TASKS_MAX, keep: KEEP, replays: REPLAYS, parameters: PARAMETERS_MAX };
  return { bench: 'learn', machine: before, bound, updates, look, tuning };
}

// ——— the bridge ———

function modelOf(widths: readonly number[]): YesNoModel {
  const inputs = writeInputs(standardSets(500, 1, 'bench'), 'row', 'demand');
  const architecture = { family: 'fnn', inputs: inputs.width, widths, outputs: 1 } as const;
  return {
    purpose: 'yes-no',
    trained: { network: 'fnn', backend: 'none', seed: 1, sets: 0 },
    reads: 'demand',
    shape: 'row',
    scale: learnScale(inputs),
    deferral: { no: 0, yes: 0 },
    learned: { kind: 'network', architecture, parameters: initialParameters(architecture, createRng(1)) },
  };
}

function drawnTasks(seed: number, count: number, tasks: number): OutcomeTask[][] {
  const rng = createRng(seed, 'bench');
  return Array.from({ length: count }, () =>
    [...(drawTaskSet(rng, { ...STANDARD_DRAW, tasks: { least: tasks, most: tasks } }) ?? [])]
      .sort((a, b) => b.priority - a.priority)
      .map(({ wcetUs, periodUs, deadlineUs }) => ({ wcetUs, periodUs, deadlineUs, isMeasured: false })),
  );
}

const rowOf = (tasks: readonly OutcomeTask[], at: number): OutcomeRow => ({
  ...{ lane: 0, tasks, outcome: at % 3 === 0 ? 'missed' : 'met', exact: 'unknown', windows: 1, jobs: 1, misses: 0 },
  observedUs: 1,
});

const nowUs = (): number => performance.now() * 1000;

function measureUpdates(widths: readonly number[], rows: number): UpdateCost {
  const model = modelOf(widths);
  const learner = new BridgeLearner({ rng: createRng(2), nowUs });
  learner.begin(1, model);
  const sets = drawnTasks(3, 200, OUTCOME_TASKS_MAX);
  const verdicts: number[] = [];
  const costs: number[] = [];
  let cpuMs = 0;
  for (let at = 0; at < rows; at++) {
    const tasks = sets[at % sets.length] as OutcomeTask[];
    const beganUs = nowUs();
    boundedVerdict(tasks, { cores: 1, scheduling: { scheduler: 'fp', nonPreemptive: true } });
    const testedUs = nowUs();
    const row = rowOf(tasks, at);
    const cpuBeganMs = processorMs();
    const learnsUs = nowUs();
    learner.learn(row);
    costs.push(nowUs() - learnsUs);
    cpuMs += processorMs() - cpuBeganMs;
    verdicts.push(testedUs - beganUs);
  }
  const parameters = model.learned.kind === 'network' ? model.learned.parameters.length : 0;
  const { stateBytes } = learner.state();
  return {
    network: `fnn ${widths.join(' × ')}`,
    parameters,
    stateBytes,
    verdictMedianUs: round(quantile(verdicts, 0.5)),
    cpuUs: round((cpuMs * 1000) / rows),
    medianUs: round(quantile(costs, 0.5)),
    p99Us: round(quantile(costs, 0.99)),
    mostUs: round(quantile(costs, 1)),
  };
}

function measureLook(): LearnBench['look'] {
  const tasks = Array.from({ length: LANES * OUTCOME_TASKS_MAX }, (_, at): WatchedTask & { responses: number } => ({
    ...{ instance: {}, lane: at % LANES, wcetUs: 10, periodUs: 10_000, deadlineUs: 10_000, priority: at, runs: true },
    ...{ responses: 0, misses: 0, skipped: 0, waiting: 0, takeLongestUs: () => 9 },
  }));
  const watch = new LaneWatch({ windowUs: 1, lanesMax: LANES });
  const costs: number[] = [];
  let cpuMs = 0;
  for (let look = 0; look < LOOKS; look++) {
    for (const task of tasks) task.responses += 5;
    const cpuBeganMs = processorMs();
    const beganUs = nowUs();
    watch.look(look * 10, tasks, false);
    costs.push(nowUs() - beganUs);
    cpuMs += processorMs() - cpuBeganMs;
  }
  return { tasks: tasks.length, cpuUs: round((cpuMs * 1000) / LOOKS), bestUs: round(quantile(costs, 0)) };
}

// ——— the manager ———

async function measureTuning(): Promise<LearnBench['tuning']> {
  const reports = Array.from({ length: TUNED_SETS / SETS_PER_REPORT }, (_, at) => {
    const rows = drawnTasks(100 + at, SETS_PER_REPORT, 3 + (at % 18)).map(rowOf);
    const learner = { version: 0, learned: 0, rightAsCame: 0, rightLearning: 0, stateBytes: 0, updateUsMax: 0 };
    const mac = '02aa000000ff';
    const body = { mac, incarnation: 1, sequence: at + 1, scheduling: 'fp', windowUs: 10_000_000, rows, learner } as const;
    return encodeOutcomeReport({ id: `bench.${at}`, sender: 'bench', trace: '', sentAtUs: 0, body });
  });
  const parent = encodeModel(modelOf(USUAL));
  const tuner = createTuner();
  const lateness = watchTimer();
  const beganMs = performance.now();
  const tuned = await tuner.tune({ reports, parent, setsLeast: 8, seed: 1 });
  const tookMs = performance.now() - beganMs;
  const late = lateness();
  await tuner.close();
  const idleness = watchTimer();
  await sleep(tookMs);
  const idle = idleness();
  return {
    reports: reports.length,
    sets: tuned.sets,
    seconds: Math.round(tookMs / 100) / 10,
    backend: tuned.kind === 'tuned' ? tuned.backend : 'none',
    lateMsMost: round(quantile(late, 1)),
    lateMsMedian: round(quantile(late, 0.5)),
    idleLateMsMost: round(quantile(idle, 1)),
    idleLateMsMedian: round(quantile(idle, 0.5)),
  };
}

/** A timer again and again, as heartbeats are sent; gives how late it was each time. */
function watchTimer(): () => number[] {
  const late: number[] = [];
  let dueMs = performance.now() + EVERY_MS;
  let timer: NodeJS.Timeout;
  const beat = (): void => {
    const nowMs = performance.now();
    late.push(Math.max(0, nowMs - dueMs));
    dueMs = nowMs + EVERY_MS;
    timer = setTimeout(beat, EVERY_MS);
  };
  timer = setTimeout(beat, EVERY_MS);
  return () => {
    clearTimeout(timer);
    return late;
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const round = (value: number): number => Math.round(value * 10) / 10;

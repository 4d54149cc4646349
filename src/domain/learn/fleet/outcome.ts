/**
 * What became of a task set that ran on a lane, as a fleet learns from it: its tasks, whether every deadline of a window was met, and what the
 * exact test says of the same set.
 *
 * The names of tasks are not in it, nor the ECU's: two lanes with the same numbers are two looks at one set.
 */
import type { EcuScheduling } from '../../model/ecu.ts';
import type { Mac } from '../../model/ids.ts';
import { platformOf } from '../../placement/platform-of.ts';
import type { RealtimeTask } from '../../realtime/realtime-task.ts';
import { TASKS_MAX } from '../examples.ts';

/** How an ECU shares a core, in the words that a model is told of. */
export const SCHEDULING_KINDS = ['fp', 'npfp', 'edf', 'npedf', 'rr', 'other'] as const;
export type SchedulingKind = (typeof SCHEDULING_KINDS)[number];

/** Of which a version may speak: somebody has declared it, and it is known here. */
export const isLearnable = (kind: SchedulingKind): boolean => kind !== 'other';

export interface OutcomeTask {
  /** As declared; where the task declares none, the longest execution of the window, rounded up (`measuredWcetUs`). */
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly isMeasured: boolean;
}

export type Outcome = 'met' | 'missed';
/** `unknown`: its work limit was reached, or no test speaks about the ECU's scheduler. */
export type ExactVerdict = 'yes' | 'no' | 'unknown';

/** One set, and what was seen of it since it was last told of with this outcome. */
export interface OutcomeRow {
  /** The first lane that it was seen on. */
  readonly lane: number;
  /** The most urgent first; at most OUTCOME_TASKS_MAX. */
  readonly tasks: readonly OutcomeTask[];
  readonly outcome: Outcome;
  readonly exact: ExactVerdict;
  readonly windows: number;
  readonly jobs: number;
  readonly misses: number;
  readonly observedUs: number;
}

/** What the learner of a bridge has come to. All counts since the bridge started. */
export interface LearnerState {
  /** The version that it began from; 0: it has none yet, and only observes. */
  readonly version: number;
  /** Rows that it answered, then learned from. */
  readonly learned: number;
  /** Of these, what the version as it came was right about, and what the learner was. */
  readonly rightAsCame: number;
  readonly rightLearning: number;
  /** Of typed arrays; they do not grow. */
  readonly stateBytes: number;
  readonly updateUsMax: number;
}

/** What a bridge says of what it saw, on `learn.<mac>`. */
export interface OutcomeReport {
  readonly mac: Mac;
  readonly incarnation: number;
  /** Of this incarnation, from 1. */
  readonly sequence: number;
  readonly scheduling: SchedulingKind;
  readonly windowUs: number;
  readonly rows: readonly OutcomeRow[];
  readonly learner: LearnerState;
}

/** What a model reads of a set is bounded as well; a lane with more tasks is not observed. */
export const OUTCOME_TASKS_MAX = TASKS_MAX;

/** Equal for sets that look the same to every model. */
export const keyOfSet = (tasks: readonly OutcomeTask[]): string =>
  tasks.map(({ wcetUs, periodUs, deadlineUs }) => `${wcetUs}/${periodUs}/${deadlineUs}`).join(' ');

/** Priorities fall in the order given. */
export const realtimeTasksOf = (tasks: readonly OutcomeTask[]): RealtimeTask[] =>
  tasks.map(({ wcetUs, periodUs, deadlineUs }, at) => ({ wcetUs, periodUs, deadlineUs, priority: tasks.length - at }));

/**
 * An ECU that declares nothing is `other`, also to those who take it for one with fixed priorities where that is the careful side
 * (`platform-of.ts`): what was never said is nothing to learn from.
 */
export function schedulingKindOf(ecu: { readonly cores: number; readonly scheduling?: EcuScheduling }): SchedulingKind {
  const platform = platformOf(ecu);
  if (ecu.scheduling === undefined || platform === undefined) return 'other';
  const { scheduler, preemptive } = platform;
  if (scheduler === 'rr' || preemptive) return scheduler;
  return scheduler === 'fp' ? 'npfp' : 'npedf';
}

/** Of a set, in cores; and how many periods a deadline may be long. */
const LOAD_MAX = 2;
const PERIODS_MAX = 16;

/**
 * Whether there is something to learn from a set: a task that alone needs more than its deadline or its period is late whatever else runs, and so
 * is a set of twice a core. Their features would be numbers of any size, and one such row, forged or not, would ruin a network.
 */
export function isTeachable(tasks: readonly OutcomeTask[]): boolean {
  let load = 0;
  for (const { wcetUs, periodUs, deadlineUs } of tasks) {
    if (wcetUs > periodUs || wcetUs > deadlineUs || deadlineUs > PERIODS_MAX * periodUs) return false;
    load += wcetUs / periodUs;
  }
  return tasks.length > 0 && load <= LOAD_MAX;
}

const STEPS_PER_DOUBLING = 4;

/** Rounded up to the next of four steps a doubling, so that the same task in the next window is most often the same number. */
export function measuredWcetUs(longestUs: number): number {
  const step = Math.ceil(STEPS_PER_DOUBLING * Math.log2(Math.max(1, longestUs)) - 1e-9);
  return Math.max(1, Math.ceil(2 ** (step / STEPS_PER_DOUBLING) - 1e-9));
}

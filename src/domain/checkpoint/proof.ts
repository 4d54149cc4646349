/**
 * Proofs: a checkpoint is *proven* when a program started from it in a sandbox gave, for inputs recorded after it, byte for byte
 * the outputs that the stream has accepted. What is decided about that, without doing any of it: who tries whom next, and what a
 * trial has shown.
 *
 * P1. `proven` is only said of a checkpoint after which at least one accepted output was given again, and none differently.
 * P2. `refuted` is only said where nothing but the image (or a task that is not deterministic) can be the reason: an output differs,
 *     one is missing although every input was there, or a job fails whose outputs the stream has.
 * P3. Everything else is `inconclusive`, with the reason.
 */
import { hash32 } from '../kernel/rng.ts';
import { type CheckpointOrder, laterCheckpoint } from '../model/checkpoint.ts';
import type { TaskName } from '../model/ids.ts';

export type Verdict = 'proven' | 'inconclusive' | 'refuted';

/** One checkpoint, tried once. */
export interface Trial extends CheckpointOrder {
  readonly verdict: Verdict;
  /** Jobs whose outputs were compared, and those outputs. */
  readonly jobs: number;
  readonly outputs: number;
  /** Why it is not proven. */
  readonly why: string | undefined;
  /** The manager that tried. */
  readonly by: string;
  /** Its wall clock: when it was tried, and when the checkpoint was first stored (when tried, where that was not known). */
  readonly triedAtUs: number;
  readonly storedAtUs: number;
}

/** What the trials of a task have shown so far. */
export interface Proof {
  readonly task: TaskName;
  readonly last: Trial;
  /** The newest checkpoint that was proven. */
  readonly proven: Trial | undefined;
  /** The newest that were refuted: restores prefer any other. */
  readonly refuted: readonly CheckpointOrder[];
}

/** As many as a manager remembers of a task (`actors/fleet-knowledge.ts`). */
const REFUTED_MAX = 8;

/** `isLasting`: a refutation that lies in the checkpoint itself, not in one store's copy of it. */
export function afterTrial(task: TaskName, before: Proof | undefined, trial: Trial, isLasting: boolean): Proof {
  const known = before?.refuted ?? [];
  const others = known.filter((order) => !isSame(trial)(order));
  const { epoch, sequence } = trial;
  const refuted =
    trial.verdict === 'refuted' && isLasting
      ? [{ epoch, sequence }, ...others].sort((a, b) => (laterCheckpoint(a, b) ? -1 : 1)).slice(0, REFUTED_MAX)
      : trial.verdict === 'proven'
        ? others
        : known;
  const proven = before?.proven;
  const isNewer = proven === undefined || !laterCheckpoint(proven, trial);
  return { task, last: trial, proven: trial.verdict === 'proven' && isNewer ? trial : proven, refuted };
}

const isSame =
  (one: CheckpointOrder) =>
  (other: CheckpointOrder): boolean =>
    one.epoch === other.epoch && one.sequence === other.sequence;

// ——— who tries whom ———

/** Which of these managers tries the task, by rendezvous hashing as in `placement/standby.ts`: nobody has to agree. */
export function proverOf(task: TaskName, managers: readonly string[]): string | undefined {
  let chosen: string | undefined;
  let highest = -1;
  for (const manager of managers) {
    const draw = hash32(`${task} ${manager}`);
    if (draw < highest || (draw === highest && chosen !== undefined && manager > chosen)) continue;
    chosen = manager;
    highest = draw;
  }
  return chosen;
}

export interface ProvableTask {
  readonly task: TaskName;
  /** The newest checkpoint that can be rebuilt here. */
  readonly newest: CheckpointOrder;
  readonly proof: Proof | undefined;
  /** Who keeps its checkpoints, where not all managers do. */
  readonly keepers?: readonly string[] | undefined;
}

/**
 * The task whose last trial is longest ago, of those that are this manager's to try. One whose newest checkpoint has been judged
 * already would only be told the same again.
 */
export function nextToProve<Task extends ProvableTask>(
  tasks: readonly Task[],
  { self, living }: { readonly self: string; readonly living: readonly string[] },
): Task | undefined {
  let next: Task | undefined;
  for (const task of tasks) {
    if (isJudged(task) || proverOf(task.task, task.keepers ?? living) !== self) continue;
    if (next === undefined || isDueBefore(task, next)) next = task;
  }
  return next;
}

const isJudged = ({ proof, newest }: ProvableTask): boolean =>
  proof !== undefined &&
  ((proof.last.verdict === 'proven' && !laterCheckpoint(newest, proof.last)) || proof.refuted.some(isSame(newest)));

function isDueBefore(a: ProvableTask, b: ProvableTask): boolean {
  const [aUs, bUs] = [a.proof?.last.triedAtUs ?? -1, b.proof?.last.triedAtUs ?? -1];
  return aUs < bUs || (aUs === bUs && a.task < b.task);
}

// ——— what a trial shows ———

export interface ComparedOutput {
  readonly channel: number;
  readonly payload: Uint8Array;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly jobs: number;
  readonly outputs: number;
  readonly why: string | undefined;
}

/**
 * Compares what a restored program gives, job by job, with what the stream has accepted after the checkpoint's last output. The
 * stream does not say which job an output belongs to, nor does it matter: the order is the same.
 */
export class Comparison {
  private readonly accepted: readonly ComparedOutput[];
  private readonly firstNumber: number;
  private at = 0;
  private jobsRun = 0;
  /** Jobs up to the last one of which an output was compared: those after it have shown nothing. */
  private jobsCompared = 0;

  /** `accepted`: from output `firstNumber` on, without gaps. */
  constructor(accepted: readonly ComparedOutput[], firstNumber: number) {
    this.accepted = accepted;
    this.firstNumber = firstNumber;
  }

  /** A judgement ends the trial; undefined: go on with the next input. */
  jobDone(outputs: readonly ComparedOutput[]): Judgement | undefined {
    this.jobsRun++;
    for (const output of outputs) {
      const accepted = this.accepted[this.at];
      if (accepted === undefined) break; // not accepted yet, or not read
      const difference = differenceOf(output, accepted);
      if (difference !== undefined)
        return this.judged('refuted', `output ${this.firstNumber + this.at} ${difference} (job ${this.jobsRun} after it)`);
      this.at++;
      this.jobsCompared = this.jobsRun;
    }
    return this.at > 0 && this.at === this.accepted.length ? this.judged('proven', undefined) : undefined;
  }

  /** A task may fail by itself, on its owner just as here; but then the stream has no more of it. */
  jobFailed(sentence: string): Judgement {
    const failed = `job ${this.jobsRun + 1} after it failed: ${sentence}`;
    return this.at < this.accepted.length
      ? this.judged('refuted', `${failed}, and the stream has its outputs`)
      : this.judged('inconclusive', failed);
  }

  /** `isAll`: every input was run that was recorded when the last of the outputs had been accepted, and those are all outputs. */
  inputsOver({ isAll }: { readonly isAll: boolean }): Judgement {
    if (isAll && this.at < this.accepted.length)
      return this.judged('refuted', `output ${this.firstNumber + this.at} is in the stream, and all its inputs do not give it`);
    return this.at > 0
      ? this.judged('proven', undefined)
      : this.judged('inconclusive', `none of ${this.jobsRun} jobs after it gives an output`);
  }

  private judged(verdict: Verdict, why: string | undefined): Judgement {
    return { verdict, jobs: this.jobsCompared, outputs: this.at, why };
  }
}

/** Undefined: the same. */
function differenceOf(given: ComparedOutput, accepted: ComparedOutput): string | undefined {
  if (given.channel !== accepted.channel) return `goes to channel ${given.channel}, accepted was channel ${accepted.channel}`;
  if (given.payload.length !== accepted.payload.length)
    return `has ${given.payload.length} bytes, accepted were ${accepted.payload.length}`;
  const at = given.payload.findIndex((byte, index) => byte !== accepted.payload[index]);
  return at < 0 ? undefined : `differs from byte ${at} on`;
}

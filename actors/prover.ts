/**
 * Tries checkpoints before they are needed: in idle time it restores one from this manager's store in a sandbox, replays recorded
 * inputs, and compares what comes out with what the stream has accepted (`src/domain/checkpoint/proof.ts` judges).
 *
 * T1. A trial writes nothing: it has the streams to read (`StreamReader`), and the program in the sandbox has nothing but its inputs.
 *     What is written is the verdict, on the board.
 * T2. It yields. While a restore is under way nothing is tried, and a trial that runs is given up without a verdict. A late event
 *     loop and a pull put it off, for a while.
 * T3. One trial at a time, at most so many a minute, bounded in jobs, outputs, bytes and time. Switched off, it only listens to what
 *     others found.
 * T4. A refuted checkpoint is marked for the whole fleet, not thrown away: every manager has the same bytes, and where nothing else is
 *     left it is better than nothing. Damage of this store's copy is the store's to mend, and is not held against the checkpoint.
 */
import {
  afterTrial,
  Comparison,
  type Judgement,
  nextToProve,
  type Proof,
  type ProvableTask,
  type Trial,
} from '../src/domain/checkpoint/proof.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, laterCheckpoint } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { FleetTask } from '../src/domain/protocol/messages.ts';
import { belowTrimMark } from '../src/domain/task/contiguity.ts';
import type { Artefacts } from '../src/ports/artefacts.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { ProofBoard } from '../src/ports/proof-board.ts';
import type { Sandbox } from '../src/ports/sandbox.ts';
import type { TaskImage, TaskProgram } from '../src/ports/task-runtime.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { PlacementView } from './placement-index.ts';
import { type RecordedRun, type RecordedRunLimits, readRecordedRun } from './recorded-run.ts';

/** What a manager is given to prove with. */
export interface Proving {
  /** Trials a minute; 0: none. */
  readonly perMinute: number;
  readonly board: ProofBoard;
  readonly artefacts: Artefacts;
  readonly openSandbox: () => Promise<Sandbox>;
}

export interface ProverParts extends Proving {
  readonly host: Host;
  /** This manager's short name. */
  readonly manager: string;
  readonly store: CheckpointStore;
  readonly knowledge: FleetKnowledge;
  /** Managers that live, this one among them. */
  readonly living: () => readonly string[];
  /** Who keeps a task's checkpoints, where the fleet is shared out. */
  readonly keepersOf: (placement: PlacementView) => readonly string[] | undefined;
  /** `restoring`: an arbiter has work. `pulling`: a checkpoint is on its way into the store. */
  readonly occupied: () => 'restoring' | 'pulling' | undefined;
}

const MINUTE_US = 60_000_000;
/** When a round was put off, the next look. */
const AGAIN_US = 250_000;
/** A timer that comes this much too late means that the process has better things to do. */
const LATE_US = 20_000;
/** But so often in a row it is tried all the same. Restores are waited for without an end. */
const PUT_OFF_MAX = 8;
/** Older checkpoints that are tried when the newest has nothing after it yet, or is refuted. */
const BACK_MAX = 8;
const LIMITS: RecordedRunLimits = { inputsMax: 200, outputsMax: 400, bytesMax: 16 * 1024 * 1024 };
const TRIAL_US_MAX = 10_000_000;

interface Candidate extends ProvableTask {
  readonly spec: TaskSpec;
}

type Found = Judgement & {
  /** Of a refutation: it is the checkpoint's, not this copy's. */
  readonly isLasting: boolean;
  /** An older checkpoint of the task may tell more. */
  readonly goBack: boolean;
};

interface Told {
  readonly manifest: CheckpointManifest;
  readonly found: Found;
  readonly tookUs: number;
}

/** A restore began, or this manager stops: no verdict. */
class GivenUp extends Error {}

export class Prover {
  private readonly parts: ProverParts;
  private readonly proofs = new Map<TaskName, Proof>();
  private following: Cancel | undefined;
  private waiting: Cancel | undefined;
  private putOff = 0;
  private stopped = false;

  constructor(parts: ProverParts) {
    this.parts = parts;
  }

  async start(): Promise<void> {
    this.following = await this.parts.board.follow((proof) => this.heard(proof));
    if (this.parts.perMinute > 0) this.arm(this.periodUs);
  }

  stop(): void {
    this.stopped = true;
    this.waiting?.();
    this.following?.();
  }

  /** For `status`. */
  shown(task: TaskName): Pick<FleetTask, 'proven' | 'refuted' | 'tried'> {
    const proof = this.proofs.get(task);
    if (proof === undefined) return {};
    const nowUs = this.parts.host.clock.wallUs();
    const { last, proven } = proof;
    const refuted = proof.refuted.find((order) => proven === undefined || laterCheckpoint(order, proven));
    return {
      proven: proven && {
        epoch: proven.epoch,
        sequence: proven.sequence,
        ageUs: Math.max(0, nowUs - proven.storedAtUs),
        jobs: proven.jobs,
        outputs: proven.outputs,
        by: proven.by,
      },
      refuted,
      tried: {
        epoch: last.epoch,
        sequence: last.sequence,
        agoUs: Math.max(0, nowUs - last.triedAtUs),
        verdict: last.verdict,
        why: last.why,
        by: last.by,
      },
    };
  }

  private heard(proof: Proof): void {
    this.proofs.set(proof.task, proof);
    this.parts.knowledge.noteRefuted(proof.task, proof.refuted);
  }

  // ——— rounds (T2, T3) ———

  private get periodUs(): number {
    return Math.round(MINUTE_US / this.parts.perMinute);
  }

  private arm(delayUs: number): void {
    if (this.stopped) return;
    const { clock } = this.parts.host;
    const dueUs = clock.monotonicUs() + delayUs;
    this.waiting = clock.after(delayUs, () => {
      const isLate = clock.monotonicUs() - dueUs > LATE_US;
      void this.round(isLate).then((nextUs) => this.arm(nextUs));
    });
  }

  /** Answers when the next one is due. */
  private async round(isLate: boolean): Promise<number> {
    const { host, occupied } = this.parts;
    if (!host.bus.connected() || occupied() === 'restoring') return Math.min(AGAIN_US, this.periodUs);
    if ((isLate || occupied() === 'pulling') && this.putOff++ < PUT_OFF_MAX) return Math.min(AGAIN_US, this.periodUs);
    this.putOff = 0;
    const candidate = nextToProve(this.candidates(), { self: this.parts.manager, living: this.parts.living() });
    if (candidate === undefined) return this.periodUs;
    try {
      await this.tryTask(candidate);
    } catch (cause) {
      if (this.stopped) return this.periodUs;
      host.counters.add(cause instanceof GivenUp ? 'prover.yielded' : 'prover.failed');
      if (!(cause instanceof GivenUp))
        host.log.warn('a checkpoint could not be tried; it will be', { task: candidate.task, cause });
    }
    return this.periodUs;
  }

  private candidates(): Candidate[] {
    const { knowledge, store } = this.parts;
    const candidates: Candidate[] = [];
    for (const placement of knowledge.placements()) {
      const { context, state } = placement;
      const { task, spec } = context;
      if (spec === undefined || state === 'removed' || state === 'undeclared' || state === 'crashed') continue;
      const newest = store.newest(task);
      if (newest !== undefined)
        candidates.push({ task, spec, newest, proof: this.proofs.get(task), keepers: this.parts.keepersOf(placement) });
    }
    return candidates;
  }

  // ——— one task ———

  /** From its newest checkpoint backwards, as long as one tells nothing because it is too new, or tells bad news. */
  private async tryTask({ task, spec, newest }: Candidate): Promise<void> {
    const { host, store, openSandbox } = this.parts;
    const { clock } = host;
    const untilUs = clock.monotonicUs() + TRIAL_US_MAX;
    const known = this.proofs.get(task)?.refuted ?? [];
    const orders = store.orders(task).filter((order) => !laterCheckpoint(order, newest) && !known.some(isSameOrder(order)));
    const sandbox = await openSandbox();
    /** The newest that tells nothing, or an older one that says why none can tell more: its word counts where no other does. */
    let untold: Told | undefined;
    try {
      for (const { epoch, sequence } of [...orders].reverse().slice(0, BACK_MAX)) {
        const manifest = store.find(task, epoch, sequence);
        if (manifest === undefined) continue; // dropped, or damaged and set aside
        const beganUs = clock.monotonicUs();
        const found = await this.tryCheckpoint(spec, manifest, sandbox, untilUs);
        const told = { manifest, found, tookUs: clock.monotonicUs() - beganUs };
        if (found.verdict !== 'inconclusive') await this.conclude(told);
        else if (!found.goBack || untold === undefined) untold = told;
        if (found.verdict === 'proven') return;
        if (!found.goBack || clock.monotonicUs() > untilUs) break;
      }
      const tells = this.proofs.get(task)?.refuted.some(isSameOrder(newest)) === true;
      if (untold !== undefined && !tells) await this.conclude(untold);
    } finally {
      await sandbox.close();
    }
  }

  private async conclude({ manifest, found, tookUs }: Told): Promise<void> {
    const { host, manager, board, knowledge } = this.parts;
    const { task, epoch, sequence } = manifest;
    const { verdict, jobs, outputs, why, isLasting } = found;
    const triedAtUs = host.clock.wallUs();
    const storedAtUs = knowledge.storedAt(manifest) ?? triedAtUs;
    const trial: Trial = { epoch, sequence, verdict, jobs, outputs, why, by: manager, triedAtUs, storedAtUs };
    const proof = afterTrial(task, this.proofs.get(task), trial, isLasting);
    this.heard(proof);
    host.counters.add(`prover.${verdict}`);
    const facts = { task, epoch, sequence, jobs, outputs, why, tookUs };
    if (verdict === 'refuted')
      host.log.error('a checkpoint is refuted: from it the task does not go on as it did', {
        ...facts,
        code: 'ERR_CHECKPOINT_REFUTED',
      });
    else host.log.info(`a checkpoint is ${verdict}`, facts);
    await board.put(proof);
  }

  private async tryCheckpoint(spec: TaskSpec, manifest: CheckpointManifest, sandbox: Sandbox, untilUs: number): Promise<Found> {
    const { host, store, artefacts, knowledge } = this.parts;
    const { task, epoch, sequence, input, outputNumber } = manifest;
    const runtime = sandbox.runtimes.get(spec.runtime);
    if (runtime === undefined) return untried(`this manager has no runtime ${spec.runtime}`);
    if (manifest.artefact !== spec.artefact) return untried('it is a state of another program than the task now has');
    const trimmed = belowTrimMark(input, knowledge.placement(task)?.context.trim);
    if (trimmed !== undefined) return untried(`its inputs are trimmed: ${trimmed}`);
    // First, because old checkpoints are dropped while its inputs are read.
    const image = await this.imageOf(store, { task, epoch, sequence });
    if ('verdict' in image) return image;
    this.yieldToRestores();
    const recorded = await readRecordedRun(host.bus, host.names, { task, input, outputNumber }, LIMITS);
    if ('why' in recorded) return untried(recorded.why, recorded.olderMayHave);
    this.yieldToRestores();
    const artefact = await artefacts.get(spec.artefact);
    let program: TaskProgram;
    try {
      program = await runtime.start({ spec, artefact, image, onEnded: () => {} });
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      const why = `the program does not start from it: ${cause.message} (${cause.code})`;
      return cause.code === 'ERR_STORE_CORRUPT' ? refuted(why, true) : untried(why);
    }
    try {
      return lasting(await this.replay(program, recorded, outputNumber + 1, untilUs));
    } finally {
      await program.stop();
    }
  }

  private async imageOf(
    store: CheckpointStore,
    { task, epoch, sequence }: CheckpointOrder & { readonly task: TaskName },
  ): Promise<TaskImage | Found> {
    try {
      const { memory, globals } = await store.rebuild(task, epoch, sequence);
      return { memory, globals };
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      if (cause.code === 'ERR_STORE_CORRUPT')
        return refuted(`this manager's copy is damaged, and is being mended: ${cause.message}`, false);
      if (cause.code === 'ERR_STORE_MISSING') return untried(`it is not whole here any more: ${cause.message}`, true);
      throw cause;
    }
  }

  private async replay(
    program: TaskProgram,
    { inputs, outputs, isAll }: RecordedRun,
    firstNumber: number,
    untilUs: number,
  ): Promise<Judgement> {
    const comparison = new Comparison(outputs, firstNumber);
    for (const input of inputs) {
      if (this.parts.host.clock.monotonicUs() > untilUs) return comparison.inputsOver({ isAll: false });
      this.yieldToRestores();
      const result = await program.runJob(input);
      if (result.kind === 'failed') {
        const { code, sentence } = result.failure;
        // Ended from outside, for being slow on this machine: that says nothing of the state.
        if (code === 'ERR_JOB_HANG') return comparison.inputsOver({ isAll: false });
        return comparison.jobFailed(`${sentence} (${code})`);
      }
      const judged = comparison.jobDone(result.outputs);
      if (judged !== undefined) return judged;
    }
    return comparison.inputsOver({ isAll });
  }

  private yieldToRestores(): void {
    if (this.stopped || this.parts.occupied() === 'restoring') throw new GivenUp();
  }
}

const untried = (why: string, goBack = false): Found => ({
  verdict: 'inconclusive',
  jobs: 0,
  outputs: 0,
  why,
  isLasting: false,
  goBack,
});

/** What is wrong may be wrong in older ones too: where the last good one is, is worth knowing at once. */
const refuted = (why: string, isLasting: boolean): Found => ({
  verdict: 'refuted',
  jobs: 0,
  outputs: 0,
  why,
  isLasting,
  goBack: isLasting,
});

const lasting = (judgement: Judgement): Found => ({
  ...judgement,
  isLasting: judgement.verdict === 'refuted',
  goBack: judgement.verdict === 'refuted',
});

const isSameOrder =
  (one: CheckpointOrder) =>
  (other: CheckpointOrder): boolean =>
    one.epoch === other.epoch && one.sequence === other.sequence;

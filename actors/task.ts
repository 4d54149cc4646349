/**
 * What the Task chart's effects mean on an ECU: start an instance from a checkpoint, report how it went.
 * One `Instance` per task runs here at most; an older one is stopped before a newer one starts.
 */

import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { CheckpointNeeds } from '../src/domain/model/compatibility.ts';
import type { EcuDescription } from '../src/domain/model/ecu.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { RuntimeKind } from '../src/domain/model/task.ts';
import { errorCodeOf, sentenceOf } from '../src/domain/placement/evidence.ts';
import { needsRefusal } from '../src/domain/placement/feasible.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../src/domain/protocol/codec-manager.ts';
import { decodeRecord } from '../src/domain/protocol/codec-record.ts';
import { actorSubject, managerSubject } from '../src/domain/protocol/subjects.ts';
import { belowTrimMark } from '../src/domain/task/contiguity.ts';
import type { Artefacts } from '../src/ports/artefacts.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { TaskRuntime } from '../src/ports/task-runtime.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import type { TaskEffect } from '../statecharts/task.machine.ts';
import { CheckpointSource } from './checkpoint-source.ts';
import { envelope, type Host, pause, planted } from './host.ts';
import { Instance } from './instance.ts';
import type { JobRecorder } from './job-recorder.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { ProgramStarts } from './program-starts.ts';
import { RestoreImage } from './restore-image.ts';
import type { StandbyCopies } from './standby.ts';
import type { StandbyChoice } from './standby-choice.ts';
import { StartTurns, type Turn } from './start-turns.ts';

export interface TaskEffectsParts {
  readonly host: Host;
  readonly mac: string;
  readonly description: EcuDescription;
  readonly runtimes: ReadonlyMap<RuntimeKind, TaskRuntime>;
  readonly artefacts: Artefacts;
  readonly hasher: Hasher;
  readonly localStore: CheckpointStore | undefined;
  readonly coLocatedManagers: ReadonlySet<string>;
  /** undefined: jobs are not recorded. */
  readonly jobs?: JobRecorder | undefined;
  /** Copies kept here for others, and who keeps copies for us. */
  readonly standby: StandbyCopies;
  readonly standbyChoice: StandbyChoice;
  readonly receive?: ReceivePolicy | undefined;
  /** An instance that had started came to its end by itself. */
  readonly onInstanceEnded: (task: TaskName, epoch: number, code: ErrorCode, sentence: string) => void;
  readonly onCaughtUp: (task: TaskName, epoch: number) => void;
}

export interface RunningTask {
  readonly instance: Instance;
  readonly source: CheckpointSource;
}

const REPORT_TIMEOUT_US = 1_000_000;
const REPORT_RETRY_US = 200_000;
const DIED_REPORT_US = 300_000;

type StartInstance = Extract<TaskEffect, { kind: 'startInstance' }>;
type ReportInstance = Extract<TaskEffect, { kind: 'reportInstance' }>;

export class TaskEffects {
  private readonly parts: TaskEffectsParts;
  readonly starts: ProgramStarts;
  private readonly turns: StartTurns;
  private readonly running = new Map<TaskName, RunningTask>();
  /** Instances whose marker stands. */
  private readonly standing = new WeakSet<Instance>();
  /** Epochs up to this one start no more: they were stopped, or a later one has come. */
  private readonly barred = new Map<TaskName, number>();

  constructor(parts: TaskEffectsParts) {
    this.parts = parts;
    const restoreImage = new RestoreImage({ ...parts, admits: (needs) => this.admits(needs) });
    this.starts = new ProgramStarts({ ...parts, restoreImage });
    this.turns = new StartTurns(parts.host.clock);
  }

  private admits(needs: CheckpointNeeds | undefined): void {
    const lacking = needsRefusal(needs, this.parts.description);
    if (lacking !== undefined) throw new DroverError(errorCodeOf(lacking), sentenceOf(lacking));
  }

  get(task: TaskName): RunningTask | undefined {
    return this.running.get(task);
  }

  all(): IterableIterator<RunningTask> {
    return this.running.values();
  }

  readonly perform = async (open: OpenEffect): Promise<EffectOutcome> => {
    const effect = open.effect as TaskEffect;
    switch (effect.kind) {
      case 'startInstance': {
        const event = await this.startInstance(effect);
        if (event.code === undefined || open.wanted() || planted(this.parts.host, 'end-unanswered'))
          return { kind: 'event', event };
        // It was taken for started meanwhile (it had caught up once): nobody waits for this answer, and it has to be told all the same.
        this.parts.onInstanceEnded(effect.task, effect.epoch, event.code, event.sentence ?? '');
        return { kind: 'done' };
      }
      case 'reportInstance':
        return this.report(effect, open);
    }
  };

  /** Also what is still on its way to a start. */
  async stop(task: TaskName, epoch: number): Promise<void> {
    this.bar(task, epoch);
    await this.stopRunning(task, epoch);
  }

  private bar(task: TaskName, epoch: number): void {
    this.barred.set(task, Math.max(epoch, this.barred.get(task) ?? 0));
  }

  private async stopRunning(task: TaskName, epoch: number): Promise<void> {
    const running = this.running.get(task);
    if (running === undefined || running.instance.epoch > epoch) return;
    this.running.delete(task);
    await running.instance.stop();
  }

  async stopAll(): Promise<void> {
    this.starts.dropAll();
    await Promise.all([...this.running.keys()].map((task) => this.stop(task, Number.POSITIVE_INFINITY)));
  }

  private async startInstance(
    effect: StartInstance,
  ): Promise<{ type: string; epoch: number; code?: ErrorCode; sentence?: string }> {
    const { task, epoch, nonce } = effect;
    const here = this.running.get(task)?.instance;
    // Started before, and it could not be written down: it goes on.
    if (here?.epoch === epoch && here.nonce === nonce && this.standing.has(here) && !planted(this.parts.host, 'start-again'))
      return { type: 'INSTANCE.STARTED', epoch };
    this.bar(task, epoch - 1);
    await this.stopRunning(task, epoch);
    const turn = await this.turns.next(effect.spec);
    try {
      const ended = await this.start(effect, turn);
      if (ended === undefined) return { type: 'INSTANCE.STARTED', epoch };
      turn.end();
      return { type: 'INSTANCE.ENDED', epoch, code: ended.code, sentence: ended.sentence };
    } catch (cause) {
      turn.end();
      const code = cause instanceof DroverError ? cause.code : 'ERR_MODULE_INVALID';
      const sentence = cause instanceof Error ? cause.message : String(cause);
      this.parts.host.log.warn('an instance could not be started', { task, epoch, code, cause });
      return { type: 'INSTANCE.ENDED', epoch, code, sentence };
    }
  }

  /** Resolves when the marker stands (undefined), or with why the instance ended before. */
  private async start(effect: StartInstance, turn: Turn): Promise<{ code: ErrorCode; sentence: string } | undefined> {
    const { host, mac, hasher, localStore, coLocatedManagers, standbyChoice } = this.parts;
    const { task, epoch, nonce, programId, spec, checkpoint, trimmed, source: standsAt, core } = effect;
    const below = belowTrimMark(checkpoint?.input, trimmed);
    if (below !== undefined) return { code: 'ERR_INPUT_TRIMMED', sentence: below };
    standbyChoice.need(spec);
    const { program, restored, feed, hear } = await this.starts.begin(spec, checkpoint, { standsAt, core });
    let instance: Instance | undefined;
    hear((code, sentence) => instance?.programEnded(code, sentence));
    // The image took its time: a later deploy may be further, and must not be replaced by this one.
    if (epoch <= (this.barred.get(task) ?? 0) && !planted(host, 'start-overtaken')) {
      await program.stop();
      return { code: 'ERR_COMMAND_EPOCH', sentence: 'it was stopped, or replaced by a later epoch, before it had started' };
    }
    const source = new CheckpointSource({
      host,
      spec,
      mac,
      epoch,
      nonce,
      programId,
      program,
      hasher,
      localStore,
      coLocatedManagers,
      standbys: () => standbyChoice.of(spec),
      receive: this.parts.receive,
    });
    return new Promise((resolve) => {
      let started = false;
      instance = new Instance({
        host,
        spec,
        epoch,
        nonce,
        program,
        source,
        jobs: this.parts.jobs,
        restored,
        feed,
        readPlacementEpoch: () => this.readPlacementEpoch(task),
        onStarted: () => {
          started = true;
          if (instance !== undefined) this.standing.add(instance);
          resolve(undefined);
        },
        onCaughtUp: () => {
          turn.end();
          this.parts.onCaughtUp(task, epoch);
        },
        onEnded: (code, sentence) => {
          turn.end();
          if (this.running.get(task)?.instance === instance) this.running.delete(task);
          if (started) this.parts.onInstanceEnded(task, epoch, code, sentence);
          else resolve({ code, sentence });
        },
      });
      this.running.set(task, { instance, source });
      instance.start();
    });
  }

  private async readPlacementEpoch(task: TaskName): Promise<number | undefined> {
    if (planted(this.parts.host, 'never-ask-placement')) return 0;
    try {
      const last = await this.parts.host.bus.readLast(actorSubject(this.parts.host.names, `placement/${task}`));
      if (last === undefined) return 0;
      const record = decodeRecord(last.payload);
      if (!record.ok) return undefined;
      return (JSON.parse(record.value.snapshot) as { context: PlacementContext }).context.epoch;
    } catch {
      return undefined;
    }
  }

  private async report(effect: ReportInstance, open: OpenEffect): Promise<EffectOutcome> {
    const { host, mac } = this.parts;
    const { task, epoch, incarnation, nonce, what, code, sentence } = effect;
    if (code === 'ERR_COMMAND_DIED') {
      // The managers see the new incarnation by themselves and restore here, where the data is; this word is for when they did not.
      await pause(host.clock, DIED_REPORT_US);
      if (!open.wanted()) return { kind: 'done' };
    }
    const call = { kind: 'instance-report', task, epoch, mac, incarnation, nonce, what, code, sentence } as const;
    try {
      const bytes = encodeManagerCall(envelope(host, call));
      const answer = decodeManagerAnswer(await host.bus.request(managerSubject.call, bytes, { timeoutUs: REPORT_TIMEOUT_US }));
      if (answer.ok && answer.value.body.kind === 'accepted') return { kind: 'done' };
    } catch (cause) {
      host.log.debug('no manager took a report yet', { task, epoch, cause });
    }
    return { kind: 'again', afterUs: REPORT_RETRY_US };
  }
}

/**
 * The bridge: an ECU on the bus. Announces itself, beats, admits and answers commands, runs tasks, serves their pages.
 *
 * B1. Commands are idempotent by (task, epoch): a repeated one gets the remembered answer, one of a lower epoch is refused,
 *     one of another incarnation is told that what it knew has died.
 * B2. A command about a task of an actor below the highest revision of that actor handled here for that task is refused: it
 *     was overtaken. (An arbiter deploys many tasks at once; what it says of one overtakes nothing it says of another.)
 * B3. Final admission: the exact test, memory and capabilities over all that is accepted here, and what the checkpoint needs,
 *     before one more is accepted; and beside what is reserved here, in its time.
 */
import { DroverError, type ErrorCode } from '../src/domain/kernel/error-codes.ts';
import { err, ok, type Result } from '../src/domain/kernel/result.ts';
import type { CheckpointNeeds } from '../src/domain/model/compatibility.ts';
import type { AcceptedTask, EcuDescription, EcuLoad, SleepState } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { RuntimeKind, TaskSpec } from '../src/domain/model/task.ts';
import { acceptedTaskOf, admits, admittingEcuOf } from '../src/domain/placement/admit.ts';
import { boundCoreOf, errorCodeOf, sentenceOf } from '../src/domain/placement/evidence.ts';
import { needsRefusal } from '../src/domain/placement/feasible.ts';
import { decodeCheckpointNotice } from '../src/domain/protocol/codec-checkpoint.ts';
import { decodeAnswer, decodeCommand, encodeAnswer, encodeCommand } from '../src/domain/protocol/codec-command.ts';
import { encodeGoodbye } from '../src/domain/protocol/codec-ecu.ts';
import { encodeHeartbeat } from '../src/domain/protocol/codec-heartbeat.ts';
import type { Answer, Command, CommandHeader } from '../src/domain/protocol/messages.ts';
import { checkpointSubject, ecuSubject, streams } from '../src/domain/protocol/subjects.ts';
import { keptOn } from '../src/domain/reservation/book.ts';
import type { Artefacts } from '../src/ports/artefacts.ts';
import type { BookingBook } from '../src/ports/booking-book.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { Inventory, InventoryEntry } from '../src/ports/inventory.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { RecordStore } from '../src/ports/record-store.ts';
import type { TaskRuntime } from '../src/ports/task-runtime.ts';
import { bridgeMachine } from '../statecharts/bridge.machine.ts';
import { type TaskContext, taskMachine } from '../statecharts/task.machine.ts';
import { BridgePages } from './bridge-pages.ts';
import { awakeBesideManager, BridgeSleep } from './bridge-sleep.ts';
import { type Chart, stateName } from './chart.ts';
import { ExpectedTasks } from './expected-tasks.ts';
import { envelope, type Host, pause, planted } from './host.ts';
import { JobRecorder } from './job-recorder.ts';
import { saveLastCheckpoints } from './last-checkpoints.ts';
import { claimMac, readEntry } from './mac-claim.ts';
import { OvertakenCommands } from './overtaken-commands.ts';
import { type ActorView, Shell } from './shell.ts';
import { StandbyCopies } from './standby.ts';
import { StandbyChoice } from './standby-choice.ts';
import { TaskEffects } from './task.ts';

export const bridgeChart: Chart = { kind: 'bridge', version: 1, machine: bridgeMachine };
const taskChart: Chart = { kind: 'task', version: 1, machine: taskMachine };

export interface BridgeParts {
  readonly host: Host;
  readonly description: EcuDescription;
  readonly runtimes: ReadonlyMap<RuntimeKind, TaskRuntime>;
  readonly artefacts: Artefacts;
  readonly inventory: Inventory;
  readonly records: RecordStore;
  readonly hasher: Hasher;
  readonly localStore: CheckpointStore | undefined;
  readonly coLocatedManagers: ReadonlySet<string>;
  /** How the fleet receives checkpoints; absent: it is notified. */
  readonly receive?: ReceivePolicy;
  /** The fleet's reservations; absent: none is known here. */
  readonly bookings?: BookingBook;
  /** Whether the start and stop of every job are published (`job-recorder.ts`). */
  readonly recordJobs?: boolean;
}

const RECORD_RETRY_US = 200_000;
const MAC_PROBE_TIMEOUT_US = 300_000;
/** Copies of other ECUs' tasks take at most so much, and no more than this part of the ECU's memory. */
const STANDBY_BYTES_MAX = 256 * 1024 ** 2;
const STANDBY_MEMORY_SHARE = 4;
const ACCEPTED_STATES = new Set(['deploying', 'running', 'paused']);

export class Bridge {
  private readonly parts: BridgeParts;
  private readonly host: Host;
  private readonly mac: Mac;
  private readonly shell: Shell;
  private readonly tasks: TaskEffects;
  private readonly jobs: JobRecorder | undefined;
  private readonly standby: StandbyCopies;
  private readonly standbyChoice: StandbyChoice;
  private readonly expected: ExpectedTasks;
  private readonly sleep: BridgeSleep;
  private readonly pages: BridgePages;
  private readonly cancels: Cancel[] = [];
  private beating: Cancel | undefined;
  /** Commands that wait for a task's record to come to rest, by task. */
  private readonly waiters = new Map<TaskName, ((context: TaskContext, state: string) => void)[]>();
  private readonly admitting = new Map<TaskName, AcceptedTask>();
  /** B2. */
  private readonly overtakenCommands: OvertakenCommands;
  private nextProgramId = 1;
  private leaving = false;
  /** It takes no newcomers, for a manager has said so. */
  private drained = false;
  /** Its description stands in the inventory (`mac-claim.ts`). */
  private claimed = false;
  private readonly nonce: string;
  private heartbeatSequence = 0;
  private readonly startedUs: number;

  constructor(parts: BridgeParts) {
    this.parts = { ...parts, description: awakeBesideManager(parts) };
    this.host = parts.host;
    this.mac = parts.description.mac;
    this.startedUs = this.host.clock.monotonicUs();
    this.nonce = newNonce(this.host);
    const { host, mac } = this;
    this.overtakenCommands = new OvertakenCommands(host);
    this.jobs = parts.recordJobs === true ? new JobRecorder({ host, mac }) : undefined;
    this.standby = new StandbyCopies({
      host,
      mac,
      hasher: parts.hasher,
      bytesMax: Math.min(STANDBY_BYTES_MAX, parts.description.memoryBytes / STANDBY_MEMORY_SHARE),
      runsHere: (task) => this.tasks.get(task) !== undefined,
    });
    this.standbyChoice = new StandbyChoice({ clock: host.clock, mac, inventory: parts.inventory });
    this.tasks = new TaskEffects({
      ...parts,
      mac,
      jobs: this.jobs,
      standby: this.standby,
      standbyChoice: this.standbyChoice,
      onInstanceEnded: (task, epoch, code, sentence) => void this.instanceEnded(task, epoch, code, sentence),
      onCaughtUp: (task, epoch) => void this.caughtUp(task, epoch),
    });
    this.pages = new BridgePages({ host, tasks: this.tasks, standbyChoice: this.standbyChoice });
    this.expected = new ExpectedTasks({ host, standby: this.standby, starts: this.tasks.starts });
    this.sleep = new BridgeSleep({
      clock: host.clock,
      heldBy: () => this.keptAwakeBy(),
      onAsleep: () => this.standby.stop(),
      onAwake: () => this.standby.start(),
    });
    this.shell = new Shell({
      ...this.host,
      host: this.host.id,
      charts: [bridgeChart, taskChart],
      store: parts.records,
      perform: this.tasks.perform,
      onRecord: (view) => this.recordChanged(view),
    });
  }

  /** Fails with ERR_MAC_TAKEN when another live bridge answers to this MAC. */
  async start(): Promise<void> {
    // Read before anybody is asked: whoever claims after this is found by the claim, whoever claimed before it answers.
    const seen = await readEntry(this.parts.inventory, this.mac, this.host.clock);
    await this.refuseTakenMac();
    await this.shell.start();
    const { incarnation } = this.host;
    await this.shell.deliver(`bridge/${this.mac}`, { type: 'BRIDGE.STARTED', id: `started:${incarnation}`, incarnation });
    await this.buryEarlierInstances();
    await this.serve();
    if (!(await this.claim(seen))) {
      for (const cancel of this.cancels.splice(0)) cancel();
      this.shell.stop();
      throw new DroverError(
        'ERR_MAC_TAKEN',
        `another bridge has just started with MAC ${this.mac}: give this ECU another one with --mac`,
      );
    }
    this.claimed = true;
    this.beat();
    this.cancels.push(this.host.bus.onConnection((connected) => void this.connectionChanged(connected)));
  }

  /** A clean leave: no new tasks, a last checkpoint of each (`last-checkpoints.ts`), no more commands, a goodbye. */
  async stop(reason: string): Promise<void> {
    this.leaving = true;
    await saveLastCheckpoints(this.host, [...this.tasks.all()], this.parts.coLocatedManagers);
    this.beating?.();
    this.sleep.stop();
    for (const cancel of this.cancels.splice(0)) cancel();
    this.standby.stop();
    const { host, mac } = this;
    const goodbye = { kind: 'goodbye', mac, incarnation: host.incarnation, reason } as const;
    await this.tasks.stopAll();
    this.jobs?.stop();
    host.bus.publish(ecuSubject.goodbye(mac), encodeGoodbye(envelope(host, goodbye)));
    await this.shell.deliver(`bridge/${mac}`, { type: 'BRIDGE.LEFT', id: `left:${host.incarnation}`, reason });
    this.shell.stop();
  }

  load(): EcuLoad {
    const asleep = this.isAsleep() && !this.leaving && !this.drained ? { asleep: true } : {};
    return { mac: this.mac, incarnation: this.host.incarnation, draining: this.draining, ...asleep, tasks: this.accepted() };
  }

  private get draining(): boolean {
    return this.leaving || this.drained || this.isAsleep();
  }

  running(): TaskEffects {
    return this.tasks;
  }

  standbyCopies(): StandbyCopies {
    return this.standby;
  }

  asleep(): SleepState | undefined {
    return this.sleep.asleep;
  }

  // ——— arriving ———

  private async refuseTakenMac(): Promise<void> {
    const query = encodeCommand(envelope(this.host, { kind: 'query-load' } as const));
    let answer: ReturnType<typeof decodeAnswer>;
    try {
      answer = decodeAnswer(
        await this.host.bus.request(ecuSubject.command(this.mac), query, { timeoutUs: MAC_PROBE_TIMEOUT_US }),
      );
    } catch {
      return; // nobody answers to this MAC
    }
    const who = answer.ok ? `${answer.value.sender}` : 'another bridge';
    throw new DroverError('ERR_MAC_TAKEN', `${who} already answers to MAC ${this.mac}: give this ECU another one with --mac`);
  }

  /** T2 of the Task chart: what an earlier incarnation ran is dead. */
  private async buryEarlierInstances(): Promise<void> {
    const { incarnation } = this.host;
    const tasks = [...this.shell.views()].filter(({ actor }) => actor.startsWith('task/'));
    for (const { snapshot } of tasks) {
      this.nextProgramId = Math.max(this.nextProgramId, 1 + ((snapshot.context as TaskContext).programId ?? 0));
    }
    await Promise.all(
      tasks.map(({ actor }) =>
        this.shell.deliver(actor, { type: 'BRIDGE.STARTED', id: `started:${incarnation}`, incarnation }),
      ),
    );
  }

  private async serve(): Promise<void> {
    const { host, mac } = this;
    this.standby.start();
    const service = 'drover-bridge';
    this.cancels.push(
      await host.bus.serve({ service, subject: ecuSubject.command(mac) }, (message) => this.command(message)),
      await host.bus.serve({ service, subject: ecuSubject.pages(mac) }, ({ payload }) => this.pages.serve(payload)),
      // From the stream, not as core messages: a word missed while disconnected would leave its pages held.
      await host.bus.consume(
        streams.checkpoints,
        { filter: checkpointSubject.allStoredOf(mac), from: 'last-per-subject' },
        (message) => this.checkpointStored(message),
      ),
      () => this.standbyChoice.stop(),
    );
    const local = await host.localPath?.serve(ecuSubject.pages(mac), (payload) => this.pages.serve(payload));
    if (local !== undefined) this.cancels.push(local);
    // Read at every capture, and at every admission; a change needs nothing else.
    const { receive, bookings } = this.parts;
    const followed = await Promise.all([receive?.follow(() => {}), bookings?.follow(() => {})]);
    for (const cancel of followed) if (cancel !== undefined) this.cancels.push(cancel);
  }

  private claim(seen: InventoryEntry): Promise<boolean> {
    const { inventory, description, host } = this.parts;
    return claimMac(inventory, description, { seen, nonce: this.nonce, clock: host.clock });
  }

  /** After the connection was lost: the bucket may have lost its entry, and somebody else may have taken the MAC. */
  private async announceAgain(): Promise<void> {
    const { inventory, description } = this.parts;
    const seen = await inventory.read(this.mac);
    const free = seen.description === undefined || seen.description.incarnation < description.incarnation;
    if (seen.nonce === this.nonce || (free && (await this.claim(seen)))) return;
    this.host.counters.add('bridge.macTaken');
    this.host.log.error('another bridge has taken this MAC meanwhile; the inventory names that one', { mac: this.mac });
  }

  private beat(): void {
    const { host, mac } = this;
    const uptimeUs = host.clock.monotonicUs() - this.startedUs;
    const heartbeat = {
      kind: 'heartbeat',
      mac,
      incarnation: host.incarnation,
      sequence: ++this.heartbeatSequence,
      uptimeUs,
    } as const;
    if (this.sleep.asleep === undefined)
      host.bus.publish(ecuSubject.heartbeat(mac), encodeHeartbeat(envelope(host, heartbeat)));
    this.beating = host.clock.after(this.parts.description.heartbeatIntervalUs, () => this.beat());
  }

  private async connectionChanged(connected: boolean): Promise<void> {
    const type = connected ? 'CONNECTION.RESTORED' : 'CONNECTION.LOST';
    try {
      await this.shell.deliver(`bridge/${this.mac}`, { type, id: `${type}:${this.host.clock.monotonicUs()}` });
    } catch (cause) {
      this.host.log.warn('the local record could not be written', { event: type, cause });
    }
    if (!connected) return;
    for (const { instance, source } of this.tasks.all()) {
      source.announceAgain();
      instance.reconnected();
    }
    await this.announceAgain().catch((cause: unknown) => this.host.log.warn('the inventory could not be told', { cause }));
  }

  // ——— commands ———

  private async command(message: BusMessage): Promise<Uint8Array> {
    const decoded = decodeCommand(message.payload);
    if (!decoded.ok) {
      this.host.counters.add(`wire.${decoded.error.kind}`);
      // There is no task and epoch to refuse: it fails as a request, not as a command.
      throw new DroverError(decoded.error.code, decoded.error.sentence);
    }
    const { body, trace } = decoded.value;
    return this.answer(await this.obey(body), trace);
  }

  private answer(answer: Answer, trace = ''): Uint8Array {
    if (answer.kind === 'refused') this.host.counters.add(`command.refused.${answer.code}`);
    return encodeAnswer(envelope(this.host, answer, trace));
  }

  private async obey(command: Command): Promise<Answer> {
    if (!this.claimed && command.kind !== 'query-load' && command.kind !== 'drain')
      throw new DroverError('ERR_BUS_DISCONNECTED', 'this bridge has not claimed its MAC yet', { retryable: true });
    if (command.kind === 'power') return this.sleep.obey(command.sleep);
    if (command.kind === 'drain') this.drained = !command.undo;
    if (command.kind === 'query-load' || command.kind === 'drain')
      return { kind: 'load', load: { ...this.load(), counters: this.host.counters.read() } };
    const { task, epoch } = command;
    const overtaken = this.overtaken(command);
    if (overtaken !== undefined) return overtaken;
    const before = this.taskContext(task);
    if (epoch < (before?.context.epoch ?? 0)) {
      return refuse(command, 'ERR_COMMAND_EPOCH', `epoch ${before?.context.epoch} was accepted here`);
    }
    switch (command.kind) {
      case 'deploy':
        return this.deploy(command);
      case 'prepare':
        return this.prepare(command);
      case 'stop': {
        const wasExpected = this.expected.has(task);
        this.expected.forget(task);
        // It never came: there is nothing to be remembered.
        if (wasExpected && before === undefined) return { kind: 'stopped', task, epoch };
        await this.shell.deliver(`task/${task}`, { type: 'STOP.COMMANDED', id: `stop:${command.effectId}`, epoch });
        await this.tasks.stop(task, epoch);
        return { kind: 'stopped', task, epoch };
      }
      case 'pause':
        return this.pauseOrResume(command, 'PAUSE.COMMANDED');
      case 'resume':
        return this.pauseOrResume(command, 'RESUME.COMMANDED');
      case 'checkpoint': {
        const running = this.tasks.get(task);
        if (running === undefined || running.instance.epoch !== epoch)
          return refuse(command, 'ERR_NO_TASK', 'it does not run here');
        const { newestSequence, durableSequence } = running.source.state;
        const isEnough = command.first === true && newestSequence > 0;
        if (!isEnough) running.instance.checkpoint(command.mode);
        return { kind: 'checkpointed', task, epoch, sequence: newestSequence + (isEnough ? 0 : 1), durableSequence };
      }
    }
  }

  private overtaken(command: CommandHeader & Command): Answer | undefined {
    const handled = this.overtakenCommands.by(command);
    if (handled === undefined) return undefined;
    return refuse(command, 'ERR_COMMAND_STALE', `revision ${handled} of ${command.actor} was handled here`);
  }

  private async deploy(command: Extract<Command, { kind: 'deploy' }>): Promise<Answer> {
    const { task, epoch, spec, checkpoint, trimmed, source, effectId } = command;
    const { incarnation } = this.host;
    const died = this.forAnother(command);
    if (died !== undefined) return died;
    const before = this.taskContext(task);
    if (before === undefined || before.context.epoch < epoch) {
      const admitted = this.admit(command, spec, checkpoint?.needs);
      if (!admitted.ok) return admitted.error;
      const core = admitted.value;
      this.admitting.set(task, acceptedTaskOf(spec, epoch, core));
      const programId = before?.context.programId ?? this.nextProgramId++;
      const nonce = newNonce(this.host);
      try {
        const event = {
          type: 'DEPLOY.COMMANDED',
          id: `deploy:${effectId}`,
          epoch,
          effectId,
          incarnation,
          nonce,
          programId,
          spec,
          checkpoint,
          ...(trimmed === undefined ? {} : { trimmed }),
          ...(source === undefined ? {} : { source }),
          ...(core === undefined ? {} : { core }),
        };
        await this.shell.deliver(`task/${task}`, event);
        this.expected.arrived(task);
      } finally {
        this.admitting.delete(task);
      }
    }
    return this.settled(command);
  }

  private forAnother(command: Extract<Command, { kind: 'deploy' | 'prepare' }>): Answer | undefined {
    const { incarnation } = this.host;
    if (this.isAsleep()) return refuse(command, 'ERR_ECU_ASLEEP', 'this ECU sleeps');
    if (command.incarnation === incarnation || planted(this.host, 'answer-for-the-dead')) return undefined;
    return refuse(command, 'ERR_COMMAND_DIED', `this is incarnation ${incarnation}, the command is for ${command.incarnation}`);
  }

  /** For a task that is about to move here (`expected-tasks.ts`). */
  private async prepare(command: Extract<Command, { kind: 'prepare' }>): Promise<Answer> {
    const died = this.forAnother(command);
    if (died !== undefined) return died;
    const admitted = this.admit(command, command.spec, undefined, command.blackoutUs);
    if (!admitted.ok) return admitted.error;
    if (this.tasks.get(command.task) !== undefined) return refuse(command, 'ERR_TASK_BUSY', 'it runs here');
    return this.expected.prepare(command, admitted.value);
  }

  /** B3. The core it is to stay on, where this ECU binds tasks. */
  private admit(
    command: Extract<Command, { kind: 'deploy' | 'prepare' }>,
    spec: TaskSpec,
    needs: CheckpointNeeds | undefined,
    blackoutUs?: number,
  ): Result<number | undefined, Answer> {
    if (planted(this.host, 'overfill')) return ok(undefined);
    const { description, bookings } = this.parts;
    const lacking = needsRefusal(needs, description);
    if (lacking !== undefined) return err(refuse(command, errorCodeOf(lacking), sentenceOf(lacking)));
    const booked = bookings === undefined ? undefined : keptOn(bookings.current(), this.mac, this.host.clock.wallUs());
    const admission = admits(this.accepted(), [spec], admittingEcuOf(description, this.draining, booked), blackoutUs);
    if (!admission.ok) return err(refuse(command, errorCodeOf(admission.error), sentenceOf(admission.error)));
    return ok(boundCoreOf(description, admission.value, spec.name));
  }

  private isAsleep(): boolean {
    return this.sleep.asleep !== undefined && !planted(this.host, 'take-tasks-asleep');
  }

  private keptAwakeBy(): string | undefined {
    if (planted(this.host, 'sleep-with-tasks')) return undefined;
    if (this.parts.coLocatedManagers.size > 0) return 'a manager runs on its machine';
    const [task] = this.accepted();
    return task === undefined ? undefined : `it has ${task.task}`;
  }

  private accepted(): AcceptedTask[] {
    const accepted = new Map<TaskName, AcceptedTask>([...this.expected.accepted()].map((task) => [task.task, task]));
    for (const { actor, snapshot } of this.shell.views()) {
      if (!actor.startsWith('task/') || !ACCEPTED_STATES.has(stateName(snapshot.value))) continue;
      const { spec, epoch, core } = snapshot.context as TaskContext;
      if (spec !== undefined) accepted.set(spec.name, acceptedTaskOf(spec, epoch, core));
    }
    for (const [task, admitting] of this.admitting) accepted.set(task, admitting);
    return [...accepted.values()];
  }

  /** Answers when the task's record has come to rest at this epoch. */
  private settled(command: CommandHeader & Command): Promise<Answer> {
    const { task, epoch } = command;
    return new Promise((resolve) => {
      const look = (context: TaskContext, state: string): boolean => {
        if (context.epoch > epoch)
          resolve(refuse(command, 'ERR_COMMAND_EPOCH', `epoch ${context.epoch} was accepted meanwhile`));
        else if (context.epoch < epoch || state === 'deploying') return false;
        else resolve(this.remembered(command, context, state));
        return true;
      };
      const now = this.taskContext(task);
      if (now !== undefined && look(now.context, now.state)) return;
      const waiters = this.waiters.get(task) ?? [];
      this.waiters.set(task, waiters);
      const wait = (context: TaskContext, state: string): void => {
        if (look(context, state)) waiters.splice(waiters.indexOf(wait), 1);
      };
      waiters.push(wait);
    });
  }

  private remembered(command: CommandHeader & Command, context: TaskContext, state: string): Answer {
    const { task, epoch } = command;
    const { incarnation, nonce = '', programId = 0, core, ended } = context;
    if (incarnation !== this.host.incarnation && !planted(this.host, 'answer-for-the-dead'))
      return refuse(command, 'ERR_COMMAND_DIED', 'it ran in an earlier incarnation of this bridge');
    if (state === 'running' || state === 'paused') {
      const answer = { kind: 'running', task, epoch, incarnation, nonce, programId } as const;
      return core === undefined ? answer : { ...answer, core };
    }
    if (state === 'stopped') return { kind: 'stopped', task, epoch };
    return refuse(command, ended?.code ?? 'ERR_COMMAND_DIED', ended?.sentence ?? 'it has ended');
  }

  private async pauseOrResume(command: CommandHeader & Command, type: 'PAUSE.COMMANDED' | 'RESUME.COMMANDED'): Promise<Answer> {
    const { task, epoch, effectId } = command;
    const running = this.tasks.get(task);
    if (running === undefined || running.instance.epoch !== epoch)
      return refuse(command, 'ERR_NO_TASK', 'it does not run here');
    if (type === 'RESUME.COMMANDED' && this.leaving) return refuse(command, 'ERR_ADMIT_DRAINING', 'this bridge is leaving');
    const { instance, source } = running;
    const event = { type, id: `${type}:${effectId}`, epoch };
    if (command.kind === 'pause') {
      const stands = await (command.save === true ? instance.handOver() : instance.pause());
      const overtaken = this.overtaken(command);
      if (overtaken !== undefined) return overtaken;
      if (!stands) return refuse(command, 'ERR_COMMAND_STALE', 'it was resumed before it stood still');
      if (command.save === true) {
        // Whoever goes on waits for this answer, and what the record would say after a restart is that it has died.
        void this.tellTask(task, event);
        return { kind: 'paused', task, epoch, state: source.reference() };
      }
    }
    await this.shell.deliver(`task/${task}`, event);
    if (type === 'RESUME.COMMANDED') instance.resume();
    return { kind: type === 'PAUSE.COMMANDED' ? 'paused' : 'resumed', task, epoch };
  }

  // ——— records and instances ———

  private taskContext(task: TaskName): { readonly context: TaskContext; readonly state: string } | undefined {
    const view = this.shell.view(`task/${task}`);
    return view === undefined
      ? undefined
      : { context: view.snapshot.context as TaskContext, state: stateName(view.snapshot.value) };
  }

  private recordChanged({ actor, snapshot }: ActorView): void {
    if (!actor.startsWith('task/')) return;
    const context = snapshot.context as TaskContext;
    const waiters = this.waiters.get(context.task);
    if (waiters === undefined) return;
    for (const wait of [...waiters]) wait(context, stateName(snapshot.value));
    if (waiters.length === 0) this.waiters.delete(context.task);
  }

  private async caughtUp(task: TaskName, epoch: number): Promise<void> {
    if (planted(this.host, 'drop-early-caught-up') && this.taskContext(task)?.state === 'deploying') return;
    await this.tellTask(task, { type: 'INSTANCE.CAUGHT_UP', id: `caughtUp:${epoch}`, epoch });
  }

  private async instanceEnded(task: TaskName, epoch: number, code: ErrorCode, sentence: string): Promise<void> {
    this.host.counters.add(`instance.ended.${code}`);
    this.host.log.warn('an instance ended', { task, epoch, code, why: sentence });
    if (planted(this.host, 'end-in-silence')) return;
    await this.tellTask(task, { type: 'INSTANCE.ENDED', id: `ended:${epoch}`, epoch, code, sentence });
  }

  /** What an instance says is said once, so it is recorded however long the disk refuses. */
  private async tellTask(task: TaskName, event: ActorEvent): Promise<void> {
    for (;;) {
      try {
        await this.shell.deliver(`task/${task}`, event);
        return;
      } catch (cause) {
        this.host.counters.add('bridge.localRecordFailed');
        this.host.log.error('a local record could not be written and will be tried again', { task, event: event.type, cause });
        await pause(this.host.clock, RECORD_RETRY_US);
      }
    }
  }

  // ——— checkpoints ———

  private checkpointStored(message: BusMessage): void {
    const notice = decodeCheckpointNotice(message.payload);
    if (!notice.ok) {
      this.host.counters.add(`wire.${notice.error.kind}`);
      return;
    }
    const { body } = notice.value;
    if (body.kind !== 'stored') return;
    const running = this.tasks.get(body.task);
    if (running?.instance.epoch === body.epoch) running.source.stored(body.manager, body.sequence);
  }
}

const refuse = ({ task, epoch }: CommandHeader, code: ErrorCode, sentence: string): Answer => {
  return { kind: 'refused', task, epoch, code, sentence };
};

const newNonce = ({ rng }: Host): string => `${rng.u32().toString(36)}${rng.u32().toString(36)}`;

/**
 * Runs one task set on one ECU: declares its tasks, waits until each ticks, orders them all to work at the same time, waits for their
 * jobs, removes them, and judges what the monitor saw.
 *
 *   declared ──▶ every task has ticked ──▶ order to each: argument and number of jobs ──▶ all jobs done, or time up ──▶ removed
 *
 * Tasks tick at nothing until they are ordered, so that a set begins as one, however long it took to deploy; each starts with its
 * next tick, so that releases are spread over a period as they fell out. Names are never used twice: what a task left behind is nobody's.
 */
import { randomUUID } from 'node:crypto';
import { pause } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { NO_AFFINITY, type TaskSpec } from '../../domain/model/task.ts';
import { MEASURING } from '../../domain/placement/measuring.ts';
import { type GrownTask, WORK_KINDS, type WorkKind } from '../../domain/realtime/draw/grow.ts';
import { judgeRun, type SetVerdict, type TaskLog } from '../../domain/realtime/runs/verdict.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { InputFeed } from '../feed/input-feed.ts';
import { declareTask, queryFleet, removeTask, storeProgram } from '../fleet/fleet-calls.ts';
import { type PreparedTask, prepareTask } from '../prepare-task.ts';
import { measuredFolder } from '../task-module.ts';
import { Monitor } from './monitor.ts';

/** A bridge that is told to run a task does so within milliseconds; a machine that does much else may take long. */
const READY_US = 30_000_000;
/** After this a set that overloads its ECU will not get better. */
const [PATIENCE, PATIENCE_LEAST_US] = [3, 2_000_000];
const REMOVED_US = 15_000_000;
const LOOK_US = 20_000;

type RunTask = Pick<GrownTask, 'work' | 'argument' | 'jobs' | 'wcetUs' | 'periodUs' | 'deadlineUs' | 'priority'>;

interface Deployed {
  readonly name: TaskName;
  readonly task: RunTask;
  readonly log: TaskLog;
}

export class Distributor {
  private readonly client: FleetClient;
  private readonly programs: ReadonlyMap<WorkKind, PreparedTask>;
  private readonly monitor: Monitor;
  private readonly session = randomUUID().slice(0, 8);
  private sets = 0;

  /** Compiles the programs when they are stale, and stores them with the fleet. */
  static async open(client: FleetClient, say: (sentence: string) => void): Promise<Distributor> {
    const programs = new Map<WorkKind, PreparedTask>();
    for (const work of WORK_KINDS) {
      const prepared = await prepareTask(measuredFolder(work), { onProgress: say });
      await storeProgram(client, prepared.artefact);
      programs.set(work, prepared);
    }
    return new Distributor(client, programs);
  }

  private constructor(client: FleetClient, programs: ReadonlyMap<WorkKind, PreparedTask>) {
    this.client = client;
    this.programs = programs;
    this.monitor = new Monitor(client.host);
  }

  close(): void {
    this.monitor.stop();
  }

  /** Undefined: records were lost, so that nothing can be said. Fails where the tasks do not run at all, or when it is interrupted. */
  async run(mac: Mac, tasks: readonly RunTask[], signal: AbortSignal): Promise<SetVerdict | undefined> {
    const set = ++this.sets;
    const deployed = tasks.map((task, at): Deployed => {
      const name = `set-${this.session}-${set}-${at + 1}`;
      return { name, task, log: this.monitor.follow(name) };
    });
    try {
      await Promise.all(deployed.map((one) => declareTask(this.client, this.specOf(one, mac))));
      const ready = await this.monitor.until(() => deployed.every(({ log }) => log.running), { withinUs: READY_US, signal });
      if (!ready) throw await this.neverRan(deployed, mac);
      await Promise.all(deployed.map((one) => this.order(one)));
      const isOver = (): boolean => deployed.every(({ log, task }) => log.ended(task.jobs));
      await this.monitor.until(isOver, { withinUs: timeFor(tasks), signal });
      return judgeRun(
        tasks,
        deployed.map(({ log }) => log),
      );
    } finally {
      await this.remove(deployed);
      for (const { name } of deployed) this.monitor.forget(name);
    }
  }

  private specOf({ name, task }: Deployed, mac: Mac): TaskSpec {
    const { spec } = this.programs.get(task.work) as PreparedTask;
    const { periodUs, deadlineUs, priority } = task;
    // No WCET and no promise: the run is to show whether the deadlines are kept.
    const unpromised = { wcetUs: 0, hardDeadline: false, capabilities: [MEASURING] };
    return { ...spec, name, periodUs, deadlineUs, priority, ...unpromised, affinity: { ...NO_AFFINITY, requiredEcus: [mac] } };
  }

  private async order({ name, task }: Deployed): Promise<void> {
    await new InputFeed(this.client.host, name).append(new TextEncoder().encode(`${task.argument} ${task.jobs}`));
  }

  /** Returns when none of them is on its ECU any more: the next set is to have it alone. */
  private async remove(deployed: readonly Deployed[]): Promise<void> {
    const { clock } = this.client.host;
    await Promise.allSettled(deployed.map(({ name }) => removeTask(this.client, name)));
    const names = new Set<TaskName>(deployed.map(({ name }) => name));
    const untilUs = clock.monotonicUs() + REMOVED_US;
    for (;;) {
      const { tasks } = await queryFleet(this.client);
      if (!tasks.some(({ task, state }) => names.has(task) && state !== 'removed')) return;
      if (clock.monotonicUs() > untilUs)
        throw new DroverError('ERR_TASK_BUSY', `the tasks of a set are not removed after ${REMOVED_US / 1e6} s`);
      await pause(clock, LOOK_US);
    }
  }

  private async neverRan(deployed: readonly Deployed[], mac: Mac): Promise<DroverError> {
    const { tasks } = await queryFleet(this.client);
    const idle = deployed.find(({ log }) => !log.running);
    const why = tasks.find(({ task }) => task === idle?.name);
    return new DroverError(
      'ERR_NO_PLACE',
      `no job of ${idle?.name} was recorded on ECU ${mac} within ${READY_US / 1e6} s (it is ${why?.state ?? 'unknown'}${
        why?.reason === undefined ? '' : `: ${why.reason}`
      }); the ECU must be started with --measuring`,
    );
  }
}

/** All jobs at their pace, and all of the work where that is more, some times over. */
function timeFor(tasks: readonly RunTask[]): number {
  const paceUs = tasks.reduce((most, { jobs, periodUs }) => Math.max(most, (jobs + 1) * periodUs), 0);
  const workUs = tasks.reduce((sum, { jobs, wcetUs }) => sum + jobs * wcetUs, 0);
  return PATIENCE_LEAST_US + PATIENCE * Math.max(paceUs, workUs);
}

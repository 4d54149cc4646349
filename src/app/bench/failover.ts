/**
 * How long tasks stand still when their ECU is killed: an ECU with twelve tasks of 1 MiB, each ticking every 10 ms, is ended with
 * SIGKILL, and everything goes on at the other one; then that one is killed, and so on. A sample is one task of one kill, from
 * the kill to the first output that the server accepted from the new instance, split as in `failover-times.ts`. The second
 * series kills the manager that claimed, too.
 *
 * Not measured here: more than one ECU to choose from, a broker elsewhere, tasks that need long to replay.
 */
import { readFileSync } from 'node:fs';
import { failureArbiter } from '../../../actors/ecu.ts';
import { pause } from '../../../actors/host.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { ChaosJournal } from '../chaos/chaos-journal.ts';
import { type FailoverSummary, failoversOf, type Kill, summariseFailovers } from '../chaos/failover-times.ts';
import { appendLastTick } from '../chaos/last-tick.ts';
import { Recorder } from '../chaos/recorder.ts';
import { RunsAlone } from '../chaos/runs-alone.ts';
import { judge } from '../chaos/verdict.ts';
import { prepareWorkload } from '../chaos/workload.ts';
import { ecuPlans, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { type Machine, machine } from './machine.ts';

export interface FailoverBenchOptions {
  readonly dataFolder: string;
  readonly kills: number;
  /** Kills of an ECU together with the manager that claims it. */
  readonly killsWithManager: number;
  readonly tasks: number;
  readonly checkpointIntervalUs: number;
  readonly say: (sentence: string) => void;
}

export interface FailoverBench extends FailoverSummary {
  readonly machine: Machine;
  readonly tasks: number;
  readonly checkpointIntervalMs: number;
  readonly kills: number;
  /** With the claiming manager killed at the same time. */
  readonly withManager: FailoverSummary;
  /** Resident memory of a bridge process without tasks, by the kernel. */
  readonly bridgeRestMib: number;
  /** The same run, judged as chaos is: all must be 0. */
  readonly lostOutputs: number;
  readonly duplicateOutputs: number;
  readonly mismatchedTasks: number;
  readonly outputs: number;
}

/** Both ECUs, tasks and 10 ms ticks, as the issue has it. */
const EXAMPLE = 'counter-1m';
const SETTLE_US = 1_500_000;
const WAIT_US_MAX = 60_000_000;
const LOOK_US = 20_000;

export async function benchFailover(options: FailoverBenchOptions): Promise<FailoverBench> {
  const { say, tasks } = options;
  const [first] = ecuPlans(2);
  const names = Array.from({ length: tasks }, (_, at) => ({ name: `${EXAMPLE}-${at + 1}`, example: EXAMPLE }));
  const change = (spec: TaskSpec): TaskSpec => ({
    ...spec,
    checkpoint: { ...spec.checkpoint, intervalUs: options.checkpointIntervalUs },
    affinity: { ...spec.affinity, preferredEcus: first === undefined ? [] : [first.mac] },
  });
  const prepared = await prepareWorkload(names, { onProgress: say, change });
  const bench = machine();
  const fleet = new LocalFleet({
    dataFolder: options.dataFolder,
    ecus: ecuPlans(2),
    managers: managerIds(2),
    logLevel: 'warn',
    onEvent: () => {},
  });
  try {
    await fleet.start();
    const bridgeRestMib = await restMib(fleet);
    say(`a bridge at rest: ${bridgeRestMib} MiB resident`);
    const run = new Run(fleet);
    await run.recorder.start();
    for (const task of prepared.values()) await fleet.deploy(task);
    await run.until(() => run.owned() === tasks, 'every task runs');
    const kills = await run.series(options.kills, 'ecu', say);
    const withManager = await run.series(options.killsWithManager, 'both', say);
    await Promise.all(names.map(({ name }) => appendLastTick(fleet.client.host, name)));
    const alone = new RunsAlone(run.recorder);
    await alone.open(prepared);
    await run.until(() => {
      alone.advance();
      return alone.behind().length === 0;
    }, 'every output is there');
    const { outputs, lostOutputs, duplicateOutputs, mismatchedTasks } = judge(run.recorder, alone.outputs());
    return {
      machine: bench,
      tasks,
      checkpointIntervalMs: options.checkpointIntervalUs / 1000,
      kills: kills.length,
      ...summariseFailovers(failoversOf(run.recorder, kills)),
      withManager: summariseFailovers(failoversOf(run.recorder, withManager)),
      bridgeRestMib,
      outputs,
      lostOutputs,
      duplicateOutputs,
      mismatchedTasks,
    };
  } finally {
    await fleet.stop();
  }
}

class Run {
  readonly recorder: Recorder;
  private readonly fleet: LocalFleet;
  private readonly journal: ChaosJournal;

  constructor(fleet: LocalFleet) {
    const { host } = fleet.client;
    this.fleet = fleet;
    this.recorder = new Recorder({ bus: host.bus, names: host.names });
    this.journal = new ChaosJournal(host);
  }

  async series(count: number, kind: 'ecu' | 'both', say: (sentence: string) => void): Promise<Kill[]> {
    const { fleet, recorder } = this;
    const kills: Kill[] = [];
    for (let round = 0; round < count; round++) {
      await pause(fleet.client.host.clock, SETTLE_US);
      const owner = this.busiest();
      if (owner === undefined) break;
      await this.journal.note('BENCH.KILLED', { kind, ...owner });
      const kill: Kill = { kind, atUs: this.journal.serverUs(), owner, manager: undefined };
      const killed = [fleet.kill(owner.mac, 'ecu')];
      kills.push(kill);
      let manager: string | undefined;
      if (kind === 'both') {
        const arbiter = failureArbiter(owner);
        await this.until(() => recorder.claims.has(arbiter), 'the failure is claimed', 200);
        manager = recorder.claims.get(arbiter)?.writer.replace('manager.', '');
        if (manager !== undefined) killed.push(fleet.killManager(manager));
      }
      const tasks = [...recorder.tasks.keys()].filter((task) => this.ownerAt(task, kill.atUs) === owner.mac);
      await this.until(() => tasks.every((task) => this.goesOn(task, kill)), 'every task goes on elsewhere');
      await Promise.all(killed);
      await fleet.restart(owner.mac);
      if (manager !== undefined) await fleet.restart(manager);
      const { failoverMs, detectMs, decideMs, restoreMs, outputMs } = summariseFailovers(failoversOf(recorder, [kill]));
      const part = ({ p50, max }: typeof failoverMs): string => `${p50.toFixed(1)} (${max.toFixed(1)})`;
      say(
        `${kind} ${round + 1}/${count}: ${failoverMs.n} tasks, p50 (max) in ms: ${part(failoverMs)} = detect ${part(detectMs)} + decide ${part(decideMs)} + restore ${part(restoreMs)} + output ${part(outputMs)}`,
      );
    }
    return kills;
  }

  owned(): number {
    return [...this.recorder.tasks.values()].filter(({ placements }) => placements.at(-1)?.state === 'owned').length;
  }

  async until(reached: () => boolean, what: string, lookUs = LOOK_US): Promise<void> {
    const { clock } = this.fleet.client.host;
    const untilUs = clock.monotonicUs() + WAIT_US_MAX;
    while (!reached()) {
      if (clock.monotonicUs() > untilUs) throw new Error(`after ${WAIT_US_MAX / 1e6} s it is still not so that ${what}`);
      await pause(clock, lookUs);
    }
  }

  private busiest(): { readonly mac: Mac; readonly incarnation: number } | undefined {
    const count = new Map<string, { mac: Mac; incarnation: number; tasks: number }>();
    for (const { placements } of this.recorder.tasks.values()) {
      const owner = placements.at(-1)?.owner;
      if (owner === undefined) continue;
      const key = `${owner.mac}#${owner.incarnation}`;
      const entry = count.get(key) ?? { ...owner, tasks: 0 };
      count.set(key, entry);
      entry.tasks++;
    }
    const [most] = [...count.values()].sort((a, b) => b.tasks - a.tasks);
    return most === undefined ? undefined : { mac: most.mac, incarnation: most.incarnation };
  }

  private ownerAt(task: string, atUs: number): Mac | undefined {
    return this.recorder.tasks.get(task)?.placements.findLast((step) => step.atUs <= atUs)?.owner?.mac;
  }

  private goesOn(task: string, kill: Kill): boolean {
    const seen = this.recorder.tasks.get(task);
    const last = seen?.outputs.at(-1);
    const before = seen?.placements.findLast((step) => step.atUs <= kill.atUs)?.epoch ?? 0;
    return last !== undefined && !last.marker && last.epoch > before && seen?.placements.at(-1)?.state === 'owned';
  }
}

/** After a moment, in which start-up garbage goes. */
async function restMib(fleet: LocalFleet): Promise<number> {
  await pause(fleet.client.host.clock, SETTLE_US);
  const sizes = fleet.processes().flatMap(({ host, pid }) => (host.startsWith('bridge.') ? [residentMib(pid)] : []));
  return Math.max(...sizes);
}

function residentMib(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(match?.[1] ?? 0) / 102.4) / 10;
}

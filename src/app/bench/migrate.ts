/**
 * How long a task is silent when it is moved: a task of 1 MiB that ticks every 10 ms goes back and forth between two ECUs, as real
 * processes over a real server. A sample is one move; its silence is the time between the last output of the source and the first of
 * the target, both as the server stamped them, and includes the tick that would have been waited for anyway. The parts are stamped too, as
 * far as each falls into the silence (where the target keeps up with the source, that one's outputs go on until the marker):
 *
 *   handOver   last output → the state is at the target and on record     (stand still, last difference, record)
 *   commit     → the epoch is taken                                        (placement)
 *   start      → the target's marker                                       (deploy, program, outputs read)
 *   output     → its first output                                          (mostly: the next tick is due)
 *
 * Not measured here: a network between the ECUs, more than one state on its way, a busy target.
 */
import { pause } from '../../../actors/host.ts';
import type { MigrationContext } from '../../../statecharts/migration.machine.ts';
import type { MigrationMode } from '../../domain/migration/estimate.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorOfSubject, streams } from '../../domain/protocol/subjects.ts';
import { type QuantileSummary, summarise } from '../../domain/statistics/quantiles.ts';
import { appendLastTick } from '../chaos/last-tick.ts';
import { Recorder } from '../chaos/recorder.ts';
import type { RecordedOutput } from '../chaos/recording.ts';
import { RunsAlone } from '../chaos/runs-alone.ts';
import { judge } from '../chaos/verdict.ts';
import { prepareWorkload } from '../chaos/workload.ts';
import { migrateTask } from '../fleet/fleet-calls.ts';
import { ecuPlans, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { type Machine, machine } from './machine.ts';

export interface MigrateBenchOptions {
  readonly dataFolder: string;
  readonly moves: number;
  readonly mode: MigrationMode | undefined;
  /** Others of the same kind that tick meanwhile, and stay. */
  readonly others: number;
  readonly say: (sentence: string) => void;
}

export interface MigrateBench {
  readonly machine: Machine;
  readonly moves: number;
  readonly mode: MigrationMode | 'auto';
  readonly others: number;
  readonly silenceMs: QuantileSummary;
  readonly handOverMs: QuantileSummary;
  readonly commitMs: QuantileSummary;
  readonly startMs: QuantileSummary;
  readonly outputMs: QuantileSummary;
  /** Between two outputs while it is not moved. */
  readonly betweenOutputsMs: QuantileSummary;
  /** Copied while the task stood still is not among these: rounds of copying while it ran, and their bytes. */
  readonly rounds: number;
  readonly copiedKib: number;
  /** Moves whose target kept up with the source, which did not stand still. */
  readonly followed: number;
  /** Migrations that were given up and asked for again. */
  readonly aborted: number;
  readonly outputs: number;
  readonly lostOutputs: number;
  readonly duplicateOutputs: number;
  readonly mismatchedTasks: number;
}

const EXAMPLE = 'counter-1m';
const SETTLE_US = 400_000;
const WAIT_US_MAX = 30_000_000;
const LOOK_US = 5_000;
const ATTEMPTS_MAX = 5;

/** The ends of a migration that did not go through. */
const GIVEN_UP = new Set<unknown>(['aborted', 'rejected']);

/** When what stood on the migration's and the placement's record, by the server's clock. */
interface Stamps {
  handedOverUs?: number;
  /** Why it was given up. */
  givenUp?: string;
  rounds: MigrationContext['rounds'];
  followed: boolean;
}

export async function benchMigrate(options: MigrateBenchOptions): Promise<MigrateBench> {
  const { say, others } = options;
  const bench = machine();
  const names = Array.from({ length: 1 + others }, (_, at) => ({ name: `${EXAMPLE}-${at + 1}`, example: EXAMPLE }));
  const prepared = await prepareWorkload(names, { onProgress: say });
  const fleet = new LocalFleet({
    dataFolder: options.dataFolder,
    ecus: ecuPlans(2),
    managers: managerIds(2),
    logLevel: 'warn',
  });
  try {
    await fleet.start();
    const run = new Run(fleet, `${EXAMPLE}-1`);
    await run.start();
    for (const task of prepared.values()) await fleet.deploy(task);
    await run.until(() => names.every(({ name }) => run.owned(name)), 'every task runs');
    await pause(fleet.client.host.clock, 3 * SETTLE_US);
    const moves = await run.series(options, say);
    await Promise.all(names.map(({ name }) => appendLastTick(fleet.client.host, name)));
    const alone = new RunsAlone(run.recorder);
    await alone.open(prepared);
    await run.until(() => {
      alone.advance();
      return alone.behind().length === 0;
    }, 'every output is there');
    const { outputs, lostOutputs, duplicateOutputs, mismatchedTasks } = judge(run.recorder, alone.outputs());
    const part = (of: (move: Move) => number): QuantileSummary => summarise(moves.map((move) => of(move) / 1000));
    return {
      machine: bench,
      moves: moves.length,
      mode: options.mode ?? 'auto',
      others,
      silenceMs: part(({ firstUs, lastUs }) => firstUs - lastUs),
      handOverMs: part(({ handedOverUs, lastUs }) => Math.max(0, handedOverUs - lastUs)),
      commitMs: part(({ takenUs, handedOverUs, lastUs }) => Math.max(0, takenUs - Math.max(handedOverUs, lastUs))),
      startMs: part(({ markerUs, takenUs, lastUs }) => markerUs - Math.max(takenUs, lastUs)),
      outputMs: part(({ firstUs, markerUs }) => firstUs - markerUs),
      betweenOutputsMs: summarise(run.gaps().map((us) => us / 1000)),
      rounds: moves.reduce((sum, { rounds }) => sum + rounds.length, 0),
      copiedKib: Math.round(
        moves.reduce((sum, { rounds }) => sum + rounds.reduce((all, { bytes }) => all + bytes, 0), 0) / 1024,
      ),
      followed: moves.filter(({ followed }) => followed).length,
      aborted: run.aborted,
      outputs,
      lostOutputs,
      duplicateOutputs,
      mismatchedTasks,
    };
  } finally {
    await fleet.stop();
  }
}

interface Move {
  readonly lastUs: number;
  readonly handedOverUs: number;
  readonly takenUs: number;
  readonly markerUs: number;
  readonly firstUs: number;
  readonly rounds: MigrationContext['rounds'];
  readonly followed: boolean;
}

class Run {
  readonly recorder: Recorder;
  aborted = 0;
  private readonly fleet: LocalFleet;
  private readonly task: TaskName;
  /** By the epoch that is left. */
  private readonly stamps = new Map<number, Stamps>();

  constructor(fleet: LocalFleet, task: TaskName) {
    const { host } = fleet.client;
    this.fleet = fleet;
    this.task = task;
    this.recorder = new Recorder({ bus: host.bus, names: host.names });
  }

  async start(): Promise<void> {
    await this.recorder.start();
    const { bus } = this.fleet.client.host;
    await bus.consume(streams.actors(0), { filter: 'actor.0.migration.>', from: 1 }, ({ subject, payload, atUs }) => {
      const record = decodeRecord(payload);
      if (actorOfSubject(subject) === undefined || !record.ok) return;
      const { value, context } = JSON.parse(record.value.snapshot) as {
        readonly value: unknown;
        readonly context: MigrationContext;
      };
      const epoch = context.cause?.epoch ?? 0;
      const stamps = this.stamps.get(epoch) ?? { rounds: [], followed: false };
      this.stamps.set(epoch, stamps);
      stamps.rounds = context.rounds;
      stamps.followed = context.following === true;
      if (record.value.event.type === 'STATE.HANDED_OVER') stamps.handedOverUs = atUs;
      if (GIVEN_UP.has(value)) stamps.givenUp = context.reason ?? String(value);
    });
  }

  async series({ moves: count, mode }: MigrateBenchOptions, say: (sentence: string) => void): Promise<Move[]> {
    const { client } = this.fleet;
    const moves: Move[] = [];
    for (let at = 0; at < count; at++) {
      await pause(client.host.clock, SETTLE_US);
      for (let attempt = 0; ; attempt++) {
        const { epoch } = await this.ask(mode);
        const moved = await this.goesOn(epoch);
        if (moved !== undefined) {
          moves.push(moved);
          say(`move ${at + 1}/${count}: silent for ${((moved.firstUs - moved.lastUs) / 1000).toFixed(1)} ms`);
          break;
        }
        const { givenUp = 'nobody knows why' } = this.stamps.get(epoch) ?? {};
        this.stamps.delete(epoch);
        say(`move ${at + 1}/${count} was given up: ${givenUp}`);
        this.aborted++;
        if (attempt === ATTEMPTS_MAX) throw new Error(`${this.task} did not move in ${ATTEMPTS_MAX} attempts`);
      }
    }
    return moves;
  }

  /** The one before may still be at its last steps. */
  private async ask(mode: MigrationMode | undefined): Promise<{ readonly epoch: number }> {
    const { client } = this.fleet;
    const untilUs = client.host.clock.monotonicUs() + WAIT_US_MAX;
    for (;;) {
      try {
        return await migrateTask(client, this.task, { to: undefined, mode, costMax: undefined });
      } catch (cause) {
        if (client.host.clock.monotonicUs() > untilUs) throw cause;
        await pause(client.host.clock, SETTLE_US);
      }
    }
  }

  /** Undefined: it has not gone. */
  private async goesOn(epoch: number): Promise<Move | undefined> {
    const { clock } = this.fleet.client.host;
    const untilUs = clock.monotonicUs() + WAIT_US_MAX;
    for (;;) {
      const { outputs, placements } = this.recorder.task(this.task);
      const first = outputs.find((output) => output.epoch > epoch && !output.marker);
      const marker = outputs.find((output) => output.epoch > epoch && output.marker);
      const taken = placements.find((step) => step.epoch > epoch);
      const last = outputs.findLast((output) => output.epoch <= epoch && !output.marker);
      const { handedOverUs, givenUp, rounds = [], followed = false } = this.stamps.get(epoch) ?? {};
      if (givenUp !== undefined && taken === undefined) return undefined;
      if (
        first !== undefined &&
        marker !== undefined &&
        taken !== undefined &&
        last !== undefined &&
        handedOverUs !== undefined
      )
        return {
          lastUs: last.atUs,
          handedOverUs,
          takenUs: taken.atUs,
          markerUs: marker.atUs,
          firstUs: first.atUs,
          rounds,
          followed,
        };
      if (clock.monotonicUs() > untilUs) return undefined;
      await pause(clock, LOOK_US);
    }
  }

  owned(task: TaskName): boolean {
    return this.recorder.tasks.get(task)?.placements.at(-1)?.state === 'owned';
  }

  gaps(): number[] {
    const gaps: number[] = [];
    let before: RecordedOutput | undefined;
    for (const output of this.recorder.task(this.task).outputs) {
      if (before !== undefined && !output.marker && before.epoch === output.epoch && !before.marker)
        gaps.push(output.atUs - before.atUs);
      before = output;
    }
    return gaps;
  }

  async until(reached: () => boolean, what: string): Promise<void> {
    const { clock } = this.fleet.client.host;
    const untilUs = clock.monotonicUs() + WAIT_US_MAX;
    while (!reached()) {
      if (clock.monotonicUs() > untilUs) throw new Error(`after ${WAIT_US_MAX / 1e6} s it is still not so that ${what}`);
      await pause(clock, LOOK_US);
    }
  }
}

/**
 * How long a sample takes through a chain: the sensor, filter and actuator of examples/tasks, each fed by the one before, as real processes
 * over a real server. Every stage of every sample has the server's own stamp, and numbers tell which belong together: output n of a task
 * is datum n of the next, and each of the three gives one output for one input.
 *
 *   tick → sample → (route) → filter's datum → filtered → (route) → actuator's datum → command
 *
 * Then the whole chain is moved as one, to and fro; the silence of a move is the longest time between two commands around it.
 * Not measured here: a network between the hosts; what a task computes (microseconds).
 */
import { pause } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { header, streams, taskSubject } from '../../domain/protocol/subjects.ts';
import { type QuantileSummary, summarise } from '../../domain/statistics/quantiles.ts';
import type { StreamMessage } from '../../ports/bus.ts';
import { migrateChain, queryFleet } from '../fleet/fleet-calls.ts';
import { ecuPlans, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { chainMoveNow } from '../fleet/migration-record.ts';
import { prepareTask } from '../prepare-task.ts';
import { exampleFolder } from '../task-module.ts';
import { type Machine, machine } from './machine.ts';

export interface ChainBenchOptions {
  readonly dataFolder: string;
  readonly samples: number;
  readonly moves: number;
  readonly say: (sentence: string) => void;
}

export interface ChainBench {
  readonly machine: Machine;
  readonly samples: number;
  /** From the sensor's sample to the actuator's command, and from the tick that asked for the sample. */
  readonly sampleToCommandMs: QuantileSummary;
  readonly tickToCommandMs: QuantileSummary;
  /** An accepted output until it is the next task's datum; both routes. */
  readonly routeMs: QuantileSummary;
  /** A datum until its output is accepted: delivered, computed, appended. */
  readonly taskMs: QuantileSummary;
  readonly moves: number;
  /** Moves that were given up, all tasks staying. */
  readonly stayed: number;
  readonly moveSilenceMs: QuantileSummary;
  readonly betweenCommandsMs: QuantileSummary;
}

const CHAIN: readonly [TaskName, TaskName, TaskName] = ['chain-sensor', 'chain-filter', 'chain-actuator'];
const WAIT_US_MAX = 60_000_000;
const LOOK_US = 5_000;
const SETTLE_US = 500_000;

export async function benchChain({ dataFolder, samples, moves, say }: ChainBenchOptions): Promise<ChainBench> {
  const bench = machine();
  const prepared = await Promise.all(CHAIN.map((name) => prepareTask(exampleFolder(name), { onProgress: say })));
  const fleet = new LocalFleet({ dataFolder, ecus: ecuPlans(3), managers: managerIds(2), logLevel: 'warn' });
  try {
    await fleet.start();
    const run = new Run(fleet);
    await run.follow();
    for (const task of prepared) await fleet.deploy(task);
    await run.until(() => run.commands.size > 50, 'the chain runs');
    const first = run.commands.size + 1;
    say(`measuring ${samples} samples`);
    await run.until(() => run.commands.size >= first + samples, 'the samples come through');
    const numbers = Array.from({ length: samples }, (_, at) => first + at);
    const silences = await run.moves(moves, say);
    return {
      machine: bench,
      samples,
      sampleToCommandMs: run.between(numbers, run.sampled, run.commands),
      tickToCommandMs: run.between(numbers, run.ticked, run.commands),
      routeMs: summarise([
        ...run.apart(numbers, run.sampled, run.filterData),
        ...run.apart(numbers, run.filtered, run.actuatorData),
      ]),
      taskMs: summarise([
        ...run.apart(numbers, run.filterData, run.filtered),
        ...run.apart(numbers, run.actuatorData, run.commands),
      ]),
      moves: silences.length,
      stayed: moves - silences.length,
      moveSilenceMs: summarise(silences),
      betweenCommandsMs: summarise(numbers.slice(1).map((number) => run.gapBefore(number))),
    };
  } finally {
    await fleet.stop();
  }
}

/** By number, when the server stamped it. */
type Stamps = Map<number, number>;

class Run {
  readonly ticked: Stamps = new Map();
  readonly sampled: Stamps = new Map();
  readonly filterData: Stamps = new Map();
  readonly filtered: Stamps = new Map();
  readonly actuatorData: Stamps = new Map();
  readonly commands: Stamps = new Map();
  private readonly fleet: LocalFleet;

  constructor(fleet: LocalFleet) {
    this.fleet = fleet;
  }

  async follow(): Promise<void> {
    const { bus, names } = this.fleet.client.host;
    const [sensor, filter, actuator] = CHAIN;
    let ticks = 0;
    const inputs = [taskSubject.tick(names, sensor), taskSubject.data(names, filter), taskSubject.data(names, actuator)];
    await bus.consume(streams.inputs(0), { filter: inputs, from: 1 }, (message) => {
      if (message.subject === inputs[0]) this.ticked.set(++ticks, message.atUs);
      else stamp(message.subject === inputs[1] ? this.filterData : this.actuatorData, message, header.number);
    });
    const outputs = CHAIN.map((name) => taskSubject.outputs(names, name));
    const stamps = [this.sampled, this.filtered, this.commands];
    await bus.consume(streams.outputs(0), { filter: outputs, from: 1 }, (message) => {
      const of = stamps[outputs.indexOf(message.subject)];
      if (of !== undefined && message.headers[header.marker] !== '1') stamp(of, message, header.output);
    });
  }

  apart(numbers: readonly number[], from: Stamps, to: Stamps): number[] {
    return numbers.map((number) => ((to.get(number) ?? Number.NaN) - (from.get(number) ?? Number.NaN)) / 1000);
  }

  between(numbers: readonly number[], from: Stamps, to: Stamps): QuantileSummary {
    return summarise(this.apart(numbers, from, to));
  }

  gapBefore(number: number): number {
    return ((this.commands.get(number) ?? Number.NaN) - (this.commands.get(number - 1) ?? Number.NaN)) / 1000;
  }

  /** The silence of each move that went through. */
  async moves(count: number, say: (sentence: string) => void): Promise<number[]> {
    const { client } = this.fleet;
    const silences: number[] = [];
    for (let move = 1; move <= count; move++) {
      await pause(client.host.clock, SETTLE_US);
      const before = this.commands.size;
      const { ecus, tasks } = await queryFleet(client);
      const at = tasks.find(({ task }) => task === CHAIN[0])?.owner;
      const to = ecus.filter(({ mac }) => mac !== at)[move % 2]?.mac;
      const { plan } = await migrateChain(client, CHAIN[0], { to, dryRun: false });
      let state: string | undefined;
      await this.until(async () => {
        const now = plan.actor === undefined ? undefined : await chainMoveNow(client, plan.actor);
        state = now?.isOver === true ? now.state : undefined;
        return state !== undefined;
      }, 'the chain has moved');
      const moved = this.commands.size;
      await this.until(() => this.commands.size > moved + 5, 'commands come');
      if (state !== 'done') {
        say(`move ${move}: it stayed`);
        continue;
      }
      const numbers = Array.from({ length: this.commands.size - before - 1 }, (_, index) => before + 1 + index);
      const silence = Math.max(...numbers.map((number) => this.gapBefore(number)));
      silences.push(silence);
      say(`move ${move} of ${count}: silent for ${silence.toFixed(1)} ms`);
    }
    return silences;
  }

  async until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const { clock } = this.fleet.client.host;
    const endUs = clock.monotonicUs() + WAIT_US_MAX;
    while (!(await holds())) {
      if (clock.monotonicUs() > endUs) throw new DroverError('ERR_BENCH_FAILED', `${what}: not within ${WAIT_US_MAX / 1e6} s`);
      await pause(clock, LOOK_US);
    }
  }
}

function stamp(stamps: Stamps, message: StreamMessage, name: string): void {
  stamps.set(Number(message.headers[name] ?? 0), message.atUs);
}

/**
 * DESIGN 5 in miniature, to try the simulated world and its judges on: hosts that take a task from one another by a
 * compare-and-set on its placement, replay its inputs from the first, append a marker, and go on with its outputs. A
 * feeder appends numbered inputs. Each mechanism can be taken out, so that the judges can be seen to convict.
 */
import type { SimProcess } from '../../infra/sim/host.ts';
import { StandInTask } from '../../infra/sim/stand-in-task.ts';
import type { SimPorts, SimWorld } from '../../infra/sim/world.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import { actorSubject, header, streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { AppendAnswer, AppendOptions, StreamMessage } from '../../src/ports/bus.ts';
import { FaultPoint } from '../../src/ports/fault-points.ts';

export const NAMES = { shardCount: 1 };
export const STREAMS = fleetStreams(NAMES);
export const TASK = 'pid';
export const ARTEFACT = new TextEncoder().encode(TASK);

/** What is left out; undefined: everything is in place. */
export type Plant = 'output-cas' | 'placement-cas' | 'marker' | 'suppress' | 'read-after-unknown';

const PLACEMENT = actorSubject(NAMES, `placement/${TASK}`);
const OUT = taskSubject.outputs(NAMES, TASK);
const DATA = taskSubject.data(NAMES, TASK);
const TIMEOUT_US = 50_000;

interface Placement {
  readonly epoch: number;
  readonly expectedEpoch: number;
  readonly takenBy: string;
}

const encode = (placement: Placement): Uint8Array => new TextEncoder().encode(JSON.stringify(placement));
const decode = (message: StreamMessage | undefined): Placement =>
  message === undefined
    ? { epoch: 0, expectedEpoch: 0, takenBy: '' }
    : (JSON.parse(new TextDecoder().decode(message.payload)) as Placement);

/** Feeds the placements that are committed to the one-restore judge. */
export function watchPlacements(world: SimWorld): void {
  world.broker.onCommit((message) => {
    if (message.subject === PLACEMENT)
      world.judges.placement({ task: TASK, revision: message.sequence, owner: undefined, ...decode(message) });
  });
}

export const sleep = (ports: SimPorts, us: number): Promise<void> => new Promise((resolve) => ports.clock.after(us, resolve));

/** The promise's value, however often the connection is lost meanwhile. */
async function stubborn<T>(ports: SimPorts, run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof DroverError) || !error.retryable) throw error;
      await sleep(ports, 5_000);
    }
  }
}

/** Appends numbered inputs up to `count`, going on where the stream is. */
export function feeder(count: number, everyUs: number): (process: SimProcess, world: SimWorld) => void {
  return (process, world) =>
    void (async () => {
      const ports = await world.portsOf(process);
      for (;;) {
        const last = await stubborn(ports, () => ports.bus.readLast(DATA));
        const number = Number(last?.headers[header.number] ?? 0) + 1;
        if (number > count) return;
        const headers = { [header.number]: String(number) };
        await ports.bus.append(DATA, Uint8Array.of(number, number * 7), {
          expectedSequence: last?.sequence ?? 0,
          headers,
          timeoutUs: TIMEOUT_US,
        });
        await sleep(ports, everyUs);
      }
    })();
}

/** Takes the task now and then, and runs it until somebody else has taken it. */
export function ecu(plant?: Plant): (process: SimProcess, world: SimWorld) => void {
  return (process, world) =>
    void (async () => {
      const ports = await world.portsOf(process);
      for (let attempt = 1; ; attempt++) {
        await sleep(ports, 20_000 + ports.rng.below(150_000));
        const nonce = `${process.name}.${attempt}`;
        const epoch = await take(ports, nonce, plant);
        if (epoch !== undefined) await new Instance(ports, { epoch, nonce, plant }).run();
      }
    })();
}

async function take(ports: SimPorts, nonce: string, plant: Plant | undefined): Promise<number | undefined> {
  const last = await stubborn(ports, () => ports.bus.readLast(PLACEMENT));
  const { epoch } = decode(last);
  await ports.faultPoints.reach(FaultPoint.beforeAppend);
  const next: Placement = { epoch: epoch + 1, expectedEpoch: epoch, takenBy: nonce };
  const expected = plant === 'placement-cas' ? {} : { expectedSequence: last?.sequence ?? 0 };
  const answer = await ports.bus.append(PLACEMENT, encode(next), { ...expected, timeoutUs: TIMEOUT_US });
  await ports.faultPoints.reach(FaultPoint.afterAppend);
  if (answer.kind === 'appended') return next.epoch;
  if (answer.kind !== 'unknown') return undefined;
  return decode(await stubborn(ports, () => ports.bus.readLast(PLACEMENT))).takenBy === nonce ? next.epoch : undefined;
}

class Instance {
  private readonly ports: SimPorts;
  private readonly own: { readonly epoch: number; readonly nonce: string; readonly plant: Plant | undefined };
  private readonly task = StandInTask.fresh(ARTEFACT);
  private accepted = 0;
  private made = 0;
  private sequence = 0;

  constructor(ports: SimPorts, own: { readonly epoch: number; readonly nonce: string; readonly plant: Plant | undefined }) {
    this.ports = ports;
    this.own = own;
  }

  async run(): Promise<void> {
    const { bus } = this.ports;
    for (let marked = this.own.plant === 'marker'; !marked; ) {
      const last = await stubborn(this.ports, () => bus.readLast(OUT));
      if (Number(last?.headers[header.epoch] ?? 0) >= this.own.epoch) return;
      this.sequence = last?.sequence ?? 0;
      this.accepted = Number(last?.headers[header.output] ?? 0);
      await this.ports.faultPoints.reach(FaultPoint.beforeMarker);
      marked = await this.append(new Uint8Array(0), { [header.marker]: '1', [header.output]: String(this.accepted) });
    }
    if (this.own.plant === 'marker') {
      const last = await stubborn(this.ports, () => bus.readLast(OUT));
      this.sequence = last?.sequence ?? 0;
      this.accepted = Number(last?.headers[header.output] ?? 0);
    }
    for (let next = 1; ; ) {
      const input = await stubborn(this.ports, () => bus.readNext(streams.inputs(0), DATA, next));
      if (input === undefined) {
        if (decode(await stubborn(this.ports, () => bus.readLast(PLACEMENT))).epoch > this.own.epoch) return;
        await sleep(this.ports, 10_000);
        continue;
      }
      next = input.sequence + 1;
      await this.ports.faultPoints.reach(FaultPoint.beforeJob);
      for (const output of this.task.run({
        kind: 'data',
        number: Number(input.headers[header.number]),
        skipped: 0,
        payload: input.payload,
      })) {
        this.made++;
        if (this.made <= this.accepted && this.own.plant !== 'suppress') continue;
        await this.ports.faultPoints.reach(FaultPoint.beforeOutput);
        if (
          !(await this.append(output.payload, { [header.output]: String(this.made), [header.channel]: String(output.channel) }))
        )
          return;
      }
    }
  }

  /** false: fenced, or (for a marker) to be tried again. */
  private async append(payload: Uint8Array, headers: Record<string, string>): Promise<boolean> {
    const { epoch, nonce, plant } = this.own;
    const full = { ...headers, [header.epoch]: String(epoch), [header.nonce]: nonce };
    for (;;) {
      const options: AppendOptions = {
        headers: full,
        messageId: `${TASK}/${epoch}/${nonce}/${headers[header.output]}${headers[header.marker] ?? ''}`,
        timeoutUs: TIMEOUT_US,
      };
      const answer: AppendAnswer = await this.ports.bus.append(
        OUT,
        payload,
        plant === 'output-cas' ? options : { ...options, expectedSequence: this.sequence },
      );
      await this.ports.faultPoints.reach(FaultPoint.afterOutput);
      if (answer.kind === 'appended') {
        this.sequence = answer.sequence;
        return true;
      }
      if (answer.kind === 'busy') {
        await sleep(this.ports, 1_000);
        continue;
      }
      if (plant === 'read-after-unknown' && answer.kind === 'unknown') return true;
      const last = await stubborn(this.ports, () => this.ports.bus.readLast(OUT));
      const own = last !== undefined && last.headers[header.epoch] === String(epoch) && last.headers[header.nonce] === nonce;
      if (
        own &&
        last.headers[header.output] === headers[header.output] &&
        last.headers[header.marker] === headers[header.marker]
      ) {
        this.sequence = last.sequence;
        return true;
      }
      if ((last?.sequence ?? 0) !== this.sequence) return false;
      await sleep(this.ports, 2_000);
    }
  }
}

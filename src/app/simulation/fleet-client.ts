/**
 * The outside of a simulated fleet: a person who declares and removes tasks, and the feeders whose inputs the tasks consume.
 * It lives on a host that no fault is drawn for, and it says everything until it is answered.
 */

import { envelope, type Host, pause } from '../../../actors/host.ts';
import { chooseReceiving } from '../../../infra/nats/receive-policy.ts';
import type { SimProcess } from '../../../infra/sim/host.ts';
import type { SimPorts, SimWorld } from '../../../infra/sim/world.ts';
import type { ReceiveChoice } from '../../domain/checkpoint/receiving.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { decodeAnswer, encodeCommand } from '../../domain/protocol/codec-command.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../../domain/protocol/codec-manager.ts';
import type { Answer, Command, ManagerAnswer, ManagerCall } from '../../domain/protocol/messages.ts';
import { ecuSubject, type FleetNames, header, managerSubject, taskSubject } from '../../domain/protocol/subjects.ts';
import { repeatedOf } from '../../domain/task/routing.ts';
import { hostOf } from './simulated-ecu.ts';

export interface Feed {
  readonly task: TaskName;
  readonly count: number;
  readonly everyUs: number;
}

const CALL_TIMEOUT_US = 1_000_000;
const APPEND_TIMEOUT_US = 500_000;
const RETRY_US = 20_000;
const CLIENT = 'client';

export class FleetClient {
  private readonly world: SimWorld;
  private readonly names: FleetNames;
  private readonly ready: Promise<{ readonly ports: SimPorts; readonly host: Host }>;
  /** Feeds that have not come to their end. */
  private feeding = 0;

  constructor(world: SimWorld, names: FleetNames) {
    this.world = world;
    this.names = names;
    let resolve: (process: SimProcess) => void = () => undefined;
    const booted = new Promise<SimProcess>((given) => {
      resolve = given;
    });
    world.add({ id: CLIENT, boot: (process) => resolve(process) });
    this.ready = booted.then((process) => this.connect(process));
  }

  start(): void {
    this.world.host(CLIENT).start();
  }

  /** For the whole fleet, from now on. */
  async chooseReceiving(choice: ReceiveChoice): Promise<void> {
    const { ports } = await this.ready;
    for (;;) {
      try {
        await chooseReceiving(ports.bus, choice);
        return;
      } catch (cause) {
        if (!(cause instanceof DroverError)) throw cause;
        await pause(ports.clock, RETRY_US);
      }
    }
  }

  fed(): boolean {
    return this.feeding === 0;
  }

  /** The answer of whichever manager got it; the same call, by its id, until there is one. */
  async call(call: ManagerCall): Promise<ManagerAnswer> {
    const { ports, host } = await this.ready;
    const bytes = encodeManagerCall(envelope(host, call));
    for (;;) {
      try {
        const answer = decodeManagerAnswer(await ports.bus.request(managerSubject.call, bytes, { timeoutUs: CALL_TIMEOUT_US }));
        if (answer.ok) return answer.value.body;
        throw new Error(answer.error.sentence);
      } catch (cause) {
        if (!(cause instanceof DroverError)) throw cause;
        await pause(ports.clock, RETRY_US);
      }
    }
  }

  /** One of a bridge's orders, said once. */
  async order(mac: Mac, command: Command): Promise<Answer> {
    const { ports, host } = await this.ready;
    const bytes = encodeCommand(envelope(host, command));
    const answer = decodeAnswer(await ports.bus.request(ecuSubject.command(mac), bytes, { timeoutUs: CALL_TIMEOUT_US }));
    if (answer.ok) return answer.value.body;
    throw new Error(answer.error.sentence);
  }

  /** Appends numbered inputs up to `count`, each by compare-and-set, going on from where the stream is. */
  async feed({ task, count, everyUs }: Feed): Promise<void> {
    this.feeding++;
    const { ports } = await this.ready;
    const subject = taskSubject.data(this.names, task);
    for (;;) {
      try {
        const last = await ports.bus.readLast(subject);
        const number = Number(last?.headers[header.number] ?? 0) + 1;
        if (number > count) break;
        const payload = Uint8Array.of(number & 0xff, (number * 7) & 0xff, ports.rng.below(256));
        await ports.bus.append(subject, payload, {
          expectedSequence: last?.sequence ?? 0,
          headers: { ...repeatedOf(last?.headers), [header.number]: String(number) },
          timeoutUs: APPEND_TIMEOUT_US,
        });
      } catch (cause) {
        if (!(cause instanceof DroverError)) throw cause;
      }
      await pause(ports.clock, everyUs);
    }
    this.feeding--;
  }

  private async connect(process: SimProcess): Promise<{ ports: SimPorts; host: Host }> {
    const ports = await this.world.portsOf(process);
    return { ports, host: hostOf({ id: CLIENT, incarnation: 1, names: this.names, ports }) };
  }
}

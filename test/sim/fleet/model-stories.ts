/**
 * Holes that the executable model of the core protocol found, as far as they are a host's and not the loop's: each a story that
 * passes as the code is and fails when its mechanism is taken out (`FLEET_PLANTS`).
 */
import { envelope } from '../../../actors/host.ts';
import type { SimPorts } from '../../../infra/sim/world.ts';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { hostOf } from '../../../src/app/simulation/simulated-ecu.ts';
import { decodeAnswer, encodeCommand } from '../../../src/domain/protocol/codec-command.ts';
import type { Answer, Command } from '../../../src/domain/protocol/messages.ts';
import { ecuSubject, header, taskSubject } from '../../../src/domain/protocol/subjects.ts';
import { type FleetPlant, plantsNamed } from '../../../src/ports/plants.ts';
import { ECU1, epochOf, stage, task } from './stage.ts';

type Story = (plants: readonly FleetPlant[]) => Promise<void>;

const NAMES = { shardCount: 1 };

/** Somebody else on the bus: another publisher, or the manager that once was. */
async function outsider(fleet: FleetWorld): Promise<SimPorts> {
  let ports: SimPorts | undefined;
  const boot = (process: Parameters<typeof fleet.world.portsOf>[0]): void =>
    void fleet.world.portsOf(process).then((given) => {
      ports = given;
    });
  fleet.world.add({ id: 'outsider', boot }).start();
  await fleet.until('it is connected', () => ports !== undefined);
  return ports as SimPorts;
}

async function command(fleet: FleetWorld, ports: SimPorts, body: Command): Promise<Answer> {
  const host = hostOf({ id: 'outsider', incarnation: 1, names: NAMES, ports });
  const bytes = encodeCommand(envelope(host, body));
  const answer = decodeAnswer(await fleet.done(ports.bus.request(ecuSubject.command(ECU1), bytes, { timeoutUs: 500_000 })));
  if (!answer.ok) throw new Error(answer.error.sentence);
  return answer.value.body;
}

export const MODEL_STORIES = {
  'a PAUSE arrives after the RESUME': async (plants) => {
    const fleet = await stage({ ecus: [{ mac: ECU1 }], tasks: [task('alpha')], plants: plantsNamed(plants) });
    const ports = await outsider(fleet);
    const epoch = epochOf(fleet, 'alpha');
    const say = (kind: 'pause' | 'resume', actorRevision: number): Promise<Answer> =>
      command(fleet, ports, {
        kind,
        task: 'alpha',
        epoch,
        effectId: `${kind}:${actorRevision}`,
        actor: 'migration/alpha',
        actorRevision,
      });
    await say('pause', 1);
    await say('resume', 3);
    await say('pause', 2);
    await fleet.elapse(300_000);
    // It ticks on, and its feed is read to the end.
    await fleet.settle(5_000_000);
  },

  'a publisher leaves an input out': async (plants) => {
    const fleet = await stage({ tasks: [task('alpha', { periodUs: 0 })], plants: plantsNamed(plants) });
    await fleet.until('it is fed', () => fleet.client.fed());
    const ports = await outsider(fleet);
    const subject = taskSubject.data(NAMES, 'alpha');
    const last = await fleet.done(ports.bus.readLast(subject));
    const number = Number(last?.headers[header.number] ?? 0) + 2;
    const append = ports.bus.append(subject, Uint8Array.of(1), {
      headers: { [header.number]: String(number) },
      timeoutUs: 500_000,
    });
    await fleet.done(append);
    const says = (): string => {
      const placement = fleet.truth.placements.get('alpha');
      return `${placement?.state}: ${placement?.context.reason}`;
    };
    await fleet.until('it stops, and says what lacks', () =>
      /^crashed: .*the next data is number 102, expected was 101/.test(says()),
    );
  },
} as const satisfies Readonly<Record<string, Story>>;

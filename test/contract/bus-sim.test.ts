import { SimBroker } from '../../infra/sim/broker.ts';
import { connectSim, type SimBus } from '../../infra/sim/bus.ts';
import { SimScheduler } from '../../infra/sim/clock.ts';
import { SimHost } from '../../infra/sim/host.ts';
import { drawLinkOptions, type LinkOptions } from '../../infra/sim/network.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { SimDrive } from '../support/sim-drive.ts';
import { type BusFixture, type BusHost, contractStreams, describeBus } from './bus.contract.ts';

/** The suite states what holds on a link that works: slow ones pass it too, lossy ones are for scenarios. */
const slowLink = (seed: number): LinkOptions => ({
  ...drawLinkOptions(createRng(seed, 'slow link')),
  dropPpm: 0,
  duplicatePpm: 0,
  reorder: false,
  slowPpm: 0,
  appendLostPpm: 0,
  ackLostPpm: 0,
  appendLatePpm: 0,
});

async function open(replicas: 1 | 3, link: LinkOptions | undefined): Promise<BusFixture> {
  const scheduler = new SimScheduler();
  const drive = new SimDrive(scheduler);
  const broker = new SimBroker({
    scheduler,
    rng: createRng(7),
    streams: contractStreams.map((stream) => ({ ...stream, replicas })),
  });
  const join = async (name: string): Promise<BusHost> => {
    const [id = name, incarnation = '1'] = name.split('#');
    const simLink = broker.link(id, link);
    simLink.silenceUs = { host: 300_000, broker: 400_000 };
    let bus: SimBus | undefined;
    const host = new SimHost({
      id,
      scheduler,
      boot: (process) => void connectSim(broker, process).then((connected) => (bus = connected)),
    });
    while (host.start().incarnation < Number(incarnation)) host.kill();
    await drive.until(() => bus !== undefined);
    if (bus === undefined) throw new Error('it never connected');
    return {
      name,
      bus,
      cutLink: (direction = 'both') => simLink.partition(direction === 'both' ? { up: true, down: true } : { down: true }),
      healLink: () => {
        simLink.reset();
        simLink.heal();
      },
      kill: () => host.kill(),
    };
  };
  const a = await join('manager.a#1');
  const b = await join('manager.b#2');
  return {
    hosts: [a, b],
    join,
    elapse: (us) => drive.elapse(us),
    settle: (promise) => drive.settle(promise),
    restartBroker: async () => {
      broker.restart(100_000);
      await drive.elapse(150_000);
    },
    payloadBytesMax: broker.options.payloadBytesMax,
    close: async () => undefined,
  };
}

describeBus('simulated, one replica', { open: () => open(1, undefined) });
describeBus('simulated, three replicas', { open: () => open(3, undefined) });
describeBus('simulated, slow link', { open: () => open(3, slowLink(1)) });

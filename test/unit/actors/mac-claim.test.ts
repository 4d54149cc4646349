/** Who has a MAC when several start with it: the inventory's compare-and-set decides, on a bus that loses answers too. */
import { describe, expect, it } from 'vitest';
import { claimMac } from '../../../actors/mac-claim.ts';
import { type SimPorts, SimWorld } from '../../../infra/sim/world.ts';
import type { EcuDescription } from '../../../src/domain/model/ecu.ts';
import { fleetStreams } from '../../../src/domain/protocol/streams.ts';

const MAC = '02aa00000001';

const description = (pid: number, incarnation = 1): EcuDescription => ({
  mac: MAC,
  incarnation,
  name: MAC,
  ecuClass: 'default',
  resourceKind: 'cpu',
  cores: 1,
  memoryBytes: 1,
  capabilities: [],
  labels: {},
  runtimes: ['wasm'],
  bridge: { bootId: 'b', pid, startTicks: 1 },
  supervisor: undefined,
  heartbeatIntervalUs: 100_000,
  version: 'test',
});

async function world(count: number) {
  const sim = new SimWorld({ seed: 3, streams: fleetStreams({ shardCount: 1 }) });
  const ports: SimPorts[] = [];
  for (let number = 0; number < count; number++) {
    const id = `bridge.${number}`;
    sim.add({ id, boot: (process) => void sim.portsOf(process).then((given) => ports.push(given)) });
    sim.host(id).start();
  }
  const elapse = (us: number) => sim.run({ untilUs: sim.scheduler.nowUs() + us });
  await elapse(100_000);
  const done = async <T>(promise: Promise<T>): Promise<T> => {
    await elapse(20_000_000);
    return promise;
  };
  const claim = async ({ inventory, clock }: SimPorts, pid: number, incarnation = 1) =>
    claimMac(inventory, description(pid, incarnation), { seen: await inventory.read(MAC), nonce: `n${pid}`, clock });
  return { sim, ports, done, claim };
}

describe('a MAC', () => {
  it('that several claim at once is one of theirs, and the entry says whose', async () => {
    const { ports, done, claim } = await world(5);
    const won = await done(Promise.all(ports.map((port, pid) => claim(port, pid))));
    expect(won.filter(Boolean)).toHaveLength(1);
    const entry = await done((ports[0] as SimPorts).inventory.read(MAC));
    expect(entry.description?.bridge.pid).toBe(won.indexOf(true));
  });

  it('is claimed at once after the one that had it has died, also by a disk that knows of no earlier start', async () => {
    const { ports, done, claim } = await world(2);
    const [first, second] = ports as [SimPorts, SimPorts];
    expect(await done(claim(first, 1, 7))).toBe(true);
    expect(await done(claim(second, 2, 8))).toBe(true);
    expect(await done(claim(first, 3, 1))).toBe(true);
  });

  it('whose claim was written while its answer was lost is known for one\u2019s own', async () => {
    const { sim, ports, done } = await world(1);
    const [only] = ports as [SimPorts];
    const seen = await done(only.inventory.read(MAC));
    const claimed = claimMac(only.inventory, description(1), { seen, nonce: 'n1', clock: only.clock });
    // The append reaches the broker; nothing comes back until the link is healed.
    sim.broker.link('bridge.0').partition({ down: true });
    sim.scheduler.after(2_000_000, () => sim.broker.link('bridge.0').heal());
    expect(await done(claimed)).toBe(true);
    expect((await done(only.inventory.read(MAC))).position).toBe(1);
  });
});

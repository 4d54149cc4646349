/**
 * The metrics agent in the simulated world: on its bridge, beside its heartbeats, through losses of connection and deaths; and an ECU whose
 * simulated sensors follow what its tasks do.
 */
import { describe, expect, it } from 'vitest';
import { MetricsAgent, type MetricsAgentParts, type SampledTask } from '../../actors/metrics-agent.ts';
import type { SimProcess } from '../../infra/sim/host.ts';
import { SimWorld } from '../../infra/sim/world.ts';
import { FleetWorld, macOf } from '../../src/app/simulation/fleet-world.ts';
import { hostOf } from '../../src/app/simulation/simulated-ecu.ts';
import type { Metric } from '../../src/domain/metrics/kinds.ts';
import { type EcuSample, MetricColumns } from '../../src/domain/metrics/sample.ts';
import { SENSOR_PROFILES } from '../../src/domain/metrics/sensor-profile.ts';
import { TaskCounters } from '../../src/domain/metrics/task-counters.ts';
import { decodeEcuSample } from '../../src/domain/protocol/codec-metrics.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import { ecuSubject, streams } from '../../src/domain/protocol/subjects.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { MetricsSource } from '../../src/ports/metrics-source.ts';

const MAC = '02aa00000001';
const NAMES = { shardCount: 1 };
const SECOND_US = 1_000_000;

const sampleIn = (payload: Uint8Array): EcuSample => {
  const decoded = decodeEcuSample(payload);
  if (!decoded.ok) throw new Error(decoded.error.sentence);
  return decoded.value.body;
};
const metricOf = ({ values }: EcuSample, metric: Metric): number => {
  const columns = new MetricColumns();
  columns.values.set(values);
  return columns.get(metric);
};

async function world(options: { readonly streams?: boolean } = {}) {
  const sim = new SimWorld({ seed: 1, streams: options.streams === false ? [] : fleetStreams(NAMES) });
  const hosts: MetricsAgentParts['host'][] = [];
  for (const id of ['bridge.x', 'reader']) {
    sim.add({
      id,
      boot: (process) =>
        void sim.portsOf(process).then((ports) => hosts.push(hostOf({ id, incarnation: 1, names: NAMES, ports }))),
    });
    sim.host(id).start();
  }
  const elapse = (us: number) => sim.run({ untilUs: sim.scheduler.nowUs() + us });
  await elapse(100_000);
  const [host, reader] = [hosts.find(({ id }) => id === 'bridge.x'), hosts.find(({ id }) => id === 'reader')];
  if (host === undefined || reader === undefined) throw new Error('both have started');
  const heard: EcuSample[] = [];
  const kept: EcuSample[] = [];
  reader.bus.subscribe(ecuSubject.allMetrics, ({ payload }) => heard.push(sampleIn(payload)));
  const consumed = { filter: ecuSubject.allMetricsKept, from: 1 } as const;
  if (options.streams !== false)
    void reader.bus.consume(streams.metrics, consumed, ({ payload }) => kept.push(sampleIn(payload)));
  await elapse(100_000);
  const agentWith = (parts: Partial<MetricsAgentParts>) =>
    new MetricsAgent({
      host,
      mac: MAC,
      resourceKind: 'cpu',
      cores: 2,
      plan: { everyUs: 100_000, keptEveryUs: SECOND_US },
      openSources: () => [],
      tasks: () => [],
      ...parts,
    });
  return { sim, elapse, host, heard, kept, agentWith };
}

const source = (read: MetricsSource['read'], close = (): void => {}): MetricsSource => ({
  name: 'scripted',
  metrics: ['cpu.load', 'temperature'],
  read,
  close,
});

const task = (name: string): SampledTask & { readonly instance: { readonly totals: TaskCounters } } => ({
  instance: { spec: { name }, epoch: 4, totals: new TaskCounters(), state: { inputsWaiting: 2 } },
});

describe('the metrics agent', () => {
  it('publishes samples in a row, with their times, and keeps one a second', async () => {
    const { elapse, heard, kept, agentWith } = await world();
    const agent = agentWith({ openSources: () => [source((into) => into.set('cpu.load', 0.25))] });
    agent.start();
    await elapse(5 * SECOND_US);
    agent.stop();
    await elapse(SECOND_US);
    expect(heard.length).toBeGreaterThan(45);
    expect(heard.map(({ sequence }) => sequence)).toEqual(heard.map((_, at) => at + 1));
    for (const [at, sample] of heard.entries()) {
      expect(sample).toMatchObject({ mac: MAC, incarnation: 1, everyUs: 100_000, resourceKind: 'cpu' });
      expect(sample.atUs - (heard[at - 1]?.atUs ?? sample.atUs - 100_000)).toBe(100_000);
      expect(metricOf(sample, 'cpu.load')).toBe(0.25);
    }
    expect(kept.length).toBe(5);
    expect(kept.map(({ sequence }) => sequence)).toEqual([1, 11, 21, 31, 41]);
  });

  it('opens its sources with the first sample, closes them when it stops, and asks no more', async () => {
    const { elapse, agentWith } = await world();
    const calls: string[] = [];
    const openSources = () => {
      calls.push('open');
      return [
        source(
          () => calls.push('read'),
          () => calls.push('close'),
        ),
      ];
    };
    const agent = agentWith({ openSources, plan: { everyUs: SECOND_US, keptEveryUs: 0 } });
    agent.start();
    expect(calls).toEqual([]);
    await elapse(2_500_000);
    agent.stop();
    await elapse(5 * SECOND_US);
    expect(calls[0]).toBe('open');
    expect(calls.at(-1)).toBe('close');
    expect(calls.slice(1, -1).every((call) => call === 'read')).toBe(true);
    expect(calls.length).toBeGreaterThan(2);
  });

  it('tells what the tasks took: their share of the cores, and worst cases of both sorts of samples', async () => {
    const { elapse, heard, kept, agentWith } = await world();
    const [one, two] = [task('pid'), task('kalman')];
    // Together 50 ms in each 100 ms: a quarter of two cores. Every second job is a slow one, in between kept samples too.
    let round = 0;
    const busy = source(() => {
      for (const { instance } of [one, two]) {
        const slow = round % 5 === 1 ? 20_000 : 0;
        instance.totals.jobDone({ executionUs: 25_000 - slow, fuelUsed: 7, responseUs: 900, deadlineUs: 800 });
        if (slow > 0) instance.totals.jobDone({ executionUs: slow, fuelUsed: 7, responseUs: 700, deadlineUs: 800 });
      }
      round++;
    });
    const agent = agentWith({ openSources: () => [busy], tasks: () => [one, two] });
    agent.start();
    await elapse(3 * SECOND_US);
    agent.stop();
    expect(metricOf(heard[0] as EcuSample, 'tasks.load')).toBeNaN();
    for (const sample of heard.slice(2)) expect(metricOf(sample, 'tasks.load')).toBeCloseTo(0.25, 9);
    expect(heard.at(-1)?.tasks.map(({ task: name, epoch, inputsBehind }) => [name, epoch, inputsBehind])).toEqual([
      ['pid', 4, 2],
      ['kalman', 4, 2],
    ]);
    const flying = new Set(heard.slice(1).map(({ tasks }) => tasks[0]?.executionUsMax));
    expect(flying).toEqual(new Set([20_000, 25_000]));
    for (const sample of kept.slice(1)) expect(sample.tasks[0]).toMatchObject({ executionUsMax: 25_000, responseUsMax: 900 });
    const last = heard.at(-1)?.tasks[0];
    expect(last?.misses).toBe(heard.length);
    expect(last?.responses).toBe(last?.jobs);
  });

  it('M2: what was true while the broker was away is said to nobody; afterwards it goes on', async () => {
    const { sim, elapse, host, heard, agentWith } = await world();
    const agent = agentWith({});
    agent.start();
    await elapse(SECOND_US);
    sim.broker.link('bridge.x').partition();
    await elapse(30 * SECOND_US);
    expect(host.bus.connected()).toBe(false);
    const before = heard.length;
    sim.broker.link('bridge.x').heal();
    await elapse(30 * SECOND_US);
    const [last, next] = [heard[before - 1] as EcuSample, heard[before] as EcuSample];
    expect(next.sequence - last.sequence).toBeGreaterThan(100);
    expect(next.atUs - last.atUs).toBeGreaterThan(10 * SECOND_US);
    expect(heard.length - before).toBeGreaterThan(100);
  });

  it('M1: samples that take long are taken less often, and say so', async () => {
    const { elapse, host, heard, agentWith } = await world();
    // A source that takes 30 ms of the 100: the clock of this agent alone goes on while it is read.
    let spentUs = 0;
    const clock: Clock = {
      monotonicUs: () => host.clock.monotonicUs() + spentUs,
      wallUs: () => host.clock.wallUs(),
      after: (delayUs, run) => host.clock.after(delayUs, run),
    };
    const slow = source(() => {
      spentUs += 30_000;
    });
    const agent = agentWith({ host: { ...host, clock }, openSources: () => [slow] });
    agent.start();
    await elapse(20 * SECOND_US);
    agent.stop();
    expect(heard[0]?.everyUs).toBe(100_000);
    expect(heard.at(-1)?.everyUs).toBeGreaterThan(250_000);
    expect(heard.at(-1)?.everyUs).toBeLessThanOrEqual(300_000);
    expect(host.counters.read()['metrics.stretched']).toBeGreaterThan(5);
  });

  it('M4: a broker that keeps nothing costs no sample', async () => {
    const { elapse, host, heard, agentWith } = await world({ streams: false });
    const agent = agentWith({});
    agent.start();
    await elapse(10 * SECOND_US);
    agent.stop();
    expect(heard.length).toBeGreaterThan(90);
    expect(host.counters.read()['metrics.notKept']).toBe(1);
  });

  it('what a sensor makes up is taken out, and named', async () => {
    const { elapse, heard, agentWith } = await world();
    let at = 0;
    const lying = source((into) => into.set('temperature', at++ % 3 === 2 ? 255 : 40));
    const agent = agentWith({ openSources: () => [lying] });
    agent.start();
    await elapse(SECOND_US);
    agent.stop();
    const column = 4;
    expect(heard.slice(0, 6).map(({ qualities }) => qualities[column])).toEqual([1, 1, 3, 1, 1, 3]);
    expect(metricOf(heard[2] as EcuSample, 'temperature')).toBeNaN();
  });
});

describe('a simulated ECU', () => {
  const mac = macOf(1);
  const ecu = (sensors: keyof typeof SENSOR_PROFILES, more = {}) => ({
    mac,
    metrics: { everyUs: 200_000, keptEveryUs: SECOND_US, sensors: { ...SENSOR_PROFILES[sensors], ...more } },
  });

  async function lived(plans: ConstructorParameters<typeof FleetWorld>[0]['ecus'], untilUs: number) {
    const fleet = new FleetWorld({ seed: 11, ecus: plans, managers: [{ name: 'm1' }] });
    const samples: EcuSample[] = [];
    fleet.start();
    let bus: Bus | undefined;
    const boot = (process: SimProcess): void =>
      void fleet.world.portsOf(process).then((ports) => {
        bus = ports.bus;
      });
    fleet.world.add({ id: 'watcher', boot });
    fleet.world.host('watcher').start();
    await fleet.world.run({ untilUs: 200_000 });
    if (bus === undefined) throw new Error('the watcher has started');
    bus.subscribe(ecuSubject.allMetrics, ({ payload }) => samples.push(sampleIn(payload)));
    await fleet.world.run({ untilUs });
    return { fleet, samples };
  }

  it('heats up where its cooling fails, and its heartbeats go on; one without metrics is silent', async () => {
    const { fleet, samples } = await lived([ecu('heating', { after: 5 }), { mac: macOf(2) }], 60 * SECOND_US);
    const temperatures = samples.map((sample) => metricOf(sample, 'temperature'));
    expect(samples.length).toBeGreaterThan(250);
    expect(new Set(samples.map((sample) => sample.mac))).toEqual(new Set([mac]));
    expect(temperatures.at(-1)).toBeGreaterThan((temperatures[0] ?? 0) + 20);
    for (const [at, sample] of samples.entries()) {
      expect(metricOf(sample, 'power')).toBeGreaterThan(4);
      if (at > 0) expect(sample.atUs).toBeGreaterThan(samples[at - 1]?.atUs ?? 0);
    }
    expect(fleet.ecus.get(mac)?.bridge).toBeDefined();
    expect(fleet.world.judges.violations).toEqual([]);
  });

  it('the same seed gives the same samples', async () => {
    const [one, two] = [await lived([ecu('ageing')], 5 * SECOND_US), await lived([ecu('ageing')], 5 * SECOND_US)];
    expect(one.samples.length).toBeGreaterThan(15);
    expect(one.samples).toEqual(two.samples);
  });
});

/** Job records: batched, in order, bounded, and never in a job's way. */
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../actors/host.ts';
import { JobRecorder } from '../../../actors/job-recorder.ts';
import { SimWorld } from '../../../infra/sim/world.ts';
import { hostOf } from '../../../src/app/simulation/simulated-ecu.ts';
import type { JobJournal, JobRecord } from '../../../src/domain/model/job.ts';
import { decodeJobJournal } from '../../../src/domain/protocol/codec-job.ts';
import { fleetStreams } from '../../../src/domain/protocol/streams.ts';
import { ecuSubject } from '../../../src/domain/protocol/subjects.ts';

const MAC = '02aa00000001';
const NAMES = { shardCount: 1 };

const record = (jobNumber: number): JobRecord => ({
  kind: 'started',
  task: 'alpha',
  epoch: 1,
  jobNumber,
  inputKind: 'tick',
  inputNumber: jobNumber,
  releasedAtUs: jobNumber,
  startedAtUs: jobNumber,
});

async function world() {
  const sim = new SimWorld({ seed: 1, streams: fleetStreams(NAMES) });
  const hosts: Host[] = [];
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
  const [bridge, reader] = [hosts.find(({ id }) => id === 'bridge.x'), hosts.find(({ id }) => id === 'reader')];
  if (bridge === undefined || reader === undefined) throw new Error('both have started');
  const heard: JobJournal[] = [];
  reader.bus.subscribe(ecuSubject.allJobs, ({ payload }) => {
    const journal = decodeJobJournal(payload);
    if (!journal.ok) throw new Error(journal.error.sentence);
    heard.push(journal.value.body);
  });
  await elapse(10_000);
  return { sim, elapse, bridge, heard, recorder: new JobRecorder({ host: bridge, mac: MAC }) };
}

const numbers = (heard: readonly JobJournal[]) => heard.flatMap(({ records }) => records.map(({ jobNumber }) => jobNumber));
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('job records', () => {
  it('go out together and in order, with the incarnation whose clock they are of', async () => {
    const { elapse, heard, recorder } = await world();
    for (const number of upTo(600)) recorder.note(record(number));
    await elapse(1_000_000);
    expect(heard.length).toBeLessThan(5);
    expect(heard[0]).toMatchObject({
      mac: MAC,
      incarnation: 1,
      records: [record(1), { jobNumber: 2 }, ...Array(254).fill({})],
    });
    expect(numbers(heard)).toEqual(upTo(600));
  });

  it('wait for the broker up to a bound; what is above it is dropped and counted', async () => {
    const { sim, elapse, bridge, heard, recorder } = await world();
    sim.broker.link('bridge.x').partition();
    await elapse(30_000_000);
    expect(bridge.bus.connected()).toBe(false);
    for (const number of upTo(8_200)) recorder.note(record(number));
    expect(bridge.counters.read()['jobs.recordsDropped']).toBe(8);
    await elapse(1_000_000);
    expect(heard).toEqual([]);
    sim.broker.link('bridge.x').heal();
    await elapse(30_000_000);
    expect(numbers(heard)).toEqual(upTo(8_192));
  });

  it('that still wait when the bridge leaves are sent before it does', async () => {
    const { elapse, heard, recorder } = await world();
    for (const number of upTo(3)) recorder.note(record(number));
    recorder.stop();
    await elapse(10_000);
    expect(numbers(heard)).toEqual([1, 2, 3]);
  });
});

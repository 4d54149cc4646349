/**
 * A fleet that learns, in the simulated world: a bridge that watches and reports, managers that train, publish and take what was published; races,
 * restarts, and files that are not what their entry says. Training is the real one but for TensorFlow, which has no place in simulated time.
 */
import { describe, expect, it } from 'vitest';
import { FleetAdviser } from '../../actors/fleet-adviser.ts';
import { FleetLearner, type FleetLearnerParts } from '../../actors/fleet-learner.ts';
import type { Host } from '../../actors/host.ts';
import { type LearnedTask, OutcomeWatch } from '../../actors/outcome-watch.ts';
import { encodeModel } from '../../infra/learned/model-file.ts';
import { SimWorld } from '../../infra/sim/world.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { openModelBoard } from '../../src/app/learn/open-model-board.ts';
import { trainModel } from '../../src/app/learn/train-model.ts';
import { tune } from '../../src/app/learn/tune.ts';
import { hostOf } from '../../src/app/simulation/simulated-ecu.ts';
import { encodeHead, type ModelHead } from '../../src/domain/learn/fleet/model-head.ts';
import type { OutcomeReport, OutcomeRow } from '../../src/domain/learn/fleet/outcome.ts';
import { TaskCounters } from '../../src/domain/metrics/task-counters.ts';
import { decodeOutcomeReport } from '../../src/domain/protocol/codec-learn.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import { bucket, buckets, learnSubject, streams } from '../../src/domain/protocol/subjects.ts';
import type { FineTuner } from '../../src/ports/fine-tuner.ts';
import type { Trainer } from '../../src/ports/trainer.ts';
import { labelledSets } from '../support/learn-sets.ts';
import { drawnRows, encodedReport, reportOf } from '../support/outcome-rows.ts';
import { plainTrainer } from '../support/plain-trainer.ts';

const MAC = '02aa00000001';
const NAMES = { shardCount: 1 };
const SECOND_US = 1_000_000;
const EVERY_US = 2 * SECOND_US;
const TIMEOUT_US = 2_000_000;

const given = async (): Promise<Uint8Array> =>
  encodeModel(
    await trainModel(labelledSets(3, 600), {
      ...{ network: 'fnn', cell: 'gru', reads: 'demand', widths: [8], epochs: 6, seed: 1 },
      trainer: async () => plainTrainer,
    }),
  );

const tunerOf = (trainer: Trainer = plainTrainer): FineTuner => ({
  tune: (request) => tune(request, async () => trainer),
  close: async () => {},
});

async function world() {
  const sim = new SimWorld({ seed: 1, streams: fleetStreams(NAMES) });
  const hosts = new Map<string, Host>();
  for (const id of ['manager.m1', 'manager.m2', 'bridge.x']) {
    sim.add({
      id,
      boot: (process) =>
        void sim.portsOf(process).then((ports) => hosts.set(id, hostOf({ id, incarnation: 1, names: NAMES, ports }))),
    });
    sim.host(id).start();
  }
  const elapse = (us: number) => sim.run({ untilUs: sim.scheduler.nowUs() + us });
  await elapse(100_000);
  const host = (id: string): Host => hosts.get(id) as Host;
  let sequence = 0;
  const report = (rows: readonly OutcomeRow[]): void => {
    const bytes = encodedReport(host('bridge.x'), reportOf(MAC, rows, { sequence: ++sequence }));
    void host('bridge.x').bus.append(learnSubject.of(MAC), bytes, { timeoutUs: TIMEOUT_US });
  };
  const headNow = async (): Promise<ModelHead> => {
    let head: ModelHead | undefined;
    void openModelBoard(host('bridge.x'))
      .read()
      .then((found) => {
        head = found.head;
      });
    await elapse(SECOND_US);
    if (head === undefined) throw new Error('the head was not read');
    return head;
  };
  const learnerOf = async (manager: string, more: Partial<FleetLearnerParts> = {}) => {
    const at = host(`manager.${manager}`);
    const learner = new FleetLearner({
      ...{ host: at, manager, board: openModelBoard(at), tuner: tunerOf() },
      ...{ policy: { setsLeast: 24, everyUs: EVERY_US }, rank: () => 0, given: await given() },
      ...more,
    });
    void learner.start();
    return learner;
  };
  const adviserOf = (manager: string): FleetAdviser => {
    const at = host(`manager.${manager}`);
    const adviser = new FleetAdviser({ host: at, board: openModelBoard(at), given: undefined });
    void adviser.start();
    return adviser;
  };
  return { sim, elapse, host, report, headNow, learnerOf, adviserOf };
}

describe('a fleet that learns', () => {
  it('trains when enough was reported, publishes, and every manager and bridge goes over to the new version', async () => {
    const { elapse, host, report, headNow, learnerOf, adviserOf } = await world();
    const advisers = ['m1', 'm2'].map(adviserOf);
    const learner = await learnerOf('m1');
    report(drawnRows(1, 20));
    await elapse(10 * EVERY_US);
    expect(learner.told()).toEqual({ training: false, sets: 20, setsLeast: 24, rank: 0 });
    expect((await headNow()).versions).toEqual([]);
    expect(advisers[0]?.current()).toBeUndefined();

    report(drawnRows(2, 40));
    await elapse(10 * EVERY_US);
    const { versions, learnedUpTo } = await headNow();
    expect(versions).toMatchObject([{ number: 1, by: 'm1', scheduling: 'fp', rows: 60, drawn: 2_000 }]);
    const [first] = versions;
    expect((first?.sets ?? 0) + (first?.heldBack ?? 0)).toBe(60);
    expect(first?.accuracy).toBeGreaterThanOrEqual(first?.parentAccuracy ?? 1);
    expect(learnedUpTo).toBe(2);
    const name = `v1 ${first?.digest.slice(0, 8)}`;
    for (const adviser of advisers) expect(adviser.told()).toEqual({ advisedBy: name });

    // Nothing new, no new training: not by this manager, and not by one that starts only now.
    await learner.stop();
    const restarted = await learnerOf('m1');
    report(drawnRows(2, 40));
    await elapse(10 * EVERY_US);
    expect(host('manager.m1').counters.read()['learn.trained']).toBe(1);
    expect(restarted.told().sets).toBe(60);

    report(drawnRows(4, 40));
    await elapse(10 * EVERY_US);
    const after = await headNow();
    expect([...after.versions, ...after.attempts].length).toBe(2);
    expect(host('manager.m1').counters.read()['learn.trained']).toBe(2);
  });

  it('has one version of two managers that train at the same time, and the second waits for the first otherwise', async () => {
    const { elapse, host, report, headNow, learnerOf } = await world();
    const both = [await learnerOf('m1'), await learnerOf('m2')];
    report(drawnRows(1, 60));
    await elapse(10 * EVERY_US);
    expect((await headNow()).versions.length).toBe(1);
    const counted = ['m1', 'm2'].map((manager) => host(`manager.${manager}`).counters.read());
    const sum = (name: string): number => counted.reduce((total, counters) => total + (counters[name] ?? 0), 0);
    expect([sum('learn.trained'), sum('learn.published'), sum('learn.lostRace')]).toEqual([2, 1, 1]);
    for (const learner of both) await learner.stop();

    const [m1, m2] = [await learnerOf('m1', { rank: () => 1 }), await learnerOf('m2')];
    report(drawnRows(5, 60));
    await elapse(10 * EVERY_US);
    const { versions, attempts } = await headNow();
    expect([...attempts, ...versions.filter(({ number }) => number > 1)].map(({ by }) => by)).toEqual(['m2']);
    expect(host('manager.m1').counters.read()['learn.trained']).toBe(1);
    for (const learner of [m1, m2]) await learner.stop();
    // The first has gone: the second does not wait for ever.
    const alone = await learnerOf('m1', { rank: () => 1 });
    report(drawnRows(6, 60));
    await elapse(10 * EVERY_US);
    expect(host('manager.m1').counters.read()['learn.trained']).toBe(2);
    await alone.stop();
  });

  it('publishes nothing that is worse on what was held back, and says so', async () => {
    const { elapse, host, report, headNow, learnerOf, adviserOf } = await world();
    const adviser = adviserOf('m2');
    // Says the opposite of what its parent says.
    const contrary: Trainer = {
      ...plainTrainer,
      train: ({ architecture, parameters }) => {
        const turned = parameters.slice();
        const last = (architecture.widths.at(-1) ?? 0) + 1;
        for (let at = turned.length - last; at < turned.length; at++) turned[at] = -(turned[at] as number);
        return Promise.resolve(turned);
      },
    };
    await learnerOf('m1', { tuner: tunerOf(contrary) });
    report(drawnRows(1, 60));
    await elapse(20 * EVERY_US);
    const { versions, attempts, learnedUpTo } = await headNow();
    expect(versions).toEqual([]);
    expect(attempts).toMatchObject([{ by: 'm1', why: expect.stringContaining('its parent about') }]);
    expect(learnedUpTo).toBe(1);
    expect(host('manager.m1').counters.read()).toMatchObject({ 'learn.trained': 1, 'learn.attemptsRefused': 1 });
    expect(adviser.current()).toBeUndefined();
  });

  it('keeps the version it has when what follows is forged, cut short, older or of another sort, and trains on from sound ones', async () => {
    const { elapse, host, report, headNow, learnerOf, adviserOf } = await world();
    const adviser = adviserOf('m2');
    const learner = await learnerOf('m1');
    report(drawnRows(1, 60));
    await elapse(10 * EVERY_US);
    await learner.stop();
    const head = await headNow();
    const [first] = head.versions;
    if (first === undefined) throw new Error('a first version was published');
    const name = `v1 ${first.digest.slice(0, 8)}`;
    expect(adviser.told()).toEqual({ advisedBy: name });

    const put = async (key: string, bytes: Uint8Array): Promise<void> => {
      void host('bridge.x').bus.append(bucket.entry(buckets.learned, key), bytes, { timeoutUs: TIMEOUT_US });
      await elapse(5 * SECOND_US);
    };
    const file = await given();
    const say = async (bytes: Uint8Array, digest = systemHasher.hex(bytes)): Promise<string | undefined> => {
      await put('model.x.0', bytes);
      const second = { ...first, number: 2, digest, parent: first.digest, key: 'model.x.0', bytes: bytes.length };
      await put('head', encodeHead({ ...head, versions: [second, first] }));
      expect(adviser.told().advisedBy).toBe(name);
      return adviser.told().refused;
    };
    expect(await say(file, 'ab'.repeat(32))).toContain('has another digest than its entry says');
    expect(await say(file.subarray(0, 900))).toContain('is damaged or cut short');
    const newer = file.slice();
    newer[8] = 9;
    systemHasher.digestInto(newer.subarray(0, -32), newer, newer.length - 32);
    expect(await say(newer)).toContain('is of version 9, this build reads 2');
    const wide = await trainModel(labelledSets(3, 60), {
      ...{ network: 'fnn', cell: 'gru', reads: 'demand', widths: [200, 200], epochs: 1, seed: 1 },
      trainer: async () => plainTrainer,
    });
    expect(await say(encodeModel(wide))).toContain('a bridge learns on with');
    await put('head', new TextEncoder().encode('{"version":1,"versions":"none"}'));
    expect(adviser.told()).toMatchObject({
      advisedBy: name,
      refused: expect.stringContaining('does not say what was learned'),
    });
    expect(host('manager.m2').counters.read()['learn.modelRefused']).toBe(5);

    // A version whose file is gone is followed by one that begins as the first did.
    await say(file, 'cd'.repeat(32));
    await learnerOf('m1');
    report(drawnRows(7, 80));
    await elapse(10 * EVERY_US);
    const { versions } = await headNow();
    expect(versions[0]).toMatchObject({ number: 3, by: 'm1' });
    expect(versions[0]?.parent).toBeUndefined();
    expect(adviser.told()).toEqual({ advisedBy: `v3 ${versions[0]?.digest.slice(0, 8)}` });
  });
});

describe('a bridge that watches', () => {
  const running = (totals: TaskCounters, { lane }: { readonly lane: number | undefined } = { lane: 0 }): LearnedTask => ({
    instance: {
      spec: { wcetUs: 1_000, periodUs: 10_000, deadlineUs: 10_000, priority: 1 },
      ...{ lane, totals, state: { phase: 'running', pauseWanted: false, inputsWaiting: 0 } },
    },
  });
  const works = (totals: TaskCounters, jobs: number, responseUs = 2_000): void => {
    for (let job = 0; job < jobs; job++) totals.jobDone({ executionUs: 900, fuelUsed: 1, responseUs, deadlineUs: 10_000 });
  };

  async function bridge(tasks: LearnedTask[]) {
    const { sim, elapse, host, report, learnerOf } = await world();
    const at = host('bridge.x');
    const parts = {
      host: at,
      mac: MAC,
      ecu: { cores: 2, scheduling: { scheduler: 'fp' } as const },
      windowUs: SECOND_US,
      board: openModelBoard(at),
    };
    const watch = new OutcomeWatch({ ...parts, tasks: () => tasks });
    const reports: OutcomeReport[] = [];
    const read = { filter: learnSubject.all, from: 1 } as const;
    void host('manager.m2').bus.consume(streams.learning, read, ({ payload }) => {
      const decoded = decodeOutcomeReport(payload);
      if (!decoded.ok) throw new Error(decoded.error.sentence);
      reports.push(decoded.value.body);
    });
    void watch.start();
    await elapse(100_000);
    return { sim, elapse, host, report, learnerOf, watch, reports, counters: () => at.counters.read() };
  }

  it('reports each outcome of a set once, and again with what was counted in between', async () => {
    const totals = new TaskCounters();
    const alone = new TaskCounters();
    const { elapse, reports, watch, counters } = await bridge([running(totals), running(alone, { lane: undefined })]);
    for (let second = 0; second < 70; second++) {
      works(totals, 100);
      works(alone, 100, 50_000);
      await elapse(SECOND_US);
    }
    const rows = reports.flatMap((one) => one.rows);
    // What runs in a thread of its own is of no lane.
    expect(rows).toMatchObject([
      { lane: 0, outcome: 'met', exact: 'yes', windows: 1, tasks: [{ wcetUs: 1_000, isMeasured: false }] },
      { lane: 0, outcome: 'met', windows: 60 },
    ]);
    expect(reports[0]).toMatchObject({ mac: MAC, incarnation: 1, scheduling: 'fp', windowUs: SECOND_US });
    works(totals, 1, 10_001);
    await elapse(2 * SECOND_US);
    expect(reports.at(-1)?.rows).toMatchObject([{ outcome: 'missed', misses: 1 }]);
    watch.stop();
    const before = counters()['learn.windows'];
    await elapse(10 * SECOND_US);
    expect(counters()['learn.windows']).toBe(before);
  });

  it('says nothing of a time in which its broker was away, and goes on afterwards', async () => {
    const totals = new TaskCounters();
    const { sim, elapse, reports } = await bridge([running(totals)]);
    sim.broker.link('bridge.x').partition();
    works(totals, 100, 90_000);
    await elapse(30 * SECOND_US);
    sim.broker.link('bridge.x').heal();
    await elapse(30 * SECOND_US);
    const before = reports.flatMap((one) => one.rows).length;
    for (let second = 0; second < 4; second++) {
      works(totals, 100);
      await elapse(SECOND_US);
    }
    expect(reports.flatMap((one) => one.rows).slice(before)).toMatchObject([{ outcome: 'met' }]);
  });

  it('learns on from each version that is published, and its bounds stay', async () => {
    const totals = new TaskCounters();
    const { elapse, reports, report, learnerOf } = await bridge([running(totals)]);
    await learnerOf('m1');
    report(drawnRows(1, 60));
    await elapse(10 * EVERY_US);
    works(totals, 100, 90_000);
    await elapse(3 * SECOND_US);
    const ofBridge = reports.filter(({ learner }) => learner.version === 1);
    expect(ofBridge.at(-1)?.learner).toMatchObject({ version: 1, learned: 1 });
    expect(ofBridge.at(-1)?.learner.stateBytes).toBeGreaterThan(10_000);
  });
});

/**
 * `drover chaos --scenario`: a real fleet in which one ECU (real processes, simulated sensors) gets into trouble and is killed with SIGKILL when it would
 * have died; once with predictors and once without, the same tasks, the same inputs, and load for the same time.
 *
 *   start → tasks on the ECU that will die → load → it dies → load until its time is over → rest → judge, as every chaos run
 */
import { type Host, pause } from '../../../actors/host.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { type ResourceState, resourceState } from '../../domain/metrics/resource-kinds.ts';
import { SENSOR_PROFILES } from '../../domain/metrics/sensor-profile.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { decodeEcuSample } from '../../domain/protocol/codec-metrics.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import { summarise } from '../../domain/statistics/quantiles.ts';
import type { Cancel } from '../../ports/clock.ts';
import { drainEcu } from '../fleet/fleet-calls.ts';
import { ecuMac, ecuPlans, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import type { PreparedTask } from '../prepare-task.ts';
import { placementAt } from './failover-times.ts';
import { appendLastTick } from './last-tick.ts';
import { startNumberedFeed } from './numbered-feed.ts';
import { Recorder } from './recorder.ts';
import type { Recording } from './recording.ts';
import { everyTaskRuns, until } from './run-chaos.ts';
import { RunsAlone } from './runs-alone.ts';
import type { Scenario } from './scenarios.ts';
import { missedInSilence, silencesOf } from './silences.ts';
import { judge } from './verdict.ts';
import { prepareWorkload, workloadOf } from './workload.ts';

export interface ScenarioOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly ecus: number;
  readonly managers: number;
  readonly tasks: number;
  readonly dataFolder: string;
  readonly say: (sentence: string) => void;
  readonly interrupted: () => boolean;
}

export interface ScenarioHalf {
  /** Of the tasks that ran on the ECU at first: gone by a migration before it died, and there when it did. */
  readonly tasksMovedBefore: number;
  readonly tasksRestoredAfter: number;
  /** Of each change of instance: from the last output of one to the first of the next, a tick's or input's wait included. */
  readonly silenceMs: { readonly p50: number; readonly p99: number };
  /** Deadlines missed while there was load: late at their bridges, and due while nobody ran them (`silences.ts`). */
  readonly misses: number;
  /** Tasks that were moved away from an ECU that nothing befell, or before anything did. */
  readonly falseMoves: number;
  readonly lostOutputs: number;
  readonly duplicateOutputs: number;
  readonly mismatchedTasks: number;
  /** Whether the ECU died as it should, and nothing else was broken. */
  readonly ok: boolean;
}

const DOOMED: Mac = ecuMac(1);
const PLACED_US_MAX = 60_000_000;
const DIES_US_MAX = 120_000_000;
const COOL_DOWN_US = 3_000_000;
const REST_US_MAX = 60_000_000;
const POLL_US = 100_000;

export async function runScenario(options: ScenarioOptions, predicts: boolean): Promise<ScenarioHalf> {
  const { say, interrupted, scenario } = options;
  const workload = workloadOf(options.tasks, createRng(options.seed, scenario.name).stream('workload'));
  const prepared = await prepareWorkload(workload, {
    onProgress: say,
    change: (spec) => ({ ...spec, affinity: { ...spec.affinity, preferredEcus: [DOOMED] } }),
  });
  const plans = ecuPlans(options.ecus).map((plan) => ({
    ...plan,
    simulatedSensors: plan.mac === DOOMED ? scenario.sensors : SENSOR_PROFILES.calm,
  }));
  const fleet = new LocalFleet({
    dataFolder: `${options.dataFolder}/${predicts ? 'with' : 'without'}`,
    ecus: plans,
    managers: managerIds(options.managers),
    predicts,
  });
  try {
    await fleet.start();
    const { host } = fleet.client;
    const recorder = new Recorder({ bus: host.bus, names: host.names });
    await recorder.start();
    const seen = new Samples(host);
    for (const task of prepared.values()) await fleet.deploy(task);
    await until(() => everyTaskRuns(recorder, options.tasks), PLACED_US_MAX, host, interrupted);
    const atFirst = tasksAt(recorder, DOOMED, host.clock.wallUs());
    const foreseen = scenario.moments === undefined ? 'predictors are' : 'predictors and the order to drain it are';
    say(`${atFirst.length} of ${options.tasks} tasks run on the ECU that will die; ${foreseen} ${predicts ? 'on' : 'off'}`);
    seen.beginCounting();
    const began = { wallUs: host.clock.wallUs(), monotonicUs: host.clock.monotonicUs() };
    const feeds = workload.flatMap(({ name, feed }) =>
      feed === undefined ? [] : [startNumberedFeed(host, { task: name, ...feed })],
    );
    const sinceUs = (): number => host.clock.monotonicUs() - began.monotonicUs;
    const died = await trouble(fleet, { options, predicts, seen, sinceUs });
    const killedAtUs = host.clock.wallUs();
    await fleet.kill(DOOMED, 'ecu');
    say(`the ECU is killed after ${(sinceUs() / 1e6).toFixed(1)} s of load, ${scenario.toldOf(seen.state)}`);
    await until(() => false, Math.max(COOL_DOWN_US, scenario.loadUs - sinceUs()), host, interrupted);
    const late = seen.since();
    await Promise.all(feeds.map((feed) => feed.stop()));
    const ticking = workload.filter(({ name }) => (prepared.get(name)?.spec.periodUs ?? 0) > 0);
    await Promise.all(ticking.map(({ name }) => appendLastTick(host, name)));
    const alone = new RunsAlone(recorder);
    await alone.open(prepared);
    const isAtRest = (): boolean => {
      alone.advance();
      return alone.behind().length === 0 && everyTaskRuns(recorder, options.tasks);
    };
    const rests = await until(isAtRest, REST_US_MAX, host, () => false);
    // What arrives after the last expected output would be one too many.
    await pause(host.clock, POLL_US * 3);
    alone.advance();
    seen.stop();
    recorder.stop();
    const verdict = judge(recorder, alone.outputs());
    const stayed = new Set(tasksAt(recorder, DOOMED, killedAtUs));
    const silences = [...recorder.tasks.values()].flatMap((task) => silencesOf(task));
    const { p50, p99 } = summarise(silences.map(({ fromUs, untilUs }) => Math.round((untilUs - fromUs) / 10) / 100));
    const silent = missedIn(recorder, prepared);
    say(`${late.misses} of ${late.responses} jobs were late where they ran, ${silent} were due while nobody ran them`);
    return {
      tasksMovedBefore: atFirst.filter((task) => !stayed.has(task) && leftBy(recorder, task, killedAtUs)).length,
      tasksRestoredAfter: stayed.size,
      silenceMs: { p50, p99 },
      misses: late.misses + silent,
      falseMoves: falseMoves(recorder, began.wallUs + (scenario.moments?.drainUs ?? 0)),
      lostOutputs: verdict.lostOutputs,
      duplicateOutputs: verdict.duplicateOutputs,
      mismatchedTasks: verdict.mismatchedTasks,
      ok: verdict.ok && died && rests,
    };
  } finally {
    await fleet.stop();
  }
}

/** Until it has to die; false: it never did. */
async function trouble(
  fleet: LocalFleet,
  running: {
    readonly options: ScenarioOptions;
    readonly predicts: boolean;
    readonly seen: Samples;
    readonly sinceUs: () => number;
  },
): Promise<boolean> {
  const { options, predicts, seen, sinceUs } = running;
  const { scenario, interrupted, say } = options;
  const { host } = fleet.client;
  const { moments, sensors } = scenario;
  if (moments === undefined) return until(() => scenario.isOver(seen.state, sensors), DIES_US_MAX, host, interrupted);
  const at = (momentUs: number): Promise<boolean> => until(() => sinceUs() >= momentUs, momentUs, host, interrupted);
  await at(moments.drainUs);
  if (predicts) {
    await drainEcu(fleet.client, DOOMED, false);
    say(`the ECU is to be empty; it is switched off ${(moments.offUs - moments.drainUs) / 1e6} s from now`);
  }
  return at(moments.offUs);
}

/** What the ECUs say of themselves: how the one that will die is, and what all instances count. */
class Samples {
  state: ResourceState = NOTHING_MEASURED;
  private readonly counted = new Map<string, { readonly misses: number; readonly responses: number }>();
  private before = { misses: 0, responses: 0 };
  private readonly cancel: Cancel;

  constructor(host: Host) {
    this.cancel = host.bus.subscribe(ecuSubject.allMetrics, ({ payload }) => {
      const decoded = decodeEcuSample(payload);
      if (!decoded.ok) return;
      const sample = decoded.value.body;
      for (const { task, epoch, misses, responses } of sample.tasks)
        this.counted.set(`${sample.mac} ${task} ${epoch}`, { misses, responses });
      if (sample.mac === DOOMED) this.state = resourceState(sample);
    });
  }

  /** What was counted until now does not count. */
  beginCounting(): void {
    this.before = this.sums();
  }

  since(): { readonly misses: number; readonly responses: number } {
    const { misses, responses } = this.sums();
    return { misses: misses - this.before.misses, responses: responses - this.before.responses };
  }

  stop(): void {
    this.cancel();
  }

  private sums(): { readonly misses: number; readonly responses: number } {
    let [misses, responses] = [0, 0];
    for (const one of this.counted.values()) {
      misses += one.misses;
      responses += one.responses;
    }
    return { misses, responses };
  }
}

const NOTHING_MEASURED: ResourceState = {
  ...{ load: undefined, temperatureCelsius: undefined, powerWatts: undefined, memoryUsedBytes: undefined },
  ...{ memoryShare: undefined, wear: undefined, missing: [] },
};

function missedIn(recording: Recording, prepared: ReadonlyMap<TaskName, PreparedTask>): number {
  let missed = 0;
  for (const [name, seen] of recording.tasks) {
    const spec = prepared.get(name)?.spec;
    if (spec !== undefined) missed += missedInSilence(seen, spec);
  }
  return missed;
}

function tasksAt(recording: Recording, mac: Mac, atUs: number): TaskName[] {
  return [...recording.tasks].flatMap(([task, { placements }]) =>
    placementAt(placements, atUs)?.owner?.mac === mac ? [task] : [],
  );
}

const leftBy = (recording: Recording, task: TaskName, atUs: number): boolean =>
  placementAt(recording.tasks.get(task)?.placements ?? [], atUs)?.takenBy?.startsWith('migration/') === true;

/** `knownFromUs`: before this nobody could know. */
function falseMoves(recording: Recording, knownFromUs: number): number {
  let moves = 0;
  for (const { placements } of recording.tasks.values()) {
    for (const [at, { epoch, takenBy, atUs }] of placements.entries()) {
      const before = placements[at - 1];
      if (before === undefined || epoch <= before.epoch || takenBy?.startsWith('migration/') !== true) continue;
      if (before.owner !== undefined && (before.owner.mac !== DOOMED || atUs < knownFromUs)) moves++;
    }
  }
  return moves;
}

/**
 * `drover chaos --scenario thermal`: a real fleet in which one ECU heats up (its processes are real, its sensors simulated) and is killed with
 * SIGKILL when its own thermometer reaches the limit; once with predictors and once without, the same tasks and the same inputs.
 *
 *   start → tasks on the ECU that will die → load → the limit: kill → load → rest → judge, as every chaos run
 */
import { pause } from '../../../actors/host.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { resourceState } from '../../domain/metrics/resource-kinds.ts';
import { SENSOR_PROFILES } from '../../domain/metrics/sensor-profile.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { decodeEcuSample } from '../../domain/protocol/codec-metrics.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import { summarise } from '../../domain/statistics/quantiles.ts';
import { ecuMac, ecuPlans, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { placementAt } from './failover-times.ts';
import { appendLastTick } from './last-tick.ts';
import { startNumberedFeed } from './numbered-feed.ts';
import { Recorder } from './recorder.ts';
import type { Recording } from './recording.ts';
import { everyTaskRuns, until } from './run-chaos.ts';
import { RunsAlone } from './runs-alone.ts';
import { judge } from './verdict.ts';
import { prepareWorkload, workloadOf } from './workload.ts';

export interface ThermalOptions {
  readonly seed: number;
  readonly ecus: number;
  readonly managers: number;
  readonly tasks: number;
  readonly dataFolder: string;
  readonly say: (sentence: string) => void;
  readonly interrupted: () => boolean;
}

export interface ThermalHalf {
  /** Of the tasks that ran on the ECU at first: gone by a migration before it died, and there when it did. */
  readonly tasksMovedBefore: number;
  readonly tasksRestoredAfter: number;
  /** Of each change of instance: from the last output of one to the first of the next, a tick's or input's wait included. */
  readonly silenceMs: { readonly p50: number; readonly p99: number };
  /** Deadline misses that the bridges counted, of all instances. */
  readonly misses: number;
  /** Tasks that were moved away from an ECU that did not heat. */
  readonly falseMoves: number;
  readonly lostOutputs: number;
  readonly duplicateOutputs: number;
  readonly mismatchedTasks: number;
  /** Whether the ECU got to its limit, and nothing else was broken. */
  readonly ok: boolean;
}

/** Its fan fails 8 s after the start; at its limit some 40 s later. */
const HEATING = { ...SENSOR_PROFILES.heating, after: 8, limit: 80 };
const HOT: Mac = ecuMac(1);
const PLACED_US_MAX = 60_000_000;
const HEATED_US_MAX = 90_000_000;
const COOL_DOWN_US = 3_000_000;
const REST_US_MAX = 60_000_000;
const POLL_US = 100_000;

export async function runThermal(options: ThermalOptions, predicts: boolean): Promise<ThermalHalf> {
  const { say, interrupted } = options;
  const workload = workloadOf(options.tasks, createRng(options.seed, 'thermal').stream('workload'));
  const prepared = await prepareWorkload(workload, {
    onProgress: say,
    change: (spec) => ({ ...spec, affinity: { ...spec.affinity, preferredEcus: [HOT] } }),
  });
  const plans = ecuPlans(options.ecus).map((plan) => ({
    ...plan,
    simulatedSensors: plan.mac === HOT ? HEATING : SENSOR_PROFILES.calm,
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
    const misses = new Map<string, number>();
    let celsius = 0;
    const deafen = host.bus.subscribe(ecuSubject.allMetrics, ({ payload }) => {
      const decoded = decodeEcuSample(payload);
      if (!decoded.ok) return;
      const sample = decoded.value.body;
      for (const task of sample.tasks) misses.set(`${sample.mac} ${task.task} ${task.epoch}`, task.misses);
      if (sample.mac === HOT) celsius = resourceState(sample).temperatureCelsius ?? celsius;
    });
    for (const task of prepared.values()) await fleet.deploy(task);
    await until(() => everyTaskRuns(recorder, options.tasks), PLACED_US_MAX, host, interrupted);
    const atFirst = tasksAt(recorder, HOT, host.clock.wallUs());
    say(`${atFirst.length} of ${options.tasks} tasks run on the ECU that heats up; predictors are ${predicts ? 'on' : 'off'}`);
    const feeds = workload.flatMap(({ name, feed }) =>
      feed === undefined ? [] : [startNumberedFeed(host, { task: name, ...feed })],
    );
    const heated = await until(() => celsius >= HEATING.limit, HEATED_US_MAX, host, interrupted);
    const killedAtUs = host.clock.wallUs();
    await fleet.kill(HOT, 'ecu');
    say(`the ECU is killed at ${celsius.toFixed(1)} °C`);
    await until(() => false, COOL_DOWN_US, host, interrupted);
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
    deafen();
    recorder.stop();
    const verdict = judge(recorder, alone.outputs());
    const stayed = new Set(tasksAt(recorder, HOT, killedAtUs));
    const { p50, p99 } = summarise(silencesOf(recorder));
    return {
      tasksMovedBefore: atFirst.filter((task) => !stayed.has(task) && leftBy(recorder, task, killedAtUs)).length,
      tasksRestoredAfter: stayed.size,
      silenceMs: { p50, p99 },
      misses: [...misses.values()].reduce((sum, count) => sum + count, 0),
      falseMoves: falseMoves(recorder),
      lostOutputs: verdict.lostOutputs,
      duplicateOutputs: verdict.duplicateOutputs,
      mismatchedTasks: verdict.mismatchedTasks,
      ok: verdict.ok && heated && rests,
    };
  } finally {
    await fleet.stop();
  }
}

function tasksAt(recording: Recording, mac: Mac, atUs: number): TaskName[] {
  return [...recording.tasks].flatMap(([task, { placements }]) =>
    placementAt(placements, atUs)?.owner?.mac === mac ? [task] : [],
  );
}

const leftBy = (recording: Recording, task: TaskName, atUs: number): boolean =>
  placementAt(recording.tasks.get(task)?.placements ?? [], atUs)?.takenBy?.startsWith('migration/') === true;

/** In ms. */
function silencesOf(recording: Recording): number[] {
  const silences: number[] = [];
  for (const { outputs } of recording.tasks.values()) {
    const said = outputs.filter(({ marker }) => !marker);
    for (const [at, { epoch, atUs }] of said.entries()) {
      const before = said[at - 1];
      if (before !== undefined && before.epoch !== epoch) silences.push(Math.round((atUs - before.atUs) / 10) / 100);
    }
  }
  return silences;
}

function falseMoves(recording: Recording): number {
  let moves = 0;
  for (const { placements } of recording.tasks.values()) {
    for (const [at, { epoch, takenBy }] of placements.entries()) {
      const before = placements[at - 1];
      if (before === undefined || epoch <= before.epoch || takenBy?.startsWith('migration/') !== true) continue;
      if (before.owner !== undefined && before.owner.mac !== HOT) moves++;
    }
  }
  return moves;
}

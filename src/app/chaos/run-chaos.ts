/**
 * One chaos run: a fleet of processes under load, killed by plan, brought to rest, and judged (`verdict.ts`).
 *
 *   start → record → deploy → feed → kill and bring back → stop feeding → last ticks → wait for rest → judge → stop
 *
 * The fleet is at rest when every recorded input has been answered by every output that the task, run alone, gives for it. One
 * that does not come to rest in time has lost what is still missing.
 */
import { pause } from '../../../actors/host.ts';
import type { ReceiveChoice } from '../../domain/checkpoint/receiving.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { LogChoice } from '../compose/process-config.ts';
import { ecuPlans, type FleetEvent, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { DamageStrikes, type DamageSummary } from './damage-strikes.ts';
import { type Failover, failoversOf, type Kill } from './failover-times.ts';
import { type KillChoice, planKills } from './kill-plan.ts';
import { Killer } from './killer.ts';
import { appendLastTick } from './last-tick.ts';
import { startNumberedFeed } from './numbered-feed.ts';
import { Recorder } from './recorder.ts';
import { RunsAlone } from './runs-alone.ts';
import { judge, type Verdict } from './verdict.ts';
import { type ChaosRuntime, prepareWorkload, workloadOf } from './workload.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly ecus: number;
  readonly managers: number;
  readonly tasks: number;
  readonly kills: number;
  readonly kind: KillChoice;
  /** What is damaged between the kills. */
  readonly damage?: 'store' | undefined;
  readonly receive?: ReceiveChoice;
  /** Of all tasks; absent: of every kind. */
  readonly runtime?: ChaosRuntime;
  /** Whether its hosts hand pages over past the server; absent: they do. */
  readonly localPath?: boolean;
  readonly dataFolder: string;
  /** The load goes on for at least this long. */
  readonly durationUs: number;
  readonly spacingUs: number;
  readonly logLevel?: LogChoice['level'];
  readonly say: (sentence: string) => void;
  /** True when a person has had enough: the run is brought to rest and judged as it is. */
  readonly interrupted: () => boolean;
}

export interface ChaosRun {
  readonly kills: readonly Kill[];
  readonly failovers: readonly Failover[];
  readonly verdict: Verdict;
  readonly inputs: number;
  /** Where damage was asked for. */
  readonly damage?: DamageSummary;
}

const PLACED_US_MAX = 60_000_000;
const REST_US_MAX = 60_000_000;
const POLL_US = 100_000;
/** Load before the first kill, so that there are checkpoints to restore from. */
const WARM_UP_US = 1_500_000;
/** Load after the last return, so that a zombie has time to be seen. */
const COOL_DOWN_US = 1_500_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosRun> {
  const rng = createRng(options.seed, 'chaos');
  const workload = workloadOf(options.tasks, rng.stream('workload'), options.runtime);
  const plan = planKills(options, rng);
  const prepared = await prepareWorkload(workload, { onProgress: options.say });
  const incarnations = new Map<Mac, number>();
  let leaving = false;
  const fleet = new LocalFleet({
    dataFolder: options.dataFolder,
    ecus: ecuPlans(options.ecus),
    managers: managerIds(options.managers),
    ...(options.receive === undefined ? {} : { receive: options.receive }),
    localPath: options.localPath,
    ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    onEvent: (event) => {
      if (!leaving) heard(event, incarnations, options.say);
    },
  });
  try {
    await fleet.start();
    const { host } = fleet.client;
    const recorder = new Recorder({ bus: host.bus, names: host.names });
    await recorder.start();
    for (const task of prepared.values()) await fleet.deploy(task);
    await until(() => everyTaskRuns(recorder, options.tasks), PLACED_US_MAX, host, options.interrupted);
    options.say(`${options.tasks} tasks run on ${options.ecus} ECUs, watched by ${options.managers} managers`);
    const feeds = workload.flatMap(({ name, feed }) =>
      feed === undefined ? [] : [startNumberedFeed(host, { task: name, ...feed })],
    );
    const beganUs = host.clock.monotonicUs();
    await until(() => false, WARM_UP_US, host, options.interrupted);
    const strikes =
      options.damage === undefined
        ? undefined
        : new DamageStrikes({ dataFolder: options.dataFolder, fleet, rng: rng.stream('damage'), say: options.say });
    const killer = new Killer({
      fleet,
      ...(strikes === undefined ? {} : { between: () => strikes.strike() }),
      recorder,
      incarnationOf: (mac) => incarnations.get(mac),
      say: options.say,
      stopped: options.interrupted,
    });
    await killer.carryOut(plan);
    await until(() => host.clock.monotonicUs() - beganUs >= options.durationUs, options.durationUs, host, options.interrupted);
    await until(() => false, COOL_DOWN_US, host, options.interrupted);
    await fleet.ready();

    options.say('the load ends; waiting for every output');
    await Promise.all(feeds.map((feed) => feed.stop()));
    const ticking = workload.filter(({ name }) => (prepared.get(name)?.spec.periodUs ?? 0) > 0);
    await Promise.all(ticking.map(({ name }) => appendLastTick(host, name)));
    const alone = new RunsAlone(recorder);
    await alone.open(prepared);
    const isAtRest = (): boolean => {
      alone.advance();
      return alone.behind().length === 0 && everyTaskRuns(recorder, options.tasks);
    };
    if (!(await until(isAtRest, REST_US_MAX, host, () => false))) {
      options.say(
        `not at rest after ${REST_US_MAX / 1e6} s: ${alone.behind().join(', ') || 'all outputs are there, but not every task has a place'}`,
      );
    }
    // What arrives after the last expected output would be one too many.
    await pause(host.clock, POLL_US * 3);
    alone.advance();
    recorder.stop();
    await strikes?.count();
    const verdict = judge(recorder, alone.outputs());
    let inputs = 0;
    for (const task of recorder.tasks.values()) inputs += task.inputs.length;
    const run = { kills: killer.kills, failovers: failoversOf(recorder, killer.kills), verdict, inputs };
    if (strikes === undefined) return run;
    leaving = true;
    await fleet.stop();
    return { ...run, damage: await strikes.summary() };
  } finally {
    leaving = true;
    await fleet.stop();
  }
}

function heard(event: FleetEvent, incarnations: Map<Mac, number>, say: (sentence: string) => void): void {
  switch (event.kind) {
    case 'progress':
      return say(event.sentence);
    case 'ready':
      if (event.host.startsWith('bridge.')) incarnations.set(event.host.slice('bridge.'.length), event.incarnation);
      return;
    case 'died':
      // The bridge of a kill `bridge`, or what nobody ordered: a person should see it.
      return say(`${event.host} died: ${event.reason}`);
  }
}

export function everyTaskRuns(recorder: Recorder, count: number): boolean {
  let running = 0;
  for (const { placements } of recorder.tasks.values()) if (placements.at(-1)?.state === 'owned') running++;
  return running === count;
}

/** Polls until `reached`; false when the time is over or the run is interrupted first. */
export async function until(
  reached: () => boolean,
  withinUs: number,
  host: Parameters<typeof startNumberedFeed>[0],
  interrupted: () => boolean,
): Promise<boolean> {
  const { clock } = host;
  const untilUs = clock.monotonicUs() + withinUs;
  for (;;) {
    if (reached()) return true;
    const leftUs = untilUs - clock.monotonicUs();
    if (leftUs <= 0 || interrupted()) return false;
    await pause(clock, Math.min(POLL_US, leftUs));
  }
}

/**
 * The demo: a small fleet under real load, one ECU of it killed, and the proof that its tasks went on elsewhere with not one
 * output lost, doubled or changed. What it shows is `view.ts`; the proof is the one of chaos.
 */
import { type Host, pause } from '../../../actors/host.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { ChaosJournal } from '../chaos/chaos-journal.ts';
import { type Failover, failoversOf, type Kill } from '../chaos/failover-times.ts';
import { appendLastTick } from '../chaos/last-tick.ts';
import { Recorder } from '../chaos/recorder.ts';
import { RunsAlone } from '../chaos/runs-alone.ts';
import { judge, type Verdict } from '../chaos/verdict.ts';
import { prepareWorkload } from '../chaos/workload.ts';
import { InputFeed } from '../feed/input-feed.ts';
import { ecuPlans, type FleetEvent, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { type DemoTask, demoTasks } from './demo-tasks.ts';

export const DEMO_ECUS = 3;
export const DEMO_MANAGERS = 2;

/** What a view is told as it happens. */
export interface DemoWatcher {
  /** Something slow begins, in one sentence. */
  progress(sentence: string): void;
  /** The fleet runs: from here on `tick` is called a few times a second. */
  began(fleet: DemoFleet): void;
  tick(): void;
  killed(mac: Mac, tasks: readonly TaskName[]): void;
  /** Every task of the killed ECU goes on. */
  wentOn(failovers: readonly Failover[]): void;
  proving(inputs: number): void;
}

/** The demo's fleet as a view reads it. */
export interface DemoFleet {
  readonly tasks: readonly DemoTask[];
  readonly ecus: readonly { readonly mac: Mac; readonly name: string }[];
  readonly url: string;
  ownerOf(task: TaskName): Mac | undefined;
  outputsOf(task: TaskName): number;
  latestOf(task: TaskName): string;
  isDown(mac: Mac): boolean;
}

export interface DemoRun {
  readonly verdict: Verdict;
  readonly failovers: readonly Failover[];
  readonly inputs: number;
}

export interface DemoOptions {
  readonly dataFolder: string;
  /** Of load: the kill comes after 40 % of it. */
  readonly seconds: number;
  readonly watcher: DemoWatcher;
  readonly interrupted: () => boolean;
}

const LOOK_US = 100_000;
const PLACED_US_MAX = 60_000_000;
const GO_ON_US_MAX = 30_000_000;
const REST_US_MAX = 30_000_000;
const BEFORE_KILL = 0.4;

export async function runDemo(options: DemoOptions): Promise<DemoRun> {
  const { watcher, seconds, interrupted } = options;
  const tasks = demoTasks();
  const prepared = await prepareWorkload(
    tasks.map(({ name }) => ({ name, example: name })),
    { onProgress: (sentence) => watcher.progress(sentence) },
  );
  const incarnations = new Map<Mac, number>();
  let url = '';
  const onEvent = (event: FleetEvent): void => {
    if (event.kind === 'ready' && event.host.startsWith('bridge.'))
      incarnations.set(event.host.slice('bridge.'.length), event.incarnation);
    if (event.kind !== 'progress') return;
    watcher.progress(event.sentence);
    url = /nats:\/\/\S+/.exec(event.sentence)?.[0] ?? url;
  };
  const ecus = ecuPlans(DEMO_ECUS);
  const fleet = new LocalFleet({ dataFolder: options.dataFolder, ecus, managers: managerIds(DEMO_MANAGERS), onEvent });
  watcher.progress(`starting ${DEMO_ECUS} ECUs and ${DEMO_MANAGERS} checkpoint managers, each a process of its own`);
  try {
    await fleet.start();
    const { host } = fleet.client;
    const latest = new Map<TaskName, string>();
    const reads = new Map<string, DemoTask['reads']>(tasks.map((task) => [task.name, task.reads]));
    const recorder = new Recorder({
      bus: host.bus,
      names: host.names,
      onOutput: (task, output) => {
        const sentence = output.marker ? undefined : reads.get(task)?.(output);
        if (sentence !== undefined) latest.set(task, sentence);
      },
    });
    await recorder.start();
    for (const task of prepared.values()) await fleet.deploy(task);
    const isOwned = (task: TaskName): boolean => recorder.tasks.get(task)?.placements.at(-1)?.state === 'owned';
    const owner = (task: TaskName): Mac | undefined => recorder.tasks.get(task)?.placements.at(-1)?.owner?.mac;
    const look = async (reached: () => boolean, withinUs: number): Promise<boolean> =>
      watch({ host, reached, withinUs, interrupted, tick: () => watcher.tick() });
    await look(() => tasks.every(({ name }) => isOwned(name)), PLACED_US_MAX);
    const down = new Set<Mac>();
    watcher.began({
      tasks,
      ecus: ecus.map(({ mac, name }) => ({ mac, name: name ?? mac })),
      url,
      ownerOf: owner,
      outputsOf: (task) => recorder.tasks.get(task)?.outputs.at(-1)?.number ?? 0,
      latestOf: (task) => latest.get(task) ?? '',
      isDown: (mac) => down.has(mac),
    });
    let feeding = true;
    const feeds = tasks.flatMap(({ name, feed }) => (feed === undefined ? [] : [runFeed(host, name, feed, () => feeding)]));
    await look(() => false, seconds * BEFORE_KILL * 1_000_000);

    const kills: Kill[] = [];
    const victim = busiest(tasks.map(({ name }) => owner(name)));
    const incarnation = victim === undefined ? undefined : incarnations.get(victim);
    if (victim !== undefined && incarnation !== undefined && !interrupted()) {
      const journal = new ChaosJournal(host);
      await journal.note('DEMO.KILLED', { mac: victim, incarnation });
      const lost = tasks.map(({ name }) => name).filter((name) => owner(name) === victim);
      down.add(victim);
      kills.push({ kind: 'ecu', atUs: journal.serverUs(), owner: { mac: victim, incarnation }, manager: undefined });
      void fleet.kill(victim, 'ecu');
      watcher.killed(victim, lost);
      await look(() => failoversOf(recorder, kills).length === lost.length, GO_ON_US_MAX);
      watcher.wentOn(failoversOf(recorder, kills));
    }
    await look(() => false, seconds * (1 - BEFORE_KILL) * 1_000_000);

    feeding = false;
    await Promise.all(feeds);
    await Promise.all(tasks.map(({ name }) => appendLastTick(host, name)));
    const alone = new RunsAlone(recorder);
    await alone.open(prepared);
    const inputs = (): number => [...recorder.tasks.values()].reduce((sum, task) => sum + task.inputs.length, 0);
    watcher.proving(inputs());
    const isAtRest = (): boolean => {
      alone.advance();
      return alone.behind().length === 0;
    };
    await watch({ host, reached: isAtRest, withinUs: REST_US_MAX, interrupted: () => false, tick: () => {} });
    recorder.stop();
    return { verdict: judge(recorder, alone.outputs()), failovers: failoversOf(recorder, kills), inputs: inputs() };
  } finally {
    await fleet.stop();
  }
}

/** The owner of most tasks. */
function busiest(owners: readonly (Mac | undefined)[]): Mac | undefined {
  const count = (mac: Mac): number => owners.filter((owner) => owner === mac).length;
  const macs = [...new Set(owners)].filter((mac) => mac !== undefined);
  return macs.sort((a, b) => count(b) - count(a) || (a < b ? -1 : 1))[0];
}

async function runFeed(host: Host, task: TaskName, feed: NonNullable<DemoTask['feed']>, goesOn: () => boolean): Promise<void> {
  const inputs = new InputFeed(host, task);
  let dueUs = host.clock.monotonicUs();
  while (goesOn()) {
    await inputs.append(await feed.next());
    dueUs = Math.max(dueUs + feed.periodUs, host.clock.monotonicUs());
    await pause(host.clock, dueUs - host.clock.monotonicUs());
  }
}

interface Watch {
  readonly host: Host;
  readonly reached: () => boolean;
  readonly withinUs: number;
  readonly interrupted: () => boolean;
  readonly tick: () => void;
}

async function watch({ host, reached, withinUs, interrupted, tick }: Watch): Promise<boolean> {
  const untilUs = host.clock.monotonicUs() + withinUs;
  for (;;) {
    if (reached()) return true;
    tick();
    if (host.clock.monotonicUs() >= untilUs || interrupted()) return false;
    await pause(host.clock, LOOK_US);
  }
}

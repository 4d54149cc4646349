/**
 * One size of `drover bench scale`, in a process of its own, so that its memory is its own: a fleet comes up, is given its tasks,
 * rests, loses a rack without a word, loses a manager, and loses a rack again.
 */
import { Shares } from '../../domain/placement/shares.ts';
import { ScaleFleet, type ScaleOptions, scaleMac } from '../simulation/scale-fleet.ts';

export interface ScaleStretch {
  readonly simulatedMs: number;
  readonly wallSeconds: number;
  /** Records that managers committed. */
  readonly decisions: number;
  readonly decisionsPerSecond: number;
  /** All that was sent over any link, both ways. */
  readonly messages: number;
}

export interface ScaleLoss extends ScaleStretch {
  readonly ecus: number;
  /** Tasks that ran there. */
  readonly tasks: number;
  /** From the last sign of life until all of them run elsewhere and no restore is open; undefined: not within the time. */
  readonly settledMs: number | undefined;
}

export interface ScaleResult {
  readonly ecus: number;
  readonly tasks: number;
  readonly managers: number;
  readonly place: ScaleStretch;
  readonly rest: ScaleStretch & {
    /** A second, to the manager that heard most. */
    readonly messagesToManager: number;
    /** ECUs of the manager with the largest share. */
    readonly largestShare: number;
  };
  readonly rack: ScaleLoss;
  /** After a manager has died as well, where there are more than two. */
  readonly rackWithoutManager: ScaleLoss | undefined;
  readonly outputs: number;
  readonly violations: readonly string[];
  readonly peakRssMib: number;
  readonly wallSeconds: number;
}

const SECOND_US = 1_000_000;
const PLACED_WITHIN_US = 600 * SECOND_US;
const SETTLED_WITHIN_US = 60 * SECOND_US;
const REST_US = 2 * SECOND_US;
/** Between the two losses: whoever takes a share over has its checkpoints by then. */
const SHARES_MOVE_US = 5 * SECOND_US;
/** One ECU in a hundred is in the rack. */
const RACK_SHARE = 100;

async function run(options: ScaleOptions): Promise<ScaleResult> {
  const beganMs = performance.now();
  const fleet = new ScaleFleet(options);
  let peakRss = 0;
  const watching = setInterval(() => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }, 200);
  const say = (sentence: string): void => {
    process.send?.({ kind: 'said', sentence: `${options.ecus} ECUs: ${sentence}` });
  };
  fleet.startManagers();
  await fleet.elapse(SECOND_US);
  fleet.startEcus();
  await fleet.elapse(2 * SECOND_US);
  say('up');
  const place = await stretch(fleet, async () => {
    let declared = false;
    void fleet.declareAll().then(() => {
      declared = true;
    });
    const placed = await fleet.until(() => declared && fleet.allRun(), PLACED_WITHIN_US);
    if (!placed) throw new Error(`not every task found a place: ${fleet.someThatDoNotRun().join(', ')}`);
  });
  say(`${options.tasks} tasks run`);
  await fleet.elapse(SECOND_US);
  const heardBefore = new Map([...fleet.managers.keys()].map((name) => [name, fleet.messagesTo(name)]));
  const rest = await stretch(fleet, () => fleet.elapse(REST_US));
  const heard = [...heardBefore].map(([name, before]) => (fleet.messagesTo(name) - before) / (REST_US / SECOND_US));
  const rack = await loseRack(fleet, 1);
  say(`a rack of ${rack.ecus} ECUs lost, ${rack.tasks} tasks run elsewhere after ${rack.settledMs} ms`);
  let rackWithoutManager: ScaleLoss | undefined;
  if (options.managers > 2) {
    fleet.killManager('m1');
    await fleet.elapse(SHARES_MOVE_US);
    rackWithoutManager = await loseRack(fleet, 4);
    say(`another one without one manager: ${rackWithoutManager.tasks} tasks after ${rackWithoutManager.settledMs} ms`);
  }
  clearInterval(watching);
  return {
    ecus: options.ecus,
    tasks: options.tasks,
    managers: options.managers,
    place,
    rest: { ...rest, messagesToManager: Math.round(Math.max(...heard)), largestShare: largestShare(fleet) },
    rack,
    rackWithoutManager,
    outputs: fleet.world.judges.outputs,
    violations: fleet.world.judges.violations.map(({ invariant, sentence }) => `${invariant}: ${sentence}`),
    peakRssMib: Math.round(Math.max(peakRss, process.memoryUsage.rss()) / 2 ** 20),
    wallSeconds: rounded((performance.now() - beganMs) / 1000),
  };
}

async function stretch(fleet: ScaleFleet, live: () => Promise<unknown>): Promise<ScaleStretch> {
  const before = { us: fleet.world.scheduler.nowUs(), decisions: fleet.decisions, messages: fleet.messages() };
  const beganMs = performance.now();
  await live();
  const wallSeconds = (performance.now() - beganMs) / 1000;
  const decisions = fleet.decisions - before.decisions;
  return {
    simulatedMs: Math.round((fleet.world.scheduler.nowUs() - before.us) / 1000),
    wallSeconds: rounded(wallSeconds),
    decisions,
    decisionsPerSecond: Math.round(decisions / Math.max(wallSeconds, 0.001)),
    messages: fleet.messages() - before.messages,
  };
}

/** Every so many ECUs one goes, all in one instant. */
async function loseRack(fleet: ScaleFleet, first: number): Promise<ScaleLoss> {
  const count = Math.max(1, Math.floor(fleet.ecus.size / RACK_SHARE));
  const every = Math.floor(fleet.ecus.size / count);
  const rack = Array.from({ length: count }, (_, at) => scaleMac(first + at * every));
  const lost = fleet.tasksOn(new Set(rack));
  let settled = false;
  const stretched = await stretch(fleet, async () => {
    fleet.killRack(rack);
    settled = await fleet.until(
      () => lost.every((task) => fleet.runs(task)) && fleet.openArbiters.size === 0,
      SETTLED_WITHIN_US,
    );
  });
  return { ...stretched, ecus: count, tasks: lost.length, settledMs: settled ? stretched.simulatedMs : undefined };
}

function largestShare(fleet: ScaleFleet): number {
  const names = [...fleet.managers.keys()];
  const shares = names.map((name) => {
    const share = new Shares(name);
    share.setLiving(names);
    return [...fleet.ecus.keys()].filter((mac) => share.keeps(mac)).length;
  });
  return Math.max(...shares);
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

process.once('message', (options: ScaleOptions) => {
  run(options).then(
    (result) => process.send?.({ kind: 'done', result }, () => process.exit(0)),
    (error: unknown) =>
      process.send?.({ kind: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) }, () =>
        process.exit(1),
      ),
  );
});

/**
 * One question about a user's own fleet: these ECUs lose their power, at once or shortly after one another, for good; what becomes
 * of the tasks? The fleet comes up, every task gets a durable checkpoint, the loss comes at a moment drawn from the seed; then
 * each task must run again or be shed, with its reason, and nothing less critical may keep the place of a shed one. At the
 * end the ECUs return, and every promise must hold as after any faults.
 */
import { shedBeforeLower } from '../../domain/invariants/restore-or-say-why.ts';
import type { Violation } from '../../domain/invariants/violation.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { NO_PLANTS, type Plants } from '../../ports/plants.ts';
import { type DeadlineCount, DeadlineWatch } from './deadline-watch.ts';
import { type Downtime, DowntimeWatch } from './downtime-watch.ts';
import { FleetWorld } from './fleet-world.ts';
import { failureOf, type SeedFailure } from './judge-seed.ts';
import type { OwnFleet } from './own-fleet.ts';
import { admittingEcu, type EcuPlan } from './simulated-ecu.ts';

export interface LossTrial {
  /** None: what the fleet does while nothing happens to it. */
  readonly lost: readonly Mac[];
  readonly seed: number;
}

export interface LossOutcome extends LossTrial {
  /** Tasks that ran on a lost ECU, or made room, and run again elsewhere. */
  readonly failovers: readonly Downtime[];
  readonly shed: readonly { readonly task: TaskName; readonly reason: string }[];
  /** Neither running nor shed in time. */
  readonly down: readonly { readonly task: TaskName; readonly state: string }[];
  readonly deadlines: Readonly<Record<TaskName, DeadlineCount>>;
  readonly simulatedUs: number;
  readonly failure: SeedFailure | undefined;
}

const UP_US = 20_000_000;
/** With every manager gone nobody restores, however long one waits. */
const RESTORED_US = 20_000_000;
const QUIET_US = 1_000_000;
const RETURN_US = 20_000_000;
/** Long enough for a durable checkpoint of each task, where tasks take them so often. */
const WARM_US = { min: 500_000, max: 3_000_000 } as const;
const FEED = { count: 40, everyUs: 20_000 } as const;

export async function playLoss(own: OwnFleet, trial: LossTrial, plants: Plants = NO_PLANTS): Promise<LossOutcome> {
  const { lost, seed } = trial;
  const rng = createRng(seed, `lose ${lost.join()}`);
  const deadlines = new DeadlineWatch();
  const { ecus, managers, tasks, receive } = own;
  const executionUs = ({ wcetUs }: TaskSpec) => ({ min: Math.max(1, wcetUs >> 1), max: Math.max(1, wcetUs) });
  const fleet = new FleetWorld({
    seed,
    ecus,
    managers,
    plants,
    ...(receive === undefined ? {} : { receive }),
    world: { runtime: { executionUs, onJob: deadlines.onJob } },
  });
  deadlines.watch(fleet.world, (task) => fleet.truth.placements.get(task)?.context.spec);
  let downtimes: DowntimeWatch | undefined;
  let failure: SeedFailure | undefined;
  let after: Pick<LossOutcome, 'shed' | 'down'> = { shed: [], down: [] };
  let counted: Readonly<Record<TaskName, DeadlineCount>> = {};
  try {
    await comeUp(fleet, own);
    const intervals = tasks.map(({ draft }) => draft.checkpoint?.intervalUs ?? 0);
    await fleet.elapse(Math.min(WARM_US.max, Math.max(WARM_US.min, 2 * Math.max(0, ...intervals))) + rng.below(200_000));
    downtimes = new DowntimeWatch(fleet);
    deadlines.reset();
    await lose(fleet, lost, rng);
    await comeToAnEnd(fleet);
    after = whatIsLeft(fleet);
    counted = Object.fromEntries(tasks.map(({ draft: { name } }) => [name, deadlines.of(name)]));
    for (const violation of shedInOrder(fleet)) fleet.world.judges.report(violation);
    fleet.world.judges.check(() => fleet.story());
    for (const mac of lost) comeBack(fleet, mac);
    // What finds no place with every ECU there is said by the trial that loses none.
    if (lost.length > 0) await fleet.settle(RETURN_US);
  } catch (cause) {
    failure = failureOf(fleet, cause);
  }
  const failovers = (downtimes?.past ?? []).filter(({ before, after: now }) => before !== undefined && now !== undefined);
  const first = new Map<TaskName, Downtime>();
  for (const one of failovers) if (!first.has(one.task) && lost.includes(one.before ?? '')) first.set(one.task, one);
  const kept = [...first.values()].filter(({ task }) => ![...after.shed, ...after.down].some((other) => other.task === task));
  return { ...trial, failovers: kept, ...after, deadlines: counted, simulatedUs: fleet.world.scheduler.nowUs(), failure };
}

async function comeUp(fleet: FleetWorld, { tasks }: OwnFleet): Promise<void> {
  fleet.start();
  await fleet.elapse(300_000);
  for (const { draft } of tasks) await fleet.done(fleet.declare(draft));
  await fleet.world.run({ untilUs: fleet.world.scheduler.nowUs() + UP_US, until: () => isDecided(fleet) });
  await fleet.elapse(QUIET_US);
  for (const { draft } of tasks) if (draft.periodUs === 0 && fleet.runs(draft.name)) fleet.feed({ task: draft.name, ...FEED });
}

/** In any order, the last at most a second after the first. */
async function lose(fleet: FleetWorld, lost: readonly Mac[], rng: Rng): Promise<void> {
  const atOnce = rng.below(2) === 0;
  for (const [at, mac] of lost.entries()) {
    if (at > 0 && !atOnce) await fleet.elapse(rng.below(1_000_000));
    fleet.powerCut(mac);
  }
}

function comeBack(fleet: FleetWorld, mac: Mac): void {
  fleet.startEcu(mac);
  for (const { name, onEcu } of fleet.plannedManagers) if (onEcu === mac) fleet.startManager(name);
}

/** Until every task runs or is shed, and stays so. */
async function comeToAnEnd(fleet: FleetWorld): Promise<void> {
  const { scheduler } = fleet.world;
  const untilUs = scheduler.nowUs() + RESTORED_US;
  while (scheduler.nowUs() < untilUs) {
    await fleet.world.run({ untilUs, until: () => isDecided(fleet) });
    await fleet.elapse(QUIET_US);
    if (isDecided(fleet)) return;
  }
}

const isDecided = (fleet: FleetWorld): boolean => {
  for (const task of fleet.wanted) if (!fleet.runs(task) && fleet.truth.placements.get(task)?.state !== 'shed') return false;
  return true;
};

function whatIsLeft(fleet: FleetWorld): Pick<LossOutcome, 'shed' | 'down'> {
  const shed: { task: TaskName; reason: string }[] = [];
  const down: { task: TaskName; state: string }[] = [];
  for (const task of fleet.wanted) {
    const { state = 'undeclared', context } = fleet.truth.placements.get(task) ?? {};
    if (state === 'shed') shed.push({ task, reason: context?.reason ?? '' });
    else if (!fleet.runs(task)) down.push({ task, state });
  }
  return { shed, down };
}

/** Where a manager lives that could have done better. */
function* shedInOrder(fleet: FleetWorld): Iterable<Violation | undefined> {
  if (![...fleet.managers.values()].some(({ manager }) => manager !== undefined)) return;
  const criticalityOf = (task: TaskName): number => fleet.truth.placements.get(task)?.context.spec?.criticality ?? 0;
  for (const { state, context } of fleet.truth.placements.values()) {
    const { spec } = context;
    // One whose state is lost is shed for that, whatever room there is.
    if (
      state !== 'shed' ||
      spec === undefined ||
      !fleet.wanted.has(spec.name) ||
      /no reachable manager/.test(context.reason ?? '')
    )
      continue;
    const avoided = [...fleet.truth.placements.values()].some((other) =>
      other.context.spec?.affinity.apart.includes(spec.name),
    );
    if (avoided) continue;
    const ecus = [...fleet.ecus.values()].flatMap(({ mac, plan, bridge }) =>
      bridge === undefined ? [] : [{ mac, ecu: admittingEcu(plan), accepted: bridge.load().tasks, suits: suits(spec, plan) }],
    );
    yield shedBeforeLower(spec, ecus, criticalityOf);
  }
}

/** Whom a task must not meet is the planner's to say: where it names somebody, no place is held against the planner. */
function suits({ affinity }: TaskSpec, { mac, labels = {}, resourceKind = 'cpu' }: EcuPlan): boolean {
  const { requiredEcus, requiredLabels, resourceKind: wanted, apart } = affinity;
  if (apart.length > 0) return false;
  if (wanted !== undefined && wanted !== resourceKind) return false;
  if (requiredEcus.length > 0 && !requiredEcus.includes(mac)) return false;
  return Object.entries(requiredLabels).every(([label, value]) => labels[label] === value);
}

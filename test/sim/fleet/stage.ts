/** A small fleet that has come to life, for scenarios: what each of them begins with. */
import { type FleetOptions, FleetWorld, macOf, type TaskDraft } from '../../../src/app/simulation/fleet-world.ts';

export const [ECU1, ECU2, ECU3] = [macOf(1), macOf(2), macOf(3)] as const;

export const task = (name: string, more: Partial<TaskDraft> = {}): TaskDraft => ({
  name,
  periodUs: 10_000,
  wcetUs: 500,
  checkpoint: { intervalUs: 30_000, quorum: 2 },
  ...more,
});

export interface StageOptions extends Partial<FleetOptions> {
  readonly tasks?: readonly TaskDraft[];
  /** ECUs and managers that do not start with the rest. */
  readonly later?: readonly string[];
}

export function build({ tasks: _, later: __, ...options }: StageOptions = {}): FleetWorld {
  const ecus = [{ mac: ECU1 }, { mac: ECU2 }];
  return new FleetWorld({ seed: 1, ecus, managers: [{ name: 'm1' }, { name: 'm2' }], ...options });
}

/** Started, declared, fed, running, and half a second old: every task has durable checkpoints. */
export async function stage(options: StageOptions = {}): Promise<FleetWorld> {
  const fleet = build(options);
  const { tasks = [task('alpha'), task('beta'), task('gamma')], later = [] } = options;
  fleet.start({ later });
  await fleet.elapse(300_000);
  for (const draft of tasks) {
    await fleet.done(fleet.declare(draft));
    fleet.feed({ task: draft.name, count: 100, everyUs: 12_000 });
  }
  await fleet.until('every task runs', () => tasks.every(({ name }) => fleet.runs(name)));
  await fleet.elapse(500_000);
  return fleet;
}

/** The tasks that the ECU owns. */
export const tasksOn = (fleet: FleetWorld, mac: string): string[] =>
  [...fleet.wanted].filter((name) => fleet.owner(name) === mac);

/** An ECU that owns at least one task. */
export function someOwner(fleet: FleetWorld): string {
  const mac = [...fleet.wanted].map((name) => fleet.owner(name)).find((owner) => owner !== undefined);
  if (mac === undefined) throw new Error('some task is owned');
  return mac;
}

export const epochOf = (fleet: FleetWorld, name: string): number => fleet.truth.placements.get(name)?.context.epoch ?? 0;

/** What all hosts counted under a name. */
export const counted = (fleet: FleetWorld, name: string): number =>
  [...fleet.world.hosts.keys()].reduce((sum, id) => sum + (fleet.world.countersOf(id).read()[name] ?? 0), 0);

/** When the first milestone after `from` that matches happened. */
export function momentOf(fleet: FleetWorld, pattern: RegExp, from = 0): number {
  const found = fleet.truth.milestones.slice(from).find(({ what }) => pattern.test(what));
  if (found === undefined) throw new Error(`something like ${pattern} happens\n${fleet.story()}`);
  return found.atUs;
}

/**
 * A task found no place: which tasks of lower criticality, taken off one ECU, would make room for it? This only names them.
 * Whether to shed them is the caller's decision, and costs those tasks their run.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import { admits, admittingEcuOf } from './admit.ts';
import type { Candidate, Newcomer } from './evidence.ts';
import type { FleetRoom } from './fleet-room.ts';

/** ECUs looked at, smallest MAC first: naming a way is worth a bounded effort. */
const LOOKED_AT_MAX = 256;

export interface ShedOptions {
  /** Whether the ECU could take the task if it were empty. */
  readonly mayTake: (index: number) => boolean;
  /** Undefined: unknown, so it is not to be shed. */
  readonly criticalityOf: (task: TaskName) => number | undefined;
}

/**
 * The least critical tasks go first (then the larger, then by name) until the newcomer is admitted; then whoever turns out
 * not to have been in the way is taken back, most critical first. Of all ECUs: the lowest highest criticality shed, then the
 * fewest tasks, then the smallest MAC.
 */
export function roomByShedding(
  newcomer: Newcomer,
  fleet: FleetRoom,
  options: ShedOptions,
): { readonly mac: Mac; readonly tasks: readonly TaskName[] } | undefined {
  const indexes: number[] = [];
  for (let index = 0; index < fleet.count; index++) if (options.mayTake(index)) indexes.push(index);
  indexes.sort((a, b) => ((fleet.candidates[a] as Candidate).mac < (fleet.candidates[b] as Candidate).mac ? -1 : 1));

  let best: { mac: Mac; tasks: TaskName[]; highest: number } | undefined;
  for (const index of indexes.slice(0, LOOKED_AT_MAX)) {
    const found = shedOn(index, newcomer, fleet, options.criticalityOf);
    if (found === undefined) continue;
    if (
      best === undefined ||
      found.highest < best.highest ||
      (found.highest === best.highest && found.tasks.length < best.tasks.length)
    ) {
      best = found;
    }
  }
  return best === undefined ? undefined : { mac: best.mac, tasks: best.tasks };
}

function shedOn(
  index: number,
  { spec }: Newcomer,
  fleet: FleetRoom,
  criticalityOf: ShedOptions['criticalityOf'],
): { mac: Mac; tasks: TaskName[]; highest: number } | undefined {
  const candidate = fleet.candidates[index] as Candidate;
  const ecu = admittingEcuOf(candidate.description, candidate.draining, candidate.booked);
  const lower = fleet
    .accepted(index)
    .map((task) => ({
      name: task.task,
      memory: task.memoryBytesMax,
      criticality: criticalityOf(task.task) ?? Number.POSITIVE_INFINITY,
    }))
    .filter(({ criticality, name }) => criticality < spec.criticality && name !== spec.name)
    .sort((a, b) => a.criticality - b.criticality || b.memory - a.memory || (a.name < b.name ? -1 : 1));
  const shed = new Set<TaskName>();
  const fits = (): boolean =>
    admits(
      fleet.accepted(index).filter((task) => !shed.has(task.task)),
      [spec],
      ecu,
    ).ok;
  for (const { name } of lower) {
    shed.add(name);
    if (!fits()) continue;
    for (const { name: earlier } of [...lower].reverse()) {
      if (!shed.delete(earlier)) continue;
      if (!fits()) shed.add(earlier);
    }
    const shedTasks = lower.filter((one) => shed.has(one.name));
    return {
      mac: candidate.mac,
      tasks: shedTasks.map((one) => one.name),
      highest: Math.max(...shedTasks.map((one) => one.criticality)),
    };
  }
  return undefined;
}

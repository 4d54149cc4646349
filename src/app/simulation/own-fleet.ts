/**
 * A user's own fleet and task set, as the simulation takes them: every ECU, label and task of the files, with stand-ins for the
 * programs (they take between half and all of their WCET, and keep 64 KiB of state).
 */

import type { ReceiveChoice } from '../../domain/checkpoint/receiving.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { ownScheduling } from '../../domain/placement/platform-of.ts';
import { ECU_DEFAULTS } from '../fleet/local-fleet.ts';
import type { FleetPlan } from '../fleet-file.ts';
import type { FleetTask } from '../fleet-tasks.ts';
import type { ManagerPlan, TaskDraft } from './fleet-world.ts';
import type { EcuPlan } from './simulated-ecu.ts';

export interface OwnFleet {
  readonly ecus: readonly (EcuPlan & { readonly name: string })[];
  readonly managers: readonly ManagerPlan[];
  readonly tasks: readonly OwnTask[];
  readonly receive: ReceiveChoice | undefined;
}

export interface OwnTask {
  readonly draft: TaskDraft & { readonly criticality: number; readonly periodUs: number };
  readonly mustSurvive: boolean;
}

const WASM_PAGE_BYTES = 65_536;

export interface OwnFleetOptions {
  /** The first manager shares the machine of the first ECU, and so on; else each has its own, which is never lost. */
  readonly managersOnEcus: boolean;
  readonly mustSurvive: (task: FleetTask) => boolean;
}

export function ownFleetOf(plan: FleetPlan, tasks: readonly FleetTask[], options: OwnFleetOptions): OwnFleet {
  const ecus = plan.ecus.map(({ mac, name, ecuClass, resourceKind, cores, memoryBytes, capabilities, labels, scheduling }) => ({
    mac,
    name: name ?? mac,
    ecuClass: ecuClass ?? ECU_DEFAULTS.ecuClass,
    resourceKind: resourceKind ?? ECU_DEFAULTS.resourceKind,
    cores: cores ?? ECU_DEFAULTS.cores,
    memoryBytes: memoryBytes ?? ECU_DEFAULTS.memoryBytes,
    capabilities: capabilities ?? [],
    labels: labels ?? {},
    scheduling: ownScheduling(scheduling),
  }));
  const managers = plan.managers.map((name, at) => {
    const ecu = options.managersOnEcus ? ecus[at % ecus.length] : undefined;
    return { name, ...(ecu === undefined ? {} : { onEcu: ecu.mac }) };
  });
  const own = tasks.map((task) => {
    const { draft } = task;
    const memoryBytesMax = Math.ceil(draft.memoryBytesMax / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    return { draft: { ...draft, runtime: 'wasm' as const, memoryBytesMax }, mustSurvive: options.mustSurvive(task) };
  });
  return { ecus, managers, tasks: own, receive: plan.receive };
}

export interface Losses {
  readonly losses: readonly (readonly Mac[])[];
  /** How many there are in all. */
  readonly possible: number;
}

/** Every set of so many ECUs, and fewer, that can be lost at once; of too many a sample, the same for the same seed. */
export function lossesOf(
  fleet: OwnFleet,
  atOnce: number,
  { most, seed }: { readonly most: number; readonly seed: number },
): Losses {
  const macs = fleet.ecus.map(({ mac }) => mac);
  const sizes = Array.from({ length: Math.min(atOnce, macs.length) }, (_, at) => at + 1);
  const possible = sizes.reduce((sum, size) => sum + subsets(macs.length, size), 0);
  if (possible > most) return { losses: sampled(macs, sizes, { most, seed }), possible };
  const losses: Mac[][] = [];
  const extend = (lost: readonly Mac[], from: number): void => {
    for (let at = from; at < macs.length; at++) {
      const more = [...lost, macs[at] as Mac];
      losses.push(more);
      if (more.length < sizes.length) extend(more, at + 1);
    }
  };
  extend([], 0);
  return { losses: losses.sort((a, b) => a.length - b.length), possible };
}

const subsets = (of: number, size: number): number => {
  let count = 1;
  for (let at = 0; at < size; at++) count = (count * (of - at)) / (at + 1);
  return Math.round(count);
};

function sampled(
  macs: readonly Mac[],
  sizes: readonly number[],
  { most, seed }: { readonly most: number; readonly seed: number },
): Mac[][] {
  const rng = createRng(seed, 'losses');
  const found = new Map<string, Mac[]>();
  while (found.size < most) {
    const size = sizes[rng.below(sizes.length)] as number;
    const lost = new Set<Mac>();
    while (lost.size < size) lost.add(macs[rng.below(macs.length)] as Mac);
    const sorted = [...lost].sort();
    found.set(sorted.join(), sorted);
  }
  return [...found.values()].sort((a, b) => a.length - b.length);
}

export const withoutTasks = (fleet: OwnFleet, names: ReadonlySet<TaskName>): OwnFleet => ({
  ...fleet,
  tasks: fleet.tasks.filter(({ draft }) => !names.has(draft.name)),
});

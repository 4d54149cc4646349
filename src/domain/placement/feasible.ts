/**
 * The filter before the exact test: who cannot take a task at all, and by which numbers.
 *
 * Two parts. *Static* reasons depend only on the task's requirements and on the ECU, not on what else is being placed, so
 * tasks with the same requirements share one answer. *Load* reasons (memory, utilisation) change with every placement.
 * Both are necessary conditions: what they refuse, the final admission would refuse too; what they let pass, it still tests.
 */
import type { CheckpointNeeds } from '../model/compatibility.ts';
import type { EcuDescription } from '../model/ecu.ts';
import type { Mac } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import { lackOf, type OfferingEcu } from './compatible.ts';
import type { Candidate, Newcomer, Refusal } from './evidence.ts';
import { measuringRefusal } from './measuring.ts';

export type AffinityTarget = Pick<Candidate, 'mac' | 'description'>;

/** Why this ECU can never take a task of these requirements; undefined: it might. The first reason in this order. */
export function staticRefusal(candidate: Candidate, newcomer: Newcomer, excluded: ReadonlySet<Mac>): Refusal | undefined {
  const { description } = candidate;
  const { spec } = newcomer;
  if (excluded.has(candidate.mac) || newcomer.excluded?.includes(candidate.mac) === true) return { kind: 'excluded' };
  if (!candidate.alive) return { kind: 'not-alive' };
  if (candidate.draining) return { kind: 'draining' };
  if (candidate.asleep === true) return { kind: 'asleep' };
  return (
    offerRefusal(description, spec) ??
    needsRefusal(newcomer.needs, description) ??
    hintRefusal({ mac: candidate.mac, description }, spec)
  );
}

/** By what it is. */
export function offerRefusal(
  description: Pick<EcuDescription, 'resourceKind' | 'runtimes' | 'capabilities'>,
  spec: TaskSpec,
): Refusal | undefined {
  const { resourceKind } = spec.affinity;
  if (resourceKind !== undefined && resourceKind !== description.resourceKind) {
    return { kind: 'resource-kind', wanted: resourceKind, offered: description.resourceKind };
  }
  if (!description.runtimes.includes(spec.runtime))
    return { kind: 'runtime', wanted: spec.runtime, offered: description.runtimes };
  for (const capability of spec.capabilities) {
    if (!description.capabilities.includes(capability)) {
      return { kind: 'capability', missing: spec.capabilities.filter((one) => !description.capabilities.includes(one)) };
    }
  }
  return measuringRefusal(description, spec) ? { kind: 'measuring' } : undefined;
}

/** By where the task is to be. */
export function hintRefusal(
  { mac, description }: { readonly mac: Mac; readonly description: Pick<EcuDescription, 'labels'> },
  { affinity: { requiredEcus, requiredLabels } }: TaskSpec,
): Refusal | undefined {
  if (requiredEcus.length > 0 && !requiredEcus.includes(mac)) return { kind: 'required-ecu', wanted: requiredEcus };
  for (const label in requiredLabels) {
    const wanted = requiredLabels[label] as string;
    const offered = Object.hasOwn(description.labels, label) ? description.labels[label] : undefined;
    if (offered !== wanted) return { kind: 'required-label', label, wanted, offered };
  }
  return undefined;
}

/** Why a checkpoint cannot go on here; run by the planner and again by the bridge, on its own description. */
export function needsRefusal(
  needs: CheckpointNeeds | undefined,
  ecu: OfferingEcu & { readonly name: string },
): Refusal | undefined {
  const lacks = needs === undefined ? [] : lackOf(needs, ecu);
  return lacks.length === 0 ? undefined : { kind: 'needs', ecu: ecu.name, lacks };
}

/** Two newcomers with the same key are refused by the same ECUs for the same static reasons. */
export function staticKeyOf({ spec, excluded, needs }: Newcomer): string {
  const { resourceKind, requiredEcus, requiredLabels } = spec.affinity;
  const labels = Object.entries(requiredLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    spec.runtime,
    spec.capabilities,
    spec.hardDeadline,
    resourceKind ?? '',
    requiredEcus,
    labels,
    excluded ?? [],
    needs ?? {},
  ]);
}

/** What an ECU has left, in the units of admission. */
export interface Room {
  readonly memoryFreeBytes: number;
  readonly memoryCapacityBytes: number;
  readonly cpuFreePpb: number;
  readonly cpuCapacityPpb: number;
}

export interface Need {
  readonly memoryBytes: number;
  readonly chargePpb: number;
}

/**
 * Charges are rounded up by less than 1 ppb each, so a set that fits exactly may seem too large by one ppb a task; the exact
 * test decides such cases, the filter lets them pass.
 */
const ROUNDING_PPB = 10_000;

/** Why the load leaves no room; the cores are taken together here, which is generous. */
export function loadRefusal(room: Room, need: Need): Refusal | undefined {
  if (lacksMemory(room.memoryFreeBytes, need.memoryBytes)) {
    const freeBytes = Math.max(0, room.memoryFreeBytes);
    return { kind: 'memory', neededBytes: need.memoryBytes, freeBytes, capacityBytes: room.memoryCapacityBytes };
  }
  if (lacksCpu(room.cpuFreePpb, need.chargePpb)) {
    return {
      kind: 'utilisation',
      neededPpm: Math.ceil(need.chargePpb / 1000),
      freePpm: Math.max(0, Math.floor(room.cpuFreePpb / 1000)),
      capacityPpm: Math.floor(room.cpuCapacityPpb / 1000),
    };
  }
  return undefined;
}

/** The same two conditions without building anything: for the pass over all candidates. */
export const lacksMemory = (freeBytes: number, neededBytes: number): boolean => neededBytes > freeBytes;
export const lacksCpu = (freePpb: number, neededPpb: number): boolean => neededPpb > freePpb + ROUNDING_PPB;

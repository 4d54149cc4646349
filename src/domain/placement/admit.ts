/**
 * The final admission: may these newcomers join what an ECU has accepted? One function, run by the manager that plans and
 * again by the bridge that accepts; the bridge's word is the last, because its record is the only one that is never late.
 *
 *   memory        Σ charges ≤ capacity; a charge is the larger of a task's maximum and its reservation
 *   capabilities  every one the newcomer names, and its runtime; an ECU that measures takes nothing else (`measuring.ts`)
 *   schedule      every hard deadline holds, by the test for the ECU's own scheduler and cores, with the overheads it names
 *                 (`platform-of.ts`, `core-room.ts`); where tasks are soft, the utilisation stays within the cores, so that no
 *                 backlog grows
 *
 * Sound, not complete: `ok` means that no hard deadline is ever missed in the partition given in the evidence. On one core the
 * test is exact but for round robin; on more, first-fit may miss a packing that exists, and global tests are sufficient only.
 *
 * Where the ECU binds tasks to cores, what it has accepted stays where it is and a newcomer joins the core with the least load that the test
 * passes; elsewhere all are packed anew. What an ECU that says nothing of its scheduling takes passes two tests (`platform-of.ts`).
 *
 * A task without a period is charged its reservation. A hard deadline without period or WCET is refused as untestable.
 * What is booked there (`reservation/booking.ts`) has to be admitted beside them, in its time (`beside-bookings.ts`).
 * A newcomer of the same name as an accepted task takes its place (a redeploy). The order of both lists does not matter.
 * With a blackout the newcomers are tasks that are moved while they run: the test then also holds for the silence of the move (R4).
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { AcceptedTask, EcuDescription } from '../model/ecu.ts';
import type { TaskSpec } from '../model/task.ts';
import type { Platform } from '../realtime/platform.ts';
import { sharePpb } from '../realtime/utilisation.ts';
import type { Booking } from '../reservation/booking.ts';
import { besideBookings } from './beside-bookings.ts';
import { type Core, type Load, loadOf, type Room, roomFor } from './core-room.ts';
import type { AdmissionEvidence, CoreEvidence, Refusal, TaskEvidence } from './evidence.ts';
import { measuringRefusal } from './measuring.ts';
import { platformOf } from './platform-of.ts';

/** What of an ECU admission looks at. */
export type AdmittingEcu = Pick<EcuDescription, 'cores' | 'memoryBytes' | 'capabilities' | 'runtimes' | 'scheduling'> & {
  readonly draining: boolean;
  /** Of its capacity, those that are not over; absent: none. */
  readonly booked?: readonly Booking[];
};

export const admittingEcuOf = (description: EcuDescription, draining: boolean, booked?: readonly Booking[]): AdmittingEcu => {
  const { cores, memoryBytes, capabilities, runtimes, scheduling } = description;
  const rest = { ...(scheduling === undefined ? {} : { scheduling }), ...(booked === undefined ? {} : { booked }) };
  return { cores, memoryBytes, capabilities, runtimes, draining, ...rest };
};

/** The demand a spec makes on whatever ECU runs it: what a bridge records when it accepts. */
export function acceptedTaskOf(spec: TaskSpec, epoch: number, core?: number): AcceptedTask {
  return {
    ...(core === undefined ? {} : { core }),
    task: spec.name,
    epoch,
    periodUs: spec.periodUs,
    wcetUs: spec.wcetUs,
    deadlineUs: spec.deadlineUs,
    priority: spec.priority,
    memoryBytesMax: Math.max(spec.memoryBytesMax, spec.reservation?.memoryBytes ?? 0),
    hardDeadline: spec.hardDeadline,
    cpuPpm: spec.reservation?.cpuPpm ?? 0,
    ...(spec.affinity.apart.length === 0 ? {} : { apart: spec.affinity.apart }),
  };
}

/** The same of one that is moved here while it runs. */
export const inBlackout = (spec: TaskSpec, epoch: number, blackoutUs: number): AcceptedTask => ({
  ...acceptedTaskOf(spec, epoch),
  blackoutUs,
});

/** Utilisation charged for a task in parts per billion, rounded up. An integer, so that sums do not depend on their order. */
export const chargePpb = ({ periodUs, wcetUs, cpuPpm }: AcceptedTask): number =>
  sharePpb({ periodUs, wcetUs, reservedPpm: cpuPpm ?? 0 });

export function admits(
  accepted: readonly AcceptedTask[],
  newcomers: readonly TaskSpec[],
  ecu: AdmittingEcu,
  blackoutUs = 0,
): Result<AdmissionEvidence, Refusal> {
  const now = admitsWithout(accepted, newcomers, ecu, blackoutUs);
  if (!now.ok || ecu.booked === undefined || ecu.booked.length === 0) return now;
  return besideBookings(now.value, accepted, newcomers, ecu.booked, (more) => admitsWithout(more, newcomers, ecu, blackoutUs));
}

/** As if nothing were booked. */
function admitsWithout(
  accepted: readonly AcceptedTask[],
  newcomers: readonly TaskSpec[],
  ecu: AdmittingEcu,
  blackoutUs: number,
): Result<AdmissionEvidence, Refusal> {
  if (ecu.draining) return err({ kind: 'draining' });
  for (const spec of newcomers) {
    if (!ecu.runtimes.includes(spec.runtime)) return err({ kind: 'runtime', wanted: spec.runtime, offered: ecu.runtimes });
    const missing = spec.capabilities.filter((capability) => !ecu.capabilities.includes(capability));
    if (missing.length > 0) return err({ kind: 'capability', missing });
    if (measuringRefusal(ecu, spec)) return err({ kind: 'measuring' });
  }
  const replaced = new Set(newcomers.map((spec) => spec.name));
  const staying = accepted.filter((task) => !replaced.has(task.task));
  const joining = newcomers.map((spec) => (blackoutUs === 0 ? acceptedTaskOf(spec, 0) : inBlackout(spec, 0, blackoutUs)));
  // It comes back to the core it has, if it may.
  const wishes = new Map(
    accepted.flatMap(({ task, core }) => (core === undefined || !replaced.has(task) ? [] : [[task, core]])),
  );

  const heldBytes = sum(staying, (task) => task.memoryBytesMax);
  const neededBytes = sum(joining, (task) => task.memoryBytesMax);
  if (heldBytes + neededBytes > ecu.memoryBytes) {
    return err({
      kind: 'memory',
      neededBytes,
      freeBytes: Math.max(0, ecu.memoryBytes - heldBytes),
      capacityBytes: ecu.memoryBytes,
    });
  }
  const platform = platformOf(ecu);
  const loads = loadsOf([...staying, ...joining], platform);
  if (!loads.ok) return loads;
  const { scheduling } = ecu;
  const given = {
    coreCount: Math.max(1, ecu.cores),
    bound: scheduling?.bound === true,
    silent: scheduling === undefined,
    wishes,
  };
  const room = roomFor(loads.value, platform, given);
  if (!room.ok) return room;
  const memoryUsedBytes = heldBytes + neededBytes;
  const counted = { newcomers: replaced, memoryBeforeBytes: heldBytes, memoryUsedBytes, memoryCapacityBytes: ecu.memoryBytes };
  return ok(evidenceOf(room.value, counted));
}

function loadsOf(tasks: readonly AcceptedTask[], platform: Platform | undefined): Result<readonly Load[], Refusal> {
  const loads: Load[] = [];
  for (const task of tasks) {
    const testable = task.periodUs > 0 && task.wcetUs > 0 && task.deadlineUs > 0;
    // Without a word about it: hard if it can be, for a task that cannot be tested was never accepted as hard.
    const hard = task.hardDeadline ?? testable;
    if (hard && !testable) return err({ kind: 'untestable', task: task.task });
    loads.push(loadOf(task, hard, platform));
  }
  return ok(loads);
}

/** Hot: flat literals, and one pass. */
function evidenceOf({ cores, test }: Room, given: Given): AdmissionEvidence {
  let tightest: TaskEvidence | undefined;
  let tightestShare = Number.POSITIVE_INFINITY;
  let beforePpb = 0;
  let afterPpb = 0;
  const joining: TaskEvidence[] = [];
  const shown: CoreEvidence[] = [];
  const show = (core: Core, load: Load): TaskEvidence => {
    const { name: task, deadlineUs } = load;
    const responseUs = core.responses.get(task);
    const evidence = { task, responseUs, deadlineUs };
    if (given.newcomers.has(task)) joining.push(evidence);
    else beforePpb += load.chargePpb;
    if (responseUs !== undefined) {
      const share = (deadlineUs - responseUs) / deadlineUs;
      if (share < tightestShare || (share === tightestShare && task < (tightest as TaskEvidence).task)) {
        tightestShare = share;
        tightest = evidence;
      }
    }
    return evidence;
  };
  for (const core of cores) {
    const tasks: TaskEvidence[] = [];
    for (const load of core.periodic) tasks.push(show(core, load));
    for (const load of core.background) tasks.push(show(core, load));
    shown.push({ utilisationPpm: Math.ceil(core.chargePpb / 1000), tasks });
    afterPpb += core.chargePpb;
  }
  return {
    memoryBeforeBytes: given.memoryBeforeBytes,
    memoryUsedBytes: given.memoryUsedBytes,
    memoryCapacityBytes: given.memoryCapacityBytes,
    utilisationBeforePpm: Math.ceil(beforePpb / 1000),
    utilisationPpm: Math.ceil(afterPpb / 1000),
    test,
    cores: shown,
    joining,
    tightest: tightest as AdmissionEvidence['tightest'],
  };
}

interface Given extends Pick<AdmissionEvidence, 'memoryBeforeBytes' | 'memoryUsedBytes' | 'memoryCapacityBytes'> {
  readonly newcomers: ReadonlySet<string>;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}

/**
 * The final admission: may these newcomers join what an ECU has accepted? One function, run by the manager that plans and
 * again by the bridge that accepts; the bridge's word is the last, because its record is the only one that is never late.
 *
 *   memory        Σ charges ≤ capacity; a charge is the larger of a task's maximum and its reservation
 *   capabilities  every one the newcomer names, and its runtime
 *   schedule      partitioned pre-emptive fixed priority on `cores`: tasks are packed first-fit in order of decreasing
 *                 utilisation, and a task fits a core when by exact response-time analysis every hard deadline on that core
 *                 still holds (and, on a core with soft tasks, the utilisation stays within 1, so that no backlog grows)
 *
 * Sound, not complete: `ok` means that there is a partition, given in the evidence, in which no hard deadline is ever missed.
 * On one core the test is exact; on more, first-fit may miss a packing that exists. Packing with the exact test inside
 * matters: packing by utilisation alone leaves two sets in five with a core that misses deadlines.
 *
 * Tasks without a period run when data comes; nothing bounds how often, so they are taken to run below every hard task and
 * are charged their reservation. A hard deadline without period or WCET is refused as untestable.
 * A newcomer of the same name as an accepted task takes its place (a redeploy). The order of both lists does not matter.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { AcceptedTask, EcuDescription } from '../model/ecu.ts';
import type { TaskSpec } from '../model/task.ts';
import type { RealtimeTask } from '../realtime/realtime-task.ts';
import { responseTimeUs } from '../realtime/response-time.ts';
import type { CpuShare } from '../realtime/utilisation.ts';
import { fitsOneCore, PPB, sharePpb } from '../realtime/utilisation.ts';
import type { AdmissionEvidence, CoreEvidence, Refusal } from './evidence.ts';

/** What of an ECU admission looks at. */
export type AdmittingEcu = Pick<EcuDescription, 'cores' | 'memoryBytes' | 'capabilities' | 'runtimes'> & {
  readonly draining: boolean;
};

/** The demand a spec makes on whatever ECU runs it: what a bridge records when it accepts. */
export function acceptedTaskOf(spec: TaskSpec, epoch: number): AcceptedTask {
  return {
    task: spec.name,
    epoch,
    periodUs: spec.periodUs,
    wcetUs: spec.wcetUs,
    deadlineUs: spec.deadlineUs,
    priority: spec.priority,
    memoryBytesMax: Math.max(spec.memoryBytesMax, spec.reservation?.memoryBytes ?? 0),
    hardDeadline: spec.hardDeadline,
    cpuPpm: spec.reservation?.cpuPpm ?? 0,
  };
}

/** Utilisation charged for a task in parts per billion, rounded up. An integer, so that sums do not depend on their order. */
export const chargePpb = ({ periodUs, wcetUs, cpuPpm }: AcceptedTask): number =>
  sharePpb({ periodUs, wcetUs, reservedPpm: cpuPpm ?? 0 });

export function admits(
  accepted: readonly AcceptedTask[],
  newcomers: readonly TaskSpec[],
  ecu: AdmittingEcu,
): Result<AdmissionEvidence, Refusal> {
  if (ecu.draining) return err({ kind: 'draining' });
  for (const spec of newcomers) {
    if (!ecu.runtimes.includes(spec.runtime)) return err({ kind: 'runtime', wanted: spec.runtime, offered: ecu.runtimes });
    const missing = spec.capabilities.filter((capability) => !ecu.capabilities.includes(capability));
    if (missing.length > 0) return err({ kind: 'capability', missing });
  }
  const replaced = new Set(newcomers.map((spec) => spec.name));
  const staying = accepted.filter((task) => !replaced.has(task.task));
  const joining = newcomers.map((spec) => acceptedTaskOf(spec, 0));

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
  const packed = pack([...staying, ...joining], Math.max(1, ecu.cores));
  if (!packed.ok) return packed;
  return ok(evidenceOf(packed.value, heldBytes + neededBytes, ecu.memoryBytes));
}

/** One task in the packing: its demand in the form the analysis wants. */
interface Load extends RealtimeTask, CpuShare {
  readonly name: string;
  readonly hard: boolean;
  readonly chargePpb: number;
}

interface Core {
  /** Tasks with a period: what response times are made of. */
  readonly periodic: Load[];
  readonly background: Load[];
  readonly responses: Map<string, number>;
  chargePpb: number;
  /** Whether something here has no tested deadline, so that utilisation must be watched too. */
  soft: boolean;
}

const byDecreasingUtilisation = (a: Load, b: Load): number =>
  b.chargePpb - a.chargePpb || a.deadlineUs - b.deadlineUs || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function pack(tasks: readonly AcceptedTask[], coreCount: number): Result<readonly Core[], Refusal> {
  const loads: Load[] = [];
  for (const task of tasks) {
    const testable = task.periodUs > 0 && task.wcetUs > 0 && task.deadlineUs > 0;
    // Without a word about it: hard if it can be, for a task that cannot be tested was never accepted as hard.
    const hard = task.hardDeadline ?? testable;
    if (hard && !testable) return err({ kind: 'untestable', task: task.task });
    loads.push({
      name: task.task,
      wcetUs: task.wcetUs,
      periodUs: task.periodUs,
      deadlineUs: task.deadlineUs,
      priority: task.priority,
      reservedPpm: task.cpuPpm ?? 0,
      hard,
      chargePpb: chargePpb(task),
    });
  }
  loads.sort(byDecreasingUtilisation);
  const cores: Core[] = [];
  for (const load of loads) {
    let refusal: Refusal | undefined;
    let placed = false;
    for (let at = 0; at < coreCount && !placed; at++) {
      const core = cores[at] ?? { periodic: [], background: [], responses: new Map(), chargePpb: 0, soft: false };
      refusal = join(core, load, coreCount);
      placed = refusal === undefined;
      if (placed && at === cores.length) cores.push(core);
      // An empty core refused it, and the rest are empty too.
      if (!placed && at === cores.length) break;
    }
    if (!placed) return err(refusal as Refusal);
  }
  return ok(cores);
}

/** Puts `load` on the core if all stays well there, else leaves the core as it was and says why. */
function join(core: Core, load: Load, coreCount: number): Refusal | undefined {
  const chargeAfterPpb = core.chargePpb + load.chargePpb;
  const soft = core.soft || !load.hard;
  if (soft && !fitsOneCore([...core.periodic, ...core.background, load])) {
    const freePpm = Math.max(0, Math.floor((PPB - core.chargePpb) / 1000));
    return { kind: 'utilisation', neededPpm: Math.ceil(load.chargePpb / 1000), freePpm, capacityPpm: 1_000_000 };
  }
  if (load.periodUs <= 0) {
    core.background.push(load);
  } else {
    core.periodic.push(load);
    const changed: [string, number][] = [];
    for (let index = 0; index < core.periodic.length; index++) {
      const one = core.periodic[index] as Load;
      // A more urgent task does not notice the newcomer.
      if (!one.hard || one.priority > load.priority) continue;
      const response = responseTimeUs(core.periodic, index);
      if (!response.ok) {
        core.periodic.pop();
        const responseUsMin = response.error.kind === 'deadline-missed' ? response.error.responseUsMin : one.deadlineUs;
        return {
          kind: 'schedule',
          task: one.name,
          responseUsMin,
          deadlineUs: one.deadlineUs,
          cores: coreCount,
          unpacked: load.name,
        };
      }
      changed.push([one.name, response.value]);
    }
    for (const [name, responseUs] of changed) core.responses.set(name, responseUs);
  }
  core.chargePpb = chargeAfterPpb;
  core.soft = soft;
  return undefined;
}

function evidenceOf(cores: readonly Core[], memoryUsedBytes: number, memoryCapacityBytes: number): AdmissionEvidence {
  let tightest: AdmissionEvidence['tightest'];
  let tightestShare = Number.POSITIVE_INFINITY;
  const shown: CoreEvidence[] = cores.map((core) => ({
    utilisationPpm: Math.ceil(core.chargePpb / 1000),
    tasks: [...core.periodic, ...core.background].map(({ name, deadlineUs }) => {
      const responseUs = core.responses.get(name);
      if (responseUs !== undefined) {
        const share = (deadlineUs - responseUs) / deadlineUs;
        if (share < tightestShare || (share === tightestShare && name < (tightest as { task: string }).task)) {
          tightestShare = share;
          tightest = { task: name, responseUs, deadlineUs };
        }
      }
      return { task: name, responseUs, deadlineUs };
    }),
  }));
  const utilisationPpm = Math.ceil(sum(cores, (core) => core.chargePpb) / 1000);
  return { memoryUsedBytes, memoryCapacityBytes, utilisationPpm, cores: shown, tightest };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}

/**
 * restore-or-say-why (DESIGN 2): a task of a failed ECU runs again, or is shed, with the reason. That it runs again is what a
 * healed world waits for; this checker holds the second half against each record of a placement:
 *
 *   R1. A task that is shed, lost or crashed says why.
 *   R2. Lower criticality is shed before higher: at rest no task is shed that would fit on some ECU in the place of running tasks
 *       of lower criticality.
 */
import type { AcceptedTask } from '../model/ecu.ts';
import type { Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import { type AdmittingEcu, admits } from '../placement/admit.ts';
import type { Violation } from './violation.ts';

const MUST_SAY_WHY = new Set(['shed', 'lost', 'crashed']);

export interface PlacementWord {
  readonly task: TaskName;
  readonly revision: number;
  readonly state: string;
  readonly reason: string | undefined;
}

export function unsaid({ task, revision, state, reason }: PlacementWord): Violation | undefined {
  if (!MUST_SAY_WHY.has(state) || (reason !== undefined && reason !== '')) return undefined;
  return {
    invariant: 'restore-or-say-why',
    sentence: `${task}: it is ${state}, and nobody says why (R1)`,
    details: { task, revision, state },
  };
}

export interface RunningEcu {
  readonly mac: Mac;
  readonly ecu: AdmittingEcu;
  readonly accepted: readonly AcceptedTask[];
  /** Whether the task may run there at all: labels, affinity, resource kind. */
  readonly suits: boolean;
}

/** R2, of one shed task. `criticalityOf`: of the tasks that run. */
export function shedBeforeLower(
  shed: TaskSpec,
  ecus: readonly RunningEcu[],
  criticalityOf: (task: TaskName) => number,
): Violation | undefined {
  for (const { mac, ecu, accepted, suits } of ecus) {
    if (!suits) continue;
    const kept = accepted.filter(({ task }) => criticalityOf(task) >= shed.criticality);
    if (!admits(kept, [shed], ecu).ok) continue;
    const lower = accepted.filter((one) => !kept.includes(one)).map(({ task }) => task);
    const instead = lower.length === 0 ? 'has room for it' : `runs ${lower.join(', ')} of lower criticality in its place`;
    return {
      invariant: 'restore-or-say-why',
      sentence: `${shed.name}: it is shed, while ECU ${mac} ${instead} (R2)`,
      details: { task: shed.name, criticality: shed.criticality, mac, lower },
    };
  }
  return undefined;
}

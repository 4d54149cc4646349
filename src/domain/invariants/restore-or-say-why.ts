/**
 * restore-or-say-why (DESIGN 2): a task of a failed ECU runs again, or is shed, with the reason. That it runs again is what a
 * healed world waits for; this checker holds the second half against each record of a placement:
 *
 *   R1. A task that is shed, lost or crashed says why.
 */
import type { TaskName } from '../model/ids.ts';
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

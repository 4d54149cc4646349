/**
 * schedulable (DESIGN 2): what an ECU has accepted passes the exact test, and fits its memory, whoever planned it.
 *
 *   S1. At every moment the set of tasks that an ECU has accepted is one that it would accept, on the scheduler, the cores and
 *       with the overheads that its description names.
 */
import type { AcceptedTask } from '../model/ecu.ts';
import type { Mac } from '../model/ids.ts';
import { type AdmittingEcu, admits } from '../placement/admit.ts';
import { sentenceOf } from '../placement/evidence.ts';
import type { Violation } from './violation.ts';

export function overfilled(mac: Mac, accepted: readonly AcceptedTask[], ecu: AdmittingEcu): Violation | undefined {
  const admission = admits(accepted, [], ecu);
  if (admission.ok) return undefined;
  const tasks = accepted.map(({ task }) => task).sort();
  return {
    invariant: 'schedulable',
    sentence: `ECU ${mac} has accepted ${tasks.join(', ')}, which it cannot run together: ${sentenceOf(admission.error)} (S1)`,
    details: { mac, tasks },
  };
}

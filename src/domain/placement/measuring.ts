/**
 * ECUs that measure: what is deployed there is meant to be run whether or not its deadlines can be kept, to see whether they are
 * (`drover dataset generate --label run`). Never a default: an ECU measures where it was started to (`drover ecu --measuring`).
 *
 * M1. Such an ECU offers the capability `measuring`, and takes only tasks that ask for it: no other task shares it with sets that overload it.
 * M2. It takes no hard deadline, because it promises none. The tasks that are run there are soft and have no known WCET (0), which the
 *     admission charges nothing for; memory is tested as everywhere.
 */
import type { EcuDescription } from '../model/ecu.ts';
import type { TaskSpec } from '../model/task.ts';

export const MEASURING = 'measuring';

export const measuringRefusal = (
  { capabilities }: Pick<EcuDescription, 'capabilities'>,
  spec: Pick<TaskSpec, 'capabilities' | 'hardDeadline'>,
): boolean => capabilities.includes(MEASURING) && (spec.hardDeadline || !spec.capabilities.includes(MEASURING));

/**
 * A planned death: `DROVER_FAULT=<point>:<count>` makes this very process end itself with SIGKILL when it reaches the named
 * point (src/ports/fault-points.ts) for the count-th time. For kill tests; without the variable nobody listens.
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import {
  FAULT_POINT_NAMES,
  FaultPoint,
  type FaultPointName,
  type FaultPoints,
  NO_FAULT_POINTS,
} from '../../src/ports/fault-points.ts';

export const FAULT_VARIABLE = 'DROVER_FAULT';

/** Fails with ERR_USAGE on a plan that names no point. */
export function plannedFaults(plan: string | undefined): FaultPoints {
  if (plan === undefined || plan === '') return NO_FAULT_POINTS;
  const { point, count } = parsePlan(plan);
  let left = count;
  return {
    reach: (reached) => {
      if (reached !== point || --left > 0) return;
      process.kill(process.pid, 'SIGKILL');
      // The signal is on its way to this process; nothing after this point may happen.
      return new Promise(() => {});
    },
  };
}

function parsePlan(plan: string): { readonly point: FaultPoint; readonly count: number } {
  const [name = '', times = '1'] = plan.split(':');
  const count = Number(times);
  if (!(FAULT_POINT_NAMES as readonly string[]).includes(name) || !Number.isInteger(count) || count < 1) {
    throw new DroverError(
      'ERR_USAGE',
      `${FAULT_VARIABLE}=${plan} is no plan: write <point>:<count> with one of ${FAULT_POINT_NAMES.join(', ')}`,
    );
  }
  return { point: FaultPoint[name as FaultPointName], count };
}

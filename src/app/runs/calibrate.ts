/** What a unit of each kind of work costs on one bridge: each kind runs there alone, with a large argument and a small one. */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { type GrownTask, WORK_KINDS, type WorkKind } from '../../domain/realtime/draw/grow.ts';
import { type Calibration, type Sample, type WorkCost, workCost } from '../../domain/realtime/runs/calibration.ts';
import type { RunJob } from '../../domain/realtime/runs/verdict.ts';
import type { Distributor } from './distributor.ts';

/** The first jobs of a program are compiled as they run; those are not counted. */
const RUNS = [
  { argument: 64, jobs: 12, uncounted: 4 },
  // Short ones: on a machine that others use, some of them are not interrupted.
  { argument: 4, jobs: 24, uncounted: 0 },
];
/** Alone, and never in a hurry: a job is over long before the next one. */
const PERIOD_US = 60_000;
const ATTEMPTS = 3;

export async function calibrate(distributor: Distributor, mac: Mac, signal: AbortSignal): Promise<Calibration> {
  const costs: [WorkKind, WorkCost][] = [];
  for (const work of WORK_KINDS) {
    const samples: Sample[] = [];
    for (const { argument, jobs, uncounted } of RUNS) {
      const task = { work, argument, jobs, wcetUs: PERIOD_US, periodUs: PERIOD_US, deadlineUs: PERIOD_US, priority: 1 };
      const done = await jobsAlone(distributor, { mac, task, signal });
      samples.push(...done.slice(uncounted).map(({ executionUs }) => ({ argument, executionUs })));
    }
    costs.push([work, workCost(samples)]);
  }
  return Object.fromEntries(costs) as Record<WorkKind, WorkCost>;
}

/** Those that were done, once any were; an ECU on which none is has no costs. */
async function jobsAlone(
  distributor: Distributor,
  { mac, task, signal }: { readonly mac: Mac; readonly task: GrownTask; readonly signal: AbortSignal },
): Promise<readonly RunJob[]> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const verdict = await distributor.run(mac, [task], signal);
    const done = (verdict?.jobs ?? []).filter(({ stopUs }) => stopUs > 0);
    if (done.length === task.jobs) return done;
  }
  throw new DroverError('ERR_NOT_RUNNING', `ECU ${mac} does not get ${task.jobs} jobs done that run there alone`);
}

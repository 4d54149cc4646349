/** What a unit of each kind of work costs on one bridge: each kind runs there alone, with small, middling and large arguments. */
import type { Mac } from '../../domain/model/ids.ts';
import { WORK_KINDS, type WorkKind } from '../../domain/realtime/draw/grow.ts';
import { type Calibration, type Sample, type WorkCost, workCost } from '../../domain/realtime/runs/calibration.ts';
import type { Distributor } from './distributor.ts';

/** The first jobs of a program are compiled as they run; they are not counted. */
const WARM_UP = { argument: 64, jobs: 4 };
const ARGUMENTS = [8, 32, 64];
const JOBS = 8;
/** Alone, and never in a hurry: a job is over long before the next one. */
const PERIOD_US = 80_000;
const ATTEMPTS = 3;

export async function calibrate(distributor: Distributor, mac: Mac, signal: AbortSignal): Promise<Calibration> {
  const costs: [WorkKind, WorkCost][] = [];
  for (const work of WORK_KINDS) {
    const run = async (argument: number, jobs: number): Promise<readonly Sample[]> => {
      const task = { work, argument, jobs, wcetUs: PERIOD_US, periodUs: PERIOD_US, deadlineUs: PERIOD_US, priority: 1 };
      for (let attempt = 1; ; attempt++) {
        const verdict = await distributor.run(mac, [task], signal);
        const done = (verdict?.jobs ?? []).filter(({ stopUs }) => stopUs > 0);
        if (done.length > 0 || attempt === ATTEMPTS) return done.map(({ executionUs }) => ({ argument, executionUs }));
      }
    };
    await run(WARM_UP.argument, WARM_UP.jobs);
    const samples: Sample[] = [];
    for (const argument of ARGUMENTS) samples.push(...(await run(argument, JOBS)));
    costs.push([work, workCost(samples)]);
  }
  return Object.fromEntries(costs) as Record<WorkKind, WorkCost>;
}

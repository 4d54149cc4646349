/**
 * The dumb twin of the analyses: cores that are looked at every µs. It knows nothing of busy periods or demand; it runs jobs.
 * Only for small numbers.
 */
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';

export interface Arrival {
  readonly task: number;
  readonly arrivalUs: number;
  readonly releaseUs: number;
}

export interface TwinPlatform {
  readonly cores: number;
  readonly scheduler: 'fp' | 'edf';
  readonly preemptive: boolean;
}

interface Job extends Arrival {
  leftUs: number;
  started: boolean;
}

/** The worst response of each task from the arrival; jobs that are not done after `untilUs` count as if they were done then. */
export function worstObservedUs(
  tasks: readonly RealtimeTask[],
  arrivals: readonly Arrival[],
  { cores, scheduler, preemptive }: TwinPlatform,
  untilUs: number,
): number[] {
  const worst = tasks.map(() => 0);
  const waiting: Job[] = arrivals.map((arrival) => ({
    ...arrival,
    leftUs: (tasks[arrival.task] as RealtimeTask).wcetUs,
    started: false,
  }));
  const urgency = (job: Job): number => {
    const { priority, deadlineUs } = tasks[job.task] as RealtimeTask;
    return scheduler === 'fp' ? -priority : job.arrivalUs + deadlineUs;
  };
  const done = (job: Job, atUs: number): void => {
    worst[job.task] = Math.max(worst[job.task] as number, atUs - job.arrivalUs);
  };
  for (let now = 0; now < untilUs; now++) {
    const ready = waiting
      .filter((job) => job.releaseUs <= now && job.leftUs > 0)
      .sort((a, b) => urgency(a) - urgency(b) || a.arrivalUs - b.arrivalUs);
    // Jobs of one task run one after the other.
    const first = ready.filter((job, at) => ready.findIndex((other) => other.task === job.task) === at);
    const kept = preemptive ? [] : first.filter((job) => job.started);
    for (const job of [...kept, ...first.filter((one) => !kept.includes(one))].slice(0, cores)) {
      job.started = true;
      job.leftUs--;
      if (job.leftUs === 0) done(job, now + 1);
    }
  }
  for (const job of waiting) if (job.leftUs > 0) done(job, untilUs);
  return worst;
}

/**
 * What an ECU says about its scheduling, as the platform that the analysis is asked about.
 *
 * An ECU that says nothing has fixed priorities, every task on a core of the ECU's choice; whether jobs are interrupted is not known, so
 * a hard deadline has to hold both ways (`core-room.ts`). drover's own bridges say what their lanes do (`OWN_LANES`).
 *
 * Charges, where the ECU names their costs: a checkpoint is taken at the end of a job, so a job brings at most one; two switches a
 * job; and bringing in a task (a restore, a move) as demand that comes before everything, at most once in `blackoutEveryUs`.
 */
import type { EcuDescription, EcuScheduling } from '../model/ecu.ts';
import type { Overheads } from '../realtime/overheads.ts';
import type { Platform } from '../realtime/platform.ts';
import { TIME_US_MAX } from '../realtime/set-check.ts';

/** Two tasks brought in within a shorter time are the planner's to avoid, or the ECU's to say. */
const BLACKOUT_EVERY_US = 10_000_000;

/** drover's own lanes: a job that has begun runs to its end, the most urgent that waits is next, and a program stays in its lane. */
const OWN_LANES = { nonPreemptive: true, bound: true } as const;

/** What a bridge of drover declares: the order its lanes were told, and costs that somebody has measured. */
export const ownScheduling = (told: Partial<EcuScheduling> = {}): EcuScheduling => ({ scheduler: 'fp', ...told, ...OWN_LANES });

export const isOwnDefault = (scheduling: EcuScheduling | undefined): boolean =>
  scheduling?.scheduler === 'fp' && scheduling.nonPreemptive === true && scheduling.bound === true;

/** What of an ECU decides which test is asked. */
export type SchedulingEcu = Pick<EcuDescription, 'cores' | 'scheduling'>;

/** Undefined: a scheduler that no test here speaks about. */
export function platformOf({ cores, scheduling }: SchedulingEcu): Platform | undefined {
  const whole = { cores: Math.max(1, cores), scheduler: 'fp', preemptive: true, placement: 'partitioned' } as const;
  if (scheduling === undefined) return whole;
  const { scheduler, nonPreemptive = false, global = false, sliceUs } = scheduling;
  if (scheduler === 'other') return undefined;
  return {
    ...whole,
    scheduler,
    preemptive: !nonPreemptive,
    placement: global ? 'global' : 'partitioned',
    ...(sliceUs === undefined ? {} : { sliceUs }),
    overheads: overheadsOf(scheduling),
  };
}

function overheadsOf(scheduling: NonNullable<SchedulingEcu['scheduling']>): Overheads {
  const { checkpointCostUs = 0, contextSwitchUs = 0, blackoutUs = 0, blackoutEveryUs = BLACKOUT_EVERY_US } = scheduling;
  return {
    contextSwitchUs,
    // An interval that no execution time reaches: one for each job.
    ...(checkpointCostUs === 0 ? {} : { checkpoint: { intervalUs: TIME_US_MAX, costUs: checkpointCostUs } }),
    ...(blackoutUs === 0 ? {} : { migration: { everyUs: blackoutEveryUs, blackoutUs } }),
  };
}

const NAMES = { fp: 'fixed priorities', edf: 'earliest deadline first', rr: 'round robin' } as const;

/** "earliest deadline first, partitioned on 2 cores", for people. */
export function schedulingText(ecu: SchedulingEcu): string {
  const platform = platformOf(ecu);
  if (platform === undefined) return 'a scheduler that is not known here';
  const { scheduler, preemptive, placement, cores } = platform;
  const where = cores === 1 ? 'one core' : `${placement} on ${cores} cores`;
  if (ecu.scheduling === undefined) return `${NAMES.fp} (it does not say whether pre-emptive), ${where}`;
  return `${preemptive ? '' : 'non-pre-emptive '}${NAMES[scheduler]}, ${where}`;
}

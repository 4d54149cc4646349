/** The scheduling policies by the names that command lines and vectors use, and what platform each stands for. */
import type { Placement, Platform, Scheduler } from '../../domain/realtime/platform.ts';

export const POLICIES = [
  ...(['fp', 'npfp', 'edf', 'npedf', 'rr'] as const),
  ...(['gfp', 'gedf', 'partitioned-fp', 'partitioned-edf', 'partitioned-rr'] as const),
] as const;
export type Policy = (typeof POLICIES)[number];

/** To an analysis these are one core's: for many, whether jobs may move decides which test it is. */
export const ONE_CORE: readonly Policy[] = ['fp', 'npfp', 'edf', 'npedf', 'rr'];

export interface PolicyWords {
  readonly scheduler: Scheduler;
  readonly preemptive: boolean;
  /** Absent: the name says nothing of it. */
  readonly placement?: Placement;
}

/** `fp`, `edf`, `rr`, with `np` before it for not preemptive, and `g` or `partitioned-` before that. */
export function policyNamed(name: string): PolicyWords {
  const [, placement, nonPreemptive, scheduler] = /^(partitioned-|g)?(np)?(fp|edf|rr)$/.exec(name) ?? [];
  return {
    scheduler: (scheduler ?? 'fp') as Scheduler,
    preemptive: nonPreemptive === undefined,
    ...(placement === undefined ? {} : { placement: placement === 'g' ? 'global' : 'partitioned' }),
  };
}

/** The other way round. On one core placement makes no difference, and no name. */
export function policyOf({ cores, scheduler, preemptive, placement }: Platform): string {
  const where = cores === 1 ? '' : placement === 'global' ? 'g' : 'partitioned-';
  return `${where}${preemptive ? '' : 'np'}${scheduler}`;
}

/** The scheduling policies by the names that the command line and the vectors use, and what platform each stands for. */
import type { Overheads } from '../../domain/realtime/overheads.ts';
import type { Platform } from '../../domain/realtime/platform.ts';

export const POLICIES = ['fp', 'npfp', 'edf', 'npedf', 'gedf', 'gfp', 'partitioned-edf', 'partitioned-fp', 'rr'] as const;
export type Policy = (typeof POLICIES)[number];

/** Policies of one core: a second core would change nothing, so it is a mistake to ask for it. */
export const ONE_CORE: readonly Policy[] = ['fp', 'npfp', 'edf', 'npedf', 'rr'];

export interface PolicyOptions {
  readonly cores: number;
  readonly sliceUs?: number | undefined;
  readonly overheads?: Overheads | undefined;
}

export function platformOf(policy: Policy, { cores, sliceUs, overheads }: PolicyOptions): Platform {
  return {
    cores: ONE_CORE.includes(policy) ? 1 : cores,
    scheduler: policy === 'rr' ? 'rr' : policy.endsWith('fp') ? 'fp' : 'edf',
    preemptive: !policy.startsWith('np'),
    placing: policy === 'gedf' || policy === 'gfp' ? 'global' : 'partitioned',
    ...(sliceUs === undefined ? {} : { sliceUs }),
    ...(overheads === undefined ? {} : { overheads }),
  };
}

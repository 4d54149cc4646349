/**
 * `drover schedule --jsonl`: one task set a line in, one answer a line out. `line-fields.ts` says how a line is read; fields that are not known
 * are passed over. A line that cannot be simulated is answered with its reason, and those after it are simulated all the same.
 */
import { PLATFORM_DEFAULTS } from '../../domain/realtime/simulation/platform.ts';
import { readSetLine } from './line-fields.ts';
import { policyNamed } from './policies.ts';
import { reportOf, type ScheduleReport, schedule } from './schedule.ts';

export interface LineOptions {
  readonly policy: string;
  /** Undefined: what the line says, or one. */
  readonly cores: number | undefined;
  /** Undefined: what the line says, or one second. */
  readonly durationUs: number | undefined;
  /** Of round robin; a millisecond when undefined. */
  readonly sliceUs?: number | undefined;
  readonly seed: number;
}

export type LineAnswer =
  | ({ readonly id: unknown; readonly policy: string; readonly reason: null } & ScheduleReport)
  | { readonly id: unknown; readonly policy: string; readonly tasks: null; readonly reason: string };

export const unreadLine = (policy: string, reason: string): LineAnswer => ({ id: null, policy, tasks: null, reason });

export function answerLine(line: string, { policy, cores, durationUs, sliceUs, seed }: LineOptions): LineAnswer {
  const read = readSetLine(line, { ofTasks: ['jitterUs', 'offsetUs'], ofLine: ['cores', 'durationUs'] });
  if (!read.ok) return { id: read.error.id, policy, tasks: null, reason: read.error.sentence };
  const { id } = read.value;
  try {
    const request = {
      tasks: read.value.tasks,
      platform: {
        ...PLATFORM_DEFAULTS,
        ...policyNamed(policy),
        ...(sliceUs === undefined ? {} : { sliceUs }),
        cores: cores ?? read.value.cores ?? 1,
      },
      durationUs: durationUs ?? read.value.durationUs ?? 1_000_000,
      seed,
    };
    return { id, policy, reason: null, ...reportOf(request, schedule(request)) };
  } catch (error) {
    return { id, policy, tasks: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

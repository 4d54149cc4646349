/**
 * Task sets as JSON lines, for programs: one set in, one verdict out, in the same order.
 *
 *   in    {"id", "cores"?, "tasks": [{"name"?, "wcetUs", "periodUs", "deadlineUs"?, "priority"?, "jitterUs"?, "blockingUs"?}]}
 *   out   {"id", "policy", "schedulable": true | false | null, "responseUs": [… | null] | null, "responseFrom": "release", "reason"}
 *
 * `line-fields.ts` says how a line is read. Fields that are not named here are not looked at.
 *
 * A task meets its deadline when its response from the release plus its release jitter does not exceed it. That is the word of
 * this interface; the analysis itself counts every job from its own arrival, which may accept a little more where jitter is longer
 * than a period. `null` in the list is a task that misses; the whole list is null where not every response is known.
 */
import { analyse } from '../../domain/realtime/analyse.ts';
import type { Overheads } from '../../domain/realtime/overheads.ts';
import type { Platform } from '../../domain/realtime/platform.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import { type Refusal, sentenceOfRefusal } from '../../domain/realtime/refusal.ts';
import { readSetLine } from './line-fields.ts';
import { ONE_CORE, type Policy, policyNamed } from './policies.ts';

export interface SetVerdict {
  readonly id: unknown;
  readonly policy: Policy;
  readonly schedulable: boolean | null;
  readonly responseUs: readonly (number | null)[] | null;
  readonly responseFrom: 'release';
  readonly reason: string | null;
}

export interface LineOptions {
  readonly policy: Policy;
  /** Absent: what the line says, else one. */
  readonly cores?: number | undefined;
  readonly sliceUs?: number | undefined;
  readonly overheads?: Overheads | undefined;
}

export const unreadLine = (policy: Policy, reason: string): SetVerdict => refused(policy, null, reason);

const refused = (policy: Policy, id: unknown, reason: string): SetVerdict => ({
  id,
  policy,
  schedulable: null,
  responseUs: null,
  responseFrom: 'release',
  reason,
});

/** Never throws: what is wrong with a line is its reason, and the next line is read. */
export function verdictOfLine(line: string, options: LineOptions): SetVerdict {
  const { policy } = options;
  const read = readSetLine(line, { ofTasks: ['jitterUs', 'blockingUs'], ofLine: ONE_CORE.includes(policy) ? [] : ['cores'] });
  if (!read.ok) return refused(policy, read.error.id, read.error.sentence);
  const { id, tasks } = read.value;
  const analysis = analyse(tasks, platformOf(options, options.cores ?? read.value.cores ?? 1));
  const names = tasks.map(({ name }) => name);
  const sentence = (refusal: Refusal): string =>
    `${refusal.kind}: ${sentenceOfRefusal(refusal, (index) => names[index] ?? `T${index + 1}`)}`;

  const known =
    analysis.tasks.length > 0 && analysis.tasks.every(({ meets, responseUs }) => meets === false || responseUs !== undefined);
  let late: Refusal | undefined;
  const responseUs = analysis.tasks.map(({ fromReleaseUs }, index) => {
    if (fromReleaseUs === undefined) return null;
    const { jitterUs = 0, deadlineUs } = tasks[index] as RealtimeTask;
    if (fromReleaseUs + jitterUs <= deadlineUs) return fromReleaseUs;
    late ??= { kind: 'deadline-missed', index, responseUs: fromReleaseUs + jitterUs, deadlineUs };
    return null;
  });
  const refusal = analysis.refusal ?? late;
  return {
    id,
    policy,
    schedulable: analysis.schedulable === true && late !== undefined ? false : (analysis.schedulable ?? null),
    responseUs: known && analysis.schedulable !== undefined ? responseUs : null,
    responseFrom: 'release',
    reason: refusal === undefined ? null : sentence(refusal),
  };
}

const platformOf = ({ policy, sliceUs, overheads }: LineOptions, cores: number): Platform => ({
  placement: 'global',
  ...policyNamed(policy),
  cores: ONE_CORE.includes(policy) ? 1 : cores,
  ...(sliceUs === undefined ? {} : { sliceUs }),
  ...(overheads === undefined ? {} : { overheads }),
});

/**
 * Task sets as JSON lines, for programs: one set in, one verdict out, in the same order.
 *
 *   in    {"id", "cores"?, "tasks": [{"name"?, "wcetUs", "periodUs", "deadlineUs"?, "priority"?, "jitterUs"?, "blockingUs"?}]}
 *   out   {"id", "policy", "schedulable": true | false | null, "responseUs": [… | null] | null, "responseFrom": "release", "reason"}
 *
 * All times are integer µs; priority 1 is the most urgent (task files count the other way), absent everywhere: deadline-monotonic.
 * An absent deadline is the period. Fields that are not named here are not looked at.
 *
 * A task meets its deadline when its response from the release plus its release jitter does not exceed it. That is the word of
 * this interface; the analysis itself counts every job from its own arrival, which may accept a little more where jitter is longer
 * than a period. `null` in the list is a task that misses; the whole list is null where not every response is known.
 */
import { analyse } from '../../domain/realtime/analyse.ts';
import { deadlineMonotonic } from '../../domain/realtime/deadline-monotonic.ts';
import type { Overheads } from '../../domain/realtime/overheads.ts';
import type { Platform } from '../../domain/realtime/platform.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import { type Refusal, sentenceOfRefusal } from '../../domain/realtime/refusal.ts';
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

/** Never throws: what is wrong with a line is its reason, and the next line is read. */
export function verdictOfLine(line: string, options: LineOptions): SetVerdict {
  const { policy } = options;
  const refuse = (id: unknown, reason: string): SetVerdict => ({
    id,
    policy,
    schedulable: null,
    responseUs: null,
    responseFrom: 'release',
    reason,
  });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return refuse(null, `not-json: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) return refuse(null, 'not-a-set: a line is an object with the field tasks');
  const id = value['id'] ?? null;
  const list = value['tasks'];
  if (!Array.isArray(list)) return refuse(id, 'not-a-set: there is no list of tasks');
  if (!list.every(isObject)) return refuse(id, 'not-a-set: a task is an object');
  const strange = strangeField(list);
  if (strange !== undefined) return refuse(id, strange);
  const tasks = tasksOf(list);
  const inLine = value['cores'] === undefined ? 1 : numberOr(value['cores'], Number.NaN);
  const analysis = analyse(tasks, platformOf(options, options.cores ?? inLine));
  const names = list.map(nameOf);
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

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const NUMBERS = ['wcetUs', 'periodUs', 'deadlineUs', 'priority', 'jitterUs', 'blockingUs'] as const;

/** A field that is there and is no number: the analysis would only see that it is none. */
function strangeField(list: readonly Fields[]): string | undefined {
  for (const [index, task] of list.entries()) {
    for (const field of NUMBERS) {
      const value = task[field] ?? undefined;
      if (value !== undefined && typeof value !== 'number') {
        return `not-whole: ${nameOf(task, index)}: ${field} ${JSON.stringify(value).slice(0, 40)} is no number`;
      }
    }
  }
  return undefined;
}

const nameOf = ({ name }: Fields, index: number): string => (typeof name === 'string' ? name : `T${index + 1}`);

/** What is there and no number becomes NaN, which the analysis refuses by the field's name. */
const numberOr = (value: unknown, absent: number): number =>
  value === undefined || value === null ? absent : typeof value === 'number' ? value : Number.NaN;

function tasksOf(list: readonly Fields[]): RealtimeTask[] {
  const tasks = list.map((fields): RealtimeTask => {
    const periodUs = numberOr(fields['periodUs'], Number.NaN);
    return {
      wcetUs: numberOr(fields['wcetUs'], Number.NaN),
      periodUs,
      deadlineUs: numberOr(fields['deadlineUs'], periodUs),
      // −0 would not equal 0 in a report.
      priority: 0 - numberOr(fields['priority'], Number.NaN),
      jitterUs: numberOr(fields['jitterUs'], 0),
      blockingUs: numberOr(fields['blockingUs'], 0),
    };
  });
  if (list.some(({ priority }) => priority !== undefined && priority !== null)) return tasks;
  return deadlineMonotonic(tasks);
}

/**
 * A task set as one JSON line, as other tools' test vectors have it; read alike by `drover analyze --jsonl` and `drover schedule --jsonl`.
 * All times are whole µs. Priority 1 is the most urgent (task files count the other way); a line without any is deadline-monotonic, one that
 * gives them to some tasks only is refused. An absent deadline is the period; `null` is absent.
 */
import type { Result } from '../../domain/kernel/result.ts';
import { err, ok } from '../../domain/kernel/result.ts';
import { deadlineMonotonic } from '../../domain/realtime/deadline-monotonic.ts';

export interface LineTask {
  readonly name: string;
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  /** A larger one is more urgent, as everywhere behind this file. */
  readonly priority: number;
  readonly jitterUs: number;
  readonly offsetUs: number;
  readonly blockingUs: number;
}

export interface SetLine {
  readonly id: unknown;
  readonly tasks: readonly LineTask[];
  /** Of the line itself; undefined: it is absent. */
  readonly cores: number | undefined;
  readonly durationUs: number | undefined;
}

/** What this command looks at beside what every set has; everything else in a line may be anything. */
export interface LooksAt {
  readonly ofTasks: readonly ('jitterUs' | 'offsetUs' | 'blockingUs')[];
  readonly ofLine: readonly ('cores' | 'durationUs')[];
}

/** `sentence` begins with a kind that programs can match. */
export interface LineProblem {
  readonly id: unknown;
  readonly sentence: string;
}

export function readSetLine(line: string, { ofTasks, ofLine }: LooksAt): Result<SetLine, LineProblem> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return err({ id: null, sentence: `not-json: ${error instanceof Error ? error.message : String(error)}` });
  }
  if (!isObject(value)) return err({ id: null, sentence: 'not-a-set: a line is an object with the field tasks' });
  const id = value['id'] ?? null;
  const bad = (sentence: string): Result<never, LineProblem> => err({ id, sentence });
  const list = value['tasks'];
  if (!Array.isArray(list)) return bad('not-a-set: there is no list of tasks');
  if (!list.every(isObject)) return bad('not-a-set: a task is an object');
  const numbers = [...NEEDED, 'deadlineUs', 'priority', ...ofTasks];
  const problem = list.map((task, index) => problemOf(task, index, numbers)).find((sentence) => sentence !== undefined);
  if (problem !== undefined) return bad(problem);
  const given = list.filter((task) => isThere(task['priority'])).length;
  if (given > 0 && given < list.length)
    return bad('missing: some tasks have a priority and some have none: give all one, or none');
  for (const field of ofLine) {
    const number = value[field];
    if (isThere(number) && typeof number !== 'number') return bad(`bad-platform: ${field} ${shown(number)} is no number`);
  }
  const tasks = list.map(taskOf);
  return ok({
    id,
    tasks: given > 0 ? tasks : deadlineMonotonic(tasks),
    cores: optional(value['cores']),
    durationUs: optional(value['durationUs']),
  });
}

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isThere = (value: unknown): boolean => value !== undefined && value !== null;
const shown = (value: unknown): string => JSON.stringify(value).slice(0, 40);
const optional = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

const NEEDED = ['wcetUs', 'periodUs'] as const;

/** What the analysis could only say of a number that is none, or of one that was turned round. Bounds are its own. */
function problemOf(task: Fields, index: number, numbers: readonly string[]): string | undefined {
  const name = nameOf(task, index);
  const absent = NEEDED.find((field) => !isThere(task[field]));
  if (absent !== undefined) return `missing: ${name}: ${absent} is missing`;
  const strange = numbers.find((field) => isThere(task[field]) && typeof task[field] !== 'number');
  if (strange !== undefined) return `not-whole: ${name}: ${strange} ${shown(task[strange])} is no number`;
  const priority = task['priority'];
  return isThere(priority) && !Number.isSafeInteger(priority)
    ? `not-whole: ${name}: priority ${shown(priority)} is no whole number that can be counted exactly`
    : undefined;
}

const nameOf = ({ name }: Fields, index: number): string => (typeof name === 'string' ? name : `T${index + 1}`);

function taskOf(fields: Fields, index: number): LineTask {
  const periodUs = Number(fields['periodUs']);
  return {
    name: nameOf(fields, index),
    wcetUs: Number(fields['wcetUs']),
    periodUs,
    deadlineUs: optional(fields['deadlineUs']) ?? periodUs,
    // −0 would not equal 0 in a report.
    priority: 0 - (optional(fields['priority']) ?? 0),
    jitterUs: optional(fields['jitterUs']) ?? 0,
    offsetUs: optional(fields['offsetUs']) ?? 0,
    blockingUs: optional(fields['blockingUs']) ?? 0,
  };
}

/**
 * `drover schedule --jsonl`: one task set a line in, one answer a line out. Lines are those of other tools' test vectors:
 * priority 1 is the most urgent there, and fields that are not known are passed over. A line that cannot be simulated is
 * answered with its reason, and those after it are simulated all the same.
 */
import { PLATFORM_DEFAULTS, type SimulatedTask } from '../../domain/realtime/simulation/platform.ts';
import { policyNamed } from './policies.ts';
import { reportOf, type ScheduleReport, schedule } from './schedule.ts';

export interface LineOptions {
  readonly policy: string;
  /** Undefined: what the line says, or one. */
  readonly cores: number | undefined;
  /** Undefined: what the line says, or one second. */
  readonly durationUs: number | undefined;
  readonly seed: number;
}

export type LineAnswer =
  | ({ readonly id: unknown; readonly policy: string; readonly reason: null } & ScheduleReport)
  | { readonly id: unknown; readonly policy: string; readonly tasks: null; readonly reason: string };

export function answerLine(line: string, { policy, cores, durationUs, seed }: LineOptions): LineAnswer {
  let id: unknown = null;
  try {
    const set = fieldsOf(JSON.parse(line), 'a task set');
    id = set['id'] ?? null;
    const list = set['tasks'];
    if (!Array.isArray(list)) throw new Error('tasks is no list');
    const request = {
      tasks: list.map(taskOf),
      platform: {
        ...PLATFORM_DEFAULTS,
        ...policyNamed(policy),
        cores: cores ?? (set['cores'] === undefined ? 1 : numberOf(set, 'cores')),
      },
      durationUs: durationUs ?? (set['durationUs'] === undefined ? 1_000_000 : numberOf(set, 'durationUs')),
      seed,
    };
    return { id, policy, reason: null, ...reportOf(request, schedule(request)) };
  } catch (error) {
    return { id, policy, tasks: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

function taskOf(value: unknown, at: number): SimulatedTask & { readonly name: string } {
  const name = `T${at + 1}`;
  const fields = fieldsOf(value, name);
  const periodUs = numberOf(fields, 'periodUs', name);
  return {
    name: typeof fields['name'] === 'string' ? fields['name'] : name,
    wcetUs: numberOf(fields, 'wcetUs', name),
    periodUs,
    deadlineUs: fields['deadlineUs'] === undefined ? periodUs : numberOf(fields, 'deadlineUs', name),
    priority: -(fields['priority'] === undefined ? at : numberOf(fields, 'priority', name)),
    jitterUs: fields['jitterUs'] === undefined ? 0 : numberOf(fields, 'jitterUs', name),
    offsetUs: fields['offsetUs'] === undefined ? 0 : numberOf(fields, 'offsetUs', name),
  };
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new Error(`${what} is no object with fields`);
}

function numberOf(fields: Readonly<Record<string, unknown>>, field: string, of = ''): number {
  const value = fields[field];
  if (typeof value === 'number') return value;
  throw new Error(
    `${of === '' ? '' : `${of}: `}${field} is ${value === undefined ? 'missing' : `no number: ${JSON.stringify(value)}`}`,
  );
}

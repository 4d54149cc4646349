/**
 * From a draft (a YAML file, flags, a decoded message) to a task's specification, or to all that is wrong with it at once.
 *
 * Defaults and ranges, in one place. Times are µs, sizes bytes.
 *
 * | field                    | default                   | range                        | note                                          |
 * |--------------------------|---------------------------|------------------------------|-----------------------------------------------|
 * | name                     | —                         | `[a-z0-9-]`, ≤ 63            |                                               |
 * | runtime                  | wasm                      | wasm worker process container |                                              |
 * | artefact                 | —                         | 64 hex digits                | SHA-256                                       |
 * | artefactBytes            | —                         | 1 … 1 GiB                    |                                               |
 * | periodUs                 | 0                         | 0, or 100 … 1 day            | 0: runs on data alone                         |
 * | wcetUs                   | 0                         | 0 … 1 day                    | 0: unknown; then no deadline can be hard      |
 * | deadlineUs               | the period                | 0 … 1 day                    | 0: none                                       |
 * | priority                 | 10                        | 0 … 1000                     | larger is more urgent                         |
 * | criticality              | 0                         | 0 … 4                        | shed last: 4                                  |
 * | hardDeadline             | false                     |                              | needs period, wcet and deadline               |
 * | memoryBytesMax           | 16 MiB                    | 64 KiB … 4 GiB               | wasm: whole 64 KiB pages                      |
 * | capabilities             | none                      | ≤ 64 words                   |                                               |
 * | affinity.*               | none                      | ≤ 256 entries each           | MACs in any usual form                        |
 * | reservation              | none                      | cpuPpm 0 … 64·10⁶, memory ≤ 1 TiB |                                          |
 * | checkpoint.intervalUs    | 100 ms                    | 1 ms … 1 day                 |                                               |
 * | checkpoint.chainMax      | 32                        | 0 … 10,000                   | 0: every checkpoint is full                   |
 * | checkpoint.quorum        | 2                         | 1 … 16                       |                                               |
 * | checkpoint.standbys      | 1                         | 0 … 4                        | ECUs with a copy at hand, beside the quorum   |
 * | inputs.backlogMax        | 10,000                    | 1 … 10,000,000               |                                               |
 * | inputs.catchUpTicks      | false                     |                              |                                               |
 * | inputs.from              | none                      | `[a-z0-9-]`, ≤ 63            | another task, whose outputs are its data      |
 * | fuelPerJob               | 100,000,000               | 1,000 … 10¹²                 | loop iterations and calls                     |
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import { isTaskName, parseMac } from './ids.ts';
import {
  type Affinity,
  type CheckpointPolicy,
  type InputPolicy,
  NO_AFFINITY,
  type Reservation,
  type ResourceKind,
  type RuntimeKind,
  STANDBYS_MAX,
  type TaskSpec,
} from './task.ts';

export interface SpecProblem {
  /** Path within the draft, e.g. `checkpoint.quorum`. */
  readonly field: string;
  readonly sentence: string;
}

export interface SpecOptions {
  /** Whether a deadline may lie beyond the period, so that jobs queue. The command line asks for it by a flag. */
  readonly deadlineBeyondPeriod?: boolean;
}

export const TASK_DEFAULTS = {
  runtime: 'wasm',
  periodUs: 0,
  wcetUs: 0,
  priority: 10,
  criticality: 0,
  memoryBytesMax: 16 * 1024 * 1024,
  checkpoint: { intervalUs: 100_000, chainMax: 32, quorum: 2, standbys: 1 },
  inputs: { backlogMax: 10_000, catchUpTicks: false },
  fuelPerJob: 100_000_000,
} as const satisfies Partial<TaskSpec>;

const DAY_US = 86_400_000_000;
const WASM_PAGE_BYTES = 65_536;
const RUNTIMES: readonly RuntimeKind[] = ['wasm', 'worker', 'process', 'container'];
const RESOURCES: readonly ResourceKind[] = ['cpu', 'gpu', 'fpga', 'asic'];
const WORD = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$/;
const DIGEST = /^[0-9a-f]{64}$/;

export function validateTaskSpec(draft: unknown, options: SpecOptions = {}): Result<TaskSpec, readonly SpecProblem[]> {
  const problems: SpecProblem[] = [];
  const top = new Fields(draft, '', problems);
  const name = top.text('name', undefined, isTaskName, 'a name of lower-case letters, digits and inner hyphens, at most 63');
  const runtime = top.oneOf('runtime', RUNTIMES, TASK_DEFAULTS.runtime);
  const periodUs = top.integer('periodUs', { default: TASK_DEFAULTS.periodUs, min: 0, max: DAY_US, unit: 'µs' });
  if (periodUs > 0 && periodUs < 100) top.report('periodUs', `is ${periodUs} µs; a period is at least 100 µs, or 0 for none`);
  const spec: TaskSpec = {
    name,
    runtime,
    artefact: top.text('artefact', undefined, (text) => DIGEST.test(text), 'a SHA-256 digest of 64 lower-case hex digits'),
    artefactBytes: top.integer('artefactBytes', { default: undefined, min: 1, max: 2 ** 30, unit: 'bytes' }),
    periodUs,
    wcetUs: top.integer('wcetUs', { default: TASK_DEFAULTS.wcetUs, min: 0, max: DAY_US, unit: 'µs' }),
    deadlineUs: top.integer('deadlineUs', { default: periodUs, min: 0, max: DAY_US, unit: 'µs' }),
    priority: top.integer('priority', { default: TASK_DEFAULTS.priority, min: 0, max: 1000, unit: '' }),
    criticality: top.integer('criticality', { default: TASK_DEFAULTS.criticality, min: 0, max: 4, unit: '' }),
    hardDeadline: top.flag('hardDeadline', false),
    memoryBytesMax: top.integer('memoryBytesMax', {
      default: TASK_DEFAULTS.memoryBytesMax,
      min: WASM_PAGE_BYTES,
      max: 2 ** 32,
      unit: 'bytes',
    }),
    capabilities: top.words('capabilities', 64, (word) => WORD.test(word), 'a capability'),
    affinity: affinityOf(top.child('affinity')),
    reservation: reservationOf(top.child('reservation')),
    checkpoint: checkpointOf(top.child('checkpoint')),
    inputs: inputsOf(top.child('inputs')),
    fuelPerJob: top.integer('fuelPerJob', { default: TASK_DEFAULTS.fuelPerJob, min: 1000, max: 1e12, unit: '' }),
  };
  top.reportUnknown();
  // Contradictions are worth telling only between fields that are sane by themselves.
  if (problems.length === 0) contradictions(spec, options, problems);
  return problems.length === 0 ? ok(spec) : err(problems);
}

function contradictions(spec: TaskSpec, options: SpecOptions, problems: SpecProblem[]): void {
  const { periodUs, wcetUs, deadlineUs, hardDeadline, affinity } = spec;
  const report = (field: string, sentence: string): void => void problems.push({ field, sentence });
  if (deadlineUs > 0 && wcetUs > deadlineUs) report('wcetUs', `is ${wcetUs} µs, longer than the deadline of ${deadlineUs} µs`);
  if (periodUs > 0 && wcetUs > periodUs)
    report('wcetUs', `is ${wcetUs} µs, longer than the period of ${periodUs} µs: no core can keep up`);
  if (periodUs > 0 && deadlineUs > periodUs && options.deadlineBeyondPeriod !== true) {
    report('deadlineUs', `is ${deadlineUs} µs, beyond the period of ${periodUs} µs, which has to be asked for`);
  }
  if (hardDeadline) {
    if (periodUs === 0) report('hardDeadline', 'needs a period: without one nothing bounds how often the task runs');
    if (wcetUs === 0) report('hardDeadline', 'needs wcetUs: a deadline cannot be promised for an unknown execution time');
    if (deadlineUs === 0) report('hardDeadline', 'needs deadlineUs');
  }
  if (spec.runtime === 'wasm' && spec.memoryBytesMax % WASM_PAGE_BYTES !== 0) {
    report('memoryBytesMax', `is ${spec.memoryBytesMax} bytes, not a whole number of WebAssembly pages of ${WASM_PAGE_BYTES}`);
  }
  for (const other of affinity.together) {
    if (affinity.apart.includes(other)) report('affinity', `wants ${other} both together and apart`);
  }
  if (affinity.together.includes(spec.name)) report('affinity.together', 'names the task itself');
  if (affinity.apart.includes(spec.name)) report('affinity.apart', 'names the task itself');
  if (spec.inputs.from === spec.name) report('inputs.from', 'names the task itself: a task cannot feed itself');
  if (spec.checkpoint.intervalUs < periodUs / 1000) {
    report(
      'checkpoint.intervalUs',
      `is ${spec.checkpoint.intervalUs} µs, less than a thousandth of the period of ${periodUs} µs`,
    );
  }
}

function affinityOf(fields: Fields | undefined): Affinity {
  if (fields === undefined) return NO_AFFINITY;
  const affinity: Affinity = {
    requiredEcus: fields.macs('requiredEcus'),
    preferredEcus: fields.macs('preferredEcus'),
    requiredLabels: fields.labels('requiredLabels'),
    preferredLabels: fields.labels('preferredLabels'),
    resourceKind: fields.has('resourceKind') ? fields.oneOf('resourceKind', RESOURCES, 'cpu') : undefined,
    together: fields.words('together', 256, isTaskName, 'a task name'),
    apart: fields.words('apart', 256, isTaskName, 'a task name'),
  };
  fields.reportUnknown();
  return affinity;
}

function reservationOf(fields: Fields | undefined): Reservation | undefined {
  if (fields === undefined) return undefined;
  const reservation = {
    cpuPpm: fields.integer('cpuPpm', { default: 0, min: 0, max: 64_000_000, unit: 'ppm' }),
    memoryBytes: fields.integer('memoryBytes', { default: 0, min: 0, max: 2 ** 40, unit: 'bytes' }),
  };
  fields.reportUnknown();
  return reservation;
}

function checkpointOf(fields: Fields | undefined): CheckpointPolicy {
  const defaults = TASK_DEFAULTS.checkpoint;
  if (fields === undefined) return defaults;
  const policy = {
    intervalUs: fields.integer('intervalUs', { default: defaults.intervalUs, min: 1000, max: DAY_US, unit: 'µs' }),
    chainMax: fields.integer('chainMax', { default: defaults.chainMax, min: 0, max: 10_000, unit: '' }),
    quorum: fields.integer('quorum', { default: defaults.quorum, min: 1, max: 16, unit: '' }),
    standbys: fields.integer('standbys', { default: defaults.standbys, min: 0, max: STANDBYS_MAX, unit: '' }),
  };
  fields.reportUnknown();
  return policy;
}

function inputsOf(fields: Fields | undefined): InputPolicy {
  const defaults = TASK_DEFAULTS.inputs;
  if (fields === undefined) return defaults;
  const policy = {
    backlogMax: fields.integer('backlogMax', { default: defaults.backlogMax, min: 1, max: 10_000_000, unit: '' }),
    catchUpTicks: fields.flag('catchUpTicks', defaults.catchUpTicks),
    ...(fields.has('from') ? { from: fields.text('from', undefined, isTaskName, 'the name of a task') } : {}),
  };
  fields.reportUnknown();
  return policy;
}

/** Reads one object of the draft: each reader returns something usable and reports what was wrong. */
class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: SpecProblem[];
  readonly #known = new Set<string>();

  constructor(draft: unknown, path: string, problems: SpecProblem[]) {
    this.#path = path;
    this.#problems = problems;
    const isObject = typeof draft === 'object' && draft !== null && !Array.isArray(draft);
    this.#values = isObject ? (draft as Record<string, unknown>) : {};
    if (!isObject)
      problems.push({
        field: path === '' ? '(all)' : path.slice(0, -1),
        sentence: `is ${shown(draft)}, not an object with fields`,
      });
  }

  report(field: string, sentence: string): void {
    this.#problems.push({ field: this.#path + field, sentence });
  }

  has(field: string): boolean {
    return this.#read(field) !== undefined;
  }

  child(field: string): Fields | undefined {
    const value = this.#read(field);
    return value === undefined ? undefined : new Fields(value, `${this.#path}${field}.`, this.#problems);
  }

  text(field: string, fallback: string | undefined, good: (text: string) => boolean, wanted: string): string {
    const value = this.#read(field) ?? fallback;
    if (typeof value === 'string' && good(value)) return value;
    this.report(field, value === undefined ? `is missing: ${wanted}` : `is ${shown(value)}, not ${wanted}`);
    return '';
  }

  oneOf<T extends string>(field: string, choices: readonly T[], fallback: T): T {
    const value = this.#read(field);
    if (value === undefined) return fallback;
    const choice = choices.find((one) => one === value);
    if (choice === undefined) this.report(field, `is ${shown(value)}, not one of ${choices.join(', ')}`);
    return choice ?? fallback;
  }

  integer(
    field: string,
    range: { readonly default: number | undefined; readonly min: number; readonly max: number; readonly unit: string },
  ): number {
    const value = this.#read(field) ?? range.default;
    const unit = range.unit === '' ? '' : ` ${range.unit}`;
    if (value === undefined) this.report(field, `is missing: a whole number of ${range.min} to ${range.max}${unit}`);
    else if (typeof value !== 'number' || !Number.isFinite(value)) this.report(field, `is ${shown(value)}, not a number`);
    else if (!Number.isInteger(value)) this.report(field, `is ${value}, not a whole number${unit === '' ? '' : ` of${unit}`}`);
    else if (value < range.min || value > range.max)
      this.report(field, `is ${value}${unit}, outside ${range.min} to ${range.max}${unit}`);
    // −0 would be another value after a round trip through bytes.
    else return value === 0 ? 0 : value;
    return range.default ?? range.min;
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.#read(field) ?? fallback;
    if (typeof value === 'boolean') return value;
    this.report(field, `is ${shown(value)}, not true or false`);
    return fallback;
  }

  words(field: string, countMax: number, good: (word: string) => boolean, wanted: string): readonly string[] {
    return this.#list(field, countMax, (value) => (typeof value === 'string' && good(value) ? value : undefined), wanted);
  }

  macs(field: string): readonly string[] {
    return this.#list(field, 256, (value) => (typeof value === 'string' ? parseMac(value) : undefined), 'a MAC');
  }

  labels(field: string): Readonly<Record<string, string>> {
    const value = this.#read(field) ?? {};
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.report(field, `is ${shown(value)}, not labels with values`);
      return {};
    }
    const entries = Object.entries(value);
    if (entries.length > 256) this.report(field, `has ${entries.length} entries, more than 256`);
    for (const [label, text] of entries) {
      if (!WORD.test(label) || label === '__proto__') this.report(field, `has the label ${shown(label)}, which is no word`);
      if (typeof text !== 'string' || text.length > 253)
        this.report(field, `has ${label} = ${shown(text)}, not a text of at most 253 characters`);
    }
    return Object.fromEntries(entries) as Record<string, string>;
  }

  /** A misspelt field must not become a silent default. */
  reportUnknown(): void {
    for (const field of Object.keys(this.#values)) {
      if (!this.#known.has(field)) this.report(field, `is no field of a task; known here are ${[...this.#known].join(', ')}`);
    }
  }

  #list(field: string, countMax: number, parse: (value: unknown) => string | undefined, wanted: string): readonly string[] {
    const value = this.#read(field) ?? [];
    if (!Array.isArray(value)) {
      this.report(field, `is ${shown(value)}, not a list`);
      return [];
    }
    if (value.length > countMax) this.report(field, `has ${value.length} entries, more than ${countMax}`);
    const parsed: string[] = [];
    for (const one of value.slice(0, countMax)) {
      const entry = parse(one);
      if (entry === undefined) this.report(field, `holds ${shown(one)}, not ${wanted}`);
      else if (parsed.includes(entry)) this.report(field, `names ${entry} twice`);
      else parsed.push(entry);
    }
    return parsed;
  }

  #read(field: string): unknown {
    this.#known.add(field);
    const value = Object.hasOwn(this.#values, field) ? this.#values[field] : undefined;
    return value === null ? undefined : value;
  }
}

/** A value as a person wrote it, cut short. */
function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

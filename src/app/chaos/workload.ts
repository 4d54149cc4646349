/**
 * What a chaos fleet runs: the example tasks, several instances of each under different names, ticking and fed. What is fed is a
 * function of the seed and the input's number, so that a run can be repeated and a feeder can be killed and go on.
 */
import type { Rng } from '../../domain/kernel/rng.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import type { RuntimeKind, TaskSpec } from '../../domain/model/task.ts';
import { type PreparedTask, prepareTask } from '../prepare-task.ts';
import { exampleFolder } from '../task-module.ts';

/** The payload of the data input with this number, from 1. */
export type Payload = (number: number) => Uint8Array;

export interface WorkloadTask {
  readonly name: TaskName;
  readonly example: string;
  readonly feed: { readonly periodUs: number; readonly payload: Payload } | undefined;
}

interface Kind {
  readonly example: string;
  readonly feedPeriodUs: number | undefined;
  readonly payload: (rng: Rng) => Payload;
  /** Absent: wasm. */
  readonly runtime?: RuntimeKind;
}

const encoder = new TextEncoder();
const utf8 = (text: string): Uint8Array => encoder.encode(text);

const KINDS: readonly Kind[] = [
  { example: 'counter', feedPeriodUs: 130_000, payload: () => (number) => utf8(String(number % 17)) },
  {
    example: 'gateway',
    feedPeriodUs: 20_000,
    payload: (rng) => (number) => utf8(gatewayMessage(rng.stream(String(number)), number)),
  },
  {
    example: 'kalman',
    feedPeriodUs: 50_000,
    payload: (rng) => (number) => utf8(kalmanSample(rng.stream(String(number)), number)),
  },
  {
    example: 'pid',
    feedPeriodUs: 500_000,
    payload: (rng) => (number) => utf8((20 + rng.stream(String(number)).below(1200) / 10).toFixed(1)),
  },
  { example: 'grid', feedPeriodUs: undefined, payload: () => () => new Uint8Array(0) },
  { example: 'counter-1m', feedPeriodUs: undefined, payload: () => () => new Uint8Array(0) },
  {
    example: 'window',
    runtime: 'worker',
    feedPeriodUs: 40_000,
    payload: (rng) => (number) => utf8(`${rng.stream(String(number)).below(16)},${number % 1000}`),
  },
];

/** The runtimes that a workload can be drawn from. */
export type ChaosRuntime = Extract<RuntimeKind, 'wasm' | 'worker'>;

/** The kinds in turn, of one runtime alone where one is named; the heavy ones (8 MiB, 1 MiB) once in a round of seven. */
export function workloadOf(count: number, rng: Rng, runtime?: ChaosRuntime): WorkloadTask[] {
  const kinds = KINDS.filter((kind) => runtime === undefined || (kind.runtime ?? 'wasm') === runtime);
  return Array.from({ length: count }, (_, at) => {
    const kind = kinds[at % kinds.length] as Kind;
    const name = `${kind.example}-${Math.floor(at / kinds.length) + 1}`;
    const { feedPeriodUs, example } = kind;
    const payload = kind.payload(rng.stream(name));
    return { name, example, feed: feedPeriodUs === undefined ? undefined : { periodUs: feedPeriodUs, payload } };
  });
}

/** Compiles and prepares each example once. `change` adapts the specs, e.g. for a bench. */
export async function prepareWorkload(
  tasks: readonly { readonly name: TaskName; readonly example: string }[],
  options: { readonly onProgress: (sentence: string) => void; readonly change?: (spec: TaskSpec) => TaskSpec },
): Promise<Map<TaskName, PreparedTask>> {
  const { onProgress, change = (spec) => spec } = options;
  const byExample = new Map<string, PreparedTask>();
  const prepared = new Map<TaskName, PreparedTask>();
  for (const { name, example } of tasks) {
    let one = byExample.get(example);
    if (one === undefined) {
      one = await prepareTask(exampleFolder(example), { onProgress });
      byExample.set(example, one);
    }
    prepared.set(name, { artefact: one.artefact, spec: change({ ...one.spec, name }) });
  }
  return prepared;
}

const PREFIXES = ['can0.', 'can1.', 'can1.7', 'eth.', 'lin.', 'x'] as const;

/** Mostly messages; sometimes a change of the routes, or nonsense. */
function gatewayMessage(rng: Rng, number: number): string {
  const choice = rng.below(100);
  if (choice < 3) return `!route dyn${rng.below(8)} ${2 + rng.below(200)}`;
  if (choice < 4) return `!unroute dyn${rng.below(8)}`;
  if (choice < 5) return 'no colon here';
  const prefix = choice < 15 ? `dyn${rng.below(8)}.` : (PREFIXES[rng.below(PREFIXES.length)] ?? 'x');
  return `${prefix}${rng.below(1000)}:message ${number} ${'#'.repeat(rng.below(200))}`;
}

/** A load and a temperature with a slow wave, noise and an outlier now and then. */
function kalmanSample(rng: Rng, number: number): string {
  const noise = rng.unit() - 0.5;
  const outlier = rng.below(40) === 0 ? 60 : 0;
  return `${(50 + 20 * ((number % 200) / 100 - 1) + noise * 4 + outlier).toFixed(3)},${(60 + noise).toFixed(3)}`;
}

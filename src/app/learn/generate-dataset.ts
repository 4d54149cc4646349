/**
 * Draws task sets, labels them by the exact analysis or by simulating them, and writes them as one Arrow file.
 *
 * Resumable: the sets are made in parts, each from a random stream of its own, and each part is a whole file in `OUT.parts` before the next
 * begins. Given again, the same command goes on behind the last whole part, and the finished file has the same bytes as one that was
 * never interrupted. Parts of another specification are not touched, and not mixed in.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DatasetRow, decodeDataset, encodeDataset, joinDatasets, specOf } from '../../../infra/arrow/dataset-file.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { exactResponses } from '../../domain/learn/exact-label.ts';
import { columnsOf } from '../../domain/learn/task-sets.ts';
import { type GrownTask, type GrowSpec, growSets } from '../../domain/realtime/draw/grow.ts';
import { type DrawSpec, drawTaskSet } from '../../domain/realtime/draw/task-sets.ts';
import { responseTimeUs } from '../../domain/realtime/response-time.ts';
import { makeFolder, refuseFolder, writeWhole } from './files.ts';
import { type SimulatedLabel, simulatedResponses, simulatedTraces } from './simulated-label.ts';

/** What is written into the file, and what a resumed run must agree with. */
export type DatasetSpec = { readonly seed: number; readonly sets: number } & (
  | { readonly label: 'analysis' }
  | { readonly label: 'simulation'; readonly simulated: SimulatedLabel }
) &
  ({ readonly kind: 'fp'; readonly draw: DrawSpec } | { readonly kind: 'grown'; readonly grow: GrowSpec });

export interface Generated {
  readonly sets: number;
  readonly schedulable: number;
  readonly bytes: number;
  /** Found whole from a run before. */
  readonly setsResumed: number;
  readonly finished: boolean;
}

const PART_SETS = 2_000;
/** How long sets are drawn before somebody else gets a turn: a Ctrl-C is heard, and progress is told. */
const TURN_MS = 100;

/** A part of a run before; whatever is wrong with it, the way out is the same. */
async function partOf(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new DroverError(
      'ERR_DATASET_FILE',
      `${path} cannot be read (${(cause as NodeJS.ErrnoException).code}): remove its folder, and begin anew`,
      { cause },
    );
  });
  return new Uint8Array(bytes);
}

export async function generateDataset(options: {
  readonly spec: DatasetSpec;
  readonly out: string;
  readonly onProgress: (setsDone: number) => void;
  readonly signal: AbortSignal;
}): Promise<Generated> {
  const { spec, out, onProgress, signal } = options;
  const folder = `${out}.parts`;
  const specText = JSON.stringify(spec);
  await refuseFolder(out);
  await makeFolder(folder);
  const there = new Set(await readdir(folder));
  const parts: Uint8Array[] = [];
  let [resumed, done, heardAtMs] = [0, 0, performance.now()];
  for (let part = 0; done < spec.sets; part++) {
    const count = Math.min(PART_SETS, spec.sets - done);
    const name = `${String(part).padStart(6, '0')}.arrow`;
    const path = join(folder, name);
    let bytes: Uint8Array;
    if (there.has(name)) {
      bytes = await partOf(path);
      if (specOf(bytes, path) !== specText) {
        throw new DroverError(
          'ERR_DATASET_FILE',
          `${folder} holds the beginning of another data set: remove it, or name another --out`,
        );
      }
      resumed += count;
    } else {
      const rows: DatasetRow[] = [];
      for (const row of drawPart(spec, { part, count })) {
        if (signal.aborted) return { sets: done, schedulable: 0, bytes: 0, setsResumed: resumed, finished: false };
        rows.push(row);
        if (performance.now() - heardAtMs < TURN_MS) continue;
        onProgress(done + rows.length);
        await nextTurn();
        heardAtMs = performance.now();
      }
      bytes = encodeDataset(rows, { firstSet: done, spec: specText, more: labelOf(spec) });
      await writeWhole(path, bytes);
    }
    parts.push(bytes);
    done += count;
    onProgress(done);
    await nextTurn();
  }
  const whole = joinDatasets(parts);
  // Read back as anybody will: what cannot be read is not left behind as if it could.
  const schedulable = decodeDataset(whole, out).sets.schedulable.reduce((sum, flag) => sum + flag, 0);
  await writeWhole(out, whole);
  await rm(folder, { recursive: true });
  return { sets: done, schedulable, bytes: whole.length, setsResumed: resumed, finished: true };
}

/** Readers know by it that responses were seen and not computed. */
const labelOf = ({ label }: DatasetSpec): Readonly<Record<string, string>> =>
  label === 'analysis' ? {} : { 'drover.label': label };

function drawPart(spec: DatasetSpec, { part, count }: { readonly part: number; readonly count: number }): Iterable<DatasetRow> {
  const rng = createRng(spec.seed, 'data set').stream(`part ${part}`);
  return spec.kind === 'fp' ? drawRows(rng, spec, { draw: spec.draw, count }) : growRows(rng, spec, { grow: spec.grow, count });
}

function* drawRows(
  rng: Rng,
  spec: DatasetSpec,
  { draw, count }: { readonly draw: DrawSpec; readonly count: number },
): Generator<DatasetRow> {
  const sets = Array.from({ length: count }, () => {
    const tasks = drawTaskSet(rng, draw);
    if (tasks === undefined)
      throw new DroverError('ERR_USAGE', 'no task set has such a utilisation with so few tasks: lower --utilisation');
    return tasks;
  });
  if (spec.label === 'simulation' || draw.deadlines === 'arbitrary') {
    const answer = responder(spec, rng);
    for (const tasks of sets) yield { tasks, ...answer(tasks) };
    return;
  }
  const columns = columnsOf(sets);
  const responseUs = new Float64Array(columns.wcetUs.length);
  for (let s = 0; s < count; s++) exactResponses(columns, s, responseUs);
  for (const [s, tasks] of sets.entries())
    yield { tasks, responsesUs: [...responseUs.subarray(columns.starts[s], columns.starts[s + 1])] };
}

/** As many growings as it takes; the last one is cut off. */
function* growRows(
  rng: Rng,
  spec: DatasetSpec,
  { grow, count }: { readonly grow: GrowSpec; readonly count: number },
): Generator<DatasetRow> {
  let grown = 0;
  const answer = responder(spec, rng);
  for (let growing = 0; grown < count; growing++) {
    const candidates = growSets(rng.stream(`growing ${growing}`), grow);
    for (let next = candidates.next(); next.done !== true && grown < count; ) {
      const tasks: readonly GrownTask[] = next.value;
      const row = { tasks, ...answer(tasks) };
      grown++;
      yield row;
      next = candidates.next(row.responsesUs.every((responseUs) => responseUs > 0));
    }
  }
}

/** 0 stands for a deadline that is missed. A set that is simulated has chance of its own, by its place. */
function responder(spec: DatasetSpec, rng: Rng): (tasks: DatasetRow['tasks']) => Omit<DatasetRow, 'tasks'> {
  if (spec.label === 'simulation') {
    const { simulated } = spec;
    const { traces } = simulated;
    let set = 0;
    return (tasks) => {
      const chance = rng.stream(`simulation ${set++}`);
      return traces === undefined
        ? { responsesUs: simulatedResponses(tasks, simulated, chance) }
        : simulatedTraces(tasks, { ...simulated, traces }, chance);
    };
  }
  return (tasks) => ({
    responsesUs: tasks.map((_, index) => {
      const response = responseTimeUs(tasks, index);
      return response.ok ? response.value : 0;
    }),
  });
}

/**
 * The judgement over a chaos run: was anything lost, doubled or changed? Pure; what each task gives when it is run alone over
 * the recorded inputs is handed in.
 *
 *   V1. A task's accepted outputs, markers dropped, are byte for byte and channel for channel those of the run alone, each
 *       number once, none missing when the fleet has come to rest (no-lost-work).
 *   V2. Per task no two epochs' outputs interleave, and every instance begins with its marker (single-writer).
 *   V3. Tick numbers strictly increase and say what they skip; data numbers are consecutive (ticks-increase). Without that the
 *       run alone would have been given other inputs than the fleet, so a hole in the recording fails the run, too.
 *   V4. One expected epoch is granted once (one-restore).
 */
import { OneRestore } from '../../domain/invariants/one-restore.ts';
import { SingleWriter } from '../../domain/invariants/single-writer.ts';
import { TicksIncrease } from '../../domain/invariants/ticks-increase.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import type { PlacementStepSeen, RecordedInput, RecordedOutput, Recording } from './recording.ts';

export interface AloneOutput {
  readonly channel: number;
  readonly payload: Uint8Array;
}

export interface FirstDifference {
  /** Output number. */
  readonly number: number;
  readonly kind: 'lost' | 'duplicate' | 'changed' | 'unexplained';
  /** The epoch that had it accepted, or that had the next one accepted. */
  readonly epoch: number | undefined;
  readonly expected: string | undefined;
  readonly accepted: string | undefined;
}

export interface TaskVerdict {
  readonly task: TaskName;
  readonly inputs: number;
  readonly outputs: number;
  readonly epochs: readonly number[];
  readonly lost: number;
  readonly duplicates: number;
  /** Outputs with another payload or channel than the run alone gives, or that it does not give at all. */
  readonly changed: number;
  readonly firstDifference: FirstDifference | undefined;
  /** Why it has no place at the end. */
  readonly shedReason: string | undefined;
}

export interface Verdict {
  readonly ok: boolean;
  readonly outputs: number;
  readonly lostOutputs: number;
  readonly duplicateOutputs: number;
  readonly mismatchedTasks: number;
  readonly doubleRestores: number;
  /** Appends of instances that had been replaced, refused by the fence and reported. */
  readonly fencedAppends: number;
  /** Instances that asked the placement after a silence and stopped before they appended anything. */
  readonly fencedBeforeAppend: number;
  /** Tasks without a place at the end. */
  readonly shed: number;
  /** Whatever else was broken, in sentences. */
  readonly violations: readonly string[];
  readonly tasks: readonly TaskVerdict[];
}

/** `alone`: per task the outputs of the run alone over the recorded inputs. */
export function judge(recording: Recording, alone: ReadonlyMap<TaskName, readonly AloneOutput[]>): Verdict {
  const violations = [...recording.unreadable];
  const tasks: TaskVerdict[] = [];
  const totals = { outputs: 0, lost: 0, duplicates: 0, mismatched: 0, doubleRestores: 0, fenced: 0, fencedEarly: 0, shed: 0 };
  for (const [task, { inputs, outputs, placements }] of [...recording.tasks].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const compared = compareOutputs(outputs, alone.get(task) ?? []);
    const last = placements.at(-1);
    const shedReason = last?.state === 'shed' ? (last.reason ?? 'no reason is on record') : undefined;
    tasks.push({ task, inputs: inputs.length, epochs: epochsOf(outputs), shedReason, ...compared });
    violations.push(...brokenWriting(task, outputs), ...brokenInputs(task, inputs));
    const double = brokenRestores(task, placements);
    violations.push(...double);
    totals.doubleRestores += double.length;
    totals.outputs += compared.outputs;
    totals.lost += compared.lost;
    totals.duplicates += compared.duplicates;
    if (compared.changed > 0) totals.mismatched++;
    if (shedReason !== undefined) totals.shed++;
    for (const { event } of placements) {
      if (event.type !== 'INSTANCE.ENDED' || event.reason?.startsWith('ERR_FENCED') !== true) continue;
      if (event.reason.includes('owns the outputs')) totals.fenced++;
      else totals.fencedEarly++;
    }
  }
  const nothingWrong = totals.lost === 0 && totals.duplicates === 0 && totals.mismatched === 0 && totals.doubleRestores === 0;
  return {
    ok: nothingWrong && violations.length === 0,
    outputs: totals.outputs,
    lostOutputs: totals.lost,
    duplicateOutputs: totals.duplicates,
    mismatchedTasks: totals.mismatched,
    doubleRestores: totals.doubleRestores,
    fencedAppends: totals.fenced,
    fencedBeforeAppend: totals.fencedEarly,
    shed: totals.shed,
    violations,
    tasks,
  };
}

type Comparison = Pick<TaskVerdict, 'outputs' | 'lost' | 'duplicates' | 'changed' | 'firstDifference'>;

/** V1. An output is judged by its number: one that is missing costs one, not all that follow. */
function compareOutputs(accepted: readonly RecordedOutput[], expected: readonly AloneOutput[]): Comparison {
  let last = 0;
  let outputs = 0;
  let lost = 0;
  let duplicates = 0;
  let changed = 0;
  let firstDifference: FirstDifference | undefined;
  const note = (kind: FirstDifference['kind'], number: number, output: RecordedOutput | undefined): void => {
    const wanted = expected[number - 1];
    firstDifference ??= {
      number,
      kind,
      epoch: output?.epoch,
      expected: wanted === undefined ? undefined : shown(wanted),
      accepted: output === undefined || kind === 'lost' ? undefined : shown(output),
    };
  };
  for (const output of accepted) {
    if (output.marker) continue;
    outputs++;
    const { number } = output;
    if (number <= last) {
      duplicates++;
      note('duplicate', number, output);
      continue;
    }
    if (number > last + 1) {
      lost += number - last - 1;
      note('lost', last + 1, output);
    }
    last = number;
    const wanted = expected[number - 1];
    if (wanted === undefined) {
      changed++;
      note('unexplained', number, output);
    } else if (wanted.channel !== output.channel || !sameBytes(wanted.payload, output.payload)) {
      changed++;
      note('changed', number, output);
    }
  }
  if (last < expected.length) {
    lost += expected.length - last;
    note('lost', last + 1, undefined);
  }
  return { outputs, lost, duplicates, changed, firstDifference };
}

function epochsOf(outputs: readonly RecordedOutput[]): number[] {
  const epochs: number[] = [];
  for (const { epoch } of outputs) if (epochs.at(-1) !== epoch) epochs.push(epoch);
  return epochs;
}

/** V2. */
function brokenWriting(task: TaskName, outputs: readonly RecordedOutput[]): string[] {
  const singleWriter = new SingleWriter();
  return outputs.flatMap(({ sequence, epoch, nonce, marker, number }) => {
    const violation = singleWriter.accept({ task, sequence, epoch, nonce, marker, outputNumber: number });
    return violation === undefined ? [] : [violation.sentence];
  });
}

/** V3. */
function brokenInputs(task: TaskName, inputs: readonly RecordedInput[]): string[] {
  const ticks = new TicksIncrease();
  const broken: string[] = [];
  let dataNumber = 0;
  for (const { kind, sequence, epoch, number, skipped } of inputs) {
    if (kind === 'tick') {
      const violation = ticks.accept({ task, sequence, epoch, number, skipped });
      if (violation !== undefined) broken.push(violation.sentence);
    } else {
      if (number !== dataNumber + 1) broken.push(`${task}: data input ${number} was recorded after ${dataNumber}`);
      dataNumber = number;
    }
  }
  return broken;
}

/** V4. */
function brokenRestores(task: TaskName, placements: readonly PlacementStepSeen[]): string[] {
  const oneRestore = new OneRestore();
  return placements.flatMap(({ revision, epoch, owner, takenBy, takeId, event }, at) => {
    const took = epoch > (placements[at - 1]?.epoch ?? 0);
    const violation = oneRestore.step({
      task,
      revision,
      epoch,
      takenBy: `${takenBy ?? 'nobody'} by ${takeId ?? 'nothing'}`,
      expectedEpoch: took ? event.expectedEpoch : undefined,
      owner: owner === undefined ? undefined : `${owner.mac}#${owner.incarnation}`,
    });
    return violation === undefined ? [] : [violation.sentence];
  });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

const SHOWN_BYTES_MAX = 48;

/** `channel 0: 31 32 "12"`, cut short. */
function shown({ channel, payload }: AloneOutput): string {
  const head = payload.subarray(0, SHOWN_BYTES_MAX);
  const isText = head.every((byte) => byte >= 32 && byte < 127);
  const text = isText
    ? JSON.stringify(String.fromCharCode(...head))
    : Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `channel ${channel}: ${text}${payload.length > head.length ? ` … (${payload.length} bytes)` : ''}`;
}

/**
 * What the streams recorded after a checkpoint, read for a replay: the outputs accepted after its last one, then the inputs after
 * its cursor. In this order, so that the inputs of every output read are there to be read. It reads message by message, which is
 * slow and holds up nobody, and it can do nothing but read.
 */
import type { ComparedOutput } from '../src/domain/checkpoint/proof.ts';
import type { InstanceInput } from '../src/domain/instance/requests.ts';
import type { InputCursor } from '../src/domain/model/checkpoint.ts';
import { shardOf, type TaskName } from '../src/domain/model/ids.ts';
import { type FleetNames, header, streams, taskSubject } from '../src/domain/protocol/subjects.ts';
import { advance, contiguityOf } from '../src/domain/task/contiguity.ts';
import type { Bus, StreamMessage } from '../src/ports/bus.ts';
import { parseInput } from './instance.ts';

export type StreamReader = Pick<Bus, 'readNext' | 'readLast' | 'streamState'>;

export interface RecordedRun {
  readonly inputs: readonly InstanceInput[];
  /** From the one after the checkpoint's last on, without gaps. */
  readonly outputs: readonly ComparedOutput[];
  /** Nothing was left out for its number or size: these are all outputs there were, and all inputs that gave them. */
  readonly isAll: boolean;
}

export interface RecordedRunLimits {
  readonly inputsMax: number;
  readonly outputsMax: number;
  /** Of inputs, and of outputs. */
  readonly bytesMax: number;
}

export interface AfterCheckpoint {
  readonly task: TaskName;
  readonly input: InputCursor;
  readonly outputNumber: number;
}

/** A sentence: why there is nothing to compare, and whether an older checkpoint may have more after it. */
export interface NothingRecorded {
  readonly why: string;
  readonly olderMayHave: boolean;
}

export async function readRecordedRun(
  bus: StreamReader,
  names: FleetNames,
  after: AfterCheckpoint,
  limits: RecordedRunLimits,
): Promise<RecordedRun | NothingRecorded> {
  const outputs = await readOutputs(bus, names, after, limits);
  if ('why' in outputs) return outputs;
  const inputs = await readInputs(bus, names, after, limits);
  if ('why' in inputs) return inputs;
  return { inputs: inputs.read, outputs: outputs.read, isAll: outputs.isAll && inputs.isAll };
}

type Read<Entry> = NothingRecorded | { readonly read: readonly Entry[]; readonly isAll: boolean };

const NO_OUTPUTS: NothingRecorded = { why: 'no output was accepted after it yet', olderMayHave: true };

async function readOutputs(
  bus: StreamReader,
  names: FleetNames,
  after: AfterCheckpoint,
  limits: RecordedRunLimits,
): Promise<Read<ComparedOutput>> {
  const { task, outputNumber } = after;
  const subject = taskSubject.outputs(names, task);
  const stream = streams.outputs(shardOf(task, names.shardCount));
  const newest = await bus.readLast(subject);
  if (newest === undefined || numberOf(newest) <= outputNumber) return NO_OUTPUTS;
  const read: ComparedOutput[] = [];
  let bytes = 0;
  let sequence = await firstAfter(bus, { stream, subject, number: outputNumber, newest: newest.sequence });
  while (sequence <= newest.sequence) {
    const message = await bus.readNext(stream, subject, sequence);
    if (message === undefined || message.sequence > newest.sequence) break;
    sequence = message.sequence + 1;
    if (message.headers[header.marker] === '1') continue;
    if (numberOf(message) !== outputNumber + read.length + 1)
      return { why: `outputs after number ${outputNumber + read.length} are trimmed`, olderMayHave: false };
    bytes += message.payload.length;
    if (read.length === limits.outputsMax || bytes > limits.bytesMax) return { read, isAll: false };
    read.push({ channel: Number(message.headers[header.channel] ?? 0), payload: message.payload });
  }
  return read.length === 0 ? NO_OUTPUTS : { read, isAll: true };
}

/** Where to read on from for the first output with a number above `number`: the numbers of a subject never decrease. */
async function firstAfter(
  bus: StreamReader,
  { stream, subject, number, newest }: { stream: string; subject: string; number: number; newest: number },
): Promise<number> {
  let from = (await bus.streamState(stream)).firstSequence;
  let through = newest;
  while (from < through) {
    const middle = Math.floor((from + through) / 2);
    const message = await bus.readNext(stream, subject, middle);
    if (message === undefined || numberOf(message) > number) through = middle;
    else from = message.sequence + 1;
  }
  return from;
}

const numberOf = (message: StreamMessage): number => Number(message.headers[header.output] ?? 0) || 0;

async function readInputs(
  bus: StreamReader,
  names: FleetNames,
  after: AfterCheckpoint,
  limits: RecordedRunLimits,
): Promise<Read<InstanceInput>> {
  const { task } = after;
  const filter = taskSubject.inputs(names, task);
  const stream = streams.inputs(shardOf(task, names.shardCount));
  const read: InstanceInput[] = [];
  let bytes = 0;
  let cursor = after.input;
  for (let sequence = cursor.sequence + 1; ; ) {
    const message = await bus.readNext(stream, filter, sequence);
    if (message === undefined) break;
    sequence = message.sequence + 1;
    const input = parseInput(message);
    if (input === undefined) continue;
    const contiguity = contiguityOf(cursor, input);
    if (contiguity.kind === 'duplicate') continue;
    if (contiguity.kind === 'gap') {
      const { expectedNumber, firstNumber } = contiguity;
      const why = `its inputs are trimmed: the next ${input.kind} is number ${firstNumber}, expected was ${expectedNumber}`;
      return { why, olderMayHave: false };
    }
    bytes += input.payload.length;
    if (read.length === limits.inputsMax || bytes > limits.bytesMax) return { read, isAll: false };
    cursor = advance(cursor, input, input.sequence);
    read.push(input);
  }
  return read.length === 0 ? { why: 'no input was recorded after it yet', olderMayHave: true } : { read, isAll: true };
}

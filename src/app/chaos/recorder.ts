/**
 * Consumes the fleet's INPUTS, OUTPUTS and ACTORS streams live, from their first message on, and keeps what the verdict needs.
 * The janitor trims the streams meanwhile, so what is not recorded as it comes is gone; a message that was trimmed first shows
 * as a gap in the numbers, and the verdict fails by it.
 */

import { stateName } from '../../../actors/chart.ts';
import type { PlacementContext } from '../../../statecharts/placement.machine.ts';
import type { ActorKey, TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorOfSubject, actorsOfShard, type FleetNames, header, streams } from '../../domain/protocol/subjects.ts';
import type { Bus, StreamMessage } from '../../ports/bus.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { PlacementStepSeen, RecordedInput, RecordedOutput, Recording, TaskRecording } from './recording.ts';

export interface RecorderOptions {
  readonly bus: Bus;
  readonly names: FleetNames;
  /** Told of every accepted output and placement record as it comes, e.g. for a live view. */
  readonly onOutput?: (task: TaskName, output: RecordedOutput) => void;
  readonly onPlacement?: (task: TaskName, step: PlacementStepSeen) => void;
}

export class Recorder implements Recording {
  readonly tasks = new Map<TaskName, TaskRecording>();
  readonly claims = new Map<ActorKey, { readonly atUs: number; readonly writer: string }>();
  /** The host that wrote an actor's last record. */
  readonly writers = new Map<ActorKey, string>();
  readonly unreadable: string[] = [];
  private readonly options: RecorderOptions;
  private readonly cancels: Cancel[] = [];

  constructor(options: RecorderOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { bus, names } = this.options;
    const onFailure = (error: Error): void => void this.unreadable.push(`the recording ended: ${error.message}`);
    for (let shard = 0; shard < names.shardCount; shard++) {
      const follow = async (stream: string, filter: string, take: (message: StreamMessage) => void): Promise<void> => {
        this.cancels.push(await bus.consume(stream, { filter, from: 1, onFailure }, take));
      };
      await follow(streams.inputs(shard), `task.${shard}.*.in.>`, (message) => this.input(message));
      await follow(streams.outputs(shard), `task.${shard}.*.out`, (message) => this.output(message));
      await follow(streams.actors(shard), actorsOfShard(shard), (message) => this.record(message));
    }
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  task(task: TaskName): TaskRecording {
    let recording = this.tasks.get(task);
    if (recording === undefined) {
      recording = { inputs: [], outputs: [], placements: [] };
      this.tasks.set(task, recording);
    }
    return recording;
  }

  private input(message: StreamMessage): void {
    const kind = message.subject.endsWith('.tick') ? 'tick' : 'data';
    const number = numberIn(message, header.number);
    if (!Number.isSafeInteger(number)) return; // as instances pass it over
    const { sequence, payload, atUs } = message;
    const input: RecordedInput = {
      sequence,
      kind,
      number,
      skipped: numberIn(message, header.skipped) || 0,
      epoch: numberIn(message, header.epoch) || 0,
      payload,
      atUs,
    };
    this.task(taskOf(message)).inputs.push(input);
  }

  private output(message: StreamMessage): void {
    const { sequence, payload, atUs, headers } = message;
    const output: RecordedOutput = {
      sequence,
      epoch: numberIn(message, header.epoch) || 0,
      nonce: headers[header.nonce] ?? '',
      marker: headers[header.marker] === '1',
      number: numberIn(message, header.output) || 0,
      channel: numberIn(message, header.channel) || 0,
      payload,
      atUs,
    };
    const task = taskOf(message);
    this.task(task).outputs.push(output);
    this.options.onOutput?.(task, output);
  }

  private record(message: StreamMessage): void {
    const actor = actorOfSubject(message.subject);
    if (actor === undefined) return;
    const decoded = decodeRecord(message.payload);
    if (!decoded.ok) {
      this.unreadable.push(`a record of ${actor} does not decode: ${decoded.error.sentence}`);
      return;
    }
    const record = decoded.value;
    this.writers.set(actor, record.writer);
    if (actor.startsWith('arbiter/')) {
      if (!this.claims.has(actor)) this.claims.set(actor, { atUs: message.atUs, writer: record.writer });
    } else if (actor.startsWith('placement/')) {
      const task = actor.slice('placement/'.length);
      const step = placementStep(record, message.atUs);
      this.task(task).placements.push(step);
      this.options.onPlacement?.(task, step);
    }
  }
}

function placementStep({ revision, snapshot, event }: ActorRecord, atUs: number): PlacementStepSeen {
  const { value, context } = JSON.parse(snapshot) as { value: unknown; context: PlacementContext };
  const { expectedEpoch, epoch, reason } = JSON.parse(event.json) as {
    expectedEpoch?: number;
    epoch?: number;
    reason?: string;
  };
  return {
    revision,
    atUs,
    state: stateName(value),
    epoch: context.epoch,
    owner: context.owner,
    takenBy: context.takenBy,
    takeId: context.takeId,
    reason: context.reason,
    event: {
      type: event.type,
      ...(expectedEpoch === undefined ? {} : { expectedEpoch }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(reason === undefined ? {} : { reason }),
    },
  };
}

const numberIn = (message: StreamMessage, name: string): number => Number(message.headers[name] ?? Number.NaN);

/** `task.<shard>.<name>.…` */
const taskOf = (message: StreamMessage): TaskName => message.subject.split('.')[2] ?? '';

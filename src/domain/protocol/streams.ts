/**
 * The fleet's streams as plain data: what each takes, how it is bounded, and which of its messages may never go. The broker
 * adapters (`infra/nats/streams.ts` and the simulated broker) create what is written here.
 *
 * S1. ACTORS and OUTPUTS are fences: the last message of a subject decides who may append next, so nothing that the broker
 *     does by itself may remove it. They have no age limit, and their byte bound refuses (`discard: new`), it never evicts.
 * S2. INPUTS are work not yet done: at the bound the publisher is refused. The janitor trims below the oldest checkpoint.
 * S3. CHECKPOINTS, PROPOSALS, JOURNAL, METRICS and LEARNING are announcements and copies: at the bound the oldest go.
 * S4. What CHECKPOINTS says is durable elsewhere: what a manager stored in its store, what an ECU holds at the ECU until a quorum
 *     stored it. So an append there need not wait for the disk; what a power cut takes is said again (`actors/checkpoint.ts` Q5,
 *     `actors/checkpoint-source.ts` C5). A sample that METRICS loses, or a row that LEARNING does, is one of many.
 */
import { ecuSubject, learnSubject, proposalSubject, streams } from './subjects.ts';

export interface StreamSpec {
  readonly name: string;
  readonly subjects: readonly string[];
  /** What happens at a bound: the append is refused as `full`, or the oldest messages go. */
  readonly discard: 'new' | 'old';
  readonly bytesMax?: number;
  readonly messagesMax?: number;
  readonly messagesPerSubjectMax?: number;
  readonly ageUsMax?: number;
  /** For how long a message id is remembered. */
  readonly duplicateWindowUs: number;
  /** S4: an append is answered before the disk has it, where the broker can do so for one stream alone. */
  readonly saidAgain?: true;
  /** Whether `appendBatch` should be all or none where the broker can. */
  readonly atomicBatches: boolean;
}

export interface FleetLimits {
  readonly inputsBytesMax: number;
  readonly outputsBytesMax: number;
  readonly actorsBytesMax: number;
  readonly checkpointsBytesMax: number;
  readonly proposalsBytesMax: number;
  readonly journalBytesMax: number;
  readonly metricsBytesMax: number;
  readonly learningBytesMax: number;
}

const MIB = 1024 * 1024;
const SECOND_US = 1_000_000;
const HOUR_US = 3_600 * SECOND_US;

/** For a small machine: bounds that a long demo does not reach. Inputs, outputs and actors are per shard. */
export const FLEET_LIMITS_DEFAULT: FleetLimits = {
  inputsBytesMax: 1024 * MIB,
  outputsBytesMax: 1024 * MIB,
  actorsBytesMax: 1024 * MIB,
  checkpointsBytesMax: 256 * MIB,
  proposalsBytesMax: 32 * MIB,
  journalBytesMax: 256 * MIB,
  metricsBytesMax: 64 * MIB,
  learningBytesMax: 16 * MIB,
};

/**
 * Retries of one append come within seconds; two minutes also cover a broker's restart. The window is kept in memory by
 * the broker, one entry per id, so it is short where ids are many.
 */
const DUPLICATE_WINDOW_US = 120 * SECOND_US;

export function fleetStreams(fleet: {
  readonly shardCount: number;
  readonly limits?: Partial<FleetLimits>;
}): readonly StreamSpec[] {
  const limits = { ...FLEET_LIMITS_DEFAULT, ...fleet.limits };
  const specs: StreamSpec[] = [];
  for (let shard = 0; shard < fleet.shardCount; shard++) {
    specs.push(
      {
        name: streams.inputs(shard),
        subjects: [`task.${shard}.*.in.>`],
        discard: 'new',
        bytesMax: limits.inputsBytesMax,
        duplicateWindowUs: DUPLICATE_WINDOW_US,
        atomicBatches: true,
      },
      {
        name: streams.outputs(shard),
        subjects: [`task.${shard}.*.out`],
        discard: 'new',
        bytesMax: limits.outputsBytesMax,
        duplicateWindowUs: DUPLICATE_WINDOW_US,
        atomicBatches: true,
      },
      {
        name: streams.actors(shard),
        subjects: [`actor.${shard}.>`],
        discard: 'new',
        bytesMax: limits.actorsBytesMax,
        duplicateWindowUs: DUPLICATE_WINDOW_US,
        atomicBatches: false,
      },
    );
  }
  const bounded = { discard: 'old', duplicateWindowUs: DUPLICATE_WINDOW_US, atomicBatches: false } as const;
  specs.push(
    {
      ...bounded,
      name: streams.checkpoints,
      subjects: ['ckpt.>'],
      bytesMax: limits.checkpointsBytesMax,
      ageUsMax: 24 * HOUR_US,
      saidAgain: true,
    },
    {
      ...bounded,
      name: streams.proposals,
      subjects: [proposalSubject.all],
      bytesMax: limits.proposalsBytesMax,
      ageUsMax: 24 * HOUR_US,
    },
    { ...bounded, name: streams.journal, subjects: ['journal.>'], bytesMax: limits.journalBytesMax },
    {
      ...bounded,
      name: streams.metrics,
      subjects: [ecuSubject.allMetricsKept],
      bytesMax: limits.metricsBytesMax,
      ageUsMax: 24 * HOUR_US,
      saidAgain: true,
    },
    {
      ...bounded,
      name: streams.learning,
      subjects: [learnSubject.all],
      bytesMax: limits.learningBytesMax,
      ageUsMax: 30 * 24 * HOUR_US,
      saidAgain: true,
    },
  );
  return specs;
}

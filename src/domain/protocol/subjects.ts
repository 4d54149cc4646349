/**
 * Every name on the bus. Nothing else in drover spells a subject, a stream or a bucket.
 * The table with meanings is DESIGN 4 and `docs/PROTOCOL.md`.
 */
import type { ActorKey, HostId, Mac, TaskName } from '../model/ids.ts';
import { parseActorKey, shardOf } from '../model/ids.ts';

export const ecuSubject = {
  heartbeat: (mac: Mac) => `ecu.${mac}.heartbeat`,
  goodbye: (mac: Mac) => `ecu.${mac}.goodbye`,
  command: (mac: Mac) => `ecu.${mac}.command`,
  pages: (mac: Mac) => `ecu.${mac}.pages`,
  /** Pages sent ahead of an announcement, where the fleet's strategy is push. Lost without harm. */
  pushed: (mac: Mac) => `ecu.${mac}.pushed`,
  allPushed: 'ecu.*.pushed',
  /** Start and stop records of jobs, where the bridge is asked for them. */
  jobs: (mac: Mac) => `ecu.${mac}.jobs`,
  /** To an ECU that is to keep a copy at hand: a checkpoint was announced. Lost without harm. */
  standby: (mac: Mac) => `ecu.${mac}.standby`,
  /** How the ECU is, many times a second; and the few of these samples that the stream METRICS keeps. */
  metrics: (mac: Mac) => `ecu.${mac}.metrics`,
  metricsKept: (mac: Mac) => `ecu.${mac}.metrics.kept`,
  allMetrics: 'ecu.*.metrics',
  allMetricsKept: 'ecu.*.metrics.kept',
  allHeartbeats: 'ecu.*.heartbeat',
  allGoodbyes: 'ecu.*.goodbye',
  allJobs: 'ecu.*.jobs',
} as const;

export const supervisorSubject = {
  heartbeat: (mac: Mac) => `supervisor.${mac}.heartbeat`,
  command: (mac: Mac) => `supervisor.${mac}.command`,
  allHeartbeats: 'supervisor.*.heartbeat',
} as const;

export const managerSubject = {
  heartbeat: (manager: string) => `manager.${manager}.heartbeat`,
  goodbye: (manager: string) => `manager.${manager}.goodbye`,
  /** A restore target pulls pages here. */
  pages: (manager: string) => `manager.${manager}.pages`,
  /** Any manager answers: declare, remove, report, query. */
  call: 'manager.call',
  /** The same calls, to this manager and no other: how its own store is. */
  callOf: (manager: string) => `manager.${manager}.call`,
  allHeartbeats: 'manager.*.heartbeat',
  allGoodbyes: 'manager.*.goodbye',
} as const;

export const checkpointSubject = {
  announced: (mac: Mac, programId: number) => `ckpt.${mac}.${programId}`,
  /** One subject per manager, so that each one's newest word stands last on its own. */
  stored: (mac: Mac, programId: number, manager: string) => `ckpt.stored.${mac}.${programId}.${manager}`,
  allStoredOf: (mac: Mac) => `ckpt.stored.${mac}.>`,
  allStored: 'ckpt.stored.>',
  allAnnounced: 'ckpt.*.*',
  allAnnouncedOf: (mac: Mac) => `ckpt.${mac}.*`,
  freed: (mac: Mac, programId: number) => `ckpt.freed.${mac}.${programId}`,
  all: 'ckpt.>',
} as const;

export const proposalSubject = {
  of: (mac: Mac, task: TaskName) => `proposal.${mac}.${task}`,
  all: 'proposal.>',
} as const;

export const learnSubject = {
  /** What an ECU saw of the task sets on its lanes. */
  of: (mac: Mac) => `learn.${mac}`,
  all: 'learn.*',
} as const;

export interface FleetNames {
  readonly shardCount: number;
}

export const taskSubject = {
  data: (names: FleetNames, task: TaskName) => `task.${shardOf(task, names.shardCount)}.${task}.in.data`,
  tick: (names: FleetNames, task: TaskName) => `task.${shardOf(task, names.shardCount)}.${task}.in.tick`,
  inputs: (names: FleetNames, task: TaskName) => `task.${shardOf(task, names.shardCount)}.${task}.in.>`,
  outputs: (names: FleetNames, task: TaskName) => `task.${shardOf(task, names.shardCount)}.${task}.out`,
} as const;

/** Actors named after a task live in its shard; the id's first or second part is the task. */
export function actorSubject(names: FleetNames, actor: ActorKey): string {
  const { kind, id } = parseActorKey(actor);
  return `actor.${shardOf(id, names.shardCount)}.${kind}.${id}`;
}

/** Every actor of one shard. */
export const actorsOfShard = (shard: number): string => `actor.${shard}.>`;

export function actorOfSubject(subject: string): ActorKey | undefined {
  const [root, , kind, ...id] = subject.split('.');
  return root === 'actor' && kind !== undefined && id.length > 0 ? `${kind}/${id.join('.')}` : undefined;
}

export const journalSubject = (host: HostId, actor: ActorKey): string => {
  const { kind, id } = parseActorKey(actor);
  return `journal.${host.replaceAll('.', '_')}.${kind}.${id}`;
};

export const streams = {
  inputs: (shard: number) => `INPUTS_${shard}`,
  outputs: (shard: number) => `OUTPUTS_${shard}`,
  actors: (shard: number) => `ACTORS_${shard}`,
  checkpoints: 'CHECKPOINTS',
  proposals: 'PROPOSALS',
  journal: 'JOURNAL',
  metrics: 'METRICS',
  learning: 'LEARNING',
} as const;

/** A key-value bucket is a stream whose subjects end in the key and whose last message is the value. */
export const bucket = {
  stream: (name: string) => `KV_${name}`,
  entry: (name: string, key: string) => `$KV.${name}.${key}`,
  all: (name: string) => `$KV.${name}.>`,
  keyOf: (name: string, subject: string) => subject.slice(`$KV.${name}.`.length),
  /** Header and value that mark an entry as deleted. */
  operation: 'KV-Operation',
  deleted: 'DEL',
} as const;

export const buckets = {
  inventory: 'inventory',
  placement: 'placement',
  proofs: 'proofs',
  learned: 'learned',
  artefacts: 'artefacts',
  fleet: 'fleet',
  series: 'series',
} as const;

/** Headers on a task's inputs and outputs: short, because they ride on every message. */
export const header = {
  epoch: 'Drover-Epoch',
  nonce: 'Drover-Nonce',
  /** Output number of the last (or this) output; on a marker, the last accepted before it. */
  output: 'Drover-Output',
  channel: 'Drover-Channel',
  /** `1` on the marker a new instance appends first. */
  marker: 'Drover-Marker',
  /** Data number or tick number. */
  number: 'Drover-Number',
  skipped: 'Drover-Skipped',
  /** On routed data: the task whose output it is, the output's number, and its place in the stream of outputs. The first also on a task's placement. */
  from: 'Drover-From',
  fromOutput: 'Drover-From-Output',
  fromSequence: 'Drover-From-Sequence',
  /** `1` on data that were appended in between by somebody else, and repeat the three above. */
  byHand: 'Drover-By-Hand',
  /** On an actor's record: who wrote it, and by which key managers share it out. */
  writer: 'Drover-Writer',
  key: 'Drover-Key',
  /** On a mirrored journal entry: its position in its host's journal. */
  position: 'Drover-Position',
  /** On an answer that is a failure: the code (`error-codes.ts`). */
  error: 'Drover-Error',
} as const;

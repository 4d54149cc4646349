/**
 * From journals to the last decision about a task: which arbiter or migration made it, why, who was considered with which numbers, and
 * what came of it. Pure; everything is as it was written down then, nothing is computed anew.
 */
import { stateName } from '../../../actors/chart.ts';
import type { ArbiterContext, RestoreCause, RestorePlan } from '../../../statecharts/arbiter.machine.ts';
import type { PlacementContext } from '../../../statecharts/placement.machine.ts';
import type { CheckpointOrder } from '../../domain/model/checkpoint.ts';
import type { ActorKey, Mac, TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import type { Decision } from '../../domain/placement/evidence.ts';
import { type MigrationTold, type MoveCause, migrationDecision } from './migration-told.ts';

export interface Deciders {
  /** Oldest first. */
  readonly placement: readonly ActorRecord[];
}

export interface Explanation {
  readonly task: TaskName;
  readonly state: string;
  readonly epoch: number;
  readonly owner: Mac | undefined;
  readonly reason: string | undefined;
  /** Undefined: none was made yet, or its journal is no longer kept. */
  readonly decision: DecisionTold | undefined;
  /** Oldest first. */
  readonly history: readonly HistoryLine[];
}

export interface DecisionTold {
  readonly atUs: number;
  readonly by: ActorKey;
  /** Plans of that arbiter up to this one. */
  readonly round: number;
  readonly cause: RestoreCause | MoveCause | undefined;
  readonly verdict: 'placed' | 'unplaced' | 'left';
  readonly target: Mac | undefined;
  readonly from: Mac | undefined;
  /** Undefined: none; it begins anew. */
  readonly checkpoint: (CheckpointOrder & { readonly holders: readonly string[] }) | undefined;
  /** Why it found no place, or was left where it is. */
  readonly reason: string | undefined;
  /** Tasks that were shed to make room for it. */
  readonly evicted: readonly TaskName[];
  /** Targets of this arbiter's earlier plans that refused it. */
  readonly refusedBefore: readonly { readonly target: Mac | undefined; readonly reason: string }[];
  /** What a migration would cost and did; undefined: it was a restore. */
  readonly migration?: MigrationTold;
  /** How far the arbiter has come with it (taking, deploying, replaying, done, shed, skipped), or the migration. */
  readonly phase: string | undefined;
  /** Candidates and numbers; undefined where the plan was made without looking at any. */
  readonly evidence: Decision | undefined;
}

export interface HistoryLine {
  readonly atUs: number;
  readonly event: string;
  readonly state: string;
  readonly epoch: number;
  readonly owner: Mac | undefined;
  readonly by: ActorKey | undefined;
  readonly reason: string | undefined;
}

const ARBITER = 'arbiter/';
const MIGRATION = 'migration/';
const HISTORY_MAX = 100;

interface PlacementSnapshot {
  readonly value: unknown;
  readonly context: PlacementContext;
}

const placementOf = ({ snapshot }: ActorRecord): PlacementSnapshot => JSON.parse(snapshot) as PlacementSnapshot;

/** The arbiters that a placement's journal names, and those that its epochs may have had. */
export function decidersOf(
  task: TaskName,
  placement: readonly ActorRecord[],
): {
  readonly named: ReadonlySet<ActorKey>;
  readonly requests: readonly ActorKey[];
  /** Without their number. */
  readonly migrations: readonly ActorKey[];
} {
  const named = new Set<ActorKey>();
  const epochs = new Set<number>();
  for (const record of placement) {
    const { takenBy, epoch } = placementOf(record).context;
    epochs.add(epoch);
    if (takenBy?.startsWith(ARBITER) || takenBy?.startsWith(MIGRATION)) named.add(takenBy);
  }
  // What an arbiter told the placement carries the id of its entry: its name, and after # the place in its record.
  for (const id of placement.at(-1)?.seen ?? [])
    if (id.startsWith(ARBITER) || id.startsWith(MIGRATION)) named.add(id.slice(0, id.indexOf('#')));
  const [newest = 0, before] = [...epochs].sort((a, b) => b - a);
  const recent = [newest, ...(before === undefined ? [] : [before])];
  const requests = recent.map((epoch) => `arbiter/request.${task}.${epoch}`);
  return { named, requests, migrations: recent.map((epoch) => `migration/${task}.${epoch}`) };
}

export function explain(
  task: TaskName,
  { placement, arbiters }: Deciders & { readonly arbiters: ReadonlyMap<ActorKey, readonly ActorRecord[]> },
): Explanation {
  const last = placement.at(-1);
  const { value, context } = last === undefined ? { value: 'undeclared', context: undefined } : placementOf(last);
  let decision: DecisionTold | undefined;
  for (const [by, records] of arbiters) {
    const found = by.startsWith(MIGRATION) ? migrationDecision(by, records) : lastDecision(task, by, records);
    if (found !== undefined && (decision === undefined || found.atUs > decision.atUs)) decision = found;
  }
  const { epoch = 0, owner, reason } = context ?? {};
  return { task, state: stateName(value), epoch, owner: owner?.mac, reason, decision, history: historyOf(placement) };
}

/** An arbiter's last plan that decided something about the task, not only found it to be another's. */
function lastDecision(task: TaskName, by: ActorKey, records: readonly ActorRecord[]): DecisionTold | undefined {
  let decision: DecisionTold | undefined;
  let cause: RestoreCause | undefined;
  const refusedBefore: { target: Mac | undefined; reason: string }[] = [];
  for (const record of records) {
    const { context } = JSON.parse(record.snapshot) as { readonly context: ArbiterContext };
    cause ??= context.cause;
    if (record.event.type === 'DEPLOY.REFUSED') {
      const event = JSON.parse(record.event.json) as { readonly task: TaskName; readonly reason: string };
      if (event.task === task) refusedBefore.push({ target: decision?.target, reason: event.reason });
    } else if (record.event.type === 'PLAN.MADE') {
      const { plan } = JSON.parse(record.event.json) as { readonly plan: RestorePlan };
      const planned = plannedFor(task, plan);
      if (planned === undefined) continue;
      const from = planned.from ?? fromOf(cause);
      const given = {
        atUs: record.atUs,
        by,
        round: context.rounds,
        cause,
        refusedBefore: [...refusedBefore],
        phase: undefined,
      };
      decision = { ...planned, ...given, from };
    } else if (decision !== undefined) {
      decision = { ...decision, phase: context.tasks[task]?.phase };
    }
  }
  return decision;
}

const fromOf = (cause: RestoreCause | undefined): Mac | undefined => (cause?.kind === 'failure' ? cause.owner.mac : undefined);

type Planned = Pick<DecisionTold, 'verdict' | 'target' | 'from' | 'checkpoint' | 'reason' | 'evicted' | 'evidence'>;

const NOTHING = { target: undefined, from: undefined, checkpoint: undefined, reason: undefined, evicted: [] } as const;

function plannedFor(task: TaskName, plan: RestorePlan): Planned | undefined {
  const evidence = evidenceOf(task, plan);
  const assigned = plan.assignments.find((one) => one.task === task);
  if (assigned !== undefined) {
    const { target, checkpoint } = assigned;
    const order =
      checkpoint === undefined
        ? undefined
        : { epoch: checkpoint.epoch, sequence: checkpoint.sequence, holders: checkpoint.holders };
    return { ...NOTHING, verdict: 'placed', target: target.mac, from: undefined, checkpoint: order, evidence };
  }
  const unplaced = plan.unplaced.find((one) => one.task === task);
  if (unplaced !== undefined) {
    const evicted = unplaced.evict.map((one) => one.task);
    return { ...NOTHING, verdict: 'unplaced', reason: unplaced.reason, evicted, evidence };
  }
  const skipped = plan.skipped.find((one) => one.task === task);
  // One that went to another arbiter was not decided here.
  if (skipped === undefined || evidence === undefined) return undefined;
  return { ...NOTHING, verdict: 'left', reason: skipped.reason, evidence };
}

function evidenceOf(task: TaskName, { evidence }: RestorePlan): Decision | undefined {
  const decisions = Array.isArray(evidence) ? (evidence as unknown as readonly Decision[]) : [];
  return decisions.find((one) => one.task === task);
}

/** What changed, without what is only kept up to date. */
function historyOf(placement: readonly ActorRecord[]): HistoryLine[] {
  const lines: HistoryLine[] = [];
  for (const record of placement) {
    const { value, context } = placementOf(record);
    const { epoch, owner, takenBy, reason } = context;
    const line = {
      atUs: record.atUs,
      event: record.event.type,
      state: stateName(value),
      epoch,
      owner: owner?.mac,
      by: takenBy,
      reason,
    };
    const before = lines.at(-1);
    if (before?.state === line.state && before.epoch === epoch && before.owner === line.owner) continue;
    lines.push(line);
  }
  return lines.slice(-HISTORY_MAX);
}

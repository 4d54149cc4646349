/** What a migration's journal says: what it would cost, how its state was brought over, how long each part took, and how it ended. */
import { stateName } from '../../../actors/chart.ts';
import type { MigrationContext } from '../../../statecharts/migration.machine.ts';
import type { MigrationCost, MigrationEstimate, MigrationMode } from '../../domain/migration/estimate.ts';
import type { CheckpointOrder } from '../../domain/model/checkpoint.ts';
import type { ActorKey, Mac, TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import type { Decision } from '../../domain/placement/evidence.ts';
import { stdoutColours } from '../cli/colours.ts';
import { table } from '../cli/table.ts';

export interface MoveCause {
  readonly kind: 'move';
  readonly target: Mac | undefined;
  readonly reason: string;
}

export interface MigrationTold {
  readonly mode: MigrationMode | undefined;
  readonly state: string;
  readonly estimate: MigrationEstimate;
  readonly rounds: MigrationContext['rounds'];
  /** Why it was given up, or superseded. */
  readonly reason: string | undefined;
  /** By the manager's clock: from the source standing still to the target's start. */
  readonly switchUs: number | undefined;
}

/** In the form of a decision (`decision.ts`). */
export interface MigrationDecision {
  readonly atUs: number;
  readonly by: ActorKey;
  readonly round: number;
  readonly cause: MoveCause;
  readonly verdict: 'placed' | 'left';
  readonly target: Mac | undefined;
  readonly from: Mac;
  readonly checkpoint: (CheckpointOrder & { readonly holders: readonly string[] }) | undefined;
  readonly reason: string | undefined;
  readonly evicted: readonly TaskName[];
  readonly refusedBefore: readonly { readonly target: Mac; readonly reason: string }[];
  readonly phase: string;
  readonly evidence: Decision | undefined;
  readonly migration: MigrationTold;
}

export function migrationDecision(by: ActorKey, records: readonly ActorRecord[]): MigrationDecision | undefined {
  let costed: { readonly atUs: number; readonly estimate: MigrationEstimate; readonly round: number } | undefined;
  let handedOverUs: number | undefined;
  let switchUs: number | undefined;
  let last: MigrationContext | undefined;
  let state = 'proposed';
  for (const record of records) {
    const { value, context } = JSON.parse(record.snapshot) as { readonly value: unknown; readonly context: MigrationContext };
    last = context;
    state = stateName(value);
    const event = JSON.parse(record.event.json) as { readonly estimate?: MigrationEstimate; readonly copyUs?: number };
    if (record.event.type === 'MIGRATION.COSTED' && event.estimate !== undefined)
      costed = { atUs: record.atUs, estimate: event.estimate, round: (costed?.round ?? 0) + 1 };
    if (record.event.type === 'STATE.HANDED_OVER') handedOverUs = record.atUs - (event.copyUs ?? 0);
    if (record.event.type === 'INSTANCE.RAN' && handedOverUs !== undefined) switchUs = record.atUs - handedOverUs;
  }
  const cause = last?.cause;
  if (costed === undefined || last === undefined || cause === undefined) return undefined;
  const { estimate, atUs, round } = costed;
  const { reference, reason, rounds, mode } = last;
  const hasMoved = last.epoch !== undefined;
  const checkpoint =
    reference === undefined || !hasMoved
      ? undefined
      : { epoch: reference.epoch, sequence: reference.sequence, holders: reference.holders };
  return {
    atUs,
    by,
    round,
    cause: { kind: 'move', target: cause.target, reason: `${cause.opcode}: ${cause.reason}` },
    verdict: hasMoved ? 'placed' : 'left',
    target: hasMoved ? last.target?.mac : undefined,
    from: cause.source.mac,
    checkpoint,
    reason: hasMoved ? undefined : (reason ?? estimate.reason),
    evicted: [],
    refusedBefore: last.excluded.map((target) => ({ target, reason: 'it did not admit it' })),
    phase: state,
    evidence: estimate.decision,
    migration: { mode, state, estimate, rounds, reason, switchUs },
  };
}

/** Candidates with their costs, in late jobs; also for a dry run. */
export function estimateTold(
  { candidates, chosen, costMax, predictedBy }: MigrationEstimate,
  nameOf: (mac: string) => string,
): string {
  const rows = candidates.flatMap((candidate) =>
    candidate.modes.map(({ mode, blackoutUs, bytes, cost, bearable }) => {
      const taken = candidate.mac === chosen?.mac && mode === candidate.mode;
      return [
        nameOf(candidate.mac),
        taken ? stdoutColours.green(mode) : mode,
        `${(blackoutUs / 1000).toFixed(1)} ms`,
        bearable ? 'kept' : stdoutColours.yellow('broken'),
        `${Math.round(bytes / 1024)} KiB`,
        ...costCells(cost),
      ];
    }),
  );
  const bound = costMax === undefined ? 'borne whatever it is' : `at most ${costMax} borne`;
  const gain =
    predictedBy === undefined
      ? 'nobody predicts what staying costs, so the gain is 0'
      : `the gain is predicted by ${predictedBy}`;
  const head = ['ECU', 'MODE', 'BLACKOUT', 'DEADLINE', 'MOVED', 'DURING', 'TRANSFER', 'DISTURBANCE', 'GAIN', 'COST'];
  return `${table(head, rows)}costs in late jobs, ${bound}; ${gain}\n`;
}

const costCells = ({ during, transfer, disturbance, gain, total }: MigrationCost): string[] =>
  [during, transfer, disturbance, gain, total].map((term) => term.toFixed(2));

export function* migrationTold(
  { mode, state, estimate, rounds, reason, switchUs }: MigrationTold,
  nameOf: (mac: string) => string,
): Generator<string> {
  const copied = rounds.map(({ bytes, tookUs }) => `${Math.ceil(bytes / 1024)} KiB in ${(tookUs / 1000).toFixed(1)} ms`);
  yield `migration: ${state}${mode === undefined ? '' : `, ${mode}`}${reason === undefined ? '' : `: ${reason}`}\n`;
  if (copied.length > 0) yield `copied while it ran: ${copied.join(', ')}\n`;
  if (switchUs !== undefined) yield `from standing still to its start at the target: ${(switchUs / 1000).toFixed(1)} ms\n`;
  if (estimate.candidates.length > 0) yield `\n${estimateTold(estimate, nameOf)}`;
}

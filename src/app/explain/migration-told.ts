/** What a migration's journal says: what it would cost, how its state was brought over, how long each part took, and how it ended. */
import { stateName } from '../../../actors/chart.ts';
import type { MigrationContext } from '../../../statecharts/migration.machine.ts';
import type { CandidateEstimate, MigrationCost, MigrationEstimate, MigrationMode } from '../../domain/migration/estimate.ts';
import type { CheckpointOrder } from '../../domain/model/checkpoint.ts';
import type { ActorKey, Mac, TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import type { PredictedPerformance } from '../../domain/performance/late-work.ts';
import type { Decision } from '../../domain/placement/evidence.ts';
import type { ProposalNamed } from '../../domain/proposal/proposal.ts';
import { stdoutColours } from '../cli/colours.ts';
import { table } from '../cli/table.ts';

export interface MoveCause {
  readonly kind: 'move';
  readonly target: Mac | undefined;
  readonly reason: string;
  /** What was foreseen; absent: somebody asked. */
  readonly proposal?: ProposalNamed;
}

export interface MigrationTold {
  readonly mode: MigrationMode | undefined;
  readonly state: string;
  readonly estimate: MigrationEstimate;
  readonly rounds: MigrationContext['rounds'];
  /** Why it was given up, or superseded. */
  readonly reason: string | undefined;
  /** By the manager's clock: from the source standing still, or the target keeping up with it, to the target's start. */
  readonly switchUs: number | undefined;
  /** The source ran on until the target did. */
  readonly followed: boolean;
  /** Why it did not. */
  readonly standsStillFor: string | undefined;
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
  const { reference, reason, rounds, mode, standsStillFor } = last;
  const hasMoved = last.epoch !== undefined;
  const checkpoint =
    reference === undefined || !hasMoved
      ? undefined
      : { epoch: reference.epoch, sequence: reference.sequence, holders: reference.holders };
  return {
    atUs,
    by,
    round,
    cause: {
      ...{ kind: 'move', target: cause.target, reason: `${cause.opcode}: ${cause.reason}` },
      ...(cause.proposal === undefined ? {} : { proposal: cause.proposal }),
    },
    verdict: hasMoved ? 'placed' : 'left',
    target: hasMoved ? last.target?.mac : undefined,
    from: cause.source.mac,
    checkpoint,
    reason: hasMoved ? undefined : (reason ?? estimate.reason),
    evicted: [],
    refusedBefore: last.excluded.map((target) => ({ target, reason: 'it did not admit it' })),
    phase: state,
    evidence: estimate.decision,
    migration: { mode, state, estimate, rounds, reason, switchUs, followed: last.following === true, standsStillFor },
  };
}

/** Candidates with their costs, in late jobs; also for a dry run. */
export function estimateTold(estimate: MigrationEstimate, nameOf: (mac: string) => string): string {
  const { candidates, chosen, costMax, predictedBy } = estimate;
  const rows = candidates.flatMap((candidate) =>
    candidate.modes.map(({ mode, followed, blackoutUs, bytes, cost, bearable }) => {
      const taken = candidate.mac === chosen?.mac && mode === candidate.mode;
      const way = followed === true ? `${mode}, followed` : mode;
      return [
        nameOf(candidate.mac),
        taken ? stdoutColours.green(way) : way,
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
  const broken = candidates.flatMap(({ mac, modes }) =>
    modes.flatMap(({ mode, broken: why }) => (why === undefined ? [] : [`${nameOf(mac)}, ${mode}: ${why}\n`])),
  );
  const shunned = candidates.flatMap(({ mac, shunned: why }) =>
    why === undefined ? [] : [`${nameOf(mac)}: nothing goes there unless somebody orders it: ${why}\n`],
  );
  const ways = candidates.map((candidate) => wayTold(candidate, nameOf(candidate.mac))).join('');
  const told = `${ways}${broken.join('')}${shunned.join('')}`;
  return `${table(head, rows)}costs in late jobs, ${bound}; ${gain}\n${told}${performanceTold(estimate, nameOf)}${aheadTold(estimate, nameOf)}`;
}

/** Whether anybody stands still on the way there, and why. */
function wayTold({ modes }: CandidateEstimate, name: string): string {
  const live = modes.find(({ mode }) => mode === 'live');
  if (live === undefined) return '';
  if (live.otherwise === undefined)
    return live.standsStillFor === undefined
      ? ''
      : `${name}, live: it would stand still for the last difference: ${live.standsStillFor}\n`;
  const { blackoutUs, bearable } = live.otherwise;
  const ms = (blackoutUs / 1000).toFixed(1);
  return `${name}, live: followed, nobody stands still; if it did not keep up, ${ms} ms of standing still, deadline ${bearable ? 'kept' : 'broken'}\n`;
}

/** What its own series foretell, and what the ECUs would have to do with it. */
function aheadTold({ ahead, candidates }: MigrationEstimate, nameOf: (mac: string) => string): string {
  if (ahead === undefined) return '';
  const { now, quantiles, waiting, horizonS } = ahead;
  const [, median, high] = quantiles;
  const cores = (value: number): string => value.toFixed(2);
  const of = waiting >= 0.005 ? `, ${cores(waiting)} of it for inputs that wait` : '';
  const after = candidates.flatMap(({ mac, loadAfter }) =>
    loadAfter === undefined ? [] : [`${nameOf(mac)} ${Math.round(100 * loadAfter)} %`],
  );
  const there = after.length === 0 ? '' : `; load with it there, at most at 90 %: ${after.join(', ')}`;
  return `its own series: it takes ${cores(now)} cores now and ${cores(median)} in ${horizonS} s, at most ${cores(high)} at 90 %${of}${there}
`;
}

/** Where the task would do how, as far as anybody can say. */
function performanceTold({ from, performanceHere, candidates }: MigrationEstimate, nameOf: (mac: string) => string): string {
  const places: readonly (readonly [string, PredictedPerformance | undefined])[] = [
    [`${nameOf(from)} (here)`, performanceHere],
    ...candidates.map(({ mac, performance }) => [nameOf(mac), performance] as const),
  ];
  const rows = places.flatMap(([name, said]) => (said === undefined ? [] : [[name, ...performanceCells(said)]]));
  if (rows.length === 0) return '';
  const head = ['ECU', 'EXECUTION', 'RESPONSE', 'FOUR IN FIVE', 'JOBS/S', 'LOAD BESIDE', 'LATE JOBS', 'GOES BY', 'ERRS BY'];
  return `\n${table(head, rows)}predicted for the next half minute; gain is the late jobs here less those there, and what foreseen failures cost\n`;
}

const GOES_BY: Readonly<Record<PredictedPerformance['basis'], string>> = {
  measured: 'itself there',
  kind: 'itself on that kind',
  task: 'itself on other kinds',
  resource: 'others there',
  nothing: 'nothing',
};

const performanceCells = ({
  executionUs,
  latencyUs,
  jobsPerS,
  load,
  lateJobs,
  basis,
  error,
}: PredictedPerformance): string[] => [
  `${Math.round(executionUs.expected)} µs`,
  `${Math.round(latencyUs.expected)} µs`,
  `${Math.round(latencyUs.low)} to ${Math.round(latencyUs.high)} µs`,
  jobsPerS.expected.toFixed(1),
  `${(100 * load).toFixed(0)} %`,
  lateJobs.toFixed(2),
  GOES_BY[basis],
  `${(100 * error).toFixed(0)} %`,
];

/** "proposal m1.…: failure within 30 s (83 %), …", for people. */
export function proposalTold({
  id,
  manager,
  cause,
  probability,
  horizonS,
  loadQuantiles,
  staying,
  benefit,
  deadlineUs,
}: ProposalNamed): string {
  const loads = loadQuantiles.map((load) => `${(100 * load).toFixed(0)} %`).join(', ');
  const by = new Date(deadlineUs / 1000).toISOString().slice(11, 19);
  return (
    `proposal ${id} of ${manager}: ${cause} within ${horizonS} s (${Math.round(100 * probability)} %), load then ${loads} ` +
    `(10 %, 50 %, 90 %); staying would cost ${staying.toFixed(1)} late jobs, moving saves ${benefit.toFixed(1)}; to begin by ${by} UTC\n`
  );
}

const costCells = ({ during, transfer, disturbance, gain, total }: MigrationCost): string[] =>
  [during, transfer, disturbance, gain, total].map((term) => term.toFixed(2));

export function* migrationTold(
  { mode, state, estimate, rounds, reason, switchUs, followed, standsStillFor }: MigrationTold,
  nameOf: (mac: string) => string,
): Generator<string> {
  const copied = rounds.map(({ bytes, tookUs }) => `${Math.ceil(bytes / 1024)} KiB in ${(tookUs / 1000).toFixed(1)} ms`);
  yield `migration: ${state}${mode === undefined ? '' : `, ${mode}`}${reason === undefined ? '' : `: ${reason}`}\n`;
  if (copied.length > 0) yield `copied while it ran: ${copied.join(', ')}\n`;
  if (standsStillFor !== undefined) yield `its target did not keep up with it: ${standsStillFor}\n`;
  const began = followed ? 'the target kept up with it while it ran; from there' : 'from standing still';
  if (switchUs !== undefined) yield `${began} to its start at the target: ${(switchUs / 1000).toFixed(1)} ms\n`;
  if (estimate.candidates.length > 0) yield `\n${estimateTold(estimate, nameOf)}`;
}

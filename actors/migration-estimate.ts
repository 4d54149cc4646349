/**
 * What a migration would cost, as of now: reads the placement, who could take the task by the exact test, how much there is to be moved and
 * how fast that went lately, and acts on nothing. `src/domain/migration/estimate.ts` has the arithmetic.
 */
import {
  byCost,
  type CandidateEstimate,
  type EcuBusyness,
  estimateCandidate,
  type MigrationEstimate,
  type MigrationFacts,
} from '../src/domain/migration/estimate.ts';
import { PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { admits, admittingEcuOf, chargePpb } from '../src/domain/placement/admit.ts';
import { assign } from '../src/domain/placement/assign.ts';
import { type Candidate, type Decision, type Newcomer, type Plan, sentenceOf } from '../src/domain/placement/evidence.ts';
import { type Advising, advised } from '../src/ports/advising.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { PredictedGain } from '../src/ports/predicted-gain.ts';
import type { MigrationCause } from '../statecharts/migration.machine.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import { apartOnAll, type BeyondShare } from './beyond-share.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import { MigrationPast } from './migration-past.ts';
import { isPlaced, type PlacementView } from './placement-index.ts';

export interface MigrationEstimatesParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  readonly beyond: BeyondShare;
  readonly store: CheckpointStore;
  readonly gain?: PredictedGain | undefined;
  /** Ranks candidates, as for restores. */
  readonly advising?: Advising | undefined;
}

export class MigrationEstimates {
  private readonly parts: MigrationEstimatesParts;
  readonly past: MigrationPast;

  constructor(parts: MigrationEstimatesParts) {
    this.parts = parts;
    this.past = new MigrationPast(parts.host.clock);
  }

  /** By the placement's freshest record; one that is not `owned` in the cause's epoch any more stays. */
  async estimate(cause: MigrationCause, excluded: readonly Mac[]): Promise<MigrationEstimate> {
    const { knowledge } = this.parts;
    const placement = await knowledge.freshPlacement(cause.task);
    const speed = this.past.speed();
    const { task, epoch, source, costMax } = cause;
    const unknown = { task, epoch, from: source.mac, candidates: [], chosen: undefined, costMax, speed };
    const spec = placement?.context.spec;
    if (placement === undefined || spec === undefined || placement.state !== 'owned' || placement.context.epoch !== epoch) {
      const reason = `it is ${placement?.state ?? 'unknown'} in epoch ${placement?.context.epoch ?? 0}`;
      return { ...unknown, reason, facts: NO_FACTS, predictedBy: undefined, decision: undefined };
    }
    const facts = this.factsOf(placement.context, spec);
    const { decision, sentence, fleet } = await this.feasible(placement, spec, cause, excluded);
    const candidateOf = (mac: Mac): Candidate | undefined => fleet.find((one) => one.mac === mac);
    const busyOf = (mac: Mac): EcuBusyness => busynessOf(candidateOf(mac));
    const bytesAtHand = Math.max(0, facts.stateBytes - (facts.dirtyBytesPerSecond * facts.checkpointUs) / 1e6);
    const standbys = knowledge.standbys(task);
    const fitting = (decision?.candidates ?? []).filter((candidate) => candidate.verdict === 'feasible');
    // Of ECUs that others watch their managers are asked.
    const gains = await Promise.all(fitting.map(({ mac }) => this.parts.gain?.gainOf({ task, from: source.mac, to: mac })));
    const first = gains.find((gain) => gain !== undefined);
    const predictedBy = first?.by;
    const performanceHere = gains.find((gain) => gain?.performance !== undefined)?.performance?.here;
    const ahead = gains.find((gain) => gain?.ahead !== undefined)?.ahead;
    const estimates = fitting.map(({ mac, incarnation, score, admission }, at): CandidateEstimate => {
      const predicted = gains[at];
      const estimated = {
        mac,
        incarnation,
        score: score.total,
        responseUs: admission.joining[0]?.responseUs,
        busy: busyOf(mac),
        bytesAtHand: standbys.includes(mac) ? bytesAtHand : 0,
        notFollowed: this.past.whyNotFollowed(spec, { mac, incarnation }),
        brokenBy: (blackoutUs: number) => brokenBy(candidateOf(mac), spec, blackoutUs),
        performance: predicted?.performance?.there,
        loadAfter: predicted?.loadAfter,
        shunned: predicted?.shunned,
      };
      const about = { facts, speed, source: busyOf(source.mac), gain: predicted?.lateJobs ?? 0, mode: cause.mode };
      return estimateCandidate(estimated, about);
    });
    const candidates = byCost(estimates);
    const worthy = candidates.filter(({ cost, bearable }) => isWorthIt(cause, cost.total, bearable));
    // Whoever orders a move takes what is foreseen upon themselves where there is no other place.
    const worth = worthy.find(({ shunned }) => shunned === undefined) ?? (isOrder(cause) ? worthy[0] : undefined);
    const chosen = worth === undefined || !mustFollow(cause, worth) ? worth : { ...worth, mustFollow: true };
    const reason = chosen === undefined ? whyNot(candidates, cause, sentence) : undefined;
    const told = ahead === undefined ? {} : { ahead };
    return { ...unknown, candidates, chosen, reason, facts, predictedBy, performanceHere, ...told, decision };
  }

  private factsOf(context: PlacementContext, spec: TaskSpec): MigrationFacts {
    const { knowledge, store } = this.parts;
    const { periodUs, deadlineUs, wcetUs, checkpoint } = spec;
    const reference = knowledge.newestReference(context);
    const manifest = reference === undefined ? undefined : store.find(spec.name, reference.epoch, reference.sequence);
    const stateBytes = manifest === undefined ? (reference?.needs?.memoryBytes ?? 0) : manifest.pageCount * PAGE_BYTES;
    const isDelta = manifest !== undefined && manifest.baseSequence !== undefined;
    const dirtyBytes = isDelta ? manifest.pageIndexes.length * PAGE_BYTES : Math.min(stateBytes, 4 * PAGE_BYTES);
    return {
      periodUs,
      deadlineUs,
      wcetUs,
      jobsPerSecond: periodUs > 0 ? 1e6 / periodUs : this.inputsPerSecond(spec.name),
      stateBytes,
      dirtyBytesPerSecond: (dirtyBytes * 1e6) / checkpoint.intervalUs,
      checkpointUs: checkpoint.intervalUs,
    };
  }

  /** Between the newest checkpoint and the oldest that is remembered, by what each had consumed. */
  private inputsPerSecond(task: TaskName): number {
    const { newest, oldest } = this.parts.knowledge.spanOf(task);
    if (newest === undefined || oldest === undefined) return 0;
    const us = newest.atUs - oldest.atUs;
    return us <= 0 ? 0 : Math.max(0, ((newest.inputs - oldest.inputs) * 1e6) / us);
  }

  private async feasible(
    { context }: PlacementView,
    spec: TaskSpec,
    cause: MigrationCause,
    excluded: readonly Mac[],
  ): Promise<{ decision: Decision | undefined; sentence: string | undefined; fleet: readonly Candidate[] }> {
    const { knowledge, host, advising } = this.parts;
    const needs = knowledge.newestReference(context)?.needs;
    const newcomer: Newcomer = {
      spec,
      excluded,
      dataAt: knowledge.standbys(spec.name),
      ...(needs === undefined ? {} : { needs }),
    };
    knowledge.index.passed(host.clock.monotonicUs());
    const isMeant = (mac: Mac): boolean => mac !== cause.source.mac && (cause.target === undefined || mac === cause.target);
    const planOver = (fleet: readonly Candidate[]): Plan =>
      assign({
        newcomers: [newcomer],
        candidates: fleet.filter(({ mac }) => isMeant(mac)),
        ...advised(advising),
        apartOfRunning: apartOnAll(knowledge.index.apartOfRunning(), fleet),
        criticalityOfRunning: (task: TaskName) => {
          const running = knowledge.placement(task);
          return running !== undefined && isPlaced(running) ? (running.context.spec?.criticality ?? 0) : undefined;
        },
      });
    const fleet = await this.parts.beyond.around([newcomer], cause.target, (known) => planOver(known).unplaced.length === 0);
    const plan = planOver(fleet);
    return { decision: plan.decisions[0], sentence: plan.unplaced[0]?.sentence, fleet };
  }
}

const NO_FACTS: MigrationFacts = {
  periodUs: 0,
  deadlineUs: 0,
  wcetUs: 0,
  jobsPerSecond: 0,
  stateBytes: 0,
  dirtyBytesPerSecond: 0,
  checkpointUs: 0,
};

/** Whoever asks in person takes the late jobs upon themselves; what asks by itself may not break a deadline by the move. */
function isWorthIt({ costMax, opcode, chain }: MigrationCause, cost: number, bearable: boolean): boolean {
  // Weighed for all of them together (`chain-moves.ts`): what saves the chain may cost one of its tasks.
  if (chain !== undefined) return true;
  if (costMax !== undefined && cost > costMax) return false;
  // What is foreseen breaks more deadlines than the move.
  if (opcode === 'forecast' && cost < 0) return true;
  return opcode === 'operator' || opcode === 'drain' || bearable;
}

const isOrder = ({ opcode, chain }: MigrationCause): boolean =>
  opcode === 'operator' || opcode === 'drain' || chain !== undefined;

/** Of one that is followed: standing still instead is not worth it. */
function mustFollow(cause: MigrationCause, { modes, mode, bearable }: CandidateEstimate): boolean {
  const otherwise = modes.find((one) => one.mode === mode)?.otherwise;
  if (otherwise === undefined) return false;
  // A chain that goes because of what is foreseen has been weighed as it would go; there is the way one by one.
  if (cause.chain !== undefined) return cause.opcode === 'forecast' && bearable && !otherwise.bearable;
  return !isWorthIt(cause, otherwise.cost.total, otherwise.bearable);
}

function whyNot(candidates: readonly CandidateEstimate[], { costMax }: MigrationCause, sentence: string | undefined): string {
  const [best] = candidates;
  if (best === undefined) return `it stays where it runs: ${sentence ?? 'no other ECU can take it'}`;
  const cost = best.cost.total.toFixed(2);
  if (costMax !== undefined && best.cost.total > costMax)
    return `it stays where it runs: going to ${best.mac} would cost ${cost} late jobs, at most ${costMax} are borne`;
  if (best.shunned !== undefined && (best.bearable || best.cost.total < 0))
    return `it stays where it runs: of going to ${best.mac} ${best.shunned}`;
  const { broken } = best.modes.find(({ mode }) => mode === best.mode) ?? {};
  const what = broken === undefined ? 'breaks its deadline' : `breaks a deadline there: ${broken}`;
  return `it stays where it runs: a blackout of ${best.blackoutUs} µs on the way to ${best.mac} ${what}`;
}

/** The test that the target's bridge repeats, with the silence of the move in it. */
function brokenBy(candidate: Candidate | undefined, spec: TaskSpec, blackoutUs: number): string | undefined {
  if (candidate === undefined) return undefined;
  const { accepted, description, draining } = candidate;
  const answer = admits(accepted, [spec], admittingEcuOf(description, draining), blackoutUs);
  return answer.ok ? undefined : sentenceOf(answer.error);
}

function busynessOf(candidate: Candidate | undefined): EcuBusyness {
  if (candidate === undefined) return { jobsPerSecond: 0, utilisation: 0 };
  let ppb = 0;
  let jobsPerSecond = 0;
  for (const task of candidate.accepted) {
    ppb += chargePpb(task);
    if (task.periodUs > 0) jobsPerSecond += 1e6 / task.periodUs;
  }
  return { jobsPerSecond, utilisation: ppb / 1e9 / Math.max(1, candidate.description.cores) };
}

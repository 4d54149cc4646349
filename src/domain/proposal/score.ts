/**
 * What became of a proposal, told afterwards and in the same unit it was made in (late jobs):
 *
 *   lead            time from the proposal to what it foresaw; absent when that never came
 *   regretNothing   what was done less what doing nothing would have cost: below 0 it paid
 *   regretOracle    what was done less what the best choice in hindsight would have cost: never below 0
 *   paid            it was carried out and cost no more than doing nothing, or it was not and what it foresaw came
 *
 * Doing nothing costs the failure as often as it would have come: certainly where it came, with the forecast's probability where the ECU calmed down
 * because its tasks left (`without-move.ts`), else never.
 *
 * What was not done is never measured; it is reckoned with the restore's and the blackout's usual silence, and says so by being called
 * counterfactual. Back-off: who keeps proposing what does not pay must see twice the benefit after every such proposal, up to a bound, and
 * half of that after every one that paid. Nobody is ever silenced for good.
 */
import type { Proposal } from './proposal.ts';

export interface Outcome {
  /** When what was foreseen came; undefined: it did not until the horizon was over. */
  readonly cameAtUs: number | undefined;
  /** The task had been moved by then, or by the end of the horizon. */
  readonly movedAtUs: number | undefined;
  /** P(it would have come had the task stayed); counts only where the task was moved and it did not come. */
  readonly withoutMove: number;
  /** Jobs that were late or missed from the proposal to the end of its horizon, as measured. */
  readonly lateJobs: number;
}

/** The usual price of what was not done. */
export interface Counterfactual {
  /** Late jobs of a failure that finds the task there, and of a migration. */
  readonly ofFailure: number;
  readonly ofMove: number;
}

export interface ProposalScore {
  readonly proposal: string;
  readonly leadUs: number | undefined;
  readonly wasDone: boolean;
  readonly came: boolean;
  /** 1 where it came; below where only the forecast says so. */
  readonly wouldHaveCome: number;
  readonly regretNothing: number;
  readonly regretOracle: number;
  readonly paid: boolean;
}

export function scoreProposal(proposal: Proposal, outcome: Outcome, usual: Counterfactual): ProposalScore {
  const { cameAtUs, movedAtUs, withoutMove, lateJobs } = outcome;
  const came = cameAtUs !== undefined;
  const wasDone = movedAtUs !== undefined && (!came || movedAtUs <= cameAtUs);
  const wouldHaveCome = came ? 1 : wasDone ? withoutMove : 0;
  const ofNothing = wasDone ? wouldHaveCome * usual.ofFailure : lateJobs;
  const ofMoving = wasDone ? lateJobs : usual.ofMove;
  const regretNothing = lateJobs - ofNothing;
  return {
    proposal: proposal.id,
    leadUs: came ? cameAtUs - proposal.madeAtUs : undefined,
    wasDone,
    came,
    wouldHaveCome,
    regretNothing,
    regretOracle: lateJobs - Math.min(lateJobs, ofNothing, ofMoving),
    // Refused and yet right is the refuser's fault, not the proposal's.
    paid: wasDone ? regretNothing <= 0 : came,
  };
}

/** How far a machine's misses may stray from those before by themselves: half as many more, and two standard deviations of a count. */
const STRAYS = 1.5;
const DEVIATIONS = 2;

/** Misses that are more than the task had anyway: what its machine makes late is neither the move's doing nor the failure's. */
export const missesAbove = (misses: number, usual: number): number =>
  Math.max(0, misses - STRAYS * usual - DEVIATIONS * Math.sqrt(usual));

export interface Credit {
  readonly proposals: number;
  readonly paid: number;
  readonly came: number;
  readonly regretNothing: number;
  readonly regretOracle: number;
  /** What the benefit must be a multiple of. */
  readonly demands: number;
}

export const FULL_CREDIT: Credit = { proposals: 0, paid: 0, came: 0, regretNothing: 0, regretOracle: 0, demands: 1 };

const DEMANDS_MOST = 64;

export function afterScore(credit: Credit, score: ProposalScore): Credit {
  return {
    proposals: credit.proposals + 1,
    paid: credit.paid + (score.paid ? 1 : 0),
    came: credit.came + (score.came ? 1 : 0),
    regretNothing: credit.regretNothing + score.regretNothing,
    regretOracle: credit.regretOracle + score.regretOracle,
    demands: score.paid ? Math.max(1, credit.demands / 2) : Math.min(DEMANDS_MOST, credit.demands * 2),
  };
}

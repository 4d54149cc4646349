/** What is said of a proposal to everybody: what was proposed by whom and what it was seen by; again with its score when its horizon is over. */
import type { Proposal } from './proposal.ts';
import type { ProposalScore } from './score.ts';

export interface ProposalNotice extends Omit<Proposal, 'madeAtUs' | 'deadlineUs'> {
  readonly manager: string;
  /** By the manager's wall clock, for people. */
  readonly madeAtUs: number;
  readonly deadlineUs: number;
  /** °C then, °C at which the ECU fails, and the seconds until it gets there. */
  readonly temperature: number;
  readonly temperatureLimit: number;
  readonly failsInS: number;
  readonly score: Omit<ProposalScore, 'proposal'> | undefined;
}

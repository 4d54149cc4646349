/**
 * Carries out what the predictor proposes, by asking for migrations as a person would.
 *
 * O1. Budget: so many migrations away from one ECU at a time. Those of a chain count each; a chain that is longer than that goes when nothing else does.
 * O2. The tasks of a chain that were proposed together are asked for together (`chain-moves.ts`), once for all of them, as many as can still go.
 *     Where that is refused they are asked for one by one from then on, and each migration's reason says why.
 * O3. What is refused is asked for again until the proposal's deadline.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { Proposal, ProposalNamed } from '../src/domain/proposal/proposal.ts';
import { foreseenText } from '../src/domain/proposal/threat-text.ts';
import type { ManagerAnswer } from '../src/domain/protocol/messages.ts';
import type { ChainMoves } from './chain-moves.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { MigrationRequests } from './migration-requests.ts';

/** What was seen of a proposal whose horizon is open. */
export interface Pursuit {
  readonly proposal: Proposal;
  readonly incarnation: number;
  readonly missesBefore: number;
  /** A second, of the task where it was: what the machine costs it anyway. */
  readonly missesPerS: number;
  readonly jobsPerS: number;
  readonly loadBefore: number;
  cameAtUs: number | undefined;
  movedAtUs: number | undefined;
  askedAtUs: number;
  /** Why it does not go with the rest of its chain any more (O2). */
  aloneBecause: string | undefined;
}

export interface ProposalMovesParts {
  readonly host: Host;
  readonly manager: string;
  readonly knowledge: FleetKnowledge;
  readonly requests: Pick<MigrationRequests, 'ask'>;
  readonly chains: Pick<ChainMoves, 'leave'>;
  /** Late jobs that a move may cost. */
  readonly costMost: number;
  readonly atOnce: (from: Mac) => number;
  /** Those that are under way. */
  readonly pursuits: () => Iterable<Pursuit>;
}

/** A migration that was refused is asked for again after so long. */
const ASKED_AGAIN_US = 1_000_000;
/** The rest of a chain is waited for so long: each is published by itself. */
const GATHERED_US = 1_000_000;

export class ProposalMoves {
  private readonly parts: ProposalMovesParts;
  private asking = 0;
  private numbers = 0;

  constructor(parts: ProposalMovesParts) {
    this.parts = parts;
  }

  async ask(pursuit: Pursuit, wallUs: number): Promise<void> {
    const { proposal } = pursuit;
    if (wallUs - pursuit.askedAtUs < ASKED_AGAIN_US || !this.canGo(pursuit)) return;
    const chain = this.chainOf(pursuit, wallUs);
    if (chain === 'not yet') return;
    const { from } = proposal;
    const { host, knowledge, atOnce } = this.parts;
    const underWay = knowledge.index.leaving(from) + this.asking;
    if (underWay + chain.length > atOnce(from) && (chain.length === 1 || underWay > 0)) return;
    for (const one of chain) one.askedAtUs = wallUs;
    this.asking += chain.length;
    try {
      const answer = chain.length === 1 ? await this.one(pursuit) : await this.together(chain, proposal);
      host.counters.add(answer.kind === 'refused' ? 'predictor.refused' : 'predictor.asked', chain.length);
      if (answer.kind !== 'refused') return;
      host.log.info('what is proposed cannot be done yet', { proposal: proposal.id, why: answer.sentence });
      if (chain.length === 1 || answer.code === 'ERR_TASK_BUSY') return;
      host.counters.add('chain.leftOneByOne', chain.length);
      for (const one of chain) {
        one.aloneBecause = answer.sentence;
        one.askedAtUs = 0;
      }
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.info('what is proposed could not be asked for', { proposal: proposal.id, cause });
    } finally {
      this.asking -= chain.length;
    }
  }

  private canGo({ proposal: { task, epoch }, movedAtUs, cameAtUs }: Pursuit): boolean {
    const { knowledge } = this.parts;
    const placement = knowledge.placement(task);
    if (movedAtUs !== undefined || cameAtUs !== undefined || knowledge.index.isMigrating(task)) return false;
    return placement?.state === 'owned' && placement.context.epoch === epoch;
  }

  /** O2. It and those that it goes with. */
  private chainOf(pursuit: Pursuit, wallUs: number): readonly Pursuit[] | 'not yet' {
    const { task, madeAtUs, together = [] } = pursuit.proposal;
    if (together.length === 0 || pursuit.aloneBecause !== undefined) return [pursuit];
    const { knowledge, pursuits } = this.parts;
    // Another manager has begun: the rest follows in a moment, or what became of it is seen.
    if (together.some((other) => knowledge.index.isMigrating(other))) return 'not yet';
    const isOfChain = ({ proposal }: Pursuit): boolean =>
      proposal.madeAtUs === madeAtUs && (proposal.task === task || together.includes(proposal.task));
    const known = [...pursuits()].filter(isOfChain);
    if (known.length <= together.length && wallUs - madeAtUs < GATHERED_US) return 'not yet';
    return known.filter((one) => one.aloneBecause === undefined && this.canGo(one));
  }

  private one({ proposal, aloneBecause }: Pursuit): Promise<ManagerAnswer> {
    const { requests, costMost } = this.parts;
    const { task } = proposal;
    const alone = aloneBecause === undefined ? '' : `; its chain goes one by one: ${aloneBecause}`;
    const call = { task, target: undefined, dryRun: false, opcode: 'forecast', mode: undefined, costMax: costMost } as const;
    const reason = `${reasonOf(proposal)}${alone}`;
    return requests.ask({ ...call, reason }, this.nextId(proposal), this.named(proposal));
  }

  private together(chain: readonly Pursuit[], proposal: Proposal): Promise<ManagerAnswer> {
    const { chains, costMost } = this.parts;
    const proposals = new Map<TaskName, ProposalNamed>(chain.map((one) => [one.proposal.task, this.named(one.proposal)]));
    const about = { mac: proposal.from, tasks: [...proposals.keys()], opcode: 'forecast' } as const;
    return chains.leave({ ...about, reason: reasonOf(proposal), costMost, proposals }, this.nextId(proposal));
  }

  private nextId({ id }: Proposal): string {
    return `proposal:${id}:${this.parts.host.incarnation}:${++this.numbers}`;
  }

  private named(proposal: Proposal): ProposalNamed {
    const { id, cause, probability, horizonS, loadQuantiles, staying, benefit, deadlineUs } = proposal;
    const { manager } = this.parts;
    return { id, cause, probability, horizonS, loadQuantiles, staying, benefit, deadlineUs, manager };
  }
}

const reasonOf = (proposal: Proposal): string =>
  `ECU ${proposal.from} is foreseen to ${foreseenText(proposal)}; proposal ${proposal.id}`;

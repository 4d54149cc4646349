/**
 * Chains that move as one (`statecharts/chain.machine.ts`, docs/CHAINS.md): where they can go, by the exact test over all their tasks
 * together; what the chain's effects mean; and the word that its members wait for.
 */
import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import type { ActorKey, TaskName } from '../src/domain/model/ids.ts';
import { assign } from '../src/domain/placement/assign.ts';
import type { Candidate, Newcomer } from '../src/domain/placement/evidence.ts';
import type { ChainPlan, ManagerAnswer, MigrateChainCall } from '../src/domain/protocol/messages.ts';
import { chainOf } from '../src/domain/task/routing.ts';
import type { ChainCause, ChainContext, ChainEffect, ChainMember, ChainStep } from '../statecharts/chain.machine.ts';
import { chainKey, migrationOfMember } from '../statecharts/chain.machine.ts';
import type { MigrationContext, MigrationEffect } from '../statecharts/migration.machine.ts';
import { stateName } from './chart.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, planted } from './host.ts';
import type { MigrationRequests } from './migration-requests.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { isPlaced, type PlacementView } from './placement-index.ts';
import type { Shell } from './shell.ts';

const LOOK_US = 5_000;
const GIVEN_UP = /^(rejected|aborted|rollingBack)/;

export interface ChainMovesParts {
  readonly host: Host;
  readonly replicated: Shell;
  readonly knowledge: FleetKnowledge;
  readonly requests: Pick<MigrationRequests, 'nextAttempt'>;
}

export class ChainMoves {
  private readonly parts: ChainMovesParts;

  constructor(parts: ChainMovesParts) {
    this.parts = parts;
  }

  /** Says where the chain can go, or why not, before anything is written down. */
  async ask({ task, target, dryRun, reason }: Omit<MigrateChainCall, 'kind'>, id: string): Promise<ManagerAnswer> {
    const { knowledge, replicated, requests } = this.parts;
    const chain = chainOf(task, knowledge.index.fedBy);
    const placements: PlacementView[] = [];
    for (const name of chain) {
      const placement = await knowledge.freshPlacement(name);
      if (placement === undefined || placement.state === 'removed') return refused('ERR_NO_TASK', `there is no task ${name}`);
      if (placement.state !== 'owned' || knowledge.index.isMigrating(name))
        return refused(
          'ERR_TASK_BUSY',
          `task ${name} is ${placement.state === 'owned' ? 'being moved already' : placement.state}`,
        );
      placements.push(placement);
    }
    if (chain.length === 1)
      return refused('ERR_CHAIN', `task ${task} feeds nobody and nobody feeds it: "drover migrate ${task}" moves it`);
    if (target !== undefined && !knowledge.descriptions.has(target)) return refused('ERR_NO_ECU', `there is no ECU ${target}`);
    const plan = this.plan(chain, placements, target);
    if (dryRun) return { kind: 'chain', plan };
    if (plan.target === undefined) return refused('ERR_NO_PLACE', whyNot(plan));
    const members: ChainMember[] = [];
    for (const { task: name, epoch } of plan.members) {
      const attempt = await requests.nextAttempt(name, epoch);
      const source = placements.find(({ context }) => context.task === name)?.context.owner;
      if (attempt === undefined || source === undefined) return refused('ERR_TASK_BUSY', `task ${name} is being moved already`);
      members.push({ task: name, epoch, attempt, source });
    }
    const actor = await this.freeActor(members[0] as ChainMember);
    const cause: ChainCause = { members, target: plan.target, reason };
    await replicated.deliver(actor, { type: 'CHAIN.PROPOSED', id: `propose:${id}`, cause });
    return { kind: 'chain', plan: { ...plan, actor } };
  }

  async perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as ChainEffect;
    return effect.kind === 'beginMembers' ? this.beginMembers(open, effect) : this.watchMembers(effect);
  }

  // ——— where it can go ———

  private plan(chain: readonly TaskName[], placements: readonly PlacementView[], target: string | undefined): ChainPlan {
    const { knowledge, host } = this.parts;
    knowledge.index.passed(host.clock.monotonicUs());
    const candidates: { mac: string; score: number | undefined; reason: string | undefined }[] = [];
    for (const candidate of knowledge.candidates()) {
      if (target !== undefined && candidate.mac !== target) continue;
      const { score, reason } = this.tried(candidate, moversTo(candidate.mac, placements));
      candidates.push({ mac: candidate.mac, score, reason });
    }
    candidates.sort((a, b) => (b.score ?? -1) - (a.score ?? -1) || (a.mac < b.mac ? -1 : 1));
    const best = candidates[0]?.score === undefined ? undefined : candidates[0].mac;
    const members = best === undefined ? [] : moversTo(best, placements);
    return {
      chain,
      target: best,
      members: members.map(({ context: { task, epoch, owner } }) => ({ task, epoch, from: owner?.mac ?? '' })),
      candidates,
      actor: undefined,
    };
  }

  /** All of them at once, beside what runs there: each placed task counts for the next one's test. */
  private tried(candidate: Candidate, movers: readonly PlacementView[]): { score?: number; reason?: string } {
    const { knowledge } = this.parts;
    if (movers.length === 0) return { reason: 'all of them run there already' };
    const newcomers = movers.flatMap(({ context }): Newcomer[] => {
      const needs = knowledge.newestReference(context)?.needs;
      const more = { dataAt: knowledge.standbys(context.task), ...(needs === undefined ? {} : { needs }) };
      return context.spec === undefined ? [] : [{ spec: context.spec, ...more }];
    });
    const plan = assign({
      newcomers,
      candidates: [candidate],
      apartOfRunning: knowledge.index.apartOfRunning(),
      criticalityOfRunning: (name) => {
        const running = knowledge.placement(name);
        return running !== undefined && isPlaced(running) ? (running.context.spec?.criticality ?? 0) : undefined;
      },
    });
    const [left] = plan.unplaced;
    if (left !== undefined) return { reason: `${left.task}: ${left.sentence}` };
    const scores = plan.decisions.flatMap(({ candidates: [only] }) => (only?.verdict === 'feasible' ? [only.score.total] : []));
    return { score: scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length) };
  }

  private async freeActor({ task, epoch }: ChainMember): Promise<ActorKey> {
    const { replicated } = this.parts;
    for (let number = 0; ; number++) {
      const actor = chainKey(`${task}.${epoch}.${number}`);
      if ((replicated.view(actor) ?? (await replicated.refresh(actor))) === undefined) return actor;
    }
  }

  // ——— the chain's effects ———

  private async beginMembers(open: OpenEffect, effect: Extract<ChainEffect, { kind: 'beginMembers' }>): Promise<EffectOutcome> {
    const { members, target, reason, chain } = effect;
    const tasks = members.map(({ task }) => task).join(', ');
    for (const member of members) {
      const { task, epoch, attempt, source } = member;
      const about = { task, epoch, attempt, source, target, opcode: 'operator', chain } as const;
      const cause = { ...about, reason: `${reason} (the chain of ${tasks})` };
      const word = { type: 'MIGRATION.PROPOSED', id: `propose:${open.actor}`, cause };
      await this.parts.replicated.deliver(migrationOfMember(member), word);
    }
    return { kind: 'done' };
  }

  private async watchMembers({ members, step, chain }: Extract<ChainEffect, { kind: 'watchMembers' }>): Promise<EffectOutcome> {
    const { replicated } = this.parts;
    let reached = 0;
    for (const member of members) {
      const actor = migrationOfMember(member);
      const view = replicated.view(actor) ?? (await replicated.refresh(actor));
      if (view === undefined) continue;
      const state = stateName(view.snapshot.value);
      const { cause, reason } = view.snapshot.context as MigrationContext;
      const isOurs = cause === undefined || cause.chain === chain;
      if (step !== 'over' && (!isOurs || GIVEN_UP.test(state))) {
        const why = isOurs ? (reason ?? `its migration is ${state}`) : 'another migration of it was first';
        return { kind: 'event', event: { type: 'MEMBER.FAILED', task: member.task, reason: why } };
      }
      const isThere = !isOurs || hasReached(step, state, view.snapshot.status === 'active');
      if (isThere) reached++;
    }
    if (reached < members.length) return { kind: 'again', afterUs: LOOK_US };
    return { kind: 'event', event: { type: DONE[step] } };
  }
}

const DONE: Readonly<Record<ChainStep, string>> = { copied: 'MEMBERS.COPIED', ready: 'MEMBERS.READY', over: 'MEMBERS.OVER' };

function hasReached(step: ChainStep, state: string, isActive: boolean): boolean {
  switch (step) {
    case 'copied':
      return state === 'gathered';
    case 'ready':
      return state === 'switching.agreeing';
    case 'over':
      return !isActive;
  }
}

const GOES_ON: Readonly<Record<'copied' | 'ready', readonly string[]>> = {
  copied: ['pausing', 'committed', 'done'],
  ready: ['committed', 'done'],
};

/** A member's wait for its chain: reads the chain's record, and answers what stands there. */
export async function awaitChain(
  { host, replicated }: { readonly host: Host; readonly replicated: () => Shell },
  _open: OpenEffect,
  { chain, step }: Extract<MigrationEffect, { kind: 'awaitChain' }>,
): Promise<EffectOutcome> {
  const shell = replicated();
  const view = shell.view(chain) ?? (await shell.refresh(chain));
  const state = view === undefined ? '' : stateName(view.snapshot.value);
  if (GOES_ON[step].includes(state) || planted(host, 'move-alone')) return { kind: 'event', event: { type: 'CHAIN.WENT_ON' } };
  if (state !== 'aborting' && state !== 'aborted') return { kind: 'again', afterUs: LOOK_US };
  const { reason = 'it was given up' } = (view?.snapshot.context ?? {}) as Partial<ChainContext>;
  return { kind: 'event', event: { type: 'CHAIN.GAVE_UP', reason: `its chain stays: ${reason}` } };
}

const moversTo = (mac: string, placements: readonly PlacementView[]): readonly PlacementView[] =>
  placements.filter(({ context }) => context.owner?.mac !== mac);

const whyNot = ({ candidates }: ChainPlan): string =>
  `no ECU can take all of it: ${candidates.map(({ mac, reason }) => `${mac}: ${reason ?? 'it does not answer'}`).join('; ')}`;

const refused = (code: ErrorCode, sentence: string): ManagerAnswer => ({ kind: 'refused', code, sentence });

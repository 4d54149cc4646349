/**
 * Chains that move as one (`statecharts/chain.machine.ts`, docs/CHAINS.md), because somebody asks or because an ECU is to be left: where they
 * can go, by the exact test over all their tasks together; what the chain's effects mean; and the word that its members wait for.
 */
import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import { byCost } from '../src/domain/migration/estimate.ts';
import type { ActorKey, Mac, TaskName } from '../src/domain/model/ids.ts';
import { assign } from '../src/domain/placement/assign.ts';
import type { Candidate, Newcomer } from '../src/domain/placement/evidence.ts';
import type { ProposalNamed } from '../src/domain/proposal/proposal.ts';
import type { ChainPlan, ManagerAnswer, MigrateChainCall } from '../src/domain/protocol/messages.ts';
import { chainOf } from '../src/domain/task/routing.ts';
import type { ChainCause, ChainContext, ChainEffect, ChainMember, ChainStep } from '../statecharts/chain.machine.ts';
import { chainKey, migrationOfMember } from '../statecharts/chain.machine.ts';
import type { MemberStep, MigrationContext, MigrationEffect } from '../statecharts/migration.machine.ts';
import { apartOnAll, type BeyondShare } from './beyond-share.ts';
import { stateName } from './chart.ts';
import type { CheckpointLookup } from './checkpoint-lookup.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, planted } from './host.ts';
import type { MigrationEstimates } from './migration-estimate.ts';
import type { MigrationRequests } from './migration-requests.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { isPlaced, type PlacementView } from './placement-index.ts';
import type { ActorView, Shell } from './shell.ts';

const LOOK_US = 5_000;
const GIVEN_UP = /^(rejected|aborted|rollingBack)/;

export interface ChainMovesParts {
  readonly host: Host;
  readonly replicated: Shell;
  readonly knowledge: FleetKnowledge;
  readonly requests: Pick<MigrationRequests, 'nextAttempt'>;
  readonly estimates: Pick<MigrationEstimates, 'estimate' | 'past'>;
  readonly beyond: Pick<BeyondShare, 'around'>;
  readonly lookup: Pick<CheckpointLookup, 'ask'>;
}

/** Those of a chain's tasks that are to leave one ECU, whoever wants it to be empty. */
export interface Leaving {
  readonly mac: Mac;
  readonly tasks: readonly TaskName[];
  readonly opcode: 'drain' | 'forecast';
  readonly reason: string;
  /** Late jobs that each of them may cost, taken together; undefined: whatever it costs. */
  readonly costMost?: number | undefined;
  readonly proposals?: ReadonlyMap<TaskName, ProposalNamed> | undefined;
}

/** Targets of which it is worked out what going there would cost: those with the best scores. */
const WEIGHED_MOST = 8;
/** Targets that a refusal names. */
const NAMED_MOST = 4;

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
    if (target !== undefined && !knowledge.descriptions.has(target) && !knowledge.elsewhere.has(target))
      return refused('ERR_NO_ECU', `there is no ECU ${target}`);
    await this.parts.lookup.ask(placements.map(({ context }) => context));
    const plan = await this.plan(chain, placements, target);
    if (dryRun) return { kind: 'chain', plan };
    if (plan.target === undefined) return refused('ERR_NO_PLACE', whyNot(plan));
    const members: ChainMember[] = [];
    for (const { task: name, epoch } of plan.members) {
      const attempt = await requests.nextAttempt(name, epoch);
      const source = placements.find(({ context }) => context.task === name)?.context.owner;
      if (attempt === undefined || source === undefined) return refused('ERR_TASK_BUSY', `task ${name} is being moved already`);
      members.push({ task: name, epoch, attempt, source });
    }
    const { actor } = await this.chainActor(members[0] as ChainMember);
    const cause: ChainCause = { members, target: plan.target, reason };
    await replicated.deliver(actor, { type: 'CHAIN.PROPOSED', id: `propose:${id}`, cause });
    return { kind: 'chain', plan: { ...plan, actor } };
  }

  /**
   * Those that run on one ECU leave it together, for wherever all of them are admitted at the least cost. Refused with the reason where
   * there is no such place, or where they have tried and stayed: then they are asked to go one by one (`ERR_TASK_BUSY`: not now).
   */
  async leave({ mac, tasks, opcode, reason, costMost, proposals }: Leaving, id: string): Promise<ManagerAnswer> {
    const { knowledge, replicated, requests, host } = this.parts;
    const placements: PlacementView[] = [];
    const members: ChainMember[] = [];
    for (const task of [...tasks].sort()) {
      const placement = await knowledge.freshPlacement(task);
      const { owner, epoch = 0 } = placement?.context ?? {};
      if (placement?.state !== 'owned' || owner?.mac !== mac || knowledge.index.isMigrating(task)) return busy(task);
      const attempt = await requests.nextAttempt(task, epoch);
      if (attempt === undefined) return busy(task);
      const proposal = proposals?.get(task);
      members.push({ task, epoch, attempt, source: owner, ...(proposal === undefined ? {} : { proposal }) });
      placements.push(placement);
    }
    const { actor, before } = await this.chainActor(members[0] as ChainMember);
    if (before?.snapshot.status === 'active') return busy((members[0] as ChainMember).task);
    const { cause: last, reason: stayed } = (before?.snapshot.context ?? {}) as Partial<ChainContext>;
    if (before?.snapshot.value === 'aborted' && last?.opcode !== undefined)
      return refused(
        'ERR_CHAIN',
        `they have tried to go to ${last.target} together and stayed: ${stayed ?? 'it was given up'}`,
      );
    const { target, why } = await this.leastCostly(members, placements, { mac, opcode, reason, costMost });
    if (target === undefined) return refused('ERR_NO_PLACE', why);
    const chain: ChainCause = { members, target, reason, opcode };
    await replicated.deliver(actor, { type: 'CHAIN.PROPOSED', id: `propose:${id}`, cause: chain });
    host.counters.add('chain.leftTogether', members.length);
    return { kind: 'accepted' };
  }

  async perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as ChainEffect;
    return effect.kind === 'beginMembers' ? this.beginMembers(open, effect) : this.watchMembers(effect);
  }

  // ——— where it can go ———

  /** Of all shares: those of this manager's, and of the others as many as it takes to find one that fits (`beyond-share.ts`). */
  private fleet(placements: readonly PlacementView[], target: Mac | undefined): Promise<readonly Candidate[]> {
    const { knowledge, host, beyond } = this.parts;
    knowledge.index.passed(host.clock.monotonicUs());
    const wishes = placements.flatMap(({ context: { spec, task } }) =>
      spec === undefined ? [] : [{ spec, dataAt: knowledge.standbys(task) }],
    );
    const fits = (fleet: readonly Candidate[]) => (candidate: Candidate) =>
      this.tried(candidate, moversTo(candidate.mac, placements), fleet).score !== undefined;
    return beyond.around(wishes, target, (fleet) => fleet.some(fits(fleet)));
  }

  private async plan(
    chain: readonly TaskName[],
    placements: readonly PlacementView[],
    target: Mac | undefined,
  ): Promise<ChainPlan> {
    const fleet = await this.fleet(placements, target);
    const candidates: { mac: string; score: number | undefined; reason: string | undefined }[] = [];
    for (const candidate of fleet) {
      if (target !== undefined && candidate.mac !== target) continue;
      const { score, reason } = this.tried(candidate, moversTo(candidate.mac, placements), fleet);
      candidates.push({ mac: candidate.mac, score, reason });
    }
    candidates.sort((a, b) => (b.score ?? -1) - (a.score ?? -1) || (a.mac < b.mac ? -1 : 1));
    const best = candidates[0]?.score === undefined ? undefined : candidates[0].mac;
    const there = fleet.find(({ mac }) => mac === best);
    const movers = best === undefined ? [] : moversTo(best, placements);
    const members = movers.map(({ context: { task, epoch, owner, spec } }) => {
      const why = there === undefined || spec === undefined ? undefined : this.parts.estimates.past.whyNotFollowed(spec, there);
      return { task, epoch, from: owner?.mac ?? '', ...(why === undefined ? {} : { standsStillFor: why }) };
    });
    return {
      chain,
      target: best,
      members,
      candidates,
      actor: undefined,
    };
  }

  /** The joint test over every candidate, and of the best of those the cost of all members' moves, as one by one. */
  private async leastCostly(
    members: readonly ChainMember[],
    placements: readonly PlacementView[],
    { mac, opcode, reason, costMost }: Pick<Leaving, 'mac' | 'opcode' | 'reason' | 'costMost'>,
  ): Promise<{ readonly target: Mac | undefined; readonly why: string }> {
    const { estimates } = this.parts;
    const fleet = await this.fleet(placements, undefined);
    const fitting: { readonly mac: Mac; readonly score: number }[] = [];
    const whyNot: string[] = [];
    for (const candidate of fleet) {
      if (candidate.mac === mac) continue;
      const tried = this.tried(candidate, placements, fleet);
      if (tried.score === undefined) whyNot.push(`${candidate.mac}: ${tried.reason}`);
      else fitting.push({ mac: candidate.mac, score: tried.score });
    }
    fitting.sort((a, b) => b.score - a.score || (a.mac < b.mac ? -1 : 1));
    const worth: { readonly mac: Mac; readonly score: number; readonly cost: { readonly total: number } }[] = [];
    for (const { mac: target, score } of fitting.slice(0, WEIGHED_MOST)) {
      let total = 0;
      let bearable = true;
      let shunned: string | undefined;
      for (const { task, epoch, attempt, source } of members) {
        const cause = { task, epoch, attempt, source, target, opcode, reason };
        const [there] = (await estimates.estimate(cause, [])).candidates;
        total += there?.cost.total ?? Number.POSITIVE_INFINITY;
        bearable &&= there?.bearable === true;
        shunned ??= there?.shunned;
      }
      if (opcode === 'forecast' && shunned !== undefined) {
        whyNot.push(`${target}: ${shunned}`);
        continue;
      }
      const isWorth = costMost === undefined || (total <= costMost * members.length && (total < 0 || bearable));
      if (isWorth && Number.isFinite(total)) worth.push({ mac: target, score, cost: { total } });
      else whyNot.push(`${target}: it would cost ${total.toFixed(2)} late jobs${bearable ? '' : ' and break deadlines'}`);
    }
    const why = whyNot.slice(0, NAMED_MOST).join('; ');
    return { target: byCost(worth)[0]?.mac, why: `no ECU takes all of them${why === '' ? '' : `: ${why}`}` };
  }

  /** All of them at once, beside what runs there: each placed task counts for the next one's test. */
  private tried(
    candidate: Candidate,
    movers: readonly PlacementView[],
    fleet: readonly Candidate[],
  ): { score?: number; reason?: string } {
    const { knowledge } = this.parts;
    if (movers.length === 0) return { reason: 'all of them run there already' };
    const [together, excluded] = this.partners(candidate, movers, fleet);
    const newcomers = movers.flatMap(({ context }): Newcomer[] => {
      const needs = knowledge.newestReference(context)?.needs;
      const more = { excluded, dataAt: knowledge.standbys(context.task), ...(needs === undefined ? {} : { needs }) };
      return context.spec === undefined ? [] : [{ spec: context.spec, ...more }];
    });
    const plan = assign({
      newcomers,
      candidates: [candidate, ...together],
      apartOfRunning: apartOnAll(knowledge.index.apartOfRunning(), [candidate]),
      criticalityOfRunning: (name) => {
        const running = knowledge.placement(name);
        return running !== undefined && isPlaced(running) ? (running.context.spec?.criticality ?? 0) : undefined;
      },
    });
    const [left] = plan.unplaced;
    if (left !== undefined) return { reason: `${left.task}: ${left.sentence}` };
    // Who wishes to be together with a task elsewhere goes there rather: a wish that is given up counts more than any score.
    const scores = plan.decisions.flatMap(({ candidates: [only], gaveUpTogether }) =>
      only?.verdict === 'feasible' ? [only.score.total - (gaveUpTogether ? 1 : 0)] : [],
    );
    return { score: scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length) };
  }

  /** Where those run that one of them wishes to be together with, elsewhere than on this ECU; they are no targets here. */
  private partners(
    { mac }: Candidate,
    movers: readonly PlacementView[],
    fleet: readonly Candidate[],
  ): readonly [hosts: readonly Candidate[], macs: readonly Mac[]] {
    const { knowledge } = this.parts;
    const names = new Set(movers.flatMap(({ context }) => context.spec?.affinity.together ?? []));
    const from = movers[0]?.context.owner?.mac;
    for (const { context } of movers) names.delete(context.task);
    if (names.size === 0) return [[], []];
    const macs = new Set([...names].flatMap((name) => knowledge.whereabouts(name) ?? []));
    const hosts = fleet.filter((one) => macs.has(one.mac) && one.mac !== mac && one.mac !== from);
    return [hosts, hosts.map((host) => host.mac)];
  }

  /** The first name that is free, and what stands under the one before it. */
  private async chainActor({ task, epoch }: ChainMember): Promise<{ readonly actor: ActorKey; readonly before?: ActorView }> {
    const { replicated } = this.parts;
    let before: ActorView | undefined;
    for (let number = 0; ; number++) {
      const actor = chainKey(`${task}.${epoch}.${number}`);
      const view = replicated.view(actor) ?? (await replicated.refresh(actor));
      if (view === undefined) return { actor, ...(before === undefined ? {} : { before }) };
      before = view;
    }
  }

  // ——— the chain's effects ———

  private async beginMembers(open: OpenEffect, effect: Extract<ChainEffect, { kind: 'beginMembers' }>): Promise<EffectOutcome> {
    const { members, target, reason, chain, opcode = 'operator' } = effect;
    const tasks = members.map(({ task }) => task).join(', ');
    for (const member of members) {
      const { task, epoch, attempt, source, proposal } = member;
      const about = { task, epoch, attempt, source, target, opcode, chain } as const;
      const foreseen = proposal === undefined ? {} : { proposal };
      const cause = { ...about, reason: `${reason} (the chain of ${tasks})`, ...foreseen };
      const word = { type: 'MIGRATION.PROPOSED', id: `propose:${open.actor}`, cause };
      await this.parts.replicated.deliver(migrationOfMember(member), word);
    }
    return { kind: 'done' };
  }

  private async watchMembers({ members, step, chain }: Extract<ChainEffect, { kind: 'watchMembers' }>): Promise<EffectOutcome> {
    const { replicated, host } = this.parts;
    let reached = 0;
    let standing = 0;
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
      if (state === TO_STAND_STILL) standing++;
    }
    if (reached < members.length) return { kind: 'again', afterUs: LOOK_US };
    const isReady = step === 'followed' && (standing === 0 || planted(host, 'commit-unready'));
    return { kind: 'event', event: { type: DONE[isReady ? 'ready' : step] } };
  }
}

const DONE: Readonly<Record<ChainStep, string>> = {
  copied: 'MEMBERS.COPIED',
  followed: 'MEMBERS.FOLLOWED',
  ready: 'MEMBERS.READY',
  over: 'MEMBERS.OVER',
};

const READY = 'switching.agreeing';
/** No target keeps up with it. */
const TO_STAND_STILL = 'switching.waiting';

function hasReached(step: ChainStep, state: string, isActive: boolean): boolean {
  switch (step) {
    case 'copied':
      return state === 'gathered';
    case 'followed':
      return state === READY || state === TO_STAND_STILL;
    case 'ready':
      return state === READY;
    case 'over':
      return !isActive;
  }
}

const GOES_ON: Readonly<Record<MemberStep, readonly string[]>> = {
  copied: ['following', 'pausing', 'committed', 'done'],
  followed: ['pausing', 'committed', 'done'],
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

const busy = (task: TaskName): ManagerAnswer => refused('ERR_TASK_BUSY', `task ${task} does not stand still to be asked`);

const moversTo = (mac: string, placements: readonly PlacementView[]): readonly PlacementView[] =>
  placements.filter(({ context }) => context.owner?.mac !== mac);

const whyNot = ({ candidates }: ChainPlan): string =>
  `no ECU can take all of it: ${candidates.map(({ mac, reason }) => `${mac}: ${reason ?? 'it does not answer'}`).join('; ')}`;

const refused = (code: ErrorCode, sentence: string): ManagerAnswer => ({ kind: 'refused', code, sentence });

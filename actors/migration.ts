/**
 * What the Migration chart's effects mean. `estimate` only reads. The others are commands to the two bridges and words to the placement,
 * each a function of its entry, each safe to be said again: by this manager, or by the one that takes over.
 *
 *   reserve, copyState      target: `prepare` (room, pages from the source); source: a checkpoint before each round
 *   claimPlacement          placement: `moving`
 *   awaitChain              nothing: whether the chain that it moves with has come as far (`chain-moves.ts`)
 *   followSource            target: keep up with the source
 *   handOver                source: stand still after a job, save; target: the last difference
 *   commitSwitch            placement: the epoch. The target is told in the same breath, as an arbiter does (`arbiter.ts`, `deployAhead`)
 *   deployTarget            target: go on from there
 *   abortSwitch             placement: nobody commits for this migration any more, or it was too late for that
 *   resumeSource, stopSource, awaitDurable, raiseRestore    what follows
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { MigrationMode } from '../src/domain/migration/estimate.ts';
import { isFollowable, notFollowable } from '../src/domain/migration/following.ts';
import type { CheckpointReference } from '../src/domain/model/checkpoint.ts';
import { type Incarnation, ownerOf } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey, Mac, TaskName } from '../src/domain/model/ids.ts';
import { decodeAnswer, encodeCommand } from '../src/domain/protocol/codec-command.ts';
import type { Answer, Command, CommandHeader } from '../src/domain/protocol/messages.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { MigrationEffect } from '../statecharts/migration.machine.ts';
import type { BeyondShare } from './beyond-share.ts';
import { awaitChain } from './chain-moves.ts';
import type { Duty } from './duty.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host, pause, planted } from './host.ts';
import type { MigrationEstimates } from './migration-estimate.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import type { Shell } from './shell.ts';

export interface MigrationEffectsParts {
  readonly host: Host;
  readonly replicated: () => Shell;
  readonly knowledge: FleetKnowledge;
  readonly estimates: MigrationEstimates;
  /** ECUs that others watch. */
  readonly beyond: Pick<BeyondShare, 'isGone'>;
  readonly duty: () => Pick<Duty, 'freeRequestArbiter'>;
}

const RETRY_US = 20_000;
/** A lost message is found out after this long. */
const COMMAND_TIMEOUT_US = 500_000;
/** Asked again after so long; a copy that is under way goes on meanwhile. */
const COPY_TIMEOUT_US = 2_000_000;
/** Standing still waits for a job and for its outputs. */
const PAUSE_TIMEOUT_US = 1_000_000;
/** The checkpoint that was asked for is a job away. */
const CAPTURE_RETRY_US = 5_000;
const CAPTURE_RETRIES_MAX = 200;
/** The first outputs come before the first checkpoint. */
const SETTLING_US = 100_000;
const DURABLE_LOOK_US = 50_000;

type Effect<Kind extends MigrationEffect['kind']> = Extract<MigrationEffect, { kind: Kind }>;
interface DeployTo {
  readonly task: TaskName;
  readonly epoch: number;
  readonly source: Incarnation;
  readonly target: Incarnation;
  readonly mode: MigrationMode;
  readonly reference: CheckpointReference;
}
type Between = Effect<'reserve'> | Effect<'copyState'> | Effect<'followSource'> | Effect<'handOver'>;
type Said = { readonly kind: 'silent' } | { readonly kind: 'absent' } | { readonly kind: 'answered'; readonly answer: Answer };

/** What the target said to a deploy, and after how long. */
type Deployed = { readonly said: Said; readonly tookUs: number };

/** Answers of a bridge that does not know the command. */
const UNKNOWN = new Set(['ERR_BUS_HANDLER', 'ERR_WIRE_MALFORMED', 'ERR_COMMAND_UNKNOWN']);

export class MigrationEffects {
  private readonly parts: MigrationEffectsParts;
  /** Deploys that were commanded with the taking of their epoch. */
  private readonly ahead = new Map<ActorKey, { readonly epoch: number; readonly said: Promise<Deployed> }>();
  /** When a source began to stand still, by its migration. */
  private readonly pausedAtUs = new Map<ActorKey, number>();

  constructor(parts: MigrationEffectsParts) {
    this.parts = parts;
  }

  perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as MigrationEffect;
    switch (effect.kind) {
      case 'estimate':
        return this.estimate(effect);
      case 'reserve':
        return this.reserve(open, effect);
      case 'copyState':
        return this.copyState(open, effect);
      case 'claimPlacement':
        return this.claimPlacement(open, effect);
      case 'awaitChain':
        return awaitChain(this.parts, open, effect);
      case 'followSource':
        return this.followSource(open, effect);
      case 'handOver':
        return effect.mode === 'cold' ? this.newestStored(effect) : this.standStill(open, effect);
      case 'commitSwitch':
        return this.commitSwitch(open, effect);
      case 'deployTarget':
        return this.deployTarget(open, effect);
      case 'confirmPlacement':
        return this.confirmPlacement(open, effect);
      case 'abortSwitch':
        return this.abortSwitch(open, effect);
      case 'resumeSource':
        return this.resumeSource(open, effect);
      case 'raiseRestore':
        return this.raiseRestore(open, effect);
      case 'awaitDurable':
        return this.awaitDurable(open, effect);
      case 'stopSource':
        return this.stopSource(open, effect);
    }
  }

  // ——— before the switch ———

  private async estimate({ cause, excluded }: Effect<'estimate'>): Promise<EffectOutcome> {
    const estimate = await this.parts.estimates.estimate(cause, excluded);
    return event({ type: 'MIGRATION.COSTED', estimate });
  }

  private async reserve(open: OpenEffect, effect: Effect<'reserve'>): Promise<EffectOutcome> {
    const said = await this.prepare(open, effect, undefined, { blackoutUs: effect.blackoutUs });
    if (said.kind === 'silent') return again();
    if (said.kind === 'absent') return event({ type: 'TARGET.REFUSED', reason: noBridge(effect.target.mac), unable: false });
    const { answer } = said;
    if (answer.kind === 'prepared') return event({ type: 'TARGET.ADMITTED' });
    return event({ type: 'TARGET.REFUSED', reason: sentenceOf(answer), unable: isUnknown(answer) });
  }

  private async copyState(open: OpenEffect, effect: Effect<'copyState'>): Promise<EffectOutcome> {
    const failed = (reason: string): EffectOutcome => event({ type: 'COPY.FAILED', reason });
    if (await this.parts.beyond.isGone(effect.source)) return failed('its ECU is gone');
    const order = { kind: 'checkpoint', mode: 'delta', first: effect.round === 0 } as const;
    const asked = await this.tellSource(open, effect, order);
    if (asked.kind === 'silent') return again();
    if (asked.kind === 'absent') return failed(noBridge(effect.source.mac));
    if (asked.answer.kind !== 'checkpointed') return failed(sentenceOf(asked.answer));
    const { sequence } = asked.answer;
    for (let retry = 0; retry < CAPTURE_RETRIES_MAX && open.wanted(); retry++) {
      const said = await this.prepare(open, effect, sequence);
      if (said.kind === 'silent') return again();
      if (said.kind === 'absent') return failed(noBridge(effect.target.mac));
      const { answer } = said;
      if (answer.kind === 'prepared') {
        this.parts.estimates.past.noteCopied(answer);
        const { bytes, tookUs } = answer;
        return event({ type: 'STATE.COPIED', round: { sequence: answer.sequence, bytes, tookUs } });
      }
      if (answer.kind !== 'refused' || answer.code !== 'ERR_STORE_MISSING') return failed(sentenceOf(answer));
      await pause(this.parts.host.clock, CAPTURE_RETRY_US);
    }
    return failed(`the source took no checkpoint ${effect.expectedEpoch}.${sequence}`);
  }

  private async claimPlacement(open: OpenEffect, effect: Effect<'claimPlacement'>): Promise<EffectOutcome> {
    const { task, expectedEpoch: epoch, attempt } = effect;
    const word = { type: 'MOVE.BEGUN', id: open.entry.id, epoch, by: open.actor, attempt };
    if (!(await this.tellPlacement(task, word))) return again();
    const placement = this.parts.knowledge.placement(task);
    if (placement?.context.epoch === epoch && placement.context.mover === open.actor)
      return event({ type: 'PLACEMENT.CLAIMED' });
    const reason = `its placement is ${placement?.state} in epoch ${placement?.context.epoch}`;
    return event({ type: 'PLACEMENT.REFUSED', reason });
  }

  /** M8. */
  private async followSource(open: OpenEffect, effect: Effect<'followSource'>): Promise<EffectOutcome> {
    const { knowledge, host, estimates } = this.parts;
    const { task, target } = effect;
    const refused = (reason: string): EffectOutcome => {
      estimates.past.noteLagged(target, task, reason);
      return event({ type: 'FOLLOWING.REFUSED', reason });
    };
    const spec = knowledge.placement(task)?.context.spec;
    if (spec !== undefined && !isFollowable(spec)) return event({ type: 'FOLLOWING.REFUSED', reason: notFollowable(spec) });
    const beganUs = host.clock.monotonicUs();
    if (planted(host, 'pause-followed')) await this.tellSource(open, effect, { kind: 'pause', save: false });
    const said = await this.prepare(open, effect, effect.sequence, { follow: true });
    if (said.kind === 'silent') return again();
    if (said.kind === 'absent') return event({ type: 'HANDOVER.FAILED', reason: noBridge(target.mac), unable: false });
    if (said.answer.kind !== 'prepared') return refused(sentenceOf(said.answer));
    const { state: reference } = said.answer;
    if (reference === undefined) return refused(`${target.mac} did not keep up with it, or cannot`);
    estimates.past.noteKeptUp(target, task, host.clock.monotonicUs() - beganUs);
    return event({ type: 'STATE.HANDED_OVER', reference, pauseUs: 0, copyUs: 0, following: true });
  }

  private async newestStored({ task }: Effect<'handOver'>): Promise<EffectOutcome> {
    const placement = await this.parts.knowledge.freshPlacement(task);
    const reference = placement === undefined ? undefined : this.parts.knowledge.newestReference(placement.context);
    if (reference === undefined)
      return event({ type: 'HANDOVER.FAILED', reason: 'no manager can rebuild a checkpoint of it', unable: false });
    return event({ type: 'STATE.HANDED_OVER', reference, pauseUs: 0, copyUs: 0 });
  }

  private async standStill(open: OpenEffect, effect: Effect<'handOver'>): Promise<EffectOutcome> {
    const { clock } = this.parts.host;
    const failed = (reason: string, unable = false): EffectOutcome => event({ type: 'HANDOVER.FAILED', reason, unable });
    const beganUs = clock.monotonicUs();
    const said = await this.tellSource(open, effect, { kind: 'pause', save: true }, PAUSE_TIMEOUT_US);
    if (said.kind === 'silent') return again();
    if (said.kind === 'absent') return failed(noBridge(effect.source.mac));
    if (said.answer.kind !== 'paused') return failed(sentenceOf(said.answer));
    const { state: reference } = said.answer;
    if (reference === undefined) return failed('the source cannot name the state at which it stands still', true);
    const pausedUs = clock.monotonicUs();
    if (!this.pausedAtUs.has(open.actor)) this.pausedAtUs.set(open.actor, pausedUs);
    const copied = await this.prepare(open, effect, reference.sequence, { standsStill: true });
    if (copied.kind === 'silent') return again();
    if (copied.kind === 'absent') return failed(noBridge(effect.target.mac));
    if (copied.answer.kind !== 'prepared') return failed(sentenceOf(copied.answer));
    const copyUs = clock.monotonicUs() - pausedUs;
    return event({ type: 'STATE.HANDED_OVER', reference, pauseUs: pausedUs - beganUs, copyUs });
  }

  // ——— the switch ———

  private async commitSwitch(open: OpenEffect, effect: Effect<'commitSwitch'>): Promise<EffectOutcome> {
    const { task, expectedEpoch, target } = effect;
    if (planted(this.parts.host, 'switch-unclaimed')) {
      const epoch = expectedEpoch + 1;
      this.deployAhead(open, effect, epoch);
      return event({ type: 'SWITCH.COMMITTED', epoch });
    }
    const { id } = open.entry;
    const word = { type: 'EPOCH.REQUESTED', id, expectedEpoch, by: open.actor, takeId: id, target };
    if (!(await this.tellPlacement(task, word))) return again();
    const outcome = this.outcomeOf(open.actor, effect);
    if (outcome.type === 'SWITCH.COMMITTED') this.deployAhead(open, effect, outcome.epoch);
    // In its own epoch and not by us: the abort stands, or the claim is gone.
    return event(outcome.type === 'SWITCH.ABORTED' ? { type: 'SWITCH.LOST', epoch: expectedEpoch, by: undefined } : outcome);
  }

  private async abortSwitch(open: OpenEffect, effect: Effect<'abortSwitch'>): Promise<EffectOutcome> {
    const { task, expectedEpoch: epoch, attempt } = effect;
    if (planted(this.parts.host, 'resume-unaborted')) await this.tellSource(open, effect, { kind: 'resume' });
    const word = { type: 'MOVE.ABORTED', id: open.entry.id, epoch, by: open.actor, attempt };
    if (!(await this.tellPlacement(task, word))) return again();
    return event(this.outcomeOf(open.actor, effect));
  }

  /** What became of the race on the placement's record (M2). */
  private outcomeOf(
    actor: ActorKey,
    { task, expectedEpoch }: { readonly task: TaskName; readonly expectedEpoch: number },
  ):
    | { readonly type: 'SWITCH.ABORTED' }
    | { readonly type: 'SWITCH.COMMITTED'; readonly epoch: number }
    | { readonly type: 'SWITCH.LOST'; readonly epoch: number; readonly by: ActorKey | undefined } {
    const { epoch = 0, takenBy } = this.parts.knowledge.placement(task)?.context ?? {};
    if (epoch === expectedEpoch) return { type: 'SWITCH.ABORTED' };
    if (epoch === expectedEpoch + 1 && takenBy === actor) return { type: 'SWITCH.COMMITTED', epoch };
    return { type: 'SWITCH.LOST', epoch, by: takenBy };
  }

  private deployAhead(open: OpenEffect, effect: Effect<'commitSwitch'>, epoch: number): void {
    const said = this.deploy(open, { ...effect, epoch });
    this.ahead.set(open.actor, { epoch, said });
  }

  private async deploy(open: OpenEffect, to: DeployTo): Promise<Deployed> {
    const { clock } = this.parts.host;
    const beganUs = clock.monotonicUs();
    const said = await this.tellDeploy(open, to);
    return { said, tookUs: clock.monotonicUs() - beganUs };
  }

  private async tellDeploy(open: OpenEffect, to: DeployTo): Promise<Said> {
    const { task, epoch, target, mode, reference } = to;
    const context = this.parts.knowledge.placement(task)?.context;
    if (context?.spec === undefined) return { kind: 'silent' };
    const { spec, trim } = context;
    return this.tell(target.mac, {
      kind: 'deploy',
      ...this.header(open, task, epoch),
      spec,
      incarnation: target.incarnation,
      checkpoint: reference,
      ...(trim === undefined ? {} : { trimmed: trim }),
      ...(mode === 'cold' ? {} : { source: to.source.mac }),
    });
  }

  private async deployTarget(open: OpenEffect, effect: Effect<'deployTarget'>): Promise<EffectOutcome> {
    const { task, epoch, target } = effect;
    const refused = (reason: string): EffectOutcome => event({ type: 'DEPLOY.REFUSED', epoch, reason });
    const { host, knowledge } = this.parts;
    // Whoever takes over may know the migration's record before the placement's.
    const known = knowledge.placement(task)?.context.epoch ?? 0;
    const context = (known < epoch ? await knowledge.freshPlacement(task) : knowledge.placement(task))?.context;
    if (context?.spec === undefined || context.epoch > epoch) return refused('its placement has gone to another');
    const ahead = this.ahead.get(open.actor);
    this.ahead.delete(open.actor);
    const { said, tookUs } = ahead?.epoch === epoch ? await ahead.said : await this.deploy(open, effect);
    if (said.kind === 'silent') return again();
    if (said.kind === 'absent') return refused(noBridge(target.mac));
    const { answer } = said;
    if (answer.kind !== 'running') return refused(sentenceOf(answer));
    if (effect.following === true) this.parts.estimates.past.noteFollowed(tookUs);
    const pausedAtUs = this.pausedAtUs.get(open.actor);
    this.pausedAtUs.delete(open.actor);
    if (pausedAtUs !== undefined) this.parts.estimates.past.noteSwitched(host.clock.monotonicUs() - pausedAtUs);
    // Its marker stands. The source would find out by its next output; until then its state is kept (M4).
    if (effect.following === true) void this.tellSource(open, effect, { kind: 'pause', save: false });
    const owner = ownerOf(target.mac, answer);
    return event({ type: 'INSTANCE.RAN', epoch, nonce: answer.nonce, owner });
  }

  private async confirmPlacement(open: OpenEffect, effect: Effect<'confirmPlacement'>): Promise<EffectOutcome> {
    const { task, epoch, target, nonce } = effect;
    const owner = ownerOf(target.mac, { ...effect, incarnation: target.incarnation });
    if (!(await this.tellPlacement(task, { type: 'INSTANCE.RAN', id: open.entry.id, epoch, owner, nonce }))) return again();
    return event({ type: 'PLACEMENT.CONFIRMED', epoch });
  }

  // ——— after it, or after its abort ———

  private async resumeSource(open: OpenEffect, effect: Effect<'resumeSource'>): Promise<EffectOutcome> {
    this.pausedAtUs.delete(open.actor);
    const [resumed, released] = await Promise.all([
      this.tellSource(open, effect, { kind: 'resume' }),
      this.release(open, effect),
    ]);
    // One that answers anything has heard it; one that cannot be reached has not, unless it is gone.
    const heard = resumed.kind === 'answered' || (await this.parts.beyond.isGone(effect.source));
    return heard && released ? event({ type: 'SOURCE.RESUMED' }) : again();
  }

  private async stopSource(open: OpenEffect, effect: Effect<'stopSource'>): Promise<EffectOutcome> {
    this.pausedAtUs.delete(open.actor);
    const [stopped, released] = await Promise.all([
      this.tellSource(open, effect, { kind: 'stop', reason: 'it has moved' }),
      effect.release ? this.release(open, effect) : true,
    ]);
    const heard = stopped.kind === 'answered' || (await this.parts.beyond.isGone(effect.source));
    return heard && released ? event({ type: 'SOURCE.STOPPED' }) : again();
  }

  /** The target keeps room no longer. */
  private async release(open: OpenEffect, { task, expectedEpoch, target }: Between | Effect<'resumeSource' | 'stopSource'>) {
    if (target.mac === '') return true;
    const order = { kind: 'stop', ...this.header(open, task, expectedEpoch), reason: 'it does not come' } as const;
    return (await this.tell(target.mac, order)).kind === 'answered' || this.parts.beyond.isGone(target);
  }

  private async raiseRestore(open: OpenEffect, effect: Effect<'raiseRestore'>): Promise<EffectOutcome> {
    const { task, epoch } = effect;
    const { host, knowledge } = this.parts;
    const placement = await knowledge.freshPlacement(task);
    if (placement?.context.epoch === epoch && placement.state === 'assigned') {
      const arbiter = await this.parts.duty().freeRequestArbiter(task, epoch);
      const reason = `${open.actor} took it, and ${effect.reason}`;
      const needed = {
        type: 'RESTORE.NEEDED',
        id: `superseded:${open.entry.id}`,
        cause: { kind: 'request', task, epoch, reason },
      };
      if ((await this.parts.replicated().deliver(arbiter, needed)) === 'deferred') return again();
      host.log.warn('a migration took its epoch and could not start it; it is restored', { task, epoch, why: effect.reason });
    }
    return event({ type: 'RESTORE.RAISED' });
  }

  /** Whoever has the task now is asked, also when that is another than the one it went to. */
  private async awaitDurable(open: OpenEffect, effect: Effect<'awaitDurable'>): Promise<EffectOutcome> {
    const { task, epoch } = effect;
    const { host, knowledge } = this.parts;
    await pause(host.clock, SETTLING_US);
    if (!open.wanted()) return { kind: 'done' };
    const placement = await knowledge.freshPlacement(task);
    const { owner, epoch: present = 0 } = placement?.context ?? {};
    if (placement === undefined || GIVEN_UP.has(placement.state))
      return event({ type: 'TARGET.DURABLE', reason: `the task is ${placement?.state ?? 'gone'}` });
    if (owner === undefined || present < epoch) return again(DURABLE_LOOK_US);
    const order = { kind: 'checkpoint', ...this.header(open, task, present), mode: 'full', first: true } as const;
    const said = await this.tell(owner.mac, order);
    const durable = said.kind === 'answered' && said.answer.kind === 'checkpointed' ? (said.answer.durableSequence ?? 0) : 0;
    if (durable === 0) return again(DURABLE_LOOK_US);
    return event({ type: 'TARGET.DURABLE', reason: `checkpoint ${present}.${durable} is durable` });
  }

  // ——— saying it ———

  private async tellPlacement(task: TaskName, word: ActorEvent): Promise<boolean> {
    return (await this.parts.replicated().deliver(`placement/${task}`, word)) !== 'deferred';
  }

  private prepare(
    open: OpenEffect,
    effect: Between,
    sequence: number | undefined,
    more: { readonly standsStill?: boolean; readonly follow?: boolean; readonly blackoutUs?: number | undefined } = {},
  ): Promise<Said> {
    const { standsStill = false, follow = false, blackoutUs } = more;
    const { task, expectedEpoch, source, target } = effect;
    const spec = this.parts.knowledge.placement(task)?.context.spec;
    if (spec === undefined) return Promise.resolve({ kind: 'silent' });
    const order = {
      kind: 'prepare',
      ...this.header(open, task, expectedEpoch),
      spec,
      incarnation: target.incarnation,
      source: sequence === undefined ? undefined : source.mac,
      sequence: sequence ?? 0,
      standsStill,
      follow,
      ...(blackoutUs === undefined ? {} : { blackoutUs }),
    } as const;
    return this.tell(target.mac, order, sequence === undefined ? COMMAND_TIMEOUT_US : COPY_TIMEOUT_US);
  }

  private tellSource(
    open: OpenEffect,
    { task, expectedEpoch, source }: { readonly task: TaskName; readonly expectedEpoch: number; readonly source: Incarnation },
    order:
      | { readonly kind: 'pause'; readonly save: boolean }
      | { readonly kind: 'resume' }
      | { readonly kind: 'stop'; readonly reason: string }
      | { readonly kind: 'checkpoint'; readonly mode: 'delta'; readonly first: boolean },
    timeoutUs = COMMAND_TIMEOUT_US,
  ): Promise<Said> {
    return this.tell(source.mac, { ...this.header(open, task, expectedEpoch), ...order }, timeoutUs);
  }

  private header({ actor, entry }: OpenEffect, task: TaskName, epoch: number): CommandHeader {
    return { task, epoch, effectId: entry.id, actor, actorRevision: entry.openedBy };
  }

  private async tell(mac: Mac, command: Command, timeoutUs = COMMAND_TIMEOUT_US): Promise<Said> {
    const { host } = this.parts;
    try {
      const bytes = await host.bus.request(ecuSubject.command(mac), encodeCommand(envelope(host, command)), { timeoutUs });
      const answer = decodeAnswer(bytes);
      if (answer.ok) return { kind: 'answered', answer: answer.value.body };
      return refusedAs(command, answer.error.code, answer.error.sentence);
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      if (cause.code === 'ERR_BUS_NO_RESPONDER') return { kind: 'absent' };
      if (cause.code === 'ERR_BUS_HANDLER') return refusedAs(command, cause.code, cause.message);
      return { kind: 'silent' };
    }
  }
}

const GIVEN_UP = new Set(['removing', 'removed', 'crashed', 'shed']);

function refusedAs(command: Command, code: DroverError['code'], sentence: string): Said {
  const { task, epoch } = 'task' in command ? command : { task: '', epoch: 0 };
  return { kind: 'answered', answer: { kind: 'refused', task, epoch, code, sentence } };
}

const event = (told: Extract<EffectOutcome, { kind: 'event' }>['event']): EffectOutcome => ({ kind: 'event', event: told });
const again = (afterUs = RETRY_US): EffectOutcome => ({ kind: 'again', afterUs });
const noBridge = (mac: Mac): string => `no bridge answers on ${mac}`;
const isUnknown = (answer: Answer): boolean => answer.kind === 'refused' && UNKNOWN.has(answer.code);
const sentenceOf = (answer: Answer): string =>
  answer.kind === 'refused' ? `${answer.code}: ${answer.sentence}` : `it answered ${answer.kind}`;

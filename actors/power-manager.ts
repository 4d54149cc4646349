/**
 * Lets ECUs sleep that nobody needs, and wakes them before somebody does (docs/POWER.md). `src/domain/power/plan-power.ts` says which, the
 * Power chart keeps what was decided, this looks, asks and tells. Off unless it is asked for.
 *
 * Y1. One manager decides for an ECU: the first of its keepers that lives. Two that disagree about that decide twice; every ECU's record takes one
 *     step at a time, its bridge refuses to sleep with a task, and the next look wakes whom it misses.
 * Y2. Hysteresis: what could be emptied must have been so in every look for `afterUs`; an ECU that woke, or could not be emptied, is left alone for
 *     `restUs`. Budget: so many moves an hour for this, those that were refused too. A wake-up needs none of that.
 * Y3. A move for this must cost next to nothing, and may break no deadline (opcode `load-balance`); otherwise the ECU stays awake. That is
 *     asked of all its tasks before the first of them moves: an ECU that cannot be emptied wholly is not begun with.
 * Y4. Whoever keeps an ECU keeps its record, whether it decides or not: a detector that took sleep for death would be wrong everywhere.
 * Y5. An ECU is woken in time for what is reserved there, whatever else is decided, and left awake where it would have to wake again soon: no sleep is
 *     shorter than `afterUs`, the time that it had to be possible for.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { SleepState } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { type Emptying, POWER_POLICY, PowerPlanner, wokenFor } from '../src/domain/power/plan-power.ts';
import type { PowerView } from '../src/domain/power/power-view.ts';
import { decodeAnswer, encodeCommand } from '../src/domain/protocol/codec-command.ts';
import type { PowerAnswer } from '../src/domain/protocol/messages.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { PowerEffect } from '../statecharts/power.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host, planted } from './host.ts';
import type { MigrationRequests } from './migration-requests.ts';
import type { EffectOutcome } from './outbox.ts';
import type { PowerRecord } from './placement-index.ts';
import { sweeping } from './sweeping.ts';
import { waitingTasks } from './waiting-tasks.ts';

export interface PowerChoice {
  /** Y2. */
  readonly afterUs: number;
  readonly restUs: number;
  /** From one plan to the next, while no task waits for a place. */
  readonly planUs?: number;
}

export const POWER_CHOICE: PowerChoice = { afterUs: 60_000_000, restUs: 300_000_000 };

export interface PowerManagerParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  readonly requests: MigrationRequests;
  /** Y1. */
  readonly decides: (mac: Mac) => boolean;
  /** What is foreseen of an ECU; undefined: nobody looks. */
  readonly outlook: (mac: Mac) => { readonly failure: number; readonly load: number } | undefined;
  readonly tell: (mac: Mac, event: ActorEvent) => Promise<void>;
  /** Undefined: it decides nothing, and only carries out what others decided. */
  readonly choice: PowerChoice | undefined;
}

const LOOK_US = 250_000;
const PLAN_US = 2_000_000;
/** Exact tests of one plan: so long nothing else is done. What they did not do for, the next ones go on with. */
const TESTS_MOST = 1_000;
const COMMAND_TIMEOUT_US = 500_000;
const TOLD_AGAIN_US = 500_000;
/** Moves away from the ECU that is being emptied, at a time; one that was refused is asked for again after so long. */
const AT_ONCE = 2;
const ASKED_AGAIN_US = 2_000_000;
const COST_MOST = 1;
const MOVES_AN_HOUR = 60;
const HOUR_US = 3_600_000_000;
const THREATENED_AT = 0.2;
const LOAD_MOST = 0.95;

export class PowerManager {
  private readonly parts: PowerManagerParts;
  private cancel: Cancel | undefined;
  private readonly planner = new PowerPlanner();
  private planDueUs = 0;
  private asked = 0;
  /** What could be emptied, and since when (Y2). */
  private candidate: { readonly mac: Mac; readonly sinceUs: number } | undefined;
  private targets: ReadonlyMap<TaskName, Mac> = new Map();
  private readonly askAgainAtUs = new Map<TaskName, number>();
  private readonly movedAtUs: number[] = [];
  /** ECUs with a task that could not leave, and until when that is not asked again (Y3). */
  private readonly heldUntilUs = new Map<Mac, number>();

  constructor(parts: PowerManagerParts) {
    this.parts = parts;
  }

  start(): void {
    if (this.parts.choice === undefined) return;
    this.cancel = sweeping(this.parts.host.clock, LOOK_US, () => this.look());
  }

  stop(): void {
    this.cancel?.();
  }

  // ——— what the chart asks for ———

  async perform(effect: PowerEffect): Promise<EffectOutcome> {
    const sleep = effect.kind === 'tellSleep' ? effect.sleep : undefined;
    const said = await this.say(effect.mac, sleep);
    if (said === 'absent') return event({ type: 'ECU.GONE', reason: 'no bridge answers there' });
    if (said === undefined) return { kind: 'again', afterUs: TOLD_AGAIN_US };
    if (sleep !== undefined)
      return event(said.state === 'asleep' ? { type: 'ECU.SLEPT' } : { type: 'SLEEP.REFUSED', reason: said.reason });
    if (said.state === 'awake') return event({ type: 'ECU.WOKE' });
    return { kind: 'again', afterUs: Math.max(1_000, said.readyInUs) };
  }

  private async say(mac: Mac, sleep: SleepState | undefined): Promise<PowerAnswer | 'absent' | undefined> {
    const { host } = this.parts;
    const order = encodeCommand(envelope(host, { kind: 'power', sleep } as const));
    try {
      const answer = decodeAnswer(await host.bus.request(ecuSubject.command(mac), order, { timeoutUs: COMMAND_TIMEOUT_US }));
      return answer.ok && answer.value.body.kind === 'power' ? answer.value.body : undefined;
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      if (cause.code === 'ERR_BUS_NO_RESPONDER') return 'absent';
      // A bridge of a build that knows no sleep.
      const unknown = cause.code === 'ERR_BUS_HANDLER' && sleep !== undefined;
      return unknown ? { kind: 'power', state: 'awake', readyInUs: 0, reason: cause.message } : undefined;
    }
  }

  // ——— looking ———

  private async look(): Promise<void> {
    const { host } = this.parts;
    if (!host.bus.connected()) return;
    try {
      const views = this.views();
      for (const view of views) await this.tend(view);
      await this.plan(views);
    } catch (cause) {
      host.log.info('whether ECUs may sleep could not be looked at; it will be', { cause });
    }
  }

  private views(): PowerView[] {
    const { host, knowledge, decides, outlook, choice = POWER_CHOICE } = this.parts;
    const { index } = knowledge;
    const wallUs = host.clock.wallUs();
    const nowUs = host.clock.monotonicUs();
    const views: PowerView[] = [];
    for (const candidate of knowledge.candidates()) {
      const { mac } = candidate;
      if (!decides(mac)) continue;
      const record = index.power.get(mac);
      const tasks = [...index.placedAt(mac).values()].flatMap(({ context: { spec } }) => (spec === undefined ? [] : [spec]));
      const seen = outlook(mac);
      const refusedUs = wallUs - (record?.context.refusedAtUs ?? 0);
      const wokeUs = wallUs - (record?.context.sinceUs ?? 0);
      views.push({
        ...{ candidate, tasks, load: seen?.load, state: record?.state ?? 'awake' },
        threatened: (seen?.failure ?? 0) >= THREATENED_AT || (seen?.load ?? 0) > LOAD_MOST,
        reserved: this.reservedOn(mac, wallUs),
        rested: refusedUs >= choice.restUs && wokeUs >= choice.restUs && nowUs >= (this.heldUntilUs.get(mac) ?? 0),
      });
    }
    return views;
  }

  private reservedOn(mac: Mac, wallUs: number): PowerView['reserved'] {
    let first: { readonly id: string; readonly inUs: number } | undefined;
    for (const { id, fromUs, untilUs } of this.parts.knowledge.bookedOn(mac) ?? []) {
      const inUs = Math.max(0, fromUs - wallUs);
      if (untilUs > wallUs && (first === undefined || inUs < first.inUs)) first = { id, inUs };
    }
    return first;
  }

  /** What follows from how an ECU is by itself. */
  private async tend(view: PowerView): Promise<void> {
    const { candidate, state } = view;
    const { mac, description, incarnation } = candidate;
    const { knowledge, tell } = this.parts;
    const record = knowledge.index.power.get(mac);
    if (record === undefined) {
      if ((description.power?.sleep.length ?? 0) > 0) await tell(mac, this.event('POWER.MANAGED'));
      return;
    }
    const isDown = state === 'falling' || state === 'asleep';
    const isHeard = !planted(this.parts.host, 'sleep-through');
    const reason = isHeard && (isDown || state === 'emptying') ? wokenFor(view, record.context.sleep ?? NO_SLEEP) : undefined;
    if (reason !== undefined) {
      this.parts.host.counters.add('power.wokenForReservation');
      return tell(mac, this.event('WAKE.ASKED', { reason }));
    }
    if (state === 'emptying') return this.empty(mac, record);
    const ecu = knowledge.ecu(mac)?.state;
    if (isDown && (incarnation !== record.context.incarnation || ecu === 'failed'))
      await tell(
        mac,
        this.event('ECU.GONE', { reason: ecu === 'failed' ? 'it died in its sleep' : 'its bridge started anew' }),
      );
    else if (isDown && this.isNeeded(mac)) await tell(mac, this.event('WAKE.ASKED', { reason: 'a task was placed there' }));
  }

  /** A plan from before its sleep. */
  private isNeeded(mac: Mac): boolean {
    return this.parts.knowledge.index.placedAt(mac).size > 0;
  }

  private async empty(mac: Mac, { context }: PowerRecord): Promise<void> {
    const { host, knowledge, requests, tell } = this.parts;
    const { index } = knowledge;
    const placed = [...index.placedAt(mac).values()];
    if (index.acceptedAt(mac).length === 0 && index.migrationsFrom(mac) === 0) return tell(mac, this.event('ECU.EMPTIED'));
    const nowUs = host.clock.monotonicUs();
    let room = AT_ONCE - index.migrationsFrom(mac);
    for (const {
      context: { task },
      state,
    } of placed) {
      if (room <= 0) return;
      if (state !== 'owned' || index.isMigrating(task) || nowUs < (this.askAgainAtUs.get(task) ?? 0)) continue;
      if (this.movesLeft(nowUs) <= 0) return tell(mac, this.event('WAKE.ASKED', { reason: 'no more moves this hour' }));
      this.askAgainAtUs.set(task, nowUs + ASKED_AGAIN_US);
      this.movedAtUs.push(nowUs);
      const call = { task, target: this.targets.get(task), dryRun: false, opcode: 'load-balance', mode: undefined } as const;
      const id = `power:${host.id}:${host.incarnation}:${++this.asked}`;
      const answer = await requests.ask({ ...call, costMax: COST_MOST, reason: `ECU ${mac} is to sleep` }, id);
      host.counters.add(answer.kind === 'accepted' ? 'power.moved' : 'power.moveRefused');
      if (answer.kind === 'accepted') room--;
      else if (answer.kind === 'refused') {
        // Y3.
        await tell(mac, this.event('WAKE.ASKED', { reason: `${task} cannot leave: ${answer.sentence}`.slice(0, 400) }));
        host.log.info('an ECU stays awake: a task cannot leave it', {
          mac,
          task,
          sleep: context.sleep?.name,
          why: answer.sentence,
        });
        return;
      }
    }
  }

  private movesLeft(nowUs: number): number {
    while ((this.movedAtUs[0] ?? nowUs) < nowUs - HOUR_US) this.movedAtUs.shift();
    return MOVES_AN_HOUR - this.movedAtUs.length;
  }

  // ——— planning ———

  private async plan(views: readonly PowerView[]): Promise<void> {
    const { host, knowledge, tell, choice = POWER_CHOICE } = this.parts;
    const nowUs = host.clock.monotonicUs();
    const waiting = planted(host, 'let-them-wait') ? [] : waitingTasks(knowledge);
    if ((nowUs < this.planDueUs && waiting.length === 0) || views.length === 0) return;
    this.planDueUs = nowUs + (choice.planUs ?? PLAN_US);
    const { wake, empty } = this.planner.plan(views, waiting, {
      policy: { ...POWER_POLICY, sleepUsLeast: choice.afterUs },
      testsMost: TESTS_MOST,
      apartOfRunning: knowledge.index.apartOfRunning(),
      criticalityOfRunning: (task) => knowledge.placement(task)?.context.spec?.criticality,
    });
    host.counters.add('power.exactTests', this.planner.tests);
    for (const { mac, reason } of wake) {
      if (knowledge.index.power.get(mac)?.state === 'waking') continue;
      host.counters.add('power.woken');
      await tell(mac, this.event('WAKE.ASKED', { reason }));
    }
    const isQuiet = waiting.length === 0 && [...knowledge.openArbiters()].length === 0;
    if (empty === undefined || !isQuiet || empty.moves.size > this.movesLeft(nowUs)) this.candidate = undefined;
    else if (this.candidate?.mac !== empty.mac) this.candidate = { mac: empty.mac, sinceUs: nowUs };
    else if (nowUs - this.candidate.sinceUs >= choice.afterUs) await this.begin(empty, views);
  }

  private async begin({ mac, sleep, savesWatts, moves }: Emptying, views: readonly PowerView[]): Promise<void> {
    this.candidate = undefined;
    const held = await this.whoCannotLeave(mac, moves);
    if (held !== undefined) {
      const { host, choice = POWER_CHOICE } = this.parts;
      this.heldUntilUs.set(mac, host.clock.monotonicUs() + choice.restUs);
      host.counters.add('power.notBegun');
      host.log.info('an ECU stays awake: not all of its tasks could leave it', { mac, ...held });
      return;
    }
    this.targets = moves;
    const incarnation = views.find(({ candidate }) => candidate.mac === mac)?.candidate.incarnation ?? 0;
    const reason = `${moves.size} of its tasks find places elsewhere, and asleep (${sleep.name}) it takes ${savesWatts.toFixed(1)} W less`;
    await this.parts.tell(mac, this.event('EMPTY.ASKED', { incarnation, sleep, reason }));
  }

  /** Y3. Nothing is begun by asking. */
  private async whoCannotLeave(
    mac: Mac,
    moves: Emptying['moves'],
  ): Promise<{ readonly task: TaskName; readonly why: string } | undefined> {
    const { requests, host } = this.parts;
    if (planted(host, 'begin-in-part')) return undefined;
    for (const [task, target] of moves) {
      const call = { task, target, dryRun: true, opcode: 'load-balance', mode: undefined, costMax: COST_MOST } as const;
      const answer = await requests.ask({ ...call, reason: `ECU ${mac} is to sleep` }, 'dry');
      if (answer.kind === 'refused') return { task, why: answer.sentence };
      if (answer.kind === 'estimate' && answer.estimate.chosen === undefined)
        return { task, why: answer.estimate.reason ?? 'no other ECU can take it' };
    }
    return undefined;
  }

  private event(type: string, more: Readonly<Record<string, unknown>> = {}): ActorEvent {
    const { host } = this.parts;
    return { type, id: `${type}:${host.id}:${host.incarnation}:${++this.asked}`, ...more };
  }
}

const NO_SLEEP = { wakeUs: 0 } as const;

const event = (told: Extract<EffectOutcome, { kind: 'event' }>['event']): EffectOutcome => ({ kind: 'event', event: told });

/**
 * Wakes ECUs of other shares for tasks that find no place (docs/POWER.md). Who decides over an ECU's sleep sees its own share alone, and a task waits
 * in another; so whoever holds its restore, or was asked in vain to move it, looks for a sleeper that would take it, and says that it is to wake.
 *
 * V1. Level-triggered: what waits is looked for every LOOK_US, and a move that was refused is remembered for as long as somebody may ask again.
 * V2. Nothing is woken that is not needed: what an ECU of the own share would take once it is awake waits for whoever decides over that one, but not
 *     for longer than PATIENCE_US; and for a task that an ECU is being woken for, no other is.
 * V3. The exact test says who would take it, as if it were awake. Its record takes the word, as anybody's (`statecharts/power.machine.ts`).
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { assign } from '../src/domain/placement/assign.ts';
import type { Candidate } from '../src/domain/placement/evidence.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { apartOnAll, type BeyondShare } from './beyond-share.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import { sweeping } from './sweeping.ts';
import { waitingTasks } from './waiting-tasks.ts';

const LOOK_US = 1_000_000;
/** A drain asks every two seconds. */
const REFUSED_US = 5_000_000;
const PATIENCE_US = 4_000_000;
/** Beyond the time that it takes: the word may have to be said again. */
const MARGIN_US = 5_000_000;

export interface WakeBeyondParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  readonly beyond: Pick<BeyondShare, 'drawn'>;
  readonly tell: (mac: Mac, event: ActorEvent) => Promise<void>;
}

export class WakeBeyond {
  private readonly parts: WakeBeyondParts;
  private readonly refused = new Map<TaskName, { readonly spec: TaskSpec; readonly untilUs: number }>();
  /** Since when a task waits, and how long an ECU is given to wake for it. */
  private readonly sinceUs = new Map<TaskName, number>();
  private readonly wokenUntilUs = new Map<TaskName, number>();
  private cancel: Cancel | undefined;
  private told = 0;

  constructor(parts: WakeBeyondParts) {
    this.parts = parts;
  }

  start(): void {
    this.cancel = sweeping(this.parts.host.clock, LOOK_US, () => this.look());
  }

  stop(): void {
    this.cancel?.();
  }

  /** It was to move, and there was no place. */
  wanted(spec: TaskSpec): void {
    const nowUs = this.parts.host.clock.monotonicUs();
    this.refused.set(spec.name, { spec, untilUs: nowUs + REFUSED_US });
  }

  private async look(): Promise<void> {
    const { host, knowledge } = this.parts;
    const waiting = this.waiting();
    if (waiting.length === 0 || knowledge.elsewhere.size === 0 || !host.bus.connected()) return;
    try {
      await this.wakeFor(waiting);
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.info('nobody could be woken for tasks that wait; they are looked for again', { cause });
    }
  }

  /** V1, V2. */
  private waiting(): TaskSpec[] {
    const { host, knowledge } = this.parts;
    const nowUs = host.clock.monotonicUs();
    for (const [task, { untilUs }] of this.refused) if (untilUs <= nowUs) this.refused.delete(task);
    for (const [task, untilUs] of this.wokenUntilUs) if (untilUs <= nowUs) this.wokenUntilUs.delete(task);
    const all = new Map([...this.refused].map(([task, { spec }]) => [task, spec]));
    for (const spec of waitingTasks(knowledge, ({ record }) => record.writer === host.id)) all.set(spec.name, spec);
    for (const task of this.sinceUs.keys()) if (!all.has(task)) this.sinceUs.delete(task);
    for (const task of all.keys()) if (!this.sinceUs.has(task)) this.sinceUs.set(task, nowUs);
    const isLong = (task: TaskName): boolean => nowUs - (this.sinceUs.get(task) ?? nowUs) >= PATIENCE_US;
    const own = knowledge.candidates().filter(({ alive, asleep }) => alive && asleep === true);
    const left = new Set(this.unplaced([...all.values()], own));
    return [...all.values()].filter(({ name }) => (left.has(name) || isLong(name)) && !this.wokenUntilUs.has(name));
  }

  private async wakeFor(waiting: readonly TaskSpec[]): Promise<void> {
    const { host, beyond, tell } = this.parts;
    const wishes = waiting.map((spec) => ({ spec }));
    const drawn = await beyond.drawn(wishes);
    const left = new Set(
      this.unplaced(
        waiting,
        drawn.filter(({ asleep }) => asleep !== true),
      ),
    );
    const sleepers = drawn.filter(({ asleep }) => asleep === true);
    const { assignments } = this.planned(
      waiting.filter(({ name }) => left.has(name)),
      sleepers,
    );
    const reasons = new Map<Mac, TaskName>();
    for (const { task, mac } of assignments) {
      const sleep = sleepers.find((one) => one.mac === mac)?.description.power?.sleep ?? [];
      const wakeUs = Math.max(0, ...sleep.map((one) => one.wakeUs));
      this.wokenUntilUs.set(task, host.clock.monotonicUs() + wakeUs + MARGIN_US);
      if (!reasons.has(mac)) reasons.set(mac, task);
    }
    for (const [mac, task] of reasons) {
      host.counters.add('power.wokenBeyond');
      const id = `WAKE.ASKED:${host.id}:${host.incarnation}:beyond${++this.told}`;
      await tell(mac, { type: 'WAKE.ASKED', id, reason: `${task} waits for a place, and its share has none` });
    }
  }

  private unplaced(specs: readonly TaskSpec[], candidates: readonly Candidate[]): TaskName[] {
    return this.planned(specs, candidates).unplaced.map(({ task }) => task);
  }

  /** V3. */
  private planned(specs: readonly TaskSpec[], candidates: readonly Candidate[]) {
    return assign({
      newcomers: specs.map((spec) => ({ spec })),
      candidates: candidates.map((candidate) => ({ ...candidate, asleep: false })),
      apartOfRunning: apartOnAll(this.parts.knowledge.index.apartOfRunning(), candidates),
    });
  }
}

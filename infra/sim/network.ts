/**
 * The links between hosts and the broker. A link belongs to a host and outlives its processes; each connection is a pipe
 * on it, like a TCP connection: in order in both directions unless the link is told to reorder between subjects.
 *
 * - *Core* messages (publishes, requests, their answers, $SYS events) may be dropped or doubled. *Reliable* traffic
 *   (stream operations, consumers) is only delayed, held, or cut off with its connection.
 * - An append may lose its way (`lost`), lose its answer (`ack-lost`), or land after the caller gave up (`late`).
 * - A partition of one or both directions holds what is sent (TCP sends again) until it heals, or until one of the ends
 *   finds the silence too long and gives the connection up: then what was held is gone.
 */
import type { Rng } from '../../src/domain/kernel/rng.ts';
import { SimEvent, type SimScheduler } from './clock.ts';
import { matches } from './subject.ts';

export interface RangeUs {
  readonly min: number;
  readonly max: number;
}

export interface LinkOptions {
  /** One way. */
  readonly delayUs: RangeUs;
  /** Now and then a message is held up this much longer, and with it what follows. */
  readonly slowPpm: number;
  readonly slowUs: RangeUs;
  readonly dropPpm: number;
  readonly duplicatePpm: number;
  /** Messages of different subjects overtake each other. */
  readonly reorder: boolean;
  readonly appendLostPpm: number;
  readonly ackLostPpm: number;
  readonly appendLatePpm: number;
  readonly appendLateUs: RangeUs;
}

export const CALM_LINK: LinkOptions = {
  delayUs: { min: 40, max: 120 },
  slowPpm: 0,
  slowUs: { min: 0, max: 0 },
  dropPpm: 0,
  duplicatePpm: 0,
  reorder: false,
  appendLostPpm: 0,
  ackLostPpm: 0,
  appendLatePpm: 0,
  appendLateUs: { min: 0, max: 0 },
};

/** Options of a bad link, each fault present or not: swarm testing draws what to leave out as well. */
export function drawLinkOptions(rng: Rng): LinkOptions {
  const sometimes = (max: number): number => (rng.below(2) === 0 ? 0 : rng.below(max));
  const base = 20 + rng.below(2_000);
  return {
    delayUs: { min: base, max: base + rng.below(3_000) },
    slowPpm: sometimes(20_000),
    slowUs: { min: 1_000, max: 1_000 + rng.below(300_000) },
    dropPpm: sometimes(50_000),
    duplicatePpm: sometimes(50_000),
    reorder: rng.below(2) === 0,
    appendLostPpm: sometimes(20_000),
    ackLostPpm: sometimes(20_000),
    appendLatePpm: sometimes(20_000),
    appendLateUs: { min: 1_000, max: 1_000 + rng.below(5_000_000) },
  };
}

export const drawUs = (rng: Rng, range: RangeUs): number =>
  range.min + (range.max > range.min ? rng.below(range.max - range.min + 1) : 0);
export const chance = (rng: Rng, ppm: number): boolean => ppm > 0 && rng.below(1_000_000) < ppm;

export type Direction = 'up' | 'down';
export type AppendFate = { readonly kind: 'normal' | 'lost' | 'ack-lost' } | { readonly kind: 'late'; readonly lateUs: number };

/** A scenario's word on one coming append: the first that matches is used up. */
export interface ScriptedAppend {
  /** Of the append's subject; everything without it. */
  readonly filter?: string;
  /** 1 (default): the next one that matches. */
  readonly nth?: number;
  readonly fate: AppendFate;
}

const NORMAL: AppendFate = { kind: 'normal' };

export class SimLink {
  readonly scheduler: SimScheduler;
  readonly rng: Rng;
  options: LinkOptions;
  readonly pipes = new Set<Pipe>();
  /** Messages that were sent, for reports. */
  readonly sent: Record<Direction, number> = { up: 0, down: 0 };
  /** An end that hears nothing for so long gives the connection up. */
  silenceUs: Readonly<Record<'host' | 'broker', number>> = { host: 2_000_000, broker: 2_500_000 };
  private readonly blocked: Record<Direction, boolean> = { up: false, down: false };
  private partitions = 0;
  private readonly script: { readonly entry: ScriptedAppend; left: number }[] = [];

  constructor(scheduler: SimScheduler, rng: Rng, options: LinkOptions = CALM_LINK) {
    this.scheduler = scheduler;
    this.rng = rng;
    this.options = options;
  }

  /** Blocks one direction or both; a later call replaces an earlier one. */
  partition(which: { readonly up?: boolean; readonly down?: boolean } = { up: true, down: true }): void {
    this.heal();
    this.blocked.up = which.up ?? false;
    this.blocked.down = which.down ?? false;
    if (!this.blocked.up && !this.blocked.down) return;
    const partition = ++this.partitions;
    for (const end of ['host', 'broker'] as const) {
      this.scheduler.after(this.silenceUs[end], () => {
        if (partition === this.partitions) for (const pipe of [...this.pipes]) pipe.silent(end);
      });
    }
  }

  heal(): void {
    this.partitions++;
    this.blocked.up = false;
    this.blocked.down = false;
    for (const pipe of this.pipes) pipe.flush();
  }

  /** Every connection breaks now, and both ends notice; what was on its way is gone. */
  reset(): void {
    for (const pipe of [...this.pipes]) {
      pipe.silent('host');
      pipe.silent('broker');
    }
  }

  isBlocked(direction: Direction): boolean {
    return this.blocked[direction];
  }

  scriptAppend(entry: ScriptedAppend): void {
    this.script.push({ entry, left: entry.nth ?? 1 });
  }

  appendFate(subject: string): AppendFate {
    for (const scripted of this.script) {
      if (scripted.entry.filter !== undefined && !matches(scripted.entry.filter, subject)) continue;
      if (--scripted.left > 0) continue;
      this.script.splice(this.script.indexOf(scripted), 1);
      return scripted.entry.fate;
    }
    const { appendLostPpm, ackLostPpm, appendLatePpm, appendLateUs } = this.options;
    if (chance(this.rng, appendLostPpm)) return { kind: 'lost' };
    if (chance(this.rng, ackLostPpm)) return { kind: 'ack-lost' };
    if (chance(this.rng, appendLatePpm)) return { kind: 'late', lateUs: drawUs(this.rng, appendLateUs) };
    return NORMAL;
  }

  delay(): number {
    const { delayUs, slowPpm, slowUs } = this.options;
    const delay = drawUs(this.rng, delayUs);
    return chance(this.rng, slowPpm) ? delay + drawUs(this.rng, slowUs) : delay;
  }
}

interface Sent {
  readonly lane: string;
  readonly arrive: () => void;
}

/** One connection. `lane` is what order is kept within where the link reorders: the subject. */
export class Pipe {
  /** An end gives up for silence, or learns that the other end has. */
  onSilent: ((end: 'host' | 'broker') => void) | undefined;
  private readonly link: SimLink;
  private open = true;
  private readonly held: Record<Direction, Sent[]> = { up: [], down: [] };
  private readonly latest: Record<Direction, number> = { up: 0, down: 0 };
  private readonly lanes: Record<Direction, Map<string, number>> = { up: new Map(), down: new Map() };

  constructor(link: SimLink) {
    this.link = link;
    link.pipes.add(this);
  }

  isOpen(): boolean {
    return this.open;
  }

  core(direction: Direction, lane: string, arrive: () => void): void {
    const { rng, options } = this.link;
    if (chance(rng, options.dropPpm)) return;
    this.reliable(direction, lane, arrive);
    if (chance(rng, options.duplicatePpm)) this.reliable(direction, lane, arrive);
  }

  reliable(direction: Direction, lane: string, arrive: () => void): void {
    if (!this.open) return;
    if (this.link.isBlocked(direction)) this.held[direction].push({ lane, arrive });
    else this.travel(direction, lane, arrive);
  }

  /** After everything else in its direction: the end of the connection. */
  last(direction: Direction, arrive: () => void): void {
    if (!this.open) return;
    if (this.link.isBlocked(direction)) {
      this.held[direction].push({ lane: '', arrive: () => this.travelLast(direction, arrive) });
      return;
    }
    this.travelLast(direction, arrive);
  }

  /** Whatever is under way is gone. */
  cut(): void {
    this.open = false;
    this.held.up.length = 0;
    this.held.down.length = 0;
    this.link.pipes.delete(this);
  }

  silent(end: 'host' | 'broker'): void {
    if (this.open) this.onSilent?.(end);
  }

  flush(): void {
    for (const direction of ['up', 'down'] as const) {
      for (const { lane, arrive } of this.held[direction].splice(0)) this.travel(direction, lane, arrive);
    }
  }

  private travel(direction: Direction, lane: string, arrive: () => void): void {
    const { scheduler, options } = this.link;
    this.link.sent[direction]++;
    const lanes = this.lanes[direction];
    const floor = options.reorder ? (lanes.get(lane) ?? 0) : this.latest[direction];
    const timeUs = Math.max(floor, scheduler.nowUs() + this.link.delay());
    if (options.reorder) lanes.set(lane, timeUs);
    this.latest[direction] = Math.max(this.latest[direction], timeUs);
    scheduler.add(timeUs, new Arrival(this, arrive));
  }

  private travelLast(direction: Direction, arrive: () => void): void {
    const timeUs = Math.max(this.latest[direction], this.link.scheduler.nowUs() + this.link.delay());
    this.latest[direction] = timeUs;
    this.link.scheduler.add(timeUs, new Arrival(this, arrive));
  }
}

/** A message that comes out of its pipe, if that is still open. */
class Arrival extends SimEvent {
  private readonly pipe: Pipe;
  private readonly arrive: () => void;

  constructor(pipe: Pipe, arrive: () => void) {
    super();
    this.pipe = pipe;
    this.arrive = arrive;
  }

  occur(): void {
    if (this.pipe.isOpen()) this.arrive();
  }
}

/**
 * Turns at one core that several threads share: the thread of its lane, and those of the `worker` tasks that were admitted to it. What the
 * admission of hard deadlines tests is one core, one job at a time, the most urgent first (`src/domain/instance/lane-queue.ts`); so a thread runs a
 * job only while it holds the core.
 *
 * K1. One thread holds the core. What it has begun runs to its end.
 * K2. Of those that wait the most urgent is next, by the same rank as within a lane; among equals, the lower seat.
 * K3. Nobody waits for longer than TURN_US_MAX: a job that takes so long hangs, and must not take the others with it. Whoever has waited so
 *     long goes on without the core.
 * K4. The seat of a thread that has ended is cleared, and what it held is free. Not before: until then it may still run.
 *
 * In shared memory, because a round trip to the main thread between two jobs would cost more than most jobs. Alone at a core nothing is done.
 */
import { assert } from '../../src/domain/kernel/assert.ts';

/** Which core, and which seat at it; goes to the thread. */
export interface SeatData {
  readonly memory: SharedArrayBuffer;
  readonly seat: number;
}

const TURN_US_MAX = 1_000_000;

const SEATS = 256;
/** Words: who holds the core (its seat + 1, or 0), a count of what changed, the seats taken, then of each seat whether it waits. */
const HOLDER = 0;
const CHANGES = 1;
const TAKEN = 2;
const WAITS = 3;
/** Of each seat its rank, in two numbers; behind the words, aligned. */
const RANKS_AT = 8 * Math.ceil((4 * (WAITS + SEATS)) / 8);
const BYTES = RANKS_AT + 2 * 8 * SEATS;

/** A core, for the thread that starts the others. */
export class CoreTurns {
  readonly #memory = new SharedArrayBuffer(BYTES);
  readonly #words = new Int32Array(this.#memory);
  readonly #taken = new Set<number>();

  /** Undefined: there are more threads than seats, and this one takes no turns. */
  join(): SeatData | undefined {
    let seat = 0;
    while (this.#taken.has(seat)) seat++;
    if (seat === SEATS) return undefined;
    this.#taken.add(seat);
    Atomics.store(this.#words, TAKEN, this.#taken.size);
    return { memory: this.#memory, seat };
  }

  leave({ seat }: SeatData): void {
    assert(this.#taken.delete(seat), 'a seat is left once');
    Atomics.store(this.#words, TAKEN, this.#taken.size);
    Atomics.store(this.#words, WAITS + seat, 0);
    Atomics.compareExchange(this.#words, HOLDER, seat + 1, 0);
    changed(this.#words);
  }

  /** Threads that wait for the core. */
  get waiting(): number {
    let count = 0;
    for (let seat = 0; seat < SEATS; seat++) count += Atomics.load(this.#words, WAITS + seat);
    return count;
  }
}

/** A thread's seat at a core. */
export class CoreSeat {
  readonly #words: Int32Array;
  readonly #ranks: Float64Array;
  readonly #seat: number;
  readonly #turnUsMax: number;
  #holds = false;

  constructor({ memory, seat }: SeatData, turnUsMax = TURN_US_MAX) {
    this.#turnUsMax = turnUsMax;
    this.#words = new Int32Array(memory, 0, WAITS + SEATS);
    this.#ranks = new Float64Array(memory, RANKS_AT);
    this.#seat = seat;
  }

  /** Waits for the core, for the longest turn at most (K3). The smaller tier goes first, of one tier the smaller rank. */
  take(tier: number, rank: number): void {
    const words = this.#words;
    const seat = this.#seat;
    if (Atomics.load(words, TAKEN) === 1) return;
    this.#ranks[2 * seat] = tier;
    this.#ranks[2 * seat + 1] = rank;
    Atomics.store(words, WAITS + seat, 1);
    const untilMs = performance.now() + this.#turnUsMax / 1000;
    for (;;) {
      const changes = Atomics.load(words, CHANGES);
      this.#holds = this.#isNext(tier, rank) && Atomics.compareExchange(words, HOLDER, 0, seat + 1) === 0;
      const leftMs = untilMs - performance.now();
      if (this.#holds || leftMs <= 0) break;
      Atomics.wait(words, CHANGES, changes, leftMs);
    }
    Atomics.store(words, WAITS + seat, 0);
    // Who waited behind one that does not wait any more.
    if (!this.#holds) changed(words);
  }

  /** The job is done. */
  give(): void {
    if (!this.#holds) return;
    this.#holds = false;
    Atomics.compareExchange(this.#words, HOLDER, this.#seat + 1, 0);
    changed(this.#words);
  }

  #isNext(tier: number, rank: number): boolean {
    for (let seat = 0; seat < SEATS; seat++) {
      if (seat === this.#seat || Atomics.load(this.#words, WAITS + seat) === 0) continue;
      const otherTier = this.#ranks[2 * seat] as number;
      const otherRank = this.#ranks[2 * seat + 1] as number;
      if (otherTier < tier || (otherTier === tier && (otherRank < rank || (otherRank === rank && seat < this.#seat))))
        return false;
    }
    return true;
  }
}

function changed(words: Int32Array): void {
  Atomics.add(words, CHANGES, 1);
  Atomics.notify(words, CHANGES);
}

/**
 * Appends a task's ticks while an instance of it runs. Sans-I/O, like the instance core.
 *
 * T1. A tick is appended with the sequence it expects to follow, carries its number, what it skipped, and the epoch.
 * T2. After any answer but `appended` the last tick is read: a higher epoch stops this ticker, otherwise it goes on from
 *     the number it finds.
 * T3. One append is out at a time. A tick that falls due meanwhile is counted as skipped, or made up, by the policy.
 */
import { assert } from '../kernel/assert.ts';
import { adoptTick, dueTicks, resumeTicks, startTicks, type Tick, type TickPolicy, type TickState } from '../task/ticks.ts';

export interface LastTick {
  readonly sequence: number;
  readonly epoch: number;
  readonly number: number;
  /** How long ago it was appended, as far as the clocks can be trusted, µs. */
  readonly sinceUs: number;
}

export type TickerRequest =
  | { readonly kind: 'read-last-tick' }
  | { readonly kind: 'append-tick'; readonly expectedSequence: number; readonly tick: Tick }
  | { readonly kind: 'wake'; readonly afterUs: number }
  | { readonly kind: 'stopped'; readonly epoch: number };

export class TickerCore {
  readonly requests: TickerRequest[] = [];
  private readonly epoch: number;
  private readonly policy: TickPolicy;
  private state: TickState | undefined;
  private lastSequence = 0;
  private queue: readonly Tick[] = [];
  private out: Tick | undefined;
  private stopped = false;

  constructor(options: { readonly epoch: number; readonly policy: TickPolicy }) {
    this.epoch = options.epoch;
    this.policy = options.policy;
  }

  take(): TickerRequest[] {
    return this.requests.splice(0);
  }

  begin(): void {
    this.requests.push({ kind: 'read-last-tick' });
  }

  lastTickRead(last: LastTick | undefined, nowUs: number): void {
    if (this.stopped) return;
    if (last !== undefined && last.epoch > this.epoch) return this.stop(last.epoch);
    this.lastSequence = last?.sequence ?? 0;
    if (this.state === undefined) {
      this.state =
        last === undefined
          ? startTicks(this.policy, nowUs)
          : resumeTicks(this.policy, { lastNumber: last.number, sinceLastUs: last.sinceUs, nowUs });
    } else if (last !== undefined && this.overtakes(last.number)) {
      this.state = adoptTick(this.policy, this.state, last.number);
      this.queue = [];
    }
    this.advance(nowUs);
  }

  woke(nowUs: number): void {
    if (!this.stopped && this.out === undefined) this.advance(nowUs);
  }

  answered(
    answer: { readonly kind: 'appended'; readonly sequence: number } | { readonly kind: 'unsure' },
    nowUs: number,
  ): void {
    if (this.stopped) return;
    assert(this.out !== undefined, 'an answer follows an append');
    this.out = undefined;
    if (answer.kind === 'unsure') {
      this.requests.push({ kind: 'read-last-tick' });
      return;
    }
    this.lastSequence = answer.sequence;
    this.queue = this.queue.slice(1);
    this.advance(nowUs);
  }

  stop(epoch: number): void {
    if (this.stopped) return;
    this.stopped = true;
    this.requests.push({ kind: 'stopped', epoch });
  }

  /** Whether the stream has a tick that the queue's first one accounts for, too: ours that was written, or another ticker's. */
  private overtakes(number: number): boolean {
    const first = this.queue[0];
    return first === undefined || number > first.number - 1 - first.skipped;
  }

  private advance(nowUs: number): void {
    assert(this.state !== undefined, 'the last tick has been read');
    if (this.queue.length === 0) {
      const due = dueTicks(this.policy, this.state, nowUs);
      this.state = due.next;
      this.queue = due.ticks;
    }
    const tick = this.queue[0];
    if (tick === undefined) {
      this.requests.push({ kind: 'wake', afterUs: Math.max(0, this.state.dueUs - nowUs) });
      return;
    }
    this.out = tick;
    this.requests.push({ kind: 'append-tick', expectedSequence: this.lastSequence, tick });
  }
}

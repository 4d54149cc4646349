/** Something that a host has out on its connection: it ends once, with an answer, or without one after the timeout or a lost connection. */
import type { Cancel } from '../../src/ports/clock.ts';
import type { SimProcess } from './host.ts';

/** All that is out on a connection. */
export type Pending = Set<{ lost(): void }>;

export type Unanswered = 'timeout' | 'lost';

export class Out<T> {
  private readonly process: SimProcess;
  private readonly pending: Pending;
  private readonly ended: (answer: T | undefined, reason: Unanswered | undefined) => void;
  private readonly cancel: Cancel;
  private open = true;

  constructor(
    process: SimProcess,
    pending: Pending,
    timeoutUs: number,
    ended: (answer: T | undefined, reason: Unanswered | undefined) => void,
  ) {
    this.process = process;
    this.pending = pending;
    this.ended = ended;
    this.cancel = process.clock.after(timeoutUs, () => this.end(undefined, 'timeout'));
    pending.add(this);
  }

  /** The answer has come to the host. */
  delivered(answer: T): void {
    if (this.process.isFree()) this.end(answer);
    else this.process.deliver(() => this.end(answer));
  }

  lost(): void {
    this.end(undefined, 'lost');
  }

  end(answer: T | undefined, reason?: Unanswered): void {
    if (!this.open) return;
    this.open = false;
    this.cancel();
    this.pending.delete(this);
    this.ended(answer, reason);
  }
}

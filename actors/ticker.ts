/**
 * Carries out what a ticker core asks for: reads the last tick, appends the next, waits.
 *
 * How many ticks fell due since the last one is told by the clock that stamped it, the stream's: an ECU's own wall clock may be
 * hours wrong, and would make up ticks that never were due, or forget some that were.
 */
import { TickerCore, type TickerRequest } from '../src/domain/instance/ticker-core.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { header, taskSubject } from '../src/domain/protocol/subjects.ts';
import type { Tick } from '../src/domain/task/ticks.ts';
import type { AppendAnswer } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { type Host, pause, planted } from './host.ts';

const APPEND_TIMEOUT_US = 2_000_000;
const RETRY_US = 20_000;
const NO_PAYLOAD = new Uint8Array(0);

export class Ticker {
  private readonly host: Host;
  private readonly subject: string;
  private readonly epochText: string;
  private readonly core: TickerCore;
  private readonly streamNowUs: () => Promise<number>;
  private waiting: Cancel | undefined;
  private over = false;

  constructor(parts: {
    readonly host: Host;
    readonly spec: TaskSpec;
    readonly epoch: number;
    /** The time by the clock of the streams. */
    readonly streamNowUs: () => Promise<number>;
  }) {
    const { host, spec, epoch } = parts;
    this.host = host;
    this.streamNowUs = planted(host, 'trust-own-clock') ? async () => host.clock.wallUs() : parts.streamNowUs;
    this.epochText = String(epoch);
    this.subject = taskSubject.tick(host.names, spec.name);
    const { catchUpTicks, backlogMax } = spec.inputs;
    this.core = new TickerCore({
      epoch,
      policy: { periodUs: spec.periodUs, catchUp: catchUpTicks, catchUpMax: Math.max(1, backlogMax) },
    });
  }

  start(): void {
    this.tell(() => this.core.begin());
  }

  stop(): void {
    this.over = true;
    this.waiting?.();
  }

  private tell(fact: (nowUs: number) => void): void {
    if (this.over) return;
    fact(this.host.clock.monotonicUs());
    for (const request of this.core.take()) this.carryOut(request);
  }

  private carryOut(request: TickerRequest): void {
    switch (request.kind) {
      case 'read-last-tick':
        void this.readLast();
        return;
      case 'append-tick':
        void this.append(request.tick, request.expectedSequence);
        return;
      case 'wake':
        this.waiting = this.host.clock.after(request.afterUs, () => this.tell((nowUs) => this.core.woke(nowUs)));
        return;
      case 'stopped':
        this.host.counters.add('ticker.fenced');
        this.stop();
    }
  }

  private async readLast(): Promise<void> {
    for (;;) {
      if (this.over) return;
      try {
        const [last, streamNowUs] = await Promise.all([this.host.bus.readLast(this.subject), this.streamNowUs()]);
        this.tell((nowUs) =>
          this.core.lastTickRead(
            last === undefined
              ? undefined
              : {
                  sequence: last.sequence,
                  epoch: Number(last.headers[header.epoch] ?? 0),
                  number: Number(last.headers[header.number] ?? 0),
                  sinceUs: Math.max(0, streamNowUs - last.atUs),
                },
            nowUs,
          ),
        );
        return;
      } catch {
        await pause(this.host.clock, RETRY_US);
      }
    }
  }

  private append(tick: Tick, expectedSequence: number): void {
    const headers = {
      [header.epoch]: this.epochText,
      [header.number]: String(tick.number),
      [header.skipped]: String(tick.skipped),
    };
    // No async function: there is one of these a tick.
    this.host.bus
      .append(this.subject, NO_PAYLOAD, { expectedSequence, headers, timeoutUs: APPEND_TIMEOUT_US })
      .then(this.answered, this.unsure);
  }

  private readonly answered = (answer: AppendAnswer): void => {
    if (answer.kind === 'appended') this.tell((nowUs) => this.core.answered(answer, nowUs));
    else if (answer.kind === 'refused') this.readAgain();
    else this.unsure();
  };

  private readonly unsure = (): void => void this.host.clock.after(RETRY_US, () => this.readAgain());

  private readAgain(): void {
    this.tell((nowUs) => this.core.answered({ kind: 'unsure' }, nowUs));
  }
}

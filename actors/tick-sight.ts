/**
 * The last tick of a task, as whoever reads its inputs while they come has seen it: number and place, and how long ago it was. A ticker that
 * begins from it asks nobody.
 *
 * The stream stamps ticks by its own clock. The least time that any of them has taken to get here, by the difference of both clocks, says how
 * far those are apart, and a bit more: a tick that is reckoned from it may be late by what the quickest message takes, never early. And no
 * tick is older than the arrival of one before it, whatever the stream's clock does meanwhile.
 */
import type { LastTick } from '../src/domain/instance/ticker-core.ts';
import { header } from '../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../src/ports/bus.ts';

export class TickSight {
  private last: Omit<LastTick, 'sinceUs'> | undefined;
  private atUs = 0;
  /** Our monotonic clock less the stream's; undefined until a tick has come as it was appended. */
  private apartUs: number | undefined;
  private liveUs = 0;

  /** `isLive`: it has come as it was appended, not from what was there. */
  saw({ subject, sequence, headers, atUs }: StreamMessage, nowUs: number, isLive: boolean): void {
    if (!subject.endsWith('.tick')) return;
    this.last = { sequence, epoch: Number(headers[header.epoch] ?? 0), number: Number(headers[header.number] ?? 0) };
    this.atUs = atUs;
    if (!isLive) return;
    this.apartUs = Math.min(nowUs - atUs, this.apartUs ?? Number.POSITIVE_INFINITY);
    this.liveUs = nowUs;
  }

  /** Undefined: it has to be read. */
  lastTick(nowUs: number): LastTick | undefined {
    const { last, atUs, apartUs, liveUs } = this;
    if (last === undefined || apartUs === undefined) return undefined;
    return { ...last, sinceUs: Math.max(0, Math.min(nowUs - liveUs, nowUs - (atUs + apartUs))) };
  }
}

/**
 * Chaos keeps a journal of its own in the JOURNAL stream: one record per kill. Its server timestamp, taken together with this
 * process's monotonic clock, also tells what a moment here is by the server's clock.
 */

import type { Host } from '../../../actors/host.ts';
import type { Json } from '../../domain/kernel/json.ts';
import { encodeRecord } from '../../domain/protocol/codec-record.ts';
import { journalSubject } from '../../domain/protocol/subjects.ts';

const ACTOR = 'chaos/kills';
const APPEND_TIMEOUT_US = 1_000_000;
const NO_STATE = JSON.stringify({ value: 'running', context: {}, status: 'active' });

export class ChaosJournal {
  private readonly host: Host;
  private readonly subject: string;
  private revision = 0;
  private offsetUs = 0;

  constructor(host: Host) {
    this.host = host;
    this.subject = journalSubject(host.id, ACTOR);
  }

  /** Writes what is about to be done, and learns how far the two clocks are apart (within half an append). */
  async note(type: string, facts: { readonly [key: string]: Json }): Promise<void> {
    const { bus, clock, id, incarnation } = this.host;
    this.revision++;
    const record = encodeRecord({
      actor: ACTOR,
      revision: this.revision,
      chartVersion: 1,
      writer: id,
      writerIncarnation: incarnation,
      attempt: `${id}~${this.revision}`,
      atUs: clock.wallUs(),
      event: { type, id: `chaos:${this.revision}`, json: JSON.stringify({ type, ...facts }) },
      snapshot: NO_STATE,
      timers: [],
      outbox: [],
      seen: [],
      trace: '',
    });
    const beforeUs = clock.monotonicUs();
    const answer = await bus.append(this.subject, record, { timeoutUs: APPEND_TIMEOUT_US });
    const afterUs = clock.monotonicUs();
    if (answer.kind !== 'appended') return;
    const written = await bus.readLast(this.subject);
    if (written !== undefined) this.offsetUs = written.atUs - (beforeUs + afterUs) / 2;
  }

  /** Now, by the server's clock. */
  serverUs(): number {
    return Math.round(this.host.clock.monotonicUs() + this.offsetUs);
  }
}

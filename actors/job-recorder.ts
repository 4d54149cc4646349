/**
 * Start and stop records of jobs, published on `ecu.<mac>.jobs` for whoever watches schedulability. A bridge has one only when it
 * is asked to record; without, a job costs nothing here.
 *
 * R1. A job never waits for its records: they are noted in memory and sent by a timer, some at a time.
 * R2. Bound: what cannot be sent (the broker is away, or the jobs are faster than the sending) waits up to WAITING_MAX records.
 *     Above that the newest are dropped and counted; who reads sees the gap in the job numbers.
 * R3. Core messages: a record that nobody hears is gone. Nothing of drover decides by them.
 */
import type { JobRecord } from '../src/domain/model/job.ts';
import { encodeJobJournal } from '../src/domain/protocol/codec-job.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { envelope, type Host } from './host.ts';

const WAITING_MAX = 8_192;
/** A quarter of a millisecond of encoding: what else the bridge does is not held up by more. */
const BATCH_MAX = 256;
const EVERY_US = 50_000;

export class JobRecorder {
  private readonly host: Host;
  private readonly mac: string;
  private waiting: JobRecord[] = [];
  private sending: Cancel | undefined;

  constructor(parts: { readonly host: Host; readonly mac: string }) {
    this.host = parts.host;
    this.mac = parts.mac;
  }

  note(record: JobRecord): void {
    if (this.waiting.length >= WAITING_MAX) {
      this.host.counters.add('jobs.recordsDropped');
      return;
    }
    this.waiting.push(record);
    this.sendAfter(EVERY_US);
  }

  /** Sends what waits, where that is possible, and stops. */
  stop(): void {
    this.sending?.();
    while (this.waiting.length > 0 && this.sendSome());
    this.sending = undefined;
  }

  private sendAfter(delayUs: number): void {
    this.sending ??= this.host.clock.after(delayUs, () => {
      this.sending = undefined;
      const sent = this.sendSome();
      if (this.waiting.length > 0) this.sendAfter(sent ? 0 : EVERY_US);
    });
  }

  private sendSome(): boolean {
    const { host, mac } = this;
    if (!host.bus.connected()) return false;
    const records = this.waiting.splice(0, BATCH_MAX);
    const journal = { mac, incarnation: host.incarnation, records };
    host.bus.publish(ecuSubject.jobs(mac), encodeJobJournal(envelope(host, journal)));
    host.counters.add('jobs.recordsSent', records.length);
    return true;
  }
}

/**
 * Copies a host's local journal to the JOURNAL stream, in batches, so that a dead ECU's history can still be replayed.
 *
 * M1. Every entry is appended at least once, under its position: a copy that was sent twice is recognised by it.
 * M2. After each batch a *mark* says how far the copy goes; a restarted host goes on from there.
 * M3. Entries that were trimmed before they could be copied are named by a *gap*, never passed over in silence.
 * M4. It is nobody's critical path: it waits between batches, and while the broker is away it only remembers where it was.
 */
import type { ActorKey } from '../src/domain/model/ids.ts';
import { header, journalSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { RecordJournal } from '../src/ports/record-journal.ts';
import type { Host } from './host.ts';

const EVERY_US = 500_000;
const BATCH_MAX = 256;
const APPEND_TIMEOUT_US = 5_000_000;
const NO_PAYLOAD = new Uint8Array(0);
/** Reserved actors of the mirror itself. */
const MARK: ActorKey = 'mirror/mark';
const GAP: ActorKey = 'mirror/gap';

export class JournalMirror {
  private readonly host: Host;
  private readonly journal: RecordJournal;
  private through: number | undefined;
  private waiting: Cancel | undefined;
  private stopped = false;

  constructor(parts: { readonly host: Host; readonly journal: RecordJournal }) {
    this.host = parts.host;
    this.journal = parts.journal;
  }

  start(): void {
    this.waiting = this.host.clock.after(EVERY_US, () => {
      void this.copy()
        .catch((cause: unknown) => this.host.log.debug('the journal could not be mirrored; tried again', { cause }))
        .finally(() => {
          if (!this.stopped) this.start();
        });
    });
  }

  /** Copies what is left, as far as the broker lets it. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.waiting?.();
    await this.copy().catch(() => undefined);
  }

  private async copy(): Promise<void> {
    if (!this.host.bus.connected()) return;
    this.through ??= await this.lastMark();
    let batch: Promise<boolean>[] = [];
    let position = this.through;
    for (const { actor, record } of this.journal.since(this.through)) {
      if (record.position > position + 1) batch.push(this.appendGap(position + 1, record.position - 1));
      position = record.position;
      batch.push(this.append(actor, position, record.bytes));
      if (batch.length < BATCH_MAX) continue;
      if (!(await this.commit(batch, position))) return;
      batch = [];
    }
    if (batch.length > 0) await this.commit(batch, position);
  }

  private async commit(batch: readonly Promise<boolean>[], position: number): Promise<boolean> {
    const all = (await Promise.all(batch)).every(Boolean);
    if (!all || !(await this.append(MARK, position, NO_PAYLOAD))) return false;
    this.through = position;
    this.host.counters.add('journal.mirrored', batch.length);
    return true;
  }

  private async lastMark(): Promise<number> {
    const mark = await this.host.bus.readLast(journalSubject(this.host.id, MARK));
    return Number(mark?.headers[header.position] ?? 0);
  }

  private appendGap(from: number, to: number): Promise<boolean> {
    this.host.counters.add('journal.gaps');
    return this.append(GAP, to, new TextEncoder().encode(JSON.stringify({ from, to })));
  }

  private async append(actor: ActorKey, position: number, bytes: Uint8Array): Promise<boolean> {
    const messageId = `${this.host.id}:${actor === MARK ? 'mark' : actor === GAP ? 'gap' : 'entry'}:${position}`;
    const headers = { [header.position]: String(position) };
    const answer = await this.host.bus.append(journalSubject(this.host.id, actor), bytes, {
      messageId,
      headers,
      timeoutUs: APPEND_TIMEOUT_US,
    });
    return answer.kind === 'appended' || answer.kind === 'duplicate';
  }
}

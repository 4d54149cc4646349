/**
 * Copies a host's local journal to the JOURNAL stream, in batches, so that a dead ECU's history can still be replayed.
 *
 * M1. Every entry is appended at least once, with its position: a copy that was sent twice is recognised by it. The entries of
 *     one actor travel together (`codec-journal.ts`), because each message costs the broker a sync and this host a wake-up.
 * M2. After each batch a *mark* says how far the copy goes; a restarted host goes on from there.
 * M3. Entries that were trimmed before they could be copied are named by a *gap*, never passed over in silence.
 * M4. It is nobody's critical path: it waits between batches, and while the broker is away it only remembers where it was. A host
 *     whose disk is lost with it has lost what it wrote in the last EVERY_US.
 */
import type { ActorKey } from '../src/domain/model/ids.ts';
import { encodeJournalEntries, type JournalEntry } from '../src/domain/protocol/codec-journal.ts';
import { header, journalSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { RecordJournal } from '../src/ports/record-journal.ts';
import type { Host } from './host.ts';
import { sweeping } from './sweeping.ts';

const EVERY_US = 2_000_000;
/** Of the records of one batch; a single record may be larger, and is then a batch of its own. */
const BATCH_BYTES_MAX = 256 * 1024;
const APPEND_TIMEOUT_US = 5_000_000;
const NO_PAYLOAD = new Uint8Array(0);
/** Reserved actors of the mirror itself. */
const MARK: ActorKey = 'mirror/mark';
const GAP: ActorKey = 'mirror/gap';

export class JournalMirror {
  private readonly host: Host;
  private readonly journal: RecordJournal;
  private through: number | undefined;
  private cancel: Cancel | undefined;

  constructor(parts: { readonly host: Host; readonly journal: RecordJournal }) {
    this.host = parts.host;
    this.journal = parts.journal;
  }

  start(): void {
    this.cancel = sweeping(this.host.clock, EVERY_US, () =>
      this.copy().catch((cause: unknown) => this.host.log.debug('the journal could not be mirrored; tried again', { cause })),
    );
  }

  /** Copies what is left, as far as the broker lets it. */
  async stop(): Promise<void> {
    this.cancel?.();
    await this.copy().catch(() => undefined);
  }

  private async copy(): Promise<void> {
    if (!this.host.bus.connected()) return;
    this.through ??= await this.lastMark();
    let batch = new Batch(this.through);
    for (const { actor, record } of this.journal.since(this.through)) {
      if (batch.bytes > 0 && batch.bytes + record.bytes.length > BATCH_BYTES_MAX) {
        if (!(await this.commit(batch))) return;
        batch = new Batch(batch.through);
      }
      batch.add(actor, record);
    }
    if (batch.entries.size > 0) await this.commit(batch);
  }

  private async commit(batch: Batch): Promise<boolean> {
    const appends = [...batch.entries].map(([actor, entries]) => {
      const [first, last] = [entries[0]?.position ?? 0, entries.at(-1)?.position ?? 0];
      return this.append(actor, { position: last, id: `entry:${first}-${last}`, bytes: encodeJournalEntries(entries) });
    });
    for (const gap of batch.gaps) appends.push(this.appendGap(gap));
    const { through } = batch;
    const all = (await Promise.all(appends)).every(Boolean);
    if (!all || !(await this.append(MARK, { position: through, id: `mark:${through}`, bytes: NO_PAYLOAD }))) return false;
    this.through = through;
    this.host.counters.add('journal.mirrored', batch.count);
    return true;
  }

  private async lastMark(): Promise<number> {
    const mark = await this.host.bus.readLast(journalSubject(this.host.id, MARK));
    return Number(mark?.headers[header.position] ?? 0);
  }

  private appendGap(gap: Gap): Promise<boolean> {
    this.host.counters.add('journal.gaps');
    return this.append(GAP, { position: gap.to, id: `gap:${gap.to}`, bytes: new TextEncoder().encode(JSON.stringify(gap)) });
  }

  private async append(
    actor: ActorKey,
    message: { readonly position: number; readonly id: string; readonly bytes: Uint8Array },
  ): Promise<boolean> {
    const answer = await this.host.bus.append(journalSubject(this.host.id, actor), message.bytes, {
      messageId: `${this.host.id}:${actor}:${message.id}`,
      headers: { [header.position]: String(message.position) },
      timeoutUs: APPEND_TIMEOUT_US,
    });
    return answer.kind === 'appended' || answer.kind === 'duplicate';
  }
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** What lies between two marks. */
class Batch {
  readonly entries = new Map<ActorKey, JournalEntry[]>();
  readonly gaps: Gap[] = [];
  through: number;
  bytes = 0;
  count = 0;

  constructor(after: number) {
    this.through = after;
  }

  add(actor: ActorKey, entry: JournalEntry): void {
    if (entry.position > this.through + 1) this.gaps.push({ from: this.through + 1, to: entry.position - 1 });
    this.through = entry.position;
    this.bytes += entry.bytes.length;
    this.count++;
    const entries = this.entries.get(actor);
    if (entries === undefined) this.entries.set(actor, [entry]);
    else entries.push(entry);
  }
}

/**
 * One JetStream stream in memory: messages by sequence, the last sequence of every subject, the duplicate window, bounds,
 * and purge. What is here is what the quorum has; delay, loss and death happen around it (`broker.ts`, `network.ts`).
 *
 * The order of the two checks of an append differs in the server and matters (DESIGN 5): a replicated stream looks for the
 * duplicate first, a single replica compares the expected sequence first. On a replicated stream an append is *in flight*
 * until it is committed; a second one with an expectation on the same subject is then refused as `busy`.
 */

import type { StreamSpec } from '../../src/domain/protocol/streams.ts';
import type { AppendAnswer, Headers, PurgeOptions, StreamMessage, StreamState } from '../../src/ports/bus.ts';
import { matches, SubjectTree } from './subject.ts';

export interface SimStreamOptions extends StreamSpec {
  /** 3: appends are in flight for a while, and duplicates are looked for first. Defaults to 1. */
  readonly replicas?: 1 | 3;
  /** As a KV bucket: only so many of each subject are kept. */
  readonly messagesPerSubjectMax?: number;
}

export interface Candidate {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Headers;
  readonly messageId: string | undefined;
  readonly expectedSequence: number | undefined;
}

/** Roughly what the server adds per message, so that byte bounds mean something. */
const MESSAGE_OVERHEAD_BYTES = 30;

export class SimStream {
  readonly name: string;
  readonly options: SimStreamOptions;
  readonly replicated: boolean;
  private readonly messages: (StreamMessage | undefined)[] = [];
  /** Sequence of `messages[0]`. */
  private base = 1;
  private first = 1;
  private count = 0;
  private bytes = 0;
  private readonly bySubject = new Map<string, number[]>();
  /** Subjects by their first three tokens; made when a filter that begins with three is first asked for. */
  private byPrefix: Map<string, Set<string>> | undefined;
  private readonly seen = new Map<string, { readonly sequence: number; readonly atUs: number }>();
  /** Nothing in `seen` is older. */
  private oldestSeenUs = Number.POSITIVE_INFINITY;
  private readonly inFlightSubjects = new Map<string, number>();
  private readonly inFlightIds = new Set<string>();
  private readonly windowUs: number;

  constructor(options: SimStreamOptions) {
    this.options = options;
    this.name = options.name;
    this.replicated = options.replicas === 3;
    this.windowUs = options.duplicateWindowUs;
  }

  takes(subject: string): boolean {
    return this.options.subjects.some((filter) => matches(filter, subject));
  }

  /** What the leader says before it replicates, of one message or of a batch as a whole; undefined: go on and commit. */
  check(batch: readonly Candidate[], nowUs: number): AppendAnswer | undefined {
    this.expire(nowUs);
    if (this.replicated) return this.duplicate(batch) ?? this.unexpected(batch) ?? this.bound(batch);
    return this.unexpected(batch) ?? this.duplicate(batch) ?? this.bound(batch);
  }

  begin(candidate: Candidate): void {
    this.inFlightSubjects.set(candidate.subject, (this.inFlightSubjects.get(candidate.subject) ?? 0) + 1);
    if (candidate.messageId !== undefined) this.inFlightIds.add(candidate.messageId);
  }

  /** It was not committed after all (a lost leader). */
  abandon(candidate: Candidate): void {
    const left = (this.inFlightSubjects.get(candidate.subject) ?? 1) - 1;
    if (left > 0) this.inFlightSubjects.set(candidate.subject, left);
    else this.inFlightSubjects.delete(candidate.subject);
    if (candidate.messageId !== undefined) this.inFlightIds.delete(candidate.messageId);
  }

  commit(candidate: Candidate, nowUs: number, wallUs: number): StreamMessage {
    const sequence = this.base + this.messages.length;
    const { subject, payload, headers, messageId } = candidate;
    const message: StreamMessage = { stream: this.name, sequence, subject, payload, headers, atUs: wallUs };
    this.messages.push(message);
    this.count++;
    this.bytes += sizeOf(message);
    const sequences = this.bySubject.get(subject);
    if (sequences === undefined) {
      this.bySubject.set(subject, [sequence]);
      this.notePrefix(subject);
    } else sequences.push(sequence);
    if (messageId !== undefined) {
      this.seen.set(messageId, { sequence, atUs: nowUs });
      if (nowUs < this.oldestSeenUs) this.oldestSeenUs = nowUs;
    }
    const perSubject = this.options.messagesPerSubjectMax;
    if (perSubject !== undefined && sequences !== undefined && sequences.length > perSubject)
      this.purge({ subject, keep: perSubject });
    if (this.options.discard === 'old') this.dropOldest(wallUs);
    return message;
  }

  lastSequence(): number {
    return this.base + this.messages.length - 1;
  }

  firstSequence(): number {
    return this.first;
  }

  last(subject: string): StreamMessage | undefined {
    const sequence = this.bySubject.get(subject)?.at(-1);
    return sequence === undefined ? undefined : this.at(sequence);
  }

  at(sequence: number): StreamMessage | undefined {
    return this.messages[sequence - this.base];
  }

  /** The first message at or after `sequence` that matches. */
  next(filter: string | readonly string[], sequence: number): StreamMessage | undefined {
    if (typeof filter !== 'string') return this.nextOf(filter, sequence);
    const literal = filter.includes('*') || filter.includes('>') ? undefined : (this.bySubject.get(filter) ?? []);
    if (literal !== undefined) {
      const found = literal[lowerBound(literal, sequence)];
      return found === undefined ? undefined : this.at(found);
    }
    const few = this.subjectsUnder(filter);
    if (few !== undefined) {
      let first: number | undefined;
      for (const subject of few) {
        const all = this.bySubject.get(subject) ?? [];
        const found = matches(filter, subject) ? all[lowerBound(all, sequence)] : undefined;
        if (found !== undefined && (first === undefined || found < first)) first = found;
      }
      return first === undefined ? undefined : this.at(first);
    }
    for (let at = Math.max(0, sequence - this.base); at < this.messages.length; at++) {
      const message = this.messages[at];
      if (message !== undefined && matches(filter, message.subject)) return message;
    }
    return undefined;
  }

  private notePrefix(subject: string): void {
    const prefix = this.byPrefix === undefined ? undefined : prefixOf(subject);
    if (prefix === undefined) return;
    const subjects = this.byPrefix?.get(prefix);
    if (subjects === undefined) this.byPrefix?.set(prefix, new Set([subject]));
    else subjects.add(subject);
  }

  /** Undefined: the filter does not begin with three plain tokens, so that it may match anything. */
  private subjectsUnder(filter: string): Iterable<string> | undefined {
    const prefix = prefixOf(filter);
    if (prefix === undefined || prefix.includes('*')) return undefined;
    if (this.byPrefix === undefined) {
      this.byPrefix = new Map();
      for (const subject of this.bySubject.keys()) this.notePrefix(subject);
    }
    return this.byPrefix.get(prefix) ?? [];
  }

  private nextOf(filters: readonly string[], sequence: number): StreamMessage | undefined {
    const wanted = new SubjectTree<true>();
    for (const filter of filters) wanted.add(filter, true);
    for (let at = Math.max(0, sequence - this.base); at < this.messages.length; at++) {
      const message = this.messages[at];
      if (message !== undefined && wanted.matches(message.subject)) return message;
    }
    return undefined;
  }

  /** The newest message of every subject that matches, in stream order. */
  lastOfEach(filter: string | readonly string[]): number[] {
    const wanted = new SubjectTree<true>();
    for (const one of typeof filter === 'string' ? [filter] : filter) wanted.add(one, true);
    const sequences: number[] = [];
    const few = typeof filter === 'string' ? this.subjectsUnder(filter) : undefined;
    for (const subject of few ?? this.bySubject.keys()) {
      const all = this.bySubject.get(subject) ?? [];
      const last = all.at(-1);
      if (last !== undefined && wanted.matches(subject)) sequences.push(last);
    }
    return sequences.sort((a, b) => a - b);
  }

  /** The last message of the subject stays, whatever is asked: it is the fence. */
  purge(options: PurgeOptions): void {
    const sequences = this.bySubject.get(options.subject);
    if (sequences === undefined) return;
    const asked = 'keep' in options ? sequences.length - options.keep : lowerBound(sequences, options.beforeSequence);
    for (const sequence of sequences.splice(0, Math.max(0, Math.min(asked, sequences.length - 1)))) this.remove(sequence);
  }

  state(): StreamState {
    return {
      messages: this.count,
      bytes: this.bytes,
      bytesMax: this.options.bytesMax,
      firstSequence: this.first,
      lastSequence: this.lastSequence(),
    };
  }

  private duplicate(batch: readonly Candidate[]): AppendAnswer | undefined {
    for (const { messageId } of batch) {
      if (messageId === undefined) continue;
      const seen = this.seen.get(messageId);
      if (seen !== undefined) return { kind: 'duplicate', sequence: seen.sequence };
      if (this.inFlightIds.has(messageId)) return { kind: 'busy' };
    }
    return undefined;
  }

  /** A batch has its expectation on its first message. */
  private unexpected(batch: readonly Candidate[]): AppendAnswer | undefined {
    const first = batch[0];
    if (first?.expectedSequence === undefined) return undefined;
    if (this.inFlightSubjects.has(first.subject)) return { kind: 'busy' };
    const last = this.bySubject.get(first.subject)?.at(-1) ?? 0;
    return last === first.expectedSequence ? undefined : { kind: 'refused' };
  }

  private bound(batch: readonly Candidate[]): AppendAnswer | undefined {
    if (this.options.discard === 'old') return undefined;
    const { messagesMax = Number.POSITIVE_INFINITY, bytesMax = Number.POSITIVE_INFINITY } = this.options;
    let bytes = this.bytes;
    for (const candidate of batch) bytes += sizeOf(candidate);
    return this.count + batch.length > messagesMax || bytes > bytesMax ? { kind: 'full' } : undefined;
  }

  private dropOldest(wallUs: number): void {
    const {
      messagesMax = Number.POSITIVE_INFINITY,
      bytesMax = Number.POSITIVE_INFINITY,
      ageUsMax = Number.POSITIVE_INFINITY,
    } = this.options;
    for (;;) {
      const oldest = this.at(this.first);
      if (this.count <= 1 || oldest === undefined) return;
      if (this.count <= messagesMax && this.bytes <= bytesMax && wallUs - oldest.atUs <= ageUsMax) return;
      const sequences = this.bySubject.get(oldest.subject);
      sequences?.shift();
      if (sequences?.length === 0) this.bySubject.delete(oldest.subject);
      this.remove(oldest.sequence);
    }
  }

  private remove(sequence: number): void {
    const at = sequence - this.base;
    const message = this.messages[at];
    if (message === undefined) return;
    this.messages[at] = undefined;
    this.count--;
    this.bytes -= sizeOf(message);
    while (this.first <= this.lastSequence() && this.at(this.first) === undefined) this.first++;
    // Gives memory back now and then; sequences stay what they are.
    if (this.first - this.base > 4096 && (this.first - this.base) * 2 > this.messages.length) {
      this.messages.splice(0, this.first - this.base);
      this.base = this.first;
    }
  }

  private expire(nowUs: number): void {
    if (nowUs - this.oldestSeenUs < this.windowUs) return;
    this.oldestSeenUs = Number.POSITIVE_INFINITY;
    for (const [id, { atUs }] of this.seen) {
      if (nowUs - atUs < this.windowUs) {
        this.oldestSeenUs = atUs;
        break;
      }
      this.seen.delete(id);
    }
  }
}

const sizeOf = (message: { readonly payload: Uint8Array; readonly subject: string }): number =>
  message.payload.length + message.subject.length + MESSAGE_OVERHEAD_BYTES;

/** The first three tokens of four or more. */
function prefixOf(subject: string): string | undefined {
  let at = -1;
  for (let dots = 0; dots < 3; dots++) {
    at = subject.indexOf('.', at + 1);
    if (at < 0) return undefined;
  }
  return subject.slice(0, at);
}

/** Index of the first entry that is at least `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

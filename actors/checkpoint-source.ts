/**
 * The ECU's side of checkpointing, one per instance: holds what was captured until a quorum has it, makes it known in the way
 * that the fleet has chosen (`receiving.ts`), and serves its pages to managers that pull at their own pace.
 *
 * C1. A capture is held from `hold` until the quorum stored it or a later one (*durable before free*).
 * C2. The newest capture can be served whole: changed pages from what is held, the rest from the shadow copy. But only once
 *     all its outputs are accepted: a restore from an earlier one would leave out outputs that nobody ever accepted.
 * C3. Bound: besides the newest capture, increments of at most the size of the whole state are held, and no more than the
 *     strategy allows; the oldest go first. The newest is served whole from the shadow copy, so that nothing depends on those
 *     that went. A slow or absent manager costs at most twice the state's bytes, never the newest state, and never a job.
 * C4. Where managers ask (`interval`) only this is announced: an instance's first checkpoint and every change of its standbys, which
 *     nobody could know of, and one whenever no word of a quorum has come for ASKED_INTERVALS.
 * C5. The stream may forget an announcement that it answered (`streams.ts` S4): what no quorum has is announced again when the
 *     connection comes back.
 */
import { stateDigest } from '../src/domain/checkpoint/manifest.ts';
import { RECEIVE_DEFAULT, receivingRules } from '../src/domain/checkpoint/receiving.ts';
import type { BoundaryState } from '../src/domain/instance/requests.ts';
import { assert } from '../src/domain/kernel/assert.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointReference, DIGEST_BYTES, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { CheckpointNeeds } from '../src/domain/model/compatibility.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { encodeCheckpointNotice } from '../src/domain/protocol/codec-checkpoint.ts';
import type {
  CheckpointNotice,
  ManifestAnswer,
  ManifestRequest,
  PageAnswer,
  PageRequest,
} from '../src/domain/protocol/messages.ts';
import { checkpointSubject, ecuSubject, taskSubject } from '../src/domain/protocol/subjects.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { TaskCapture, TaskProgram } from '../src/ports/task-runtime.ts';
import { envelope, type Host, pause, planted } from './host.ts';
import { equalDigests } from './page-pull.ts';
import { PagePush } from './page-push.ts';

export interface CheckpointSourceParts {
  readonly host: Host;
  readonly spec: TaskSpec;
  readonly mac: string;
  readonly epoch: number;
  readonly nonce: string;
  readonly programId: number;
  readonly program: TaskProgram;
  readonly hasher: Hasher;
  /** The local path: survives the bridge's death, so that the task can be restored on this machine. */
  readonly localStore: CheckpointStore | undefined;
  /** Managers on this ECU: their copies do not count for durability. */
  readonly coLocatedManagers: ReadonlySet<string>;
  /** The ECUs that are to keep a copy at hand of the checkpoint being announced. */
  readonly standbys: () => readonly Mac[];
  /** How the fleet receives checkpoints; absent: it is notified. */
  readonly receive?: Pick<ReceivePolicy, 'current'> | undefined;
}

export interface HeldCapture {
  readonly manifest: CheckpointManifest;
  readonly pages: Uint8Array;
  /** Places in the manifest's lists of the pages that the capture before did not have: what there is to push. */
  readonly fresh: Uint32Array;
}

/** Captures that may wait for the local store; while more do, new ones are not kept there. */
const LOCAL_WAITING_MAX = 8;
/** Without a quorum's word for so many intervals, managers that should ask are told. */
const ASKED_INTERVALS = 3;
/** For so long a request for the newest state waits until its outputs are accepted. */
const ACCEPTED_WAIT_US = 200_000;
/** Increments kept in the local store at most, and how often older ones are dropped. */
const LOCAL_MAX = 64;
const LOCAL_TIDY_EVERY = 8;
const ANNOUNCE_TIMEOUT_US = 2_000_000;
const RETRY_US = 50_000;

export class CheckpointSource {
  /** The local store has missed an increment: the next capture should be a full one. */
  onLocalGap: () => void = () => {};
  private readonly parts: CheckpointSourceParts;
  private readonly held = new Map<number, HeldCapture>();
  /** Digest of every page of the newest capture, by page index. */
  private pageTable = new Uint8Array(0);
  private newest: CheckpointManifest | undefined;
  /** The newest checkpoint that each manager can rebuild; one that has a later state has no need of an earlier one. */
  private readonly newestStoredBy = new Map<string, number>();
  /** All outputs up to this capture's are accepted. */
  private acceptedSequence = 0;
  private durable = 0;
  private keeping: Promise<void> = Promise.resolve();
  private waitingToBeKept = 0;
  private whenStored: (() => void)[] = [];
  private whenAccepted: (() => void)[] = [];
  private readonly push: PagePush;
  /** When a quorum or an announcement last made this instance known, and what the announcement said of standbys (C4). */
  private knownAtUs = Number.NEGATIVE_INFINITY;
  private announcedStandbys = '';

  constructor(parts: CheckpointSourceParts) {
    this.parts = parts;
    this.push = new PagePush(parts.host);
  }

  /** For `status`: the newest durable sequence of this instance (0: none), how many captures are held, and in how many bytes. */
  get state(): {
    readonly durableSequence: number;
    readonly heldCaptures: number;
    readonly heldBytes: number;
    readonly newestSequence: number;
    readonly programId: number;
  } {
    return {
      durableSequence: this.durable,
      heldCaptures: this.held.size,
      heldBytes: this.heldBytes(),
      newestSequence: this.newest?.sequence ?? 0,
      programId: this.parts.programId,
    };
  }

  hold(boundary: BoundaryState, captured: TaskCapture): void {
    const { spec, mac, epoch, nonce, programId, host, hasher, localStore } = this.parts;
    const capture = planted(host, 'forget-page') ? withoutLastPage(captured) : captured;
    const fresh = this.updatePageTable(capture);
    const position = { input: boundary.input, outputNumber: boundary.outputNumber };
    const manifest: CheckpointManifest = {
      task: spec.name,
      mac,
      programId,
      epoch,
      sequence: boundary.sequence,
      incarnation: host.incarnation,
      nonce,
      baseSequence: capture.mode === 'full' ? undefined : boundary.baseSequence,
      pageCount: capture.pageCount,
      pageIndexes: capture.pageIndexes,
      pageDigests: capture.pageDigests,
      globals: capture.globals,
      stateDigest: stateDigest({ table: this.pageTable, globals: capture.globals, ...position }, (bytes) => hasher.hex(bytes)),
      ...position,
      artefact: spec.artefact,
      needs: this.needsOf(capture),
    };
    this.newest = manifest;
    this.held.set(boundary.sequence, { manifest, pages: capture.pages, fresh });
    this.bound();
    if (localStore !== undefined) this.keepLocally(localStore, manifest, capture.pages);
    if (planted(host, 'announce-unaccepted')) void this.announce(boundary.sequence);
  }

  /** Written into every manifest: what an ECU must offer to go on from it. */
  private needsOf({ pageCount }: TaskCapture): CheckpointNeeds {
    const { spec, program, host } = this.parts;
    return {
      runtime: spec.runtime,
      runtimeVersion: program.needs.runtimeVersion,
      memoryBytes: pageCount * PAGE_BYTES,
      hostFunctions: program.needs.hostFunctions,
      subjects: [taskSubject.inputs(host.names, spec.name), taskSubject.outputs(host.names, spec.name)],
      capabilities: spec.capabilities,
    };
  }

  async announce(sequence: number): Promise<void> {
    // Before the append: a manager may hear of it before its answer comes back.
    this.acceptedSequence = Math.max(this.acceptedSequence, sequence);
    for (const look of this.whenAccepted.splice(0)) look();
    const held = this.held.get(sequence);
    if (held === undefined) return;
    const { host, mac, programId } = this.parts;
    const standbys = this.parts.standbys();
    const notice: CheckpointNotice = { kind: 'announced', manifest: held.manifest, standbys };
    const bytes = encodeCheckpointNotice(envelope(host, notice));
    for (const standby of standbys) host.bus.publish(ecuSubject.standby(standby), bytes);
    if (!this.isToBeAnnounced(standbys)) return;
    if (this.rules.pushes) this.push.send(held.manifest, selectPages(held.pages, held.fresh));
    while (this.held.has(sequence) && this.newest?.sequence === sequence) {
      if (await this.tryAppend(checkpointSubject.announced(mac, programId), bytes)) return;
      await pause(host.clock, RETRY_US);
    }
  }

  /** C5. */
  announceAgain(): void {
    const { newest } = this;
    if (newest === undefined || newest.sequence <= this.durable || newest.sequence > this.acceptedSequence) return;
    this.knownAtUs = Number.NEGATIVE_INFINITY;
    void this.announce(newest.sequence);
  }

  private get rules(): ReturnType<typeof receivingRules> {
    return receivingRules(this.parts.receive?.current() ?? RECEIVE_DEFAULT);
  }

  /** C4. */
  private isToBeAnnounced(standbys: readonly Mac[]): boolean {
    const { announces, asksEveryUs = 0 } = this.rules;
    const nowUs = this.parts.host.clock.monotonicUs();
    const named = standbys.join();
    if (!announces && named === this.announcedStandbys && nowUs - this.knownAtUs < ASKED_INTERVALS * asksEveryUs) return false;
    this.announcedStandbys = named;
    this.knownAtUs = nowUs;
    return true;
  }

  /** A manager's word that it can rebuild `sequence`. */
  stored(manager: string, sequence: number): void {
    if (this.parts.coLocatedManagers.has(manager) || sequence <= this.durable) return;
    this.newestStoredBy.set(manager, Math.max(sequence, this.newestStoredBy.get(manager) ?? 0));
    for (const look of this.whenStored.splice(0)) look();
    // The quorum has what its last member has.
    const quorum = planted(this.parts.host, 'free-before-quorum') ? 1 : this.parts.spec.checkpoint.quorum;
    const durable = [...this.newestStoredBy.values()].sort((a, b) => b - a)[quorum - 1] ?? 0;
    if (durable <= this.durable) return;
    this.durable = durable;
    for (const known of [...this.held.keys()]) if (known <= durable && known !== this.newest?.sequence) this.held.delete(known);
    this.push.acknowledged(durable);
    this.knownAtUs = this.parts.host.clock.monotonicUs();
    void this.sayFreed(durable);
  }

  /** The newest capture, for whoever goes on from it where this ECU gives its pages. */
  reference(): CheckpointReference | undefined {
    if (this.newest === undefined) return undefined;
    const { task, epoch, sequence, input, outputNumber, stateDigest: digest, needs } = this.newest;
    const more = needs === undefined ? {} : { needs };
    return { task, epoch, sequence, input, outputNumber, stateDigest: digest, holders: [], ...more };
  }

  /** Resolves when so many managers can rebuild the newest capture; at once where there is none. */
  storedBy(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        const sequence = this.newest?.sequence ?? 0;
        const stored = [...this.newestStoredBy.values()].filter((newest) => newest >= sequence).length;
        if (sequence === 0 || stored >= count) resolve();
        else this.whenStored.push(look);
      };
      look();
    });
  }

  // ——— serving managers ———

  /**
   * The newest capture as a full manifest: every page of the memory, no base. One whose outputs are not all accepted is not given,
   * but waited for a moment: who asks at intervals would else come away with nothing as often as not.
   */
  async wholeManifest(request: ManifestRequest): Promise<ManifestAnswer> {
    const asked = this.newest;
    if (asked !== undefined && asked.sequence >= request.sequence && asked.sequence > this.acceptedSequence) {
      await this.acceptedOrLate();
    }
    return this.wholeManifestNow(request);
  }

  private acceptedOrLate(): Promise<void> {
    return new Promise((resolve) => {
      const late = this.parts.host.clock.after(ACCEPTED_WAIT_US, resolve);
      this.whenAccepted.push(() => {
        late();
        resolve();
      });
    });
  }

  private wholeManifestNow(request: ManifestRequest): ManifestAnswer {
    const { newest } = this;
    if (
      newest === undefined ||
      request.epoch !== this.parts.epoch ||
      newest.sequence < request.sequence ||
      (newest.sequence > this.acceptedSequence && !planted(this.parts.host, 'serve-unaccepted'))
    ) {
      return {
        kind: 'refused',
        code: 'ERR_STORE_MISSING',
        sentence: `this instance has no checkpoint ${request.epoch}.${request.sequence}`,
      };
    }
    const pageIndexes = Uint32Array.from({ length: newest.pageCount }, (_, index) => index);
    return {
      kind: 'manifest',
      manifest: { ...newest, baseSequence: undefined, pageIndexes, pageDigests: this.pageTable.slice() },
    };
  }

  /** Pages of a capture by their index in memory. */
  async pages(request: PageRequest): Promise<PageAnswer> {
    const { newest } = this;
    const held = this.held.get(request.sequence);
    // As nearly always: a manager that has what was before asks for all that is held.
    if (held !== undefined && areSame(held.manifest.pageIndexes, request.positions))
      return { kind: 'pages', pages: held.pages };
    const pages = new Uint8Array(request.positions.length * PAGE_BYTES);
    const fromShadow: number[] = [];
    for (const [at, index] of request.positions.entries()) {
      const position = held === undefined ? -1 : positionOf(held.manifest.pageIndexes, index);
      if (held === undefined || position < 0) fromShadow.push(at);
      else pages.set(held.pages.subarray(position * PAGE_BYTES, (position + 1) * PAGE_BYTES), at * PAGE_BYTES);
    }
    if (fromShadow.length === 0) return { kind: 'pages', pages };
    if (newest === undefined || newest.sequence !== request.sequence) return this.superseded();
    const indexes = Uint32Array.from(fromShadow, (at) => request.positions[at] as number);
    if (indexes.some((index) => index >= newest.pageCount)) {
      return {
        kind: 'refused',
        code: 'ERR_WIRE_MALFORMED',
        sentence: `a page index is beyond the memory of ${newest.pageCount} pages`,
      };
    }
    const shadow = await this.parts.program.readShadow(indexes);
    // The shadow moved on while it was read: what was read belongs to a later capture.
    if (this.newest?.sequence !== request.sequence) return this.superseded();
    for (const [order, at] of fromShadow.entries()) {
      pages.set(shadow.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES), at * PAGE_BYTES);
    }
    return { kind: 'pages', pages };
  }

  private superseded(): PageAnswer {
    return { kind: 'superseded', epoch: this.parts.epoch, sequence: this.newest?.sequence ?? 0 };
  }

  // ——— small parts ———

  /** Answers which of the capture's pages changed it. */
  private updatePageTable(capture: TaskCapture): Uint32Array {
    const bytes = capture.pageCount * DIGEST_BYTES;
    if (this.pageTable.length !== bytes) {
      const grown = new Uint8Array(bytes);
      grown.set(this.pageTable.subarray(0, Math.min(bytes, this.pageTable.length)));
      this.pageTable = grown;
    }
    const fresh = new Uint32Array(capture.pageIndexes.length);
    let count = 0;
    for (let position = 0; position < capture.pageIndexes.length; position++) {
      const index = capture.pageIndexes[position] as number;
      assert(index < capture.pageCount, 'a captured page lies within the memory');
      const digest = capture.pageDigests.subarray(position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES);
      if (equalDigests(digest, this.pageTable.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES))) continue;
      this.pageTable.set(digest, index * DIGEST_BYTES);
      fresh[count++] = position;
    }
    return fresh.subarray(0, count);
  }

  /** C3. */
  private bound(): void {
    const { newest } = this;
    if (newest === undefined) return;
    const { olderHeldMax } = this.rules;
    let older = this.held.size - 1;
    let olderBytes = this.heldBytes() - (this.held.get(newest.sequence)?.pages.length ?? 0);
    for (const [sequence, { pages }] of this.held) {
      if (sequence === newest.sequence || (older <= olderHeldMax && olderBytes <= newest.pageCount * PAGE_BYTES)) break;
      this.held.delete(sequence);
      older--;
      olderBytes -= pages.length;
      this.parts.host.counters.add('checkpoint.incrementsDropped');
    }
  }

  private heldBytes(): number {
    let bytes = 0;
    for (const { pages } of this.held.values()) bytes += pages.length;
    return bytes;
  }

  /** One at a time: what `missing` said must still hold when `put` comes, and `retain` takes pages away. */
  private keepLocally(store: CheckpointStore, manifest: CheckpointManifest, pages: Uint8Array): void {
    // A disk that is slow must not hold captures without bound either.
    if (this.waitingToBeKept >= LOCAL_WAITING_MAX) {
      this.parts.host.counters.add('checkpoint.localSkipped');
      this.onLocalGap();
      return;
    }
    this.waitingToBeKept++;
    const before = this.keeping;
    this.keeping = before.then(async () => {
      try {
        await this.putLocally(store, manifest, pages);
        // A restore asks for what the managers hold: the durable one stays, within a bound.
        const sequence = Math.max(1, this.durable, manifest.sequence - LOCAL_MAX);
        if (manifest.sequence % LOCAL_TIDY_EVERY === 0) await store.retain(manifest.task, { epoch: manifest.epoch, sequence });
      } catch (cause) {
        this.parts.host.counters.add('checkpoint.localFailed');
        this.parts.host.log.warn('a checkpoint could not be kept on this ECU', {
          task: manifest.task,
          epoch: manifest.epoch,
          cause,
        });
      } finally {
        this.waitingToBeKept--;
      }
    });
  }

  private async putLocally(store: CheckpointStore, manifest: CheckpointManifest, pages: Uint8Array): Promise<void> {
    try {
      await store.put(manifest, selectPages(pages, store.missing(manifest)));
    } catch (cause) {
      // Another task's checkpoints were dropped in between, with a page that this one shared with them.
      if (!(cause instanceof DroverError) || cause.code !== 'ERR_STORE_MISSING') throw cause;
      await store.put(manifest, pages);
    }
  }

  private async tryAppend(subject: string, bytes: Uint8Array): Promise<boolean> {
    try {
      const answer = await this.parts.host.bus.append(subject, bytes, { timeoutUs: ANNOUNCE_TIMEOUT_US });
      return answer.kind === 'appended' || answer.kind === 'duplicate';
    } catch (cause) {
      if (cause instanceof DroverError && cause.code === 'ERR_WIRE_OVERSIZED') throw cause;
      return false;
    }
  }

  private async sayFreed(sequence: number): Promise<void> {
    const { host, spec, mac, programId, epoch } = this.parts;
    const notice: CheckpointNotice = { kind: 'freed', task: spec.name, mac, programId, epoch, sequence };
    await this.tryAppend(checkpointSubject.freed(mac, programId), encodeCheckpointNotice(envelope(host, notice)));
  }
}

/** The pages at `positions`, concatenated. */
export function selectPages(pages: Uint8Array, positions: Uint32Array): Uint8Array {
  if (positions.length * PAGE_BYTES === pages.length) return pages;
  const selected = new Uint8Array(positions.length * PAGE_BYTES);
  for (const [order, position] of positions.entries()) {
    selected.set(pages.subarray(position * PAGE_BYTES, (position + 1) * PAGE_BYTES), order * PAGE_BYTES);
  }
  return selected;
}

/** A planted bug: an increment that lacks one of the pages that changed. */
function withoutLastPage(capture: TaskCapture): TaskCapture {
  const count = capture.pageIndexes.length - 1;
  if (capture.mode === 'full' || count < 0) return capture;
  return {
    ...capture,
    pageIndexes: capture.pageIndexes.subarray(0, count),
    pageDigests: capture.pageDigests.subarray(0, count * DIGEST_BYTES),
    pages: capture.pages.subarray(0, count * PAGE_BYTES),
  };
}

function areSame(one: Uint32Array, other: Uint32Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** Binary search in ascending indexes; −1 when it is not there. */
function positionOf(indexes: Uint32Array, index: number): number {
  let low = 0;
  let high = indexes.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = indexes[middle] as number;
    if (at === index) return middle;
    if (at < index) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/**
 * Copies of other ECUs' tasks, at hand in memory: the newest state of each task whose owner asked this ECU to stand by. When
 * such a task is restored here, nothing has to be moved while it stands still.
 *
 *   owner ── "checkpoint announced" ──▶ here ── pages that changed ──▶ owner      (ECU to ECU, no manager in between)
 *
 * S1. A copy is whole and of one checkpoint at every moment: an increment's pages are written into it when all of them are here,
 *     each checked by digest. It is handed out only if its state digest is that of the checkpoint it claims to be.
 * S2. It may be newer than the checkpoint that a restore names. That is sound: a checkpoint is announced only when all outputs
 *     before it are accepted, so going on from it leaves none out.
 * S3. Bound: `bytesMax` in all; the copy longest without news goes first. A task that runs here has none.
 * S4. What is expected to be deployed here (`expected-tasks.ts`) has its room already: its copy is outside the bound, and stays.
 * S5. It is nobody's duty: what is lost, late or dropped costs a restore the way to a manager, as without it.
 */
import { stateDigest } from '../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import {
  type CheckpointManifest,
  type CheckpointOrder,
  type CheckpointReference,
  DIGEST_BYTES,
  laterCheckpoint,
  PAGE_BYTES,
} from '../src/domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { decodeCheckpointNotice } from '../src/domain/protocol/codec-checkpoint.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { Host } from './host.ts';
import { PagePull, type PageServer } from './page-pull.ts';

/** A task's state as this ECU has it. The memory is shared, so that it reaches the runtime's thread without a copy. */
export interface StandbyCopy {
  readonly manifest: CheckpointManifest;
  readonly memory: Uint8Array;
  /** Digest of every page, in page order. */
  readonly pageTable: Uint8Array;
}

export interface StandbyParts {
  readonly host: Host;
  readonly mac: Mac;
  readonly hasher: Hasher;
  readonly bytesMax: number;
  readonly runsHere: (task: TaskName) => boolean;
}

/** What a copy that was asked for came to. */
export interface Copied {
  readonly sequence: number;
  readonly bytes: number;
  readonly stateBytes: number;
  readonly tookUs: number;
}

const PULL_TIMEOUT_US = 1_000_000;
/** A checkpoint may be superseded while it is copied, and the copy given away; then it begins with the one after it. */
const COPY_ATTEMPTS_MAX = 5;

export class StandbyCopies {
  private readonly parts: StandbyParts;
  private readonly pull: PagePull;
  private readonly copies = new Map<TaskName, StandbyCopy>();
  /** Of those that are not expected (S4). */
  private bytes = 0;
  private readonly expected = new Set<TaskName>();
  private subscription: Cancel | undefined;
  /** The newest announcement of each task that is being followed, and of those the newer one that waits for it. */
  private readonly following = new Map<TaskName, CheckpointManifest | undefined>();

  constructor(parts: StandbyParts) {
    this.parts = parts;
    this.pull = new PagePull(parts);
  }

  start(): void {
    this.subscription = this.parts.host.bus.subscribe(ecuSubject.standby(this.parts.mac), (message) => this.told(message));
  }

  /** Hears no more; what is here stays. */
  stop(): void {
    this.subscription?.();
  }

  /** Gives the copy away when it is the checkpoint that is named, or a later one of its epoch. */
  take(reference: CheckpointReference): StandbyCopy | undefined {
    const copy = this.copies.get(reference.task);
    if (copy === undefined || copy.manifest.epoch !== reference.epoch || laterCheckpoint(reference, copy.manifest))
      return undefined;
    this.drop(reference.task);
    const { manifest } = copy;
    const wanted = manifest.sequence === reference.sequence ? reference.stateDigest : manifest.stateDigest;
    return this.isOf(copy, wanted) ? copy : undefined;
  }

  /** Another of the copy that is here, if it is of that epoch; this one is kept up to date and stays. */
  duplicate(task: TaskName, epoch: number): StandbyCopy | undefined {
    const copy = this.copies.get(task);
    if (copy?.manifest.epoch !== epoch || !this.isOf(copy, copy.manifest.stateDigest)) return undefined;
    const memory = new Uint8Array(new SharedArrayBuffer(copy.memory.length));
    memory.set(copy.memory);
    return { ...copy, memory };
  }

  /** S1. */
  private isOf({ manifest, pageTable }: StandbyCopy, wanted: string): boolean {
    const { globals, input, outputNumber } = manifest;
    const digest = stateDigest({ table: pageTable, globals, input, outputNumber }, (bytes) => this.parts.hasher.hex(bytes));
    if (digest !== wanted) this.parts.host.counters.add('standby.corrupt');
    return digest === wanted;
  }

  /** It runs here now. */
  discard(task: TaskName): void {
    this.drop(task);
  }

  /** Whatever is here of the task: pages with the right digest need not be fetched. */
  find(task: TaskName): StandbyCopy | undefined {
    return this.copies.get(task);
  }

  /** Its copy is kept, whatever else comes, until `unexpect`. */
  expect(task: TaskName): void {
    if (this.expected.has(task)) return;
    this.bytes -= this.copies.get(task)?.memory.length ?? 0;
    this.expected.add(task);
  }

  unexpect(task: TaskName): void {
    if (!this.expected.delete(task)) return;
    const copy = this.copies.get(task);
    if (copy === undefined) return;
    this.bytes += copy.memory.length;
    this.bound();
  }

  /** Brings the newest state over from where it runs, `sequence` or later; answers what is here now, and what that took. */
  async copyFrom(source: Mac, wanted: CheckpointOrder & { readonly task: TaskName }): Promise<Copied> {
    const { clock } = this.parts.host;
    const startedUs = clock.monotonicUs();
    const server = { subject: ecuSubject.pages(source), timeoutUs: PULL_TIMEOUT_US };
    let bytes = 0;
    const here = this.copies.get(wanted.task);
    // Its announcement was quicker.
    if (here !== undefined && here.manifest.epoch === wanted.epoch && here.manifest.sequence >= wanted.sequence)
      return { sequence: here.manifest.sequence, bytes, stateBytes: here.memory.length, tookUs: 0 };
    for (let attempt = 0; attempt < COPY_ATTEMPTS_MAX; attempt++) {
      const manifest = await this.pull.manifest(server, wanted);
      if (manifest === undefined) break;
      const pulled = await this.bring(manifest, server);
      bytes += pulled.bytes;
      const copy = this.copies.get(wanted.task);
      if (copy === undefined || copy.manifest.epoch !== wanted.epoch || copy.manifest.sequence < wanted.sequence) continue;
      const tookUs = clock.monotonicUs() - startedUs;
      return { sequence: copy.manifest.sequence, bytes, stateBytes: copy.memory.length, tookUs };
    }
    throw new DroverError('ERR_STORE_MISSING', `${source} does not give checkpoint ${wanted.epoch}.${wanted.sequence}`);
  }

  private told(message: BusMessage): void {
    const notice = decodeCheckpointNotice(message.payload);
    if (!notice.ok) {
      this.parts.host.counters.add(`wire.${notice.error.kind}`);
      return;
    }
    const { body } = notice.value;
    if (body.kind !== 'announced' || this.parts.runsHere(body.manifest.task)) return;
    const { manifest } = body;
    const { task } = manifest;
    // One pull at a time for a task; of what comes meanwhile the newest waits.
    if (this.following.has(task)) this.following.set(task, manifest);
    else void this.follow(manifest);
  }

  private async follow(first: CheckpointManifest): Promise<void> {
    const { task } = first;
    for (let next: CheckpointManifest | undefined = first; next !== undefined; next = this.following.get(task)) {
      this.following.set(task, undefined);
      try {
        await this.bringUpTo(next);
      } catch (cause) {
        if (!(cause instanceof DroverError)) throw cause;
        this.parts.host.counters.add(`standby.failed.${cause.code}`);
        this.parts.host.log.debug('a copy could not be brought up to date', { task, epoch: next.epoch, cause });
      }
      if (this.parts.runsHere(task)) this.drop(task);
    }
    this.following.delete(task);
  }

  private async bringUpTo(announced: CheckpointManifest): Promise<void> {
    const copy = this.copies.get(announced.task);
    if (copy !== undefined && !laterCheckpoint(announced, copy.manifest)) return;
    const server = { subject: ecuSubject.pages(announced.mac), timeoutUs: PULL_TIMEOUT_US };
    const isNext =
      announced.baseSequence === undefined ||
      (copy?.manifest.epoch === announced.epoch && copy.manifest.sequence === announced.baseSequence);
    const manifest = isNext ? announced : await this.pull.manifest(server, announced);
    if (manifest !== undefined) await this.bring(manifest, server);
  }

  private async bring(manifest: CheckpointManifest, server: PageServer): Promise<{ readonly bytes: number }> {
    const copy = this.copies.get(manifest.task);
    const positions = positionsUnlike(copy, manifest);
    const pages = new Uint8Array(positions.length * PAGE_BYTES);
    const got = await this.pull.pages(server, { manifest, positions }, (page, order) => pages.set(page, order * PAGE_BYTES));
    // What it is superseded by is announced, too. And a copy that was given away meanwhile must not be written to any more.
    if (got && this.copies.get(manifest.task) === copy) this.keep(updated(copy, manifest, positions, pages));
    return { bytes: pages.length };
  }

  private keep(copy: StandbyCopy): void {
    const { task } = copy.manifest;
    this.drop(task);
    const isExpected = this.expected.has(task);
    if (copy.memory.length > this.parts.bytesMax && !isExpected) return;
    this.copies.set(task, copy);
    if (!isExpected) this.bytes += copy.memory.length;
    this.bound();
  }

  /** S3. */
  private bound(): void {
    const { bytesMax, host } = this.parts;
    for (const oldest of this.copies.keys()) {
      if (this.bytes <= bytesMax) break;
      if (this.expected.has(oldest)) continue;
      this.drop(oldest);
      host.counters.add('standby.dropped');
    }
  }

  private drop(task: TaskName): void {
    const copy = this.copies.get(task);
    if (copy === undefined) return;
    this.copies.delete(task);
    if (!this.expected.has(task)) this.bytes -= copy.memory.length;
  }
}

/** Places in the manifest whose pages the copy does not have: those with another digest. */
export function positionsUnlike(copy: StandbyCopy | undefined, { pageIndexes, pageDigests }: CheckpointManifest): Uint32Array {
  const unlike = new Uint32Array(pageIndexes.length);
  let count = 0;
  for (let position = 0; position < pageIndexes.length; position++) {
    const index = pageIndexes[position] as number;
    if (copy === undefined || !sameDigest(copy.pageTable, index, pageDigests, position)) unlike[count++] = position;
  }
  return unlike.subarray(0, count);
}

function sameDigest(table: Uint8Array, index: number, digests: Uint8Array, position: number): boolean {
  const here = index * DIGEST_BYTES;
  const there = position * DIGEST_BYTES;
  if (here + DIGEST_BYTES > table.length) return false;
  for (let i = 0; i < DIGEST_BYTES; i++) if (table[here + i] !== digests[there + i]) return false;
  return true;
}

/** The copy with the manifest's pages: `pages` are those at `positions`; the copy has the others already. */
function updated(
  copy: StandbyCopy | undefined,
  manifest: CheckpointManifest,
  positions: Uint32Array,
  pages: Uint8Array,
): StandbyCopy {
  const { pageCount, pageIndexes, pageDigests } = manifest;
  const fits = copy?.memory.length === pageCount * PAGE_BYTES;
  const memory = fits ? copy.memory : new Uint8Array(new SharedArrayBuffer(pageCount * PAGE_BYTES));
  const pageTable = fits ? copy.pageTable : new Uint8Array(pageCount * DIGEST_BYTES);
  if (copy !== undefined && !fits) {
    memory.set(copy.memory.subarray(0, memory.length));
    pageTable.set(copy.pageTable.subarray(0, pageTable.length));
  }
  for (let order = 0; order < positions.length; order++) {
    const position = positions[order] as number;
    const index = pageIndexes[position] as number;
    memory.set(pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES), index * PAGE_BYTES);
    pageTable.set(pageDigests.subarray(position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES), index * DIGEST_BYTES);
  }
  return { manifest, memory, pageTable };
}

/**
 * A manager's side of checkpointing: hears announcements, pulls pages at its own pace into its store, says what it stored,
 * and serves restore targets from there. What the Checkpoint chart's effect means.
 */
import { foldManifest } from '../src/domain/checkpoint/manifest.ts';
import { oldestToKeep } from '../src/domain/checkpoint/retention.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, laterCheckpoint, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import {
  decodeCheckpointNotice,
  decodeManifestAnswer,
  decodeManifestRequest,
  decodePageAnswer,
  decodePageRequest,
  encodeCheckpointNotice,
  encodeManifestAnswer,
  encodeManifestRequest,
  encodePageAnswer,
  encodePageRequest,
} from '../src/domain/protocol/codec-checkpoint.ts';
import type { ManifestAnswer, PageAnswer } from '../src/domain/protocol/messages.ts';
import { checkpointSubject, ecuSubject, streams } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { CheckpointStore, RebuiltState } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Hasher } from '../src/ports/digest.ts';
import { FaultPoint } from '../src/ports/fault-points.ts';
import type { AnnouncedCheckpoint, CheckpointEffect } from '../statecharts/checkpoint.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host, pause } from './host.ts';
import { NewestImages } from './newest-images.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { PeerCheckpoints } from './peer-checkpoints.ts';
import { StoreRoom } from './store-room.ts';

export interface CheckpointReceiverParts {
  readonly host: Host;
  /** This manager's short name. */
  readonly manager: string;
  readonly store: CheckpointStore;
  readonly knowledge: FleetKnowledge;
  readonly hasher: Hasher;
  /** To the Checkpoint chart of `task`. */
  readonly tell: (task: TaskName, event: ActorEvent) => void;
}

const PAGES_PER_REQUEST = 128;
const PULL_TIMEOUT_US = 1_000_000;
const APPEND_TIMEOUT_US = 2_000_000;
const PULL_ATTEMPTS_MAX = 3;
/** Checkpoints that the ECU may have announced since this manager's newest, and that are no reason to ask others. */
const FAR_BEHIND = 8;
/** Between listening to who holds what and listening to what there is. */
const HEARD_US = 50_000;
/** Older checkpoints kept besides the newest durable one. */
const KEEP_BEFORE = 2;
/** Rebuilt states kept for the page requests that follow a manifest request. */
const REBUILT_MAX = 16;
/** Newest states kept whole in memory: a hundred tasks of 1 MiB. */
const IMAGES_BYTES_MAX = 128 * 1024 * 1024;

export class CheckpointReceiver {
  /** Brings what other managers hold into this one's store. */
  readonly peers: PeerCheckpoints;
  private readonly parts: CheckpointReceiverParts;
  private readonly room: StoreRoom;
  /** The newest announcement of each task, with its page list. */
  private readonly announced = new Map<TaskName, CheckpointManifest>();
  private readonly stored = new Map<TaskName, CheckpointOrder[]>();
  private readonly rebuilt = new Map<string, Promise<RebuiltState>>();
  private readonly images = new NewestImages(IMAGES_BYTES_MAX);
  private readonly cancels: Cancel[] = [];

  constructor(parts: CheckpointReceiverParts) {
    this.parts = parts;
    this.room = new StoreRoom(parts);
    this.peers = new PeerCheckpoints({ ...parts, onBrought: (manifest) => this.brought(manifest) });
  }

  async start(): Promise<void> {
    const { host, manager, store, knowledge } = this.parts;
    for (const task of store.tasks()) {
      const newest = store.newest(task);
      if (newest === undefined) continue;
      this.stored.set(task, [newest]);
      knowledge.noteHolder(referenceTo(newest), manager);
    }
    const consume = (filter: string) =>
      host.bus.consume(streams.checkpoints, { filter, from: 'last-per-subject' }, (message) => this.notice(message));
    this.cancels.push(await consume(checkpointSubject.allStored));
    // Who holds what is heard first: a manager that was away asks the others for what its increments stand on, not the ECUs.
    await pause(host.clock, HEARD_US);
    this.cancels.push(await consume(checkpointSubject.allAnnounced));
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  // ——— hearing ———

  private notice(message: BusMessage): void {
    const decoded = decodeCheckpointNotice(message.payload);
    if (!decoded.ok) {
      this.parts.host.counters.add(`wire.${decoded.error.kind}`);
      return;
    }
    const { body } = decoded.value;
    if (body.kind === 'announced') this.heardAnnounced(body.manifest);
    else if (body.kind === 'stored') this.heardStored(body.reference, body.manager, decoded.value.sentAtUs);
  }

  private heardAnnounced(manifest: CheckpointManifest): void {
    const { host, knowledge, tell } = this.parts;
    const { task, epoch, sequence, mac, incarnation, programId } = manifest;
    if (epoch < (knowledge.placement(task)?.context.epoch ?? 0)) {
      host.counters.add('checkpoint.refusedEpoch');
      return;
    }
    const before = this.announced.get(task);
    if (before !== undefined && !laterCheckpoint(manifest, before)) return;
    this.announced.set(task, manifest);
    const checkpoint: AnnouncedCheckpoint = { epoch, sequence, source: { mac, incarnation }, programId };
    tell(task, { type: 'CHECKPOINT.ANNOUNCED', id: `announced:${epoch}.${sequence}`, checkpoint });
  }

  private heardStored(reference: Parameters<FleetKnowledge['noteHolder']>[0], manager: string, storedAtUs: number): void {
    const { knowledge, tell } = this.parts;
    const merged = knowledge.noteHolder(reference, manager, storedAtUs);
    const quorum = knowledge.placement(reference.task)?.context.spec?.checkpoint.quorum ?? Number.POSITIVE_INFINITY;
    if (merged.holders.length < quorum) return;
    const { epoch, sequence, task } = reference;
    tell(task, { type: 'CHECKPOINT.DURABLE', id: `durable:${epoch}.${sequence}`, checkpoint: { epoch, sequence } });
    void this.forgetOld(task, reference);
  }

  private async forgetOld(task: TaskName, durable: CheckpointOrder): Promise<void> {
    this.room.noteDurable(task, orderOf(durable));
    const known = this.stored.get(task) ?? [];
    const oldest = oldestToKeep(known, durable, { keepBefore: KEEP_BEFORE });
    if (oldest === undefined) return;
    this.stored.set(
      task,
      known.filter((order) => !laterCheckpoint(oldest, order)),
    );
    await this.parts.store
      .retain(task, oldest)
      .catch((cause: unknown) => this.parts.host.log.warn('old checkpoints could not be dropped', { task, cause }));
  }

  // ——— pulling ———

  readonly perform = async (open: OpenEffect): Promise<EffectOutcome> => {
    const { task, checkpoint } = open.effect as CheckpointEffect;
    const failed = (reason: string, damaged: boolean): EffectOutcome => ({
      kind: 'event',
      event: { type: 'PULL.FAILED', checkpoint: orderOf(checkpoint), reason, damaged },
    });
    await this.parts.host.faults.reach(FaultPoint.beforePull);
    try {
      const manifest = await this.pull(task, checkpoint, open);
      if (manifest === undefined) return failed('the ECU no longer has it', false);
      await this.sayStored(manifest);
      return { kind: 'event', event: { type: 'CHECKPOINT.PULLED', checkpoint: orderOf(manifest) } };
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      this.parts.host.counters.add(`checkpoint.pullFailed.${cause.code}`);
      this.parts.host.log.warn('a checkpoint could not be pulled', {
        task,
        epoch: checkpoint.epoch,
        code: cause.code,
        why: cause.message,
      });
      return failed(cause.message, cause.code === 'ERR_STORE_CORRUPT');
    }
  };

  /** The announced increment when its base is here; else, or when the ECU has moved on, the whole newest state. */
  private async pull(
    task: TaskName,
    checkpoint: AnnouncedCheckpoint,
    open: OpenEffect,
  ): Promise<CheckpointManifest | undefined> {
    const announced = this.announced.get(task);
    const isAnnounced = announced !== undefined && sameOrder(announced, checkpoint);
    if (this.isFarBehind(task, checkpoint)) await this.bringNewest(task, checkpoint);
    let manifest = isAnnounced && (this.hasBase(announced) || (await this.bringBase(announced))) ? announced : undefined;
    let mended = false;
    for (let attempt = 0; attempt < PULL_ATTEMPTS_MAX && open.wanted(); attempt++) {
      manifest ??= await this.wholeManifest(task, checkpoint);
      if (manifest === undefined) return undefined;
      const missing = this.parts.store.missing(manifest);
      const pages = await this.pullPages(manifest, missing);
      if (pages === 'superseded') {
        manifest = undefined;
        continue;
      }
      await this.parts.host.faults.reach(FaultPoint.beforeStore);
      const stored = await this.putOrMiss(manifest, pages);
      if (stored === 'page-dropped') continue;
      await this.parts.host.faults.reach(FaultPoint.afterStore);
      if (stored) {
        this.noteStored(manifest);
        this.keepImage(manifest, missing.length === manifest.pageIndexes.length ? pages : undefined);
        return manifest;
      }
      // Its chain is not whole here: another manager may have what is missing, else the ECU gives the whole state.
      if (!mended && (await this.bringBase(manifest))) mended = true;
      else manifest = undefined;
    }
    return undefined;
  }

  private noteStored(manifest: CheckpointManifest): void {
    const { task } = manifest;
    const known = [...(this.stored.get(task) ?? []), orderOf(manifest)];
    this.stored.set(task, known);
    this.room.bound(task, known.length).then(
      (kept) => {
        if (kept !== undefined) this.stored.set(task, [...kept]);
      },
      (cause: unknown) => this.parts.host.log.warn('intermediate checkpoints could not be dropped', { task, cause }),
    );
  }

  /** This manager was away, or is new: others may have most of what it would ask the ECU for. */
  private isFarBehind(task: TaskName, { epoch, sequence }: CheckpointOrder): boolean {
    const mine = this.stored.get(task)?.at(-1);
    return mine === undefined || mine.epoch !== epoch || sequence - mine.sequence > FAR_BEHIND;
  }

  private async bringNewest(task: TaskName, announced: CheckpointOrder): Promise<void> {
    const { host, manager, knowledge } = this.parts;
    const placement = knowledge.placement(task)?.context;
    const newest = placement === undefined ? undefined : knowledge.newestElsewhere(placement, manager);
    if (newest === undefined || newest.epoch !== announced.epoch || laterCheckpoint(newest, announced)) return;
    const { epoch, sequence, stateDigest, holders } = newest;
    try {
      await this.peers.fromManagers({ task, epoch, sequence, stateDigest }, holders);
      host.counters.add('store.caughtUp');
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
    }
  }

  /** From another manager, so that the ECU has to give no more than the increment. */
  private async bringBase({ task, epoch, baseSequence }: CheckpointManifest): Promise<boolean> {
    if (baseSequence === undefined) return false;
    const { host, manager, knowledge } = this.parts;
    const wanted = { task, epoch, sequence: baseSequence };
    const holders = knowledge.holdersElsewhere(wanted, task, manager);
    if (holders.length === 0) return false;
    try {
      await this.peers.fromManagers(wanted, holders);
      host.counters.add('checkpoint.baseFromManager');
      return true;
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return false;
    }
  }

  /** A checkpoint that came from another manager, or was mended: this one can rebuild it from now on. */
  private async brought(manifest: CheckpointManifest): Promise<void> {
    const known = this.stored.get(manifest.task) ?? [];
    const newest = known.at(-1);
    if (!known.some((order) => sameOrder(order, manifest))) {
      const all = [...known, orderOf(manifest)];
      this.stored.set(
        manifest.task,
        all.sort((one, other) => (laterCheckpoint(one, other) ? 1 : -1)),
      );
    }
    // What is older was said before, and this manager's last word should be its newest.
    if (newest !== undefined && laterCheckpoint(newest, manifest)) return;
    await this.sayStored(manifest);
  }

  /** While pages were pulled, old checkpoints may have been dropped with a page that this one was to share with them. */
  private async putOrMiss(manifest: CheckpointManifest, pages: Uint8Array): Promise<boolean | 'page-dropped'> {
    try {
      return (await this.room.put(manifest, pages)).stored;
    } catch (cause) {
      if (cause instanceof DroverError && cause.code === 'ERR_STORE_MISSING') return 'page-dropped';
      throw cause;
    }
  }

  private hasBase({ task, epoch, baseSequence }: CheckpointManifest): boolean {
    return baseSequence === undefined || this.parts.store.find(task, epoch, baseSequence) !== undefined;
  }

  private async wholeManifest(
    task: TaskName,
    { epoch, sequence, source }: AnnouncedCheckpoint,
  ): Promise<CheckpointManifest | undefined> {
    const request = encodeManifestRequest(envelope(this.parts.host, { kind: 'manifest', task, epoch, sequence }));
    const answer = decodeManifestAnswer(
      await this.parts.host.bus.request(ecuSubject.pages(source.mac), request, { timeoutUs: PULL_TIMEOUT_US }),
    );
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    const { body } = answer.value;
    if (body.kind === 'refused') {
      if (body.code === 'ERR_STORE_MISSING') return undefined;
      throw new DroverError(body.code, body.sentence);
    }
    return body.manifest;
  }

  private async pullPages(manifest: CheckpointManifest, missing: Uint32Array): Promise<Uint8Array | 'superseded'> {
    const pages = new Uint8Array(missing.length * PAGE_BYTES);
    for (let first = 0; first < missing.length; first += PAGES_PER_REQUEST) {
      const some = missing.subarray(first, first + PAGES_PER_REQUEST);
      const answer = await this.somePages(manifest, some);
      if (answer.kind === 'superseded') return 'superseded';
      if (answer.kind === 'refused') throw new DroverError(answer.code, answer.sentence);
      if (answer.pages.length !== some.length * PAGE_BYTES)
        throw new DroverError('ERR_WIRE_MALFORMED', 'the ECU gave another number of pages than was asked for');
      pages.set(answer.pages, first * PAGE_BYTES);
    }
    return pages;
  }

  /** Positions in the manifest become page indexes in memory: that is what the ECU serves by. */
  private async somePages(manifest: CheckpointManifest, some: Uint32Array): Promise<PageAnswer> {
    const { task, epoch, sequence, mac, pageIndexes } = manifest;
    const positions = some.map((position) => pageIndexes[position] as number);
    const request = encodePageRequest(envelope(this.parts.host, { kind: 'pages', task, epoch, sequence, positions }));
    const answer = decodePageAnswer(
      await this.parts.host.bus.request(ecuSubject.pages(mac), request, { timeoutUs: PULL_TIMEOUT_US }),
    );
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    return answer.value.body;
  }

  private async sayStored(manifest: CheckpointManifest): Promise<void> {
    const { host, manager } = this.parts;
    const { task, mac, programId, epoch, sequence } = manifest;
    const reference = { ...referenceTo(manifest), holders: [manager] };
    const notice = { kind: 'stored', manager, task, mac, programId, epoch, sequence, reference } as const;
    const bytes = encodeCheckpointNotice(envelope(host, notice));
    const answer = await host.bus.append(checkpointSubject.stored(mac, programId, manager), bytes, {
      timeoutUs: APPEND_TIMEOUT_US,
    });
    if (answer.kind !== 'appended' && answer.kind !== 'duplicate')
      throw new DroverError('ERR_BUS_TIMEOUT', 'the other managers could not be told', { retryable: true });
  }

  // ——— serving restore targets ———

  async serve(message: BusMessage): Promise<Uint8Array> {
    const { host } = this.parts;
    const manifest = decodeManifestRequest(message.payload);
    if (manifest.ok) {
      const { task, epoch, sequence } = manifest.value.body;
      const answer = await this.answering<ManifestAnswer>(async () => {
        const state = await this.rebuild(task, epoch, sequence);
        return { kind: 'manifest', manifest: foldManifest(state.manifest, state.pageDigests) };
      });
      return encodeManifestAnswer(envelope(host, answer));
    }
    const pages = decodePageRequest(message.payload);
    if (!pages.ok) {
      host.counters.add(`wire.${pages.error.kind}`);
      return encodePageAnswer(envelope(host, { kind: 'refused', code: pages.error.code, sentence: pages.error.sentence }));
    }
    const { task, epoch, sequence, positions } = pages.value.body;
    const answer = await this.answering<PageAnswer>(async () => ({
      kind: 'pages',
      pages: slicePages((await this.rebuild(task, epoch, sequence)).memory, positions),
    }));
    return encodePageAnswer(envelope(host, answer));
  }

  private async answering<A>(
    run: () => Promise<A>,
  ): Promise<A | { kind: 'refused'; code: DroverError['code']; sentence: string }> {
    try {
      return await run();
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return { kind: 'refused', code: cause.code, sentence: cause.message };
    }
  }

  /** Follows with the image where the pages are at hand, else rebuilds it once: the next increments need no store. */
  private keepImage(manifest: CheckpointManifest, pages: Uint8Array | undefined): void {
    if (this.images.stored(manifest, pages)) return;
    const { task, epoch, sequence } = manifest;
    this.parts.store.rebuild(task, epoch, sequence).then(
      (state) => {
        const newest = this.stored.get(task)?.at(-1);
        if (newest !== undefined && sameOrder(newest, manifest)) this.images.seed(state);
      },
      (cause: unknown) => this.parts.host.log.debug('the newest state could not be kept at hand', { task, epoch, cause }),
    );
  }

  private rebuild(task: TaskName, epoch: number, sequence: number): Promise<RebuiltState> {
    const key = `${task} ${epoch}.${sequence}`;
    const held = this.rebuilt.get(key);
    if (held !== undefined) return held;
    const image = this.images.find(task, { epoch, sequence });
    const state = image === undefined ? this.parts.store.rebuild(task, epoch, sequence) : Promise.resolve(image);
    this.rebuilt.set(key, state);
    state.catch(() => this.rebuilt.delete(key));
    for (const oldest of this.rebuilt.keys()) {
      if (this.rebuilt.size <= REBUILT_MAX) break;
      this.rebuilt.delete(oldest);
    }
    return state;
  }
}

const orderOf = ({ epoch, sequence }: CheckpointOrder): CheckpointOrder => ({ epoch, sequence });
const sameOrder = (a: CheckpointOrder, b: CheckpointOrder): boolean => a.epoch === b.epoch && a.sequence === b.sequence;

const referenceTo = ({ task, epoch, sequence, input, outputNumber, stateDigest }: CheckpointManifest) => ({
  task,
  epoch,
  sequence,
  input,
  outputNumber,
  stateDigest,
  holders: [],
});

function slicePages(memory: Uint8Array, indexes: Uint32Array): Uint8Array {
  const [first] = indexes;
  const last = indexes[indexes.length - 1];
  if (first === undefined || last === undefined) return new Uint8Array(0);
  if (indexes.some((index) => (index + 1) * PAGE_BYTES > memory.length))
    throw new DroverError('ERR_WIRE_MALFORMED', 'a page index is beyond the memory');
  if (last - first === indexes.length - 1) return memory.subarray(first * PAGE_BYTES, (last + 1) * PAGE_BYTES);
  const pages = new Uint8Array(indexes.length * PAGE_BYTES);
  for (const [order, index] of indexes.entries())
    pages.set(memory.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), order * PAGE_BYTES);
  return pages;
}

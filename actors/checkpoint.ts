/**
 * A manager's side of checkpointing: learns of checkpoints in the way that the fleet has chosen (`receiving.ts`), brings their
 * pages into its store at its own pace, and says what it stored; `checkpoint-serving.ts` gives it to whoever restores. What the
 * Checkpoint chart's effect means.
 *
 * Whatever the strategy (`receiving-ways.ts`), there is one way in: a manifest is heard of, announced or found by asking, and its
 * pages are brought, so that a bridge that knows `notify` alone is received all the same.
 *
 * Its cost is per wake-up and per commit rather than per byte, so what comes close together is done together:
 * Q1. Announcements are gathered for GATHER_US, or until there are GATHER_MAX, so that those of several tasks share commits and
 *     packets. Two of one task are not: a skipped increment costs a whole manifest.
 * Q2. The chart is told what changed, not every increment (DESIGN 3: pages are a hot path): one effect goes on for FOLLOW_US with the
 *     increments that the same instance announces meanwhile, and answers with the newest. Until the answer the record holds the
 *     effect, so whoever restarts pulls again. Each checkpoint is said to be stored as soon as it is, without waiting until
 *     the broker has confirmed the word; for that of the newest the answer waits.
 * Q3. What became durable is told to the chart with its next event, or alone after DURABLE_TELL_US. What must not wait for that
 *     (the fleet's knowledge, and what may be dropped) does not.
 * Q4. Old checkpoints are dropped several at a time.
 * Q5. What this manager stored is durable in its store; the stream only says so, and may forget it (`streams.ts` S4). So at its start and
 *     whenever its connection comes back it looks whether its newest word of each task still stands there, and says it again if not.
 * Q6. A pull that failed for want of an answer is tried again some times: of a task that stands still nothing newer will be announced.
 */
import { oldestToKeep } from '../src/domain/checkpoint/retention.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, laterCheckpoint } from '../src/domain/model/checkpoint.ts';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { decodeCheckpointNotice, encodeCheckpointNotice } from '../src/domain/protocol/codec-checkpoint.ts';
import { checkpointSubject } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Hasher } from '../src/ports/digest.ts';
import { FaultPoint } from '../src/ports/fault-points.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { AnnouncedCheckpoint, CheckpointEffect } from '../statecharts/checkpoint.machine.ts';
import { CheckpointNotices, HEARD_US } from './checkpoint-notices.ts';
import { CheckpointServing } from './checkpoint-serving.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host, isFaulty, planted } from './host.ts';
import type { BroughtPages } from './newest-images.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { PeerCheckpoints } from './peer-checkpoints.ts';
import { ReceivingWays } from './receiving-ways.ts';
import { StoreRoom } from './store-room.ts';

export interface CheckpointReceiverParts {
  readonly host: Host;
  /** This manager's short name. */
  readonly manager: string;
  readonly store: CheckpointStore;
  readonly knowledge: FleetKnowledge;
  readonly hasher: Hasher;
  /** How the fleet receives checkpoints; absent: it is notified. */
  readonly receive?: ReceivePolicy | undefined;
  /** The ECUs whose checkpoints are this manager's to keep; undefined: all. */
  readonly watched?: () => readonly Mac[] | undefined;
  /** To the Checkpoint chart of `task`. */
  readonly tell: (task: TaskName, event: ActorEvent) => void;
}

const APPEND_TIMEOUT_US = 2_000_000;
/** Attempts of one pull: without a page more than before, and in all. */
const PULL_ATTEMPTS_MAX = 3;
const PULL_ATTEMPTS_IN_ALL = 64;
/** Checkpoints that the ECU may have announced since this manager's newest, and that are no reason to ask others. */
const FAR_BEHIND = 8;
/** Older checkpoints kept besides the newest durable one, and how many more there may be before they are dropped together. */
const KEEP_BEFORE = 2;
const DROP_TOGETHER = 16;
const GATHER_US = 20_000;
const GATHER_MAX = 8;
const FOLLOW_US = 2_000_000;
/** Increments that may wait behind the one that is being pulled; above that only the newest is, whole. */
const FOLLOW_MAX = 4;
const DURABLE_TELL_US = 3_000_000;
/** Q6. As long as an ECU takes to be found dead, and longer. */
const PULL_AGAIN_US = 500_000;
const PULLS_AGAIN_MAX = 8;

/** An effect that goes on with what its instance announces next (Q2). */
interface Following {
  readonly of: AnnouncedCheckpoint;
  readonly queue: CheckpointManifest[];
  wake: () => void;
}

export class CheckpointReceiver {
  /** Brings what other managers hold into this one's store. */
  readonly peers: PeerCheckpoints;
  readonly pulling = new Set<TaskName>(); // a checkpoint of theirs is on its way into the store
  /** What restore targets are given. */
  readonly serving: CheckpointServing;
  private readonly parts: CheckpointReceiverParts;
  private readonly room: StoreRoom;
  /** The newest announcement of each task, with its page list. */
  private readonly announced = new Map<TaskName, CheckpointManifest>();
  /** Announcements that wait to be told together (Q1). */
  private readonly gathered = new Map<TaskName, CheckpointManifest>();
  /** The newest durable checkpoint of each task that its chart has not heard of (Q3). */
  private readonly durable = new Map<TaskName, CheckpointOrder>();
  /** The newest durable one ever heard of: what is not later is no news. */
  private readonly toldDurable = new Map<TaskName, CheckpointOrder>();
  private readonly following = new Map<TaskName, Following>();
  /** Pulls of the present effect that failed for want of an answer (Q6). */
  private readonly triedAgain = new Map<TaskName, CheckpointOrder & { readonly times: number }>();
  private gathering: Cancel | undefined;
  private tellingDurable: Cancel | undefined;
  /** Subjects on which this process says what it stored: what comes back on them is no news. */
  private readonly ownSubjects = new Set<string>();
  private readonly stored = new Map<TaskName, CheckpointOrder[]>();
  private isListening = false;
  private readonly ways: ReceivingWays;
  private readonly cancels: Cancel[] = [];
  private readonly notices: CheckpointNotices;

  constructor(parts: CheckpointReceiverParts) {
    this.parts = parts;
    const { host, watched = () => undefined } = parts;
    this.notices = new CheckpointNotices({ host, watched, heard: (message) => this.notice(message) });
    this.serving = new CheckpointServing(parts);
    this.room = new StoreRoom(parts);
    this.ways = new ReceivingWays({
      ...parts,
      newest: (task) => this.stored.get(task)?.at(-1),
      onFound: (manifest) => this.heard(manifest),
    });
    this.peers = new PeerCheckpoints({ ...parts, onBrought: (manifest) => this.brought(manifest) });
  }

  async start(): Promise<void> {
    const { manager, store, knowledge } = this.parts;
    for (const task of store.tasks()) {
      const newest = store.newest(task);
      if (newest === undefined) continue;
      this.stored.set(task, [newest]);
      knowledge.noteHolder(referenceTo(newest), manager);
    }
    await this.notices.listen();
    this.isListening = true;
    this.cancels.push(await this.ways.start());
  }

  /** Q5. */
  async sayAgain(): Promise<void> {
    const { host, manager, store, knowledge } = this.parts;
    for (const [task, orders] of this.stored) {
      const newest = orders.at(-1);
      const placement = knowledge.placement(task);
      if (newest === undefined || placement === undefined || placement.state === 'removed') continue;
      try {
        const manifest = store.find(task, newest.epoch, newest.sequence);
        if (manifest === undefined) continue;
        const said = await host.bus.readLast(checkpointSubject.stored(manifest.mac, manifest.programId, manager));
        if (said !== undefined && saysAtLeast(said.payload, manifest)) continue;
        await this.sayStored(manifest);
        host.counters.add('checkpoint.saidAgain');
      } catch (cause) {
        // Said with the next checkpoint, or when the connection comes back once more.
        host.log.info('what is stored could not be said again', { task, cause });
      }
    }
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
    this.notices.stop();
    this.gathering?.();
    this.tellingDurable?.();
    for (const following of this.following.values()) following.wake();
    this.following.clear();
  }

  /** Other ECUs are this manager's to keep the checkpoints of. */
  shareChanged(): void {
    this.notices.shareChanged();
  }

  /** What runs as this program, by the newest announcement of it. */
  taskOf(mac: Mac, programId: number): TaskName | undefined {
    for (const manifest of this.announced.values())
      if (manifest.mac === mac && manifest.programId === programId) return manifest.task;
    return undefined;
  }

  programOf(task: TaskName, owner: Incarnation | undefined): number | undefined {
    const newest = this.announced.get(task);
    return newest !== undefined && newest.mac === owner?.mac && newest.incarnation === owner.incarnation
      ? newest.programId
      : undefined;
  }

  // ——— hearing ———

  private notice(message: BusMessage): void {
    if (this.ownSubjects.has(message.subject)) return;
    const decoded = decodeCheckpointNotice(message.payload);
    if (!decoded.ok) {
      this.parts.host.counters.add(`wire.${decoded.error.kind}`);
      return;
    }
    const { body } = decoded.value;
    if (body.kind === 'announced') this.heardAnnounced(body.manifest, body.standbys);
    else if (body.kind === 'stored') this.heardStored(body.reference, body.manager, decoded.value.sentAtUs);
  }

  private heardAnnounced(manifest: CheckpointManifest, standbys: readonly Mac[]): void {
    const { host, knowledge } = this.parts;
    const { task, epoch } = manifest;
    if (epoch < (knowledge.placement(task)?.context.epoch ?? 0)) {
      host.counters.add('checkpoint.refusedEpoch');
      return;
    }
    knowledge.noteStandbys(task, standbys);
    // Where managers ask, they ask again soon enough; but what is new to them they take at once.
    if (this.ways.rules.announces || this.stored.get(task)?.at(-1)?.epoch !== epoch) this.heard(manifest);
  }

  /** Of a checkpoint, however it became known. */
  private heard(manifest: CheckpointManifest): void {
    const { task } = manifest;
    const before = this.gathered.get(task) ?? this.following.get(task)?.queue.at(-1) ?? this.announced.get(task);
    if (before !== undefined && !laterCheckpoint(manifest, before)) return;
    if (this.gathered.has(task)) this.tellGathered();
    this.gather(manifest);
  }

  private gather(manifest: CheckpointManifest): void {
    const { task } = manifest;
    const waiting = this.gathered.get(task);
    if (waiting === undefined || laterCheckpoint(manifest, waiting)) this.gathered.set(task, manifest);
    if (this.gathered.size >= GATHER_MAX) this.tellGathered();
    else this.gathering ??= this.parts.host.clock.after(GATHER_US, () => this.tellGathered());
  }

  private tellGathered(): void {
    this.gathering?.();
    this.gathering = undefined;
    const gathered = new Map(this.gathered);
    this.gathered.clear();
    for (const manifest of gathered.values()) if (!this.follows(manifest)) this.tellAnnounced(manifest);
  }

  /** Whether an effect that is under way takes it. */
  private follows(manifest: CheckpointManifest): boolean {
    const following = this.following.get(manifest.task);
    if (following === undefined || !sameInstance(following.of, manifest)) return false;
    if (following.queue.push(manifest) > FOLLOW_MAX) following.queue.splice(0, following.queue.length - 1);
    following.wake();
    return true;
  }

  private tellAnnounced(manifest: CheckpointManifest): void {
    this.announced.set(manifest.task, manifest);
    const { task, epoch, sequence } = manifest;
    const checkpoint = announcementOf(manifest);
    this.parts.tell(task, {
      type: 'CHECKPOINT.ANNOUNCED',
      id: `announced:${epoch}.${sequence}`,
      checkpoint,
      ...this.newlyDurable(task),
    });
  }

  private newlyDurable(task: TaskName): { readonly durable?: CheckpointOrder } {
    const durable = this.durable.get(task);
    this.durable.delete(task);
    return durable === undefined ? {} : { durable };
  }

  private heardStored(reference: Parameters<FleetKnowledge['noteHolder']>[0], manager: string, storedAtUs: number): void {
    const { host, knowledge } = this.parts;
    knowledge.noteHolder(reference, manager, storedAtUs);
    const { task } = reference;
    const quorum = knowledge.placement(task)?.context.spec?.checkpoint.quorum ?? Number.POSITIVE_INFINITY;
    const durable = knowledge.newestDurable(task, quorum);
    const told = this.toldDurable.get(task);
    if (durable === undefined || (told !== undefined && !laterCheckpoint(durable, told))) return;
    this.toldDurable.set(task, orderOf(durable));
    this.durable.set(task, orderOf(durable));
    this.tellingDurable ??= host.clock.after(DURABLE_TELL_US, () => this.tellDurable());
    void this.forgetOld(task, durable);
  }

  private tellDurable(): void {
    this.tellingDurable = undefined;
    for (const [task, { epoch, sequence }] of this.durable)
      this.parts.tell(task, {
        type: 'CHECKPOINT.DURABLE',
        id: `durable:${epoch}.${sequence}`,
        checkpoint: { epoch, sequence },
      });
    this.durable.clear();
  }

  private async forgetOld(task: TaskName, durable: CheckpointOrder): Promise<void> {
    this.room.noteDurable(task, orderOf(durable));
    const known = this.stored.get(task) ?? [];
    if (known.length <= KEEP_BEFORE + DROP_TOGETHER) return;
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
    // A pull that an earlier start of this manager left open.
    if (!this.isListening) return { kind: 'again', afterUs: HEARD_US };
    const { task, checkpoint } = open.effect as CheckpointEffect;
    const following: Following = { of: checkpoint, queue: [], wake: () => {} };
    this.following.set(task, following);
    const untilUs = this.parts.host.clock.monotonicUs() + FOLLOW_US;
    let wanted = checkpoint;
    try {
      for (;;) {
        if (isFaulty(this.parts.host)) await this.parts.host.faults.reach(FaultPoint.beforePull);
        this.pulling.add(task);
        const manifest = await this.pull(task, wanted, open).finally(() => this.pulling.delete(task));
        if (manifest === undefined) return failed(wanted, 'the ECU no longer has it', false);
        const said = this.sayStored(manifest);
        // Where it is not the last one, the next one says more.
        said.catch(() => this.parts.host.counters.add('checkpoint.wordLost'));
        const next = await this.nextToFollow(following, untilUs, open);
        this.triedAgain.delete(task);
        if (next === undefined) {
          await said;
          const event = { type: 'CHECKPOINT.PULLED', checkpoint: orderOf(manifest), ...this.newlyDurable(task) };
          return { kind: 'event', event };
        }
        this.announced.set(task, next);
        wanted = announcementOf(next);
      }
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      this.parts.host.counters.add(`checkpoint.pullFailed.${cause.code}`);
      const why = { task, epoch: wanted.epoch, code: cause.code, why: cause.message };
      if (cause.retryable && this.mayTryAgain(task, checkpoint)) {
        this.parts.host.log.info('a checkpoint could not be pulled yet', why);
        return { kind: 'again', afterUs: PULL_AGAIN_US };
      }
      this.parts.host.log.warn('a checkpoint could not be pulled', why);
      return failed(wanted, cause.message, cause.code === 'ERR_STORE_CORRUPT');
    } finally {
      this.unfollow(task, following);
    }
  };

  /** Q6. */
  private mayTryAgain(task: TaskName, { epoch, sequence, source }: AnnouncedCheckpoint): boolean {
    if (this.parts.knowledge.isGone(source)) return false;
    const before = this.triedAgain.get(task);
    const times = before !== undefined && sameOrder(before, { epoch, sequence }) ? before.times : 0;
    this.triedAgain.set(task, { epoch, sequence, times: times + 1 });
    return times < PULLS_AGAIN_MAX;
  }

  /** What the instance announced meanwhile, or announces until `untilUs`; undefined when it is time to answer. */
  private async nextToFollow(following: Following, untilUs: number, open: OpenEffect): Promise<CheckpointManifest | undefined> {
    const { clock } = this.parts.host;
    const { task } = open.effect as CheckpointEffect;
    const isCurrent = (): boolean => open.wanted() && this.following.get(task) === following;
    const leftUs = untilUs - clock.monotonicUs();
    if (following.queue.length === 0 && leftUs > 0 && isCurrent()) {
      await new Promise<void>((resolve) => {
        const late = clock.after(leftUs, resolve);
        following.wake = () => {
          late();
          resolve();
        };
      });
    }
    return leftUs > 0 && isCurrent() ? following.queue.shift() : undefined;
  }

  /** What was announced to this effect and not pulled by it goes to the chart, after the answer. */
  private unfollow(task: TaskName, following: Following): void {
    if (this.following.get(task) !== following) return;
    this.following.delete(task);
    const newest = following.queue.at(-1);
    if (newest !== undefined) this.gather(newest);
  }

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
    // Pages that came before a newer checkpoint cut a pull short are at hand in the next attempt: no page is asked for twice.
    for (let attempt = 0, idle = 0; attempt < PULL_ATTEMPTS_IN_ALL && idle < PULL_ATTEMPTS_MAX && open.wanted(); attempt++) {
      manifest ??= await this.ways.wholeManifest(task, checkpoint);
      if (manifest === undefined) return undefined;
      const missing = this.parts.store.missing(manifest);
      const { pages, superseded, pulled } = await this.ways.bringPages(manifest, missing);
      idle = pulled > 0 ? 0 : idle + 1;
      if (superseded) {
        manifest = undefined;
        continue;
      }
      if (isFaulty(this.parts.host)) await this.parts.host.faults.reach(FaultPoint.beforeStore);
      if (planted(this.parts.host, 'say-stored-early')) return manifest;
      const stored = await this.putOrMiss(manifest, pages);
      if (stored === 'page-dropped') continue;
      if (isFaulty(this.parts.host)) await this.parts.host.faults.reach(FaultPoint.afterStore);
      if (stored) {
        this.noteStored(manifest);
        this.ways.stored(task, manifest);
        this.putAtHand(manifest, { positions: missing, pages });
        return manifest;
      }
      // Its chain is not whole here: another manager may have what is missing, else the ECU gives the whole state.
      if (!mended && (await this.bringBase(manifest))) mended = true;
      else manifest = undefined;
    }
    return undefined;
  }

  private putAtHand(manifest: CheckpointManifest, brought: BroughtPages): void {
    this.serving.stored(manifest, brought, () => {
      const newest = this.stored.get(manifest.task)?.at(-1);
      return newest !== undefined && sameOrder(newest, manifest);
    });
  }

  private noteStored(manifest: CheckpointManifest): void {
    const { task } = manifest;
    const before = this.stored.get(task) ?? [];
    const newest = before.at(-1);
    // Pulled again after its word could not be given, it is here already.
    const known = newest !== undefined && sameOrder(newest, manifest) ? before : [...before, orderOf(manifest)];
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
    if (mine === undefined || mine.epoch !== epoch) return true;
    // Between two rounds of asking any number of checkpoints is taken.
    return this.ways.rules.announces && sequence - mine.sequence > FAR_BEHIND;
  }

  private async bringNewest(task: TaskName, announced: CheckpointOrder): Promise<void> {
    const { host, manager, knowledge } = this.parts;
    const placement = knowledge.placement(task)?.context;
    const newest = placement === undefined ? undefined : knowledge.newestElsewhere(placement, manager);
    if (newest === undefined || newest.epoch !== announced.epoch) return;
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

  private async sayStored(manifest: CheckpointManifest): Promise<void> {
    const { host, manager } = this.parts;
    const { task, mac, programId, epoch, sequence } = manifest;
    const reference = { ...referenceTo(manifest), holders: [manager] };
    const notice = { kind: 'stored', manager, task, mac, programId, epoch, sequence, reference } as const;
    const said = envelope(host, notice);
    const subject = checkpointSubject.stored(mac, programId, manager);
    this.ownSubjects.add(subject);
    const answer = await host.bus.append(subject, encodeCheckpointNotice(said), { timeoutUs: APPEND_TIMEOUT_US });
    // Whether or not the others hear of it: it is here.
    this.heardStored(reference, manager, said.sentAtUs);
    if (answer.kind !== 'appended' && answer.kind !== 'duplicate')
      throw new DroverError('ERR_BUS_TIMEOUT', 'the other managers could not be told', { retryable: true });
  }
}

/** Whether a word of this manager's is about this checkpoint or a later one of its task. */
function saysAtLeast(payload: Uint8Array, manifest: CheckpointManifest): boolean {
  const notice = decodeCheckpointNotice(payload);
  if (!notice.ok || notice.value.body.kind !== 'stored') return false;
  const { task, epoch, sequence } = notice.value.body;
  return task === manifest.task && !laterCheckpoint(manifest, { epoch, sequence });
}

const failed = ({ epoch, sequence }: CheckpointOrder, reason: string, damaged: boolean): EffectOutcome => ({
  kind: 'event',
  event: { type: 'PULL.FAILED', checkpoint: { epoch, sequence }, reason, damaged },
});

const announcementOf = ({ epoch, sequence, mac, incarnation, programId }: CheckpointManifest): AnnouncedCheckpoint => ({
  epoch,
  sequence,
  source: { mac, incarnation },
  programId,
});

const sameInstance = (of: AnnouncedCheckpoint, { epoch, mac, incarnation, programId }: CheckpointManifest): boolean =>
  of.epoch === epoch && of.source.mac === mac && of.source.incarnation === incarnation && of.programId === programId;

const orderOf = ({ epoch, sequence }: CheckpointOrder): CheckpointOrder => ({ epoch, sequence });
const sameOrder = (a: CheckpointOrder, b: CheckpointOrder): boolean => a.epoch === b.epoch && a.sequence === b.sequence;

const referenceTo = ({ task, epoch, sequence, input, outputNumber, stateDigest, needs }: CheckpointManifest) => ({
  task,
  epoch,
  sequence,
  input,
  outputNumber,
  stateDigest,
  holders: [],
  ...(needs === undefined ? {} : { needs }),
});

/**
 * What the fleet's receiving strategy means to a manager: when it asks by itself, whether it listens for pushed pages, and where the
 * pages of a checkpoint come from. Behind this nothing knows of strategies: what is at hand is taken, and the rest is pulled.
 */
import { RECEIVE_DEFAULT, type ReceivingRules, receivingRules } from '../src/domain/checkpoint/receiving.ts';
import {
  type CheckpointManifest,
  type CheckpointOrder,
  DIGEST_BYTES,
  laterCheckpoint,
  PAGE_BYTES,
} from '../src/domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { decodePagesPushed } from '../src/domain/protocol/codec-checkpoint.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { AnnouncedCheckpoint } from '../statecharts/checkpoint.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import { IntervalAsking } from './interval-asking.ts';
import { PAGES_PER_REQUEST, PagePull, type PageServer } from './page-pull.ts';
import { PagesAtHand } from './pages-at-hand.ts';

export interface ReceivingWaysParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  readonly hasher: Hasher;
  /** Absent: the fleet is notified. */
  readonly receive?: ReceivePolicy | undefined;
  /** The newest checkpoint of a task in this manager's store. */
  readonly newest: (task: TaskName) => CheckpointOrder | undefined;
  /** A checkpoint that nobody announced. */
  readonly onFound: (manifest: CheckpointManifest) => void;
}

/** The pages at the positions asked for; not all of them where a newer checkpoint has replaced this one. */
export interface BroughtPages {
  readonly pages: Uint8Array;
  readonly superseded: boolean;
  /** So many were not at hand and came. */
  readonly pulled: number;
}

const PULL_TIMEOUT_US = 1_000_000;
/** Pages in memory that are not stored yet: pushed ones, and those of pulls that were cut short. */
const AT_HAND_BYTES_MAX = 64 * 1024 * 1024;

export class ReceivingWays {
  private readonly parts: ReceivingWaysParts;
  private readonly pull: PagePull;
  private readonly atHand: PagesAtHand;
  private readonly asking: IntervalAsking;
  private hearingPushed: Cancel | undefined;

  constructor(parts: ReceivingWaysParts) {
    this.parts = parts;
    this.pull = new PagePull(parts);
    this.atHand = new PagesAtHand({ hasher: parts.hasher, bytesMax: AT_HAND_BYTES_MAX });
    this.asking = new IntervalAsking({ ...parts, pull: this.pull });
  }

  /** Follows the fleet's choice until it is cancelled. */
  async start(): Promise<Cancel> {
    const unfollow = await this.parts.receive?.follow(() => this.strategyChanged());
    return () => {
      unfollow?.();
      this.stopListening();
    };
  }

  get rules(): ReceivingRules {
    return receivingRules(this.parts.receive?.current() ?? RECEIVE_DEFAULT);
  }

  private strategyChanged(): void {
    const { pushes, asksEveryUs } = this.rules;
    this.stopListening();
    this.asking.set(asksEveryUs);
    if (pushes)
      this.hearingPushed = this.parts.host.bus.subscribe(ecuSubject.allPushed, (message) => this.heardPushed(message));
  }

  /** Announcements are heard as ever: that is not this one's business. */
  private stopListening(): void {
    this.asking.set(undefined);
    this.hearingPushed?.();
    this.hearingPushed = undefined;
  }

  private heardPushed(message: BusMessage): void {
    const { host, knowledge, newest } = this.parts;
    const decoded = decodePagesPushed(message.payload);
    if (!decoded.ok) {
      host.counters.add(`wire.${decoded.error.kind}`);
      return;
    }
    const { body } = decoded.value;
    const stored = newest(body.task);
    const isOld = stored !== undefined && !laterCheckpoint(body, stored);
    if (isOld || body.epoch < (knowledge.placement(body.task)?.context.epoch ?? 0)) return;
    const dropped = this.atHand.add(body.task, body, body.pages);
    if (dropped > 0) host.counters.add('checkpoint.pushedDropped', dropped);
  }

  /** The ECU's newest state as one full checkpoint, or undefined when it has none as new as this. */
  wholeManifest(task: TaskName, { epoch, sequence, source }: AnnouncedCheckpoint): Promise<CheckpointManifest | undefined> {
    return this.pull.manifest(serverOf(source.mac), { task, epoch, sequence });
  }

  /** The pages at these places in the manifest's lists: what is at hand, and for the rest the ECU is asked. */
  async bringPages(manifest: CheckpointManifest, missing: Uint32Array): Promise<BroughtPages> {
    const { task, mac, pageDigests } = manifest;
    if (missing.length <= PAGES_PER_REQUEST && !this.atHand.has(task)) return this.bringInOne(manifest, missing);
    const pages = new Uint8Array(missing.length * PAGE_BYTES);
    const orders: number[] = [];
    for (const [order, position] of missing.entries()) {
      const page = this.atHand.find(task, pageDigests.subarray(position * DIGEST_BYTES, (position + 1) * DIGEST_BYTES));
      if (page === undefined) orders.push(order);
      else pages.set(page, order * PAGE_BYTES);
    }
    if (orders.length < missing.length) this.parts.host.counters.add('checkpoint.pagesAtHand', missing.length - orders.length);
    const positions = Uint32Array.from(orders, (order) => missing[order] as number);
    const came: number[] = [];
    const take = (page: Uint8Array, nth: number): void => {
      const order = orders[nth] as number;
      pages.set(page, order * PAGE_BYTES);
      came.push(order);
    };
    const got = await this.pull.pages(serverOf(mac), { manifest, positions }, take, { oneByOne: true });
    if (!got)
      for (const order of came) this.atHand.add(task, manifest, pages.slice(order * PAGE_BYTES, (order + 1) * PAGE_BYTES));
    return { pages, superseded: !got, pulled: came.length };
  }

  /** As nearly always: nothing is at hand, and one request brings it. */
  private async bringInOne(manifest: CheckpointManifest, positions: Uint32Array): Promise<BroughtPages> {
    if (positions.length === 0) return { pages: NONE, superseded: false, pulled: 0 };
    const pages = await this.pull.inOne(serverOf(manifest.mac), { manifest, positions });
    return { pages: pages ?? NONE, superseded: pages === undefined, pulled: pages === undefined ? 0 : positions.length };
  }

  /** What this one and earlier ones left at hand is of no use any more. */
  stored(task: TaskName, order: CheckpointOrder): void {
    this.atHand.stored(task, order);
  }
}

const NONE = new Uint8Array(0);
const serverOf = (mac: Mac): PageServer => ({ subject: ecuSubject.pages(mac), timeoutUs: PULL_TIMEOUT_US });

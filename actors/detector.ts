/**
 * Watches the ECUs of the fleet, both ways (DESIGN 6): the broker's disconnect events, and phi-accrual on heartbeats. A hot
 * path: heartbeats touch typed arrays only, and the Ecu charts are told nothing but changes.
 *
 * W1. A disconnect and a high phi are suspicions; a heartbeat of the same incarnation ends one.
 * W2. While this manager's own connection is down it is blind: the detector is frozen, and learns anew after.
 * W3. Above a number of simultaneous suspicions the broker is suspected first.
 * W5. Who is put to sleep is silent, and is not watched until it is to be awake again. Only what is certain of its death is believed.
 * W4. A manager that starts into silence is probably part of a fleet that starts as a whole: an ECU that it has never heard is
 *     given time to come, unless some ECU beats on in the incarnation it had before, which tells that the fleet ran all the
 *     time.
 */
import { judgeSuspicions } from '../src/domain/detection/broker-suspicion.ts';
import { PhiAccrualDetector } from '../src/domain/detection/phi-accrual.ts';
import { thresholdsOf } from '../src/domain/detection/thresholds.ts';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import { decodeGoodbye } from '../src/domain/protocol/codec-ecu.ts';
import { decodeHeartbeat } from '../src/domain/protocol/codec-heartbeat.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, planted } from './host.ts';

export interface DetectorParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  /** Whether this manager watches the ECU; without it, all of them. */
  readonly watches?: (mac: Mac) => boolean;
  /** What shows, at once and for certain, that this incarnation is dead; undefined: nothing does. */
  readonly certainDeath: (owner: Incarnation) => string | undefined;
  /** To the Ecu chart of `mac`. */
  readonly tell: (mac: Mac, event: ActorEvent) => void;
}

interface Watched {
  readonly mac: Mac;
  readonly index: number;
  /** Where heartbeats are heard one ECU at a time. */
  readonly deafen: Cancel | undefined;
  /** It is known from the inventory alone, as long as it was not heard. */
  readonly expected: boolean;
  incarnation: number;
  sequence: number;
  suspectedAtUs: number | undefined;
}

const SCAN_US = 20_000;
const DEFAULT_HEARTBEAT_US = 100_000;
/** W4. Longer than a whole fleet takes to start on a busy machine. */
const START_GRACE_US = 5_000_000;
/** Grace after a suspicion that nobody can confirm: this many announced intervals, at least GRACE_MS_MIN. */
const GRACE_INTERVALS = 3;
const GRACE_MS_MIN = 200;
const BRIDGE_CLIENT = /^bridge\.([0-9a-f]{12})#(\d+)$/;

export class Detector {
  private readonly parts: DetectorParts;
  private readonly phi = new PhiAccrualDetector();
  private readonly watched = new Map<Mac, Watched>();
  private readonly byIndex = new Map<number, Watched>();
  private suspects = new Uint32Array(64);
  private readonly cancels: Cancel[] = [];
  private suspicions = 0;
  private brokerAnsweredAtUs: number | undefined;
  private startedAtUs = 0;
  /** W4: an ECU of the inventory beats in the incarnation that stands there. */
  private fleetRan = false;
  private scanning: Cancel | undefined;
  private hearingAll: Cancel | undefined;
  private whole = true;

  constructor(parts: DetectorParts) {
    this.parts = parts;
  }

  start(): void {
    const { bus, clock } = this.parts.host;
    this.startedAtUs = clock.monotonicUs();
    this.cancels.push(
      bus.subscribe(ecuSubject.allGoodbyes, (message) => this.goodbye(message)),
      bus.onConnection((connected) => this.connectionChanged(connected)),
    );
    if (bus.clientEvents !== undefined) {
      this.cancels.push(bus.clientEvents.onDisconnect(({ name, reason }) => this.clientLeft(name, reason)));
    }
    this.listen();
    this.scanLater();
  }

  /** To all heartbeats, or, where a fleet is shared out, to those of the ECUs that are watched here. */
  setWhole(whole: boolean): void {
    if (whole === this.whole) return;
    this.whole = whole;
    this.listen();
    for (const watched of [...this.watched.values()]) {
      watched.deafen?.();
      const { mac } = watched;
      const heard = { ...watched, deafen: this.hear(mac) };
      this.watched.set(mac, heard);
      this.byIndex.set(watched.index, heard);
    }
  }

  private listen(): void {
    const { bus } = this.parts.host;
    this.hearingAll?.();
    this.hearingAll = this.whole ? bus.subscribe(ecuSubject.allHeartbeats, (message) => this.heartbeat(message)) : undefined;
  }

  private hear(mac: Mac): Cancel | undefined {
    if (this.whole) return undefined;
    return this.parts.host.bus.subscribe(ecuSubject.heartbeat(mac), (message) => this.heartbeat(message));
  }

  stop(): void {
    this.scanning?.();
    this.hearingAll?.();
    for (const { deafen } of this.watched.values()) deafen?.();
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  /** An ECU of the inventory that this manager has not heard of since it started: watched as if it had just beaten. */
  expect(mac: Mac, incarnation: number): void {
    if (!this.watched.has(mac)) this.appeared(mac, incarnation, undefined, true);
  }

  /** Another manager watches it from now on. */
  leave(mac: Mac): void {
    const watched = this.watched.get(mac);
    if (watched !== undefined) this.unwatch(watched);
  }

  private heartbeat(message: BusMessage): void {
    const beat = decodeHeartbeat(message.payload);
    if (!beat.ok) {
      this.parts.host.counters.add(`wire.${beat.error.kind}`);
      return;
    }
    const { mac, incarnation, sequence } = beat.value.body;
    if (this.parts.watches?.(mac) === false) return;
    const nowUs = this.parts.host.clock.monotonicUs();
    this.brokerAnsweredAtUs = nowUs;
    const known = this.watched.get(mac);
    const watched = known === undefined || incarnation > known.incarnation ? this.appeared(mac, incarnation, known) : known;
    if (incarnation < watched.incarnation) {
      this.parts.host.counters.add('detector.staleHeartbeat');
      return;
    }
    if (watched.expected) this.fleetRan = true;
    const missed = watched.sequence === 0 ? 0 : Math.max(0, sequence - watched.sequence - 1);
    watched.sequence = Math.max(watched.sequence, sequence);
    this.phi.heartbeat(watched.index, nowUs, missed);
    if (watched.suspectedAtUs !== undefined || this.parts.knowledge.ecu(mac)?.state === 'failed')
      this.showedLife(watched, sequence);
  }

  private appeared(mac: Mac, incarnation: number, known: Watched | undefined, expected = false): Watched {
    if (known !== undefined) this.unwatch(known);
    const watched = this.watch(mac, incarnation, expected);
    const graceMs = Math.max(GRACE_MS_MIN, Math.round((GRACE_INTERVALS * this.announcedUs(mac)) / 1000));
    this.parts.tell(mac, { type: 'ECU.APPEARED', id: `appeared:${incarnation}`, incarnation, graceMs });
    return watched;
  }

  private showedLife(watched: Watched, sequence: number): void {
    const { mac, incarnation } = watched;
    watched.suspectedAtUs = undefined;
    if (planted(this.parts.host, 'act-on-stale-suspicion')) return;
    this.parts.tell(mac, { type: 'ECU.SHOWED_LIFE', id: `life:${incarnation}:${sequence}`, incarnation });
  }

  private goodbye(message: BusMessage): void {
    const decoded = decodeGoodbye(message.payload);
    if (!decoded.ok) {
      this.parts.host.counters.add(`wire.${decoded.error.kind}`);
      return;
    }
    const { mac, incarnation, reason } = decoded.value.body;
    if (this.parts.watches?.(mac) === false) return;
    const watched = this.watched.get(mac);
    if (watched?.incarnation === incarnation) this.unwatch(watched);
    this.parts.tell(mac, { type: 'ECU.SAID_GOODBYE', id: `goodbye:${incarnation}`, incarnation, reason: `it left: ${reason}` });
  }

  private clientLeft(name: string, reason: string): void {
    const match = BRIDGE_CLIENT.exec(name);
    const mac = match?.[1] ?? '';
    const watched = this.watched.get(mac);
    const incarnation = Number(match?.[2]);
    const isAsleep = this.parts.knowledge.index.sleeps(mac) && this.parts.watches?.(mac) !== false;
    if (watched === undefined ? !isAsleep : incarnation !== watched.incarnation) return;
    const death = this.parts.certainDeath({ mac, incarnation });
    if (death === undefined && watched !== undefined) this.suspect(watched, `its connection ended (${reason})`);
    else if (death !== undefined)
      this.parts.tell(mac, { type: 'DEATH.CONFIRMED', id: `died:${incarnation}`, incarnation, reason: death });
  }

  private scanLater(): void {
    this.scanning = this.parts.host.clock.after(SCAN_US, () => {
      this.scan();
      this.scanLater();
    });
  }

  private scan(): void {
    const nowUs = this.parts.host.clock.monotonicUs();
    if (this.suspects.length < this.watched.size) this.suspects = new Uint32Array(this.watched.size * 2);
    const count = this.phi.suspects(nowUs, this.suspects);
    for (let at = 0; at < count; at++) {
      const watched = this.byIndex.get(this.suspects[at] as number);
      if (watched === undefined || this.mayStillCome(watched, nowUs)) continue;
      // W5.
      if (this.parts.knowledge.index.sleeps(watched.mac)) this.unwatch(watched);
      else this.suspect(watched, 'its heartbeats stopped');
    }
  }

  /** W4. */
  private mayStillCome({ expected, sequence }: Watched, nowUs: number): boolean {
    return expected && sequence === 0 && !this.fleetRan && nowUs - this.startedAtUs < START_GRACE_US;
  }

  private suspect(watched: Watched, reason: string): void {
    const { mac, incarnation } = watched;
    const nowUs = this.parts.host.clock.monotonicUs();
    watched.suspectedAtUs ??= nowUs;
    const suspectedAtUs = [...this.watched.values()].flatMap((one) =>
      one.suspectedAtUs === undefined ? [] : [one.suspectedAtUs],
    );
    const picture = { nowUs, suspectedAtUs, watchedCount: this.watched.size, brokerAnsweredAtUs: this.brokerAnsweredAtUs };
    const verdict = judgeSuspicions(picture);
    if (verdict.kind === 'broker' && !this.parts.host.bus.connected()) {
      this.parts.host.counters.add('detector.brokerSuspected');
      return;
    }
    this.parts.host.counters.add('detector.suspicions');
    this.parts.tell(mac, {
      type: 'ECU.SUSPECTED',
      id: `suspected:${incarnation}:${this.parts.host.incarnation}.${++this.suspicions}`,
      incarnation,
      reason,
    });
  }

  private connectionChanged(connected: boolean): void {
    if (connected) this.phi.learnAnew(this.parts.host.clock.monotonicUs());
    else this.phi.freeze();
  }

  private watch(mac: Mac, incarnation: number, expected: boolean): Watched {
    const ecuClass = this.parts.knowledge.descriptions.get(mac)?.ecuClass ?? 'default';
    const nowUs = this.parts.host.clock.monotonicUs();
    const index = this.phi.add({ announcedUs: this.announcedUs(mac), thresholds: thresholdsOf(ecuClass), nowUs });
    const watched: Watched = {
      mac,
      index,
      deafen: this.hear(mac),
      expected,
      incarnation,
      sequence: 0,
      suspectedAtUs: undefined,
    };
    this.watched.set(mac, watched);
    this.byIndex.set(index, watched);
    return watched;
  }

  private unwatch({ mac, index, deafen }: Watched): void {
    deafen?.();
    this.phi.remove(index);
    this.watched.delete(mac);
    this.byIndex.delete(index);
  }

  private announcedUs(mac: Mac): number {
    return this.parts.knowledge.descriptions.get(mac)?.heartbeatIntervalUs ?? DEFAULT_HEARTBEAT_US;
  }
}

/**
 * Which managers live: by the broker's disconnect events at once, by a lease on their heartbeats otherwise. A manager that is
 * wrongly taken for gone loses nothing: takeover is a compare-and-set, and its next heartbeat brings it back.
 */
import { decodeManagerHeartbeat, encodeManagerHeartbeat } from '../src/domain/protocol/codec-manager.ts';
import { managerSubject } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host } from './host.ts';

export interface PeersParts {
  readonly host: Host;
  readonly manager: string;
  readonly knowledge: FleetKnowledge;
  readonly onGone: (manager: string) => void;
  /** Others are alive than before. */
  readonly onChanged: () => void;
}

const HEARTBEAT_US = 100_000;
/** How long a manager that says nothing keeps its records. */
export const MANAGER_LEASE_US = 600_000;
const MANAGER_CLIENT = /^manager\.([A-Za-z0-9_-]+)#(\d+)$/;

export class Peers {
  private readonly parts: PeersParts;
  private readonly lastBeat = new Map<string, { atUs: number; incarnation: number }>();
  private readonly cancels: Cancel[] = [];
  private beating: Cancel | undefined;
  private sequence = 0;

  constructor(parts: PeersParts) {
    this.parts = parts;
  }

  start(): void {
    const { bus } = this.parts.host;
    this.cancels.push(
      bus.subscribe(managerSubject.allHeartbeats, (message) => this.heard(message)),
      bus.onConnection((connected) => {
        if (connected) this.forgive();
      }),
    );
    if (bus.clientEvents !== undefined) this.cancels.push(bus.clientEvents.onDisconnect(({ name }) => this.clientLeft(name)));
    this.beat();
  }

  stop(): void {
    this.beating?.();
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  /** A manager that records name but that has not been heard since this one started. */
  expect(manager: string): void {
    if (manager === this.parts.manager || this.lastBeat.has(manager)) return;
    this.lastBeat.set(manager, { atUs: this.parts.host.clock.monotonicUs(), incarnation: 0 });
    this.parts.onChanged();
  }

  all(): { readonly id: string; readonly alive: boolean }[] {
    const others = [...this.lastBeat.keys()].map((id) => ({ id, alive: !this.parts.knowledge.deadManagers.has(id) }));
    return [{ id: this.parts.manager, alive: true }, ...others].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  living(): string[] {
    return this.all().flatMap(({ id, alive }) => (alive ? [id] : []));
  }

  private heard(message: BusMessage): void {
    const beat = decodeManagerHeartbeat(message.payload);
    if (!beat.ok) {
      this.parts.host.counters.add(`wire.${beat.error.kind}`);
      return;
    }
    const { manager, incarnation } = beat.value.body;
    if (manager === this.parts.manager) return;
    const isNew = !this.lastBeat.has(manager);
    this.lastBeat.set(manager, { atUs: this.parts.host.clock.monotonicUs(), incarnation });
    if (this.parts.knowledge.deadManagers.delete(manager) || isNew) this.parts.onChanged();
  }

  private clientLeft(name: string): void {
    const match = MANAGER_CLIENT.exec(name);
    const manager = match?.[1];
    if (manager === undefined || manager === this.parts.manager) return;
    const beat = this.lastBeat.get(manager);
    if (beat !== undefined && beat.incarnation > Number(match?.[2])) return;
    this.gone(manager);
  }

  private beat(): void {
    const { host, manager } = this.parts;
    const heartbeat = { kind: 'manager-heartbeat', manager, incarnation: host.incarnation, sequence: ++this.sequence } as const;
    host.bus.publish(managerSubject.heartbeat(manager), encodeManagerHeartbeat(envelope(host, heartbeat)));
    this.checkLeases();
    this.beating = host.clock.after(HEARTBEAT_US, () => this.beat());
  }

  private checkLeases(): void {
    if (!this.parts.host.bus.connected()) return;
    const nowUs = this.parts.host.clock.monotonicUs();
    for (const [manager, { atUs }] of this.lastBeat) if (nowUs - atUs > MANAGER_LEASE_US) this.gone(manager);
  }

  private gone(manager: string): void {
    if (this.parts.knowledge.deadManagers.has(manager)) return;
    this.parts.knowledge.deadManagers.add(manager);
    this.parts.host.counters.add('peers.gone');
    this.parts.host.log.warn('a manager is gone', { manager });
    this.parts.onChanged();
    this.parts.onGone(manager);
  }

  /** One's own connection was down: nobody's silence meant anything. */
  private forgive(): void {
    const nowUs = this.parts.host.clock.monotonicUs();
    for (const beat of this.lastBeat.values()) beat.atUs = nowUs;
  }
}

/** What every actor of one process shares: who it is, and its way to the world. */
import type { Rng } from '../src/domain/kernel/rng.ts';
import type { HostId } from '../src/domain/model/ids.ts';
import type { Envelope } from '../src/domain/protocol/messages.ts';
import type { FleetNames } from '../src/domain/protocol/subjects.ts';
import type { Bus } from '../src/ports/bus.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Compression } from '../src/ports/compression.ts';
import type { Counters } from '../src/ports/counters.ts';
import { type FaultPoints, NO_FAULT_POINTS } from '../src/ports/fault-points.ts';
import type { LocalPath } from '../src/ports/local-path.ts';
import type { Log } from '../src/ports/log.ts';
import type { Plant, Plants } from '../src/ports/plants.ts';

export interface Host {
  /** `bridge.<mac>`, `manager.<id>`, `supervisor.<mac>`. */
  readonly id: HostId;
  /** Rises with every start of this host, durably. */
  readonly incarnation: number;
  readonly names: FleetNames;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly counters: Counters;
  readonly faults: FaultPoints;
  /** How the fleet packs pages on their way; absent: not at all. */
  readonly compression?: Compression | undefined;
  /** To others on this machine, past the broker; absent: everything goes over the bus. */
  readonly localPath?: LocalPath | undefined;
  /** Bugs that a test has put in; production has none. */
  readonly plants?: Plants;
}

/** Somebody listens at the fault points; otherwise what happens a thousand times a second does not wait at them. */
export const isFaulty = ({ faults }: Host): boolean => faults !== NO_FAULT_POINTS;

export const planted = ({ plants }: Host, name: Plant): boolean => plants?.planted(name) === true;

const messageNumbers = new WeakMap<Host, number>();

/** Wraps a body for the wire. The id is unique per host and incarnation. */
export function envelope<Body>(host: Host, body: Body, trace = ''): Envelope<Body> {
  const number = (messageNumbers.get(host) ?? 0) + 1;
  messageNumbers.set(host, number);
  return { id: `${host.id}~${host.incarnation}.${number}`, sender: host.id, trace, sentAtUs: host.clock.wallUs(), body };
}

export const pause = (clock: Clock, delayUs: number): Promise<void> => new Promise((resolve) => clock.after(delayUs, resolve));

/**
 * Crash points: what happens when a process passes a numbered place (`src/ports/fault-points.ts`). A plan is scripted by a
 * scenario ("kill manager.m1 at the third beforeAck"), drawn from the seed, or both; it keeps what it did, so that a drawn
 * run can be told, and played again as a script.
 */
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import { type FaultPoint, type FaultPointName, type FaultPoints, faultPointName } from '../../src/ports/fault-points.ts';
import type { SimHost, SimProcess } from './host.ts';

export interface ScriptedFault {
  readonly host: HostId;
  readonly point: FaultPointName;
  /** 1 for the first time that the host, over all its incarnations, gets there. */
  readonly nth: number;
  readonly action: 'kill' | 'power' | 'freeze';
  /** How long it stays down or frozen; undefined: until the scenario brings it back. */
  readonly forUs?: number;
}

export interface DrawnFaults {
  readonly rng: Rng;
  /** How many of a million passings end in a fault. */
  readonly perMillion: number;
  readonly actions: readonly ScriptedFault['action'][];
  readonly forUs: { readonly min: number; readonly max: number };
  /** Only these hosts, where given. */
  readonly hosts?: readonly HostId[];
}

export class FaultPlan {
  /** What was done, in order, in the form of a script. */
  readonly done: (ScriptedFault & { readonly atUs: number })[] = [];
  private readonly scripted: ScriptedFault[];
  private drawn: DrawnFaults | undefined;
  private readonly passed = new Map<string, number>();

  constructor(options: { readonly scripted?: readonly ScriptedFault[]; readonly drawn?: DrawnFaults } = {}) {
    this.scripted = [...(options.scripted ?? [])];
    this.drawn = options.drawn;
  }

  /** One more, from now on: a scenario that has seen how far its hosts are. */
  script(fault: ScriptedFault): void {
    this.scripted.push(fault);
  }

  /** No more drawn faults: the healing phase begins. */
  calm(): void {
    this.drawn = undefined;
  }

  /** How often the host has passed the point. */
  count(host: HostId, point: FaultPointName): number {
    return this.passed.get(`${host} ${point}`) ?? 0;
  }

  pointsOf(process: SimProcess): FaultPoints {
    return { reach: (point) => this.reach(process, point) };
  }

  private reach(process: SimProcess, point: FaultPoint): void | Promise<void> {
    if (!process.alive()) return new Promise<void>(() => undefined);
    const name = faultPointName(point);
    const host = process.host;
    const key = `${host.id} ${name}`;
    const nth = (this.passed.get(key) ?? 0) + 1;
    this.passed.set(key, nth);
    const fault =
      this.scripted.find((entry) => entry.host === host.id && entry.point === name && entry.nth === nth) ??
      this.draw(host.id, name, nth);
    if (fault === undefined) return undefined;
    this.done.push({ ...fault, atUs: host.scheduler.nowUs() });
    return inflict(host, process, fault);
  }

  private draw(host: HostId, point: FaultPointName, nth: number): ScriptedFault | undefined {
    const drawn = this.drawn;
    if (drawn === undefined || (drawn.hosts !== undefined && !drawn.hosts.includes(host))) return undefined;
    if (drawn.rng.below(1_000_000) >= drawn.perMillion) return undefined;
    const action = drawn.actions[drawn.rng.below(drawn.actions.length)] ?? 'kill';
    const forUs = drawn.forUs.min + drawn.rng.below(Math.max(1, drawn.forUs.max - drawn.forUs.min + 1));
    return { host, point, nth, action, forUs };
  }
}

/** Does it, brings the host back after `forUs`, and answers the promise that the process waits on. */
function inflict(host: SimHost, process: SimProcess, fault: ScriptedFault): Promise<void> {
  if (fault.action === 'freeze') {
    host.freeze();
    if (fault.forUs !== undefined) host.scheduler.after(fault.forUs, () => host.process() === process && host.thaw());
    return process.promise<void>((settle) => settle.resolve(undefined));
  }
  host.kill(fault.action === 'power' ? 'power' : 'process');
  if (fault.forUs !== undefined) host.scheduler.after(fault.forUs, () => host.revive());
  return new Promise<void>(() => undefined);
}

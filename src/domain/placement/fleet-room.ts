/**
 * The fleet as the planner's arrays: what each candidate has left, updated as the plan grows. One slot per candidate, in the
 * caller's order; nothing decided here depends on that order.
 */
import { hash32 } from '../kernel/rng.ts';
import type { AcceptedTask } from '../model/ecu.ts';
import type { Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import { PPB } from '../realtime/utilisation.ts';
import { bookedPeak } from '../reservation/booking.ts';
import { acceptedTaskOf, chargePpb } from './admit.ts';
import type { Candidate } from './evidence.ts';
import type { Room } from './feasible.ts';

export class FleetRoom {
  readonly candidates: readonly Candidate[];
  readonly memoryFree: Float64Array;
  readonly memoryCapacity: Float64Array;
  readonly cpuFreePpb: Float64Array;
  readonly cpuCapacityPpb: Float64Array;
  /** Booked there at the fullest moment: it counts in the score; what it forbids, the test says. */
  readonly bookedPpb: Float64Array;
  readonly bookedBytes: Float64Array;
  /** Tasks of this plan placed there so far. */
  readonly placed: Uint16Array;
  /** The MAC as a number (48 bits are exact): compares as the text does, and much faster. */
  readonly macNumber: Float64Array;
  /** 1 where the pages of every checkpoint are. */
  readonly holdsPages: Uint8Array;
  /** What runs there and what this plan added. */
  readonly #accepted: (readonly AcceptedTask[])[];
  /** Where the tasks run that somebody has to be near to, away from, or takes the place of. */
  readonly #residents = new Map<TaskName, Set<number>>();
  readonly #watched: ReadonlySet<TaskName>;
  #indexOfMac: Map<Mac, number> | undefined;

  constructor(candidates: readonly Candidate[], watched: ReadonlySet<TaskName>) {
    const count = candidates.length;
    this.candidates = candidates;
    this.#watched = watched;
    this.memoryFree = new Float64Array(count);
    this.memoryCapacity = new Float64Array(count);
    this.cpuFreePpb = new Float64Array(count);
    this.cpuCapacityPpb = new Float64Array(count);
    this.bookedPpb = new Float64Array(count);
    this.bookedBytes = new Float64Array(count);
    this.placed = new Uint16Array(count);
    this.macNumber = new Float64Array(count);
    this.holdsPages = new Uint8Array(count);
    this.#accepted = new Array<readonly AcceptedTask[]>(count);
    const marked = new Uint8Array(MARKS);
    for (const task of watched) marked[markOf(task)] = 1;
    for (let index = 0; index < count; index++) {
      const { mac, accepted, description, holdsPages, booked } = candidates[index] as Candidate;
      this.macNumber[index] = numberOf(mac);
      this.holdsPages[index] = holdsPages === true ? 1 : 0;
      if (booked !== undefined && booked.length > 0) {
        const peak = bookedPeak(booked);
        this.bookedPpb[index] = peak.ppm * 1000;
        this.bookedBytes[index] = peak.memoryBytes;
      }
      let memory = description.memoryBytes;
      let cpu = Math.max(1, description.cores) * PPB;
      this.memoryCapacity[index] = memory;
      this.cpuCapacityPpb[index] = cpu;
      const taken = takenBy(accepted);
      memory -= taken.memoryBytes;
      cpu -= taken.chargePpb;
      const { marks } = taken;
      for (let at = 0; at < marks.length; at++) {
        if (marked[marks[at] as number] === 0) continue;
        const { task } = accepted[at] as AcceptedTask;
        if (watched.has(task)) this.#settle(task, index);
      }
      this.memoryFree[index] = memory;
      this.cpuFreePpb[index] = cpu;
      this.#accepted[index] = accepted;
    }
  }

  get count(): number {
    return this.candidates.length;
  }

  accepted(index: number): readonly AcceptedTask[] {
    return this.#accepted[index] as readonly AcceptedTask[];
  }

  /** Candidates that run the task; only for tasks that are watched. */
  hostsOf(task: TaskName): ReadonlySet<number> {
    return this.#residents.get(task) ?? NOBODY;
  }

  indexOf(mac: Mac): number | undefined {
    this.#indexOfMac ??= new Map(this.candidates.map((candidate, index) => [candidate.mac, index]));
    return this.#indexOfMac.get(mac);
  }

  /** What is left for `task`: on an ECU that already runs it, its own share counts as free, because it is replaced. */
  roomFor(index: number, task: TaskName): Room {
    let memoryFreeBytes = this.memoryFree[index] as number;
    let cpuFreePpb = this.cpuFreePpb[index] as number;
    if (this.hostsOf(task).has(index)) {
      for (const one of this.accepted(index)) {
        if (one.task !== task) continue;
        memoryFreeBytes += one.memoryBytesMax;
        cpuFreePpb += chargePpb(one);
      }
    }
    const memoryCapacityBytes = this.memoryCapacity[index] as number;
    return { memoryFreeBytes, memoryCapacityBytes, cpuFreePpb, cpuCapacityPpb: this.cpuCapacityPpb[index] as number };
  }

  /** From now on the task counts as accepted there. */
  place(index: number, spec: TaskSpec, core: number | undefined): void {
    const { memoryFreeBytes, cpuFreePpb } = this.roomFor(index, spec.name);
    const joining = acceptedTaskOf(spec, 0, core);
    this.#accepted[index] = [...this.accepted(index).filter((one) => one.task !== spec.name), joining];
    this.memoryFree[index] = memoryFreeBytes - joining.memoryBytesMax;
    this.cpuFreePpb[index] = cpuFreePpb - chargePpb(joining);
    this.placed[index] = (this.placed[index] as number) + 1;
    if (this.#watched.has(spec.name)) this.#settle(spec.name, index);
  }

  #settle(task: TaskName, index: number): void {
    const hosts = this.#residents.get(task);
    if (hosts === undefined) this.#residents.set(task, new Set([index]));
    else hosts.add(index);
  }
}

/** Of twelve lower-case hex digits; ten thousand of them are read for every plan, and `parseInt` takes a tenth of a µs. */
function numberOf(mac: Mac): number {
  let high = 0;
  let low = 0;
  for (let at = 0; at < 6; at++) {
    high = (high << 4) | nibble(mac.charCodeAt(at));
    low = (low << 4) | nibble(mac.charCodeAt(at + 6));
  }
  return high * 0x1000000 + low;
}

const nibble = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57);

interface Taken {
  readonly memoryBytes: number;
  readonly chargePpb: number;
  /** Of each task: a look at a few numbers says that none of them is watched, as nearly always. */
  readonly marks: readonly number[];
}

/** Few of so many marks are a watched task's. */
const MARKS = 4096;
const markOf = (task: TaskName): number => hash32(task) % MARKS;

/** Of lists that were summed before: mostly the same ECUs have the same tasks as at the plan before. */
const summed = new WeakMap<readonly AcceptedTask[], Taken>();

function takenBy(accepted: readonly AcceptedTask[]): Taken {
  if (accepted.length === 0) return NOTHING;
  let taken = summed.get(accepted);
  if (taken === undefined) {
    let memoryBytes = 0;
    let charge = 0;
    for (const task of accepted) {
      memoryBytes += task.memoryBytesMax;
      charge += chargePpb(task);
    }
    taken = { memoryBytes, chargePpb: charge, marks: accepted.map(({ task }) => markOf(task)) };
    summed.set(accepted, taken);
  }
  return taken;
}

const NOTHING: Taken = { memoryBytes: 0, chargePpb: 0, marks: [] };
const NOBODY: ReadonlySet<number> = new Set();

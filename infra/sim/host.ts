/**
 * A simulated process and the slot it runs in. A host is started, killed at any moment, frozen (SIGSTOP), thawed and
 * started again; each start is a new process with the next incarnation. What survives is what the world keeps outside of
 * it: its disk and what the broker was told.
 *
 * H1. Nothing runs on a process but what was handed to `deliver`: timers, messages, answers. A dead process is handed
 *     nothing, so a promise that one of its ports has out stays pending for ever and the code behind it never goes on.
 * H2. Every port asks `alive()` before it does anything: reactions that were already queued when a process was killed
 *     still run, but they reach nothing.
 * H3. On a frozen process deliveries wait, in order, and after the thaw arrive one event each, in order, before anything
 *     that comes later.
 * H4. On a slow machine every delivery takes its share of a busy core: they come in order, at least a gap apart.
 */
import { assert } from '../../src/domain/kernel/assert.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import { type ClockFaults, HostClock, SimEvent, type SimScheduler, TRUE_CLOCK } from './clock.ts';

/** `process`: the kernel closes its sockets. `power`: the machine is gone and says nothing. */
export type DeathKind = 'process' | 'power';

export interface SimHostOptions {
  readonly id: HostId;
  readonly scheduler: SimScheduler;
  /** The machine it runs on; hosts of one machine share a disk, a boot and a power supply. Defaults to the id. */
  readonly machine?: string;
  readonly clock?: ClockFaults;
  /** Another host on its machine starts it (a supervisor its bridge); it does not come back by itself. */
  readonly startedByOther?: boolean;
  /** The process's `main`: builds the ports for this incarnation and starts what runs on it. */
  readonly boot: (process: SimProcess) => void;
}

export class SimHost {
  readonly id: HostId;
  readonly machine: string;
  readonly scheduler: SimScheduler;
  private readonly clockFaults: ClockFaults;
  private readonly startedByOther: boolean;
  private readonly boot: (process: SimProcess) => void;
  private current: SimProcess | undefined;
  private incarnations = 0;
  private slowGapUs = 0;

  constructor(options: SimHostOptions) {
    this.id = options.id;
    this.machine = options.machine ?? options.id;
    this.scheduler = options.scheduler;
    this.clockFaults = options.clock ?? TRUE_CLOCK;
    this.startedByOther = options.startedByOther ?? false;
    this.boot = options.boot;
  }

  /** The present process, if one runs or is frozen. */
  process(): SimProcess | undefined {
    return this.current;
  }

  state(): 'down' | 'running' | 'frozen' {
    if (this.current === undefined) return 'down';
    return this.current.frozen() ? 'frozen' : 'running';
  }

  /** The process is there at once; its `boot` runs as the next event. */
  start(): SimProcess {
    assert(this.current === undefined, `${this.id} is started only while it is down`);
    this.incarnations++;
    const started = new SimProcess(this, this.incarnations, this.clockFaults);
    this.current = started;
    started.after(0, () => this.boot(started));
    return started;
  }

  /** What an operating system does with whom it starts: it starts it again. */
  revive(): SimProcess | undefined {
    return this.current === undefined && !this.startedByOther ? this.start() : undefined;
  }

  kill(kind: DeathKind = 'process'): void {
    const killed = this.current;
    if (killed === undefined) return;
    this.current = undefined;
    killed.end(kind);
  }

  freeze(): void {
    this.current?.freeze();
  }

  thaw(): void {
    this.current?.thaw();
  }

  /** How long one delivery keeps the processor busy; 0: no time at all, as is usual here. Outlives the process (H4). */
  slow(gapUs: number): void {
    this.slowGapUs = gapUs;
  }

  gapUs(): number {
    return this.slowGapUs;
  }

  restart(): SimProcess {
    this.kill();
    return this.start();
  }
}

export class SimProcess {
  readonly host: SimHost;
  readonly incarnation: number;
  /** `<host id>#<incarnation>`, as the real connections are named. */
  readonly name: string;
  readonly clock: HostClock;

  private living = true;
  private stopped = false;
  private readonly held: (() => void)[] = [];
  private draining = false;
  private readonly endings: ((kind: DeathKind) => void)[] = [];

  constructor(host: SimHost, incarnation: number, clockFaults: ClockFaults) {
    this.host = host;
    this.incarnation = incarnation;
    this.name = `${host.id}#${incarnation}`;
    this.clock = new HostClock(host.scheduler, clockFaults, (timeUs, run) => this.at(timeUs, run));
  }

  alive(): boolean {
    return this.living;
  }

  frozen(): boolean {
    return this.stopped;
  }

  /** Whether what is delivered runs at once: nothing waits, and its machine is not slow. */
  isFree(): boolean {
    return this.living && !this.stopped && !this.draining && this.host.gapUs() === 0;
  }

  /** Runs `run` on this process: now, after the thaw, or never. */
  deliver(run: () => void): void {
    if (!this.living) return;
    if (this.isFree()) {
      run();
      return;
    }
    this.held.push(run);
    if (this.stopped || this.draining) return;
    this.draining = true;
    this.drainOne();
  }

  /** At a time of the world. */
  at(timeUs: number, run: () => void): Cancel {
    if (!this.living) return NOTHING;
    const timer = new ProcessTimer(this, run);
    const { scheduler } = this.host;
    scheduler.add(timeUs, timer);
    return () => {
      timer.run = undefined;
      scheduler.callOff(timer);
    };
  }

  after(delayUs: number, run: () => void): Cancel {
    return this.at(this.host.scheduler.nowUs() + Math.max(0, Math.ceil(delayUs)), run);
  }

  /** A port's promise: settled only through `deliver`, and never started on a dead process. */
  promise<T>(start: (settle: Settle<T>) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.living) return;
      start({
        resolve: (value) => (this.isFree() ? resolve(value) : this.deliver(() => resolve(value))),
        reject: (error) => this.deliver(() => reject(error)),
      });
    });
  }

  /** Called when the process ends, on behalf of the world (sockets close, locks fall). */
  onEnd(run: (kind: DeathKind) => void): void {
    this.endings.push(run);
  }

  end(kind: DeathKind): void {
    this.living = false;
    this.held.length = 0;
    for (const ending of this.endings) ending(kind);
  }

  freeze(): void {
    if (this.living) this.stopped = true;
  }

  thaw(): void {
    if (!this.living || !this.stopped) return;
    this.stopped = false;
    if (this.draining) return;
    this.draining = true;
    this.drainOne();
  }

  private drainOne(): void {
    this.host.scheduler.after(this.host.gapUs(), () => {
      if (!this.living) return;
      // Frozen again meanwhile: the rest waits for the next thaw.
      const next = this.stopped ? undefined : this.held.shift();
      if (next === undefined) {
        this.draining = false;
        return;
      }
      next();
      this.drainOne();
    });
  }
}

const NOTHING = (): undefined => undefined;

/** One timer of a process. It may be called off while it waits for a frozen process. */
class ProcessTimer extends SimEvent {
  run: (() => void) | undefined;
  private readonly process: SimProcess;

  constructor(process: SimProcess, run: () => void) {
    super();
    this.process = process;
    this.run = run;
  }

  occur(): void {
    if (this.process.isFree()) this.fire();
    else this.process.deliver(() => this.fire());
  }

  private fire(): void {
    const { run } = this;
    this.run = undefined;
    run?.();
  }
}

export interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

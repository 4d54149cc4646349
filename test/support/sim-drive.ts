/** Lets tests written with plain `await` run on virtual time. Several may wait at once; one crank turns for all of them. */
import type { SimScheduler } from '../../infra/sim/clock.ts';

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class SimDrive {
  private readonly scheduler: SimScheduler;
  private waiters: Waiter[] = [];
  private turning = false;

  constructor(scheduler: SimScheduler) {
    this.scheduler = scheduler;
  }

  elapse(us: number): Promise<void> {
    let passed = false;
    this.scheduler.after(us, () => {
      passed = true;
    });
    return this.until(() => passed);
  }

  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.until(() => settled);
    return promise;
  }

  until(ready: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ ready, resolve, reject });
      if (!this.turning) void this.turn();
    });
  }

  private async turn(): Promise<void> {
    this.turning = true;
    await macrotask();
    while (this.waiters.length > 0) {
      const ready = this.waiters.filter((waiter) => waiter.ready());
      this.waiters = this.waiters.filter((waiter) => !ready.includes(waiter));
      for (const waiter of ready) waiter.resolve();
      if (ready.length > 0) {
        // Whoever waited goes on first, and perhaps waits again.
        await macrotask();
        continue;
      }
      try {
        const end = await this.scheduler.run({ until: () => this.waiters.some((waiter) => waiter.ready()) });
        if (end.reason === 'idle') throw new Error('the simulated world is at rest, and what was waited for never came');
      } catch (error) {
        for (const waiter of this.waiters.splice(0)) waiter.reject(error as Error);
      }
    }
    this.turning = false;
  }
}

/** Turns the crank for as long as there is something to do, for suites that know nothing of virtual time. */
export function driveAlways(scheduler: SimScheduler): () => Promise<void> {
  let stopped = false;
  const turning = (async () => {
    while (!stopped) {
      await scheduler.run({ stepsMax: 2_000 });
      await macrotask();
    }
  })();
  return async () => {
    stopped = true;
    await turning;
  };
}

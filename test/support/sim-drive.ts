/** Lets tests written with plain `await` run on virtual time: several may wait at once, one of them turns the crank. */
import type { SimScheduler } from '../../infra/sim/clock.ts';

export class SimDrive {
  private readonly scheduler: SimScheduler;
  private turning: Promise<unknown> = Promise.resolve();

  constructor(scheduler: SimScheduler) {
    this.scheduler = scheduler;
  }

  elapse(us: number): Promise<void> {
    const untilUs = this.scheduler.nowUs() + us;
    return this.turn(async () => {
      if (this.scheduler.nowUs() < untilUs) await this.scheduler.run({ untilUs });
    });
  }

  async settle<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const note = (): void => {
      done = true;
    };
    promise.then(note, note);
    await this.turn(async () => {
      const end = await this.scheduler.run({ until: () => done });
      if (end.reason === 'idle' && !done) await new Promise((resolve) => setImmediate(resolve));
      if (!done) throw new Error('the simulated world is at rest, and the promise was never settled');
    });
    return promise;
  }

  private turn(run: () => Promise<void>): Promise<void> {
    const next = this.turning.then(run);
    this.turning = next.catch(() => undefined);
    return next;
  }
}

/** Turns the crank for as long as there is something to do, for tests that know nothing of virtual time. */
export function driveAlways(scheduler: SimScheduler): () => Promise<void> {
  let stopped = false;
  const turning = (async () => {
    while (!stopped) {
      await scheduler.run({ stepsMax: 2_000 });
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  return async () => {
    stopped = true;
    await turning;
  };
}

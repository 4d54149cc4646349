import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostClock, SimScheduler } from '../../../infra/sim/clock.ts';

describe('virtual time', () => {
  test('events run in order of time, then of scheduling, whatever the order of asking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 300 }), async (times) => {
        const scheduler = new SimScheduler();
        const seen: (readonly [number, number])[] = [];
        for (const [index, timeUs] of times.entries()) scheduler.at(timeUs, () => seen.push([scheduler.nowUs(), index]));
        await scheduler.run();
        const expected = times.map((timeUs, index) => [timeUs, index] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(seen).toEqual(expected);
      }),
    );
  });

  test('C1: everything one event sets off has run before the next one starts', async () => {
    const scheduler = new SimScheduler();
    const seen: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      scheduler.at(5, () => {
        void (async () => {
          for (let hop = 0; hop < 100; hop++) await Promise.resolve();
          await Promise.all([Promise.resolve(), (async () => Promise.resolve())()]);
          for await (const step of (async function* () {
            yield 1;
            yield 2;
          })())
            seen.push(`${name}${step}`);
        })();
      });
    }
    // More events than one batch, so that the boundary of a batch is crossed as well.
    for (let more = 0; more < 1_000; more++) scheduler.at(6, () => void Promise.resolve().then(() => seen.push('more')));
    await scheduler.run();
    expect(seen.slice(0, 6)).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
    expect(seen).toHaveLength(1_006);
  });

  test('C3: afterStep sees a quiet world after every event, and what it throws ends the run', async () => {
    const scheduler = new SimScheduler();
    let done = 0;
    const quiet: number[] = [];
    for (let event = 0; event < 5; event++) {
      const waitsTwice = async (): Promise<void> => {
        await Promise.resolve();
        await Promise.resolve();
        done++;
      };
      scheduler.at(event, () => void waitsTwice());
    }
    scheduler.afterStep = () => {
      quiet.push(done);
      if (done === 4) throw new Error('broken at the fourth');
    };
    await expect(scheduler.run()).rejects.toThrow('broken at the fourth');
    expect(quiet).toEqual([1, 2, 3, 4]);
    expect(scheduler.pending()).toBe(1);
  });

  test('a run ends by time, by condition, by steps, or because nothing is left', async () => {
    const scheduler = new SimScheduler();
    let count = 0;
    const again = (): void => {
      count++;
      scheduler.after(10, again);
    };
    again();
    expect(await scheduler.run({ untilUs: 95 })).toEqual({ reason: 'time', steps: 9 });
    expect(scheduler.nowUs()).toBe(95);
    expect(await scheduler.run({ until: () => count === 15 })).toEqual({ reason: 'condition', steps: 5 });
    expect(await scheduler.run({ stepsMax: 3 })).toEqual({ reason: 'steps', steps: 3 });
    const idle = new SimScheduler();
    expect(await idle.run({ untilUs: 50 })).toEqual({ reason: 'idle', steps: 0 });
    expect(idle.nowUs()).toBe(50);
  });

  test('a cancelled event does not run, and thousands of them do not stay in the queue', async () => {
    const scheduler = new SimScheduler();
    const seen: number[] = [];
    for (let event = 0; event < 5_000; event++) {
      const cancel = scheduler.at(1_000 + event, () => seen.push(event));
      if (event % 500 !== 0) cancel();
      cancel();
    }
    await scheduler.run();
    expect(seen).toEqual(expect.not.arrayContaining([1]));
    expect(scheduler.pending()).toBe(0);
  });

  test('what an event throws ends the run', async () => {
    const scheduler = new SimScheduler();
    scheduler.at(1, () => {
      throw new Error('a bug');
    });
    await expect(scheduler.run()).rejects.toThrow('a bug');
  });
});

describe('a host’s clock', () => {
  test('a timer is never early by the host’s own clock, and at most one world microsecond late', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -900_000, max: 900_000 }),
        fc.nat(10_000_000),
        fc.nat(5_000_000),
        fc.nat(3_000_000),
        async (driftPpm, monotonicOffsetUs, startUs, delayUs) => {
          const scheduler = new SimScheduler();
          const clock = new HostClock(scheduler, { driftPpm, monotonicOffsetUs, wallErrorUs: 0 }, (timeUs, run) =>
            scheduler.at(timeUs, run),
          );
          let askedAt = 0;
          let lateUs = -1;
          scheduler.at(startUs, () => {
            askedAt = clock.monotonicUs();
            clock.after(delayUs, () => (lateUs = clock.monotonicUs() - askedAt - delayUs));
          });
          await scheduler.run();
          expect(lateUs).toBeGreaterThanOrEqual(0);
          expect(lateUs).toBeLessThanOrEqual(2);
        },
      ),
    );
  });

  test('the wall clock may be wrong and jump; the monotonic one does not notice', () => {
    const scheduler = new SimScheduler();
    const clock = new HostClock(scheduler, { driftPpm: 0, monotonicOffsetUs: 500, wallErrorUs: -3_000_000 }, (timeUs, run) =>
      scheduler.at(timeUs, run),
    );
    const right = new HostClock(scheduler, { driftPpm: 0, monotonicOffsetUs: 0, wallErrorUs: 0 }, (timeUs, run) =>
      scheduler.at(timeUs, run),
    );
    expect(clock.wallUs() - right.wallUs()).toBe(-3_000_000);
    clock.stepWall(10);
    expect(clock.wallUs() - right.wallUs()).toBe(-2_999_990);
    expect(clock.monotonicUs()).toBe(500);
  });
});

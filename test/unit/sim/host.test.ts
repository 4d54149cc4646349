import { describe, expect, test } from 'vitest';
import { SimScheduler } from '../../../infra/sim/clock.ts';
import { FaultPlan, type ScriptedFault } from '../../../infra/sim/faults.ts';
import { SimHost, type SimProcess } from '../../../infra/sim/host.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { FaultPoint } from '../../../src/ports/fault-points.ts';

function world(boot: (process: SimProcess) => void): { scheduler: SimScheduler; host: SimHost } {
  const scheduler = new SimScheduler();
  return { scheduler, host: new SimHost({ id: 'manager.m1', scheduler, boot }) };
}

describe('a simulated process', () => {
  test('H1: after a kill its timers, deliveries and promises are silent for ever', async () => {
    const seen: string[] = [];
    const { scheduler, host } = world((process) => {
      process.clock.after(100, () => seen.push('early timer'));
      process.clock.after(300, () => seen.push('late timer'));
      process
        .promise<string>((settle) => scheduler.after(400, () => settle.resolve('answer')))
        .then(
          (answer) => seen.push(answer),
          () => seen.push('rejected'),
        );
    });
    host.start();
    scheduler.after(200, () => host.kill());
    await scheduler.run();
    expect(seen).toEqual(['early timer']);
    expect(host.state()).toBe('down');
  });

  test('H2: code that a dead process still had queued starts nothing', async () => {
    let started = 0;
    const { scheduler, host } = world((process) => {
      void (async () => {
        await process.promise<void>((settle) => process.after(10, () => settle.resolve(undefined)));
        host.kill();
        // This line runs, as the last of the dead; its port does nothing.
        void process.promise<void>(() => started++);
        process.clock.after(1, () => started++);
      })();
    });
    host.start();
    await scheduler.run();
    expect(started).toBe(0);
  });

  test('H3: while frozen everything waits, then arrives in order, before what comes later', async () => {
    const seen: string[] = [];
    const { scheduler, host } = world((process) => {
      for (const timeUs of [10, 20, 30, 60]) process.at(timeUs, () => seen.push(`t${timeUs} at ${scheduler.nowUs()}`));
    });
    host.start();
    scheduler.after(15, () => host.freeze());
    scheduler.after(50, () => {
      host.thaw();
      host.process()?.deliver(() => seen.push(`later at ${scheduler.nowUs()}`));
    });
    await scheduler.run();
    expect(seen).toEqual(['t10 at 10', 't20 at 50', 't30 at 50', 'later at 50', 't60 at 60']);
  });

  test('H3: frozen again while it catches up, it keeps the order', async () => {
    const seen: number[] = [];
    const { scheduler, host } = world((process) => {
      for (const timeUs of [10, 20, 30]) {
        process.at(timeUs, () => {
          seen.push(timeUs);
          if (timeUs === 10) {
            host.freeze();
            scheduler.after(100, () => host.thaw());
          }
        });
      }
    });
    host.start();
    scheduler.after(5, () => host.freeze());
    scheduler.after(50, () => host.thaw());
    await scheduler.run();
    expect(seen).toEqual([10, 20, 30]);
    expect(scheduler.nowUs()).toBe(150);
  });

  test('a timer that was cancelled while the process was frozen does not run', async () => {
    const seen: string[] = [];
    const { scheduler, host } = world((process) => {
      const cancel = process.clock.after(10, () => seen.push('cancelled'));
      process.at(5, () => undefined);
      process.at(8, () => cancel());
    });
    host.start();
    scheduler.after(1, () => host.freeze());
    scheduler.after(20, () => host.thaw());
    await scheduler.run();
    expect(seen).toEqual([]);
  });

  test('each start is the next incarnation, by name', async () => {
    const names: string[] = [];
    const { scheduler, host } = world((process) => names.push(process.name));
    host.start();
    await scheduler.run();
    host.restart();
    await scheduler.run();
    host.kill();
    host.start();
    await scheduler.run();
    expect(names).toEqual(['manager.m1#1', 'manager.m1#2', 'manager.m1#3']);
  });
});

describe('crash points', () => {
  /** A loop of three rounds that names two points in each. */
  async function loop(scripted: readonly ScriptedFault[]): Promise<{ seen: string[]; plan: FaultPlan }> {
    const plan = new FaultPlan({ scripted });
    const seen: string[] = [];
    const { scheduler, host } = world((process) => {
      const points = plan.pointsOf(process);
      void (async () => {
        for (let round = 1; round <= 3; round++) {
          await points.reach(FaultPoint.beforeAppend);
          seen.push(`#${process.incarnation} append ${round} at ${scheduler.nowUs()}`);
          await points.reach(FaultPoint.beforeAck);
          await process.promise<void>((settle) => process.after(10, () => settle.resolve(undefined)));
        }
      })();
    });
    host.start();
    await scheduler.run();
    return { seen, plan };
  }

  test('without a plan nothing happens, and passings are counted', async () => {
    const { seen, plan } = await loop([]);
    expect(seen).toEqual(['#1 append 1 at 0', '#1 append 2 at 10', '#1 append 3 at 20']);
    expect(plan.count('manager.m1', 'beforeAck')).toBe(3);
  });

  test('a scripted kill ends the process at the n-th passing, and brings it back', async () => {
    const { seen, plan } = await loop([{ host: 'manager.m1', point: 'beforeAppend', nth: 2, action: 'kill', forUs: 100 }]);
    expect(seen).toEqual(['#1 append 1 at 0', '#2 append 1 at 110', '#2 append 2 at 120', '#2 append 3 at 130']);
    expect(plan.done.map(({ point, nth, atUs }) => ({ point, nth, atUs }))).toEqual([
      { point: 'beforeAppend', nth: 2, atUs: 10 },
    ]);
  });

  test('a kill without a return is for good', async () => {
    expect((await loop([{ host: 'manager.m1', point: 'beforeAck', nth: 1, action: 'kill' }])).seen).toEqual([
      '#1 append 1 at 0',
    ]);
  });

  test('a scripted freeze stops it there and lets it go on', async () => {
    const { seen } = await loop([{ host: 'manager.m1', point: 'beforeAck', nth: 1, action: 'freeze', forUs: 500 }]);
    expect(seen).toEqual(['#1 append 1 at 0', '#1 append 2 at 510', '#1 append 3 at 520']);
  });

  test('drawn faults are the same for the same seed, and played again as a script they do the same', async () => {
    const run = async (plan: FaultPlan): Promise<string> => {
      const { scheduler, host } = world((process) => {
        const points = plan.pointsOf(process);
        const again = async (): Promise<void> => {
          await points.reach(FaultPoint.beforeEffect);
          process.after(10, () => void again());
        };
        void again();
      });
      host.start();
      await scheduler.run({ untilUs: 20_000 });
      return JSON.stringify(plan.done);
    };
    const drawn = (seed: number): FaultPlan =>
      new FaultPlan({
        drawn: { rng: createRng(seed), perMillion: 5_000, actions: ['kill', 'freeze'], forUs: { min: 5, max: 500 } },
      });
    const first = await run(drawn(1));
    expect(JSON.parse(first)).not.toEqual([]);
    expect(await run(drawn(1))).toBe(first);
    expect(await run(drawn(2))).not.toBe(first);
    expect(await run(new FaultPlan({ scripted: JSON.parse(first) as ScriptedFault[] }))).toBe(first);
  });
});

describe('a slow machine', () => {
  test('H4: deliveries come in order, each a gap after the one before, until it is slow no more', async () => {
    const seen: string[] = [];
    const { scheduler, host } = world((process) => {
      for (const name of ['a', 'b', 'c']) process.clock.after(100, () => seen.push(`${name} ${scheduler.nowUs()}`));
      process.clock.after(5_000, () => seen.push(`d ${scheduler.nowUs()}`));
    });
    host.start();
    scheduler.after(50, () => host.slow(1_000));
    scheduler.after(4_900, () => host.slow(0));
    await scheduler.run();
    expect(seen).toEqual(['a 1100', 'b 2100', 'c 3100', 'd 5000']);
  });

  test('a host that another one starts does not come back by itself', () => {
    const scheduler = new SimScheduler();
    const host = new SimHost({ id: 'bridge.a', scheduler, startedByOther: true, boot: () => undefined });
    expect(host.revive()).toBeUndefined();
    host.start();
    host.kill();
    expect([host.revive(), host.state()]).toEqual([undefined, 'down']);
  });
});

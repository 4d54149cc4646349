/** Pause, resume, stop; and a clean leave. */
import type { Check } from './check.ts';
import { NotHere, promised, same } from './promised.ts';
import { withTrial } from './trial.ts';

const SILENCE_US = 400_000;
const PERIOD_US = 20_000;

export const LIFE_CHECKS: readonly Check[] = [
  {
    group: 'life',
    name: 'pause-resume',
    promise: 'A paused instance consumes nothing and keeps its state; it goes on with resume, and misses nothing.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.run();
        await trial.feed(1, 2);
        await trial.settle();
        same((await trial.pause()).kind, 'paused', 'the answer to pause');
        await trial.feed(3, 4);
        await bench.silence();
        await trial.outputsNow();
        same(trial.counted.length, 2, 'the number of outputs while it is paused');
        same((await trial.resume()).kind, 'resumed', 'the answer to resume');
        await trial.settle();
        same(trial.counted.length, 4, 'the number of outputs');
      }),
  },
  {
    group: 'life',
    name: 'twice',
    promise: 'pause, resume and stop are answered the same way when they arrive again.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        for (const expected of ['paused', 'paused']) same((await trial.pause()).kind, expected, 'the answer to pause');
        for (const expected of ['resumed', 'resumed']) same((await trial.resume()).kind, expected, 'the answer to resume');
        await trial.outputsReach(trial.counted.length + 3);
        for (const expected of ['stopped', 'stopped']) same((await trial.stop()).kind, expected, 'the answer to stop');
      }),
  },
  {
    group: 'life',
    name: 'paused-ticks',
    promise: 'A paused instance does not tick; after resume its ticks go on.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        await trial.outputsReach(3);
        await trial.pause();
        const before = (await trial.ticksNow()).length;
        await bench.silence();
        const after = (await trial.ticksNow()).length;
        // One append may have been on its way.
        promised(after <= before + 1, 'no ticks while it is paused', after - before);
        await trial.resume();
        await trial.outputsReach(trial.counted.length + 3);
      }),
  },
  {
    group: 'life',
    name: 'stop',
    promise: 'A stopped task is no longer accepted, consumes nothing and puts out nothing.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        await trial.outputsReach(2);
        same((await trial.stop()).kind, 'stopped', 'the answer to stop');
        same(await trial.accepted(), false, 'whether it is still accepted');
        await bench.silence();
        const before = (await trial.outputsNow()).length;
        await trial.feed(5);
        await bench.silence();
        same((await trial.outputsNow()).length, before, 'the number of messages on the output subject');
      }),
  },
  {
    group: 'leaving',
    name: 'goodbye',
    promise: 'A clean leave is said: a goodbye with this incarnation, and no heartbeat after it.',
    look: async (bench) => {
      const { leave } = bench.parts;
      if (leave === undefined)
        throw new NotHere('the suite may not end this bridge; run it with --end-bridge on the same machine');
      await withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        await trial.outputsReach(2);
        await leave();
        const goodbye = await bench.eventually('a goodbye', () => bench.goodbyes[0]);
        same(goodbye.mac, bench.mac, 'the MAC of the goodbye');
        same(goodbye.incarnation, bench.incarnation, 'the incarnation of the goodbye');
        const heartbeats = bench.heartbeats.length;
        await bench.wait(SILENCE_US + 2 * bench.parts.description.heartbeatIntervalUs);
        same(bench.heartbeats.length, heartbeats, 'the number of heartbeats after the goodbye');
        trial.allRight();
        trial.epoch = 0; // nobody is there to stop it
      });
    },
  },
];

/** An ECU that says how it can sleep falls asleep when it is told to, unless it has a task; asleep it is silent, takes nothing, and hears the word that wakes it. */
import type { SleepState } from '../../domain/model/ecu.ts';
import type { PowerAnswer } from '../../domain/protocol/messages.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { NotHere, promised, same } from './promised.ts';
import { withTrial } from './trial.ts';

const BEATS_OF_SILENCE = 8;

export const SLEEP_CHECKS: readonly Check[] = [
  {
    group: 'sleep',
    name: 'silent',
    promise:
      'Told to sleep, an ECU without tasks is silent, and refuses what is about a task with ERR_ECU_ASLEEP; woken, it takes tasks.',
    look: async (bench) => {
      const sleep = sleepOf(bench);
      await withTrial(bench, {}, async (trial) => {
        try {
          same((await ordered(bench, sleep)).state, 'asleep', 'the state after the order to sleep');
          // One heartbeat may have been on its way.
          await bench.silence();
          const before = bench.heartbeats.length;
          await bench.wait(BEATS_OF_SILENCE * bench.parts.description.heartbeatIntervalUs);
          await bench.silence();
          same(bench.heartbeats.length, before, 'the number of heartbeats when it sleeps');
          same((await ordered(bench, sleep)).state, 'asleep', 'the state after the same order again');
          await trial.refused(trial.deploy({ epoch: 1 }), 'ERR_ECU_ASLEEP');
        } finally {
          await wake(bench);
        }
        const before = bench.heartbeats.length;
        await bench.eventually('heartbeats of one that is awake', () => (bench.heartbeats.length > before ? true : undefined));
        same(bench.heartbeats.at(-1)?.incarnation, bench.incarnation, 'the incarnation that beats');
        await trial.run({ epoch: 1 });
        await trial.feed(1);
        await trial.settle();
      });
    },
  },
  {
    group: 'sleep',
    name: 'with-a-task',
    promise: 'An ECU that holds a task does not fall asleep, and says why; the task goes on.',
    look: async (bench) => {
      const sleep = sleepOf(bench);
      await withTrial(bench, {}, async (trial) => {
        await trial.run();
        try {
          const { state, reason } = await ordered(bench, sleep);
          same(state, 'awake', 'the state of an ECU with a task after the order to sleep');
          promised(reason.length > 0, 'a reason', reason);
        } finally {
          await wake(bench);
        }
        await trial.feed(1, 2);
        await trial.settle();
      });
    },
  },
];

function sleepOf({ parts }: Bench): SleepState {
  const [sleep] = parts.description.power?.sleep ?? [];
  if (sleep === undefined) throw new NotHere('this ECU does not say how it can sleep');
  return sleep;
}

async function ordered(bench: Bench, sleep: SleepState | undefined): Promise<PowerAnswer> {
  const answer = await bench.ask({ kind: 'power', sleep });
  promised(answer.kind === 'power', 'a power order to be answered with power', answer);
  return answer;
}

/** The word that wakes it, as often as it takes. */
async function wake(bench: Bench): Promise<void> {
  await bench.eventually('it to wake up', async () => ((await ordered(bench, undefined)).state === 'awake' ? true : undefined));
}

/** Commands are idempotent, overtaken ones are refused, and the bridge's own record is the final admission. */
import type { RuntimeKind } from '../../domain/model/task.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { NotHere, promised, same } from './promised.ts';
import { openTrial, type Trial, withTrial } from './trial.ts';

const RUNTIMES: readonly RuntimeKind[] = ['container', 'worker', 'process', 'wasm'];
const CORES_MAX = 32;

const trialCheck = (
  group: Check['group'],
  name: string,
  promise: string,
  look: (trial: Trial, bench: Bench) => Promise<void>,
): Check => ({
  group,
  name,
  promise,
  look: (bench) => withTrial(bench, {}, (trial) => look(trial, bench)),
});

/** Refused, and not accepted: the epoch is free for a spec that fits. */
async function refusedAndForgotten(trial: Trial, spec: Partial<Trial['spec']>, code: string): Promise<void> {
  await trial.refused(trial.deploy({ epoch: 1, spec }), code);
  same(await trial.accepted(), false, 'whether the refused task is among the accepted');
  await trial.run({ epoch: 1 });
}

export const COMMAND_CHECKS: readonly Check[] = [
  trialCheck(
    'commands',
    'deploy',
    'A deploy is answered with running: epoch, incarnation, nonce and program id.',
    async (trial, bench) => {
      const running = await trial.run();
      same(running.task, trial.task, 'the task');
      same(running.epoch, 1, 'the epoch');
      same(running.incarnation, bench.incarnation, 'the incarnation');
      same(await trial.accepted(), true, 'whether the load names the task');
    },
  ),
  trialCheck('commands', 'deploy-again', 'The same deploy again gets the same answer, and starts nothing.', async (trial) => {
    const header = { epoch: 1, effectId: 'deploy-again', revision: 1 };
    const first = await trial.run(header);
    const second = await trial.run(header);
    same(second.nonce, first.nonce, 'the nonce');
    same(second.programId, first.programId, 'the program id');
    await trial.feed(1);
    await trial.settle();
    same(trial.markers.length, 1, 'the number of markers');
  }),
  trialCheck('commands', 'deploys-at-once', 'The same deploy three times at once starts one instance.', async (trial) => {
    const header = { epoch: 1, effectId: 'deploys-at-once', revision: 1 };
    const answers = await Promise.all([trial.run(header), trial.run(header), trial.run(header)]);
    same(new Set(answers.map(({ nonce }) => nonce)).size, 1, 'the number of nonces');
    await trial.feed(1);
    await trial.settle();
    same(trial.markers.length, 1, 'the number of markers');
  }),
  trialCheck(
    'commands',
    'lower-epoch',
    'A command of an epoch below the accepted one is refused with ERR_COMMAND_EPOCH.',
    async (trial) => {
      await trial.run({ epoch: 5 });
      await trial.refused(trial.deploy({ epoch: 4 }), 'ERR_COMMAND_EPOCH');
      await trial.refused(trial.pause({ epoch: 4 }), 'ERR_COMMAND_EPOCH');
      await trial.refused(trial.stop({ epoch: 4 }), 'ERR_COMMAND_EPOCH');
      same(await trial.accepted(), true, 'whether the task is still accepted');
    },
  ),
  trialCheck(
    'commands',
    'higher-epoch',
    'A deploy of a higher epoch replaces the instance: another nonce, the same program id, outputs in one row.',
    async (trial) => {
      const first = await trial.run();
      await trial.feed(1, 2);
      await trial.settle();
      const second = await trial.run();
      promised(second.nonce !== first.nonce, 'another nonce', second.nonce);
      same(second.programId, first.programId, 'the program id');
      await trial.feed(3);
      await trial.settle();
      same(trial.markers.length, 2, 'the number of markers');
    },
  ),
  trialCheck(
    'commands',
    'other-incarnation',
    'A deploy for another incarnation is refused with ERR_COMMAND_DIED.',
    async (trial, bench) => {
      await trial.refused(trial.deploy({ epoch: 1, incarnation: bench.incarnation + 1 }), 'ERR_COMMAND_DIED');
      same(await trial.accepted(), false, 'whether the refused task is among the accepted');
    },
  ),
  trialCheck(
    'commands',
    'overtaken',
    'A command below the highest revision of its actor is refused with ERR_COMMAND_STALE.',
    async (trial) => {
      await trial.run({ revision: 10 });
      await trial.refused(trial.pause({ revision: 9 }), 'ERR_COMMAND_STALE');
      trial.revision = 10;
      await trial.feed(1);
      await trial.settle();
    },
  ),
  trialCheck(
    'commands',
    'not-here',
    'pause, resume and checkpoint for a task that does not run here are refused with ERR_NO_TASK; stop is answered.',
    async (trial, bench) => {
      await trial.refused(trial.pause({ epoch: 1 }), 'ERR_NO_TASK');
      await trial.refused(trial.resume({ epoch: 1 }), 'ERR_NO_TASK');
      await trial.refused(bench.ask({ kind: 'checkpoint', ...trial.header({ epoch: 1 }), mode: 'full' }), 'ERR_NO_TASK');
      same((await trial.stop({ epoch: 1 })).kind, 'stopped', 'the answer to stop');
    },
  ),
  trialCheck('admission', 'capability', 'A task that needs what the ECU lacks is refused with ERR_ADMIT_CAPABILITY.', (trial) =>
    refusedAndForgotten(trial, { capabilities: ['conformance-nobody-has-this'] }, 'ERR_ADMIT_CAPABILITY'),
  ),
  trialCheck(
    'admission',
    'memory',
    'A task that needs more memory than is left is refused with ERR_ADMIT_MEMORY.',
    (trial, bench) =>
      refusedAndForgotten(trial, { memoryBytesMax: bench.parts.description.memoryBytes + 65_536 }, 'ERR_ADMIT_MEMORY'),
  ),
  trialCheck(
    'admission',
    'runtime',
    'A task for a runtime that the ECU lacks is refused with ERR_RUNTIME_UNKNOWN.',
    (trial, bench) => {
      const runtime = RUNTIMES.find((kind) => !bench.parts.description.runtimes.includes(kind));
      if (runtime === undefined) throw new NotHere('this ECU has every runtime there is');
      return refusedAndForgotten(trial, { runtime }, 'ERR_RUNTIME_UNKNOWN');
    },
  ),
  trialCheck('admission', 'deadline', 'A hard deadline that cannot be met is refused with ERR_ADMIT_SCHEDULE.', (trial) =>
    refusedAndForgotten(
      trial,
      { hardDeadline: true, periodUs: 1_000_000, deadlineUs: 400_000, wcetUs: 500_000 },
      'ERR_ADMIT_SCHEDULE',
    ),
  ),
  {
    group: 'admission',
    name: 'everything-accepted',
    promise: 'Final admission counts everything accepted: one hard task more than the cores can carry is refused.',
    look: async (bench) => {
      const { cores } = bench.parts.description;
      if (cores > CORES_MAX) throw new NotHere(`${cores} cores are too many to fill`);
      const heavy = { hardDeadline: true, periodUs: 10_000_000, deadlineUs: 10_000_000, wcetUs: 6_000_000 };
      const trials: Trial[] = [];
      try {
        for (let core = 0; core <= cores; core++) {
          const trial = await openTrial(bench, { spec: heavy });
          trials.push(trial);
          if (core < cores) await trial.run();
          else await trial.refused(trial.deploy({ epoch: 1 }), 'ERR_ADMIT_SCHEDULE');
        }
        await trials[0]?.stop();
        await trials.at(-1)?.run({ epoch: 1 });
      } finally {
        for (const trial of trials) await trial.end();
      }
    },
  },
  trialCheck(
    'admission',
    'no-artefact',
    'A program that nobody has stored is refused with ERR_STORE_MISSING.',
    async (trial) => {
      await trial.refused(trial.deploy({ epoch: 1, spec: { artefact: 'ab'.repeat(32) } }), 'ERR_STORE_MISSING');
      same(await trial.accepted(), false, 'whether the task that could not start is among the accepted');
    },
  ),
];

/** Inputs in order, outputs in one row, ticks in time, and a fence that holds. */
import { header } from '../../domain/protocol/subjects.ts';
import type { Check } from './check.ts';
import { promised, same } from './promised.ts';
import { type Trial, withTrial } from './trial.ts';

const PERIOD_US = 20_000;
const oneTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

async function endedWith(trial: Trial, bench: Parameters<Check['look']>[0], code: string, epoch = trial.epoch): Promise<void> {
  const report = await bench.eventually(
    `a report that epoch ${epoch} of the task has ended`,
    () => bench.reportsOf(trial.task, epoch).find(({ what }) => what === 'ended'),
    () => bench.reportsOf(trial.task, epoch),
  );
  same(report.code, code, 'the code of the report');
  same(report.mac, bench.mac, 'the MAC of the report');
  same(report.incarnation, bench.incarnation, 'the incarnation of the report');
  same(await trial.accepted(), false, 'whether what has ended is still among the accepted');
}

export const OUTPUT_CHECKS: readonly Check[] = [
  {
    group: 'outputs',
    name: 'marker',
    promise: "An instance's first message on the output subject is its marker: epoch, nonce, number 0, no payload.",
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        const running = await trial.run({ epoch: 3 });
        const marker = await bench.eventually('a marker', () => trial.outputs[0]);
        same(marker.headers[header.marker], '1', header.marker);
        same(marker.headers[header.epoch], '3', header.epoch);
        same(marker.headers[header.nonce], running.nonce, header.nonce);
        same(marker.headers[header.output], '0', header.output);
        same(marker.payload.length, 0, 'the length of its payload');
      }),
  },
  {
    group: 'outputs',
    name: 'in-order',
    promise: 'Inputs are consumed one after the other in stream order; each output has its number, epoch, nonce and channel.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.run();
        await trial.feed(...oneTo(50));
        await trial.settle();
        same(trial.counted.length, 50, 'the number of outputs');
      }),
  },
  {
    group: 'outputs',
    name: 'backlog',
    promise: 'Inputs that were there before the instance are consumed first, from the first one on.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.feed(...oneTo(20));
        await trial.run();
        await trial.feed(100);
        await trial.settle();
        same(trial.counted.length, 21, 'the number of outputs');
      }),
  },
  {
    group: 'outputs',
    name: 'seen-input',
    promise: 'An input with a number that was consumed already is dropped.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.run();
        await trial.feed(7);
        await trial.feedNumbered(1, 7);
        await trial.feed(8);
        await trial.settle();
        same(trial.counted.length, 2, 'the number of outputs');
      }),
  },
  {
    group: 'outputs',
    name: 'input-gap',
    promise:
      'An instance whose next input is not the one after its cursor ends with ERR_INPUT_GAP and puts out nothing for it.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.run();
        await trial.feed(1);
        await trial.settle();
        await trial.feedNumbered(3, 3);
        await endedWith(trial, bench, 'ERR_INPUT_GAP');
        same(trial.counted.length, 1, 'the number of outputs');
      }),
  },
  {
    group: 'outputs',
    name: 'caught-up',
    promise:
      'An instance that has consumed what was there when it started reports caught_up, again and again until it is answered.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        bench.manager.turnAway = 2;
        await trial.feed(1, 2, 3);
        const running = await trial.run();
        const reports = await bench.eventually('three reports', () => {
          const seen = bench.reportsOf(trial.task, running.epoch);
          return seen.length >= 3 ? seen : undefined;
        });
        for (const report of reports) {
          same(report.what, 'caught-up', 'what the report says');
          same(report.nonce, running.nonce, 'the nonce of the report');
        }
        // One whose answer came too late was repeated: then there is silence after that.
        await bench.eventually('no report after the one that was answered', async () => {
          const before = bench.reportsOf(trial.task, running.epoch).length;
          await bench.silence();
          return bench.reportsOf(trial.task, running.epoch).length === before ? true : undefined;
        });
      }),
  },
  {
    group: 'ticks',
    name: 'rhythm',
    promise: 'Ticks are appended about every period, with epoch, number and skipped count, and consumed like any input.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        await trial.outputsReach(20);
        const ticks = trial.ticks;
        let number = 0;
        for (const tick of ticks) {
          same(tick.headers[header.epoch], '1', `${header.epoch} of a tick`);
          const skipped = Number(tick.headers[header.skipped]);
          number += 1 + skipped;
          same(tick.headers[header.number], String(number), `${header.number} of the next tick, which skipped ${skipped}`);
        }
        const [first, last] = [ticks[0], ticks.at(-1)];
        promised(first !== undefined && last !== undefined, 'ticks', ticks.length);
        const periodUs = (last.atUs - first.atUs) / Math.max(1, number - Number(first.headers[header.number]));
        promised(
          periodUs > PERIOD_US / 10 && periodUs < PERIOD_US * 10,
          `a period in the order of ${PERIOD_US} µs`,
          `${Math.round(periodUs)} µs`,
        );
      }),
  },
  {
    group: 'ticks',
    name: 'overtaken',
    promise: 'A ticker whose append is refused goes on from the last tick that is there.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US * 10 }, async (trial) => {
        await trial.run();
        await trial.outputsReach(2);
        // Against the bridge's own ticker: whoever is refused reads and tries again.
        const foreign = await bench.eventually('a tick of the suite to be appended', async () => {
          const last = await bench.host.bus.readLast(trial.tickSubject);
          const number = Number(last?.headers[header.number] ?? 0) + 1;
          const headers = { [header.epoch]: '1', [header.number]: String(number), [header.skipped]: '0' };
          const options = { expectedSequence: last?.sequence ?? 0, headers, timeoutUs: bench.parts.patienceUs };
          const answer = await bench.host.bus.append(trial.tickSubject, new Uint8Array(0), options);
          return answer.kind === 'appended' ? number : undefined;
        });
        await bench.eventually('ticks after that of the suite', () =>
          Number(trial.ticks.at(-1)?.headers[header.number]) >= foreign + 2 ? true : undefined,
        );
        trial.allRight();
        same(
          bench.reportsOf(trial.task, 1).filter(({ what }) => what === 'ended').length,
          0,
          'the number of reports of an end',
        );
      }),
  },
  {
    group: 'ticks',
    name: 'replaced',
    promise: 'A ticker that finds a tick of a higher epoch stops.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        await trial.outputsReach(2);
        await bench.eventually('a tick of a higher epoch to be appended', async () => {
          const last = await bench.host.bus.readLast(trial.tickSubject);
          const headers = {
            [header.epoch]: '2',
            [header.number]: String(Number(last?.headers[header.number] ?? 0) + 1),
            [header.skipped]: '0',
          };
          const options = { expectedSequence: last?.sequence ?? 0, headers, timeoutUs: bench.parts.patienceUs };
          return (await bench.host.bus.append(trial.tickSubject, new Uint8Array(0), options)).kind === 'appended'
            ? true
            : undefined;
        });
        await bench.silence();
        same((await trial.ticksNow()).at(-1)?.headers[header.epoch], '2', `${header.epoch} of the last tick`);
      }),
  },
  {
    group: 'fencing',
    name: 'higher-epoch',
    promise: 'After a marker of a higher epoch an instance appends nothing more, ends, and reports ERR_FENCED.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.run();
        await trial.feed(1, 2);
        await trial.settle();
        await trial.fence(2);
        await trial.feed(3);
        await endedWith(trial, bench, 'ERR_FENCED');
        await bench.silence();
        await trial.outputsNow();
        same(trial.counted.length, 2, 'the number of outputs');
      }),
  },
  {
    group: 'fencing',
    name: 'other-nonce',
    promise: 'After a marker of its own epoch with another nonce an instance is fenced as well.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.run();
        await trial.feed(1);
        await trial.settle();
        await trial.fence(1);
        await trial.feed(2);
        await endedWith(trial, bench, 'ERR_FENCED');
        same(trial.counted.length, 1, 'the number of outputs');
      }),
  },
  {
    group: 'fencing',
    name: 'ticking-task',
    promise: 'A fenced instance appends no ticks.',
    look: (bench) =>
      withTrial(bench, { periodUs: PERIOD_US }, async (trial) => {
        await trial.run();
        await trial.outputsReach(2);
        await trial.fence(2);
        await endedWith(trial, bench, 'ERR_FENCED');
        const before = (await trial.ticksNow()).length;
        await bench.silence();
        const after = (await trial.ticksNow()).length;
        // One append may have been on its way.
        promised(after <= before + 1, 'no more ticks after the end', after - before);
      }),
  },
  {
    group: 'fencing',
    name: 'too-late',
    promise: 'A deploy whose claim finds a higher epoch is refused with ERR_FENCED, and nothing is appended.',
    look: (bench) =>
      withTrial(bench, {}, async (trial) => {
        await trial.fence(7);
        await bench.eventually('the marker of the suite', () => trial.outputs[0]);
        await trial.refused(trial.deploy({ epoch: 3 }), 'ERR_FENCED');
        await trial.feed(1);
        await bench.silence();
        same((await trial.outputsNow()).length, 1, 'the number of messages on the output subject');
      }),
  },
];

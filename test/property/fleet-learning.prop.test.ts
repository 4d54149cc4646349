/** The bounds that learning in a fleet stays within, whatever it is fed with. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { trainModel } from '../../src/app/learn/train-model.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { applyScale, writeInputs } from '../../src/domain/learn/examples.ts';
import { boundedVerdict } from '../../src/domain/learn/fleet/bounded-verdict.ts';
import { BridgeLearner } from '../../src/domain/learn/fleet/bridge-learner.ts';
import { LaneWatch, type WatchedTask } from '../../src/domain/learn/fleet/lane-watch.ts';
import { parseHead } from '../../src/domain/learn/fleet/model-head.ts';
import { OUTCOME_TASKS_MAX, type OutcomeRow } from '../../src/domain/learn/fleet/outcome.ts';
import { labelledSetsOf, OutcomeSets } from '../../src/domain/learn/fleet/outcome-sets.ts';
import { KEYS_MAX, ReportFilter } from '../../src/domain/learn/fleet/report-filter.ts';
import { labelledSets } from '../support/learn-sets.ts';
import { outcomeRow } from '../support/outcome-arbitraries.ts';
import { plainTrainer } from '../support/plain-trainer.ts';

/** In deviations of what a model learned from; forged rows made numbers of 10^15 and no numbers at all. */
const FEATURE_MOST = 1_000;

/** The more urgent task has by far the later deadline: a step from one deadline to the next was a number of any size. */
const NOT_BY_DEADLINE: OutcomeRow = {
  lane: 0,
  tasks: [
    { wcetUs: 1, periodUs: 1_000_000_000, deadlineUs: 1_000_000_000, isMeasured: false },
    { wcetUs: 1, periodUs: 2, deadlineUs: 1, isMeasured: false },
  ],
  ...{ outcome: 'met', exact: 'yes', windows: 1, jobs: 0, misses: 0, observedUs: 0 },
};

const modelOf = async () => {
  const model = await trainModel(labelledSets(3, 100), {
    ...{ network: 'fnn', cell: 'gru', reads: 'demand', widths: [8], epochs: 2, seed: 1 },
    trainer: async () => plainTrainer,
  });
  if (model.purpose !== 'yes-no') throw new Error('an fnn answers yes or no');
  return model;
};

it('takes no more memory for any number of rows, and stays finite whatever they say', async () => {
  const model = await modelOf();
  fc.assert(
    fc.property(fc.array(outcomeRow(), { minLength: 1, maxLength: 40 }), (rows) => {
      const learner = new BridgeLearner({ rng: createRng(1), nowUs: () => 0 });
      learner.begin(1, model);
      const { stateBytes } = learner.state();
      for (const row of rows) learner.learn(row);
      learner.begin(2, model);
      for (const row of rows) learner.learn(row);
      const state = learner.state();
      expect(state).toMatchObject({ version: 2, learned: 2 * rows.length, stateBytes });
      expect(state.rightLearning).toBeLessThanOrEqual(state.learned);
      expect(state.rightAsCame).toBeLessThanOrEqual(state.learned);
    }),
    { numRuns: 60 },
  );
});

it('makes of all rows one example a set of numbers that harm no network, and of an exact verdict always one of three words', async () => {
  const { scale, reads } = await modelOf();
  fc.assert(
    fc.property(fc.array(outcomeRow(), { minLength: 1, maxLength: 20 }), (rows) => {
      const outcomes = new OutcomeSets();
      outcomes.add({ scheduling: 'npfp', rows });
      outcomes.add({ scheduling: 'npfp', rows });
      const { learn, heldBack } = outcomes.gathered();
      expect(learn.length + heldBack.length).toBeLessThanOrEqual(rows.length);
      const sets = labelledSetsOf([...learn, ...heldBack]);
      const inputs = writeInputs(sets, 'row', reads);
      applyScale(inputs, scale);
      for (const value of inputs.values) expect(Math.abs(value)).toBeLessThan(FEATURE_MOST);
      for (const { tasks } of rows) {
        const scheduling = { scheduler: 'fp', nonPreemptive: true } as const;
        expect(['yes', 'no', 'unknown']).toContain(boundedVerdict(tasks, { cores: 1, scheduling }));
      }
    }),
    { numRuns: 100, examples: [[[NOT_BY_DEADLINE]]] },
  );
});

it('remembers a bounded number of sets, and tells of none twice before its time', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(outcomeRow(), fc.nat({ max: 400 })), { maxLength: 80 }), (offers) => {
      const filter = new ReportFilter(1_000);
      const toldUs = new Map<string, number>();
      let nowUs = 0;
      let [offered, told] = [0, 0];
      for (const [row, passedUs] of [...offers, ...offers]) {
        nowUs += passedUs;
        const { lane, tasks, outcome, jobs, misses, observedUs } = row;
        const key = `${outcome} ${tasks.map((task) => `${task.wcetUs}/${task.periodUs}/${task.deadlineUs}`).join(' ')}`;
        offered++;
        const counts = { jobs: jobs % 1_000, misses: misses % 1_000, observedUs: observedUs % 1_000 };
        const said = filter.offer(nowUs, { lane, tasks, outcome, ...counts }, () => 'unknown');
        if (said === undefined) continue;
        told += said.windows;
        expect(nowUs - (toldUs.get(key) ?? nowUs - 1_000)).toBeGreaterThanOrEqual(1_000);
        toldUs.set(key, nowUs);
      }
      expect(told).toBeLessThanOrEqual(offered);
      expect(filter.size).toBeLessThanOrEqual(KEYS_MAX);
    }),
  );
});

it('says of a window at most one thing a lane, about no more tasks than a model reads', () => {
  const aTask = fc.record({
    ...{ lane: fc.nat({ max: 5 }), wcetUs: fc.nat({ max: 500 }), periodUs: fc.nat({ max: 5_000 }) },
    ...{ deadlineUs: fc.nat({ max: 5_000 }), priority: fc.nat({ max: 9 }), waiting: fc.nat({ max: 5 }) },
  });
  fc.assert(
    fc.property(fc.array(aTask, { maxLength: 120 }), fc.array(fc.nat({ max: 3 }), { maxLength: 8 }), (specs, jobs) => {
      const watch = new LaneWatch({ windowUs: 1_000, lanesMax: 3 });
      const tasks = specs.map((spec) => ({ ...spec, instance: {}, runs: true, responses: 0, misses: 0, skipped: 0 }));
      let nowUs = 0;
      for (const more of jobs) {
        for (const task of tasks) task.responses += more;
        nowUs += 1_000;
        const running = tasks.map((task): WatchedTask => ({ ...task, takeLongestUs: () => 7 }));
        const seen = watch.look(nowUs, running, false);
        expect(new Set(seen.map(({ lane }) => lane)).size).toBe(seen.length);
        expect(seen.length).toBeLessThanOrEqual(3);
        for (const one of seen) {
          expect(one.tasks.length).toBeLessThanOrEqual(OUTCOME_TASKS_MAX);
          for (const { wcetUs, periodUs, deadlineUs } of one.tasks)
            expect(Math.min(wcetUs, periodUs, deadlineUs)).toBeGreaterThan(0);
        }
      }
    }),
  );
});

it('reads any bytes as the versions of a model, or says what is wrong with them', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const head = parseHead(new TextEncoder().encode(text));
      expect(typeof head === 'string' || head.versions.length <= 8).toBe(true);
    }),
  );
});

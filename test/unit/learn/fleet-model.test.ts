/** What a fleet learns from, what a bridge makes of it, and which versions there may be. */
import { describe, expect, it } from 'vitest';
import { trainModel } from '../../../src/app/learn/train-model.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { boundedVerdict } from '../../../src/domain/learn/fleet/bounded-verdict.ts';
import { BridgeLearner, PARAMETERS_MAX, whyNot } from '../../../src/domain/learn/fleet/bridge-learner.ts';
import {
  encodeHead,
  type ModelHead,
  type ModelVersion,
  NO_HEAD,
  parseHead,
  type TrainingTold,
  VERSIONS_KEPT,
  whyNotPublished,
  withAttempt,
  withVersion,
} from '../../../src/domain/learn/fleet/model-head.ts';
import { keyOfSet, schedulingKindOf } from '../../../src/domain/learn/fleet/outcome.ts';
import { isHeldBack, labelledSetsOf, OutcomeSets } from '../../../src/domain/learn/fleet/outcome-sets.ts';
import { KEYS_MAX, ReportFilter } from '../../../src/domain/learn/fleet/report-filter.ts';
import type { YesNoModel } from '../../../src/domain/learn/model.ts';
import { labelledSets } from '../../support/learn-sets.ts';
import { drawnRows, outcomeTasks, reportOf, rowOf } from '../../support/outcome-rows.ts';
import { plainTrainer } from '../../support/plain-trainer.ts';

const MAC = '02aa00000001';

const modelOf = async (sets: number, widths: readonly number[] = [8]): Promise<YesNoModel> => {
  const model = await trainModel(labelledSets(3, sets), {
    ...{ network: 'fnn', cell: 'gru', reads: 'demand', widths, epochs: 8, seed: 1 },
    trainer: async () => plainTrainer,
  });
  if (model.purpose !== 'yes-no') throw new Error('an fnn answers yes or no');
  return model;
};

describe('what a fleet learns from', () => {
  it('is one example a set, met where it was met in more windows than it was missed in', () => {
    const [first = [], second = []] = outcomeTasks(1, 2);
    const sets = new OutcomeSets();
    sets.add(reportOf(MAC, [rowOf(first, { outcome: 'missed', windows: 2 }), rowOf(second, { outcome: 'met' })]));
    sets.add(reportOf('02aa00000002', [rowOf(first, { outcome: 'met', windows: 3 }), rowOf(second, { outcome: 'missed' })]));
    const { learn, heldBack, rows } = sets.gathered();
    expect(rows).toBe(4);
    const met = new Map([...learn, ...heldBack].map((one) => [keyOfSet(one.tasks), one.met]));
    expect(met).toEqual(
      new Map([
        [keyOfSet(first), true],
        [keyOfSet(second), false],
      ]),
    );
  });

  it('is of one scheduling: that of most sets', () => {
    const rows = drawnRows(2, 9);
    const sets = new OutcomeSets();
    sets.add(reportOf(MAC, rows.slice(0, 3)));
    sets.add(reportOf(MAC, rows.slice(3), { scheduling: 'npfp' }));
    const { scheduling, learn, heldBack } = sets.gathered();
    expect([scheduling, learn.length + heldBack.length]).toEqual(['npfp', 6]);
  });

  it('is never what no ECU has declared, however much there is of it', () => {
    const rows = drawnRows(2, 9);
    const sets = new OutcomeSets();
    sets.add(reportOf(MAC, rows.slice(2), { scheduling: 'other' }));
    expect(sets.gathered()).toMatchObject({ rows: 0, learn: [], heldBack: [] });
    sets.add(reportOf(MAC, rows.slice(0, 2), { scheduling: 'rr' }));
    expect(sets.gathered()).toMatchObject({ scheduling: 'rr', rows: 2 });
  });

  it('holds the same sets back whoever gathers them, in whatever order', () => {
    const rows = drawnRows(3, 80);
    const gather = (some: typeof rows) => {
      const sets = new OutcomeSets();
      for (const row of some) sets.add(reportOf(MAC, [row]));
      return sets.gathered();
    };
    const gathered = gather(rows);
    expect(gather([...rows].reverse())).toEqual(gathered);
    expect(gathered.heldBack.length).toBeGreaterThan(5);
    expect(gathered.learn.length).toBeGreaterThan(40);
    expect(gathered.heldBack.every(({ tasks }) => isHeldBack(keyOfSet(tasks)))).toBe(true);
    expect(labelledSetsOf(gathered.learn).count).toBe(gathered.learn.length);
  });
});

describe('the bounded exact verdict', () => {
  it('says what the exact test says, by the scheduling of the ECU', () => {
    const sets = labelledSets(4, 200);
    const verdicts = outcomeTasks(4, 200).map((tasks) => boundedVerdict(tasks, { cores: 4, scheduling: { scheduler: 'fp' } }));
    expect(verdicts).toEqual(Array.from(sets.schedulable, (good) => (good === 1 ? 'yes' : 'no')));
    const long = [
      { wcetUs: 100, periodUs: 1_000, deadlineUs: 500, isMeasured: false },
      { wcetUs: 900, periodUs: 10_000, deadlineUs: 10_000, isMeasured: false },
    ];
    expect(boundedVerdict(long, { cores: 1, scheduling: { scheduler: 'fp' } })).toBe('yes');
    // What was never declared is not taken for fixed priorities.
    expect(boundedVerdict(long, { cores: 1 })).toBe('unknown');
    expect(boundedVerdict(long, { cores: 1, scheduling: { scheduler: 'fp', nonPreemptive: true } })).toBe('no');
    expect(boundedVerdict(long, { cores: 1, scheduling: { scheduler: 'other' } })).toBe('unknown');
  });

  it('gives up where it would compute for long', () => {
    // Just below full load: the last task's response is found after very many rounds.
    const tasks = Array.from({ length: 24 }, (_, at) => ({
      wcetUs: Math.floor((1_000_003 + at * 17) / 24.001),
      periodUs: 1_000_003 + at * 17,
      deadlineUs: 2 ** 40,
      isMeasured: false,
    }));
    expect(boundedVerdict(tasks, { cores: 1, scheduling: { scheduler: 'fp' } })).toBe('unknown');
  });

  it('knows how an ECU shares a core', () => {
    expect(schedulingKindOf({ cores: 2 })).toBe('other');
    expect(schedulingKindOf({ cores: 2, scheduling: { scheduler: 'fp' } })).toBe('fp');
    expect(schedulingKindOf({ cores: 2, scheduling: { scheduler: 'fp', nonPreemptive: true } })).toBe('npfp');
    expect(schedulingKindOf({ cores: 2, scheduling: { scheduler: 'edf', nonPreemptive: true } })).toBe('npedf');
    expect(schedulingKindOf({ cores: 2, scheduling: { scheduler: 'rr' } })).toBe('rr');
  });
});

it('tells of a set when it is new, and then now and again with all that was counted meanwhile', () => {
  const filter = new ReportFilter(1_000);
  const [tasks = []] = outcomeTasks(5, 1);
  const window = (outcome: 'met' | 'missed') => ({ lane: 1, tasks, outcome, jobs: 10, misses: 0, observedUs: 100 }) as const;
  const tell = (nowUs: number, outcome: 'met' | 'missed' = 'met') => filter.offer(nowUs, window(outcome), () => 'yes');
  expect(tell(0)).toMatchObject({ windows: 1, jobs: 10, exact: 'yes' });
  expect(tell(400)).toBeUndefined();
  expect(tell(500, 'missed')).toMatchObject({ windows: 1, outcome: 'missed' });
  expect(tell(900)).toBeUndefined();
  expect(tell(1_000)).toMatchObject({ windows: 3, jobs: 30, observedUs: 300 });
  for (const other of outcomeTasks(6, KEYS_MAX + 20)) filter.offer(2_000, { ...window('met'), tasks: other }, () => 'yes');
  expect(filter.size).toBe(KEYS_MAX);
});

describe('a bridge that learns on', () => {
  it('is better about what its ECU shows than the version it began from, and keeps what it saw when the next comes', async () => {
    const model = await modelOf(400);
    const learner = new BridgeLearner({ rng: createRng(1), nowUs: () => 0 });
    learner.learn(rowOf(outcomeTasks(1, 1)[0] ?? []));
    expect(learner.state()).toMatchObject({ version: 0, learned: 0, stateBytes: 0 });
    learner.begin(1, model);
    const { stateBytes } = learner.state();
    // This ECU misses whatever uses more than half of it, which the model knows nothing of.
    for (const tasks of outcomeTasks(7, 1_500)) {
      const load = tasks.reduce((sum, { wcetUs, periodUs }) => sum + wcetUs / periodUs, 0);
      learner.learn(rowOf(tasks, { outcome: load > 0.5 ? 'missed' : 'met' }));
    }
    const { learned, rightLearning, rightAsCame } = learner.state();
    expect(learned).toBe(1_500);
    expect(rightLearning).toBeGreaterThan(rightAsCame + 100);
    learner.begin(2, model);
    expect(learner.state()).toMatchObject({ version: 2, learned, stateBytes });
  });

  it('takes nothing that it cannot go on from', async () => {
    const large = await modelOf(60, [128, 128]);
    expect(whyNot(large)).toContain(`a bridge learns on with ${PARAMETERS_MAX} at most`);
    const forest = await trainModel(labelledSets(3, 60), {
      ...{ network: 'forest', cell: 'gru', reads: 'closed', seed: 1 },
      trainer: async () => plainTrainer,
    });
    expect(whyNot(forest)).toContain('no feed-forward network');
    const learner = new BridgeLearner({ rng: createRng(1), nowUs: () => 0 });
    learner.begin(1, large);
    learner.begin(2, forest);
    expect(learner.state()).toMatchObject({ version: 0, stateBytes: 0 });
  });
});

describe('the versions of a model', () => {
  const training: TrainingTold = {
    ...{ by: 'm1', atUs: 5, tookUs: 7, scheduling: 'fp', backend: 'plain', rows: 90, sets: 30, heldBack: 9, drawn: 100 },
    ...{ accuracy: 0.75, parentAccuracy: 0.75 },
  };
  const version = (number: number): ModelVersion => ({
    ...training,
    ...{ number, digest: String(number % 10).repeat(64), parent: undefined, key: `model.m1.${number % 9}`, bytes: 10 },
  });
  const versionsAfter = (count: number): ModelHead =>
    Array.from({ length: count }, (_, at) => version(at + 1)).reduce((head, one) => withVersion(head, one, 3), NO_HEAD);

  it('are kept up to a bound, the newest first, and read back as they were', () => {
    const head = withAttempt(versionsAfter(20), { ...training, why: 'is worse' }, 44);
    expect(head.versions.map(({ number }) => number)).toEqual(Array.from({ length: VERSIONS_KEPT }, (_, at) => 20 - at));
    expect(parseHead(encodeHead(head))).toEqual(head);
    expect(head.learnedUpTo).toBe(44);
  });

  it('may not be worse than their parents on what neither has learned from', () => {
    expect(whyNotPublished(training)).toBeUndefined();
    expect(whyNotPublished({ ...training, parentAccuracy: undefined })).toBeUndefined();
    expect(whyNotPublished({ ...training, accuracy: 0.7 })).toBe(
      'is right about 70.0 % of the sets held back, its parent about 75.0 %',
    );
  });

  it.each([
    ['no JSON', 'x', 'is no JSON'],
    ['another version', '{"version":2}', 'is of version 2, this build reads 1'],
    ['a list', '[]', 'is no object'],
    ['nothing in it', '{"version":1}', 'does not say what was learned from'],
  ])('are not read from an entry with %s', (_, text, sentence) => {
    expect(parseHead(new TextEncoder().encode(text))).toBe(sentence);
  });

  it.each([
    ['a digest that is none', { digest: 'abc' }, 'has a version that is none'],
    ['a key outside the models', { key: 'head' }, 'has a version that is none'],
    ['an accuracy above 1', { accuracy: 1.5 }, 'has a version that is none'],
    ['a number that does not follow', { number: 9 }, 'has versions that do not follow each other'],
  ])('are not read where one has %s', (_, change, sentence) => {
    const { versions, ...rest } = versionsAfter(3);
    const forged = { ...rest, versions: [{ ...versions[0], ...change }, ...versions.slice(1)] } as ModelHead;
    expect(parseHead(encodeHead(forged))).toBe(sentence);
  });
});

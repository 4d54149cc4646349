/** Reviews: what is foreseen becomes proposals, and never more of them than the rules R1–R5 allow. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MovableTask, Outlook } from '../../../src/domain/proposal/proposal.ts';
import {
  type EcuView,
  NOTHING_REMEMBERED,
  REVIEW_POLICY,
  type Review,
  type ReviewMemory,
  type ReviewPolicy,
  review,
} from '../../../src/domain/proposal/review.ts';
import { type Credit, FULL_CREDIT } from '../../../src/domain/proposal/score.ts';

const outlook = (mac: string, failure: number, more: Partial<Outlook> = {}): Outlook => ({
  ...{ mac, incarnation: 1, failure, overload: 0, loadQuantiles: [0.2, 0.3, 0.4], failsInS: 20, threats: [] },
  ...more,
});
const task = (name: string, more: Partial<MovableTask> = {}): MovableTask => ({
  ...{ task: name, epoch: 3, jobsPerS: 100, restoreSilenceS: 0.2, blackoutS: 0.01, moveS: 2, lateShare: 0.5 },
  ...more,
});

/** Reviews one second apart. */
function run(
  rounds: readonly (readonly EcuView[])[],
  more: { readonly credit?: Credit; readonly policy?: Partial<ReviewPolicy>; readonly elsewhere?: readonly Outlook[] } = {},
): Review[] {
  let memory: ReviewMemory = NOTHING_REMEMBERED;
  return rounds.map((views, second) => {
    const found = review(memory, views, {
      nowUs: second * 1e6,
      credit: more.credit ?? FULL_CREDIT,
      policy: { ...REVIEW_POLICY, ...more.policy },
      elsewhere: more.elsewhere ?? [],
    });
    memory = found.memory;
    return found;
  });
}

/** `danger` of ECU a, second by second; b is calm. */
const fleet = (danger: readonly number[], tasks: readonly MovableTask[] = [task('t')]): EcuView[][] =>
  danger.map((failure, second) => [
    { outlook: outlook('a', failure), sampledAtUs: second * 1e6, tasks },
    { outlook: outlook('b', 0.01), sampledAtUs: second * 1e6, tasks: [] },
  ]);

const calmThen = (danger: readonly number[]): number[] => [...new Array<number>(5).fill(0.01), ...danger];

test('a failure that is foreseen three times is proposed once, with what it is worth and until when', () => {
  const reviews = run(fleet(calmThen([0.9, 0.9, 0.9, 0.95, 0.95])));
  expect(reviews.map(({ proposals }) => proposals.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
  const [proposal] = reviews[7]?.proposals ?? [];
  // Staying: 0.9 · 0.2 s · 100/s = 18; moving: 0.01 s · 100/s + 0.01 · 20 = 1.2.
  expect(proposal).toMatchObject({
    task: 't',
    epoch: 3,
    from: 'a',
    cause: 'failure',
    probability: 0.9,
    madeAtUs: 7e6,
    deadlineUs: 25e6,
  });
  expect(proposal?.staying).toBeCloseTo(18, 9);
  expect(proposal?.benefit).toBeCloseTo(16.8, 9);
  expect(proposal?.candidates.map(({ mac }) => mac)).toEqual(['b']);
});

test('where none of its own is calm, one that another manager follows is a target, beside its own where it is as good', () => {
  const danger = calmThen([0.9, 0.9, 0.9]);
  const alone = fleet(danger).map(([only]) => (only === undefined ? [] : [only]));
  expect(run(alone).flatMap(({ proposals }) => proposals)).toEqual([]);
  const elsewhere = [outlook('z', 0.02)];
  const [proposal] = run(alone, { elsewhere }).at(-1)?.proposals ?? [];
  expect(proposal?.candidates.map(({ mac }) => mac)).toEqual(['z']);
  const [beside] = run(fleet(danger), { elsewhere }).at(-1)?.proposals ?? [];
  expect(beside?.candidates.map(({ mac }) => mac)).toEqual(['b', 'z']);
});

test('an overload is weighed by the jobs that would be late, over the horizon', () => {
  const views = calmThen([1, 1, 1]).map((overload, second): EcuView[] => [
    {
      outlook: outlook('a', 0, { overload: overload > 0.5 ? 0.8 : 0 }),
      sampledAtUs: second * 1e6,
      tasks: [task('t', { jobsPerS: 10 })],
    },
    { outlook: outlook('b', 0), sampledAtUs: second * 1e6, tasks: [] },
  ]);
  const [proposal] = run(views).at(-1)?.proposals ?? [];
  expect(proposal?.cause).toBe('overload');
  expect(proposal?.staying).toBeCloseTo(0.8 * 0.5 * 10 * 30, 9);
});

describe('nothing is proposed', () => {
  const never = (reviews: readonly Review[]): void => expect(reviews.flatMap(({ proposals }) => proposals)).toEqual([]);

  test('for a moment of danger, or one that flickers', () =>
    never(run(fleet(calmThen([0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9, 0.9])))));
  test('before anything is warm', () => never(run(fleet([0.9, 0.9, 0.9, 0.9]))));
  test('where moving costs more than it saves', () =>
    never(run(fleet(calmThen([0.9, 0.9, 0.9, 0.9]), [task('t', { blackoutS: 0.5 })]))));
  test('towards where as much threatens', () =>
    never(
      run(
        calmThen([0.9, 0.9, 0.9, 0.9]).map((failure, second) =>
          ['a', 'b'].map((mac) => ({ outlook: outlook(mac, failure), sampledAtUs: second * 1e6, tasks: [task(`t${mac}`)] })),
        ),
      ),
    ));
  test('by whose proposals do not pay, until the benefit is as much greater', () => {
    const rounds = fleet(calmThen([0.9, 0.9, 0.9]));
    never(run(rounds, { credit: { ...FULL_CREDIT, demands: 64 } }));
    expect(run(rounds, { credit: { ...FULL_CREDIT, demands: 16 } }).at(-1)?.proposals).toHaveLength(1);
  });
});

test('hysteresis: between the two thresholds an ECU stays what it was', () => {
  const reviews = run(fleet(calmThen([0.9, 0.9, 0.9, 0.4, 0.4, 0.4, 0.4, 0.1, 0.1, 0.1, 0.4])));
  expect(reviews.map(({ threatened }) => threatened.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
});

test('another incarnation of a MAC is another ECU', () => {
  const rounds = fleet(calmThen([0.9, 0.9, 0.9])).map((views, second) =>
    views.map((view) => (second >= 7 ? { ...view, outlook: { ...view.outlook, incarnation: 2 } } : view)),
  );
  expect(run(rounds).flatMap(({ proposals }) => proposals)).toEqual([]);
});

describe('blindness', () => {
  const frozen = (macs: readonly string[]) => (round: readonly EcuView[], second: number) =>
    round.map((view) => (macs.includes(view.outlook.mac) && second >= 5 ? { ...view, sampledAtUs: 4e6 } : view));
  const danger = calmThen(new Array<number>(8).fill(0.9));

  test('nothing about an ECU whose data stopped, and nothing towards it', () => {
    const third = (second: number): EcuView => ({ outlook: outlook('c', 0.01), sampledAtUs: second * 1e6, tasks: [] });
    const rounds = fleet(danger).map((round, second) => [...round, third(second)]);
    const towards = run(rounds.map(frozen(['b']))).flatMap(({ proposals }) => proposals);
    expect(towards[0]?.candidates.map(({ mac }) => mac)).toEqual(['b', 'c']);
    const late = run(rounds.map(frozen(['b'])), { policy: { rows: 5 } }).flatMap(({ proposals }) => proposals);
    expect(late.map(({ candidates }) => candidates.map(({ mac }) => mac))).toEqual([['c']]);
    const about = run(rounds.map(frozen(['a'])), { policy: { rows: 5 } });
    expect(about.flatMap(({ proposals }) => proposals)).toEqual([]);
    expect(about.at(-1)).toMatchObject({ state: 'forecasting', blind: ['a'] });
  });

  test('when most are blind it is degraded, and says so', () => {
    const reviews = run(fleet(danger).map(frozen(['a', 'b'])));
    expect(reviews.map(({ state }) => state)).toEqual([
      ...new Array(4).fill('warming'),
      ...new Array(4).fill('forecasting'),
      ...new Array(5).fill('degraded'),
    ]);
    expect(reviews.at(-1)?.proposals).toEqual([]);
  });

  test('a forecast that is no probability is none', () => {
    const rounds = fleet(danger).map((round) =>
      round.map((view) => ({ ...view, outlook: { ...view.outlook, failure: Number.NaN } })),
    );
    expect(run(rounds).at(-1)).toMatchObject({ state: 'degraded', blind: ['a', 'b'], proposals: [] });
  });
});

test('the greatest benefit for the least time first, as far as the budget goes, and on as the horizons end', () => {
  const tasks = [task('small', { jobsPerS: 10 }), task('large', { jobsPerS: 1000 }), task('middle')];
  const reviews = run(fleet(calmThen(new Array<number>(40).fill(0.9)), tasks), { policy: { openMost: 1 } });
  expect(reviews.flatMap(({ proposals }) => proposals.map((each) => `${each.madeAtUs / 1e6} ${each.task}`))).toEqual([
    '7 large',
    '37 middle',
  ]);
});

test('whatever is foreseen: within the budget, no task twice within its rest, never from or to the blind, always worth it', () => {
  const view = fc.record({
    failure: fc.constantFrom(0, 0.1, 0.6, 0.95),
    isFresh: fc.boolean(),
    overload: fc.constantFrom(0, 0.7),
  });
  fc.assert(
    fc.property(fc.array(fc.array(view, { minLength: 4, maxLength: 4 }), { minLength: 8, maxLength: 40 }), (drawn) => {
      const rounds = drawn.map((each, second) =>
        each.map(
          ({ failure, isFresh, overload }, e): EcuView => ({
            outlook: outlook(`e${e}`, failure, { overload }),
            sampledAtUs: isFresh ? second * 1e6 : -1e9,
            tasks: [task(`t${e}`), task(`u${e}`, { jobsPerS: 5 })],
          }),
        ),
      );
      const policy = { rows: 1, warmRows: 1, openMost: 3, restUs: 7e6, horizonS: 4 };
      const reviews = run(rounds, { policy });
      const made = reviews.flatMap(({ proposals }) => proposals);
      for (const [second, { proposals, blind, threatened, state }] of reviews.entries()) {
        const open = made.filter(({ madeAtUs }) => madeAtUs <= second * 1e6 && madeAtUs + 4e6 > second * 1e6);
        expect(open.length).toBeLessThanOrEqual(3);
        if (state !== 'forecasting') expect(proposals).toEqual([]);
        for (const { from, candidates, benefit, deadlineUs, madeAtUs } of proposals) {
          expect(threatened).toContain(from);
          expect(benefit).toBeGreaterThan(0.5);
          expect(deadlineUs).toBeGreaterThanOrEqual(madeAtUs);
          for (const { mac } of candidates) expect([from, ...blind, ...threatened]).not.toContain(mac);
        }
      }
      for (const one of made) {
        const again = made.filter(({ task: name, madeAtUs }) => name === one.task && madeAtUs > one.madeAtUs);
        expect(again.every(({ madeAtUs }) => madeAtUs - one.madeAtUs >= 7e6)).toBe(true);
      }
    }),
    { numRuns: 40 },
  );
});

describe('the tasks of a chain', () => {
  const chain = (more: Partial<MovableTask> = {}): MovableTask[] =>
    ['x', 'y', 'z'].map((name) => task(name, { chain: 'x', ...(name === 'y' ? more : {}) }));
  const proposed = (reviews: readonly Review[]): (readonly [string, readonly string[] | undefined])[] =>
    reviews.flatMap(({ proposals }) => proposals.map((one) => [one.task, one.together] as const));
  const ALL = [
    ['x', ['y', 'z']],
    ['y', ['x', 'z']],
    ['z', ['x', 'y']],
  ];

  test('are proposed together, each by itself in the count, and once', () => {
    const reviews = run(fleet(calmThen([0.9, 0.9, 0.9, 0.9, 0.9]), [task('t'), ...chain()]));
    expect(proposed(reviews.slice(0, 8))).toEqual([['t', undefined], ...ALL]);
    expect(proposed(reviews.slice(8))).toEqual([]);
    expect(reviews.at(-1)?.memory.openUntilUs).toHaveLength(4);
  });

  test('go together where one of them alone would not be worth it, and by what they save together', () => {
    const reviews = run(fleet(calmThen([0.9, 0.9, 0.9]), chain({ jobsPerS: 0.5 })));
    expect(proposed(reviews)).toEqual(ALL);
    const benefits = reviews.flatMap(({ proposals }) => proposals.map(({ benefit }) => benefit));
    expect(benefits[1]).toBeLessThan(REVIEW_POLICY.benefitLeast);
    // Without a chain the same task stays.
    const loose = chain({ jobsPerS: 0.5 }).map(({ chain: _, ...one }) => one);
    expect(proposed(run(fleet(calmThen([0.9, 0.9, 0.9]), loose)))).toEqual([
      ['x', undefined],
      ['z', undefined],
    ]);
  });

  test('that are not worth it together: what is worth it alone goes alone', () => {
    const poor = chain().map((one) => (one.task === 'x' ? one : { ...one, blackoutS: 1 }));
    expect(proposed(run(fleet(calmThen([0.9, 0.9, 0.9]), poor)))).toEqual([['x', undefined]]);
  });

  test('go to one place: the one that is best for them together', () => {
    const views = fleet(calmThen([0.9, 0.9, 0.9]), chain()).map((round, second) => [
      ...round,
      { outlook: outlook('c', 0, { overload: 0.0001 }), sampledAtUs: second * 1e6, tasks: [] },
    ]);
    const best = run(views).flatMap(({ proposals }) => proposals.map(({ candidates }) => candidates.map(({ mac }) => mac)));
    expect(best).toEqual([
      ['c', 'b'],
      ['c', 'b'],
      ['c', 'b'],
    ]);
  });

  test('that are more than may be open go one by one, as many as may', () => {
    const reviews = run(fleet(calmThen([0.9, 0.9, 0.9]), chain()), { policy: { openMost: 2 } });
    expect(proposed(reviews)).toEqual([
      ['x', undefined],
      ['y', undefined],
    ]);
  });

  test('of which one has been proposed lately: the others go without it', () => {
    const before = fleet(calmThen([0.9, 0.9, 0.9]), chain().slice(0, 1));
    const after = fleet([0.9], chain()).map((round) => round.map((view) => ({ ...view, sampledAtUs: before.length * 1e6 })));
    expect(proposed(run([...before, ...after]))).toEqual([
      ['x', undefined],
      ['y', ['z']],
      ['z', ['y']],
    ]);
  });
});

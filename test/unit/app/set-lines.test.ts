/** One reading of a line for both commands that take them: what is asked of one set is asked of the other. */
import { describe, expect, test } from 'vitest';
import { verdictOfLine } from '../../../src/app/realtime/analysis-lines.ts';
import { POLICIES } from '../../../src/app/realtime/policies.ts';
import { answerLine } from '../../../src/app/realtime/schedule-lines.ts';

const line = (tasks: unknown, more: object = {}): string => JSON.stringify({ id: 'a', tasks, ...more });
const simulated = (text: string, more: object = {}) =>
  answerLine(text, { policy: 'fp', cores: undefined, durationUs: 8, seed: 1, ...more });
const responses = (text: string, more: object = {}) =>
  simulated(text, more).tasks?.map(({ maxResponseUs }) => maxResponseUs) ?? simulated(text, more).reason;

describe('a line', () => {
  test('without priorities is deadline-monotonic, in any order of its tasks', () => {
    const bare = line([
      { wcetUs: 2, periodUs: 8 },
      { wcetUs: 1, periodUs: 4 },
    ]);
    expect(verdictOfLine(bare, { policy: 'fp' }).responseUs).toEqual([3, 1]);
    expect(responses(bare)).toEqual([3, 1]);
  });

  test('with priorities for some is refused', () => {
    const some = line([
      { wcetUs: 1, periodUs: 4, priority: 1 },
      { wcetUs: 1, periodUs: 4 },
    ]);
    const reason = 'missing: some tasks have a priority and some have none: give all one, or none';
    expect(verdictOfLine(some, { policy: 'fp' })).toMatchObject({ id: 'a', schedulable: null, reason });
    expect(simulated(some)).toMatchObject({ id: 'a', tasks: null, reason });
  });

  test('has nothing where it says null', () => {
    const nulls = line([{ wcetUs: 1, periodUs: 4, deadlineUs: null, priority: null, jitterUs: null }], { cores: null });
    expect(verdictOfLine(nulls, { policy: 'gfp' })).toMatchObject({ schedulable: true, reason: null });
    expect(responses(nulls)).toEqual([1]);
  });

  test('may hold anything in fields that a command does not look at', () => {
    const strange = [{ wcetUs: 1, periodUs: 4, offsetUs: 'late', blockingUs: 0 }];
    expect(verdictOfLine(line(strange, { durationUs: 'long', cores: 'two' }), { policy: 'fp' }).schedulable).toBe(true);
    expect(responses(line([{ wcetUs: 1, periodUs: 4, blockingUs: 'some' }]))).toEqual([1]);
  });

  test.each([
    [line([{ wcetUs: 1, periodUs: 4 }], { cores: '2' }), /^bad-platform: cores "2" is no number$/],
    [line([{ wcetUs: 1 }]), /^missing: T1: periodUs is missing$/],
    [line([{ name: 'x', wcetUs: 1, periodUs: 4, jitterUs: [] }]), /^not-whole: x: jitterUs \[\] is no number$/],
    [line([{ wcetUs: 1, periodUs: 4, priority: 2 ** 60 }]), /^not-whole: T1: priority 1152921504606847000 is no whole number/],
  ])('%s is refused by both, with the same reason', (text, reason) => {
    expect(verdictOfLine(text, { policy: 'gedf' })).toMatchObject({ schedulable: null, reason: expect.stringMatching(reason) });
    expect(simulated(text)).toMatchObject({ tasks: null, reason: expect.stringMatching(reason) });
  });
});

test('round robin takes the slice that was asked for', () => {
  const two = line([
    { wcetUs: 4, periodUs: 20, priority: 1 },
    { wcetUs: 4, periodUs: 20, priority: 2 },
  ]);
  const robin = { policy: 'rr', durationUs: 20 };
  expect(responses(two, { ...robin, sliceUs: 1 })).toEqual([7, 8]);
  expect(responses(two, { ...robin, sliceUs: 4 })).toEqual([4, 8]);
});

test('a load just above the cores is not said to be 100.00 % of 100 %', () => {
  const barely = [
    { wcetUs: 500_000, periodUs: 999_999 },
    { wcetUs: 500_000, periodUs: 1_000_000 },
  ];
  expect(verdictOfLine(line(barely), { policy: 'edf' }).reason).toBe(
    'overloaded: the tasks need a little more than the 100 % of one core that there are',
  );
});

/** C > T, C > D, 0, below 0, fractions, beyond whole numbers, nothing, U a hair above 1: whatever the policy. */
const HOSTILE: Readonly<Record<string, readonly object[]>> = {
  'WCET over period': [{ wcetUs: 5, periodUs: 4, deadlineUs: 100 }],
  'WCET over deadline': [{ wcetUs: 3, periodUs: 10, deadlineUs: 2 }],
  'a period of 0': [{ wcetUs: 1, periodUs: 0 }],
  'a negative deadline': [{ wcetUs: 1, periodUs: 4, deadlineUs: -4 }],
  'half a microsecond': [{ wcetUs: 0.5, periodUs: 4 }],
  enormous: [{ wcetUs: 1e300, periodUs: 1e308 }],
  'jitter of years': [{ wcetUs: 1, periodUs: 4, jitterUs: 1e15 }],
  'no task': [],
  'three cores of work for two': [1, 2, 3].map(() => ({ wcetUs: 999, periodUs: 1000, deadlineUs: 10 ** 6 })),
};

test.each(Object.entries(HOSTILE))('%s: no policy says yes', (_, tasks) => {
  for (const policy of POLICIES) {
    const { schedulable, reason } = verdictOfLine(line(tasks), { policy, cores: 2 });
    expect([policy, schedulable]).not.toEqual([policy, true]);
    expect(reason).toMatch(/^[a-z-]+: ./);
  }
});

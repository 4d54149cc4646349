/** Task sets as files and as lines: what is read, what is said, and what is refused. */
import { describe, expect, test } from 'vitest';
import { platformOf } from '../../../src/app/analysis/policies.ts';
import { reportOn } from '../../../src/app/analysis/report.ts';
import { parseTaskSet } from '../../../src/app/analysis/set-file.ts';
import { verdictOfLine } from '../../../src/app/analysis/set-lines.ts';
import { benchAnalysis } from '../../../src/app/bench/analysis.ts';

const line = (tasks: unknown, more: object = {}): string => JSON.stringify({ id: 'a', tasks, ...more });
const two = [
  { name: 'x', wcetUs: 3, periodUs: 5, deadlineUs: 5, priority: 1 },
  { name: 'y', wcetUs: 3, periodUs: 10, deadlineUs: 8, priority: 2 },
];

describe('lines', () => {
  test('priority 1 is the most urgent; who misses is null; the reason names task, response and deadline', () => {
    expect(verdictOfLine(line(two), { policy: 'fp' })).toEqual({
      id: 'a',
      policy: 'fp',
      schedulable: false,
      responseUs: [3, null],
      responseFrom: 'release',
      reason: 'deadline-missed: y would answer after 9 µs or more, its deadline is 8 µs',
    });
    expect(verdictOfLine(line(two), { policy: 'edf' })).toMatchObject({ schedulable: true, responseUs: [4, 7], reason: null });
  });

  test('responses count from the release, the verdict adds the jitter', () => {
    const jittery = [{ wcetUs: 3, periodUs: 20, deadlineUs: 8, priority: 1, jitterUs: 5 }];
    expect(verdictOfLine(line(jittery), { policy: 'fp' })).toMatchObject({ schedulable: true, responseUs: [3] });
    const more = [{ ...jittery[0], jitterUs: 6 }];
    expect(verdictOfLine(line(more), { policy: 'fp' })).toMatchObject({ schedulable: false, responseUs: [null] });
  });

  test('without priorities deadlines decide; without a deadline the period; other fields are not looked at', () => {
    const bare = [
      { wcetUs: 2, periodUs: 8, colour: 'red' },
      { wcetUs: 1, periodUs: 4 },
    ];
    expect(verdictOfLine(line(bare), { policy: 'fp' })).toMatchObject({ schedulable: true, responseUs: [3, 1] });
  });

  test('cores: what is asked for, else what the line says, else one', () => {
    const heavy = [
      { wcetUs: 9, periodUs: 10 },
      { wcetUs: 9, periodUs: 10 },
    ];
    const packed = { policy: 'partitioned-edf' } as const;
    expect(verdictOfLine(line(heavy), packed).schedulable).toBe(false);
    expect(verdictOfLine(line(heavy, { cores: 2 }), packed).schedulable).toBe(true);
    expect(verdictOfLine(line(heavy, { cores: 2 }), { ...packed, cores: 1 }).schedulable).toBe(false);
    expect(verdictOfLine(line(heavy, { cores: 'two' }), packed)).toMatchObject({ schedulable: null, responseUs: null });
  });

  test.each([
    ['no JSON', 'nonsense', /^not-json: /],
    ['no object', '[]', /^not-a-set: /],
    ['no tasks', '{"id":1}', /^not-a-set: /],
    ['a task that is none', line([null]), /^not-a-set: /],
    ['an empty set', line([]), /^empty-set: /],
    ['a number in quotes', line([{ wcetUs: '1', periodUs: 4 }]), /^not-whole: T1: wcetUs "1" is no number$/],
    ['a missing WCET', line([{ periodUs: 4 }]), /^not-whole: T1: wcetUs NaN/],
    ['a number beyond all doubles', '{"tasks":[{"wcetUs":1,"periodUs":1e999}]}', /^too-large: T1: periodUs/],
  ])('%s: no verdict, and a reason', (_, text, reason) => {
    const verdict = verdictOfLine(text, { policy: 'npedf' });
    expect([verdict.schedulable, verdict.responseUs]).toEqual([null, null]);
    expect(verdict.reason).toMatch(reason);
  });

  test('a test that does not accept has not shown a miss: null', () => {
    const dhall = [
      { wcetUs: 1, periodUs: 10 },
      { wcetUs: 1, periodUs: 10 },
      { wcetUs: 11, periodUs: 11 },
    ];
    expect(verdictOfLine(line(dhall), { policy: 'gedf', cores: 2 })).toMatchObject({ schedulable: null, responseUs: null });
  });
});

describe('files', () => {
  test('units, µs, defaults, and the larger priority first', () => {
    const set = parseTaskSet(
      'tasks:\n  - { wcet: 1 ms, period: 0.01 s, priority: 2 }\n  - { name: b, wcet: 2500, period: 20 ms, deadline: 5 ms, priority: 1 }\n',
      'set.yaml',
    );
    expect(set.tasks).toMatchObject([
      { name: 'T1', wcetUs: 1_000, periodUs: 10_000, deadlineUs: 10_000, priority: 2 },
      { name: 'b', wcetUs: 2_500, periodUs: 20_000, deadlineUs: 5_000, priority: 1 },
    ]);
    const { schedulable, tasks } = reportOn(set.tasks, 'fp', { cores: 1 });
    expect(schedulable).toBe(true);
    expect(tasks.map(({ responseUs, slackUs, largestWcetUs }) => [responseUs, slackUs, largestWcetUs])).toEqual([
      [1_000, 9_000, 2_500],
      [3_500, 1_500, 4_000],
    ]);
  });

  test.each([
    ['tasks: []', 'a set has at least one task'],
    ['tasks: [{ wcet: 1 fortnight, period: 4 }]', 'tasks.0.wcet: '],
    ['tasks: [{ wcet: 1, period: 4, colour: red }]', 'tasks.0: Unrecognized key: "colour"'],
    ['tasks: [{ wcet: 1, period: 4, priority: 1 }, { wcet: 1, period: 4 }]', 'either every task has one or none has'],
    ['tasks: [{ name: a, wcet: 1, period: 4 }, { name: a, wcet: 1, period: 4 }]', 'two tasks are called a'],
    ['policy: best\ntasks: [{ wcet: 1, period: 4 }]', 'policy: '],
    ['tasks: [', 'it is no YAML'],
  ])('%s is refused with its field', (text, sentence) => {
    expect(() => parseTaskSet(text, 'set.yaml')).toThrow(sentence);
    expect(() => parseTaskSet(text, 'set.yaml')).toThrow(/^set\.yaml:/);
  });

  test('policies and their platforms', () => {
    expect(platformOf('npedf', { cores: 4 })).toEqual({
      cores: 1,
      scheduler: 'edf',
      preemptive: false,
      placement: 'partitioned',
    });
    expect(platformOf('gfp', { cores: 4 })).toEqual({ cores: 4, scheduler: 'fp', preemptive: true, placement: 'global' });
    expect(platformOf('rr', { cores: 1, sliceUs: 5 })).toMatchObject({ scheduler: 'rr', preemptive: true, sliceUs: 5 });
  });
});

test('the bench does its work: every figure counts the schedulable sets, quick and full forms alike', async () => {
  const { figures } = await benchAnalysis({ repetitions: 1, millis: 1, sizes: [10] });
  const counted = (what: string, deadlines: string) =>
    figures.find((figure) => figure.what === what && figure.deadlines === deadlines)?.schedulable;
  for (const deadlines of ['implicit', 'constrained']) {
    expect(counted('fp-verdict', deadlines)).toBe(counted('fp-responses', deadlines));
    expect(counted('analyse-fp', deadlines)).toBe(counted('fp-responses', deadlines));
    expect(counted('qpa', deadlines)).toBeGreaterThanOrEqual(counted('fp-responses', deadlines) as number);
  }
  expect(figures.every(({ bestPerSecond, medianPerSecond }) => bestPerSecond >= medianPerSecond && medianPerSecond > 0)).toBe(
    true,
  );
});

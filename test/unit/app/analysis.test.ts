/** Task sets as files and as lines: what is read, what is said, and what is refused. */
import { describe, expect, test } from 'vitest';
import { benchAnalysis } from '../../../src/app/bench/analysis.ts';
import { reportOn } from '../../../src/app/realtime/analysis.ts';
import { verdictOfLine } from '../../../src/app/realtime/analysis-lines.ts';
import { POLICIES, policyNamed, policyOf } from '../../../src/app/realtime/policies.ts';
import { parseTaskSetFile } from '../../../src/app/realtime/task-set-file.ts';
import { PLATFORM_DEFAULTS } from '../../../src/domain/realtime/simulation/platform.ts';

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
    ['a missing WCET', line([{ periodUs: 4 }]), /^missing: T1: wcetUs is missing$/],
    [
      'a priority that is none',
      line([{ wcetUs: 1, periodUs: 4, priority: 1.5 }]),
      /^not-whole: T1: priority 1.5 is no whole number/,
    ],
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

/** A set file as `drover analyze` would take it. */
function reported(text: string) {
  const { tasks, platform, overheads } = parseTaskSetFile(text, 'set.yaml');
  return reportOn({ tasks, platform: { ...PLATFORM_DEFAULTS, ...platform }, overheads });
}

describe('files', () => {
  test('responses, slack, what still fits, and the other policies of as many cores', () => {
    const report = reported(
      'tasks: [{ wcet: 1 ms, period: 0.01 s, priority: 2 }, { wcet: 2500, period: 20 ms, deadline: 5 ms, priority: 1 }]',
    );
    expect(report).toMatchObject({ policy: 'fp', cores: 1, schedulable: true, notes: [] });
    expect(report.tasks.map(({ responseUs, slackUs, largestWcetUs }) => [responseUs, slackUs, largestWcetUs])).toEqual([
      [1_000, 9_000, 2_500],
      [3_500, 1_500, 4_000],
    ]);
    expect(report.others.map(({ policy }) => policy)).toEqual(['npfp', 'edf', 'npedf', 'rr']);
  });

  test('the checkpoint of a task is charged to every job of it, and taken off what still fits', () => {
    const set = (checkpoint: string) =>
      reported(`tasks: [{ name: a, wcet: 3, period: 10${checkpoint} }, { name: b, wcet: 4, period: 20 }]`);
    expect(set('').tasks).toMatchObject([
      { wcetUs: 3, responseUs: 3, largestWcetUs: 8 },
      { wcetUs: 4, responseUs: 7 },
    ]);
    const charged = set(', checkpoint: { cost: 2, interval: 40 }');
    expect(charged.tasks).toMatchObject([
      { wcetUs: 3, responseUs: 5, largestWcetUs: 6 },
      { wcetUs: 4, responseUs: 9 },
    ]);
    expect(charged.notes).toEqual(['checkpoint of a: its cost is charged to every job, also to those that take none']);
  });

  test('tasks bound to cores are analysed where they are bound', () => {
    const set = (cores: readonly number[]) =>
      reported(
        `{ platform: { cores: 2, placement: partitioned }, tasks: [${cores.map((core) => `{ wcet: 6, period: 10, core: ${core} }`)}] }`,
      );
    expect(set([1, 0])).toMatchObject({
      policy: 'partitioned-fp',
      schedulable: true,
      tasks: [{ core: 1 }, { core: 0 }],
      notes: [],
    });
    expect(set([1, 1])).toMatchObject({ schedulable: false, reason: 'the tasks need 120.00 % of one core, there are 100 %' });
    expect(set([1, 2])).toMatchObject({ schedulable: null, reason: 'a task is bound to core 2, there are 2 from 0 on' });
  });

  test('policies and what they stand for', () => {
    expect(policyNamed('npedf')).toEqual({ scheduler: 'edf', preemptive: false });
    expect(policyNamed('gfp')).toEqual({ scheduler: 'fp', preemptive: true, placement: 'global' });
    expect(policyNamed('partitioned-rr')).toEqual({ scheduler: 'rr', preemptive: true, placement: 'partitioned' });
    for (const policy of POLICIES) {
      const words = policyNamed(policy);
      expect(policyOf({ ...PLATFORM_DEFAULTS, ...words, cores: words.placement === undefined ? 1 : 2 })).toBe(policy);
    }
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

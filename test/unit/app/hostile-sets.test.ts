/** What nobody means and somebody sends: sets, lines and folders that are refused by name, in bounded time, and leave nothing half done. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolder, writeWhole } from '../../../src/app/learn/files.ts';
import { generateDataset } from '../../../src/app/learn/generate-dataset.ts';
import { reportOn } from '../../../src/app/realtime/analysis.ts';
import { verdictOfLine } from '../../../src/app/realtime/analysis-lines.ts';
import { type InputLine, inputLines } from '../../../src/app/realtime/lines.ts';
import { answerLine } from '../../../src/app/realtime/schedule-lines.ts';
import { loadTaskSetFile, parseTaskSetFile } from '../../../src/app/realtime/task-set-file.ts';
import { analyse } from '../../../src/domain/realtime/analyse.ts';
import { largestWcetUs, smallestCheckpointIntervalUs } from '../../../src/domain/realtime/sensitivity.ts';
import { PLATFORM_DEFAULTS } from '../../../src/domain/realtime/simulation/platform.ts';
import { DRAW } from '../../support/learn-sets.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-hostile-'));
  mkdirSync(join(folder, 'dir'));
  writeFileSync(join(folder, 'plain'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

describe('a task-set file', () => {
  it.each([
    ['.nan', 'NaN is no time of whole µs from 1 to 1125899906842624'],
    ['.inf', 'Infinity is no time'],
    ['"NaN"', '"NaN" is no time'],
    ['0', '0 is no time'],
    ['-0', '0 is no time'],
    ['-1', '-1 is no time'],
    ['1.5', '1.5 is no time'],
    ['9007199254740992', '9007199254740992 is no time'],
    ['1e300', '1e+300 is no time'],
    ['"1e300 s"', 'is no time'],
    ['&a [*a]', 'a list is no time'],
    ['&a { b: *a }', 'a list of fields is no time'],
  ])('with a WCET of %s is refused by field', (wcet, sentence) => {
    let said = '';
    try {
      parseTaskSetFile(`tasks: [{ wcet: ${wcet}, period: 4 }]`, 'set.yaml');
    } catch (error) {
      said = (error as Error).message;
    }
    expect(said).toMatch(/^set\.yaml:\n {2}- tasks\.0\.wcet: /);
    expect(said).toContain(sentence);
  });

  it.each([
    ['', 'a task set is a list `tasks`'],
    ['tasks: []', 'there is no task in the set'],
    ['tasks: [{ name: a, wcet: 1, period: 4 }, { name: a, wcet: 1, period: 4 }]', 'another task is called a already'],
    ['tasks: [{ wcet: 1, period: 4, wcet: 2 }]', 'Map keys must be unique'],
    ['tasks: [{ period: 4 }]', 'tasks.0.wcet: nothing is no time'],
    ['tasks: [{ wcet: 1, period: 4 }]\n---\ntasks: [{ wcet: 9, period: 4 }]', 'multiple documents'],
    [`tasks:\n${'  - { wcet: 1, period: 9 }\n'.repeat(2_049)}`, 'at most 2048 tasks are taken together'],
  ])('%#: is refused by name', (text, sentence) => {
    expect(() => parseTaskSetFile(text, 'set.yaml')).toThrow(
      expect.objectContaining({ code: 'ERR_TASK_SET', message: expect.stringContaining(sentence) }),
    );
  });

  it('may begin with a byte order mark and end its lines as Windows does', () => {
    expect(parseTaskSetFile('\ufefftasks:\r\n  - wcet: 1\r\n    period: 4\r\n', 'set.yaml').tasks).toHaveLength(1);
  });

  it('that is too long, no UTF-8, a folder or nowhere is not read', async () => {
    writeFileSync(at('long.yaml'), `tasks: [${'{ wcet: 1, period: 4 },'.repeat(100_000)}]`);
    writeFileSync(at('latin.yaml'), Buffer.from([0x23, 0xff, 0xfe]));
    await expect(loadTaskSetFile(at('long.yaml'))).rejects.toThrow(/it has 2300009 bytes; 2048 tasks have room/);
    await expect(loadTaskSetFile(at('latin.yaml'))).rejects.toThrow('it is no UTF-8');
    for (const name of ['dir', 'nowhere']) {
      await expect(loadTaskSetFile(at(name))).rejects.toMatchObject({ code: 'ERR_TASK_SET' });
    }
  });
});

describe('lines', () => {
  const linesOf = async (chunks: readonly (string | Uint8Array)[], bytesMax?: number): Promise<InputLine[]> => {
    const lines: InputLine[] = [];
    for await (const line of inputLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), bytesMax)) lines.push(line);
    return lines;
  };
  const line = (text: string): InputLine => ({ kind: 'line', text });

  it('are cut wherever chunks end; a mark in front of the first and returns behind any are not of them', async () => {
    expect(await linesOf(['\ufeff{"a"', ':1}\r', '\nb\n\nµ', 'c'])).toEqual(['{"a":1}', 'b', '', 'µc'].map(line));
    const mu = Buffer.from('µ');
    expect(await linesOf([mu.subarray(0, 1), mu.subarray(1)])).toEqual([line('µ')]);
  });

  it('that are too long or no UTF-8 are said to be, and the next is read', async () => {
    expect(await linesOf(['x'.repeat(60), 'y'.repeat(60), '\nz\n'], 100)).toEqual([
      { kind: 'unreadable', sentence: 'too-long: a line of 120 bytes; a set has room in 100' },
      line('z'),
    ]);
    expect(await linesOf([Uint8Array.of(0x61, 0xff, 0x0a), 'z'])).toEqual([
      { kind: 'unreadable', sentence: 'not-utf8: the line is no UTF-8' },
      line('z'),
    ]);
  });

  it('of what cannot be read are a failure, not none', async () => {
    const broken = new Readable({
      read() {
        this.destroy(Object.assign(new Error('a folder'), { code: 'EISDIR' }));
      },
    });
    await expect(inputLines(broken).next()).rejects.toMatchObject({ code: 'ERR_TASK_SET' });
  });

  it.each([
    ['{"tasks":[{"wcetUs":1e999,"periodUs":4}]}', 'too-large'],
    ['{"tasks":[{"wcetUs":1.5,"periodUs":4}]}', 'not-whole'],
    ['{"tasks":[{"wcetUs":-0,"periodUs":4}]}', 'not-positive'],
    ['{"tasks":[{"wcetUs":"NaN","periodUs":4}]}', 'not-whole'],
    ['{"tasks":[{"wcetUs":1,"periodUs":9007199254740992}]}', 'too-large'],
    ['{"tasks":[{"wcetUs":1,"periodUs":4,"jitterUs":-1}]}', 'not-positive'],
    ['{"tasks":[{"wcetUs":1,"periodUs":4},null]}', 'not-a-set'],
    ['{"tasks":[]}', 'empty-set'],
    ['{"__proto__":{"tasks":[{"wcetUs":1,"periodUs":4}]}}', 'not-a-set'],
    ['null', 'not-a-set'],
    ['{"tasks":[{"wcetUs":NaN}]}', 'not-json'],
    [`{"tasks":[${'{"wcetUs":1,"periodUs":99999},'.repeat(9_999)}{"wcetUs":1,"periodUs":9}]}`, 'too-many-tasks'],
  ])('%#: no yes and no no, but a reason that begins with its kind', (text, kind) => {
    for (const policy of ['fp', 'npfp', 'edf', 'npedf', 'rr', 'gedf', 'gfp', 'partitioned-edf'] as const) {
      const { schedulable, reason } = verdictOfLine(text, { policy });
      expect([schedulable, reason?.split(':')[0]]).toEqual([null, kind]);
    }
    expect(answerLine(text, { policy: 'fp', cores: undefined, durationUs: undefined, seed: 1 })).toMatchObject({ tasks: null });
  });
});

describe('work', () => {
  /** Near a full core, so that each test has to look at many jobs. */
  const near = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `T${index}`,
      wcetUs: Math.floor(((1_000_003 + index * 997) * 0.999) / count),
      periodUs: 1_000_003 + index * 997,
      deadlineUs: 900_000 + index * 997,
      priority: count - index,
    }));
  const tasks = near(30);

  it.each([
    ['fp', true],
    ['fp', false],
    ['edf', true],
    ['edf', false],
    ['rr', true],
  ] as const)(
    'for %s, pre-emptive %s, is taken off what is given, and a search that it does not last for finds nothing',
    (scheduler, preemptive) => {
      const platform = { ...PLATFORM_DEFAULTS, scheduler, preemptive };
      const work = { terms: 1_000_000_000 };
      analyse(tasks, platform, { work });
      expect(work.terms).toBeLessThan(1_000_000_000);
      expect(largestWcetUs(tasks, 0, platform, { terms: 10 })).toBeUndefined();
    },
  );

  it.each(['fp', 'edf'] as const)('of global %s as well', (scheduler) => {
    const work = { terms: 1_000_000_000 };
    analyse(near(8), { ...PLATFORM_DEFAULTS, scheduler, cores: 2 }, { work });
    expect(work.terms).toBeLessThan(1_000_000_000);
  });

  it('that is used up ends a packing without an answer', () => {
    const platform = { ...PLATFORM_DEFAULTS, scheduler: 'rr', placement: 'partitioned', cores: 4 } as const;
    const { schedulable, refusal } = analyse(tasks, platform, { work: { terms: 1_000 } });
    expect([schedulable, refusal?.kind]).toEqual([undefined, 'work-limit']);
    expect(analyse(tasks, platform).schedulable).toBe(true);
  });

  it('for an interval that is used up finds none', () => {
    const platform = { ...PLATFORM_DEFAULTS, overheads: { checkpoint: { intervalUs: 100, costUs: 1 } } };
    const [light = tasks[0]] = near(1000);
    const set = [light as (typeof tasks)[number]];
    expect(smallestCheckpointIntervalUs(set, platform)).toBeDefined();
    expect(smallestCheckpointIntervalUs(set, platform, { terms: 1 })).toBeUndefined();
  });

  it('of many tasks by round robin on four cores ends soon after what is given', () => {
    const many = Array.from({ length: 600 }, (_, index) => ({
      ...{ name: `T${index}`, wcetUs: 1_000, periodUs: (5_000 + index * 7) * 1_000, deadlineUs: (4_000 + index * 6) * 1_000 },
      priority: 600 - index,
    }));
    const platform = { ...PLATFORM_DEFAULTS, scheduler: 'rr', placement: 'partitioned', cores: 4 } as const;
    const work = { terms: 1_000_000 };
    expect(analyse(many, platform, { work, responses: false }).schedulable).toBeUndefined();
    expect(work.terms).toBeGreaterThan(-2_000_000);
  });

  it('leaves a note where what still fits was not looked for to the end', () => {
    const request = { tasks: near(3), platform: PLATFORM_DEFAULTS, overheads: undefined };
    const whole = reportOn(request);
    expect(whole.notes).toEqual([]);
    expect(whole.tasks.some(({ largestWcetUs: largest }) => largest !== null)).toBe(true);
    const { notes, schedulable, tasks: reported } = reportOn(request, { terms: 0 });
    expect(notes).toEqual([expect.stringMatching(/took too long to find/)]);
    expect(schedulable).toBe(whole.schedulable);
    expect(reported.map(({ largestWcetUs: largest }) => largest)).toEqual([null, null, null]);
  });
});

describe('folders', () => {
  const spec = { label: 'analysis', seed: 1, sets: 20, kind: 'fp', draw: { ...DRAW, tasks: { least: 3, most: 4 } } } as const;
  const generate = (out: string, signal = new AbortController().signal) =>
    generateDataset({ spec, out, onProgress: () => undefined, signal });

  it('are made with those above them, and refused where there is none to be had', async () => {
    await makeFolder(at('a/b/c'));
    expect(existsSync(at('a/b/c'))).toBe(true);
    await expect(makeFolder(at('plain/x'))).rejects.toMatchObject({ code: 'ERR_USAGE' });
    if (existsSync('/proc/self')) await expect(makeFolder('/proc/no/such')).rejects.toMatchObject({ code: 'ERR_USAGE' });
  });

  it('in the place of the file to write are refused before anything is drawn', async () => {
    await expect(generate(at('dir'))).rejects.toThrow(/dir cannot be written \(it is a folder: name a file\)/);
    expect(existsSync(at('dir.parts'))).toBe(false);
    writeFileSync(at('s.arrow.parts'), '');
    await expect(generate(at('s.arrow'))).rejects.toMatchObject({ code: 'ERR_USAGE' });
    mkdirSync(at('t.arrow.parts/000000.arrow'), { recursive: true });
    await expect(generate(at('t.arrow'))).rejects.toMatchObject({ code: 'ERR_DATASET_FILE' });
  });

  it('keep nothing of what could not be written whole', async () => {
    await expect(writeWhole(at('dir'), new Uint8Array(9))).rejects.toMatchObject({ code: 'ERR_USAGE' });
    expect(readdirSync(folder)).not.toContain('dir.new');
  });

  it('keep no part of a data set that was stopped while it was drawn', async () => {
    const stop = new AbortController();
    stop.abort();
    expect(await generate(at('u.arrow'), stop.signal)).toMatchObject({ sets: 0, finished: false });
    expect([existsSync(at('u.arrow')), readdirSync(at('u.arrow.parts'))]).toEqual([false, []]);
  });
});

/** Task-set files: what they mean, and that what is wrong is named with its field and what would do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../../src/app/project-root.ts';
import { loadOverheads, loadTaskSetFile, parseTaskSetFile } from '../../../src/app/realtime/task-set-file.ts';
import { analysisNotes, simulationNotes } from '../../../src/app/realtime/unaccounted.ts';
import { PLATFORM_DEFAULTS } from '../../../src/domain/realtime/simulation/platform.ts';

const parsed = (text: string) => parseTaskSetFile(text, 'set.yaml');

describe('task-set files', () => {
  it('fills in names, deadlines and deadline-monotonic priorities; a bare number is µs', () => {
    expect(
      parsed(
        'tasks: [{ wcet: 1, period: 50 us }, { name: b, wcet: 2, period: 0.02 ms }, { wcet: 2, period: 99, deadline: 20 }]',
      ),
    ).toEqual({
      tasks: [
        { name: 'T1', wcetUs: 1, periodUs: 50, deadlineUs: 50, priority: 1 },
        { name: 'b', wcetUs: 2, periodUs: 20, deadlineUs: 20, priority: 3 },
        { name: 'T3', wcetUs: 2, periodUs: 99, deadlineUs: 20, priority: 2 },
      ],
      platform: {},
      overheads: undefined,
    });
  });

  it('reads every field', () => {
    const text = `
tasks:
  - name: a
    wcet: 9 ms
    period: 50 ms
    deadline: 40 ms
    priority: 3
    jitter: 1 us
    offset: 0.5 s
    blocking: 4
    execution: { kind: uniform, min: 1 us, max: 9 ms }
    checkpoint: { cost: 1 ms, interval: 100 ms }
    core: 1
platform: { cores: 2, scheduler: rr, preemptive: false, placement: partitioned, slice: 5 ms, preemption: 1 us, migration: 2 us }
overheads:
  context-switch: 5 us
  checkpoint: { interval: 1 ms, cost: 40 us }
  faults: { every: 1 s }
  migration: { every: 10 s, blackout: 200 us }
`;
    expect(parsed(text)).toEqual({
      tasks: [
        {
          ...{ name: 'a', wcetUs: 9_000, periodUs: 50_000, deadlineUs: 40_000, priority: 3 },
          ...{ jitterUs: 1, offsetUs: 500_000, blockingUs: 4, core: 1 },
          execution: { kind: 'uniform', minUs: 1, maxUs: 9_000 },
          checkpoint: { costUs: 1_000, intervalUs: 100_000 },
        },
      ],
      platform: {
        ...{ cores: 2, scheduler: 'rr', preemptive: false, placement: 'partitioned' },
        ...{ sliceUs: 5_000, preemptionUs: 1, migrationUs: 2 },
      },
      overheads: {
        contextSwitchUs: 5,
        checkpoint: { intervalUs: 1_000, costUs: 40 },
        faults: { everyUs: 1_000_000, rollbackUs: 0 },
        migration: { everyUs: 10_000_000, blackoutUs: 200 },
      },
    });
  });

  it.each([
    ['{ kind: constant, time: 2 us }', { kind: 'constant', us: 2 }],
    ['{ kind: triangular, min: 1, mode: 2 us, max: 3 us }', { kind: 'triangular', minUs: 1, modeUs: 2, maxUs: 3 }],
    ['{ kind: normal, mean: 2 us, deviation: 0.5 }', { kind: 'normal', meanUs: 2, deviationUs: 0.5 }],
    ['{ kind: measured, values: [{ time: 1 us, weight: 2 }] }', { kind: 'measured', values: [{ us: 1, weight: 2 }] }],
  ])('execution %s', (text, execution) => {
    expect(parsed(`tasks: [{ wcet: 4, period: 9, execution: ${text} }]`).tasks).toMatchObject([{ execution }]);
  });

  it('the file that --overheads names is what `overheads` holds', async () => {
    const path = join(projectRoot(), 'examples', 'task-sets', 'overheads.yaml');
    const inSet = `tasks: [{ wcet: 1, period: 9 }]\noverheads:\n${readFileSync(path, 'utf8').replaceAll(/^/gm, '  ')}`;
    expect(await loadOverheads(path)).toEqual(parsed(inSet).overheads);
  });

  it.each([
    ['', 'a task set is a list `tasks`'],
    ['[1', 'it is no YAML'],
    ['tasks: []', 'there is no task in the set'],
    ['tasks: 5', 'tasks: list the tasks'],
    ['tasks: [7]', 'tasks.0: a task is a list of fields'],
    ['tasks: [{ wcet: 0, period: 5 }]', 'tasks.0.wcet: 0 is no time of whole µs from 1 to 1125899906842624; write e.g. 10 ms'],
    ['tasks: [{ wcet: -3, period: 5 }]', 'tasks.0.wcet: -3 is no time'],
    ['tasks: [{ wcet: 1.5, period: 5 }]', 'tasks.0.wcet: 1.5 is no time'],
    ['tasks: [{ wcet: 1 fortnight, period: 5 }]', 'tasks.0.wcet: "1 fortnight" is no time'],
    ['tasks: [{ wcet: 1, period: 1e300 }]', 'tasks.0.period: 1e+300 is no time'],
    ['tasks: [{ wcet: 1 }]', 'tasks.0.period: nothing is no time'],
    ['tasks: [{ wcet: 1, period: 5, wcetUs: 1 }]', 'tasks.0.wcetUs: there is no such field; in files it is wcet'],
    ['tasks: [{ wcet: 1, period: 5, colour: red }]', 'tasks.0.colour: there is no such field'],
    ['{ cores: 2, tasks: [{ wcet: 1, period: 5 }] }', 'cores: there is no such field; it is a field of platform'],
    ['{ policy: gfp, tasks: [{ wcet: 1, period: 5 }] }', 'policy: there is no such field; platform has scheduler'],
    ['tasks: [{ wcet: 1, period: 5, priority: 1 }, { wcet: 1, period: 5 }]', 'T2 has none while others have one'],
    ['tasks: [{ name: a, wcet: 1, period: 5 }, { name: a, wcet: 1, period: 5 }]', 'another task is called a already'],
    ['tasks: [{ name: "a\\tb", wcet: 1, period: 5 }]', 'tasks.0.name: use letters'],
    ['tasks: [{ wcet: 1, period: 5, execution: { kind: weibull } }]', 'name a distribution'],
    ['tasks: [{ wcet: 4, period: 5, execution: { kind: uniform, min: 1, max: 5 } }]', 'tasks.0.execution: max is 5; it has'],
    ['tasks: [{ wcet: 4, period: 5, execution: { kind: constant, time: 5 } }]', 'tasks.0.execution: time is 5; it has'],
    ['{ tasks: [{ wcet: 1, period: 5 }], platform: { cores: 0 } }', 'platform.cores: 0 is no whole number'],
    ['{ tasks: [{ wcet: 1, period: 5 }], platform: { scheduler: lottery } }', '"lottery" is none of fp, edf, rr'],
    ['{ tasks: [{ wcet: 1, period: 5 }], overheads: { faults: { every: 0 } } }', 'overheads.faults.every: 0 is no time'],
  ])('%s', (text, words) => {
    expect(() => parsed(text)).toThrow(
      expect.objectContaining({ code: 'ERR_TASK_SET', message: expect.stringMatching(/^set\.yaml:/) }),
    );
    expect(() => parsed(text)).toThrow(words);
  });

  it('a file that is not there', async () => {
    await expect(loadTaskSetFile('/nowhere/set.yaml')).rejects.toMatchObject({ code: 'ERR_TASK_SET' });
  });
});

describe('what an answer does not take into account', () => {
  const everything = `{ tasks: [{ name: a, wcet: 3, period: 9, offset: 1, blocking: 1, execution: { kind: constant, time: 2 }, checkpoint: { cost: 1, interval: 9 }, core: 0 }],
    platform: { cores: 2, preemption: 1, migration: 1 },
    overheads: { context-switch: 1, checkpoint: { interval: 1, cost: 1 }, faults: { every: 9 }, migration: { every: 9, blackout: 1 } } }`;
  const asked = (text: string) => {
    const { tasks, platform, overheads } = parsed(text);
    return { tasks, platform: { ...PLATFORM_DEFAULTS, ...platform }, overheads };
  };
  const fieldsOf = (notes: readonly string[]) => notes.map((note) => note.slice(0, note.indexOf(':')));

  it('is said field by field', () => {
    expect(fieldsOf(analysisNotes(asked(everything)))).toEqual([
      ...['execution of a', 'offset of a', 'checkpoint of a', 'platform.preemption', 'platform.migration', 'core of a'],
    ]);
    expect(fieldsOf(simulationNotes(asked(everything)))).toEqual([
      'blocking of a',
      ...['context-switch', 'checkpoint', 'faults', 'migration'].map((name) => `overheads.${name}`),
      'core of a',
    ]);
  });

  it('nothing where there is nothing to say, and many tasks are counted', () => {
    const plain = 'tasks: [{ wcet: 1, period: 5, jitter: 1, offset: 0, blocking: 0 }]';
    expect([...analysisNotes(asked(plain)), ...simulationNotes(asked(plain))]).toEqual([]);
    const many = `tasks: [${Array.from({ length: 5 }, () => '{ wcet: 1, period: 9, offset: 1 }').join()}]`;
    expect(fieldsOf(analysisNotes(asked(many)))).toEqual(['offset of 5 tasks']);
  });
});

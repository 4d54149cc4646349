/** Task-set files: what they mean, and that what is wrong is named with its field and what would do. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../../src/app/project-root.ts';
import { loadTaskSetFile, parseTaskSetFile } from '../../../src/app/realtime/task-set-file.ts';

const parsed = (text: string) => parseTaskSetFile(text, 'set.yaml');

describe('task-set files', () => {
  it('fills in names, deadlines and deadline-monotonic priorities', () => {
    expect(
      parsed(
        'tasks: [{ wcetUs: 1, periodUs: 50 }, { name: b, wcetUs: 2, periodUs: 20 }, { wcetUs: 2, periodUs: 99, deadlineUs: 20 }]',
      ),
    ).toEqual({
      tasks: [
        { name: 'T1', wcetUs: 1, periodUs: 50, deadlineUs: 50, priority: 0 },
        { name: 'b', wcetUs: 2, periodUs: 20, deadlineUs: 20, priority: 2 },
        { name: 'T3', wcetUs: 2, periodUs: 99, deadlineUs: 20, priority: 1 },
      ],
      platform: {},
    });
  });

  it('reads every field, and the example', async () => {
    const task = { name: 'a', wcetUs: 9, periodUs: 50, deadlineUs: 40, priority: 3, jitterUs: 1, offsetUs: 2, blockingUs: 4 };
    const full = {
      ...task,
      execution: { kind: 'uniform', minUs: 1, maxUs: 9 },
      checkpoint: { costUs: 1, intervalUs: 100 },
      core: 1,
    };
    const platform = {
      cores: 2,
      scheduler: 'rr',
      preemptive: false,
      placement: 'partitioned',
      sliceUs: 5,
      preemptionUs: 1,
      migrationUs: 2,
    };
    expect(parsed(JSON.stringify({ tasks: [full], platform }))).toEqual({ tasks: [full], platform });
    const example = await loadTaskSetFile(join(projectRoot(), 'examples', 'task-sets', 'drive.yaml'));
    expect(example.tasks.length).toBe(6);
  });

  it.each([
    ['', 'a task set is a list `tasks`'],
    ['[1', 'it is no YAML'],
    ['tasks: []', 'there is no task in the set'],
    ['tasks: 5', 'tasks: list the tasks'],
    ['tasks: [7]', 'tasks.0: a task is a list of fields'],
    ['tasks: [{ wcetUs: 0, periodUs: 5 }]', 'tasks.0.wcetUs: 0 is no whole number of µs between 1 and'],
    ['tasks: [{ wcetUs: -3, periodUs: 5 }]', 'tasks.0.wcetUs: -3 is no whole number'],
    ['tasks: [{ wcetUs: 1.5, periodUs: 5 }]', 'tasks.0.wcetUs: 1.5 is no whole number'],
    ['tasks: [{ wcetUs: 1, periodUs: 1e300 }]', 'tasks.0.periodUs: 1e+300 is no whole number'],
    ['tasks: [{ wcetUs: 1 }]', 'tasks.0.periodUs: nothing is no whole number'],
    ['tasks: [{ wcetUs: 1, periodUs: 5, wcet: 1 }]', 'tasks.0.wcet: there is no such field'],
    ['tasks: [{ wcetUs: 1, periodUs: 5, priority: 1 }, { wcetUs: 1, periodUs: 5 }]', 'T2 has none while others have one'],
    ['tasks: [{ name: a, wcetUs: 1, periodUs: 5 }, { name: a, wcetUs: 1, periodUs: 5 }]', 'another task is called a already'],
    ['tasks: [{ name: "a\\tb", wcetUs: 1, periodUs: 5 }]', 'tasks.0.name: use letters'],
    ['tasks: [{ wcetUs: 1, periodUs: 5, execution: { kind: weibull } }]', 'name a distribution'],
    ['tasks: [{ wcetUs: 4, periodUs: 5, execution: { kind: uniform, minUs: 1, maxUs: 5 } }]', 'maxUs is 5'],
    ['{ tasks: [{ wcetUs: 1, periodUs: 5 }], platform: { cores: 0 } }', 'platform.cores: 0 is no whole number'],
    ['{ tasks: [{ wcetUs: 1, periodUs: 5 }], platform: { scheduler: lottery } }', '"lottery" is none of fp, edf, rr'],
  ])('%s', (text, words) => {
    expect(() => parsed(text)).toThrow(
      expect.objectContaining({ code: 'ERR_TASK_SET', message: expect.stringContaining(words) }),
    );
  });

  it('a file that is not there', async () => {
    await expect(loadTaskSetFile('/nowhere/set.yaml')).rejects.toMatchObject({ code: 'ERR_TASK_SET' });
  });
});

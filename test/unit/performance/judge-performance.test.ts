/** Jobs of a file, foretold one after the other: nothing of a job is known before it was judged. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JobColumns, readMeasuredJobs } from '../../../src/app/performance/measured-jobs.ts';
import { judgePerformance } from '../../../src/domain/performance/judge-performance.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-jobs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(content: string, columns: Partial<JobColumns> = {}) {
  const path = join(folder, 'jobs.csv');
  writeFileSync(path, content);
  return readMeasuredJobs(path, { task: 'task', execution: 'us', ...columns });
}

test('jobs as they are in the file; times of nothing are left out', async () => {
  const jobs = await read('us,task,where,type,p\n100,a,x,gpu,0.5\n0,a,x,gpu,0\n,a,x,gpu,0\n50,b,y,cpu,\n', {
    ...{ resource: 'where', kind: 'type', contention: 'p' },
  });
  expect(
    jobs.map(({ resource, task, counters }) => [resource.id, resource.kind, task.id, task.family, counters.executionUs]),
  ).toEqual([
    ['x', 'gpu', 'a', 'a', 100],
    ['y', 'cpu', 'b', 'b', 50],
  ]);
  expect(jobs.map(({ counters }) => counters.contention)).toEqual([0.5, Number.NaN]);
});

test.each([
  ['task,us\na,1\n', {}, /holds 1 jobs with an execution time above 0/],
  ['task,us\n,1\n', {}, /row 2: column task is empty/],
  ['task,time\na,1\n', {}, /has no column us; it has task, time/],
  ['1,2\n3,4\n', {}, /has no head line/],
  ['task,us\na,1\nb,2\n', { load: 'busy' }, /has no column busy/],
])('%j is refused', async (content, columns, words) => {
  await expect(read(content, columns)).rejects.toThrow(words);
});

describe('two tasks, alone and then beside others', () => {
  const line = (task: string, us: number, p: number): string => `${task},prog,${us},${p}`;
  const rows = [0, 1].flatMap((p) =>
    Array.from({ length: 40 }, (_, i) => line(i % 2 === 0 ? 'a' : 'b', (i % 2 === 0 ? 100 : 1000) * (p === 0 ? 1 : 2.5), p)),
  );
  const judged = async (lines: readonly string[]) =>
    judgePerformance(await read(['task,prog,us,p', ...lines].join('\n'), { family: 'prog', contention: 'p' }));

  test('the second task beside others is told by the first, and no error is made twice', async () => {
    const bases = await judged(rows);
    expect(bases.map(({ basis, n }) => [basis, n])).toEqual([
      ['measured', 76],
      ['kind', 2],
      ['resource', 1],
    ]);
    const [measured, onKind] = bases;
    expect(measured?.medianError).toBeLessThan(0.05);
    expect(measured?.medianErrorOfMean).toBeGreaterThanOrEqual(measured?.medianError ?? 1);
    expect(measured?.coverage80).toBeGreaterThan(0.9);
    expect(onKind?.medianError).toBeLessThan(0.62);
  });

  test('the first job of all is told by nobody', async () => {
    const [, ...rest] = rows;
    const count = (bases: Awaited<ReturnType<typeof judged>>): number => bases.reduce((sum, { n }) => sum + n, 0);
    expect(count(await judged(rows))).toBe(79);
    expect(count(await judged(rest))).toBe(78);
  });
});

/** Sets that are run: what their records show, what work costs, what is offered next. All on records made by hand. */
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { decodeDataset, encodeDataset } from '../../../infra/arrow/dataset-file.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import type { JobRecord } from '../../../src/domain/model/job.ts';
import { type GrownTask, WORK_KINDS } from '../../../src/domain/realtime/draw/grow.ts';
import { costsOf, slowdownOf, workCost } from '../../../src/domain/realtime/runs/calibration.ts';
import { inOrderOfRun, RUN_DRAW_JOBS, RUN_GROW, seriesOf } from '../../../src/domain/realtime/runs/candidates.ts';
import { judgeRun, TaskLog } from '../../../src/domain/realtime/runs/verdict.ts';

const TASK = { periodUs: 10_000, deadlineUs: 8_000, jobs: 3 };
/** The clock of the bridge, when tick 0 would have been due. */
const PHASE = 1_000_000;

interface Told {
  readonly tick: number;
  readonly late?: number;
  readonly takes?: number;
  readonly failure?: 'ERR_JOB_TRAP';
  /** Its stop was never recorded. */
  readonly open?: boolean;
}

/** An order after the first tick, then these. */
function logOf(
  ticks: readonly Told[],
  options: { readonly epoch?: (job: number) => number; readonly skip?: number } = {},
): TaskLog {
  const log = new TaskLog();
  const epochOf = options.epoch ?? (() => 1);
  let jobNumber = 0;
  const tell = (inputKind: 'data' | 'tick', { tick, late = 0, takes = 1_000, failure, open = false }: Told): void => {
    jobNumber++;
    if (jobNumber === options.skip) jobNumber++;
    const key = { task: 'one', epoch: epochOf(jobNumber), jobNumber };
    const releasedAtUs = PHASE + tick * TASK.periodUs + late;
    const records: JobRecord[] = [
      { kind: 'started', ...key, inputKind, inputNumber: tick, releasedAtUs, startedAtUs: releasedAtUs },
      { kind: 'stopped', ...key, stoppedAtUs: releasedAtUs + takes, failure, fuelUsed: 1, outputs: 0, executionUs: takes },
    ];
    for (const record of open ? records.slice(0, 1) : records) log.take(record);
  };
  tell('tick', { tick: 1 });
  tell('data', { tick: 1 });
  for (const tick of ticks) tell('tick', tick);
  return log;
}

const judge = (log: TaskLog) => judgeRun([TASK], [log]);

describe('the verdict over a run', () => {
  it('is yes when every job is done by its deadline, with the longest response', () => {
    const log = logOf([{ tick: 2 }, { tick: 3, takes: 8_000 }, { tick: 4 }, { tick: 5, takes: 20_000 }]);
    expect(log.ended(TASK.jobs)).toBe(true);
    expect(judge(log)).toEqual({
      responsesUs: [8_000],
      missed: [0],
      executionUs: [8_000],
      jobs: [
        { task: 0, releaseUs: 1, startUs: 1, stopUs: 1_001, executionUs: 1_000, onTime: true },
        { task: 0, releaseUs: 10_001, startUs: 10_001, stopUs: 18_001, executionUs: 8_000, onTime: true },
        { task: 0, releaseUs: 20_001, startUs: 20_001, stopUs: 21_001, executionUs: 1_000, onTime: true },
      ],
    });
  });

  it.each<readonly [string, readonly Told[], number]>([
    ['a microsecond late', [{ tick: 2 }, { tick: 3, takes: 8_001 }, { tick: 4 }], 1],
    ['late because its tick was', [{ tick: 2 }, { tick: 3, late: 7_500 }, { tick: 4 }], 1],
    ['failed', [{ tick: 2, failure: 'ERR_JOB_TRAP' }], 3],
    ['never done', [{ tick: 2 }, { tick: 3 }, { tick: 4, open: true }], 1],
    ['not even begun', [{ tick: 2 }], 2],
    ['skipped', [{ tick: 2 }, { tick: 4 }, { tick: 5 }], 1],
  ])('is no when a job is %s', (_, ticks, missed) => {
    expect(judge(logOf(ticks))).toMatchObject({ responsesUs: [0], missed: [missed] });
  });

  it('puts the jobs of all tasks on one time line', () => {
    const verdict = judgeRun(
      [TASK, TASK],
      [logOf([{ tick: 3 }, { tick: 4 }, { tick: 5 }]), logOf([{ tick: 2 }, { tick: 3 }, { tick: 4 }])],
    );
    expect(verdict?.jobs.map(({ task, releaseUs }) => [task, releaseUs])).toEqual([
      [1, 1],
      [0, 10_001],
      [1, 10_001],
      [0, 20_001],
      [1, 20_001],
      [0, 30_001],
    ]);
  });

  it('is none where records are missing, or another instance goes on', () => {
    const ticks = [{ tick: 2 }, { tick: 3 }, { tick: 4 }];
    expect(judge(logOf(ticks, { skip: 4 }))).toBeUndefined();
    expect(judge(logOf(ticks, { epoch: (job) => (job > 4 ? 2 : 1) }))).toBeUndefined();
  });
});

const calibration = { costUs: 100, medianUs: 110, p95Us: 300, samples: 24 };
const costUs = costsOf({ count: calibration, pi: { ...calibration, costUs: 50.5 }, matmul: calibration, modulo: calibration });

describe('what work costs', () => {
  it('is the least that was seen, so that no interruption counts as work', () => {
    const samples = [101, 103, 102, 104, 900, 105, 2_000, 106].map((us) => ({ argument: 10, executionUs: 10 * us }));
    expect(workCost(samples)).toEqual({ costUs: 101, medianUs: 104, p95Us: 2_000, samples: 8 });
  });

  it('is compared with what the jobs of a run took', () => {
    const tasks = [{ wcetUs: 1_000 }, { wcetUs: 2_000 }];
    const job = (task: number, executionUs: number, stopUs = 1) => ({ task, executionUs, stopUs });
    expect(slowdownOf(tasks, [job(0, 1_000), job(1, 5_000), job(1, 0, 0)])).toBe(2);
    expect(slowdownOf(tasks, [])).toBe(1);
  });
});

describe('the sets that are offered', () => {
  const grown = { kind: 'grown', grow: { ...RUN_GROW, perSize: 6 } } as const;
  const keeps = (tasks: readonly GrownTask[]): boolean => tasks.reduce((sum, { wcetUs }) => sum + wcetUs, 0) < 30_000;

  it('are the same again after an interruption, by the answers that were given', () => {
    const series = () => seriesOf(createRng(7), grown, costUs);
    const offered: (readonly GrownTask[])[] = [];
    const whole = series();
    for (let next = whole.next(); next.done !== true; next = whole.next(keeps(next.value))) offered.push(next.value);
    expect(offered.length).toBeGreaterThan(12);
    const again = series();
    let next = again.next();
    for (const tasks of offered.slice(0, 10)) next = again.next(keeps(tasks));
    expect(next.value).toEqual(offered[10]);
    // Grown from what was good: every set but the first ones is one that was good, and one task more.
    for (const set of offered.filter(({ length }) => length > 1)) {
      const smaller = offered.filter((other) => other.length === set.length - 1 && keeps(other));
      expect(
        smaller.some((other) =>
          other.every((task) => set.some(({ argument, work }) => argument === task.argument && work === task.work)),
        ),
      ).toBe(true);
    }
  });

  it('cost what the bridge was measured to take', () => {
    const [first] = [seriesOf(createRng(3), grown, costUs).next().value ?? []];
    for (const { work, argument, wcetUs } of first) expect(wcetUs).toBe(Math.round(argument * costUs[work]));
  });

  it('may be drawn by utilisation, and then come close to it', () => {
    const draw = {
      tasks: { least: 2, most: 5 },
      utilisation: { least: 0.5, most: 0.5 },
      utilisations: 'uunifast-discard',
      periods: 'log-uniform',
      periodUs: { least: 20_000, most: 160_000 },
      deadlines: 'implicit',
    } as const;
    const series = seriesOf(createRng(5), { kind: 'fp', draw }, costUs);
    for (let set = 0; set < 50; set++) {
      const tasks = series.next(false).value ?? [];
      expect(tasks.reduce((sum, { wcetUs, periodUs }) => sum + wcetUs / periodUs, 0)).toBeCloseTo(0.5, 1);
      for (const { jobs, work } of tasks) {
        expect(jobs).toBeGreaterThanOrEqual(RUN_DRAW_JOBS.least);
        expect(jobs).toBeLessThanOrEqual(RUN_DRAW_JOBS.most);
        expect(WORK_KINDS).toContain(work);
      }
    }
  });
});

describe('a file of runs', () => {
  const task = (deadlineUs: number): GrownTask => ({
    ...{ work: 'pi', argument: 4, jobs: 3, wcetUs: 1_010, periodUs: deadlineUs, deadlineUs, priority: deadlineUs / 1_000 },
  });
  const tasks = inOrderOfRun([task(8_000), task(20_000), task(12_000)]);

  it('has the tightest deadline last, and every job', () => {
    expect(tasks.map(({ deadlineUs }) => deadlineUs)).toEqual([20_000, 12_000, 8_000]);
    const run = {
      ecu: '02aa00000001',
      attempts: 2,
      slowdown: 1.5,
      executionUs: [900, 1_000, 1_100],
      missed: [0, 1, 0],
      jobs: [
        { task: 2, releaseUs: 1, startUs: 5, stopUs: 900, executionUs: 880, onTime: true },
        { task: 1, releaseUs: 400, startUs: 900, stopUs: 0, executionUs: 0, onTime: false },
      ],
    };
    // Quicker than calibrated, which an exact response could not be.
    const bytes = encodeDataset([{ tasks, responsesUs: [950, 0, 1_200], run }], {
      firstSet: 0,
      spec: '{}',
      more: { note: 'x' },
    });
    const { sets } = decodeDataset(bytes, 'it');
    expect([...sets.responseUs]).toEqual([950, 0, 1_200]);
    expect([...sets.schedulable]).toEqual([0]);
    const table = tableFromIPC(bytes);
    expect(table.schema.metadata.get('drover.label')).toBe('run');
    expect(table.schema.metadata.get('note')).toBe('x');
    const row = table.get(0)?.toJSON() ?? {};
    expect(row).toMatchObject({ ecu: run.ecu, attempts: 2, slowdown: 1.5 });
    const list = (name: string): number[] => [...(row[name] as Iterable<number>)];
    expect(list('missed')).toEqual(run.missed);
    expect(list('jobTask')).toEqual([2, 1]);
    expect(list('jobStopUs')).toEqual([900, 0]);
    expect(list('jobOnTime')).toEqual([1, 0]);
  });
});

/**
 * The simulator against a dumb twin that goes µs by µs, against the exact response-time analysis, and against what must hold in
 * any schedule: work is conserved, nobody runs twice at once, a core runs one job, and no more run than there are cores.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { responseTimeUs } from '../../src/domain/realtime/response-time.ts';
import {
  PLATFORM_DEFAULTS,
  type SimulatedPlatform,
  type SimulatedTask,
} from '../../src/domain/realtime/simulation/platform.ts';
import { type Simulation, type SimulationOptions, simulate } from '../../src/domain/realtime/simulation/simulate.ts';

const RUNS = { numRuns: 200 };

const task = fc
  .record({
    periodUs: fc.integer({ min: 2, max: 24 }),
    share: fc.integer({ min: 1, max: 100 }),
    deadline: fc.integer({ min: 1, max: 150 }),
    priority: fc.integer({ min: 0, max: 3 }),
    offsetUs: fc.integer({ min: 0, max: 20 }),
  })
  .map(
    ({ periodUs, share, deadline, priority, offsetUs }): SimulatedTask => ({
      wcetUs: Math.max(1, Math.floor((periodUs * share) / 120)),
      periodUs,
      deadlineUs: Math.max(1, Math.floor((periodUs * deadline) / 100)),
      priority,
      offsetUs,
    }),
  );

const platform = fc.record({
  cores: fc.integer({ min: 1, max: 3 }),
  scheduler: fc.constantFrom('fp', 'edf', 'rr' as const),
  preemptive: fc.boolean(),
  placement: fc.constantFrom('global', 'partitioned' as const),
  sliceUs: fc.integer({ min: 1, max: 5 }),
  preemptionUs: fc.integer({ min: 0, max: 2 }),
  migrationUs: fc.integer({ min: 0, max: 3 }),
});

function simulated(
  options: Partial<SimulationOptions> & Pick<SimulationOptions, 'tasks'>,
  on: Partial<SimulatedPlatform>,
): Simulation | undefined {
  const result = simulate({
    durationUs: 200,
    trace: { segmentsMax: 10_000, jobsMax: 10_000 },
    ...options,
    platform: { ...PLATFORM_DEFAULTS, ...on },
  });
  if (result.ok) return result.value;
  expect(result.error.kind).toBe('does-not-pack');
  return undefined;
}

interface TwinJob {
  readonly of: number;
  readonly arrivalUs: number;
  readonly rank: number;
  left: number;
  running: boolean;
  finishUs: number | undefined;
}

/** Every µs: who of the jobs at hand runs in the next one? */
function twin(
  tasks: readonly SimulatedTask[],
  { cores, scheduler, preemptive }: SimulatedPlatform,
  durationUs: number,
): TwinJob[] {
  const jobs: TwinJob[] = [];
  for (let us = 0; us <= durationUs; us++) {
    for (const job of jobs) {
      if (job.left > 0 || job.finishUs !== undefined) continue;
      job.finishUs = us;
      job.running = false;
    }
    for (const [of, { offsetUs = 0, periodUs, wcetUs, deadlineUs, priority }] of tasks.entries()) {
      if (us < offsetUs || (us - offsetUs) % periodUs !== 0) continue;
      const rank = scheduler === 'edf' ? us + deadlineUs : -priority;
      jobs.push({ of, arrivalUs: us, rank, left: wcetUs, running: false, finishUs: undefined });
    }
    const open = jobs.filter(({ finishUs }) => finishUs === undefined);
    const heads = open.filter((job) => open.find(({ of }) => of === job.of) === job);
    const bound = (job: TwinJob): boolean => !preemptive && job.running;
    heads.sort(
      (a, b) => Number(bound(b)) - Number(bound(a)) || a.rank - b.rank || Number(b.running) - Number(a.running) || a.of - b.of,
    );
    for (const [place, job] of heads.entries()) {
      job.running = place < cores;
      if (job.running) job.left--;
    }
  }
  return jobs;
}

describe('the simulator', () => {
  it('says what its dumb twin says, job by job', () => {
    fc.assert(
      fc.property(fc.array(task, { minLength: 1, maxLength: 6 }), platform, (tasks, drawn) => {
        const on: SimulatedPlatform = { ...drawn, placement: 'global', preemptionUs: 0, migrationUs: 0 };
        if (on.scheduler === 'rr') return;
        const ours = [...(simulated({ tasks }, on)?.trace?.jobs() ?? [])]
          .filter(({ finishUs }) => finishUs !== undefined)
          .map(({ task: of, arrivalUs, finishUs }) => `${of}@${arrivalUs}:${finishUs}`);
        const theirs = twin(tasks, on, 200)
          .filter(({ finishUs }) => finishUs !== undefined)
          .map(({ of, arrivalUs, finishUs }) => `${of}@${arrivalUs}:${finishUs}`);
        expect(ours.sort()).toEqual(theirs.sort());
      }),
      RUNS,
    );
  });

  it('conserves work, and runs no more than there are cores', () => {
    fc.assert(
      fc.property(
        fc.array(task, { minLength: 1, maxLength: 8 }),
        platform,
        fc.nat(),
        fc.integer({ min: 0, max: 9 }),
        (drawn, on, seed, jitterUs) => {
          const tasks = drawn.map((one, at) => ({
            ...one,
            jitterUs: at % 2 === 0 ? jitterUs : 0,
            execution: { kind: 'uniform' as const, minUs: 1, maxUs: one.wcetUs },
            checkpoint: { costUs: at % 3, intervalUs: 30 },
          }));
          const simulation = simulated({ tasks, rng: createRng(seed) }, on);
          if (simulation === undefined) return;
          const segments = [...(simulation.trace?.segments() ?? [])];
          const ran = new Array<number>(tasks.length).fill(0);
          for (const { task: of, startUs, endUs } of segments) ran[of] = (ran[of] ?? 0) + endUs - startUs;
          expect(simulation.tasks.map(({ executedUs, overheadUs }) => executedUs + overheadUs)).toEqual(ran);
          for (let core = 0; core < on.cores; core++) {
            const own = segments.filter((segment) => segment.core === core);
            expect(own.every(({ startUs, endUs }, at) => startUs < endUs && startUs >= (own[at - 1]?.endUs ?? 0))).toBe(true);
            expect(simulation.coreBusyUs[core]).toBe(own.reduce((sum, { startUs, endUs }) => sum + endUs - startUs, 0));
          }
          for (const [of] of tasks.entries()) {
            const own = segments.filter((segment) => segment.task === of).sort((a, b) => a.startUs - b.startUs);
            expect(
              own.every(
                ({ startUs, number }, at) => startUs >= (own[at - 1]?.endUs ?? 0) && number >= (own[at - 1]?.number ?? 0),
              ),
            ).toBe(true);
          }
          if (
            on.preemptionUs === 0 &&
            on.migrationUs === 0 &&
            simulation.tasks.every(({ preemptions, migrations }) => preemptions + migrations === 0)
          )
            expect(simulation.tasks.every(({ overheadUs }) => overheadUs === 0)).toBe(true);
        },
      ),
      RUNS,
    );
  });

  it('FP on one core, synchronous, D ≤ T: the largest response is the analysis’s, exactly', () => {
    let exact = 0;
    fc.assert(
      fc.property(fc.array(task, { minLength: 1, maxLength: 5 }), (drawn) => {
        const tasks = drawn.map((one, at) => ({
          ...one,
          offsetUs: 0,
          wcetUs: Math.max(1, Math.floor(one.wcetUs / 2)),
          deadlineUs: Math.min(one.deadlineUs, one.periodUs),
          priority: -at,
        }));
        const simulation = simulated({ tasks, durationUs: 500 }, {});
        for (const [at] of tasks.entries()) {
          const analysis = responseTimeUs(tasks, at);
          const { maxResponseUs, missedCompleted, missedPending } = simulation?.tasks[at] ?? {};
          expect(analysis.ok).toBe(missedCompleted === 0 && missedPending === 0);
          if (!analysis.ok) continue;
          exact++;
          expect(maxResponseUs).toBe(analysis.value);
        }
      }),
      RUNS,
    );
    expect(exact).toBeGreaterThan(RUNS.numRuns);
  });

  it('with offsets, jitter and shorter executions no response is above the analysis’s', () => {
    fc.assert(
      fc.property(fc.array(task, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat({ max: 4 }), (drawn, seed, jitterUs) => {
        const tasks = drawn.map((one) => ({
          ...one,
          jitterUs,
          wcetUs: Math.max(1, Math.floor(one.wcetUs / 2)),
          execution: { kind: 'uniform' as const, minUs: 1, maxUs: Math.max(1, Math.floor(one.wcetUs / 2)) },
        }));
        const simulation = simulated({ tasks, durationUs: 500, rng: createRng(seed) }, {});
        const jobs = [...(simulation?.trace?.jobs() ?? [])];
        for (const [at] of tasks.entries()) {
          const analysis = responseTimeUs(tasks, at);
          if (!analysis.ok) continue;
          // Counted from the arrival, as the analysis does.
          const responses = jobs.flatMap((job) =>
            job.task === at && job.finishUs !== undefined ? [job.finishUs - job.arrivalUs] : [],
          );
          expect(Math.max(0, ...responses)).toBeLessThanOrEqual(analysis.value);
        }
      }),
      RUNS,
    );
  });

  it('bounded traces keep the beginning and change nothing else', () => {
    fc.assert(
      fc.property(fc.array(task, { minLength: 1, maxLength: 6 }), platform, fc.nat({ max: 20 }), (tasks, on, segmentsMax) => {
        const whole = simulated({ tasks }, on);
        const bounded = simulated({ tasks, trace: { segmentsMax, jobsMax: 3 } }, on);
        if (whole === undefined) return;
        expect(bounded?.tasks).toEqual(whole.tasks);
        const segments = [...(whole.trace?.segments() ?? [])];
        expect([...(bounded?.trace?.segments() ?? [])]).toEqual(segments.slice(0, segmentsMax));
        expect(bounded?.trace?.droppedSegments).toBe(Math.max(0, segments.length - segmentsMax));
        expect(simulated({ tasks, trace: { segmentsMax: 0, jobsMax: 0 } }, on)?.tasks).toEqual(whole.tasks);
      }),
      { numRuns: 100 },
    );
  });
});

/** Admission on ECUs that schedule in other ways than by fixed priorities, against running what was admitted, tick by tick. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcceptedTask, EcuScheduling } from '../../src/domain/model/ecu.ts';
import { acceptedTaskOf, admits, admittingEcuOf } from '../../src/domain/placement/admit.ts';
import { assign } from '../../src/domain/placement/assign.ts';
import { arbitraryCandidates, arbitraryNewcomers } from '../support/placement-builders.ts';
import { type Arrival, worstObservedUs } from '../support/tick-scheduler.ts';

const UNTIL_US = 96;

/** Every task from its own offset on, as often as it may, and so that the last jobs have time to end. */
const arrivalsOf = (tasks: readonly AcceptedTask[], offsets: readonly number[]): Arrival[] =>
  tasks.flatMap(({ periodUs }, task) => {
    const arrivals: Arrival[] = [];
    for (let at = offsets[task] ?? 0; at < UNTIL_US - 48; at += periodUs) arrivals.push({ task, arrivalUs: at, releaseUs: at });
    return arrivals;
  });

/** One core, tasks in turn; who arrives stands before whoever has just used up its slice. */
function worstInTurnUs(tasks: readonly AcceptedTask[], arrivals: readonly Arrival[], sliceUs: number): number[] {
  const worst = tasks.map(() => 0);
  const jobs = tasks.map((): { arrivalUs: number; leftUs: number }[] => []);
  const queue: number[] = [];
  let running: number | undefined;
  let turnUs = 0;
  for (let now = 0; now < UNTIL_US; now++) {
    for (const { task, arrivalUs } of arrivals) {
      if (arrivalUs !== now) continue;
      jobs[task]?.push({ arrivalUs, leftUs: (tasks[task] as AcceptedTask).wcetUs });
      if (running !== task && !queue.includes(task)) queue.push(task);
    }
    if (running !== undefined && turnUs === 0) {
      if ((jobs[running]?.length ?? 0) > 0) queue.push(running);
      running = undefined;
    }
    if (running === undefined) {
      running = queue.shift();
      turnUs = sliceUs;
    }
    const job = running === undefined ? undefined : jobs[running]?.[0];
    if (running === undefined || job === undefined) continue;
    turnUs--;
    if (--job.leftUs > 0) continue;
    worst[running] = Math.max(worst[running] as number, now + 1 - job.arrivalUs);
    jobs[running]?.shift();
    turnUs = 0;
  }
  jobs.forEach((left, task) => {
    for (const { arrivalUs } of left) worst[task] = Math.max(worst[task] as number, UNTIL_US - arrivalUs);
  });
  return worst;
}

interface Drawn {
  readonly scheduling: EcuScheduling;
  readonly cores: number;
}

function admittedAndRun({ scheduling, cores }: Drawn, all: readonly AcceptedTask[], offsets: readonly number[]): void {
  const ecu = { cores, memoryBytes: 1_000, capabilities: [], runtimes: [], draining: false, scheduling };
  const answer = admits(all, [], ecu);
  if (!answer.ok) return;
  const { scheduler, nonPreemptive = false, global = false, sliceUs = 1_000 } = scheduling;
  for (const core of answer.value.cores) {
    const here = core.tasks.map(({ task }) => all.find((one) => one.task === task) as AcceptedTask);
    const arrivals = arrivalsOf(here, offsets);
    const platform = {
      cores: global ? cores : 1,
      scheduler: scheduler === 'edf' ? 'edf' : 'fp',
      preemptive: !nonPreemptive,
    } as const;
    const worst =
      scheduler === 'rr' ? worstInTurnUs(here, arrivals, sliceUs) : worstObservedUs(here, arrivals, platform, UNTIL_US);
    here.forEach((task, at) => {
      if (task.hardDeadline === false) return;
      expect(worst[at]).toBeLessThanOrEqual(task.deadlineUs);
      const responseUs = core.tasks[at]?.responseUs;
      if (responseUs !== undefined) expect(worst[at]).toBeLessThanOrEqual(responseUs);
    });
    admitted++;
  }
}

let admitted = 0;

const KINDS: readonly (readonly [string, Drawn])[] = [
  ['EDF', { scheduling: { scheduler: 'edf' }, cores: 1 }],
  ['EDF on three cores', { scheduling: { scheduler: 'edf' }, cores: 3 }],
  ['non-pre-emptive EDF', { scheduling: { scheduler: 'edf', nonPreemptive: true }, cores: 2 }],
  ['non-pre-emptive fixed priorities', { scheduling: { scheduler: 'fp', nonPreemptive: true }, cores: 2 }],
  ['round robin', { scheduling: { scheduler: 'rr', sliceUs: 1 }, cores: 1 }],
  ['round robin with a longer turn', { scheduling: { scheduler: 'rr', sliceUs: 2 }, cores: 2 }],
  ['global fixed priorities', { scheduling: { scheduler: 'fp', global: true }, cores: 2 }],
  ['global EDF', { scheduling: { scheduler: 'edf', global: true }, cores: 3 }],
];

const small = fc.tuple(arbitraryNewcomers(4), arbitraryCandidates(1, 1), fc.array(fc.nat(23), { minLength: 8, maxLength: 8 }));

describe('what is admitted keeps its hard deadlines, soft tasks beside it or not', () => {
  it.each(KINDS)('%s', (_, drawn) => {
    admitted = 0;
    fc.assert(
      fc.property(small, ([newcomers, [candidate], offsets]) => {
        const all = [...(candidate?.accepted ?? []), ...newcomers.map(({ spec }) => acceptedTaskOf(spec, 0))];
        admittedAndRun(
          drawn,
          all,
          all.map(() => 0),
        );
        admittedAndRun(drawn, all, offsets);
      }),
      { numRuns: 250 },
    );
    expect(admitted).toBeGreaterThan(50);
  });
});

describe('admission', () => {
  it('under EDF on one core refuses nothing that runs', () => {
    let refused = 0;
    fc.assert(
      fc.property(small, ([newcomers]) => {
        const all = newcomers.map(({ spec }) => ({ ...acceptedTaskOf(spec, 0), hardDeadline: true }));
        const ecu = { cores: 1, memoryBytes: 1_000, capabilities: [], runtimes: [], draining: false };
        if (admits(all, [], { ...ecu, scheduling: { scheduler: 'edf' } }).ok) return;
        refused++;
        const load = all.reduce((sum, { wcetUs, periodUs }) => sum + (24 / periodUs) * wcetUs, 0);
        const arrivals = arrivalsOf(all, []);
        const worst = worstObservedUs(all, arrivals, { cores: 1, scheduler: 'edf', preemptive: true }, UNTIL_US);
        expect(load > 24 || all.some(({ deadlineUs }, at) => (worst[at] as number) > deadlineUs)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(30);
  });

  it('only ranks by advice: whatever an adviser says, what is assigned is admitted, and who refuses still refuses', () => {
    fc.assert(
      fc.property(
        arbitraryNewcomers(4),
        arbitraryCandidates(4, 2),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1),
        fc.nat(3),
        (newcomers, candidates, said, favourite) => {
          const advised = assign({
            newcomers,
            candidates,
            adviser: (_, { mac }) => (mac === candidates[favourite]?.mac ? said : 0),
          });
          for (const { task, mac } of advised.assignments) {
            const candidate = candidates.find((one) => one.mac === mac);
            const spec = newcomers.find((one) => one.spec.name === task)?.spec;
            if (candidate === undefined || spec === undefined) throw new Error('it assigned what nobody gave');
            const ecu = admittingEcuOf(candidate.description, candidate.draining);
            expect(candidate.alive && admits(candidate.accepted, [spec], ecu).ok).toBe(true);
          }
          for (const { refusedByKind, candidateCount, untested } of advised.decisions.slice(0, 1)) {
            const [plain] = assign({ newcomers, candidates }).decisions;
            expect({ refusedByKind, candidateCount, untested }).toEqual({
              refusedByKind: plain?.refusedByKind,
              candidateCount: plain?.candidateCount,
              untested: plain?.untested,
            });
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

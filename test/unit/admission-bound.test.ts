/** ECUs that bind tasks to cores, as drover's own bridges do, and ECUs that say nothing of their scheduling. */
import { describe, expect, it } from 'vitest';
import type { AcceptedTask, EcuScheduling } from '../../src/domain/model/ecu.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import { type AdmittingEcu, acceptedTaskOf, admits, admittingEcuOf } from '../../src/domain/placement/admit.ts';
import { boundCoreOf } from '../../src/domain/placement/evidence.ts';
import { ownScheduling, schedulingText } from '../../src/domain/placement/platform-of.ts';
import { ecuOf, macOf, specOf } from '../support/placement-builders.ts';

const own = (cores: number, told: Partial<EcuScheduling> = {}): AdmittingEcu =>
  admittingEcuOf(ecuOf(macOf(1), { cores, scheduling: ownScheduling(told) }), false);

const silent = ({ scheduling: _, ...ecu }: AdmittingEcu): AdmittingEcu => ecu;

const taskOf = (name: string, wcetUs: number, periodUs: number, overrides: Partial<TaskSpec> = {}): TaskSpec =>
  specOf(name, { wcetUs, periodUs, deadlineUs: periodUs, ...overrides });

const refusalOf = (answer: ReturnType<typeof admits>) => (answer.ok ? undefined : answer.error);

/** Accepts one after the other, as a bridge does. */
function acceptedBy(ecu: AdmittingEcu, specs: readonly TaskSpec[]): AcceptedTask[] {
  const accepted: AcceptedTask[] = [];
  for (const spec of specs) {
    const answer = admits(accepted, [spec], ecu);
    if (answer.ok) accepted.push(acceptedTaskOf(spec, 1, boundCoreOf(ecu, answer.value, spec.name)));
  }
  return accepted;
}

describe('an ECU that binds tasks to cores', () => {
  it('spreads them: a newcomer joins the core with the least load', () => {
    const specs = ['a', 'b', 'c', 'd'].map((name, at) => taskOf(name, 10 + at, 100));
    expect(acceptedBy(own(2), specs).map(({ core }) => core)).toEqual([0, 1, 0, 1]);
    const unknown = ['a', 'b', 'c'].map((name) => taskOf(name, 0, 100, { hardDeadline: false }));
    expect(acceptedBy(own(3), unknown).map(({ core }) => core)).toEqual([0, 1, 2]);
  });

  it('leaves what it has accepted where it is, though another packing would have room', () => {
    const soft = { hardDeadline: false };
    const held = acceptedBy(own(2), [taskOf('a', 50, 100, soft), taskOf('b', 50, 100, soft)]);
    expect(held.map(({ core }) => core)).toEqual([0, 1]);
    expect(refusalOf(admits(held, [taskOf('large', 60, 100, soft)], own(2)))?.kind).toBe('utilisation');
    const unbound = held.map(({ core: _, ...task }) => task);
    expect(admits(unbound, [taskOf('large', 60, 100, soft)], { ...own(2), scheduling: { scheduler: 'fp' } }).ok).toBe(true);
  });

  it('tries the next core where the first has a job that is too long', () => {
    const quick = taskOf('quick', 2, 50, { deadlineUs: 10, priority: 9 });
    const long = taskOf('long', 40, 400);
    const busy = taskOf('busy', 40, 100, { deadlineUs: 60, hardDeadline: true });
    const held = acceptedBy(own(2), [long, busy]);
    expect(held.map(({ core }) => core)).toEqual([0, 1]);
    expect(refusalOf(admits(held, [quick], own(2)))).toMatchObject({ kind: 'schedule', task: 'quick' });
    const third = admits(held, [quick], own(3));
    expect(third.ok && boundCoreOf(own(3), third.value, 'quick')).toBe(2);
  });

  it('gives a task that comes again its core, if it may', () => {
    const held = acceptedBy(own(3), [taskOf('a', 10, 100), taskOf('b', 20, 100), taskOf('c', 30, 100)]);
    const again = admits(held, [taskOf('c', 30, 100)], own(3));
    expect(again.ok && boundCoreOf(own(3), again.value, 'c')).toBe(2);
  });

  it('is told by its deadlines where it goes by them, and charges a restore as what goes before everything', () => {
    expect(schedulingText({ cores: 2, scheduling: ownScheduling() })).toBe(
      'non-pre-emptive fixed priorities, partitioned on 2 cores',
    );
    const one = taskOf('one', 10, 100, { deadlineUs: 30 });
    const answer = admits([], [one], own(1, { blackoutUs: 15 }));
    expect(answer.ok && answer.value.joining).toEqual([{ task: 'one', responseUs: 25, deadlineUs: 30 }]);
    expect(refusalOf(admits([], [one], own(1, { blackoutUs: 21 })))?.kind).toBe('schedule');
    expect(refusalOf(admits([], [one], own(1, { scheduler: 'edf', blackoutUs: 15 })))?.kind).toBe('not-proven');
  });
});

describe('an ECU that says nothing of its scheduling', () => {
  const urgent = taskOf('urgent', 10, 20, { priority: 9 });
  const tight = taskOf('tight', 8, 40, { deadlineUs: 17, priority: 9 });
  const long = taskOf('long', 10, 100, { deadlineUs: 90, priority: 1 });

  it('takes a hard deadline that holds with pre-emption and without', () => {
    const interrupted = { ...own(1), scheduling: { scheduler: 'fp' } as const };
    expect(admits([], [tight, long], interrupted).ok).toBe(true);
    expect(refusalOf(admits([], [tight, long], silent(own(1))))).toMatchObject({ task: 'tight', responseUsMin: 18 });
    const late = taskOf('late', 8, 30, { deadlineUs: 17, priority: 1 });
    expect(admits([], [urgent, late], own(1)).ok).toBe(false);
    expect(admits([], [urgent, late], silent(own(1))).ok).toBe(false);
  });

  it('shows the longer of the two responses, and forgets those of a newcomer that was refused', () => {
    const answer = admits([], [{ ...tight, deadlineUs: 40 }, long], silent(own(1)));
    expect(answer.ok && Object.fromEntries(answer.value.joining.map(({ task, responseUs }) => [task, responseUs]))).toEqual({
      tight: 18,
      long: 18,
    });
    expect(answer.ok && answer.value.test).toBe('response times, fixed priorities with and without pre-emption');
    const two = admits([], [tight, long], silent(own(2)));
    expect(two.ok && two.value.cores.map(({ tasks }) => tasks.map(({ responseUs }) => responseUs))).toEqual([[8], [10]]);
  });

  it('is said to be so', () => {
    expect(schedulingText({ cores: 1 })).toBe('fixed priorities (it does not say whether pre-emptive), one core');
  });
});

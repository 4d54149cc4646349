import { describe, expect, it } from 'vitest';
import { overfilled } from '../../src/domain/invariants/schedulable.ts';
import type { EcuScheduling } from '../../src/domain/model/ecu.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import { acceptedTaskOf, admits, admittingEcuOf } from '../../src/domain/placement/admit.ts';
import { errorCodeOf, type Refusal, sentenceOf } from '../../src/domain/placement/evidence.ts';
import { platformOf, schedulingText } from '../../src/domain/placement/platform-of.ts';
import { ecuOf, macOf, specOf } from '../support/placement-builders.ts';

const ecu = (scheduling: EcuScheduling | undefined, cores = 1) =>
  admittingEcuOf(ecuOf(macOf(1), { cores, ...(scheduling === undefined ? {} : { scheduling }) }), false);
const taskOf = (name: string, wcetUs: number, periodUs: number, more: Partial<TaskSpec> = {}): TaskSpec =>
  specOf(name, { wcetUs, periodUs, deadlineUs: periodUs, ...more });
const refusalOf = (answer: ReturnType<typeof admits>): Refusal | undefined => (answer.ok ? undefined : answer.error);
const responsesOf = (answer: ReturnType<typeof admits>) =>
  answer.ok ? Object.fromEntries(answer.value.joining.map(({ task, responseUs }) => [task, responseUs])) : answer.error;

const urgent = taskOf('urgent', 20, 50, { priority: 2 });
const large = taskOf('large', 40, 70, { priority: 1 });

describe('the scheduler of the ECU', () => {
  it('decides: 97 % of a core hold under EDF and not under fixed priorities', () => {
    const fixed = { kind: 'schedule', task: 'large', responseUsMin: 80, deadlineUs: 70, cores: 1, unpacked: 'urgent' };
    expect(refusalOf(admits([], [urgent, large], ecu(undefined)))).toEqual(fixed);
    expect(refusalOf(admits([], [urgent, large], ecu({ scheduler: 'fp' })))).toEqual(fixed);
    const edf = admits([], [urgent, large], ecu({ scheduler: 'edf' }));
    expect(edf.ok && edf.value).toMatchObject({ test: 'processor demand (QPA), pre-emptive EDF', utilisationPpm: 971_429 });
    expect(responsesOf(edf)).toEqual({ urgent: 40, large: 60 });
  });

  it('names the late task, its response and its deadline under EDF too', () => {
    const tight = taskOf('tight', 20, 100, { deadlineUs: 30 });
    expect(
      refusalOf(admits([acceptedTaskOf(tight, 1)], [taskOf('other', 15, 60, { deadlineUs: 25 })], ecu({ scheduler: 'edf' }))),
    ).toEqual({
      kind: 'schedule',
      // Behind a job of `tight` that came 5 µs before it.
      task: 'other',
      responseUsMin: 30,
      deadlineUs: 25,
      cores: 1,
      unpacked: 'tight',
    });
    const over = admits([], [urgent, taskOf('more', 50, 70)], ecu({ scheduler: 'edf' }));
    expect(refusalOf(over)).toEqual({ kind: 'utilisation', neededPpm: 400_000, freePpm: 285_714, capacityPpm: 1_000_000 });
  });

  it('counts a job that is not interrupted: of a less urgent task, and of one that runs on data alone', () => {
    const uninterrupted: EcuScheduling = { scheduler: 'fp', nonPreemptive: true };
    const quick = taskOf('quick', 2, 50, { deadlineUs: 10, priority: 9 });
    expect(admits([], [quick, large], ecu(undefined)).ok).toBe(true);
    expect(refusalOf(admits([], [quick, large], ecu(uninterrupted)))).toMatchObject({
      kind: 'schedule',
      task: 'quick',
      responseUsMin: 42,
    });
    const onData = specOf('on-data', { periodUs: 0, deadlineUs: 0, wcetUs: 30, hardDeadline: false });
    expect(admits([], [quick, onData], ecu(undefined)).ok).toBe(true);
    expect(refusalOf(admits([], [quick, onData], ecu(uninterrupted)))).toMatchObject({
      kind: 'schedule',
      task: 'quick',
      responseUsMin: 32,
    });
    const endless = { ...onData, name: 'endless', wcetUs: 0 };
    expect(sentenceOf(refusalOf(admits([], [quick, endless], ecu(uninterrupted))) as Refusal)).toBe(
      'quick is not proven to meet its deadline of 10 µs: endless has no wcetUs and is not interrupted; give it a wcet, or keep the two apart (affinity: apart)',
    );
  });

  it('counts a turn of everyone under round robin, also of what runs on data alone', () => {
    const inTurn: EcuScheduling = { scheduler: 'rr', sliceUs: 5 };
    const one = taskOf('one', 10, 100);
    expect(responsesOf(admits([], [one, taskOf('two', 10, 100)], ecu(inTurn)))).toEqual({ one: 20, two: 20 });
    const onData = specOf('on-data', { periodUs: 0, deadlineUs: 0, wcetUs: 0, hardDeadline: false });
    expect(responsesOf(admits([], [one, onData], ecu(inTurn)))).toMatchObject({ one: 20 });
    const late = refusalOf(admits([], [{ ...one, deadlineUs: 15 }, onData], ecu(inTurn))) as Refusal;
    expect(late).toMatchObject({ kind: 'not-proven', task: 'one', responseUs: 20, deadlineUs: 15 });
    expect(errorCodeOf(late)).toBe('ERR_ADMIT_SCHEDULE');
  });

  it('lets a soft task be late but keeps it within the utilisation, whatever the scheduler', () => {
    const soft = { ...large, name: 'soft', deadlineUs: 41, hardDeadline: false };
    for (const scheduler of ['fp', 'edf', 'rr', 'other'] as const) {
      expect(admits([], [soft, { ...soft, name: 'softer', wcetUs: 30 }], ecu({ scheduler })).ok).toBe(true);
      expect(refusalOf(admits([], [soft, { ...soft, name: 'softer', wcetUs: 31 }], ecu({ scheduler })))?.kind).toBe(
        'utilisation',
      );
    }
  });
});

describe('what no test proves', () => {
  it('is refused where the deadline is hard: an unknown scheduler, global round robin, blackouts without pre-emption', () => {
    for (const [scheduling, cores] of [
      [{ scheduler: 'other' }, 1],
      [{ scheduler: 'rr', global: true }, 2],
      [{ scheduler: 'edf', nonPreemptive: true, blackoutUs: 10 }, 1],
      [{ scheduler: 'fp', blackoutUs: -1 }, 1],
    ] as const) {
      expect(refusalOf(admits([], [urgent], ecu(scheduling, cores)))).toMatchObject({
        kind: 'not-proven',
        task: 'urgent',
        deadlineUs: 50,
      });
      expect(admits([], [{ ...urgent, hardDeadline: false }], ecu(scheduling, cores)).ok).toBe(true);
    }
  });

  it('is refused by the sufficient tests of global scheduling, which a partition may pass', () => {
    const third = ['a', 'b', 'c'].map((name) => taskOf(name, 66, 100));
    expect(refusalOf(admits([], third, ecu({ scheduler: 'edf', global: true }, 2)))).toMatchObject({ kind: 'not-proven' });
    expect(admits([], third, ecu({ scheduler: 'edf', global: true }, 3)).ok).toBe(true);
    expect(admits([], third, ecu({ scheduler: 'edf' }, 3)).ok).toBe(true);
    const heavy = [...third, taskOf('d', 66, 100), taskOf('e', 66, 100)];
    expect(refusalOf(admits([], heavy, ecu({ scheduler: 'fp', global: true }, 3)))).toMatchObject({ kind: 'utilisation' });
    expect(refusalOf(admits([], [{ ...urgent, deadlineUs: 19 }], ecu({ scheduler: 'edf', global: true }, 2)))).toMatchObject({
      kind: 'schedule',
      task: 'urgent',
    });
  });
});

describe('overheads that the ECU names', () => {
  it('are charged: a checkpoint a job, two switches a job, a blackout in a while', () => {
    const one = taskOf('one', 10, 100);
    const response = (scheduling: Partial<EcuScheduling>, scheduler: 'fp' | 'edf' = 'fp') =>
      responsesOf(admits([], [one], ecu({ scheduler, ...scheduling })));
    expect(response({})).toEqual({ one: 10 });
    expect(response({ checkpointCostUs: 3 })).toEqual({ one: 13 });
    expect(response({ checkpointCostUs: 3, contextSwitchUs: 2 }, 'edf')).toEqual({ one: 17 });
    expect(response({ blackoutUs: 40 })).toEqual({ one: 50 });
    expect(response({ blackoutUs: 40, blackoutEveryUs: 45 })).toEqual({ one: 90 });
    expect(response({ blackoutUs: 40 }, 'edf')).toEqual({ one: 50 });
    expect(response({ blackoutUs: 91 })).toMatchObject({ kind: 'schedule', task: 'one' });
  });

  it('are the platform that the analysis is asked about, in words too', () => {
    expect(platformOf({ cores: 2 })).toEqual({ cores: 2, scheduler: 'fp', preemptive: true, placement: 'partitioned' });
    expect(schedulingText({ cores: 2, scheduling: { scheduler: 'edf', nonPreemptive: true } })).toBe(
      'non-pre-emptive earliest deadline first, partitioned on 2 cores',
    );
    expect(schedulingText({ cores: 1, scheduling: { scheduler: 'other' } })).toBe('a scheduler that is not known here');
  });
});

describe('the invariant', () => {
  it('judges what an ECU has accepted by its own scheduler', () => {
    const accepted = [acceptedTaskOf(urgent, 1), acceptedTaskOf(large, 1)];
    expect(overfilled('02', accepted, ecu({ scheduler: 'edf' }))).toBeUndefined();
    expect(overfilled('02', accepted, ecu({ scheduler: 'edf', checkpointCostUs: 2 }))?.sentence).toMatch(/urgent|large/);
    expect(overfilled('02', accepted, ecu(undefined))?.sentence).toMatch(/large would answer after 80 µs or more/);
  });
});

/** A task that is moved while it runs: what arrives in its blackout is done when it ends, by the target's own exact test. */
import { describe, expect, it } from 'vitest';
import type { EcuScheduling } from '../../src/domain/model/ecu.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import { acceptedTaskOf, admits, admittingEcuOf, inBlackout } from '../../src/domain/placement/admit.ts';
import { ecuOf, macOf, specOf } from '../support/placement-builders.ts';

const ecu = (scheduling?: EcuScheduling) =>
  admittingEcuOf(ecuOf(macOf(1), { cores: 1, ...(scheduling === undefined ? {} : { scheduling }) }), false);
const taskOf = (name: string, wcetUs: number, periodUs: number, more: Partial<TaskSpec> = {}): TaskSpec =>
  specOf(name, { wcetUs, periodUs, deadlineUs: periodUs, ...more });

const mover = taskOf('mover', 20, 100, { priority: 9 });
const resident = taskOf('resident', 40, 200, { priority: 1, deadlineUs: 70 });

describe('admission with the blackout of a move', () => {
  it('its own response counts from the arrival: what is left of the deadline must be enough', () => {
    const alone = (blackoutUs: number) => admits([], [mover], ecu(), blackoutUs);
    expect(alone(80)).toMatchObject({ ok: true, value: { joining: [{ task: 'mover', responseUs: 100 }] } });
    expect(alone(81)).toMatchObject({ ok: false, error: { kind: 'schedule', task: 'mover', responseUsMin: 101 } });
  });

  it('what gathers in it delays others: a job of the blackout and the next one come close together', () => {
    const there = [acceptedTaskOf(resident, 1)];
    // 40 of its own and one job of the mover, 60; with 41 released late, the next comes 59 after the first.
    expect(admits(there, [mover], ecu())).toMatchObject({
      ok: true,
      value: { tightest: { task: 'resident', responseUs: 60 } },
    });
    expect(admits(there, [mover], ecu(), 40).ok).toBe(true);
    expect(admits(there, [mover], ecu(), 41)).toMatchObject({
      ok: false,
      error: { kind: 'schedule', task: 'resident', deadlineUs: 70 },
    });
  });

  it('under EDF as well, where the demand of both is what counts', () => {
    const edf = ecu({ scheduler: 'edf' });
    const there = [acceptedTaskOf(resident, 1)];
    expect(admits(there, [mover], edf, 40).ok).toBe(true);
    // Due within 59 of its release and 20 long, besides 40 that are due within 70.
    expect(admits(there, [mover], edf, 81).ok).toBe(false);
  });

  it('one that is expected with its blackout keeps that room from a newcomer', () => {
    const expected = inBlackout(mover, 3, 41);
    expect(admits([expected], [resident], ecu()).ok).toBe(false);
    expect(admits([acceptedTaskOf(mover, 3)], [resident], ecu()).ok).toBe(true);
  });

  it('a deadline that is not hard breaks nothing; a blackout of 0 changes nothing', () => {
    const soft = taskOf('soft', 20, 100, { priority: 9, hardDeadline: false });
    expect(admits([], [soft], ecu(), 500).ok).toBe(true);
    expect(admits([acceptedTaskOf(resident, 1)], [mover], ecu(), 0)).toEqual(
      admits([acceptedTaskOf(resident, 1)], [mover], ecu()),
    );
  });
});

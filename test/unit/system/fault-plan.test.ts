import { expect, test } from 'vitest';
import { plannedFaults } from '../../../infra/system/fault-plan.ts';
import { FaultPoint, NO_FAULT_POINTS } from '../../../src/ports/fault-points.ts';

test('nothing is planned without a plan', () => {
  expect(plannedFaults(undefined)).toBe(NO_FAULT_POINTS);
  expect(plannedFaults('')).toBe(NO_FAULT_POINTS);
});

test('other points, and the planned one before its count, are passed', () => {
  const faults = plannedFaults('afterOutput:3');
  expect(faults.reach(FaultPoint.beforeOutput)).toBeUndefined();
  expect(faults.reach(FaultPoint.afterOutput)).toBeUndefined();
  expect(faults.reach(FaultPoint.afterOutput)).toBeUndefined();
});

test.each(['nowhere:1', 'afterOutput:0', 'afterOutput:x', ':1'])('the plan %s is refused with the points there are', (plan) => {
  expect(() => plannedFaults(plan)).toThrow(/afterOutput, beforeCapture/);
});

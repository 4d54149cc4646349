/** The last line of `drover test` is read by machines: it must never call a failed run "0 failed". */
import { expect, test } from 'vitest';
import { addCounts, countTests, NO_TESTS } from '../../../src/app/cli/test-counts.ts';

const report = { numPassedTests: 12, numFailedTests: 2, numPendingTests: 3, numTodoTests: 1, success: false };

test('counts are vitest’s own; pending and planned tests are both skipped', () => {
  expect(countTests(report, 1)).toEqual({ passed: 12, failed: 2, skipped: 4 });
});

test('a run that failed without a failed test counts as one failure', () => {
  expect(countTests({ ...report, numFailedTests: 0 }, 1)).toEqual({ passed: 12, failed: 1, skipped: 4 });
});

test('a run that crashed before its report counts as one failure', () => {
  expect(countTests(undefined, 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('a run without tests that ended well counts nothing', () => {
  expect(countTests({ ...report, numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 }, 0)).toEqual(
    NO_TESTS,
  );
});

test('parts add up', () => {
  expect(addCounts({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 })).toEqual({
    passed: 11,
    failed: 22,
    skipped: 33,
  });
});

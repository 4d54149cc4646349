/** Counts passed, failed and skipped tests from vitest's JSON report, so that the last line of `drover test` is no guess. */

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NO_TESTS: TestCounts = { passed: 0, failed: 0, skipped: 0 };

/**
 * `report` is what vitest wrote (undefined if it wrote nothing), `exitCode` how it ended. A run that failed without a
 * failed test (a file that does not load, an unhandled rejection, a crash) counts as one failure: never "0 failed" red.
 */
export function countTests(report: unknown, exitCode: number): TestCounts {
  const passed = field(report, 'numPassedTests');
  const skipped = field(report, 'numPendingTests') + field(report, 'numTodoTests');
  const failed = field(report, 'numFailedTests');
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped };
}

export function addCounts(a: TestCounts, b: TestCounts): TestCounts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

function field(report: unknown, name: string): number {
  if (typeof report !== 'object' || report === null) return 0;
  const value: unknown = Reflect.get(report, name);
  return typeof value === 'number' ? value : 0;
}

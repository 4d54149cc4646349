/** Runs the checks one after the other over one bridge, and tells of each as it ends. */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Bench } from './bench.ts';
import type { Check, Group } from './check.ts';
import { CHECKPOINT_CHECKS } from './checks-checkpoints.ts';
import { COMMAND_CHECKS } from './checks-commands.ts';
import { LIFE_CHECKS } from './checks-life.ts';
import { MAC_CHECKS } from './checks-mac.ts';
import { OUTPUT_CHECKS } from './checks-outputs.ts';
import { PRESENCE_CHECKS } from './checks-presence.ts';
import { RESERVED_CHECKS } from './checks-reserved.ts';
import { SCHEDULING_CHECKS } from './checks-scheduling.ts';
import { SLEEP_CHECKS } from './checks-sleep.ts';
import { NotAsPromised, NotHere } from './promised.ts';

export const CHECKS: readonly Check[] = [
  ...PRESENCE_CHECKS,
  ...MAC_CHECKS,
  ...COMMAND_CHECKS,
  ...RESERVED_CHECKS,
  ...SCHEDULING_CHECKS,
  ...OUTPUT_CHECKS,
  ...CHECKPOINT_CHECKS,
  ...SLEEP_CHECKS,
  ...LIFE_CHECKS,
];

export interface CheckResult {
  readonly group: Group;
  readonly name: string;
  readonly promise: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly because: string | undefined;
}

export interface SuiteResult {
  readonly checks: readonly CheckResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export async function runSuite(
  bench: Bench,
  options: { readonly only?: string; readonly onResult?: (result: CheckResult) => void } = {},
): Promise<SuiteResult> {
  const { only, onResult } = options;
  const results: CheckResult[] = [];
  for (const check of CHECKS) {
    if (only !== undefined && only !== check.group && only !== `${check.group}/${check.name}`) continue;
    const result = await runCheck(check, bench);
    results.push(result);
    onResult?.(result);
  }
  const count = (outcome: CheckResult['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  return { checks: results, passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

async function runCheck(check: Check, bench: Bench): Promise<CheckResult> {
  const { group, name, promise } = check;
  const result = (outcome: CheckResult['outcome'], because?: string): CheckResult => ({
    group,
    name,
    promise,
    outcome,
    because,
  });
  bench.manager.turnAway = 0;
  bench.unreadable.length = 0;
  try {
    await check.look(bench);
  } catch (failure) {
    if (failure instanceof NotHere) return result('skipped', failure.message);
    if (failure instanceof NotAsPromised) return result('failed', failure.message);
    // A request that nobody answers is the bridge's failure too; anything else is ours.
    if (failure instanceof DroverError) return result('failed', `${failure.message} (${failure.code})`);
    throw failure;
  }
  const [unreadable] = bench.unreadable;
  return unreadable === undefined ? result('passed') : result('failed', `expected messages that decode; got ${unreadable}`);
}

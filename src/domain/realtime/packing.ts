/**
 * Packing tasks onto cores with the exact test inside: a task goes to a core only when all that is there still meets its
 * deadlines. Packing by utilisation and testing afterwards leaves two sets in five with a core that fails.
 *
 * The problem is bin packing, so this is a heuristic: three orders (decreasing utilisation, decreasing density, increasing
 * deadline) times three rules (first, best, worst fit by utilisation), the first that succeeds. It never packs wrongly, and may
 * miss a packing that exists. On one core it is exact.
 *
 * `verdict` says undefined when it gave up; with work that all verdicts share (TERMS_PER_PACKING), that ends the packing soon.
 *
 * Source: Lopez, Diaz, Garcia, Real-Time Systems 28, 2004 (guarantees of first fit); Fisher, Baruah, Baker, ECRTS 2006 (the test
 *         inside). Cost: 9 · n · m verdicts at most, given up after VERDICTS_MAX.
 */
import type { CoreVerdict } from './core-test.ts';
import type { RealtimeTask } from './realtime-task.ts';

const VERDICTS_MAX = 100_000;
/** A verdict that was given up took as long as so many others. */
const GIVEN_UP_COUNTS = 10_000;

export type FitRule = 'first fit' | 'best fit' | 'worst fit';
const RULES: readonly FitRule[] = ['first fit', 'worst fit', 'best fit'];

export type Packing =
  | { readonly kind: 'packed'; readonly coreOf: readonly number[]; readonly by: string }
  /** By first fit in order of decreasing utilisation `index` found no core; `core` is the last one that refused it. */
  | { readonly kind: 'not-packed'; readonly index: number; readonly core: readonly number[]; readonly gaveUp: boolean };

type Order = readonly [name: string, keyOf: (task: RealtimeTask) => number];
const ORDERS: readonly Order[] = [
  ['decreasing utilisation', ({ wcetUs, periodUs }) => -wcetUs / periodUs],
  ['decreasing density', ({ wcetUs, periodUs, deadlineUs }) => -wcetUs / Math.min(periodUs, deadlineUs)],
  ['increasing deadline', ({ deadlineUs }) => deadlineUs],
];

export function packTasks(
  tasks: readonly RealtimeTask[],
  cores: number,
  verdict: (members: readonly number[]) => CoreVerdict,
): Packing {
  let verdicts = 0;
  let unsure = false;
  let firstFailure: { readonly index: number; readonly core: readonly number[] } | undefined;
  const accepts = (members: readonly number[]): boolean => {
    verdicts++;
    const answer = verdict(members);
    if (answer === undefined) {
      unsure = true;
      verdicts += GIVEN_UP_COUNTS;
    }
    return answer === true;
  };
  for (const [orderName, keyOf] of ORDERS) {
    const keys = tasks.map(keyOf);
    const order = tasks.map((_, index) => index).sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b);
    for (const rule of RULES) {
      const failure = attempt(order, rule);
      if (!('index' in failure)) return { kind: 'packed', coreOf: failure.coreOf, by: `${rule}, ${orderName}` };
      firstFailure ??= failure;
      if (verdicts > VERDICTS_MAX || cores === 1) break;
    }
    if (verdicts > VERDICTS_MAX || cores === 1) break;
  }
  const { index, core } = firstFailure as { readonly index: number; readonly core: readonly number[] };
  return { kind: 'not-packed', index, core, gaveUp: unsure || verdicts > VERDICTS_MAX };

  function attempt(
    order: readonly number[],
    rule: FitRule,
  ): { readonly coreOf: readonly number[] } | { readonly index: number; readonly core: readonly number[] } {
    const members: number[][] = [];
    const loads: number[] = [];
    const coreOf: number[] = tasks.map(() => -1);
    for (const index of order) {
      const { wcetUs, periodUs } = tasks[index] as RealtimeTask;
      // Cores in use, and one that is empty: the other empty ones are as good.
      const candidates = members.map((_, core) => core);
      if (members.length < cores) candidates.push(members.length);
      if (rule !== 'first fit') {
        const sign = rule === 'best fit' ? -1 : 1;
        candidates.sort((a, b) => sign * ((loads[a] ?? 0) - (loads[b] ?? 0)) || a - b);
      }
      const home = candidates.find((core) => verdicts <= VERDICTS_MAX && accepts([...(members[core] ?? []), index]));
      if (home === undefined) return { index, core: [...(members[candidates.at(-1) as number] ?? []), index] };
      members[home] ??= [];
      (members[home] as number[]).push(index);
      loads[home] = (loads[home] ?? 0) + wcetUs / periodUs;
      coreOf[index] = home;
    }
    return { coreOf };
  }
}

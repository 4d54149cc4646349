/**
 * Tasks onto cores by utilisation: first fit, largest utilisation first, exact. That tasks fit says nothing of deadlines
 * shorter than periods, nor of fixed priorities: the analysis packs with its tests, a simulation only has to run.
 */
import type { Result } from '../../kernel/result.ts';
import { err, ok } from '../../kernel/result.ts';
import { type CpuShare, fitsOneCore } from '../utilisation.ts';
import type { SimulatedTask } from './platform.ts';

/** The core of each task, or the first one that fits nowhere. Equally large tasks keep their order. */
export function packFirstFit(tasks: readonly SimulatedTask[], cores: number): Result<number[], { readonly task: number }> {
  const order = tasks.map((_, task) => task).sort((a, b) => compareUtilisation(tasks[b], tasks[a]) || a - b);
  const shares: CpuShare[][] = Array.from({ length: cores }, () => []);
  const coreOf = new Array<number>(tasks.length).fill(0);
  for (const task of order) {
    const { wcetUs, periodUs } = tasks[task] as SimulatedTask;
    const share = { wcetUs, periodUs, reservedPpm: 0 };
    const core = shares.findIndex((taken) => fitsOneCore([...taken, share]));
    if (core < 0) return err({ task });
    shares[core]?.push(share);
    coreOf[task] = core;
  }
  return ok(coreOf);
}

/** C/T compared as fractions: products of two times can lie beyond a double's whole numbers. */
function compareUtilisation(a: SimulatedTask | undefined, b: SimulatedTask | undefined): number {
  if (a === undefined || b === undefined) return 0;
  const [left, right] = [BigInt(a.wcetUs) * BigInt(b.periodUs), BigInt(b.wcetUs) * BigInt(a.periodUs)];
  return left < right ? -1 : left > right ? 1 : 0;
}

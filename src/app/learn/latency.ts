/**
 * How long one answer takes: short passes over the same few sets, many times. The best of them was not interrupted, even on a machine that
 * is busy. Answers are added up so that none is left out.
 */
export interface Latency {
  /** Of passes over the same sets, features included. */
  readonly bestUs: number;
  readonly medianUs: number;
}

const PASS_SETS = 100;
const [PASSES_LEAST, PASSES_MOST, TIMED_MS] = [11, 301, 300];

export function latencyOf(count: number, ask: (s: number) => number): Latency {
  const times: number[] = [];
  let sum = 0;
  const endMs = performance.now() + TIMED_MS;
  while (times.length < PASSES_LEAST || (times.length < PASSES_MOST && performance.now() < endMs)) {
    const beganMs = performance.now();
    for (let k = 0; k < PASS_SETS; k++) sum += ask(k % count);
    times.push(((performance.now() - beganMs) * 1000) / PASS_SETS);
  }
  times.sort((a, b) => a - b);
  const rounded = (us: number | undefined): number => (Number.isNaN(sum) ? Number.NaN : Math.round((us ?? 0) * 100) / 100);
  return { bestUs: rounded(times[0]), medianUs: rounded(times[times.length >> 1]) };
}

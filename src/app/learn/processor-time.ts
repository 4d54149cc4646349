/**
 * Time as learning counts it: the processor's, of this process. What another process takes of the machine is not in it, which is
 * what makes a study repeatable on a machine that is busy; the backends that come with drover use one thread, so that on a quiet one
 * it is the clock's as well.
 */
const [PASSES, TIMED_MS] = [10, 500];

export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** µs an answer, of the best of a few passes over `answers` of them; fewer passes where one takes long. */
export async function leastUs(answers: number, pass: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const endMs = processorMs() + TIMED_MS;
  for (let k = 0; k === 0 || (k < PASSES && processorMs() < endMs); k++) {
    const beganMs = processorMs();
    await pass();
    least = Math.min(least, processorMs() - beganMs);
  }
  return Math.round((least * 100_000) / answers) / 100;
}

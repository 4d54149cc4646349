import type { Counters } from '../../src/ports/counters.ts';

/** Counters in this process's memory. `read` gives them in the order of their names, so that two readings compare line by line. */
export function createCounters(): Counters {
  const counts = new Map<string, number>();
  return {
    add: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    read: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/**
 * Which windows are told of. A fleet that goes on as it is would say the same every few seconds: a set is told of when it shows an outcome for
 * the first time, and then once in `repeatUs`, with everything that was counted in between.
 *
 * Bounded: KEYS_MAX sets with their outcomes are remembered; of more, the one that was told of least recently is forgotten with what it
 * has counted.
 */
import type { SeenWindow } from './lane-watch.ts';
import { type ExactVerdict, keyOfSet, type OutcomeRow } from './outcome.ts';

export const KEYS_MAX = 256;

interface Counted {
  toldUs: number;
  windows: number;
  jobs: number;
  misses: number;
  observedUs: number;
}

export class ReportFilter {
  private readonly repeatUs: number;
  /** The one told of least recently first. */
  private readonly known = new Map<string, Counted>();

  constructor(repeatUs: number) {
    this.repeatUs = repeatUs;
  }

  /** The row to tell, if this is the moment. `exact` is asked only then. */
  offer(nowUs: number, window: SeenWindow, exact: () => ExactVerdict): OutcomeRow | undefined {
    const key = `${window.outcome} ${keyOfSet(window.tasks)}`;
    const before = this.known.get(key);
    const counted = before ?? { toldUs: nowUs - this.repeatUs, windows: 0, jobs: 0, misses: 0, observedUs: 0 };
    counted.windows++;
    counted.jobs += window.jobs;
    counted.misses += window.misses;
    counted.observedUs += window.observedUs;
    if (nowUs - counted.toldUs < this.repeatUs) return undefined;
    const { windows, jobs, misses, observedUs } = counted;
    this.known.delete(key);
    this.known.set(key, { toldUs: nowUs, windows: 0, jobs: 0, misses: 0, observedUs: 0 });
    const [oldest] = this.known.keys();
    if (this.known.size > KEYS_MAX && oldest !== undefined) this.known.delete(oldest);
    const { lane, tasks, outcome } = window;
    return { lane, tasks, outcome, exact: exact(), windows, jobs, misses, observedUs };
  }

  /** Sets with their outcomes that are remembered. */
  get size(): number {
    return this.known.size;
  }
}

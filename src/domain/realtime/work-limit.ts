/**
 * How much an analysis may compute before it says that it does not know. Counted in terms of the sums (a nanosecond or a few
 * each), not in time: the same set gets the same answer on every machine. A limit belongs to a whole set, so that two thousand
 * tasks that are each just within it cannot take two thousand times as long.
 */
export interface Work {
  /** Terms left; below 0 the analysis gives up. */
  terms: number;
}

/** Some hundred milliseconds on a quiet machine. */
export const TERMS_PER_SET = 20_000_000;
/** Terms of the global tests are made of several divisions and a sort. */
export const GLOBAL_TERMS_PER_SET = 3_000_000;

/** For what asks for verdict after verdict: packing, and searching for what still fits. A second or a few. */
export const TERMS_PER_PACKING = 40_000_000;
export const TERMS_PER_SEARCH = 200_000_000;
/** A term of the global tests is worth so many of the others; of the loops over columns, so many are worth one. */
export const GLOBAL_TERM_COUNTS = 5;
export const COLUMN_TERMS_COUNT_ONE = 5;

export const workForSet = (): Work => ({ terms: TERMS_PER_SET });

/** One verdict of many: it may take no more than it could alone, so that one that gives up leaves something to the others. */
export function partOf<T>(work: Work | undefined, run: (part: Work | undefined) => T): T {
  if (work === undefined) return run(undefined);
  const given = Math.min(TERMS_PER_SET, work.terms);
  const part = { terms: given };
  const answer = run(part);
  work.terms -= given - part.terms;
  return answer;
}

/** The nine quantiles every forecast gives, ascending; the outer two are the 80 % band. */
export const TAUS: readonly number[] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
export const MEDIAN = 4;
export const OUTER = TAUS.length - 1;

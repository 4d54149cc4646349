/**
 * The rhythm of a series: the step count after which its changes, or their sizes, come again. Loads of machines often have one that nobody
 * names: a collector that runs each minute, a control cycle of several parts, a day.
 *
 *   x_t = y_t − y_{t−1}, large ones cut at a few usual ones, and |x_t|, each without its mean
 *   r(p) = Σ x_t x_{t−p} / Σ x_t²        the rhythm is the least p whose r(p) is nearly the largest, if that stands out
 *
 * Nothing where the largest is not above CLEAR and what chance gives, or no better than its neighbourhood: slow waves correlate at all short lags.
 *
 * Cost: values · longest period multiplications, in the background.
 */

const LEAST = 2;
/** The longest that is looked for. */
export const RHYTHM_MOST = 64;
/** Of the series, so that each phase has been seen a few times. */
const SHARE_MOST = 4;
/** In a short series chance alone gives some. */
const CLEAR = 0.3;
const BY_CHANCE = 3;
const NEARLY = 0.85;
/** Changes above so many usual ones count as that. */
const CUT = 5;

export function findRhythm(series: Float64Array): number | undefined {
  const most = Math.min(RHYTHM_MOST, Math.floor(series.length / SHARE_MOST));
  if (most <= LEAST) return undefined;
  const changes = new Float64Array(series.length - 1);
  let sum = 0;
  for (let t = 1; t < series.length; t++) {
    changes[t - 1] = (series[t] as number) - (series[t - 1] as number);
    sum += Math.abs(changes[t - 1] as number);
  }
  const cut = (CUT * sum) / changes.length;
  if (!(cut > 0)) return undefined;
  for (let t = 0; t < changes.length; t++) changes[t] = Math.max(-cut, Math.min(cut, changes[t] as number));
  const ofChanges = clearest(changes, most);
  const ofSizes = clearest(changes.map(Math.abs), most);
  return (ofChanges?.r ?? 0) >= (ofSizes?.r ?? 0) ? ofChanges?.period : ofSizes?.period;
}

function clearest(values: Float64Array, most: number): { readonly period: number; readonly r: number } | undefined {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  const x = values.map((value) => value - mean);
  let power = 0;
  for (const value of x) power += value * value;
  if (!(power > 0)) return undefined;
  const r = new Float64Array(most + 1);
  for (let p = 1; p <= most; p++) {
    let sum = 0;
    for (let t = p; t < x.length; t++) sum += (x[t] as number) * (x[t - p] as number);
    r[p] = (sum / power) * (x.length / (x.length - p));
  }
  let best = 0;
  for (let p = LEAST; p <= most; p++) if (isPeak(r, p, most) && (r[p] as number) > best) best = r[p] as number;
  if (best < CLEAR + BY_CHANCE / Math.sqrt(x.length)) return undefined;
  for (let p = LEAST; p <= most; p++)
    if (isPeak(r, p, most) && (r[p] as number) >= NEARLY * best) return { period: p, r: r[p] as number };
  return undefined;
}

/** Above both neighbours, and well above the trough on the way to it. */
function isPeak(r: Float64Array, p: number, most: number): boolean {
  const here = r[p] as number;
  if (here < (r[p - 1] as number) || (p < most && here < (r[p + 1] as number))) return false;
  let trough = here;
  for (let q = 1; q < p; q++) trough = Math.min(trough, r[q] as number);
  return trough < here - CLEAR / 2;
}

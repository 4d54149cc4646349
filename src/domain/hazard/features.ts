/**
 * What a hazard model sees of a unit at one moment, from what was measured until then and nothing later:
 *
 *   of each sensor   its mean over the recent past (τ = h/3) and over the longer one (τ = 4h/3), its slope over the longer one
 *   of the unit      its age a and log(1 + a): the baseline hazard, which is not assumed to be of any shape
 *
 * Means and slopes forget exponentially *in time*, not in rows, and every constant is a share of the horizon h: the same features for
 * cycles, milliseconds and irregular sampling. The slope is the discounted least-squares one, shrunk to 0 while there is little to go by.
 * A value that is missing (NaN) neither moves a mean nor renews its weight; a sensor of which nothing was ever seen gives NaN,
 * which the scale turns into "average".
 *
 * State is seven numbers a sensor; an observation makes no garbage.
 */

const FAST = 1 / 3;
const SLOW = 4 / 3;
/** In rows·horizons²: as if rows without a slope had been seen over this much spread of time. Old units have some 70 of their own. */
const SLOPE_PRIOR = 2;
const OF_SENSOR = 3;
const OF_UNIT = 2;

export const featureCount = (sensors: number): number => OF_SENSOR * sensors + OF_UNIT;
/** Where the features of all sensors begin: first the recent means, then the longer ones, then the slopes. */
export const MEANS = 0;
export const SLOPES = 2;

export class FeatureStream {
  readonly #sensors: number;
  readonly #horizon: number;
  readonly #fastSum: Float64Array;
  readonly #fastWeight: Float64Array;
  // Moments of the discounted regression on time before now: Σ1, Σt, Σt², Σx, Σtx.
  readonly #weight: Float64Array;
  readonly #t: Float64Array;
  readonly #tt: Float64Array;
  readonly #x: Float64Array;
  readonly #tx: Float64Array;
  #beganAt: number | undefined;
  #now = 0;

  constructor(sensors: number, horizon: number) {
    this.#sensors = sensors;
    this.#horizon = horizon;
    const column = (): Float64Array => new Float64Array(sensors);
    this.#fastSum = column();
    this.#fastWeight = column();
    this.#weight = column();
    this.#t = column();
    this.#tt = column();
    this.#x = column();
    this.#tx = column();
  }

  /** Takes the row of `values` that begins at `at`; `time` is later than all before. */
  observe(time: number, values: Float64Array, at: number): void {
    const step = this.#beganAt === undefined ? 0 : (time - this.#now) / this.#horizon;
    this.#beganAt ??= time;
    this.#now = time;
    const fast = Math.exp(-step / FAST);
    const slow = Math.exp(-step / SLOW);
    for (let s = 0; s < this.#sensors; s++) {
      const weight = (this.#weight[s] as number) * slow;
      const t = (this.#t[s] as number) * slow;
      this.#weight[s] = weight;
      this.#tt[s] = (this.#tt[s] as number) * slow - 2 * step * t + step * step * weight;
      this.#t[s] = t - step * weight;
      this.#x[s] = (this.#x[s] as number) * slow;
      this.#tx[s] = (this.#tx[s] as number) * slow - step * (this.#x[s] as number);
      this.#fastSum[s] = (this.#fastSum[s] as number) * fast;
      this.#fastWeight[s] = (this.#fastWeight[s] as number) * fast;
      const value = values[at + s] as number;
      if (!Number.isFinite(value)) continue;
      // Now is t = 0, so a new value adds to Σ1 and Σx alone.
      this.#weight[s] = weight + 1;
      this.#x[s] = (this.#x[s] as number) + value;
      this.#fastSum[s] = (this.#fastSum[s] as number) + value;
      this.#fastWeight[s] = (this.#fastWeight[s] as number) + 1;
    }
  }

  /** Writes `featureCount(sensors)` numbers to `out` from `at` on. */
  write(out: Float64Array, at: number): void {
    const sensors = this.#sensors;
    for (let s = 0; s < sensors; s++) {
      const weight = this.#weight[s] as number;
      const t = this.#t[s] as number;
      const x = this.#x[s] as number;
      const spread = weight * (this.#tt[s] as number) - t * t + SLOPE_PRIOR * weight;
      out[at + s] = (this.#fastSum[s] as number) / (this.#fastWeight[s] as number);
      out[at + sensors + s] = x / weight;
      out[at + SLOPES * sensors + s] = (weight * (this.#tx[s] as number) - t * x) / spread;
    }
    const age = this.#beganAt === undefined ? 0 : (this.#now - this.#beganAt) / this.#horizon;
    out[at + OF_SENSOR * sensors] = age;
    out[at + OF_SENSOR * sensors + 1] = Math.log1p(age);
  }
}

/**
 * A Kalman filter with alarm over live machine metrics, one filter per column.
 *
 * Each column is a level with a trend, seen through noise:
 *
 *   level' = level + trend      trend' = trend + w        z = level + v        w ~ N(0, Q), v ~ N(0, R)
 *
 * One step per sample (the sampling interval is the unit of time). R is learned from the innovations, so that one task fits
 * loads in per cent and temperatures alike. The normalised innovation squared, y²/S, is about 1 while the model holds; a
 * column raises its alarm after ALARM_AFTER samples above ALARM_NIS in a row and clears it after as many below.
 */
import { inputText, isTick, outputText } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

const COLUMNS_MAX = 8;
/** Trend noise relative to the measurement noise: how fast a trend may turn. */
const TREND_NOISE = 0.001;
/** A 3-sigma innovation. */
const ALARM_NIS = 9.0;
const ALARM_AFTER = 3;
/** Share of the newest innovation in the learned noise. */
const LEARNING = 0.02;
/** Silence is an alarm too: this many ticks without a sample. */
const SILENT_TICKS = 5;

class Filter {
  samples: i32 = 0;
  level: f64 = 0;
  trend: f64 = 0;
  // Covariance of (level, trend); symmetric.
  levelVariance: f64 = 0;
  covariance: f64 = 0;
  trendVariance: f64 = 0;
  noise: f64 = 1;
  nis: f64 = 0;
  above: i32 = 0;
  below: i32 = 0;
  alarmed: bool = false;

  /** Answers whether the alarm changed. */
  step(z: f64): bool {
    if (this.samples++ == 0) {
      this.level = z;
      this.noise = max(z * z * 0.0001, 1e-6);
      this.levelVariance = this.noise;
      this.trendVariance = this.noise * TREND_NOISE;
      return false;
    }
    // Predict one sample ahead.
    this.level += this.trend;
    this.levelVariance += 2 * this.covariance + this.trendVariance;
    this.covariance += this.trendVariance;
    this.trendVariance += this.noise * TREND_NOISE;
    // Correct with what was measured.
    const innovation = z - this.level;
    const variance = this.levelVariance + this.noise;
    this.nis = (innovation * innovation) / variance;
    const levelGain = this.levelVariance / variance;
    const trendGain = this.covariance / variance;
    this.level += levelGain * innovation;
    this.trend += trendGain * innovation;
    this.trendVariance -= trendGain * this.covariance;
    this.covariance *= 1 - levelGain;
    this.levelVariance *= 1 - levelGain;
    // A jump must not teach the filter that jumps are normal.
    const bounded = min(innovation * innovation, ALARM_NIS * variance);
    this.noise = max(this.noise + LEARNING * (bounded - this.noise), 1e-9);
    return this.judge();
  }

  private judge(): bool {
    if (this.nis > ALARM_NIS) {
      this.above++;
      this.below = 0;
    } else {
      this.below++;
      this.above = 0;
    }
    const before = this.alarmed;
    if (this.above >= ALARM_AFTER) this.alarmed = true;
    if (this.below >= ALARM_AFTER) this.alarmed = false;
    return before != this.alarmed;
  }
}

const filters = new Array<Filter>();
let silentTicks: i32 = 0;

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind)) {
    silentTicks += 1 + <i32>min(skipped, 1000);
    if (silentTicks - 1 - <i32>min(skipped, 1000) < SILENT_TICKS && silentTicks >= SILENT_TICKS && filters.length > 0) {
      outputText(1, "silent");
    }
    return;
  }
  silentTicks = 0;
  const columns = inputText(pointer, byteLength).split(",");
  let estimates = number.toString();
  for (let column = 0; column < min(columns.length, COLUMNS_MAX); column++) {
    if (column == filters.length) filters.push(new Filter());
    const filter = filters[column];
    const z = F64.parseFloat(columns[column]);
    // A gap in the data is no measurement: the estimate stays.
    if (!isFinite(z)) continue;
    if (filter.step(z)) {
      outputText(1, (filter.alarmed ? "alarm," : "clear,") + column.toString() + "," + z.toString() + "," + filter.level.toString());
    }
    estimates += "," + filter.level.toString() + "," + filter.trend.toString() + "," + filter.nis.toString();
  }
  outputText(0, estimates);
}

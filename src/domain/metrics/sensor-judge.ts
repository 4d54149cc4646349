/**
 * Tells measurements from what only looks like one, for one ECU, sample by sample (Q1–Q3 in `sample.ts`, K2–K4 in `kinds.ts`).
 *
 * J1. A value beyond what is plausible is refused, and so is a jump, until so much time has passed since the last value that was believed that
 *     it could have come about. A level that stays is therefore believed after seconds: the sensor was replaced, the machine slept, or the lie
 *     cannot be told from the truth by this sensor alone.
 * J2. A sensor is stuck from when its driver has swung by `SWING` since its value last changed, and the kind's time has passed; it is
 *     good again with its next change.
 * J3. Time is the monotonic clock of the samples. What a sensor did in a silence longer than `SILENCE_US` is not held against it.
 */
import { COLUMN, isMetric, METRIC_COUNT, METRICS, type MetricKind } from './kinds.ts';
import { type MetricColumns, QUALITY } from './sample.ts';

const SWING = 0.3;
const SILENCE_US = 10_000_000;
const SECOND_US = 1_000_000;

const RANGE_MIN = Float64Array.from(METRICS, ({ range }) => range.min);
const RANGE_MAX = Float64Array.from(METRICS, ({ range }) => range.max);
const JUMP_MAX = Float64Array.from(METRICS as readonly MetricKind[], ({ jumpMax }) => jumpMax ?? Number.POSITIVE_INFINITY);
const STUCK_US = Float64Array.from(METRICS as readonly MetricKind[], ({ stuck }) => stuck?.afterUs ?? Number.POSITIVE_INFINITY);
/** -1: nothing drives it. */
const DRIVER = Int32Array.from(METRICS as readonly MetricKind[], ({ stuck }) =>
  stuck !== undefined && isMetric(stuck.driver) ? COLUMN[stuck.driver] : -1,
);

export class SensorJudge {
  private readonly last = new Float64Array(METRIC_COUNT).fill(Number.NaN);
  private readonly seenUs = new Float64Array(METRIC_COUNT);
  private readonly changedUs = new Float64Array(METRIC_COUNT);
  private readonly driverLow = new Float64Array(METRIC_COUNT);
  private readonly driverHigh = new Float64Array(METRIC_COUNT);

  /** Writes the qualities, and takes away the values that are none. */
  judge(columns: MetricColumns, nowUs: number): void {
    const { values, qualities } = columns;
    for (let at = 0; at < METRIC_COUNT; at++) {
      const value = values[at] ?? Number.NaN;
      if (Number.isNaN(value)) {
        qualities[at] = QUALITY.absent;
      } else if (!this.believable(at, value, nowUs)) {
        qualities[at] = QUALITY.refused;
        values[at] = Number.NaN;
      } else {
        qualities[at] = this.isStuck(at, value, values, nowUs) ? QUALITY.stuck : QUALITY.good;
        this.last[at] = value;
        this.seenUs[at] = nowUs;
      }
    }
  }

  /** J1. */
  private believable(at: number, value: number, nowUs: number): boolean {
    if (!(value >= (RANGE_MIN[at] ?? 0) && value <= (RANGE_MAX[at] ?? 0))) return false;
    const last = this.last[at] ?? Number.NaN;
    const seconds = Math.max(1, (nowUs - (this.seenUs[at] ?? 0)) / SECOND_US);
    return Number.isNaN(last) || Math.abs(value - last) <= (JUMP_MAX[at] ?? 0) * seconds;
  }

  /** J2. */
  private isStuck(at: number, value: number, values: Float64Array, nowUs: number): boolean {
    const driver = DRIVER[at] ?? -1;
    if (driver < 0) return false;
    const drives = values[driver] ?? Number.NaN;
    if (value !== this.last[at] || nowUs - (this.seenUs[at] ?? 0) > SILENCE_US) {
      this.changedUs[at] = nowUs;
      this.driverLow[at] = drives;
      this.driverHigh[at] = drives;
      return false;
    }
    if (!Number.isNaN(drives)) {
      // A driver that was absent when the value last changed begins here.
      if (!(drives >= (this.driverLow[at] ?? Number.NaN))) this.driverLow[at] = drives;
      if (!(drives <= (this.driverHigh[at] ?? Number.NaN))) this.driverHigh[at] = drives;
    }
    const swing = (this.driverHigh[at] ?? 0) - (this.driverLow[at] ?? 0);
    return swing >= SWING && nowUs - (this.changedUs[at] ?? 0) >= (STUCK_US[at] ?? 0);
  }
}

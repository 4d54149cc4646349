/**
 * Tells measurements from what only looks like one, for one ECU, sample by sample (Q1–Q3 in `sample.ts`, K2–K4 in `kinds.ts`).
 *
 * J1. A value beyond what is plausible is refused, and so is a jump that no such thing makes. A level that is confirmed by a third sample is
 *     believed after all: the sensor was replaced, the machine slept, or the lie cannot be told from the truth by this sensor alone.
 * J2. A sensor is stuck from when its driver has swung by `SWING` since its value last changed, and the kind's time has passed; it is
 *     good again with its next change.
 * J3. Time is the monotonic clock of the samples. After a silence longer than `SILENCE_US` nothing is held against a sensor that was
 *     not looked at meanwhile, and a jump may be as large as it likes.
 */
import { COLUMN, isMetric, METRIC_COUNT, METRICS, type MetricKind } from './kinds.ts';
import { type MetricColumns, QUALITY } from './sample.ts';

const CONFIRMATIONS = 3;
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
  /** A level that was refused as a jump, and how often it came. */
  private readonly pending = new Float64Array(METRIC_COUNT);
  private readonly confirmations = new Uint8Array(METRIC_COUNT);

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
    if (!(value >= (RANGE_MIN[at] ?? 0) && value <= (RANGE_MAX[at] ?? 0))) {
      this.confirmations[at] = 0;
      return false;
    }
    const last = this.last[at] ?? Number.NaN;
    const sinceUs = nowUs - (this.seenUs[at] ?? 0);
    const allowed = (JUMP_MAX[at] ?? 0) * Math.max(1, sinceUs / SECOND_US);
    if (Number.isNaN(last) || sinceUs > SILENCE_US || Math.abs(value - last) <= allowed) {
      this.confirmations[at] = 0;
      return true;
    }
    const again = (this.confirmations[at] ?? 0) > 0 && Math.abs(value - (this.pending[at] ?? 0)) <= (JUMP_MAX[at] ?? 0);
    this.confirmations[at] = again ? (this.confirmations[at] ?? 0) + 1 : 1;
    this.pending[at] = value;
    if ((this.confirmations[at] ?? 0) < CONFIRMATIONS) return false;
    this.confirmations[at] = 0;
    return true;
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

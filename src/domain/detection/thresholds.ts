/**
 * How soon a silent ECU is suspected, per ECU class. A class is a word in the ECU's description (`ecuClass`); one that has
 * no row here takes `default`. A fleet file may override any number.
 *
 * With heartbeats every 100 ms and a jitter of 2 ms, `default` suspects after about 100·(1+1) + 5.6·10 ms ≈ 256 ms of
 * silence. It is the second line: a killed ECU is usually known 4 ms later, from the broker's disconnect event.
 */
export interface DetectionThresholds {
  /** Suspected at or above this φ = −log10 P(such a silence although it lives). 8: once in 10⁸ heartbeats, if they were normal. */
  readonly phi: number;
  /** Heartbeats that may be lost in a row before the silence counts: added to the expected interval as whole intervals. */
  readonly lossesTolerated: number;
  /** Floor of the standard deviation, as a share of the announced interval in ppm: a very steady sender is no reason to panic. */
  readonly deviationMinPpm: number;
  /** Floor of the standard deviation, µs: the scheduling jitter of a busy host, whatever the interval. */
  readonly deviationMinUs: number;
}

const DEFAULT: DetectionThresholds = { phi: 8, lossesTolerated: 1, deviationMinPpm: 100_000, deviationMinUs: 10_000 };

export const DETECTION_THRESHOLDS: Readonly<Record<string, DetectionThresholds>> = {
  default: DEFAULT,
  /** Wired, real-time scheduled: a lost heartbeat is itself news. */
  safety: { phi: 6, lossesTolerated: 0, deviationMinPpm: 50_000, deviationMinUs: 5_000 },
  /** A wireless or shared link: bursts of loss are everyday. */
  lossy: { phi: 10, lossesTolerated: 4, deviationMinPpm: 250_000, deviationMinUs: 20_000 },
  /** Runs batch work at full load: its bridge may be starved for a while. */
  batch: { phi: 12, lossesTolerated: 9, deviationMinPpm: 500_000, deviationMinUs: 50_000 },
};

export function thresholdsOf(
  ecuClass: string,
  overrides: Readonly<Record<string, Partial<DetectionThresholds>>> = {},
): DetectionThresholds {
  const row = Object.hasOwn(DETECTION_THRESHOLDS, ecuClass) ? DETECTION_THRESHOLDS[ecuClass] : undefined;
  const override = Object.hasOwn(overrides, ecuClass) ? overrides[ecuClass] : undefined;
  return { ...DEFAULT, ...row, ...override };
}

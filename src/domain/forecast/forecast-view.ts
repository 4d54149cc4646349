/** What is forecast of an ECU or a task, as people and scripts are shown it. */
import type { Mac, TaskName } from '../model/ids.ts';
import type { Degraded } from './intake.ts';

export interface ForecastView {
  /** The manager whose predictor says so. */
  readonly manager: string;
  readonly ecu: Mac | undefined;
  /** Undefined: the ECU itself is meant. */
  readonly task: TaskName | undefined;
  /** Of the ECU, by what it nears the limits of: within `horizonS`, and when, should it come. Absent where that is not measured. */
  readonly failure: FailureForecast | undefined;
  /** A level with a deadly limit that it does not measure just now, though it is heard: that is why `failure` is absent. */
  readonly unmeasured?: string;
  /** No sample for so long, in seconds. */
  readonly silentS: number;
  readonly series: readonly ForecastSeries[];
}

export interface FailureForecast {
  readonly probability: number;
  readonly horizonS: number;
  readonly inS: number;
  /** Levels with a deadly limit whose measurements should not be relied on, and so neither should the probability; absent: all are fine. */
  readonly degraded?: readonly LevelDegraded[];
}

export interface LevelDegraded {
  readonly level: string;
  readonly why: Degraded;
}

export interface ForecastSeries {
  readonly metric: string;
  readonly unit: string;
  /** The newest value; undefined: none has come yet. */
  readonly now: number | undefined;
  /** Values so far, of which as many as are remembered are learned from. */
  readonly values: number;
  /** Why it should not be relied on, if so. */
  readonly degraded: Degraded | 'silent' | undefined;
  readonly horizons: readonly ForecastPoint[];
}

export interface ForecastPoint {
  readonly horizonS: number;
  /** 10 % to 90 %; with what is booked by then in them. Empty: nothing is known. */
  readonly quantiles: readonly number[];
  /** Load that reservations bring by then, a share of all cores; absent: none. */
  readonly booked?: number;
}

/**
 * What befalls the one ECU of a scenario (`run-scenario.ts`): its simulated sensors, when it is over, and what of that somebody could have known.
 *
 *   thermal   its fan fails: it heats up, and dies when its own thermometer reads its limit
 *   overload  something on it takes its cores and its memory: it dies when its memory is full
 *   drain     it is to be switched off at a moment that is known: with predictors it is drained before (an order, no forecast), without it is just killed
 */
import type { ResourceState } from '../../domain/metrics/resource-kinds.ts';
import { SENSOR_PROFILES, type SensorProfile } from '../../domain/metrics/sensor-profile.ts';

export const SCENARIOS = ['thermal', 'overload', 'drain'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface Scenario {
  readonly name: ScenarioName;
  /** Of the ECU that will die. */
  readonly sensors: SensorProfile;
  /** Whether it dies of this sample; never where a moment is named. */
  readonly isOver: (state: ResourceState, sensors: SensorProfile) => boolean;
  /** What it died of, in words. */
  readonly toldOf: (state: ResourceState) => string;
  /** From the beginning of the load: when it is drained, and when it is switched off. */
  readonly moments: { readonly drainUs: number; readonly offUs: number } | undefined;
  /** The load goes on for so long, so that both halves have the same time to miss deadlines in; longer where the ECU still lives. */
  readonly loadUs: number;
}

const percent = (share: number | undefined): string => `${((share ?? 0) * 100).toFixed(0)} %`;

const ALL: Readonly<Record<ScenarioName, Omit<Scenario, 'name'>>> = {
  thermal: {
    // Its fan fails 8 s after the start; at its limit some 40 s later, later where its tasks have left.
    sensors: { ...SENSOR_PROFILES.heating, after: 8, limit: 80 },
    isOver: ({ temperatureCelsius = 0 }, { limit }) => temperatureCelsius >= limit,
    toldOf: ({ temperatureCelsius }) => `at ${(temperatureCelsius ?? 0).toFixed(1)} °C`,
    moments: undefined,
    loadUs: 60_000_000,
  },
  overload: {
    // Its leak begins 10 s after the start; its memory is full some 51 s later.
    sensors: { ...SENSOR_PROFILES.overload, after: 10 },
    isOver: ({ memoryShare = 0 }, { full }) => memoryShare >= full,
    toldOf: ({ memoryShare, load }) => `with ${percent(memoryShare)} of its memory in use and ${percent(load)} of its cores`,
    moments: undefined,
    loadUs: 60_000_000,
  },
  drain: {
    sensors: SENSOR_PROFILES.calm,
    isOver: () => false,
    toldOf: () => 'as was announced',
    moments: { drainUs: 5_000_000, offUs: 20_000_000 },
    loadUs: 25_000_000,
  },
};

/** `changes`: for those who have less time. */
export const scenarioNamed = (
  name: ScenarioName,
  changes: Partial<Pick<Scenario, 'sensors' | 'moments' | 'loadUs'>> = {},
): Scenario => ({
  name,
  ...ALL[name],
  ...changes,
});

/**
 * Whether an ECU gets more to do, or to hold, than it can. Four levels, of which an owner names two limits:
 *
 *   memory    share in use; at its limit processes are killed, so it is deadly
 *   load      P(load above its limit at the horizon) by the forecast, known future load included; then its tasks are late
 *   misses    share of the last second's jobs that were late, and
 *   backlog   seconds of work that wait at its tasks: both count only as far as the load is near its limit (× P), because a machine with idle
 *             cores is late for reasons that another machine does not cure
 *
 * Without a limit of the memory nothing is said of memory; without one of the load nothing of the other three.
 */
import type { WienerPrior } from '../hazard/wiener.ts';
import type { MetricLimits } from '../model/ecu.ts';
import { LevelWatch } from './level-watch.ts';
import { chanceAbove, type Threat } from './threat.ts';

export interface OverloadSensors {
  readonly atUs: number;
  /** Shares; NaN: not measured. */
  readonly memory: number;
  readonly load: number;
  /** Of the jobs since the last step; NaN: there were none. */
  readonly misses: number;
  /** Seconds. */
  readonly backlog: number;
}

/** Shares and seconds. Programs that come and go take some hundredths of a machine's memory. */
const MEMORY: WienerPrior = { driftMean: 0, driftDeviation: 0.005, driftWander: 0.0005, diffusion: 0.002, noise: 0.004 };
const MISSES: WienerPrior = { driftMean: 0, driftDeviation: 0.005, driftWander: 0.001, diffusion: 0.01, noise: 0.03 };
const BACKLOG: WienerPrior = { driftMean: 0, driftDeviation: 0.05, driftWander: 0.01, diffusion: 0.05, noise: 0.1 };
const MISSES_LIMIT = 0.2;
const BACKLOG_LIMIT_S = 5;
/** Of the load's limit: near it. */
const NEAR = 0.9;
const SHARE = { least: 0, most: 1 } as const;

export class OverloadWatch {
  readonly #horizonS: number;
  readonly #loadLimit: number | undefined;
  readonly #memory: LevelWatch | undefined;
  readonly #felt: readonly LevelWatch[];
  #load = Number.NaN;

  constructor({ memoryLimit, loadLimit }: MetricLimits, horizonS: number) {
    this.#horizonS = horizonS;
    this.#loadLimit = loadLimit;
    const common = { cause: 'overload', horizonS } as const;
    if (memoryLimit !== undefined) {
      const options = { level: 'memory', deadly: true, limit: memoryLimit, prior: MEMORY, within: SHARE } as const;
      this.#memory = new LevelWatch({ ...common, ...options });
    }
    const late = { ...common, deadly: false } as const;
    this.#felt =
      loadLimit === undefined
        ? []
        : [
            new LevelWatch({ ...late, level: 'misses', limit: MISSES_LIMIT, prior: MISSES, within: SHARE }),
            new LevelWatch({ ...late, level: 'backlog', limit: BACKLOG_LIMIT_S, prior: BACKLOG }),
          ];
  }

  observe({ atUs, memory, load, misses, backlog }: OverloadSensors): void {
    this.#memory?.observe(atUs, memory);
    const [late, waits] = this.#felt;
    late?.observe(atUs, misses);
    waits?.observe(atUs, backlog);
    this.#load = load;
  }

  /** `quantiles`: of the load at the horizon, 10 %, 50 %, 90 %. */
  threats(quantiles: readonly [number, number, number]): readonly Threat[] {
    const ofMemory = this.#memory?.threat();
    const found: Threat[] = ofMemory === undefined ? [] : [ofMemory];
    const limit = this.#loadLimit;
    if (limit === undefined || !Number.isFinite(this.#load)) return found;
    const [now, inS] = [this.#load, this.#load >= limit ? 0 : this.#horizonS];
    const probability = chanceAbove(quantiles, limit);
    found.push({ cause: 'overload', level: 'load', deadly: false, probability, now, limit, quantiles, inS });
    const near = chanceAbove(quantiles, NEAR * limit);
    for (const watch of this.#felt) {
      const felt = watch.threat();
      if (felt !== undefined) found.push({ ...felt, probability: felt.probability * near });
    }
    return found;
  }
}

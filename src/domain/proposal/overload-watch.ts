/**
 * Whether an ECU gets more to do, or to hold, than it can. Four levels, of which an owner names two limits:
 *
 *   memory    share in use; at its limit processes are killed, so it is deadly
 *   load      share of its cores that is busy, known future load included; above its limit tasks are late
 *   misses    share of the last second's jobs that were late, and
 *   backlog   seconds of work that wait at its tasks: both count only as far as the load is near its limit (× P), because a machine with idle
 *             cores is late for reasons that another machine does not cure
 *
 * Without a limit of the memory nothing is said of memory; without one of the load nothing of the other three.
 */
import type { Forecaster } from '../forecast/forecaster.ts';
import type { WienerPrior } from '../hazard/wiener.ts';
import type { MetricLimits } from '../model/ecu.ts';
import { LevelWatch, ShareForecast } from './level-watch.ts';
import { chanceAbove, type Quantiles, type Threat } from './threat.ts';

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
const LOAD: WienerPrior = { driftMean: 0, driftDeviation: 0.005, driftWander: 0.0005, diffusion: 0.02, noise: 0.05 };
const MISSES: WienerPrior = { driftMean: 0, driftDeviation: 0.005, driftWander: 0.001, diffusion: 0.01, noise: 0.05 };
const BACKLOG: WienerPrior = { driftMean: 0, driftDeviation: 0.05, driftWander: 0.01, diffusion: 0.05, noise: 0.1 };
const MISSES_LIMIT = 0.2;
const BACKLOG_LIMIT_S = 5;
/** Of the load's limit: near it. */
const NEAR = 0.9;
const SHARE = { least: 0, most: 1 } as const;

interface LoadLimit {
  readonly limit: number;
  readonly watch: LevelWatch;
  readonly felt: readonly LevelWatch[];
}

export class OverloadWatch {
  readonly #memory: { readonly watch: LevelWatch; readonly forecast: ShareForecast } | undefined;
  readonly #load: LoadLimit | undefined;

  constructor({ memoryLimit, loadLimit }: MetricLimits, horizonS: number) {
    const common = { cause: 'overload', horizonS, ...SHARE } as const;
    if (memoryLimit !== undefined) {
      const options = { level: 'memory', deadly: true, limit: memoryLimit, prior: MEMORY } as const;
      this.#memory = { watch: new LevelWatch({ ...common, ...options }), forecast: new ShareForecast(horizonS) };
    }
    if (loadLimit === undefined) return;
    const late = { ...common, deadly: false } as const;
    const backlog = { level: 'backlog', limit: BACKLOG_LIMIT_S, prior: BACKLOG, most: Number.POSITIVE_INFINITY } as const;
    this.#load = {
      limit: loadLimit,
      watch: new LevelWatch({ ...late, level: 'load', limit: loadLimit, prior: LOAD }),
      felt: [
        new LevelWatch({ ...late, level: 'misses', limit: MISSES_LIMIT, prior: MISSES }),
        new LevelWatch({ ...late, ...backlog }),
      ],
    };
  }

  observe({ atUs, memory, load, misses, backlog }: OverloadSensors): void {
    this.#memory?.watch.observe(atUs, memory);
    this.#memory?.forecast.observe(atUs, memory);
    this.#load?.watch.observe(atUs, load);
    const [late, waits] = this.#load?.felt ?? [];
    late?.observe(atUs, misses);
    waits?.observe(atUs, backlog);
  }

  /** That its owner may have fitted. */
  get forecasters(): readonly Forecaster[] {
    return this.#memory === undefined ? [] : [this.#memory.forecast.forecaster];
  }

  /**
   * `ahead`: of the load at the horizon, what is planned on top included; undefined where its forecasts are not proven yet. `byTasks`: the same by
   * what the series of its tasks foretell, whose word is as good as the ECU's own; undefined where there are none.
   */
  threats(ahead: Quantiles | undefined, planned: number, byTasks?: Quantiles): readonly Threat[] {
    const found: (Threat | undefined)[] = [];
    if (this.#memory !== undefined) {
      const { watch, forecast } = this.#memory;
      found.push(watch.threat(forecast.isProven ? forecast.quantiles() : undefined));
    }
    if (this.#load !== undefined) {
      const { limit, watch, felt } = this.#load;
      found.push(seenByTasks(watch.threat(ahead, planned), byTasks));
      const near = watch.chance(NEAR * limit, ahead, planned);
      for (const one of felt) {
        const threat = one.threat();
        if (threat !== undefined) found.push({ ...threat, probability: threat.probability * near });
      }
    }
    return found.filter((threat) => threat !== undefined);
  }

  /** That the load is above its limit at the horizon, where it is foretold so; undefined: it has none. */
  overloadAt(ahead: Quantiles): number | undefined {
    return this.#load === undefined ? undefined : chanceAbove(ahead, this.#load.limit);
  }
}

/** The likelier of the two. */
function seenByTasks(own: Threat | undefined, byTasks: Quantiles | undefined): Threat | undefined {
  const probability = own === undefined || byTasks === undefined ? 0 : chanceAbove(byTasks, own.limit);
  if (own === undefined || byTasks === undefined || probability <= own.probability) return own;
  return { ...own, probability, quantiles: byTasks, byTasks: true };
}

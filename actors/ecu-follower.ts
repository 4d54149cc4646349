/**
 * What a manager makes of one ECU's samples: means of a second for the watch over its heat and the forecast of its load, and what its tasks
 * do. A hot path: samples come ten times a second from every ECU, and most of them are not even decoded.
 *
 * G1. At most one sample in LOOK_US is read; one step of the models a second of the bridge's monotonic clock, the machine's own time.
 * G2. What is stuck or absent is no measurement. An ECU whose limit is known and whose heat is not is blind, not calm.
 * G3. Another incarnation begins anew: what it runs on may be another machine.
 */
import { Forecaster } from '../src/domain/forecast/forecaster.ts';
import { COLUMN } from '../src/domain/metrics/kinds.ts';
import { RESOURCE_PROFILES, resourceState } from '../src/domain/metrics/resource-kinds.ts';
import { type EcuSample, QUALITY, type TaskSample } from '../src/domain/metrics/sample.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { EcuWatch } from '../src/domain/proposal/ecu-watch.ts';
import type { Outlook } from '../src/domain/proposal/proposal.ts';

const STEP_US = 1_000_000;
export const LOOK_US = 200_000;
/** Above what a load can be: whether a full ECU is overloaded, its tasks' misses say, not the machine's load. */
const CAPACITY = 1;
const [TENTH, HALF, NINE_TENTHS] = [0, 4, 8];

interface Counted {
  readonly atUs: number;
  readonly tasks: readonly TaskSample[];
}

export class EcuFollower {
  readonly mac: Mac;
  readonly limit: number | undefined;
  /** By this manager's monotonic clock: when something was heard that can be judged by. */
  seenAtUs = 0;
  /** When it was last worth decoding one. */
  lookedAtUs = Number.NEGATIVE_INFINITY;
  temperature = Number.NaN;
  incarnation = 0;
  readonly #horizonS: number;
  /** Its load, a mean a second. */
  readonly load: Forecaster;
  readonly #watch: EcuWatch;
  readonly #quantiles = new Float64Array(9);
  #stepAtUs = 0;
  #heat = 0;
  #heats = 0;
  #loads = 0;
  #samples = 0;
  #before: Counted | undefined;
  #newest: Counted | undefined;
  #foreseen: Outlook | undefined;

  constructor(options: { readonly mac: Mac; readonly limit: number | undefined; readonly horizonS: number }) {
    this.mac = options.mac;
    this.limit = options.limit;
    this.#horizonS = options.horizonS;
    this.#watch = new EcuWatch({ periodS: STEP_US / 1e6, limitC: options.limit, capacity: CAPACITY });
    this.load = new Forecaster({ horizons: [options.horizonS], periodUs: STEP_US, memory: 600, least: 0, most: 1 });
  }

  heard(sample: EcuSample, nowUs: number): void {
    const { load, temperatureCelsius, powerWatts } = resourceState(sample);
    const isStuck = sample.qualities[COLUMN[RESOURCE_PROFILES[sample.resourceKind].temperature]] === QUALITY.stuck;
    this.incarnation = sample.incarnation;
    if (temperatureCelsius !== undefined && !isStuck) {
      this.#heat += temperatureCelsius;
      this.#heats++;
      this.temperature = temperatureCelsius;
      this.seenAtUs = nowUs;
    } else if (this.limit === undefined) this.seenAtUs = nowUs;
    this.#loads += load ?? 0;
    this.#samples++;
    if (this.#stepAtUs === 0) this.#stepAtUs = sample.atUs;
    if (sample.atUs - this.#stepAtUs < STEP_US) return;
    this.#stepAtUs = Math.max(this.#stepAtUs + STEP_US, sample.atUs - STEP_US);
    this.#step(sample, powerWatts ?? Number.NaN);
  }

  #step(sample: EcuSample, powerW: number): void {
    const load = this.#loads / this.#samples;
    const temperatureC = this.#heats === 0 ? Number.NaN : this.#heat / this.#heats;
    this.#heat = this.#heats = this.#loads = this.#samples = 0;
    this.load.observeAt(sample.atUs, load);
    this.#watch.observe({ timeS: sample.atUs / 1e6, temperatureC, powerW, load });
    this.#before = this.#newest;
    this.#newest = { atUs: sample.atUs, tasks: sample.tasks };
    this.#foreseen = undefined;
  }

  /** The same object until another second has passed. Its overload is 0 (`predictor.ts`, E4). */
  outlook(): Outlook {
    if (this.#foreseen !== undefined) return this.#foreseen;
    const quantiles = this.#quantiles;
    this.load.forecast(0, quantiles);
    const of = (at: number): number => (Number.isFinite(quantiles[at]) ? (quantiles[at] as number) : 0);
    const forecast = { quantiles: [of(TENTH), of(HALF), of(NINE_TENTHS)], hazard: 0 } as const;
    this.#foreseen = { ...this.#watch.outlook(this.mac, this.incarnation, this.#horizonS, forecast), overload: 0 };
    return this.#foreseen;
  }

  /** Jobs a second between the last two steps. */
  jobsPerS(task: TaskName): number {
    const [newest, before] = [this.#newest, this.#before];
    const now = newest?.tasks.find((one) => one.task === task);
    const then = before?.tasks.find((one) => one.task === task);
    if (newest === undefined || before === undefined || now === undefined || then === undefined) return 0;
    return Math.max(0, ((now.jobs - then.jobs) * 1e6) / Math.max(1, newest.atUs - before.atUs));
  }

  /** Deadline misses of the instance that runs there; undefined: none does. */
  misses(task: TaskName): number | undefined {
    return this.#newest?.tasks.find((one) => one.task === task)?.misses;
  }
}

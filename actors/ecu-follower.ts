/**
 * What a manager makes of one ECU's samples: means of a second for the watches over its heat, its memory, its load and its wear, and what its tasks
 * do. A hot path: samples come ten times a second from every ECU, and most of them are not even decoded.
 *
 * G1. At most one sample in LOOK_US is read; one step of the models a second of the bridge's monotonic clock, the machine's own time.
 * G2. What is stuck or absent is no measurement. An ECU whose limit is known and whose heat is not is blind, not calm.
 * G3. Another incarnation begins anew: what it runs on may be another machine.
 * G4. What has no limit foretells nothing, and costs nothing.
 */
import type { Forecaster } from '../src/domain/forecast/forecaster.ts';
import { SeriesHistory } from '../src/domain/forecast/series-history.ts';
import { COLUMN } from '../src/domain/metrics/kinds.ts';
import { RESOURCE_PROFILES, resourceState } from '../src/domain/metrics/resource-kinds.ts';
import { type EcuSample, QUALITY, type TaskSample } from '../src/domain/metrics/sample.ts';
import type { MetricLimits } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { HeatWatch } from '../src/domain/proposal/heat-watch.ts';
import { type LevelWatch, ShareForecast } from '../src/domain/proposal/level-watch.ts';
import { outlookOf } from '../src/domain/proposal/outlook.ts';
import { OverloadWatch } from '../src/domain/proposal/overload-watch.ts';
import type { Outlook } from '../src/domain/proposal/proposal.ts';
import { joined, loadByTasks, type TasksAhead } from '../src/domain/proposal/tasks-ahead.ts';
import type { Quantiles, Threat } from '../src/domain/proposal/threat.ts';
import { createWearWatch } from '../src/domain/proposal/wear-watch.ts';
import type { MeasuredStep } from './fleet-performance.ts';

const STEP_US = 1_000_000;
export const LOOK_US = 200_000;

/** Of a step in the usual misses of a task: some ten seconds count. */
const MISS_RATE = 0.1;

interface Counted {
  readonly atUs: number;
  readonly tasks: readonly TaskSample[];
}

export interface EcuFollowerOptions {
  readonly mac: Mac;
  readonly limits: MetricLimits;
  readonly horizonS: number;
  /** Once a second: the newest sample. */
  readonly onSample?: (sample: EcuSample) => void;
  /** What two seconds show between them. */
  readonly onStep?: (step: MeasuredStep) => void;
}

export class EcuFollower {
  readonly mac: Mac;
  /** By this manager's monotonic clock: when something was heard that can be judged by. */
  seenAtUs = 0;
  /** When it was last worth decoding one. */
  lookedAtUs = Number.NEGATIVE_INFINITY;
  incarnation = 0;
  /** Share of its load in the last second. */
  load = 0;
  readonly #limits: MetricLimits;
  readonly #horizonS: number;
  readonly #onStep: ((step: MeasuredStep) => void) | undefined;
  readonly #loads: ShareForecast;
  readonly #heatWatch: HeatWatch;
  readonly #overloadWatch: OverloadWatch;
  readonly #wearWatch: LevelWatch | undefined;
  readonly #heat = new Mean();
  readonly #busy = new Mean();
  readonly #memory = new Mean();
  readonly #wear = new Mean();
  readonly #missRates = new Map<TaskName, number>();
  #stepAtUs = 0;
  #planned = 0;
  #tasks: TasksAhead | undefined;
  #before: Counted | undefined;
  #newest: Counted | undefined;
  #foreseen: Outlook | undefined;
  /** What it was a second at a time, for whoever asks. */
  readonly history = {
    load: new SeriesHistory(),
    temperature: new SeriesHistory(),
    power: new SeriesHistory(),
    memory: new SeriesHistory(),
  };
  readonly #onSample: ((sample: EcuSample) => void) | undefined;

  constructor({ mac, limits, horizonS, onSample, onStep }: EcuFollowerOptions) {
    this.#onSample = onSample;
    this.mac = mac;
    this.#onStep = onStep;
    this.#limits = limits;
    this.#horizonS = horizonS;
    this.#heatWatch = new HeatWatch({ periodS: STEP_US / 1e6, limitC: limits.temperatureLimit });
    this.#overloadWatch = new OverloadWatch(limits, horizonS);
    this.#wearWatch = limits.wearLimit === undefined ? undefined : createWearWatch(limits.wearLimit, horizonS);
    this.#loads = new ShareForecast(horizonS);
  }

  heard(sample: EcuSample, nowUs: number): void {
    const { load, temperatureCelsius, powerWatts, memoryShare, wear } = resourceState(sample);
    const isStuck = sample.qualities[COLUMN[RESOURCE_PROFILES[sample.resourceKind].temperature]] === QUALITY.stuck;
    this.incarnation = sample.incarnation;
    const heat = isStuck ? undefined : temperatureCelsius;
    this.#heat.add(heat);
    this.#busy.add(load ?? 0);
    this.#memory.add(memoryShare);
    this.#wear.add(wear);
    if (heat !== undefined || this.#limits.temperatureLimit === undefined) this.seenAtUs = nowUs;
    if (this.#stepAtUs === 0) this.#stepAtUs = sample.atUs;
    if (sample.atUs - this.#stepAtUs < STEP_US) return;
    this.#stepAtUs = Math.max(this.#stepAtUs + STEP_US, sample.atUs - STEP_US);
    this.#step(sample, powerWatts ?? Number.NaN);
  }

  #step(sample: EcuSample, powerW: number): void {
    const { atUs, tasks } = sample;
    const load = this.#busy.take();
    this.load = load;
    this.#before = this.#newest;
    this.#newest = { atUs, tasks };
    this.#loads.observe(atUs, load);
    const temperatureC = this.#heat.take();
    this.#heatWatch.observe({ timeS: atUs / 1e6, temperatureC, powerW, load });
    this.#overloadWatch.observe({ atUs, memory: this.#memory.take(), load, ...this.#felt() });
    const wear = this.#wear.take();
    this.#wearWatch?.observe(atUs, wear);
    const second = Math.floor(this.#stepAtUs / STEP_US);
    this.history.load.observe(second, load);
    this.history.temperature.observe(second, temperatureC);
    this.history.power.observe(second, powerW);
    this.history.memory.observe(second, resourceState(sample).memoryUsedBytes ?? Number.NaN);
    this.#onSample?.(sample);
    this.#foreseen = undefined;
    const before = this.#before;
    if (before !== undefined)
      this.#onStep?.({
        ...{ mac: this.mac, passedUs: atUs - before.atUs, load },
        ...{ before: before.tasks, now: tasks },
      });
  }

  /** What its tasks felt since the step before; their own misses a second are kept, older ones fading. */
  #felt(): { readonly misses: number; readonly backlog: number } {
    let [responses, misses, backlog] = [0, 0, 0];
    for (const now of this.#newest?.tasks ?? []) {
      backlog = Math.max(backlog, now.inputsBehind / Math.max(1, this.jobsPerS(now.task)));
      const then = this.#before?.tasks.find(({ task, epoch }) => task === now.task && epoch === now.epoch);
      if (then === undefined) continue;
      responses += now.responses - then.responses;
      misses += now.misses - then.misses;
      const before = this.#missRates.get(now.task) ?? 0;
      this.#missRates.set(now.task, before + MISS_RATE * (Math.max(0, now.misses - then.misses) - before));
    }
    return { misses: responses > 0 ? Math.min(1, Math.max(0, misses / responses)) : Number.NaN, backlog };
  }

  /** What it dies of at a limit, of what is remembered. */
  get deadly(): readonly { readonly level: string; readonly history: SeriesHistory }[] {
    const { temperatureLimit, memoryLimit } = this.#limits;
    return [
      ...(temperatureLimit === undefined ? [] : [{ level: 'temperature', history: this.history.temperature }]),
      ...(memoryLimit === undefined ? [] : [{ level: 'memory', history: this.history.memory }]),
    ];
  }

  /** Whose models may be fitted in the background. */
  get forecasters(): readonly Forecaster[] {
    return [this.#loads.forecaster, ...this.#overloadWatch.forecasters];
  }

  /** A share of its load that is known to come on top of what it does by itself: tasks on their way here, reservations. */
  plan(load: number): void {
    if (load === this.#planned) return;
    this.#planned = load;
    this.#foreseen = undefined;
  }

  /** What the series of its tasks foretell, as shares of its cores; undefined: nothing. */
  planTasks(ahead: TasksAhead | undefined): void {
    if (ahead === undefined && this.#tasks === undefined) return;
    this.#tasks = ahead;
    this.#foreseen = undefined;
  }

  /** Its load at the horizon by those, what is planned on top included; undefined: they say nothing. */
  loadByTasks(): Quantiles | undefined {
    return this.#tasks === undefined ? undefined : loadByTasks(this.load, this.#tasks, this.#planned);
  }

  /** Its load at the horizon, and the chance of more than its limit, once this comes on top; `load`: not bounded. */
  withMore(more: Quantiles): { readonly load: Quantiles; readonly overload: number } {
    const load = joined(this.loadByTasks() ?? this.#loadAhead(), more);
    return { load, overload: this.#overloadWatch.overloadAt(load) ?? 0 };
  }

  /** The same object until another second has passed or something else is planned. */
  outlook(): Outlook {
    if (this.#foreseen !== undefined) return this.#foreseen;
    const quantiles = this.#loadAhead();
    const threats = [
      this.#heatWatch.threat(this.#horizonS, quantiles),
      ...this.#overloadWatch.threats(this.#loads.isProven ? quantiles : undefined, this.#planned, this.loadByTasks()),
      this.#wearWatch?.threat(),
    ].filter((threat) => threat !== undefined);
    const ecu = { mac: this.mac, incarnation: this.incarnation, horizonS: this.#horizonS };
    this.#foreseen = outlookOf(ecu, threats, quantiles);
    return this.#foreseen;
  }

  #loadAhead(): Quantiles {
    const [low, median, high] = this.#loads.quantiles();
    const of = (share: number): number => Math.min(1, share + this.#planned);
    return [of(low), of(median), of(high)];
  }

  /** As it was last measured; undefined: it has no limit, or nothing was measured. */
  threat(level: Threat['level']): Threat | undefined {
    return this.outlook().threats.find((threat) => threat.level === level);
  }

  /** Jobs a second between the last two steps. */
  jobsPerS(task: TaskName): number {
    const [newest, before] = [this.#newest, this.#before];
    const now = newest?.tasks.find((one) => one.task === task);
    const then = before?.tasks.find((one) => one.task === task);
    if (newest === undefined || before === undefined || now === undefined || then === undefined) return 0;
    return Math.max(0, ((now.jobs - then.jobs) * 1e6) / Math.max(1, newest.atUs - before.atUs));
  }

  /** As of late. */
  missesPerS(task: TaskName): number {
    return this.#missRates.get(task) ?? 0;
  }

  /** Deadline misses of the instance that runs there; undefined: none does. */
  misses(task: TaskName): number | undefined {
    return this.#newest?.tasks.find((one) => one.task === task)?.misses;
  }
}

/** Of what was measured since it was last taken; NaN: nothing was. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number | undefined): void {
    if (value === undefined) return;
    this.#sum += value;
    this.#count++;
  }

  take(): number {
    const mean = this.#count === 0 ? Number.NaN : this.#sum / this.#count;
    this.#sum = this.#count = 0;
    return mean;
  }
}

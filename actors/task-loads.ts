/**
 * What the tasks of a manager's ECUs will take within the horizon, by their own series (`task-series.ts`): a forecaster a task, fed a value a
 * second, for decisions. Whoever asks about any other horizon is answered by `forecast-desk.ts`.
 *
 * L1. Only what weighs: a task that never took LEAST of a core since it is remembered cannot overload anything. Of the others the TASKS_MOST
 *     heaviest, because each costs some ten microseconds a second and a hundred KiB.
 * L2. Nothing is said of a task whose series is degraded, has been forecast for less than four horizons, or has not been heard for STALE_US.
 * L3. A series that came from elsewhere is caught up with VALUES_AT_ONCE a second, so that it delays nobody.
 * L4. Inputs that wait are work that is known to come: what they need, at the task's mean execution time, is added, spread over the horizon.
 * L5. A forecast is of one moment, a horizon ahead. What is foreseen *within* the horizon is the heaviest of those made in the last horizon: each of
 *     the moments until then was forecast once.
 */
import type { Forecaster } from '../src/domain/forecast/forecaster.ts';
import type { SeriesHistory } from '../src/domain/forecast/series-history.ts';
import type { TaskHistory } from '../src/domain/forecast/task-history.ts';
import type { EcuSample, TaskSample } from '../src/domain/metrics/sample.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import { ShareForecast } from '../src/domain/proposal/level-watch.ts';
import type { TaskAhead } from '../src/domain/proposal/tasks-ahead.ts';
import type { Quantiles } from '../src/domain/proposal/threat.ts';

const LEAST = 0.05;
const TASKS_MOST = 64;
const STALE_US = 5_000_000;
const FORGOTTEN_US = 600_000_000;
const VALUES_AT_ONCE = 100;
/** One that is heavier by so much takes the place of the lightest. */
const HEAVIER = 1.5;

interface Followed {
  readonly history: SeriesHistory;
  readonly forecast: ShareForecast;
  /** L5. A ring, one a second. */
  readonly made: Quantiles[];
  fed: number;
  peak: number;
  heardUs: number;
  /** L4, in cores. */
  waiting: number;
}

export interface TaskLoadsParts {
  readonly horizonS: number;
  readonly series: (task: TaskName) => TaskHistory | undefined;
  /** Monotonic. */
  readonly nowUs: () => number;
}

export class TaskLoads {
  private readonly parts: TaskLoadsParts;
  private readonly followed = new Map<TaskName, Followed>();

  constructor(parts: TaskLoadsParts) {
    this.parts = parts;
  }

  /** After the series have taken it in, once a second and ECU. */
  heard({ tasks }: EcuSample): void {
    const nowUs = this.parts.nowUs();
    for (const sample of tasks) {
      const history = this.parts.series(sample.task)?.of('load');
      const one = history === undefined ? undefined : this.of_(sample.task, history);
      if (history === undefined || one === undefined) continue;
      one.fed = Math.max(one.fed, history.oldest);
      for (let taken = 0; one.fed < history.count && taken < VALUES_AT_ONCE; taken++) {
        const value = history.at(one.fed++);
        one.forecast.take(value);
        one.made[one.fed % this.parts.horizonS] = one.forecast.quantiles();
        if (value > one.peak) one.peak = value;
      }
      one.heardUs = nowUs;
      one.waiting = this.waitingOf(sample);
    }
    for (const [task, { heardUs }] of this.followed) if (nowUs - heardUs > FORGOTTEN_US) this.followed.delete(task);
  }

  /** Within the horizon; undefined: nothing can be said (L2). */
  of(task: TaskName): TaskAhead | undefined {
    const one = this.followed.get(task);
    if (one === undefined || this.parts.nowUs() - one.heardUs > STALE_US) return undefined;
    const { history, forecast, made, fed, waiting } = one;
    const now = history.at(history.count - 1);
    if (fed < history.count || Number.isNaN(now) || !forecast.isProven) return undefined;
    const [low, median, high] = made.reduce((a, b) => (b[1] > a[1] ? b : a));
    return { now, quantiles: [low + waiting, median + waiting, high + waiting], waiting };
  }

  /** Whose models may be fitted in the background. */
  get forecasters(): readonly Forecaster[] {
    return [...this.followed.values()].map(({ forecast }) => forecast.forecaster);
  }

  /** L1, L3. */
  private of_(task: TaskName, history: SeriesHistory): Followed | undefined {
    const known = this.followed.get(task);
    if (known?.history === history) return known;
    const peak = known === undefined ? newestPeak(history) : known.peak;
    if (peak < LEAST) return undefined;
    if (known === undefined && this.followed.size >= TASKS_MOST) {
      const [lightest, { peak: least }] = [...this.followed].reduce((a, b) => (b[1].peak < a[1].peak ? b : a));
      if (peak < HEAVIER * least) return undefined;
      this.followed.delete(lightest);
    }
    const forecast = new ShareForecast(this.parts.horizonS);
    const one = { history, forecast, made: [], fed: history.oldest, peak, heardUs: 0, waiting: 0 };
    this.followed.set(task, one);
    return one;
  }

  private waitingOf({ inputsBehind, jobs, executionUs }: TaskSample): number {
    return jobs === 0 ? 0 : Math.min(1, (inputsBehind * (executionUs / jobs)) / (this.parts.horizonS * 1e6));
  }
}

/** Of the newest values alone where it is followed from the beginning; of all where it came from elsewhere. */
function newestPeak(history: SeriesHistory): number {
  let peak = 0;
  const from = history.count > VALUES_AT_ONCE ? history.oldest : history.count - 1;
  for (let at = Math.max(0, from); at < history.count; at++) if (history.at(at) > peak) peak = history.at(at);
  return peak;
}
